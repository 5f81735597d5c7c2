"""A portion of a population on one day, and what has been read of it so far: the counterpart of `interpret.Context`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.catalogue import Indicator, Type
from rules.columnar.columns import Bare, Column, Dates, Lists, Numbers, Texts, Truths, choose_rows, numbers_of
from rules.columnar.masks import Mask, Rows, both, but_not, either, inverse, tidy
from rules.columnar.numbers import LARGEST_WHOLE, ROUNDING, WHOLE, Denominator, is_zero, where_true
from rules.columnar.population import NONE, UNKNOWN, Population, Stored, day_number, days_of, is_yearly
from rules.columnar.states import KNOWN, State
from rules.language import FEN_PER_WAN
from rules.values import FactKey

Work: TypeAlias = Callable[["Frame"], Column]


class Derivations(Protocol):
    """Where a frame finds the meaning of a derivation's expression."""

    def derivation(self, text: str, *, is_yearly: bool) -> Work: ...


@dataclass
class Frame:
    """Some rows of a population, their fiscal year and what has been worked out of them."""

    population: Population
    derivations: Derivations
    as_of: date
    #: The rows of the population: a slice, or their numbers.
    rows: Rows
    size: int
    #: The fiscal year that stands for “last year”, the same for all rows.
    base_year: int
    #: What has been read whatever the base year; frames of the same rows share it.
    shared: dict[Any, tuple[Any, Mask]] = field(default_factory=dict[Any, tuple[Any, Mask]])
    year: int = 0
    #: Rows that floats could not decide since the mask was last emptied.
    doubts: Mask = False
    own: dict[Any, tuple[Any, Mask]] = field(default_factory=dict[Any, tuple[Any, Mask]])
    #: What one version alone needs; emptied between versions.
    passing: dict[Any, tuple[Any, Mask]] = field(default_factory=dict[Any, tuple[Any, Mask]])
    #: Where a predicate is asked of records: their fields, a row per record.
    read_field: Callable[[str], Column] | None = None

    def __post_init__(self) -> None:
        self.year = self.base_year

    def doubt(self, rows: Mask) -> None:
        """Note rows that the reference has to decide."""
        self.doubts = either(self.doubts, tidy(rows))

    def remembered(self, memory: dict[Any, tuple[Any, Mask]], place: Any, work: Callable[[], Any]) -> Any:
        """What is worked out under a name, once; its doubts are noted each time it is used."""
        found = memory.get(place)
        if found is None:
            outer, self.doubts = self.doubts, False
            value = work()
            found = memory[place] = (value, self.doubts)
            self.doubts = outer
        if found[1] is not False:
            self.doubts = either(self.doubts, found[1])
        return found[0]

    def existed(self, year: int) -> Mask:
        """Where the enterprise existed in a year; one whose founding day is unknown is taken to have."""
        place = ("existed", year)
        if place not in self.shared:
            founded = self._founding_days()
            there: Mask = True if founded is None else tidy(founded < _new_year(year + 1))
            self.shared[place] = (there, False)
        return self.shared[place][0]

    def _founding_days(self) -> NDArray[Any] | None:
        if "founded" not in self.shared:
            self.shared["founded"] = (founding_days(self.population, self.rows), False)
        return self.shared["founded"][0]

    def fact(self, indicator: Indicator) -> Column:
        """An indicator in the year the frame stands at, derived where nobody reported it."""
        if is_yearly(indicator):
            return self.remembered(self.shared, (indicator.id, self.year), lambda: self._find(indicator, self.year))
        memory = self.shared if indicator.derive is None and indicator.at_most is None else self.own
        return self.remembered(memory, indicator.id, lambda: self._find(indicator, None))

    def _find(self, indicator: Indicator, year: int | None) -> Column:
        reported = self._reported(indicator, year)
        if indicator.derive is None:
            return self._left_open(indicator, year, reported, None)
        derived = self.derivations.derivation(indicator.derive, is_yearly=is_yearly(indicator))(self)
        worked_out = inverse(derived.state.absent)
        if indicator.derived_wins:
            use_derived = worked_out
        else:
            use_derived = both(worked_out, reported.state.unknown)
        return self._left_open(indicator, year, choose_rows(self, use_derived, derived, reported), derived.state)

    def _left_open(self, indicator: Indicator, year: int | None, column: Column, derived: State | None) -> Column:
        """The column with its unknown rows saying what is missing, and within which bounds they lie."""
        unknown = column.state.unknown
        if unknown is False:
            return column
        before = but_not(unknown, self.existed(year)) if year is not None else False
        waiting = but_not(unknown, before)
        state = self._open_state(FactKey(indicator.id, year), waiting, before, column.state.none, derived)
        if isinstance(column, Numbers | Bare) and indicator.type in _FIGURES:
            return self._bounded(indicator, numbers_of(column), waiting, state)
        return _restated(column, state)

    def _open_state(self, key: FactKey, waiting: Mask, before: Mask, none: Mask, derived: State | None) -> State:
        unknown = either(waiting, before)
        if derived is None or derived.unknown is False:
            return State(unknown, none=none, before_founding=before, empty=before, key=(key, waiting))
        # Where the derivation waits for facts, those are missing; where it cannot be worked out, this one is.
        unanswered = both(waiting, both(derived.unknown, derived.empty))
        own = but_not(waiting, but_not(derived.unknown, derived.empty))
        return State(
            unknown,
            none=none,
            not_computable=tidy(both(unanswered, derived.not_computable)),
            before_founding=tidy(either(before, both(unanswered, derived.before_founding))),
            undecided=tidy(both(unanswered, derived.undecided)),
            empty=before,
            feeds=((derived, waiting),),
            key=(key, own),
        )

    def _bounded(self, indicator: Indicator, column: Numbers, waiting: Mask, state: State) -> Numbers:
        scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
        # An open range says nothing of how much is missing (see `interpret.Context`).
        closed = indicator.range is not None and None not in indicator.range
        least, most = (float((one or 0) * scale) for one in (indicator.range or (0, 0)))
        low, high = column.low, column.low
        if closed:
            low, high = where_true(waiting, least, low), where_true(waiting, most, high)
        denominator, largest = column.denominator, column.largest
        # The bounds themselves are exact; a row without a figure has no error to begin with.
        error = column.error if is_zero(column.error) else where_true(waiting, 0.0, column.error)
        if indicator.at_most is not None:
            bound = numbers_of(self.derivations.derivation(indicator.at_most, is_yearly=is_yearly(indicator))(self))
            use = both(waiting, inverse(bound.state.absent))
            if use is not False:
                high = where_true(use, bound.low, high)
                error = np.fmax(error, bound.error)
                error = error if isinstance(error, np.ndarray) else float(error)
                denominator, largest = denominator.common(bound.denominator), max(largest, bound.largest)
        if closed:
            largest = max(largest, abs(least), abs(most))
        return Numbers(state, low, high, error, denominator, largest)

    def _reported(self, indicator: Indicator, year: int | None) -> Column:
        if year is None:
            stored, places = self.population.current.get(indicator.id), self.rows
        else:
            stored = self.population.yearly.get(indicator.id)
            all_places = self.population.years.get(year)
            if all_places is None:
                stored, places = None, self.rows
            else:
                places = self.remembered(self.shared, ("places", year), lambda: all_places[self.rows])
        if stored is None:
            return Bare(State(True))
        return column(stored, places)


_FIGURES = {Type.MONEY, Type.NUMBER, Type.COUNT, Type.HEADCOUNT, Type.PERCENT, Type.YEAR}


def founding_days(population: Population, rows: Rows) -> NDArray[Any] | None:
    """The day each enterprise was founded on as a column of days holds it, before all others where it is not known."""
    stored = population.current.get("established_on")
    return None if stored is None else stored.at(rows)


def founded_in(days: NDArray[Any], year: int) -> Mask:
    """Where an enterprise was founded in a year."""
    return tidy((days >= _new_year(year)) & (days < _new_year(year + 1)))


def _new_year(year: int) -> int:
    return day_number(date(min(max(year, 1), 9999), 1, 1))


def _restated(column: Column, state: State) -> Column:
    match column:
        case Truths():
            return Truths(state, column.true)
        case Texts():
            return Texts(state, column.places, column.words)
        case Dates():
            return Dates(state, column.days)
        case Lists():
            return Lists(state, column.places, column.table)
        case _:
            return Bare(state)


def column(stored: Stored, rows: Rows) -> Column:
    """Some rows of a stored column; what is unknown says nothing yet of what is missing."""
    values = stored.at(rows)
    if stored.type in _FIGURES:
        return _figures(stored, values, rows)
    unknown, none = tidy(values == UNKNOWN), tidy(values == NONE)
    state = KNOWN if unknown is False and none is False else State(unknown, none=none)
    if stored.type is Type.BOOLEAN:
        return Truths(state, tidy(values == 1))
    if stored.type is Type.DATE:
        return Dates(state, days_of(values))
    if stored.table is not None:
        return Lists(state, values, stored.table)
    assert stored.words is not None
    return Texts(state, values, stored.words)


def _figures(stored: Stored, values: NDArray[np.float64], rows: Rows) -> Numbers:
    absent = tidy(np.isnan(values))
    none: Mask = False
    if stored.none is not None:
        none = tidy(stored.none[:-1][rows] if isinstance(rows, slice) else stored.none[rows])
    state = KNOWN if absent is False else State(but_not(absent, none), none=none)
    largest = float(np.fmax.reduce(np.abs(values), initial=0.0))
    if stored.decimals == 0 and largest < LARGEST_WHOLE:
        return Numbers(state, values, values, 0.0, WHOLE, largest)
    # Decimals are read as a whole number over a power of ten: two roundings.
    error = np.abs(values) * (4 * ROUNDING)
    return Numbers(state, values, values, error, Denominator(10**stored.decimals), largest)


def same_rows(frame: Frame, base_year: int) -> Frame:
    """The same portion with another fiscal year as the last."""
    return Frame(frame.population, frame.derivations, frame.as_of, frame.rows, frame.size, base_year, frame.shared)


def row_numbers(frame: Frame) -> NDArray[np.int64]:
    """The numbers that the frame's rows have in the population."""
    if isinstance(frame.rows, slice):
        return np.arange(frame.rows.start, frame.rows.stop, dtype=np.int64)
    return frame.rows
