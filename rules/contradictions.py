"""Figures that should not stand beside each other: a part greater than its whole, a listing before the founding.

They change no answer: the law speaks of the figures as they are given. Whoever gave them is told where to look.
"""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from rules.catalogue import Indicator, Known, Period
from rules.facts import Facts
from rules.interpret import Context
from rules.language import Fact, parse, walk
from rules.library import Library
from rules.translation import say
from rules.values import FactKey


def contradictions(facts: Facts, as_of: date, library: Library) -> Iterator[tuple[FactKey, str]]:
    """Each consistency rule of the catalogue that the facts break: the fact it is about, and what to look at."""
    known = {*facts.yearly, *facts.current}
    years = sorted({year for held in facts.yearly.values() for year in held})
    for rule in library.catalogue.consistency:
        read = _read_by(rule.require, Known(library.catalogue))
        given = [one for one in read if one.id in known]
        # What neither was given nor follows from others leaves the rule open; most of the rules, most of the time.
        if not given or any(one.id not in known and one.derive is None and one.at_most is None for one in read):
            continue
        is_yearly = any(one.period is Period.YEARLY for one in read)
        for year in years if is_yearly else [as_of.year - 1]:
            context = Context(library.environment, facts, as_of, year, base_year=year)
            if library.environment.derivation(rule.require)(context) is False:
                words = say("{name}：{hint}", name=rule.name, hint=rule.hint)
                words = say("{year} 年{problem}", year=year, problem=words) if is_yearly else words
                yield FactKey(given[0].id, year if given[0].period is Period.YEARLY else None), words


@lru_cache(maxsize=1024)
def _read_by(expression: str, known: Known) -> tuple[Indicator, ...]:
    """The indicators that an expression of the catalogue reads; worked out once."""
    return tuple(node.indicator for node in walk(parse(expression, known.catalogue)) if isinstance(node, Fact))
