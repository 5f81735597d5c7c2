"""Facts that are known already, written as the answers of a self-check: what `read_facts` makes the same facts of."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from backend.self_check.sheet import Sheet
from rules.catalogue import Indicator, RecordField, Type
from rules.facts import LAST_DAY, Facts
from rules.language import FEN_PER_WAN
from rules.library import Library
from rules.values import Unknown, Value

#: What no finite decimal says is written to so many places; filings are decimals, so that nothing filed is rounded.
_PLACES: Final = Decimal("1e-12")


def sheet_of(facts: Facts, target: str, as_of: date, library: Library) -> Sheet:
    """The sheet on which an enterprise would have answered all this itself.

    Args:
        facts: what is known, as from the registry.
        target: what is asked about.
        as_of: the day; figures of years after it are left out, as a check leaves them out.
        library: for the units of the official forms.
    """
    by_name = library.catalogue.by_name
    raw: dict[str, Any] = {name: _written(by_name[name], value) for name, value in facts.current.items()}
    for name, years in facts.yearly.items():
        raw[name] = {
            str(year): _written(by_name[name], value) for year, value in sorted(years.items()) if year <= as_of.year
        }
    return Sheet(target, as_of, {name: value for name, value in raw.items() if value not in (None, {})})


def _written(what: Indicator | RecordField, value: Value) -> Any:
    if isinstance(value, Unknown):
        return None
    if value is None:
        return "none"
    if isinstance(value, list):
        assert isinstance(what, Indicator)
        fields = {one.id: one for one in what.fields}
        return [_record(fields, one) for one in value]
    if isinstance(value, date):
        # A title without a printed end counts until the end of all days.
        return min(value, LAST_DAY).isoformat()
    if isinstance(value, int | Fraction) and not isinstance(value, bool):
        return _decimal(Fraction(value, FEN_PER_WAN) if what.type is Type.MONEY else Fraction(value))
    return value


def _record(fields: Mapping[str, RecordField], record: Mapping[str, Value]) -> dict[str, Any]:
    return {name: None if value is None else _written(fields[name], value) for name, value in record.items()}


def _decimal(number: Fraction) -> int | Decimal:
    if number.denominator == 1:
        return int(number)
    exact = Decimal(number.numerator) / number.denominator
    return exact if Fraction(exact) == number else exact.quantize(_PLACES)
