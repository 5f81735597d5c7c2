"""Between which values an expression can lie, whatever the facts: out of its constants and the catalogue's ranges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rules.catalogue import Type
from rules.language import (
    FEN_PER_WAN,
    GROWTH,
    Arithmetic,
    Bands,
    Call,
    Choose,
    Compare,
    Fact,
    Literal,
    Logic,
    Measure,
    Node,
    Records,
    Shift,
    Window,
)  # fmt: skip
from rules.values import Number


@dataclass(frozen=True)
class Span:
    """The least and the greatest value, both included; None where there is no bound."""

    least: Number | None = None
    greatest: Number | None = None

    @property
    def is_one_value(self) -> bool:
        """Whether it holds a single value."""
        return self.least is not None and self.least == self.greatest


ANY = Span()
NOT_NEGATIVE = Span(0, None)
#: Nothing can shrink by more than all of it.
GROWTH_RATES = Span(-1, None)
Spans = Mapping[str, Span]


def span_of(node: Node, measures: Spans) -> Span:
    """Between which values a number or an amount can lie.

    Args:
        node: an expression; one that gives no number has no bounds.
        measures: spans of the measures worked out so far.
    """
    reader = _READERS.get(type(node))
    return reader(node, measures) if reader is not None else ANY


def can_hold(node: Node, measures: Spans) -> bool:
    """Whether a condition can be true at all; where that cannot be told, it is taken to be possible."""
    if isinstance(node, Literal):
        return node.value is not False
    if isinstance(node, Compare):
        return _can_compare(node, measures)
    if isinstance(node, Logic) and node.op == "and":
        return all(can_hold(part, measures) for part in node.parts) and contradiction(node.parts) is None
    if isinstance(node, Logic):
        return any(can_hold(part, measures) for part in node.parts)
    return True


def _can_compare(node: Compare, measures: Spans) -> bool:
    if isinstance(node.left, Literal) and isinstance(node.right, Literal) and node.op == "==":
        return node.left.value == node.right.value
    left = GROWTH_RATES if node.left.kind == GROWTH else span_of(node.left, measures)
    right = span_of(node.right, measures)
    match node.op:
        case ">=":
            return not _below(left.greatest, right.least)
        case ">":
            return not _below(left.greatest, right.least, or_equal=True)
        case "<=":
            return not _below(right.greatest, left.least)
        case "<":
            return not _below(right.greatest, left.least, or_equal=True)
        case "==":
            return not (_below(left.greatest, right.least) or _below(right.greatest, left.least))
        case _:
            return not (left.is_one_value and left == right)


def _below(greatest: Number | None, least: Number | None, *, or_equal: bool = False) -> bool:
    if greatest is None or least is None:
        return False
    return greatest < least or (or_equal and greatest == least)


def contradiction(parts: Sequence[Node]) -> tuple[Compare, Compare] | None:
    """Two comparisons of the same figure with constants of which only one can be true; None where there are none."""
    compared = [part for part in parts if isinstance(part, Compare) and isinstance(part.right, Literal)]
    for position, later in enumerate(compared):
        for earlier in compared[:position]:
            if earlier.left == later.left and _exclude(earlier, later):
                return earlier, later
    return None


def _exclude(first: Compare, second: Compare) -> bool:
    """Whether no value stands in both relations."""
    one, two = _constant(first), _constant(second)
    if first.op == second.op == "==":
        return one != two
    if "==" in (first.op, second.op):
        fixed, other, edge = (one, second.op, two) if first.op == "==" else (two, first.op, one)
        if other == "!=":
            return fixed == edge
        return _comparable(fixed, edge) and not _stands(fixed, other, edge)
    ups = [(edge, op) for edge, op in ((one, first.op), (two, second.op)) if op in (">=", ">")]
    downs = [(edge, op) for edge, op in ((one, first.op), (two, second.op)) if op in ("<=", "<")]
    if len(ups) != 1 or len(downs) != 1 or not _comparable(one, two):
        return False
    (low, low_op), (high, high_op) = ups[0], downs[0]
    return low > high or (low == high and (low_op, high_op) != (">=", "<="))


def _constant(node: Compare) -> Any:
    assert isinstance(node.right, Literal)
    return node.right.value


def _comparable(one: Any, two: Any) -> bool:
    numbers = isinstance(one, int | Fraction) and isinstance(two, int | Fraction)
    return one is not None and (numbers or type(one) is type(two))


def _stands(value: Any, op: str, edge: Any) -> bool:
    return {">=": value >= edge, ">": value > edge, "<=": value <= edge, "<": value < edge}[op]


def _literal(node: Literal, measures: Spans) -> Span:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        return ANY
    return Span(value, value)


def _fact(node: Fact, measures: Spans) -> Span:
    low, high = node.indicator.range or (None, None)
    scale = FEN_PER_WAN if node.indicator.type is Type.MONEY else 1
    return Span(None if low is None else low * scale, None if high is None else high * scale)


def _measure(node: Measure, measures: Spans) -> Span:
    return measures.get(node.name, ANY)


def _shift(node: Shift, measures: Spans) -> Span:
    return span_of(node.inner, measures)


def _arithmetic(node: Arithmetic, measures: Spans) -> Span:
    left, right = span_of(node.left, measures), span_of(node.right, measures)
    return _OPERATIONS[node.op](left, right)


def _plus(one: Number | None, two: Number | None) -> Number | None:
    return None if one is None or two is None else one + two


def _negative(span: Span) -> Span:
    return Span(
        None if span.greatest is None else -span.greatest,
        None if span.least is None else -span.least,
    )


def _add(left: Span, right: Span) -> Span:
    return Span(_plus(left.least, right.least), _plus(left.greatest, right.greatest))


def _multiply(left: Span, right: Span) -> Span:
    ends = (left.least, left.greatest, right.least, right.greatest)
    if None not in ends:
        products = [a * b for a in ends[:2] for b in ends[2:] if a is not None and b is not None]
        return Span(min(products), max(products))
    if _is_not_negative(left) and _is_not_negative(right):
        assert left.least is not None and right.least is not None
        return Span(left.least * right.least, None)
    return ANY


def _divide(left: Span, right: Span) -> Span:
    if right.is_one_value and right.least:
        return _multiply(left, Span(Fraction(1) / right.least, Fraction(1) / right.least))
    return NOT_NEGATIVE if _is_not_negative(left) and _is_not_negative(right) else ANY


def _is_not_negative(span: Span) -> bool:
    return span.least is not None and span.least >= 0


_OPERATIONS: dict[str, Callable[[Span, Span], Span]] = {
    "+": _add,
    "-": lambda left, right: _add(left, _negative(right)),
    "*": _multiply,
    "/": _divide,
}


def hull(spans: Sequence[Span]) -> Span:
    """The span around several."""
    lows = [span.least for span in spans]
    highs = [span.greatest for span in spans]
    return Span(
        None if None in lows else min(low for low in lows if low is not None),
        None if None in highs else max(high for high in highs if high is not None),
    )


def _choose(node: Choose, measures: Spans) -> Span:
    return hull([span_of(node.then, measures), span_of(node.otherwise, measures)])


def _window(node: Window, measures: Spans) -> Span:
    inner = span_of(node.inner, measures)
    if node.function == "mean":
        return inner
    if node.function != "sum":
        return ANY
    # Of one year at least, because the others may not have existed.
    all_years = Span(*(None if end is None else end * node.years for end in (inner.least, inner.greatest)))
    return hull([inner, all_years])


def _bands(node: Bands, measures: Spans) -> Span:
    points = [(step.least, step.greatest) for step in node.steps] + [node.otherwise]
    return Span(min(low for low, _ in points), max(high for _, high in points))


def _records(node: Records, measures: Spans) -> Span:
    return NOT_NEGATIVE if node.quantifier == "count" else ANY


def _call(node: Call, measures: Spans) -> Span:
    spans = [span_of(argument, measures) for argument in node.arguments]
    reader = _CALLS.get(node.function)
    return reader(spans) if reader is not None else ANY


def _least(spans: Sequence[Span]) -> Span:
    highs = [span.greatest for span in spans if span.greatest is not None]
    return Span(hull(spans).least, min(highs) if highs else None)


def _greatest(spans: Sequence[Span]) -> Span:
    lows = [span.least for span in spans if span.least is not None]
    return Span(max(lows) if lows else None, hull(spans).greatest)


def _floor(spans: Sequence[Span]) -> Span:
    span = spans[0]
    return Span(
        None if span.least is None else span.least // 1,
        None if span.greatest is None else span.greatest // 1,
    )


_CALLS: dict[str, Callable[[Sequence[Span]], Span]] = {
    "min": _least,
    "max": _greatest,
    # Parts drop out or are passed over, so that any of them may be what remains.
    "best_of": hull,
    "least_known": hull,
    "default": hull,
    "unless_given": hull,
    "floor": _floor,
    "between": lambda spans: Span(spans[0].least, spans[1].greatest),
    "existing_years": lambda spans: Span(0, spans[0].greatest),
    "whole_number": lambda spans: NOT_NEGATIVE,
}

_READERS: dict[type[Node], Callable[[Any, Spans], Span]] = {
    Literal: _literal, Fact: _fact, Measure: _measure, Shift: _shift, Arithmetic: _arithmetic, Choose: _choose,
    Window: _window, Bands: _bands, Records: _records, Call: _call,
}  # fmt: skip
