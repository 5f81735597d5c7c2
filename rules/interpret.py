"""What an expression means: each node turned into a function of the context. The reference meaning of the language."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any, TypeAlias

from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.facts import Facts
from rules.language import (
    FEN_PER_WAN,
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
)  # fmt: skip
from rules.translation import marked, say
from rules.values import (
    NOTHING,
    FactKey,
    Growth,
    Number,
    RecordValue,
    Truth,
    Unknown,
    Value,
    Why,
    add,
    best_of,
    bounds,
    compare,
    conjunction,
    disjunction,
    divide,
    greatest,
    hull,
    least,
    merge,
    multiply,
    negate,
    simple,
    subtract,
    worked_on,
)  # fmt: skip

Meaning: TypeAlias = Callable[["Context"], Value]


@dataclass
class Environment:
    """What all checks share: the catalogue, and the meanings of its derivations once worked out."""

    catalogue: Catalogue
    _derivations: dict[str, Meaning] = field(default_factory=dict[str, Meaning])

    def derivation(self, text: str) -> Meaning:
        """The meaning of a derivation's expression, parsed once."""
        if text not in self._derivations:
            self._derivations[text] = meaning(parse(text, self.catalogue))
        return self._derivations[text]


@dataclass(slots=True)
class Context:
    """One enterprise on one day, and what has been read of it so far."""

    environment: Environment
    facts: Facts
    as_of: date
    #: The fiscal year that stands for “last year”.
    year: int
    measures: dict[str, Meaning] = field(default_factory=dict[str, Meaning])
    founded_in: int | None = None
    record: RecordValue | None = None
    #: The fiscal year the check stands at; `year` moves while a window is looked at.
    base_year: int = 0
    #: Facts read since the list was last emptied, for the explanation.
    trail: list[tuple[FactKey, Value]] = field(default_factory=list[tuple[FactKey, Value]])
    cache: dict[FactKey, Value] = field(default_factory=dict[FactKey, Value])
    worked_out: dict[tuple[str, int], tuple[Value, list[tuple[FactKey, Value]]]] = field(
        default_factory=dict[tuple[str, int], tuple[Value, list[tuple[FactKey, Value]]]]
    )
    _deriving: set[FactKey] = field(default_factory=set[FactKey])

    def existed(self, year: int) -> bool:
        """Whether the enterprise existed in a year; one whose founding day is unknown is taken to have."""
        return self.founded_in is None or year >= self.founded_in

    def fact(self, indicator: Indicator) -> Value:
        """The value of an indicator in the year the context stands at, derived where nobody reported it."""
        key = FactKey(indicator.id, self.year if indicator.period is Period.YEARLY else None)
        if key in self.cache:
            value = self.cache[key]
        else:
            value = self.cache[key] = self._find(indicator, key)
        self.trail.append((key, value))
        return value

    def _find(self, indicator: Indicator, key: FactKey) -> Value:
        known = self.reported(indicator, key)
        if known is not None and not indicator.derived_wins:
            return known[0]
        derived = self._derive(indicator, key)
        if derived is not None and not isinstance(derived, Unknown):
            return derived
        if known is not None:
            return known[0]
        if key.year is not None and not self.existed(key.year):
            return Unknown(why=Why.BEFORE_FOUNDING, note=say("{year} 年企业尚未成立", year=key.year))
        low, high = self._bounds(indicator)
        upper = self._upper_bound(indicator, key)
        missing = derived.missing if isinstance(derived, Unknown) and derived.missing else frozenset((key,))
        why = derived.why if isinstance(derived, Unknown) and not derived.missing else Why.MISSING
        note = derived.note if isinstance(derived, Unknown) else ""
        return Unknown(missing, low, upper if upper is not None else high, why, note)

    def reported(self, indicator: Indicator, key: FactKey) -> tuple[Value] | None:
        """The value somebody reported, in a tuple; None where nobody did."""
        if key.year is None:
            return (self.facts.current[indicator.id],) if indicator.id in self.facts.current else None
        years = self.facts.yearly.get(indicator.id)
        return (years[key.year],) if years is not None and key.year in years else None

    def _derive(self, indicator: Indicator, key: FactKey) -> Value | None:
        if indicator.derive is None or key in self._deriving:
            return None
        self._deriving.add(key)
        try:
            return self.environment.derivation(indicator.derive)(self)
        finally:
            self._deriving.discard(key)

    def _upper_bound(self, indicator: Indicator, key: FactKey) -> Number | None:
        if indicator.at_most is None or key in self._deriving:
            return None
        bound = self.environment.derivation(indicator.at_most)(self)
        return bound if isinstance(bound, int | Fraction) else None

    def _bounds(self, indicator: Indicator) -> tuple[Number | None, Number | None]:
        """Between what a missing value lies: only where the range is closed, as that of points is.

        That an amount cannot be negative says nothing of how much it is: a sum with a year missing stays unknown,
        even where the years known would reach the mark.
        """
        if indicator.range is None or None in indicator.range:
            return None, None
        scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
        low, high = indicator.range
        return (low or 0) * scale, (high or 0) * scale

    def measure(self, name: str) -> Value:
        """A measure of the rule file, worked out once for each year and remembered with the facts it read."""
        place = (name, self.year)
        if place not in self.worked_out:
            outer, self.trail = self.trail, []
            value = self.measures[name](self)
            self.worked_out[place] = (value, self.trail)
            self.trail = outer
        value, read = self.worked_out[place]
        self.trail.extend(read)
        return value


def meaning(node: Node) -> Meaning:
    """The function that a node means."""
    return _MEANINGS[type(node)](node)


def _literal(node: Literal) -> Meaning:
    value: Any = node.value
    return lambda context: value


def _fact(node: Fact) -> Meaning:
    indicator = node.indicator
    return lambda context: context.fact(indicator)


def _field(node: Field) -> Meaning:
    name = node.name

    def read(context: Context) -> Value:
        assert context.record is not None
        return context.record[name] if name in context.record else Unknown(note=say("记录缺少 {name}", name=name))

    return read


def _as_of(node: AsOf) -> Meaning:
    return lambda context: context.as_of


def _measure(node: Measure) -> Meaning:
    name = node.name
    return lambda context: context.measure(name)


def _at_year(inner: Meaning, context: Context, year: int) -> Value:
    before, context.year = context.year, year
    try:
        return inner(context)
    finally:
        context.year = before


def _shift(node: Shift) -> Meaning:
    inner, offset, calendar_year = meaning(node.inner), node.offset, node.calendar_year

    def read(context: Context) -> Value:
        return _at_year(inner, context, calendar_year if calendar_year is not None else context.year + (offset or 0))

    return read


_OPERATIONS: dict[str, Callable[[Value, Value], Value]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
}


def _arithmetic(node: Arithmetic) -> Meaning:
    left, right, operation = meaning(node.left), meaning(node.right), _OPERATIONS[node.op]

    def work_out(context: Context) -> Value:
        a, b = left(context), right(context)
        if a is None or b is None:
            return merge(a, b, worked_on(None))
        return operation(a, b)

    return work_out


def _compare(node: Compare) -> Meaning:
    left, right, op = meaning(node.left), meaning(node.right), node.op
    return lambda context: compare(op, left(context), right(context))


def _logic(node: Logic) -> Meaning:
    parts = [meaning(part) for part in node.parts]
    deciding = node.op == "or"
    joined = disjunction if deciding else conjunction

    def judge(context: Context) -> Value:
        truths: list[Truth] = []
        for part in parts:
            truth: Any = part(context)
            if truth is deciding:
                return deciding
            truths.append(truth)
        return joined(truths)

    return judge


def _not(node: Not) -> Meaning:
    inner = meaning(node.inner)

    def judge(context: Context) -> Value:
        truth: Any = inner(context)
        return negate(truth)

    return judge


def _choose(node: Choose) -> Meaning:
    condition, then, otherwise = meaning(node.condition), meaning(node.then), meaning(node.otherwise)

    def pick(context: Context) -> Value:
        truth = condition(context)
        if isinstance(truth, Unknown):
            return hull(then(context), otherwise(context), truth)
        return then(context) if truth else otherwise(context)

    return pick


def _window(node: Window) -> Meaning:
    inner, years, function = meaning(node.inner), node.years, node.function

    def look(context: Context) -> Value:
        span = range(context.year - years + 1, context.year + 1)
        values = [_at_year(inner, context, year) for year in span if context.existed(year)]
        if not values:
            return Unknown(why=Why.NOT_COMPUTABLE, note=marked("所需年度企业均未成立"))
        return _over_years(function, values)

    return look


def _over_years(function: str, values: list[Any]) -> Value:
    if function == "every":
        return conjunction(values)
    if function == "rising":
        return conjunction([compare(">", later, earlier) for earlier, later in itertools.pairwise(values)])
    total: Value = 0
    for value in values:
        total = add(total, worked_on(value))
    return divide(total, len(values)) if function == "mean" else total


def _compound_growth(node: CompoundGrowth) -> Meaning:
    inner, first, last, absolute = meaning(node.inner), node.first, node.last, node.absolute

    def grow(context: Context) -> Value:
        start = first if absolute else context.year + first
        end = last if absolute else context.year + last
        base, reached = (worked_on(_at_year(inner, context, year)) for year in (start, end))
        for value in (base, reached):
            if isinstance(value, Unknown) and value.why is Why.BEFORE_FOUNDING:
                return value
        if isinstance(base, int | Fraction) and base <= 0:
            return Unknown(why=Why.NOT_COMPUTABLE, note=say("{year} 年基数不为正，无法计算增长率", year=start))
        if isinstance(base, Unknown) or isinstance(reached, Unknown):
            return merge(base, reached)
        assert isinstance(base, int | Fraction) and isinstance(reached, int | Fraction)
        return Growth(base, reached, end - start)

    return grow


def _records(node: Records) -> Meaning:
    records = meaning(node.records)
    predicate = meaning(node.predicate) if node.predicate is not None else None
    quantifier, field_name = node.quantifier, node.field

    def ask(context: Context) -> Value:
        found = records(context)
        if isinstance(found, Unknown):
            return _open_records(quantifier, found)
        kept = _matching(context, found if isinstance(found, list) else [], predicate)
        return _answer(quantifier, field_name, kept)

    return ask


def _open_records(quantifier: str, unknown: Unknown) -> Value:
    return Unknown(unknown.missing, 0, None, unknown.why, unknown.note) if quantifier == "count" else unknown


def _matching(
    context: Context, records: list[RecordValue], predicate: Meaning | None
) -> list[tuple[RecordValue, Truth]]:
    outer = context.record
    matches: list[tuple[RecordValue, Truth]] = []
    for record in records:
        context.record = record
        truth: Any = predicate(context) if predicate is not None else True
        if truth is True or isinstance(truth, Unknown):
            matches.append((record, truth))
    context.record = outer
    return matches


def _answer(quantifier: str, field_name: str | None, matches: list[tuple[RecordValue, Truth]]) -> Value:
    truths = [truth for _, truth in matches]
    if quantifier == "any":
        return disjunction(truths)
    if quantifier == "none":
        return negate(disjunction(truths))
    sure = [record for record, truth in matches if truth is True]
    if quantifier == "count":
        return len(sure) if len(sure) == len(matches) else merge(*truths, lo=len(sure), hi=len(matches))
    assert field_name is not None
    if len(sure) != len(matches) or any(field_name not in record for record in sure):
        return merge(*truths)
    present = [record[field_name] for record in sure if record[field_name] is not None]
    return max(present) if present else None


def _bands(node: Bands) -> Meaning:
    of, steps, otherwise = meaning(node.of), node.steps, node.otherwise
    all_points = [(step.least, step.greatest) for step in steps] + [otherwise]

    def score(context: Context) -> Value:
        figure = of(context)
        reachable: list[tuple[Number, Number]] = []
        certain: Truth = False
        for step, points in zip(steps, all_points, strict=False):
            certain = compare(step.op, figure, step.threshold)
            if certain is not False:
                reachable.append(points)
            if certain is True:
                break
        if certain is not True:
            reachable.append(otherwise)
        if isinstance(figure, Unknown) and figure.is_dropped:
            reachable = all_points
        lo, hi = min(low for low, _ in reachable), max(high for _, high in reachable)
        if not isinstance(figure, Unknown):
            return lo if lo == hi else Unknown(lo=lo, hi=hi, why=Why.UNDECIDED, note=marked("专家在分档内打分"))
        return lo if lo == hi and not figure.is_dropped else Unknown(figure.missing, lo, hi, figure.why, figure.note)

    return score


def add_months(day: date, months: int) -> date:
    """The same day some months later; the last day of the month where that day does not exist."""
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    last = (date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - date(year, month + 1, 1)).days
    return date(year, month + 1, min(day.day, last))


def _months_between(start: date, end: date) -> int:
    """Full calendar months from one day to another."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if add_months(start, months) <= end else months - 1


def _prefix(text: str, length: int) -> str:
    return text[:length]


def _middle(text: str, start: int, length: int) -> str:
    return text[start - 1 : start - 1 + length]


#: Longer than any number that stands in a text; Python refuses to read some thousands of digits.
_MOST_DIGITS = 30


def whole_number(text: str) -> int | None:
    """A text of digits as a number; nothing where there is anything else."""
    # Full-width digits look the same on a page but are other characters: nobody issues a number with them.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS else None


_PLAIN: dict[str, Callable[..., Value]] = {
    "add_years": lambda day, years: add_months(day, 12 * years),
    "add_months": add_months,
    "days_between": lambda start, end: (end - start).days,
    "months_between": _months_between,
    "year_of": lambda day: day.year,
    "year_start": lambda day, offset: date(day.year + offset, 1, 1),
    "prefix": _prefix,
    "middle": _middle,
    "whole_number": whole_number,
}


def _call(node: Call) -> Meaning:
    arguments = [meaning(argument) for argument in node.arguments]
    if node.function in _PLAIN:
        return _plain_call(_PLAIN[node.function], arguments)
    return _CALLS[node.function](node, arguments)


def _plain_call(function: Callable[..., Value], arguments: list[Meaning]) -> Meaning:
    def call(context: Context) -> Value:
        values = [argument(context) for argument in arguments]
        if any(isinstance(value, Unknown) for value in values):
            return merge(*values)
        if any(value is None for value in values):
            return None
        return function(*values)

    return call


def _over(join: Callable[[list[Value]], Value]) -> Callable[[Call, list[Meaning]], Meaning]:
    def build(node: Call, arguments: list[Meaning]) -> Meaning:
        def call(context: Context) -> Value:
            values = [argument(context) for argument in arguments]
            return join([worked_on(value) for value in values])

        return call

    return build


def _least_known(values: list[Value]) -> Value:
    known = [value for value in values if not isinstance(value, Unknown)]
    return least(known) if known else merge(*values)


def _default(node: Call, arguments: list[Meaning]) -> Meaning:
    wanted, fallback = arguments

    def call(context: Context) -> Value:
        value = wanted(context)
        return fallback(context) if isinstance(value, Unknown) or value is None else value

    return call


def _unless_given(node: Call, arguments: list[Meaning]) -> Meaning:
    """The fact itself where it is given; else the second argument, open until the fact is given or it is settled."""
    wanted, otherwise = arguments

    def call(context: Context) -> Value:
        value = wanted(context)
        if not isinstance(value, Unknown):
            return value
        worked_out = otherwise(context)
        if not isinstance(worked_out, Unknown):
            return worked_out
        low = worked_out.lo if worked_out.lo is not None else value.lo
        high = worked_out.hi if worked_out.hi is not None else value.hi
        return Unknown(worked_out.missing | value.missing, low, high, Why.MISSING, worked_out.note)

    return call


def _given(node: Call, arguments: list[Meaning]) -> Meaning:
    return lambda context: all(not isinstance(argument(context), Unknown) for argument in arguments)


def _exists(node: Call, arguments: list[Meaning]) -> Meaning:
    """Whether the enterprise existed in the year that the argument is read at."""
    argument = node.arguments[0]
    assert isinstance(argument, Shift | Fact | Measure)
    offset = argument.offset if isinstance(argument, Shift) else 0
    calendar_year = argument.calendar_year if isinstance(argument, Shift) else None
    return lambda context: context.existed(calendar_year if calendar_year is not None else context.year + (offset or 0))


def _existing_years(node: Call, arguments: list[Meaning]) -> Meaning:
    years = arguments[0]

    def call(context: Context) -> Value:
        wanted = years(context)
        assert isinstance(wanted, int)
        return sum(context.existed(context.year - back) for back in range(wanted))

    return call


def _floor(node: Call, arguments: list[Meaning]) -> Meaning:
    def down(number: Number | None) -> int | None:
        return None if number is None else number // 1  # type: ignore[return-value]

    def call(context: Context) -> Value:
        value = worked_on(arguments[0](context))
        if isinstance(value, Unknown):
            return Unknown(value.missing, down(value.lo), down(value.hi), value.why, value.note)
        assert isinstance(value, int | Fraction)
        return down(value)

    return call


def _between(node: Call, arguments: list[Meaning]) -> Meaning:
    def call(context: Context) -> Value:
        low, high = bounds(worked_on(arguments[0](context)))[0], bounds(worked_on(arguments[1](context)))[1]
        return low if low == high else Unknown(lo=low, hi=high, why=Why.UNDECIDED, note=marked("专家打分"))

    return call


def _undetermined(node: Call, arguments: list[Meaning]) -> Meaning:
    reason = node.arguments[0]
    assert isinstance(reason, Literal)
    open_question = Unknown(NOTHING, None, None, Why.UNDECIDED, str(reason.value))
    return lambda context: open_question


def _fiscal_year(node: Call, arguments: list[Meaning]) -> Meaning:
    return lambda context: context.year


_CALLS: dict[str, Callable[[Call, list[Meaning]], Meaning]] = {
    "min": _over(least),
    "max": _over(greatest),
    "best_of": _over(best_of),
    "least_known": _over(_least_known),
    "default": _default,
    "unless_given": _unless_given,
    "given": _given,
    "all_given": _given,
    "exists": _exists,
    "existing_years": _existing_years,
    "floor": _floor,
    "between": _between,
    "undetermined": _undetermined,
    "fiscal_year": _fiscal_year,
}

_MEANINGS: dict[type[Node], Callable[[Any], Meaning]] = {
    Literal: _literal, Fact: _fact, Field: _field, AsOf: _as_of, Measure: _measure, Shift: _shift,
    Arithmetic: _arithmetic, Compare: _compare, Logic: _logic, Not: _not, Choose: _choose, Window: _window,
    CompoundGrowth: _compound_growth, Records: _records, Call: _call, Bands: _bands,
}  # fmt: skip

__all__ = ["Context", "Environment", "Meaning", "add_months", "meaning", "simple", "whole_number"]
