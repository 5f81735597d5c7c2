"""The other kinds of column, comparisons between columns, and logic in three values over them.

The counterpart of `rules.values` for many rows; each function does row by row what the one of the same name does there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.catalogue import Indicator
from rules.columnar.masks import Mask, both, but_not, either, inverse, pick, settled, tidy
from rules.columnar.numbers import (
    Doubts,
    Numbers,
    bounds_compare,
    constant,
    power,
    selected,
    unknown_numbers,
    where_true,
)  # fmt: skip
from rules.columnar.numbers import add as add_numbers
from rules.columnar.states import KNOWN, NOT_COMPUTABLE, State, by_rows, merged
from rules.values import RecordValue

EPOCH = date(1970, 1, 1)


class Unsupported(Exception):
    """The columnar engine does not do this; the reference answers instead, row by row."""


class Bare:
    """A column of which there is nothing but its state: `none`, or an open question."""

    __slots__ = ("state",)

    def __init__(self, state: State) -> None:
        self.state = state


class Truths:
    """True, false or unknown in each row."""

    __slots__ = ("state", "true")

    def __init__(self, state: State, true: Mask) -> None:
        self.state = state
        self.true = true

    @property
    def maybe(self) -> Mask:
        """Where it is not false."""
        return either(self.true, self.state.unknown)

    @property
    def false(self) -> Mask:
        return inverse(either(self.maybe, self.state.none))


class Words:
    """The different texts of a column; its rows hold their places in the list."""

    __slots__ = ("_places", "texts")

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self._places: dict[str, int] | None = None

    def place(self, text: str) -> int:
        """Where a text stands; -9 where no row has it."""
        if self._places is None:
            self._places = {one: number for number, one in enumerate(self.texts)}
        return self._places.get(text, -9)


class Texts:
    """A text in each row, as its place among `words`; the places of rows without a text mean nothing."""

    __slots__ = ("places", "state", "words")

    def __init__(self, state: State, places: Any, words: Words) -> None:
        self.state = state
        self.places = places
        self.words = words


class Dates:
    """A day in each row, counted from 1970-01-01; those of rows without a day mean nothing."""

    __slots__ = ("days", "state")

    def __init__(self, state: State, days: Any) -> None:
        self.state = state
        self.days = days


class Growths:
    """Compound growth: the end as a multiple of the base, over so many years."""

    __slots__ = ("ratio", "years")

    def __init__(self, ratio: Numbers, years: int) -> None:
        self.ratio = ratio
        self.years = years

    @property
    def state(self) -> State:
        return self.ratio.state


@dataclass(frozen=True)
class RecordTable:
    """The different lists of a column, and all their records one after another."""

    indicator: Indicator
    lists: Sequence[list[RecordValue]]
    #: For each record the place of its list.
    owners: NDArray[np.int64]
    records: list[RecordValue]


class Lists:
    """A list of dated records in each row, as its place in the table; -1 and less where there is none."""

    __slots__ = ("places", "state", "table")

    def __init__(self, state: State, places: NDArray[np.int64], table: RecordTable) -> None:
        self.state = state
        self.places = places
        self.table = table


Column: TypeAlias = Numbers | Truths | Texts | Dates | Growths | Lists | Bare


def literal(value: Any) -> Column:
    """The same value in every row."""
    if value is None:
        return Bare(State(none=True))
    if isinstance(value, bool):
        return Truths(KNOWN, value)
    if isinstance(value, str):
        return Texts(KNOWN, 0, Words([value]))
    if isinstance(value, date):
        return Dates(KNOWN, (value - EPOCH).days)
    return constant(value)


def numbers_of(column: Column) -> Numbers:
    """The column as numbers; what has no figures becomes open ones."""
    if isinstance(column, Numbers):
        return column
    if isinstance(column, Bare):
        return unknown_numbers(column.state)
    raise Unsupported(f"{type(column).__name__} are no numbers")


def truths_of(rows: Doubts, column: Column) -> Truths:
    """The column as truths; the reference decides rows in which a truth is known not to exist."""
    if isinstance(column, Bare):
        column = Truths(column.state, False)
    if not isinstance(column, Truths):
        raise Unsupported(f"{type(column).__name__} are no truths")
    if column.state.none is not False:
        rows.doubt(column.state.none)
    return column


def negate(truth: Truths) -> Truths:
    return Truths(truth.state, inverse(truth.maybe))


def conjunction(truths: Sequence[Truths]) -> Truths:
    """And: one false decides."""
    true: Mask = True
    maybe: Mask = True
    for truth in truths:
        true, maybe = both(true, truth.true), both(maybe, truth.maybe)
    return judged(truths, true, maybe)


def disjunction(truths: Sequence[Truths]) -> Truths:
    """Or: one true decides."""
    true: Mask = False
    maybe: Mask = False
    for truth in truths:
        true, maybe = either(true, truth.true), either(maybe, truth.maybe)
    return judged(truths, true, maybe)


def judged(truths: Sequence[Truths], true: Mask, maybe: Mask) -> Truths:
    """A truth made of others, once it is worked out where it is true and where it is not false."""
    return Truths(merged([truth.state for truth in truths], but_not(maybe, true)), tidy(true))


def compare(rows: Doubts, op: str, left: Column, right: Column) -> Truths:
    """Compare two columns, by their bounds where they are not known exactly (`rules.values.compare`)."""
    one, other = left.state, right.state
    before = either(one.before_founding, other.before_founding)
    if isinstance(left, Growths):
        # Compared with the rate's own power, no root is taken.
        left, right = left.ratio, _compounded(add_numbers(numbers_of(right), constant(1)), left.years)
    open_ones = either(one.unknown, other.unknown)
    true, unknown = _compare_known(rows, op, left, right, open_ones)
    missing = both(either(one.none, other.none), inverse(open_ones))
    if missing is not False:
        # What is known not to exist stands in no order to anything.
        same = both(one.none, other.none)
        true = pick(missing, same if op == "==" else inverse(same) if op == "!=" else False, true)
        unknown = but_not(unknown, missing)
    if before is not False:
        true, unknown = pick(before, op == "!=", true), but_not(unknown, before)
    return Truths(merged((one, other), unknown), tidy(but_not(true, unknown)))


def _compounded(step: Numbers, years: int) -> Numbers:
    """The power of a step of growth, its bounds apart; nothing falls by more than all of it."""
    if step.is_single:
        return power(step, years)
    ends = [where_true(both(step.state.unknown, settled(end < 0)), np.nan, end) for end in (step.low, step.high)]
    low, high = (power(Numbers(KNOWN, end, end, step.error, step.denominator, step.largest), years) for end in ends)
    return Numbers(step.state, low.low, high.low, np.fmax(low.error, high.error), low.denominator, low.largest)


def _compare_known(rows: Doubts, op: str, left: Column, right: Column, open_ones: Mask) -> tuple[Mask, Mask]:
    """Where the relation holds, and where it is open, leaving aside what does not exist."""
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        certain, impossible = bounds_compare(rows, op, left, right)
        if left.is_single and right.is_single:
            return but_not(certain, open_ones), open_ones
        return certain, but_not(open_ones, either(certain, impossible))
    return but_not(_plain_relation(op, left, right), open_ones), open_ones


def _plain_relation(op: str, left: Column, right: Column) -> Mask:
    if isinstance(left, Bare) or isinstance(right, Bare):
        return False
    if isinstance(left, Texts) and isinstance(right, Texts):
        alike = _same_text(left, right)
        return alike if op == "==" else inverse(alike)
    if isinstance(left, Truths) and isinstance(right, Truths):
        alike = pick(left.true, right.true, inverse(right.true))
        return alike if op == "==" else inverse(alike)
    if isinstance(left, Dates) and isinstance(right, Dates):
        return settled(_DAYS[op](left.days, right.days))
    raise Unsupported(f"comparing {type(left).__name__} with {type(right).__name__}")


_DAYS: dict[str, Any] = {
    ">=": np.greater_equal, ">": np.greater, "<=": np.less_equal, "<": np.less, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


def _same_text(left: Texts, right: Texts) -> Mask:
    if left.words is right.words:
        return settled(left.places == right.places)
    if len(right.words.texts) > len(left.words.texts):
        left, right = right, left
    if len(right.words.texts) == 1 and not isinstance(right.places, np.ndarray):
        return settled(left.places == left.words.place(right.words.texts[0]))
    there = np.array([left.words.place(text) for text in right.words.texts] + [-8])
    return settled(left.places == there[np.clip(right.places, -1, None)])


def choose(rows: Doubts, condition: Truths, then: Column, otherwise: Column) -> Column:
    """One or the other; where the condition is open, what both have in common (`rules.values.hull`)."""
    chosen = choose_rows(rows, condition.true, then, otherwise)
    open_rows = condition.state.unknown
    if open_rows is False:
        return chosen
    hull, alike = _hull(rows, open_rows, then, otherwise)
    open_state = merged((condition.state, then.state, otherwise.state), True)
    here = but_not(open_rows, alike)
    state = by_rows((here, open_state), (inverse(here), _settled_state(chosen.state, then.state, open_rows)))
    return _with_state(choose_rows(rows, open_rows, hull, chosen), state)


def _settled_state(chosen: State, then: State, open_rows: Mask) -> State:
    """The state outside the open rows, and of those open rows in which both branches agree."""
    return by_rows((inverse(open_rows), chosen), (open_rows, then))


def _hull(rows: Doubts, where: Mask, left: Column, right: Column) -> tuple[Column, Mask]:
    """What two columns span, and in which rows of the open ones they are known and alike."""
    known = both(where, inverse(either(left.state.unknown, right.state.unknown)))
    alike: Mask = False
    if known is not False:
        alike = both(known, _alike(rows, known, left, right))
    if not (isinstance(left, Numbers) or isinstance(right, Numbers)):
        return Bare(KNOWN) if isinstance(left, Growths) else left, alike
    left, right = numbers_of(left), numbers_of(right)
    low, high = np.minimum(left.low, right.low), np.maximum(left.high, right.high)
    error = np.fmax(left.error, right.error)
    error = 0.0 if not isinstance(error, np.ndarray) and error == 0.0 else error
    denominator = left.denominator.common(right.denominator)
    return Numbers(KNOWN, low, high, error, denominator, max(left.largest, right.largest)), alike


def _alike(rows: Doubts, known: Mask, left: Column, right: Column) -> Mask:
    none = both(left.state.none, right.state.none)
    values = but_not(known, either(left.state.none, right.state.none))
    if values is False:
        return none
    if isinstance(left, Growths) or isinstance(right, Growths):
        rows.doubt(values)
        return none
    if isinstance(left, Numbers) and isinstance(right, Numbers):
        # Only the rows in question are looked at, so that no other is put in doubt.
        one = Numbers(KNOWN, where_true(values, left.low, np.nan), np.nan, left.error, left.denominator, left.largest)
        one.high = one.low
        other = Numbers(KNOWN, right.low, right.low, right.error, right.denominator, right.largest)
        same = bounds_compare(rows, "==", one, other)[0]
    else:
        same = _plain_relation("==", left, right)
    return either(none, both(values, same))


def choose_rows(rows: Doubts, where: Mask, yes: Column, no: Column) -> Column:
    """One column's rows where the condition holds, the other's elsewhere."""
    if where is True:
        return yes
    if where is False:
        return no
    state = by_rows((where, yes.state), (inverse(where), no.state))
    if isinstance(yes, Bare):
        return _with_state(no, state, unless=where)
    if isinstance(no, Bare):
        return _with_state(yes, state, unless=inverse(where))
    if isinstance(yes, Numbers) and isinstance(no, Numbers):
        return selected(where, yes, no, state)
    if isinstance(yes, Truths) and isinstance(no, Truths):
        return Truths(state, tidy(pick(where, yes.true, no.true)))
    if isinstance(yes, Dates) and isinstance(no, Dates):
        return Dates(state, where_true(where, yes.days, no.days))
    if isinstance(yes, Texts) and isinstance(no, Texts):
        return _chosen_texts(where, yes, no, state)
    if isinstance(yes, Growths) and isinstance(no, Growths) and yes.years == no.years:
        return Growths(selected(where, yes.ratio, no.ratio, state), yes.years)
    raise Unsupported(f"choosing between {type(yes).__name__} and {type(no).__name__}")


def _chosen_texts(where: Mask, yes: Texts, no: Texts, state: State) -> Texts:
    if yes.words is no.words:
        return Texts(state, where_true(where, yes.places, no.places), yes.words)
    words = list(dict.fromkeys([*yes.words.texts, *no.words.texts]))
    place = {text: number for number, text in enumerate(words)}
    there = [np.array([place[text] for text in one.words.texts] + [-1]) for one in (yes, no)]
    moved = [new[np.clip(one.places, -1, None)] for new, one in zip(there, (yes, no), strict=True)]
    return Texts(state, where_true(where, moved[0], moved[1]), Words(words))


def _with_state(column: Column, state: State, unless: Mask = False) -> Column:
    """The same values under another state; `unless`: rows that have none of these values."""
    match column:
        case Numbers():
            low = column.low if unless is False else where_true(unless, np.nan, column.low)
            high = (
                low if column.is_single else column.high if unless is False else where_true(unless, np.nan, column.high)
            )
            return Numbers(state, low, high, column.error, column.denominator, column.largest)
        case Truths():
            return Truths(state, but_not(column.true, either(state.unknown, either(unless, state.none))))
        case Texts():
            return Texts(state, column.places, column.words)
        case Dates():
            return Dates(state, column.days)
        case Growths():
            ratio = column.ratio
            low = ratio.low if unless is False else where_true(unless, np.nan, ratio.low)
            return Growths(Numbers(state, low, low, ratio.error, ratio.denominator, ratio.largest), column.years)
        case Lists():
            raise Unsupported("choosing between lists")
        case Bare():
            return Bare(state)


def nothing_left_open(column: Column) -> Column:
    """The column with what does not exist counting as not computable, as a choice of the best takes it."""
    none = column.state.none
    if none is False:
        return column
    state = by_rows((none, NOT_COMPUTABLE), (inverse(none), column.state))
    return _with_state(column, state)
