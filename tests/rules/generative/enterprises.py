"""Invented enterprises for one version: facts missing, and figures on, one fen below and one above each edge."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from rules.catalogue import Catalogue, Indicator, Period, RecordField, Type
from rules.facts import Facts
from rules.interpret import add_months
from rules.language import MONEY, Bands, CompoundGrowth, Fact, Literal, Node, parse, walk
from rules.programme import Version, walk_criteria
from rules.values import Value, simple

#: Amounts of money (fen) that ratios are tried on: small ones, where ties abound, and ordinary ones.
AMOUNTS = (100, 2_000, 300_000_000, 5_000_000_000_000)
COUNTS = (0, 1, 2, 3, 4, 5, 10, 20, 30, 40, 100, 200, 300, 500, 1000)


def nodes_of(version: Version) -> list[Node]:
    """All expressions of a version."""
    roots = [measure.node for measure in version.measures]
    for criterion in walk_criteria(version.criteria):
        roots += [node for node in (criterion.test, criterion.applies) if node is not None]
    return roots


@dataclass(frozen=True)
class Edges:
    """What a version reads, and the values at which its answer may turn."""

    indicators: tuple[Indicator, ...]
    money: tuple[int, ...]
    numbers: tuple[int | Fraction, ...]
    texts: tuple[str, ...]
    #: How far back windows and shifts reach, at least.
    years_back: int
    calendar_years: tuple[int, ...]


def edges_of(version: Version, catalogue: Catalogue) -> Edges:
    """The edges of a version, those of the derivations it uses included."""
    found: dict[str, Indicator] = {"established_on": catalogue.by_name["established_on"]}
    nodes = [node for root in nodes_of(version) for node in walk(root)]
    waiting = [node.indicator for node in nodes if isinstance(node, Fact)]
    while waiting:
        indicator = waiting.pop()
        if indicator.id in found:
            continue
        found[indicator.id] = indicator
        for text in (indicator.derive, indicator.at_most):
            inner = walk(parse(text, catalogue)) if text is not None else []
            nodes += inner
            waiting += [node.indicator for node in inner if isinstance(node, Fact)]
    if version.source.fiscal_year == "latest_audited":
        found["latest_audited_fy"] = catalogue.by_name["latest_audited_fy"]
    literals = [(node.kind, node.value) for node in nodes if isinstance(node, Literal)]
    steps = [(node.of.kind, step.threshold) for node in nodes if isinstance(node, Bands) for step in node.steps]
    figures = [(kind, value) for kind, value in literals + steps if isinstance(value, int | Fraction)]
    years = [
        year for node in nodes if isinstance(node, CompoundGrowth) and node.absolute for year in (node.first, node.last)
    ]
    return Edges(
        tuple(found.values()),
        tuple(sorted({int(value) for kind, value in figures if kind == MONEY})),
        tuple(sorted({value for kind, value in figures if kind != MONEY and not isinstance(value, bool)})),
        tuple(sorted({value for _, value in literals if isinstance(value, str)})),
        3,
        tuple(sorted(set(years))),
    )


class Inventor:
    """Invents enterprises whose figures lie on the edges of a version or right beside them."""

    def __init__(self, edges: Edges, as_of: date, chance: random.Random, chances_of_none: Sequence[float]) -> None:
        self.edges = edges
        self.as_of = as_of
        self.chance = chance
        self.chances_of_none = chances_of_none
        self.chance_of_none = 0.0

    def enterprise(self) -> Facts:
        """One enterprise; how much is known of it differs."""
        known = self.chance.choice((0.0, 0.3, 0.6, 0.8, 0.95, 1.0, 1.0))
        # Of anything somebody may say that it is known not to exist.
        self.chance_of_none = self.chance.choice(self.chances_of_none)
        amount = self.chance.choice(AMOUNTS)
        facts = Facts()
        for indicator in self.edges.indicators:
            if indicator.derive is not None and self.chance.random() < 0.7:
                continue
            if indicator.period is Period.YEARLY:
                years = {year: self._value(indicator, amount) for year in self._years() if self.chance.random() < known}
                if years:
                    facts.yearly[indicator.id] = years
            elif self.chance.random() < known:
                facts.current[indicator.id] = self._value(indicator, amount)
        return facts

    def _years(self) -> Iterable[int]:
        last = self.as_of.year
        return {*range(last - self.edges.years_back - 2, last + 1), *self.edges.calendar_years}

    def _value(self, indicator: Indicator | RecordField, amount: int) -> Value:
        chance = self.chance
        if chance.random() < self.chance_of_none:
            return None
        match indicator.type:
            case Type.MONEY:
                return self._money(amount)
            case Type.BOOLEAN:
                return chance.random() < 0.6
            case Type.DATE:
                return None if chance.random() < 0.1 else self._day()
            case Type.YEAR:
                return self.as_of.year - chance.choice((0, 1, 1, 1, 2, 3, 4))
            case Type.CHOICE:
                return chance.choice(
                    [*indicator.choices, *(text for text in self.edges.texts if text in indicator.choices)]
                )
            case Type.TEXT:
                texts = [
                    *(text for text in self.edges.texts if text != "none"),
                    "6510",
                    "3912",
                    "5910",
                    "701",
                    "70",
                    "2024123412A1",
                    "",
                ]
                return None if chance.random() < 0.05 else chance.choice(texts)
            case Type.LIST:
                assert isinstance(indicator, Indicator)
                return [self._record(indicator.fields) for _ in range(chance.choice((0, 0, 1, 1, 2, 3)))]
            case _:
                return self._number(indicator)

    def _money(self, amount: int) -> int:
        chance = self.chance
        shares = [value for value in self.edges.numbers if 0 < value <= 3] or [1]
        share = chance.choice([1, 1, *shares, *(1 + one for one in shares if one < 1)])
        edge = chance.choice(self.edges.money) if self.edges.money and chance.random() < 0.4 else int(amount * share)
        size = edge + chance.choice((0, 0, 0, 1, -1, chance.randrange(-(10**9), 10**9)))
        return -size if chance.random() < 0.05 else 0 if chance.random() < 0.03 else size

    def _number(self, indicator: Indicator | RecordField) -> int | Fraction:
        chance = self.chance
        edge = Fraction(chance.choice([*self.edges.numbers, *COUNTS]))
        if edge.denominator != 1 or indicator.type is Type.COUNT:
            edge = Fraction(int(edge))
        beside = [0, 0, 0, 1, -1]
        if indicator.type is not Type.COUNT:
            beside += [Fraction(1, 10), Fraction(-1, 100), Fraction(1, 4)]
        return simple(max(Fraction(0), edge + chance.choice(beside)))

    def _day(self) -> date:
        chance = self.chance
        months = chance.choice(
            [0, 6, 12, 24, 36, 48, 60, 72, 120, *(int(12 * n) for n in self.edges.numbers if 0 < n <= 30)]
        )
        day = add_months(self.as_of, -months)
        if chance.random() < 0.3:
            day = date(day.year, 1, 1)
        return day + timedelta(days=chance.choice((0, 0, 1, -1, -365, -364, -366, chance.randrange(-400, 400))))

    def _record(self, fields: Sequence[RecordField]) -> dict[str, Any]:
        record: dict[str, Any] = {}
        for one in fields:
            if self.chance.random() < 0.9:
                record[one.id] = self._value(one, self.chance.choice(AMOUNTS))
            elif one.absent == "none":
                record[one.id] = None
        return record


def invented(
    version: Version,
    catalogue: Catalogue,
    as_of: date,
    count: int,
    seed: int,
    chances_of_none: Sequence[float] = (0.0, 0.0, 0.02, 0.2),
) -> list[Facts]:
    """Some enterprises, the same for the same seed.

    Args:
        version: what they are asked about.
        catalogue: says what each figure is.
        as_of: on which day.
        count: how many.
        seed: of the chance.
        chances_of_none: one of these, for each enterprise, is how often a fact is known not to exist.
    """
    inventor = Inventor(edges_of(version, catalogue), as_of, random.Random(seed), chances_of_none)
    return [inventor.enterprise() for _ in range(count)]


def days_of(version: Version) -> list[date]:
    """Days on which a version may be asked: its first and last, and some between."""
    force = version.source.in_force
    last = force.to or date(2026, 12, 31)
    days = [force.from_, force.from_ + timedelta(days=200), date(last.year, 3, 31), date(last.year, 5, 1), last]
    return [day for day in days if force.from_ <= day <= last] or [force.from_]
