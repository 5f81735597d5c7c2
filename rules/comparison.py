"""What changed between two versions of a programme, criterion by criterion."""

from collections.abc import Iterator

from rules.programme import Criterion, Version
from rules.translation import enumerated, say
from rules.wording import joined


def compare_versions(earlier: Version, later: Version) -> Iterator[str]:
    """Each difference as a sentence in Chinese; nothing where the two ask the same."""
    before, after = _by_id(earlier), _by_id(later)
    for name, criterion in before.items():
        if name not in after:
            yield say("取消 {id} {text}", id=name, text=_text(criterion))
    for name, criterion in after.items():
        if name not in before:
            yield say("新增 {id} {text}", id=name, text=_text(criterion))
        elif in_words(before[name]) != in_words(criterion):
            yield say(
                "改动 {id} {before} → {after}",
                id=name,
                before=_text(before[name], criterion.name),
                after=in_words(criterion),
            )
    yield from compare_measures(earlier, later)


def compare_measures(earlier: Version, later: Version) -> Iterator[str]:
    """The figures that are worked out otherwise under the same name."""
    measures = {one.id: one for one in earlier.measures}
    for measure in later.measures:
        held = measures.get(measure.id)
        if held is not None and held.node != measure.node:
            yield say("改动测算值 {id} {name}", id=measure.id, name=measure.name)


def _text(criterion: Criterion, name: str = "") -> str:
    return say("{name}：{words}", name=name or criterion.name, words=in_words(criterion))


def _by_id(version: Version) -> dict[str, Criterion]:
    return {criterion.id or criterion.name: criterion for criterion in version.criteria}


def in_words(criterion: Criterion) -> str:
    """What a criterion asks, in one line: its expressions, joined as its form joins them."""
    if criterion.form == "score":
        mark = f" {criterion.pass_op} {criterion.pass_mark}" if criterion.pass_op else ""
        return " + ".join(criterion.items) + mark
    if criterion.expression:
        return " ".join(criterion.expression.split())
    parts = [in_words(child) for child in criterion.children]
    if criterion.form == "at_least":
        return say("{parts}（至少 {n} 项）", parts=enumerated(parts), n=criterion.n)
    return say("（{inner}）", inner=joined(criterion.form, parts))
