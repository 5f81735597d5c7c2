"""What changed between two versions of a programme, criterion by criterion."""

from collections.abc import Iterator

from rules.programme import Criterion, Version


def compare_versions(earlier: Version, later: Version) -> Iterator[str]:
    """Each difference as a sentence in Chinese; nothing where the two ask the same."""
    before, after = _by_id(earlier), _by_id(later)
    for name, criterion in before.items():
        if name not in after:
            yield f"取消 {name} {criterion.name}：{in_words(criterion)}"
    for name, criterion in after.items():
        if name not in before:
            yield f"新增 {name} {criterion.name}：{in_words(criterion)}"
        elif in_words(before[name]) != in_words(criterion):
            yield f"改动 {name} {criterion.name}：{in_words(before[name])} → {in_words(criterion)}"
    measures = {one.id: one for one in earlier.measures}
    for measure in later.measures:
        held = measures.get(measure.id)
        if held is not None and held.node != measure.node:
            yield f"改动测算值 {measure.id} {measure.name}"


def _by_id(version: Version) -> dict[str, Criterion]:
    return {criterion.id or criterion.name: criterion for criterion in version.criteria}


def in_words(criterion: Criterion) -> str:
    """What a criterion asks, in one line: its expressions, joined as its form joins them."""
    if criterion.form == "score":
        mark = f" {criterion.pass_op} {criterion.pass_mark}" if criterion.pass_op else ""
        return " + ".join(criterion.items) + mark
    if criterion.expression:
        return " ".join(criterion.expression.split())
    joined = {"all_of": " 且 ", "any_of": " 或 "}.get(criterion.form, "、")
    parts = joined.join(in_words(child) for child in criterion.children)
    return f"{parts}（至少 {criterion.n} 项）" if criterion.form == "at_least" else f"（{parts}）"
