"""Values of the rules language: exact numbers, and what is unknown.

Numbers are `int` or `Fraction`, never floats, because cases are won and lost on the edge itself. A value that nobody
knows is an `Unknown`: it remembers which facts are missing, and the least and greatest value it could still have, so
that a score may be passed although part of it is open. Truth has three values by Kleene's logic: `True`, `False` and
an `Unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from rules.translation import marked

Number: TypeAlias = int | Fraction


class FactKey(NamedTuple):
    """One fact: an indicator, and the year for a yearly one."""

    indicator: str
    year: int | None = None

    def __str__(self) -> str:
        return self.indicator if self.year is None else f"{self.indicator}[{self.year}]"


class Why(StrEnum):
    """Why a value is not known."""

    MISSING = "missing"  # nobody reported it
    NOT_COMPUTABLE = "not_computable"  # a division by zero, a growth from nothing
    BEFORE_FOUNDING = "before_founding"  # the enterprise did not exist in that year
    UNDECIDED = "undecided"  # the law leaves it to a person


NOTHING: frozenset[FactKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value not known: the facts that would settle it and the bounds it lies between (None = unbounded)."""

    missing: frozenset[FactKey] = NOTHING
    lo: Number | None = None
    hi: Number | None = None
    why: Why = Why.MISSING
    note: str = ""

    @property
    def is_dropped(self) -> bool:
        """Whether a choice of the best leaves this value out, rather than waiting for it."""
        return self.why in (Why.NOT_COMPUTABLE, Why.BEFORE_FOUNDING)


#: A dated record of a list: field → value.
RecordValue: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Growth:
    """Compound growth from `base` to `end` over `years` steps, kept unrooted so that it compares exactly."""

    base: Number
    end: Number
    years: int

    def compare(self, op: str, rate: Number) -> bool:
        """Whether the growth stands in relation `op` to `rate`, without taking a root."""
        step = 1 + Fraction(rate)
        reached = self.end * step.denominator**self.years
        needed = self.base * step.numerator**self.years
        return ordered(op, reached, needed)

    def approximate(self) -> float:
        """The rate as people print it; for display only."""
        ratio = self.end / Fraction(self.base)
        return -1.0 if ratio < 0 else float(ratio) ** (1 / self.years) - 1


Value: TypeAlias = int | Fraction | bool | str | date | None | Growth | list[RecordValue] | Unknown
Truth: TypeAlias = bool | Unknown
#: An end of what a value may be; growth is known or not, and never between two.
Bound: TypeAlias = Number | Growth | None


def simple(number: Number) -> Number:
    """The same number, as an int where it is whole (ints are several times faster than fractions)."""
    return number.numerator if isinstance(number, Fraction) and number.denominator == 1 else number


def ordered(op: str, left: Any, right: Any) -> bool:
    """A comparison of two known, comparable values."""
    if isinstance(left, Growth):
        return left.compare(op, right)
    if op == ">=":
        return left >= right
    if op == ">":
        return left > right
    if op == "<=":
        return left <= right
    if op == "<":
        return left < right
    if op == "==":
        return left == right
    if op == "!=":
        return left != right
    raise ValueError(op)


def bounds(value: Value) -> tuple[Number | None, Number | None]:
    """The least and the greatest a number can be."""
    if isinstance(value, Unknown):
        return value.lo, value.hi
    assert isinstance(value, int | Fraction)
    return value, value


def merge(*values: Value, lo: Number | None = None, hi: Number | None = None) -> Unknown:
    """What is unknown of several values together, with new bounds."""
    missing: frozenset[FactKey] = NOTHING
    why, note = Why.MISSING, ""
    for value in values:
        if isinstance(value, Unknown):
            missing |= value.missing
            if value.why is not Why.MISSING:
                # Worked on, a figure of a year before the founding is no longer that figure, only not computable.
                why = Why.NOT_COMPUTABLE if value.why is Why.BEFORE_FOUNDING else value.why
                note = value.note or note
    if missing and why is Why.UNDECIDED:
        why = Why.MISSING
    return Unknown(missing, lo, hi, why, note)


def negate(truth: Truth) -> Truth:
    """Not, in three values."""
    return truth if isinstance(truth, Unknown) else not truth


def conjunction(truths: list[Truth]) -> Truth:
    """And, in three values: one False decides; only the unknowns that are still open are kept."""
    open_ones = [truth for truth in truths if isinstance(truth, Unknown)]
    # A truth that is known not to exist counts as false.
    if any(not truth for truth in truths if not isinstance(truth, Unknown)):
        return False
    return merge(*open_ones) if open_ones else True


def disjunction(truths: list[Truth]) -> Truth:
    """Or, in three values: one True decides."""
    open_ones = [truth for truth in truths if isinstance(truth, Unknown)]
    if any(truth is True for truth in truths):
        return True
    return merge(*open_ones) if open_ones else False


def compare(op: str, left: Value, right: Value) -> Truth:
    """Compare two values in three-valued logic, by their bounds where they are not known exactly.

    A value that is known not to exist (`None`), or a figure of a year before the founding, stands in no order to
    anything: the comparison is False, not unknown.
    """
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return _compare_open(op, left, right)
    if left is None or right is None:
        same = left is None and right is None
        return same if op == "==" else (not same if op == "!=" else False)
    return ordered(op, left, right)


def _compare_open(op: str, left: Value, right: Value) -> Truth:
    for side in (left, right):
        if isinstance(side, Unknown) and side.why is Why.BEFORE_FOUNDING:
            return op == "!="
    if isinstance(left, Growth):
        left_lo, left_hi = left, left
    elif _is_number(left) and _is_number(right):
        left_lo, left_hi = bounds(left)
    else:
        return merge(left, right)
    right_lo, right_hi = _rates(right) if isinstance(left, Growth) else bounds(right)
    certain, impossible = _relation(op, left_lo, left_hi, right_lo, right_hi)
    if certain:
        return True
    return False if impossible else merge(left, right)


def _rates(rate: Value) -> tuple[Number | None, Number | None]:
    """The bounds of a rate of growth. Nothing falls by more than all of it, so that a bound below says nothing."""
    least, most = bounds(rate)
    return None if least is None or least < -1 else least, None if most is None or most < -1 else most


def _is_number(value: Value) -> bool:
    return isinstance(value, Unknown | int | Fraction) and not isinstance(value, bool)


def _relation(op: str, left_lo: Bound, left_hi: Bound, right_lo: Bound, right_hi: Bound) -> tuple[bool, bool]:
    """Whether the relation holds for all values within the bounds, and whether for none."""

    def sure(op: str, low: Bound, high: Bound) -> bool:
        return low is not None and high is not None and ordered(op, low, high)

    match op:
        case ">=":
            return sure(">=", left_lo, right_hi), sure("<", left_hi, right_lo)
        case ">":
            return sure(">", left_lo, right_hi), sure("<=", left_hi, right_lo)
        case "<=":
            return sure("<=", left_hi, right_lo), sure(">", left_lo, right_hi)
        case "<":
            return sure("<", left_hi, right_lo), sure(">=", left_lo, right_hi)
        case "==":
            return False, sure(">", left_lo, right_hi) or sure("<", left_hi, right_lo)
        case _:
            return sure(">", left_lo, right_hi) or sure("<", left_hi, right_lo), False


def worked_on(value: Value) -> Value:
    """The value as one to reckon with: with what is known not to exist nothing can be worked out."""
    return Unknown(why=Why.NOT_COMPUTABLE, note=marked("其中一项不存在")) if value is None else value


def add(left: Value, right: Value) -> Value:
    """Sum; of bounds where a side is open."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        (a, b), (c, d) = bounds(left), bounds(right)
        return merge(
            left,
            right,
            lo=None if a is None or c is None else a + c,
            hi=None if b is None or d is None else b + d,
        )
    return left + right  # type: ignore[operator]


def subtract(left: Value, right: Value) -> Value:
    """Difference; of bounds where a side is open."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        (a, b), (c, d) = bounds(left), bounds(right)
        return merge(
            left,
            right,
            lo=None if a is None or d is None else a - d,
            hi=None if b is None or c is None else b - c,
        )
    return left - right  # type: ignore[operator]


def multiply(left: Value, right: Value) -> Value:
    """Product; bounds survive where one side is a known number that is not negative."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        open_side, other = (left, right) if isinstance(left, Unknown) else (right, left)
        assert isinstance(open_side, Unknown)
        if isinstance(other, Unknown) or not isinstance(other, int | Fraction) or other < 0:
            return merge(left, right)
        lo, hi = open_side.lo, open_side.hi
        return merge(left, right, lo=None if lo is None else lo * other, hi=None if hi is None else hi * other)
    return left * right  # type: ignore[operator]


def divide(left: Value, right: Value) -> Value:
    """Quotient; a division by zero is not computable, neither nothing nor infinite."""
    if right == 0 and not isinstance(right, Unknown):
        return merge(left, Unknown(why=Why.NOT_COMPUTABLE, note=marked("分母为 0，无法计算")))
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        if isinstance(right, int | Fraction) and right > 0:
            return multiply(left, Fraction(1, 1) / right)
        return merge(left, right, lo=_least_quotient(left, right))
    assert isinstance(left, int | Fraction) and isinstance(right, int | Fraction)
    return simple(Fraction(left) / right)


def _least_quotient(left: Value, right: Value) -> Number | None:
    """Nothing is known of a quotient but its sign, where both sides cannot be negative."""
    least_left, least_right = bounds(left)[0], bounds(right)[0]
    both = least_left is not None and least_left >= 0 and least_right is not None and least_right >= 0
    return 0 if both else None


def greatest(values: Sequence[Value]) -> Value:
    """The greatest; open values leave bounds."""
    open_ones = [value for value in values if isinstance(value, Unknown)]
    if not open_ones:
        return max(values)  # type: ignore[type-var]
    lows = [low for low, _ in map(bounds, values) if low is not None]
    highs = [high for _, high in map(bounds, values)]
    lo = max(lows) if lows else None
    hi = None if any(high is None for high in highs) else max(h for h in highs if h is not None)
    return lo if lo is not None and lo == hi else merge(*values, lo=lo, hi=hi)


def least(values: Sequence[Value]) -> Value:
    """The least; open values leave bounds."""
    open_ones = [value for value in values if isinstance(value, Unknown)]
    if not open_ones:
        return min(values)  # type: ignore[type-var]
    highs = [high for _, high in map(bounds, values) if high is not None]
    lows = [low for low, _ in map(bounds, values)]
    hi = min(highs) if highs else None
    lo = None if any(low is None for low in lows) else min(low for low in lows if low is not None)
    return hi if hi is not None and lo == hi else merge(*values, lo=lo, hi=hi)


def best_of(values: Sequence[Value]) -> Value:
    """The greatest of those that can be computed at all."""
    kept = [value for value in values if not (isinstance(value, Unknown) and value.is_dropped)]
    return greatest(kept) if kept else merge(*values)


def hull(left: Value, right: Value, why: Unknown) -> Value:
    """What is known when it is not known which of two values holds."""
    if not isinstance(left, Unknown) and not isinstance(right, Unknown) and left == right:
        return left
    if not (_is_number(left) and _is_number(right)):
        return merge(why, left, right)
    (a, b), (c, d) = bounds(left), bounds(right)
    lo = None if a is None or c is None else min(a, c)
    hi = None if b is None or d is None else max(b, d)
    return merge(why, left, right, lo=lo, hi=hi)
