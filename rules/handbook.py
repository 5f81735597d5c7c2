"""The handbook: each programme as a readable page in Chinese, drawn from its rule files.

Criteria in the order of the article, thresholds, citations, how sure each is, what changed between versions, and a
worked example that is really computed.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from rules.answers import answer_request
from rules.comparison import compare_versions, in_words
from rules.library import Library, Programme
from rules.programme import Criterion, Version

_CERTAINTY = {
    "confirmed": "", "single_source": "（单一来源）", "memory": "（待核）", "inferred": "（推断）", "conflict": "（说法不一）",
    "not_found": "（未查明）",
}  # fmt: skip
_OUTCOMES = {"eligible": "符合", "undetermined": "待定", "ineligible": "不符合", "met": "符合", "failed": "不符合", "unknown": "待补数据",
             "not_applicable": "不适用"}  # fmt: skip


def programme_page(programme: Programme, library: Library, examples: Mapping[str, Mapping[str, Any]]) -> str:
    """A programme as a Markdown page.

    Args:
        programme: with all its versions.
        library: for the indicators' names and the worked example.
        examples: version id → a request whose answer is shown as the worked example.
    """
    source = programme.source
    lines = [f"# {source.name.zh}（{source.programme}）", ""]
    lines += [line for line in (source.authority and f"主管：{source.authority}", source.note) if line]
    for version in reversed(programme.versions):
        lines += ["", *_version(version, library, examples.get(version.id))]
    for earlier, later in pairwise(programme.versions):
        changes = list(compare_versions(earlier, later))
        if changes:
            lines += ["", f"## {earlier.source.version} 版到 {later.source.version} 版的变化", ""]
            lines += [f"- {change}" for change in changes]
    return "\n".join(lines) + "\n"


def _version(version: Version, library: Library, example: Mapping[str, Any] | None) -> Iterator[str]:
    force = version.source.in_force
    until = f"，至 {force.to}" if force.to else ""
    yield f"## {version.source.version} 版（{force.from_} 起施行{until}）"
    yield ""
    yield "依据：" + "；".join(version.source.documents)
    if version.source.note:
        yield f"说明：{version.source.note}"
    yield ""
    yield "| 编号 | 条件 | 算式 | 依据 |"
    yield "|---|---|---|---|"
    for criterion in version.criteria:
        yield from _criterion(criterion, 0)
    if version.measures:
        yield ""
        yield "测算值："
        yield from (f"- {measure.name}（`{measure.id}`）{measure.cite}" for measure in version.measures)
    yield ""
    yield "用到的指标：" + "、".join(library.catalogue.by_name[name].name for name in version.indicators)
    if example is not None:
        yield ""
        yield from _example(version, library, example)


def _criterion(criterion: Criterion, depth: int) -> Iterator[str]:
    words = in_words(criterion).replace("|", "\\|") if not criterion.children or criterion.expression else ""
    title = "　" * depth + (criterion.name or {"any_of": "满足其一", "all_of": "同时满足"}.get(criterion.form, "—"))
    cite = criterion.cite if criterion.id else ""
    yield f"| {criterion.id} | {title}{_CERTAINTY[str(criterion.certainty)]} | {f'`{words}`' if words else ''} | {cite} |"
    if not criterion.expression:
        for child in criterion.children:
            yield from _criterion(child, depth + 1)


def _example(version: Version, library: Library, example: Mapping[str, Any]) -> Iterator[str]:
    answer = answer_request({**example, "programme": version.id}, library)
    yield f"算例（虚构企业，截至 {example['as_of']}）：**{_OUTCOMES[answer['outcome']]}**"
    yield ""
    yield "| 条件 | 判定 | 测算值 | 要求 |"
    yield "|---|---|---|---|"
    for one in answer["criteria"]:
        figure = "" if one.get("figure") is None else f"{one['figure']} {one.get('unit', '')}"
        wanted = "" if not one.get("op") else f"{one['op']} {one.get('threshold')} {one.get('unit', '')}"
        yield f"| {one['id']} {one['name']} | {_OUTCOMES[one['outcome']]} | {figure} | {wanted} |"
