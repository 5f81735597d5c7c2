"""Numbers of many rows: floats that know how far off they may be, and that say so where it could decide.

An unknown number has the least and the greatest value it could have; NaN stands for an open bound. Whole numbers below
2^53 are exact. Every other number carries a bound of its error and a multiple of its denominator: two fractions whose
distance is less than one over the product of their denominators are equal, which settles almost every tie. A row that
stays in doubt is noted, and the reference decides it.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.columnar.masks import Mask, both, but_not, either, inverse, settled
from rules.columnar.states import KNOWN, NOT_COMPUTABLE, State, by_rows, merged
from rules.values import Number as ExactNumber

Floats: TypeAlias = Any  # float | NDArray[np.float64]: numpy's own annotations give little more

#: Half the distance of 1.0 to the next float.
ROUNDING = 2.0**-53
#: Whole numbers below are floats without error.
LARGEST_WHOLE = 2.0**53
#: A bound of an error is worked out in floats too; this much more is on the safe side.
SAFETY = 1 + 2.0**-20


class Doubts(Protocol):
    """Where rows are noted that floats cannot decide."""

    @property
    def size(self) -> int: ...

    def doubt(self, rows: Mask) -> None: ...


class Divisor(NamedTuple):
    """The figures that something was divided by; with the dividend, where both are whole numbers, to reduce by."""

    size: Floats
    dividend: Floats | None

    def at(self, rows: NDArray[np.int64]) -> Floats:
        """The denominator that it leaves in some rows."""
        size = _at(self.size, rows)
        if self.dividend is None:
            return size
        whole, dividend = np.nan_to_num(size).astype(np.int64), np.nan_to_num(_at(self.dividend, rows)).astype(np.int64)
        return whole / np.maximum(np.gcd(whole, dividend), 1)


def _at(values: Floats, rows: NDArray[np.int64]) -> Floats:
    return values[rows] if isinstance(values, np.ndarray) else np.full(len(rows), float(values))


class Denominator(NamedTuple):
    """A multiple of the denominators: a number times what each division by a figure leaves."""

    scale: int
    divisors: tuple[Divisor, ...] = ()

    def common(self, other: "Denominator") -> "Denominator":
        """A multiple of both."""
        if self is other or other is WHOLE:
            return self
        if self is WHOLE:
            return other
        more = tuple(one for one in other.divisors if not any(one is mine for mine in self.divisors))
        return Denominator(lcm(self.scale, other.scale), self.divisors + more)

    def times(self, other: "Denominator") -> "Denominator":
        return Denominator(self.scale * other.scale, self.divisors + other.divisors)

    def at(self, rows: NDArray[np.int64]) -> Floats:
        """Its size in some rows; infinite where it is too large to be of use."""
        size: Floats = float(self.scale)
        for divisor in self.divisors:
            size = size * divisor.at(rows)
        return size


WHOLE = Denominator(1)


class Numbers:
    """A column of numbers; `high is low` where no unknown row has a bound (both are NaN there)."""

    __slots__ = ("denominator", "error", "high", "largest", "low", "state")

    def __init__(
        self,
        state: State,
        low: Floats,
        high: Floats,
        error: Floats = 0.0,
        denominator: Denominator = WHOLE,
        largest: float = LARGEST_WHOLE,
    ) -> None:
        self.state = state
        self.low = low
        self.high = high
        #: How far `low` and `high` may be off; the float 0.0 where they are exact.
        self.error = error
        self.denominator = denominator
        #: No row is larger, regardless of sign.
        self.largest = largest

    @property
    def is_single(self) -> bool:
        return self.high is self.low


def constant(value: ExactNumber) -> Numbers:
    """The same number in every row."""
    near = float(value)
    error = 0.0 if Fraction(near) == value else abs(near) * ROUNDING
    return Numbers(
        KNOWN, near, near, error, Denominator(value.denominator) if value.denominator > 1 else WHOLE, abs(near)
    )


def unknown_numbers(state: State) -> Numbers:
    """Numbers of which nothing but their state is known."""
    return Numbers(state, np.nan, np.nan, 0.0, WHOLE, 0.0)


def _made(state: State, low: Floats, high: Floats, error: Floats, denominator: Denominator, largest: float) -> Numbers:
    """A result with the rounding of the operation that gave it."""
    if not (
        is_zero(error)
        and not denominator.divisors
        and largest * denominator.scale < LARGEST_WHOLE
        and _is_dyadic(denominator)
    ):
        size = np.abs(low) if high is low else np.fmax(np.abs(low), np.abs(high))
        error = (error + size * ROUNDING) * SAFETY
    return Numbers(state, low, high, error, denominator, largest)


def _is_dyadic(denominator: Denominator) -> bool:
    return denominator.scale & (denominator.scale - 1) == 0


def is_zero(error: Floats) -> bool:
    return isinstance(error, float) and error == 0.0


def where_true(where: Mask, yes: Any, no: Any) -> Any:
    """One value where the condition holds, the other elsewhere."""
    if isinstance(where, bool):
        return yes if where else no
    return np.where(where, yes, no)


def add(left: Numbers, right: Numbers) -> Numbers:
    low = left.low + right.low
    high = low if left.is_single and right.is_single else left.high + right.high
    return _sum(left, right, low, high)


def subtract(left: Numbers, right: Numbers) -> Numbers:
    low = left.low - right.high
    high = low if left.is_single and right.is_single else left.high - right.low
    return _sum(left, right, low, high)


def _sum(left: Numbers, right: Numbers, low: Floats, high: Floats) -> Numbers:
    state = merged((left.state, right.state), either(left.state.unknown, right.state.unknown))
    denominator = left.denominator.common(right.denominator)
    return _made(state, low, high, left.error + right.error, denominator, left.largest + right.largest)


def multiply(left: Numbers, right: Numbers) -> Numbers:
    """Product; bounds survive where one side is a known number that is not negative."""
    unknown = either(left.state.unknown, right.state.unknown)
    low = left.low * right.low
    high = low
    if not (left.is_single and right.is_single):
        high = left.high * right.high
        lost = either(
            both(left.state.unknown, either(right.state.unknown, settled(right.low < 0))),
            both(right.state.unknown, settled(left.low < 0)),
        )
        if lost is not False:
            low, high = where_true(lost, np.nan, low), where_true(lost, np.nan, high)
    error = 0.0
    if not (is_zero(left.error) and is_zero(right.error)):
        error = left.error * (_size(right) + right.error) + right.error * _size(left)
    state = merged((left.state, right.state), unknown)
    return _made(state, low, high, error, left.denominator.times(right.denominator), left.largest * right.largest)


def _size(numbers: Numbers) -> Floats:
    low = np.abs(numbers.low)
    return low if numbers.is_single else np.fmax(low, np.abs(numbers.high))


def divide(rows: Doubts, left: Numbers, right: Numbers) -> Numbers:
    """Quotient; a division by zero is not computable, neither nothing nor infinite."""
    zero = both(settled(right.low == 0), inverse(right.state.unknown))
    _doubt_zero(rows, right)
    unknown = either(left.state.unknown, right.state.unknown)
    divisor = right.low if zero is False else where_true(zero, np.nan, right.low)
    low = np.divide(left.low, divisor)
    high = low
    if left.is_single and right.is_single:
        largest_divisor = divisor
    else:
        low, high, largest_divisor = _open_quotient(left, right, divisor, low, but_not(unknown, zero))
    error = _quotient_error(left, right, low, high, largest_divisor)
    state = by_rows(
        (zero, merged((left.state, NOT_COMPUTABLE), True)) if zero is not False else (False, KNOWN),
        (inverse(zero), merged((left.state, right.state), but_not(unknown, zero))),
    )
    return Numbers(state, low, high, error, _divided(left, right), np.inf)


def _open_quotient(
    left: Numbers, right: Numbers, divisor: Floats, low: Floats, unknown: Mask
) -> tuple[Floats, Floats, Floats]:
    """The bounds of a quotient: of an open dividend, scaled; of an open divisor only the sign, where both have one."""
    high = np.divide(left.high, divisor)
    # A divisor that is not a known positive number leaves nothing but the sign.
    lost = both(unknown, either(right.state.unknown, inverse(settled(right.low > 0))))
    if lost is False:
        return low, high, divisor
    signed = both(settled(left.low >= 0), settled(right.low >= 0))
    floor = where_true(signed, 0.0, np.nan)
    return where_true(lost, floor, low), where_true(lost, np.nan, high), where_true(lost, np.inf, divisor)


def _quotient_error(left: Numbers, right: Numbers, low: Floats, high: Floats, divisor: Floats) -> Floats:
    size = np.abs(low) if high is low else np.fmax(np.abs(low), np.abs(high))
    error = size * ROUNDING
    if not (is_zero(left.error) and is_zero(right.error)):
        error = error + (left.error + size * right.error) / np.maximum(np.abs(divisor) - right.error, 0.0)
    return error * SAFETY


def _doubt_zero(rows: Doubts, right: Numbers) -> None:
    """A divisor so near to zero that it may be zero, or have the other sign, is left to the reference."""
    if not is_zero(right.error):
        rows.doubt(settled((np.abs(right.low) <= right.error * SAFETY) & (right.error > 0)))


def _divided(left: Numbers, right: Numbers) -> Denominator:
    """(A/a) / (B/b) = A·b / (a·B): B is the divisor times its own denominator."""
    if not isinstance(right.low, np.ndarray):
        numerator = 0 if np.isnan(right.low) else round(abs(float(right.low)) * right.denominator.scale)
        if numerator and not right.denominator.divisors:
            return Denominator(left.denominator.scale * numerator, left.denominator.divisors)
    # Reduced by one bound, the denominator of the other would be wrong.
    whole = all(
        one.is_single and one.denominator is WHOLE and is_zero(one.error) and one.largest < LARGEST_WHOLE
        for one in (left, right)
    )
    divisor = Divisor(np.abs(right.low), np.abs(left.low) if whole else None)
    return left.denominator.times(Denominator(right.denominator.scale, (*right.denominator.divisors, divisor)))


def relation(rows: Doubts, op: str, left: Floats, right: Floats, numbers: tuple[Numbers, Numbers]) -> Mask:
    """A comparison of two bounds, NaN standing in no order; rows too near to tell are proven equal or noted as doubtful."""
    found = _ORDERED[op](left, right)
    one, other = numbers
    if is_zero(one.error) and is_zero(other.error):
        return settled(found)
    gap, slack = np.abs(left - right), (one.error + other.error) * SAFETY
    # An error that is not known is no proof of a distance.
    near = settled(~(gap > slack) & ~np.isnan(gap))
    if not isinstance(near, np.ndarray):
        if not near:
            return settled(found)
        near = np.ones(rows.size, dtype=np.bool_)
    if not near.any():
        return settled(found)
    at = np.flatnonzero(near)
    distance = np.broadcast_to(gap + slack, rows.size)[at]
    equal = 2 * distance * one.denominator.at(at) * other.denominator.at(at) < 1
    answer = np.array(np.broadcast_to(found, rows.size))
    answer[at[equal]] = op in (">=", "<=", "==")
    if not equal.all():
        doubtful = np.zeros(rows.size, dtype=np.bool_)
        doubtful[at[~equal]] = True
        rows.doubt(doubtful)
    return answer


def _differ(left: Floats, right: Floats) -> Any:
    return (left < right) | (left > right)


_ORDERED: dict[str, Any] = {
    ">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less, "==": np.equal, "!=": _differ,
}  # fmt: skip

#: For each comparison: which bounds make it certain, and which comparison of which bounds makes it impossible.
_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def bounds_compare(rows: Doubts, op: str, left: Numbers, right: Numbers) -> tuple[Mask, Mask]:
    """Where a relation holds for all values within the bounds, and where it holds for none."""
    if left.is_single and right.is_single:
        certain = relation(rows, op, left.low, right.low, (left, right))
        return certain, inverse(certain)
    if op in _OPPOSITE:
        a, b = (left.low, right.high) if op in (">=", ">") else (left.high, right.low)
        c, d = (left.high, right.low) if op in (">=", ">") else (left.low, right.high)
        return relation(rows, op, a, b, (left, right)), relation(rows, _OPPOSITE[op], c, d, (left, right))
    apart = either(
        relation(rows, ">", left.low, right.high, (left, right)),
        relation(rows, "<", left.high, right.low, (left, right)),
    )
    alike = but_not(inverse(apart), either(left.state.unknown, right.state.unknown))
    return (alike, apart) if op == "==" else (apart, alike)


def extreme(rows: Doubts, values: Sequence[Numbers], *, greatest: bool) -> Numbers:
    """The greatest (or the least) of some numbers; open ones leave bounds."""
    first = values[0]
    low, high = first.low, first.high
    error, denominator, largest = first.error, first.denominator, first.largest
    single = all(number.is_single and number.state.unknown is False for number in values)
    # Of the greatest, an open lower bound is passed over and an open upper bound leaves it open; of the least, the
    # other way round.
    join_low, join_high = (np.fmax, np.maximum) if greatest else (np.minimum, np.fmin)
    unknown = first.state.unknown
    for number in values[1:]:
        low = join_low(low, number.low)
        high = low if single else join_high(high, number.high)
        error = 0.0 if is_zero(error) and is_zero(number.error) else np.fmax(error, number.error)
        denominator, largest = denominator.common(number.denominator), max(largest, number.largest)
        unknown = either(unknown, number.state.unknown)
    found = Numbers(KNOWN, low, high, error, denominator, largest)
    if unknown is not False and not single:
        closed = where_true(unknown, high, np.nan)
        unknown = but_not(unknown, relation(rows, "==", low, closed, (found, found)))
    found.state = merged([number.state for number in values], unknown)
    return found


def selected(where: Mask, yes: Numbers, no: Numbers, state: State) -> Numbers:
    """One number where the condition holds, the other elsewhere."""
    if where is True:
        return Numbers(state, yes.low, yes.high, yes.error, yes.denominator, yes.largest)
    if where is False:
        return Numbers(state, no.low, no.high, no.error, no.denominator, no.largest)
    low = where_true(where, yes.low, no.low)
    high = low if yes.is_single and no.is_single else where_true(where, yes.high, no.high)
    error = 0.0 if is_zero(yes.error) and is_zero(no.error) else where_true(where, yes.error, no.error)
    return Numbers(state, low, high, error, yes.denominator.common(no.denominator), max(yes.largest, no.largest))


def floor(rows: Doubts, value: Numbers) -> Numbers:
    """Rounded down; a number too near to a whole one to tell is proven to be it, or left to the reference."""

    def down(bound: Floats) -> Floats:
        if is_zero(value.error):
            return np.floor(bound)
        whole = np.rint(bound)
        rounded = Numbers(KNOWN, whole, whole)
        distance = np.abs(bound - whole)
        near = settled(~(distance > value.error * SAFETY) & ~np.isnan(distance))
        at_whole = both(near, relation(rows, "==", bound, whole, (value, rounded)))
        return where_true(at_whole, whole, np.floor(bound))

    low = down(value.low)
    high = low if value.is_single else down(value.high)
    return Numbers(value.state, low, high, 0.0, WHOLE, max(_largest(low), _largest(high)))


def _largest(values: Floats) -> float:
    return float(np.fmax.reduce(np.abs(np.atleast_1d(values)), initial=0.0))


def power(base: Numbers, exponent: int) -> Numbers:
    """A number multiplied with itself."""
    found = base
    for _ in range(exponent - 1):
        found = multiply(found, base)
    return found


def without_bounds(value: Numbers, where: Mask) -> Numbers:
    """The same numbers, nothing being known of those in some rows."""
    if where is False:
        return value
    low = where_true(where, np.nan, value.low)
    high = low if value.is_single else where_true(where, np.nan, value.high)
    return Numbers(value.state, low, high, value.error, value.denominator, value.largest)


def spread_floats(value: Floats, size: int) -> NDArray[np.float64]:
    """The figures as an array of a row each."""
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), size))
