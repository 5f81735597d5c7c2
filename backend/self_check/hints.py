"""What looks wrong although it can be read: 元 typed where 万元 is asked, figures that contradict each other.

A hint never changes a figure and never stands in the way: the enterprise knows best what it typed.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from backend.self_check.entries import Taken, name_of
from rules.catalogue import Indicator, Type
from rules.contradictions import contradictions
from rules.facts import Facts
from rules.library import Library
from rules.translation import say
from rules.values import FactKey
from rules.wording import fact_name

#: 元 and 万元 are a factor of ten thousand apart; a figure this many times another of the same enterprise is doubtful.
_FACTOR = 1_000
#: Above these 万元 (50 亿) a figure is doubtful by itself: hardly an enterprise that asks here has as much.
_DOUBTFUL_WAN = 500_000
#: Below these it may be anything.
_SMALL_WAN = 10_000


def hints(taken: Taken, facts: Facts, library: Library) -> list[dict[str, str]]:
    """Each hint with the field it is about: `{"field", "message"}`."""
    wrong = contradictions(facts, taken.sheet.as_of, library)
    return [*_units(taken, library), *({"field": name_of(key), "message": words} for key, words in wrong)]


def _units(taken: Taken, library: Library) -> Iterator[dict[str, str]]:
    money = {
        key: Fraction(value)
        for key, indicator, value in _given(taken.sheet.facts, library)
        if indicator.type is Type.MONEY and not isinstance(value, str)
    }
    middle = sorted(abs(one) for one in money.values() if one)
    usual = middle[(len(middle) - 1) // 2] if middle else Fraction(0)
    for key, value in money.items():
        is_out_of_line = len(middle) > 1 and abs(value) >= _SMALL_WAN and abs(value) >= _FACTOR * usual > 0
        if abs(value) >= _DOUBTFUL_WAN or is_out_of_line:
            indicator = library.catalogue.by_name[key.indicator]
            yield {
                "field": name_of(key),
                "message": say(
                    "“{name}”填了 {value} 万元（{large} 亿元）。是否把元当成了万元？如是，应填 {meant}；如无误可不理会。",
                    name=fact_name(key, indicator),
                    value=_plain(value),
                    large=_plain(value / 10_000),
                    meant=_plain(value / 10_000),
                ),
            }
    for key, indicator, value in _given(taken.sheet.facts, library):
        if indicator.type is Type.PERCENT and isinstance(value, int | Decimal) and 0 < abs(value) < 1:
            yield {
                "field": name_of(key),
                "message": say(
                    "“{name}”填了 {value}，即 {value}%。如指 {meant}%，应填 {meant}；如无误可不理会。",
                    name=fact_name(key, indicator), value=value, meant=_plain(Fraction(value) * 100),
                ),
            }  # fmt: skip


def _given(facts: Mapping[str, Any], library: Library) -> Iterator[tuple[FactKey, Indicator, Any]]:
    for name, value in facts.items():
        indicator = library.catalogue.by_name[name]
        if isinstance(value, Mapping):
            for year, one in value.items():  # type: ignore[reportUnknownVariableType]
                yield FactKey(name, int(str(year))), indicator, one  # type: ignore[reportUnknownArgumentType]
        elif not isinstance(value, list | bool):
            yield FactKey(name), indicator, value


def _plain(value: Fraction) -> str:
    return f"{float(value):,.4f}".rstrip("0").rstrip(".")
