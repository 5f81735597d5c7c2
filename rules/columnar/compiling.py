"""What an expression means for many rows: each node turned into a function of the frame (see `rules.interpret`)."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.catalogue import Catalogue
from rules.columnar.columns import (
    EPOCH,
    Bare,
    Column,
    Dates,
    Growths,
    Lists,
    Numbers,
    RecordTable,
    Texts,
    Truths,
    Unsupported,
    Words,
    choose,
    choose_rows,
    compare,
    conjunction,
    disjunction,
    literal,
    negate,
    nothing_left_open,
    numbers_of,
    truths_of,
)  # fmt: skip
from rules.columnar.frame import Frame, Work, column, row_numbers
from rules.columnar.masks import Mask, both, but_not, either, inverse, settled, spread, tidy
from rules.columnar.numbers import (
    WHOLE,
    Denominator,
    Floats,
    add,
    constant,
    divide,
    extreme,
    floor,
    is_zero,
    multiply,
    subtract,
    where_true,
    without_bounds,
)  # fmt: skip
from rules.columnar.population import field_column, is_yearly
from rules.columnar.states import KNOWN, NOT_COMPUTABLE, UNDECIDED, UNSAID, Parts, State, by_rows, merged
from rules.interpret import whole_number
from rules.language import (
    Arithmetic,
    AsOf,
    Bands,
    Call,
    Choose,
    Compare,
    CompoundGrowth,
    Fact,
    Field,
    Literal,
    Logic,
    Measure,
    Node,
    Not,
    Records,
    Shift,
    Window,
    parse,
    walk,
)  # fmt: skip

Key: TypeAlias = tuple[Any, ...]


@dataclass
class Compiler:
    """Turns nodes into work on frames; what two versions have in common is worked out once for both."""

    catalogue: Catalogue
    _derivations: dict[str, Work] = field(default_factory=dict[str, Work])
    _derived_from_years: dict[str, bool] = field(default_factory=dict[str, bool])
    #: How many versions ask for an expression.
    uses: dict[Key, int] = field(default_factory=dict[Key, int])
    lock: Any = field(default_factory=threading.Lock)

    def derivation(self, text: str, *, is_yearly: bool) -> Work:
        """The meaning of a derivation's expression.

        Raises:
            Unsupported: this engine cannot do it.
        """
        if text not in self._derivations:
            meanings = Meanings(self, {})
            node = parse(text, self.catalogue)
            self._derivations[text] = meanings.shifted(node) if is_yearly else meanings.meaning(node)
        return self._derivations[text]

    def depends_on_year(self, name: str) -> bool:
        """Whether an indicator without years is worked out of figures that have them."""
        if name not in self._derived_from_years:
            self._derived_from_years[name] = False
            indicator = self.catalogue.by_name[name]
            texts = [text for text in (indicator.derive, indicator.at_most) if text is not None]
            facts = [
                node.indicator for text in texts for node in walk(parse(text, self.catalogue)) if isinstance(node, Fact)
            ]
            found = any(is_yearly(one) or self.depends_on_year(one.id) for one in facts)
            self._derived_from_years[name] = found
        return self._derived_from_years[name]


class Meanings:
    """The expressions of one version."""

    def __init__(self, compiler: Compiler, measures: Mapping[str, Node]) -> None:
        self.compiler = compiler
        self.measures = measures
        self._works: dict[tuple[str, bool], Work] = {}
        self._keys: dict[str, Key] = {}
        #: Whether the expression now read stands in another year than the check's.
        self._is_shifted = False

    def meaning(self, node: Node) -> Work:
        """The work that a node means.

        Raises:
            Unsupported: this engine cannot do it.
        """
        return _MEANINGS[type(node)](self, node)

    def remembered(self, node: Node) -> Work:
        """The same, worked out once for each year, and for all versions that have it in common."""
        work, key, uses = self.meaning(node), self.key(node), self.compiler.uses
        uses[key] = uses.get(key, 0) + 1

        def look(frame: Frame) -> Any:
            memory = frame.own if uses[key] > 1 else frame.passing
            return frame.remembered(memory, (key, frame.year), lambda: work(frame))

        return look

    def measure(self, name: str) -> Work:
        """A measure of the rule file."""
        place = (name, self._is_shifted)
        if place not in self._works:
            self._works[place] = self.remembered(self.measures[name])
        return self._works[place]

    def shifted(self, node: Node) -> Work:
        """The meaning of an expression that is looked at in other years."""
        outer, self._is_shifted = self._is_shifted, True
        try:
            return self.meaning(node)
        finally:
            self._is_shifted = outer

    def key(self, node: Node) -> Key:
        """What two expressions of the same meaning have in common; measures are spelt out."""
        if isinstance(node, Measure):
            if node.name not in self._keys:
                self._keys[node.name] = self.key(self.measures[node.name])
            return self._keys[node.name]
        if isinstance(node, Fact):
            return ("Fact", node.indicator.id)
        parts = (self._part(getattr(node, slot)) for slot in type(node).__slots__)
        return (type(node).__name__, node.kind, *parts)

    def _part(self, part: Any) -> Any:
        if isinstance(part, Node):
            return self.key(part)
        if isinstance(part, tuple):
            return tuple(self._part(one) for one in part)  # type: ignore[reportUnknownVariableType]
        return (type(part).__name__, part)

    def fact(self, node: Fact) -> Work:
        indicator = node.indicator
        if self._is_shifted and not is_yearly(indicator) and self.compiler.depends_on_year(indicator.id):
            raise Unsupported(f"{indicator.id} in another year")
        return lambda frame: frame.fact(indicator)


def _literal(meanings: Meanings, node: Literal) -> Work:
    value = None if isinstance(node.value, tuple) else literal(node.value)
    if value is None:
        raise Unsupported("a list of choices on its own")
    return lambda frame: value


def _fact(meanings: Meanings, node: Fact) -> Work:
    return meanings.fact(node)


def _field(meanings: Meanings, node: Field) -> Work:
    name = node.name

    def read(frame: Frame) -> Column:
        assert frame.read_field is not None
        read_field = frame.read_field
        return frame.remembered(frame.own, ("field", name), lambda: read_field(name))

    return read


def _as_of(meanings: Meanings, node: AsOf) -> Work:
    return lambda frame: Dates(KNOWN, (frame.as_of - EPOCH).days)


def _measure(meanings: Meanings, node: Measure) -> Work:
    return meanings.measure(node.name)


def _at_year(work: Work, frame: Frame, year: int) -> Column:
    before, frame.year = frame.year, year
    try:
        return work(frame)
    finally:
        frame.year = before


def _shift(meanings: Meanings, node: Shift) -> Work:
    inner, offset, calendar_year = meanings.shifted(node.inner), node.offset, node.calendar_year
    return lambda frame: _at_year(
        inner, frame, calendar_year if calendar_year is not None else frame.year + (offset or 0)
    )


def _arithmetic(meanings: Meanings, node: Arithmetic) -> Work:
    left, right, op = meanings.meaning(node.left), meanings.meaning(node.right), node.op

    def work_out(frame: Frame) -> Column:
        a, b = numbers_of(left(frame)), numbers_of(right(frame))
        if op == "/":
            found = divide(frame, a, b)
        else:
            found = {"+": add, "-": subtract, "*": multiply}[op](a, b)
        absent = either(a.state.none, b.state.none)
        if absent is not False:
            both_sides = merged((a.state, b.state, NOT_COMPUTABLE), True)
            found = without_bounds(found, absent)
            found.state = by_rows((absent, both_sides), (inverse(absent), found.state))
        return found

    return work_out


def _compare(meanings: Meanings, node: Compare) -> Work:
    left, right, op = meanings.meaning(node.left), meanings.meaning(node.right), node.op
    return lambda frame: compare(frame, op, left(frame), right(frame))


def _logic(meanings: Meanings, node: Logic) -> Work:
    parts = [meanings.meaning(part) for part in node.parts]
    deciding = node.op == "or"

    def judge(frame: Frame) -> Column:
        truths: list[Truths] = []
        for part in parts:
            truth = truths_of(frame, part(frame))
            if truth.true is deciding and truth.state.unknown is False:
                return truth
            truths.append(truth)
        return disjunction(truths) if deciding else conjunction(truths)

    return judge


def _not(meanings: Meanings, node: Not) -> Work:
    inner = meanings.meaning(node.inner)
    return lambda frame: negate(truths_of(frame, inner(frame)))


def _choose(meanings: Meanings, node: Choose) -> Work:
    condition, then, otherwise = (meanings.meaning(one) for one in (node.condition, node.then, node.otherwise))

    def decide(frame: Frame) -> Column:
        truth = truths_of(frame, condition(frame))
        if truth.state.unknown is False and isinstance(truth.true, bool):
            return then(frame) if truth.true else otherwise(frame)
        return choose(frame, truth, then(frame), otherwise(frame))

    return decide


def _window(meanings: Meanings, node: Window) -> Work:
    inner, years, function = meanings.shifted(node.inner), node.years, node.function

    def look(frame: Frame) -> Column:
        span = [year for year in range(frame.year - years + 1, frame.year + 1) if frame.existed(year) is not False]
        if not span:
            return Bare(NOT_COMPUTABLE)
        values = [(frame.existed(year), _at_year(inner, frame, year)) for year in span]
        found = _over_years(frame, function, values)
        none_existed = inverse(frame.existed(span[-1]))
        return choose_rows(frame, none_existed, Bare(NOT_COMPUTABLE), found)

    return look


def _over_years(frame: Frame, function: str, values: list[tuple[Mask, Column]]) -> Column:
    if function == "every":
        truths = [(there, truths_of(frame, value)) for there, value in values]
        return conjunction([_where_there(there, truth) for there, truth in truths])
    if function == "rising":
        pairs = pairwise(values)
        return conjunction(
            [_where_there(there, compare(frame, ">", later, earlier)) for (there, earlier), (_, later) in pairs]
        )
    total: Numbers = constant(0)
    existing: Numbers = constant(0)
    for there, value in values:
        kept = numbers_of(choose_rows(frame, there, numbers_of(nothing_left_open(value)), constant(0)))
        total = add(total, kept)
        if function == "mean":
            counted = where_true(there, 1.0, 0.0)
            existing = add(existing, Numbers(KNOWN, counted, counted, 0.0, WHOLE, 1.0))
    return total if function == "sum" else divide(frame, total, _at_least_one(existing))


def _at_least_one(existing: Numbers) -> Numbers:
    """Rows in which no year counts are left out afterwards; until then nothing is divided by zero."""
    years = np.maximum(existing.low, 1.0)
    return Numbers(KNOWN, years, years, 0.0, WHOLE, existing.largest)


def _where_there(there: Mask, truth: Truths) -> Truths:
    """The truth in years that existed; years before the founding ask for nothing."""
    if there is True:
        return truth
    return Truths(by_rows((there, truth.state)), either(truth.true, inverse(there)))


def _compound_growth(meanings: Meanings, node: CompoundGrowth) -> Work:
    inner, first, last, absolute = meanings.shifted(node.inner), node.first, node.last, node.absolute

    def grow(frame: Frame) -> Column:
        start, end = (first, last) if absolute else (frame.year + first, frame.year + last)
        base, reached = (numbers_of(nothing_left_open(_at_year(inner, frame, year))) for year in (start, end))
        return Growths(_growth_ratio(frame, base, reached), end - start)

    return grow


def _growth_ratio(frame: Frame, base: Numbers, reached: Numbers) -> Numbers:
    first, second = base.state.before_founding, but_not(reached.state.before_founding, base.state.before_founding)
    before = either(first, second)
    nothing = but_not(but_not(tidy(np.less_equal(base.low, 0.0)), base.state.absent), before)
    if not is_zero(base.error):
        frame.doubt(tidy(np.abs(base.low) <= base.error))
    rest = inverse(either(before, nothing))
    unknown = both(rest, either(base.state.unknown, reached.state.unknown))
    state = by_rows(
        (first, base.state), (second, reached.state), (nothing, NOT_COMPUTABLE),
        (rest, merged((base.state, reached.state), unknown)),
    )  # fmt: skip
    good = but_not(rest, unknown)
    divisor, dividend = where_true(good, base.low, np.nan), where_true(good, reached.low, np.nan)
    found = divide(
        frame,
        Numbers(KNOWN, dividend, dividend, reached.error, reached.denominator, reached.largest),
        Numbers(KNOWN, divisor, divisor, base.error, base.denominator, base.largest),
    )
    found.state = state
    return found


def _bands(meanings: Meanings, node: Bands) -> Work:
    of = meanings.meaning(node.of)
    steps = [(step.op, literal(step.threshold), float(step.least), float(step.greatest)) for step in node.steps]
    otherwise = (float(node.otherwise[0]), float(node.otherwise[1]))
    points = [*((step.least, step.greatest) for step in node.steps), node.otherwise]
    least, greatest = float(min(low for low, _ in points)), float(max(high for _, high in points))
    if any(Fraction(float(one)) != one for pair in points for one in pair):
        raise Unsupported("points that floats do not hold")
    denominator = Denominator(lcm(*(one.denominator for pair in points for one in pair)))

    def score(frame: Frame) -> Column:
        figure = of(frame)
        low, high = otherwise
        for op, threshold, step_low, step_high in reversed(steps):
            truth = compare(frame, op, figure, threshold)
            open_low, open_high = low, high
            low, high = where_true(truth.true, step_low, low), where_true(truth.true, step_high, high)
            if truth.state.unknown is not False:
                low = where_true(truth.state.unknown, np.minimum(open_low, step_low), low)
                high = where_true(truth.state.unknown, np.maximum(open_high, step_high), high)
        state = figure.state
        if state.dropped is not False:
            low, high = where_true(state.dropped, least, low), where_true(state.dropped, greatest, high)
        apart = (
            tidy(np.not_equal(low, high))
            if isinstance(low, np.ndarray) or isinstance(high, np.ndarray)
            else low != high
        )
        waiting = both(state.unknown, either(apart, state.dropped))
        judged_by_people = but_not(apart, state.unknown)
        found = by_rows((waiting, state), (judged_by_people, UNDECIDED))
        if found is KNOWN:
            high = low
        return Numbers(found, low, high, 0.0, denominator, max(abs(least), abs(greatest)))

    return score


def _records(meanings: Meanings, node: Records) -> Work:
    if not isinstance(node.records, Fact):
        raise Unsupported("records that are no indicator's")
    records = meanings.fact(node.records)
    predicate = meanings.meaning(node.predicate) if node.predicate is not None else None
    reads_facts = node.predicate is not None and any(isinstance(one, Fact | Measure) for one in walk(node.predicate))
    key, compiler = meanings.key(node), meanings.compiler

    def ask(frame: Frame) -> Column:
        found = records(frame)
        if not isinstance(found, Lists):
            return _open_records(node, found.state)
        if reads_facts:
            # Asked of each enterprise's own records.
            owners, numbers = _records_of_rows(found)
            about, doubts = _about_records(frame, _Asked(found.table, numbers, owners, frame.size), node, predicate)
            frame.doubt(doubts)
            return _of_rows(node, found.state, slice(None), about)
        # Asked of each different list once; rows without a list find the answer about no list at the end.
        population, place = frame.population, (key, frame.as_of)
        with compiler.lock:
            if place not in population.about_lists:
                asked = _Asked(found.table, None, found.table.owners, len(found.table.lists) + 1)
                population.about_lists[place] = _about_records(frame, asked, node, predicate)
        about, doubts = population.about_lists[place]
        places = np.where(found.places < 0, -1, found.places)
        frame.doubt(_at(doubts, places))
        return _of_rows(node, found.state, places, about)

    return ask


@dataclass(frozen=True)
class _Asked:
    """Records that are asked about: of each different list, or of each enterprise."""

    table: RecordTable
    #: Which records of the table; None for all of them.
    numbers: NDArray[np.int64] | None
    #: The list, or the enterprise's row, that each belongs to.
    owners: NDArray[np.int64]
    count: int

    @property
    def size(self) -> int:
        return len(self.owners)


def _records_of_rows(lists: Lists) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each record of each row: the row, and the record's number in the table."""
    places = np.where(lists.places < 0, len(lists.table.lists), lists.places)
    lengths = np.bincount(lists.table.owners, minlength=len(lists.table.lists) + 1)
    starts = np.cumsum(lengths) - lengths
    owners = np.repeat(np.arange(len(places)), lengths[places])
    before = np.repeat(np.cumsum(lengths[places]) - lengths[places], lengths[places])
    return owners, starts[places][owners] + np.arange(len(owners)) - before


def _about_records(frame: Frame, asked: _Asked, node: Records, predicate: Work | None) -> tuple[Column, Mask]:
    """The answer about each list (or enterprise), and the doubtful ones."""
    inner = _frame_of_records(frame, asked)
    truth = Truths(KNOWN, asked.size > 0)
    if predicate is not None and asked.size:
        truth = truths_of(inner, predicate(inner))
    true, maybe = (spread(mask, asked.size) for mask in (truth.true, truth.maybe))
    sure = np.bincount(asked.owners[true], minlength=asked.count)
    possible = np.bincount(asked.owners[maybe], minlength=asked.count)
    parts = Parts(truth.state, asked.owners, asked.count)
    state = _open_lists(parts)
    if node.quantifier in ("any", "none"):
        decided = Truths(_restricted(state, tidy((possible > 0) & (sure == 0))), tidy(sure > 0))
        about: Column = decided if node.quantifier == "any" else negate(decided)
    elif node.quantifier == "count":
        about = _counted(sure, possible, state)
    else:
        about = _highest(inner, node, parts, true, _restricted(state, tidy(sure != possible)))
    return about, parts.of_rows(inner.doubts)


def _frame_of_records(frame: Frame, asked: _Asked) -> Frame:
    """A frame with a row per record, that of its enterprise where it is asked about one."""
    if asked.numbers is None:
        rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        numbers: Any = slice(0, asked.size)
    else:
        rows, numbers = row_numbers(frame)[asked.owners], asked.numbers
    inner = Frame(frame.population, frame.derivations, frame.as_of, rows, asked.size, frame.base_year)
    inner.year = frame.year
    inner.read_field = lambda name: _field_of_records(frame, asked.table, name, numbers)
    return inner


def _field_of_records(frame: Frame, table: RecordTable, name: str, numbers: Any) -> Column:
    remembered = frame.population.about_lists
    place = ("field", table.indicator.id, name)
    if place not in remembered:
        described = next(one for one in table.indicator.fields if one.id == name)
        remembered[place] = field_column(described, table.records)
    found = column(remembered[place], numbers)
    if found.state.unknown is not False:
        found.state.empty = found.state.unknown  # a record's gap is no fact of the catalogue
    return found


def _open_lists(parts: Parts) -> State:
    """What is unknown of a list because it is of some of its records."""
    state = parts.state
    if state.unknown is False:
        return KNOWN
    unknown = parts.of_rows(state.unknown)
    has_missing = parts.of_rows(but_not(state.unknown, state.empty))
    found = State(
        unknown,
        not_computable=parts.of_rows(state.dropped),
        undecided=but_not(parts.of_rows(state.undecided), has_missing),
        empty=but_not(unknown, has_missing),
    )
    found.within = parts
    return found


def _restricted(state: State, rows: Mask) -> State:
    """The state of some rows, the others being known."""
    return by_rows((rows, state))


def _counted(sure: Any, possible: Any, state: State) -> Numbers:
    low, high = sure.astype(np.float64), possible.astype(np.float64)
    open_lists = tidy(sure != possible)
    return Numbers(
        _restricted(state, open_lists), low, low if open_lists is False else high, 0.0, WHOLE, float(possible.sum())
    )


def _highest(frame: Frame, node: Records, parts: Parts, true: Any, state: State) -> Column:
    assert node.field is not None and frame.read_field is not None
    values = frame.read_field(node.field)
    if not isinstance(values, Dates | Numbers) or (isinstance(values, Numbers) and not is_zero(values.error)):
        raise Unsupported("the highest of texts or fractions")
    size = len(parts.owners)
    unsaid = but_not(parts.of_rows(true & spread(values.state.unknown, size)), state.unknown)
    present = true & ~spread(values.state.absent, size)
    figures = np.broadcast_to(values.low if isinstance(values, Numbers) else values.days, size)
    best = np.full(parts.rows, -np.inf)
    np.maximum.at(best, parts.owners[present], figures[present].astype(np.float64))
    absent = either(state.unknown, unsaid)
    nothing = but_not(tidy(np.isinf(best)), absent)
    whole = by_rows((state.unknown, state), (unsaid, UNSAID), (nothing, State(none=True)))
    absent = either(absent, nothing)
    if isinstance(values, Dates):
        return Dates(whole, np.where(spread(absent, parts.rows), 0.0, best).astype(np.int64))
    found = np.where(spread(absent, parts.rows), np.nan, best)
    return Numbers(whole, found, found, 0.0, WHOLE, values.largest)


def _of_rows(node: Records, lists: State, places: Any, about: Column) -> Column:
    """The answers about the lists, row by row."""
    state, unknown = about.state, lists.unknown
    here = state if isinstance(places, slice) else State(
        _at(state.unknown, places), none=_at(state.none, places), not_computable=_at(state.not_computable, places),
        undecided=_at(state.undecided, places), empty=_at(state.empty, places),
    )  # fmt: skip
    whole = by_rows((unknown, lists), (inverse(unknown), here))
    match about:
        case Truths():
            return Truths(whole, tidy(but_not(_at(about.true, places), unknown)))
        case Dates():
            return Dates(whole, about.days[places])
        case Numbers():
            low, high = about.low[places], about.high[places]
            if node.quantifier == "count":
                low, high = where_true(unknown, 0.0, low), where_true(unknown, np.nan, high)
                return Numbers(whole, low, low if whole.unknown is False else high, 0.0, WHOLE, about.largest)
            low = where_true(unknown, np.nan, low)
            return Numbers(whole, low, low, 0.0, WHOLE, about.largest)
        case _:
            raise Unsupported(f"{type(about).__name__} of records")


def _at(mask: Mask, places: Any) -> Mask:
    return mask if isinstance(mask, bool) else tidy(mask[places])


def _open_records(node: Records, state: State) -> Column:
    """The answer where no row has a list."""
    if node.quantifier == "count":
        return Numbers(state, 0.0, np.nan, 0.0, WHOLE, 0.0)
    return Bare(state)


def _call(meanings: Meanings, node: Call) -> Work:
    if node.function in _WITH_NODES:
        return _WITH_NODES[node.function](meanings, node)
    arguments = [meanings.meaning(argument) for argument in node.arguments]
    function = _CALLS.get(node.function)
    if function is not None:
        return lambda frame: function(frame, [argument(frame) for argument in arguments])
    plain = _PLAIN[node.function]
    return lambda frame: _plain_call(plain, [argument(frame) for argument in arguments])


def _plain_call(function: Callable[..., Column], values: list[Column]) -> Column:
    """Unknown where an argument is; not there where one is known not to exist."""
    unknown: Mask = False
    none: Mask = False
    for value in values:
        unknown, none = either(unknown, value.state.unknown), either(none, value.state.none)
    state = merged([value.state for value in values], unknown)
    none = but_not(none, unknown)
    if none is not False:
        state = by_rows((none, State(none=True)), (inverse(none), state))
    if any(isinstance(value, Bare) for value in values):
        return Bare(state)
    found = function(state, *values)
    if isinstance(found, Numbers):
        hidden = found.state.absent
        if hidden is not False:
            found.low = found.high = where_true(hidden, np.nan, found.low)
    return found


def _months(dates: Dates) -> Any:
    return np.asarray(dates.days).astype("M8[D]").astype("M8[M]")


def _whole(numbers: Column) -> Any:
    figures = numbers_of(numbers).low
    return np.nan_to_num(np.asarray(figures)).astype(np.int64)


def _moved(days: Any, months: Any) -> Any:
    """The same day some months later; the last day of the month where that day does not exist."""
    day = np.asarray(days).astype("M8[D]")
    month = day.astype("M8[M]")
    target = month + months
    first, following = target.astype("M8[D]"), (target + 1).astype("M8[D]")
    moved = first + np.minimum(day - month.astype("M8[D]"), following - first - 1)
    return _days(moved)


def _days(moments: Any) -> Any:
    days = moments.astype("M8[D]").astype(np.int64)
    return days if days.ndim else int(days)


def _add_years(state: State, day: Dates, years: Column) -> Column:
    return Dates(state, _moved(day.days, 12 * _whole(years)))


def _add_months(state: State, day: Dates, months: Column) -> Column:
    return Dates(state, _moved(day.days, _whole(months)))


def _figures(state: State, values: Any) -> Numbers:
    floats = np.asarray(values).astype(np.float64)
    floats = floats if floats.ndim else float(floats)
    return Numbers(state, floats, floats, 0.0, WHOLE, 4e6)  # days of ten thousand years


def _days_between(state: State, start: Dates, end: Dates) -> Column:
    return _figures(state, np.asarray(end.days) - start.days)


def _months_between(state: State, start: Dates, end: Dates) -> Column:
    months = (_months(end) - _months(start)).astype(np.int64)
    return _figures(state, np.where(_moved(start.days, months) <= np.asarray(end.days), months, months - 1))


def _years(dates: Dates) -> Any:
    return np.asarray(dates.days).astype("M8[D]").astype("M8[Y]")


def _year_of(state: State, day: Dates) -> Column:
    return _figures(state, _years(day).astype(np.int64) + 1970)


def _year_start(state: State, day: Dates, offset: Column) -> Column:
    return Dates(state, _days(_years(day) + _whole(offset)))


def _of_texts(change: Callable[..., str]) -> Callable[..., Column]:
    """A function of texts: applied to each different text once. The other arguments are the same in every row."""

    def call(state: State, texts: Texts, *arguments: Column) -> Column:
        given = [numbers_of(one).low for one in arguments]
        if any(isinstance(one, np.ndarray) for one in given):
            raise Unsupported("a part of a text that differs from row to row")
        changed = [change(text, *(int(one) for one in given)) for text in texts.words.texts]
        words = list(dict.fromkeys(changed))
        place = {text: number for number, text in enumerate(words)}
        there = np.array([place[text] for text in changed] + [-1])
        places = there[np.clip(texts.places, -1, None)]
        return Texts(state, places if places.ndim else int(places), Words(words))

    return call


def _whole_number(state: State, texts: Texts) -> Column:
    read = [np.nan if (number := whole_number(text)) is None else float(number) for text in texts.words.texts]
    if any(value >= 2.0**53 for value in read):
        raise Unsupported("a text that is a very large number")
    figures = np.array([*read, np.nan])[np.clip(texts.places, -1, None)]
    none = but_not(tidy(np.isnan(np.atleast_1d(figures))), state.unknown)
    whole = by_rows((none, State(none=True)), (inverse(none), state))
    return Numbers(whole, figures, figures, 0.0, WHOLE, max((v for v in read if v == v), default=0.0))


_PLAIN: dict[str, Callable[..., Column]] = {
    "add_years": _add_years, "add_months": _add_months, "days_between": _days_between,
    "months_between": _months_between, "year_of": _year_of, "year_start": _year_start,
    "prefix": _of_texts(lambda text, length: text[:length]),
    "middle": _of_texts(lambda text, start, length: text[start - 1 : start - 1 + length]),
    "whole_number": _whole_number,
}  # fmt: skip


def _least(frame: Frame, values: list[Column]) -> Column:
    return extreme(frame, _open(values), greatest=False)


def _greatest(frame: Frame, values: list[Column]) -> Column:
    return extreme(frame, _open(values), greatest=True)


def _open(values: list[Column]) -> list[Numbers]:
    return [numbers_of(nothing_left_open(value)) for value in values]


def _best_of(frame: Frame, values: list[Column]) -> Column:
    """The greatest of those that can be computed at all."""
    numbers = _open(values)
    dropped: list[Mask] = [number.state.dropped for number in numbers]
    if all(mask is False for mask in dropped):
        return extreme(frame, numbers, greatest=True)
    all_dropped: Mask = True
    for mask in dropped:
        all_dropped = both(all_dropped, mask)
    kept = [_passed_over(number, mask) for number, mask in zip(numbers, dropped, strict=True)]
    found = extreme(frame, kept, greatest=True)
    state = by_rows(
        (all_dropped, merged([number.state for number in numbers], True)), (inverse(all_dropped), found.state)
    )
    found = without_bounds(found, all_dropped)
    found.state = state
    return found


def _passed_over(number: Numbers, where: Mask) -> Numbers:
    """The number as the least of all in some rows, so that it is never the greatest."""
    if where is False:
        return number
    low = where_true(where, -np.inf, number.low)
    high = low if number.is_single else where_true(where, -np.inf, number.high)
    state = by_rows((inverse(where), number.state))
    return Numbers(state, low, high, where_true(where, 0.0, number.error), number.denominator, number.largest)


def _least_known(frame: Frame, values: list[Column]) -> Column:
    numbers = _open(values)
    all_open: Mask = True
    known: list[Numbers] = []
    for number in numbers:
        all_open = both(all_open, number.state.unknown)
        figures = where_true(number.state.unknown, np.inf, number.low)
        known.append(Numbers(KNOWN, figures, figures, number.error, number.denominator, number.largest))
    found = without_bounds(extreme(frame, known, greatest=False), all_open)
    found.state = by_rows((all_open, merged([number.state for number in numbers], True)))
    return found


def _default(frame: Frame, values: list[Column]) -> Column:
    wanted, fallback = values
    absent = wanted.state.absent
    return choose_rows(frame, absent, fallback, wanted)


def _unless_given(meanings: Meanings, node: Call) -> Work:
    """The fact itself where it is given; else the second argument, which is worked out only if some row needs it."""
    fact, otherwise = (meanings.meaning(argument) for argument in node.arguments)

    def look(frame: Frame) -> Column:
        given = fact(frame)
        return given if given.state.unknown is False else _or_worked_out(frame, given, otherwise(frame))

    return look


def _or_worked_out(frame: Frame, given: Column, worked_out: Column) -> Column:
    """A fact, or what stands for it: open until the fact is given or the other is settled."""
    chosen = choose_rows(frame, given.state.unknown, worked_out, given)
    open_rows = both(given.state.unknown, worked_out.state.unknown)
    if open_rows is False:
        return chosen
    empty = both(open_rows, both(given.state.empty, worked_out.state.empty))
    feeds = ((worked_out.state, True), (given.state, True))
    state = by_rows((open_rows, State(open_rows, empty=empty, feeds=feeds)), (inverse(open_rows), chosen.state))
    if not isinstance(chosen, Numbers):
        return choose_rows(frame, open_rows, Bare(state), chosen)
    one, other = numbers_of(given), numbers_of(worked_out)
    low = where_true(both(open_rows, settled(np.isnan(chosen.low))), one.low, chosen.low)
    high = where_true(both(open_rows, settled(np.isnan(chosen.high))), one.high, chosen.high)
    error = 0.0 if is_zero(one.error) and is_zero(other.error) else np.fmax(one.error, other.error)
    return Numbers(state, low, high, error, one.denominator.common(other.denominator), max(one.largest, other.largest))


def _given(frame: Frame, values: list[Column]) -> Column:
    unknown: Mask = False
    for value in values:
        unknown = either(unknown, value.state.unknown)
    return Truths(KNOWN, tidy(inverse(unknown)))


def _floor(frame: Frame, values: list[Column]) -> Column:
    frame.doubt(values[0].state.none)
    return floor(frame, numbers_of(values[0]))


def _between(frame: Frame, values: list[Column]) -> Column:
    low, high = numbers_of(values[0]), numbers_of(values[1])
    frame.doubt(either(low.state.none, high.state.none))
    if not (is_zero(low.error) and is_zero(high.error)):
        raise Unsupported("points between fractions")
    apart = np.not_equal(low.low, high.high)
    open_rows = tidy(apart) if isinstance(apart, np.ndarray) else bool(apart)
    if open_rows is False:
        return Numbers(KNOWN, low.low, low.low, 0.0, WHOLE, low.largest)
    return Numbers(by_rows((open_rows, UNDECIDED)), low.low, high.high, 0.0, WHOLE, max(low.largest, high.largest))


def _fiscal_year(frame: Frame, values: list[Column]) -> Column:
    return constant(frame.year)


_CALLS: dict[str, Callable[[Frame, list[Column]], Column]] = {
    "min": _least, "max": _greatest, "best_of": _best_of, "least_known": _least_known, "default": _default,
    "given": _given, "all_given": _given, "floor": _floor, "between": _between,
    "fiscal_year": _fiscal_year,
}  # fmt: skip


def _exists(meanings: Meanings, node: Call) -> Work:
    """Whether the enterprise existed in the year that the argument is read at."""
    argument = node.arguments[0]
    offset = argument.offset if isinstance(argument, Shift) else 0
    calendar_year = argument.calendar_year if isinstance(argument, Shift) else None
    return lambda frame: Truths(
        KNOWN, frame.existed(calendar_year if calendar_year is not None else frame.year + (offset or 0))
    )


def _existing_years(meanings: Meanings, node: Call) -> Work:
    wanted = node.arguments[0]
    if not (isinstance(wanted, Literal) and isinstance(wanted.value, int)):
        raise Unsupported("a number of years that is no constant")
    span = wanted.value

    def count(frame: Frame) -> Column:
        total: Floats = 0.0
        for back in range(span):
            total = total + where_true(frame.existed(frame.year - back), 1.0, 0.0)
        return Numbers(KNOWN, total, total, 0.0, WHOLE, float(span))

    return count


def _undetermined(meanings: Meanings, node: Call) -> Work:
    return lambda frame: Bare(UNDECIDED)


_WITH_NODES: dict[str, Callable[[Meanings, Call], Work]] = {
    "exists": _exists, "existing_years": _existing_years, "undetermined": _undetermined,
    "unless_given": _unless_given,
}  # fmt: skip

_MEANINGS: dict[type[Node], Callable[[Meanings, Any], Work]] = {
    Literal: _literal, Fact: _fact, Field: _field, AsOf: _as_of, Measure: _measure, Shift: _shift,
    Arithmetic: _arithmetic, Compare: _compare, Logic: _logic, Not: _not, Choose: _choose, Window: _window,
    CompoundGrowth: _compound_growth, Records: _records, Call: _call, Bands: _bands,
}  # fmt: skip
