"""What is wrong with rule files that can be read: they would answer, but not as the official document does.

Reading refuses what cannot mean anything (`programme.py`, `library.py`). Here is what only shows when a file is looked
at as a whole: bands with a hole or with a step that nothing reaches, criteria that nobody can meet, marks that no points
add up to, days that no version covers, and figures that are worked out for nothing.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from rules.catalogue import Type
from rules.language import FEN_PER_WAN, MONEY, Bands, Compare, Fact, Literal, Logic, Measure, Node, Step, walk
from rules.library import Library, Programme
from rules.programme import Criterion, Version, line_of, walk_criteria
from rules.spans import Span, can_hold, contradiction, span_of
from rules.values import Number, ordered, simple


@dataclass(frozen=True)
class Finding:
    """One thing to put right."""

    path: Path
    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}：{self.where}：{self.message}"


def lint(library: Library) -> list[Finding]:
    """All findings over the whole library, file by file."""
    return [finding for programme in library.programmes.values() for finding in lint_programme(programme)]


def lint_programme(programme: Programme) -> Iterator[Finding]:
    """The findings of one programme."""
    yield from _days_without_a_version(programme)
    for version in programme.versions:
        yield from lint_version(version)


def lint_version(version: Version) -> Iterator[Finding]:
    """The findings of one rule file."""
    spans: dict[str, Span] = {}
    for measure in version.measures:
        if isinstance(measure.node, Bands):
            yield from _bands(version, measure.id, measure.node, spans)
        spans[measure.id] = span_of(measure.node, spans)
    yield from _measures_without_use(version)
    for criterion in walk_criteria(version.criteria):
        yield from _criterion(version, criterion, spans)


# Days


def _days_without_a_version(programme: Programme) -> Iterator[Finding]:
    """Gaps between versions, and an end after which nothing follows, unless the file says that it is meant."""
    versions = programme.versions
    for position, version in enumerate(versions):
        force = version.source.in_force
        if force.to is None or force.ends:
            continue
        following = force.to + timedelta(days=1)
        if any(one.source.in_force.covers(following) for one in versions):
            continue
        later = [one for one in versions[position + 1 :] if one.source.in_force.from_ > following]
        if later:
            until = later[0].source.in_force.from_ - timedelta(days=1)
            yield _finding(version, "in_force", f"{following} 至 {until} 没有版本；确实没有的，请写 ends: true")
        elif programme.source.status != "historical":
            yield _finding(version, "in_force", f"{following} 起没有版本；确已终止的，请写 ends: true")


# Bands


def _bands(version: Version, name: str, bands: Bands, spans: dict[str, Span]) -> Iterator[Finding]:
    """Every step has to be reachable, and every possible figure has to reach one."""
    source = version.source.measures[name]
    has_else = not isinstance(source, str) and source.bands is not None and "else" in source.bands.steps
    figures = list(_figures_to_try(bands, span_of(bands.of, spans)))
    reached: set[Step] = set()
    for figure in figures:
        step = next((step for step in bands.steps if ordered(step.op, figure, step.threshold)), None)
        if step is not None:
            reached.add(step)
        elif not has_else:
            yield _finding(version, name, f"分档有空档：如 {_written(figure, bands)} 不在任何一档，请补一档或写 else")
            has_else = True  # one example is enough
    for step in bands.steps:
        if step not in reached:
            edge = f"{step.op} {_written(step.threshold, bands)}"
            yield _finding(version, name, f"分档“{edge}”永远用不到：前面各档或指标的取值范围已排除，请调整次序或临界值")


def _figures_to_try(bands: Bands, possible: Span) -> Iterator[Number]:
    """A figure on every edge, and one between and beyond the edges: the points do not change anywhere else."""
    edges = {step.threshold for step in bands.steps}
    if not edges:
        return
    marks = sorted(edges | {end for end in (possible.least, possible.greatest) if end is not None})
    whole = _is_whole(bands.of)
    figures: set[Number] = {*marks, marks[0] - 1, marks[-1] + 1}
    for low, high in itertools.pairwise(marks):
        figures.add(low // 1 + 1 if whole else simple(Fraction(low + high) / 2))
    for figure in sorted(figures):
        too_small = possible.least is not None and figure < possible.least
        too_great = possible.greatest is not None and figure > possible.greatest
        if not (too_small or too_great):
            yield figure


def _is_whole(node: Node) -> bool:
    return isinstance(node, Fact) and node.indicator.type in (Type.COUNT, Type.YEAR)


def _written(figure: Number, bands: Bands) -> str:
    """A figure as rule files write it."""
    if bands.of.kind == MONEY:
        return f"{float(Fraction(figure) / FEN_PER_WAN):g}万"
    if any(getattr(node, "op", "") == "/" for node in walk(bands.of)):
        return f"{float(figure * 100):g}%"
    return f"{float(figure):g}"


# Criteria


def _criterion(version: Version, criterion: Criterion, spans: dict[str, Span]) -> Iterator[Finding]:
    where = criterion.id or criterion.name or criterion.expression or criterion.cite
    if criterion.form in ("require", "score") and not criterion.cite:
        yield _finding(version, where, "缺少依据（cite），请写明文件和条款")
    # A bare `false` is written on purpose: a kind of applicant that the version does not know yet.
    tested = None if isinstance(criterion.test, Literal) else criterion.test
    if criterion.form == "require" and tested is not None and not can_hold(tested, spans):
        yield _finding(version, where, f"永远不能满足：{_why_never(tested, spans)}，请核对临界值和单位")
    if criterion.form == "all_of":
        yield from _excluding_parts(version, where, [child.test for child in criterion.children if child.test])
    if criterion.form == "score" and criterion.pass_mark is not None:
        most = _most_points(criterion, spans)
        if most is not None and not ordered(criterion.pass_op, most, criterion.pass_mark):
            message = f"永远不能及格：各项最多共 {float(most):g} 分，及格线为 {criterion.pass_op} {float(criterion.pass_mark):g}"
            yield _finding(version, where, message)
    for node in (criterion.test, criterion.applies):
        for inner in walk(node)[1:] if node is not None else []:
            if isinstance(inner, Logic) and inner.op == "and":
                yield from _excluding_parts(version, where, inner.parts)
    if criterion.applies is not None and not can_hold(criterion.applies, spans):
        yield _finding(version, where, "applies_when 永远不成立，条件从不适用，请核对")


def _why_never(test: Node, spans: dict[str, Span]) -> str:
    if isinstance(test, Compare):
        left, right = span_of(test.left, spans), span_of(test.right, spans)
        return f"左边在 {_shown(left, test)} 之间，不可能 {test.op} {_shown(right, test)}"
    return "条件自相矛盾"


def _shown(span: Span, test: Compare) -> str:
    scale = FEN_PER_WAN if MONEY in (test.left.kind, test.right.kind) else 1
    unit = "万" if scale > 1 else ""

    def one(end: Number | None) -> str:
        return "…" if end is None else f"{float(Fraction(end) / scale):g}{unit if end else ''}"

    return one(span.least) if span.is_one_value else f"{one(span.least)} 至 {one(span.greatest)}"


def _excluding_parts(version: Version, where: str, parts: Sequence[Node]) -> Iterator[Finding]:
    found = contradiction(parts)
    if found is not None:
        first, second = (f"{one.op} {_edge(one)}" for one in found)
        yield _finding(version, where, f"永远不能满足：同一项不能既 {first} 又 {second}，请核对临界值")


def _edge(comparison: Compare) -> str:
    value: Any = getattr(comparison.right, "value", None)
    if comparison.right.kind == MONEY:
        return f"{float(Fraction(value) / FEN_PER_WAN):g}万"
    return f"{float(value):g}" if isinstance(value, Fraction) else str(value)


def _most_points(criterion: Criterion, spans: dict[str, Span]) -> Number | None:
    """The most that the items can add up to; None where one has no upper end."""
    total: Number = 0
    for item in criterion.items:
        most = spans[item].greatest
        if most is None:
            return criterion.cap
        total += most
    return total if criterion.cap is None else min(total, criterion.cap)


# Measures


def _measures_without_use(version: Version) -> Iterator[Finding]:
    """A figure that is worked out and never used is mostly one that was meant to be used."""
    roots: list[Node] = [measure.node for measure in version.measures]
    for criterion in walk_criteria(version.criteria):
        roots += [node for node in (criterion.test, criterion.applies) if node is not None]
    roots += [label.node for label in version.labels] + [warning.when for warning in version.warnings]
    used = {node.name for root in roots for node in walk(root) if isinstance(node, Measure)}
    used |= {item for criterion in walk_criteria(version.criteria) for item in criterion.items}
    for measure in version.measures:
        if measure.id not in used:
            yield _finding(version, measure.id, "测算值没有用到，请用在条件里，或删去")


def _finding(version: Version, where: str, message: str) -> Finding:
    return Finding(version.path, line_of(version.path, where) or 1, where, message)
