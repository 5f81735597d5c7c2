"""The tables of what holds now: a column per indicator, made from the catalogue.

`fact_yearly` has a row per enterprise and year, `fact_current` a row per enterprise. Money is bigint fen. That a thing
is known not to exist is written as a value of its own (`NONE_DAY`, `none`), for NULL means unknown.
"""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, text

from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.values import Value, simple

YEARLY_TABLE = "fact_yearly"
CURRENT_TABLE = "fact_current"
#: Stands for “known not to exist” in a column of days; asyncpg writes the first day of all as PostgreSQL's -infinity.
NONE_DAY = date(1, 1, 1)
NONE_TEXT = "none"

#: PostgreSQL's types of the columns.
COLUMN_TYPES = {
    Type.MONEY: "bigint", Type.NUMBER: "numeric", Type.COUNT: "bigint", Type.HEADCOUNT: "numeric",
    Type.PERCENT: "numeric", Type.DATE: "date", Type.YEAR: "integer", Type.BOOLEAN: "boolean", Type.CHOICE: "text",
    Type.TEXT: "text", Type.LIST: "jsonb",
}  # fmt: skip


def table_of(indicator: Indicator) -> str:
    """The table in which an indicator has its column."""
    return YEARLY_TABLE if indicator.period is Period.YEARLY else CURRENT_TABLE


def indicators_of(catalogue: Catalogue, table: str) -> list[Indicator]:
    """The indicators with a column in a table, in the catalogue's order."""
    return [indicator for indicator in catalogue.indicators if table_of(indicator) == table]


def add_missing_columns(connection: Connection, catalogue: Catalogue) -> list[str]:
    """Give each new indicator its column; none is ever dropped. Returns what was added."""
    added: list[str] = []
    for table in (YEARLY_TABLE, CURRENT_TABLE):
        present = set(
            connection.scalars(
                text(
                    "SELECT column_name FROM information_schema.columns WHERE table_name = :table AND table_schema = 'public'"
                ),
                {"table": table},
            )
        )
        wanted = [one for one in indicators_of(catalogue, table) if one.id not in present]
        for indicator in wanted:
            connection.execute(text(f'ALTER TABLE {table} ADD COLUMN "{indicator.id}" {COLUMN_TYPES[indicator.type]}'))
        added += [indicator.id for indicator in wanted]
    return added


def rank_sources(connection: Connection, catalogue: Catalogue) -> None:
    """Write down which source is trusted before which; the projection's query reads it."""
    connection.execute(text("DELETE FROM source_rank"))
    ranks = [
        {"indicator": indicator.id, "source": source, "rank": rank}
        for indicator in catalogue.indicators
        for rank, source in enumerate(indicator.sources)
    ]
    if ranks:
        connection.execute(text("INSERT INTO source_rank VALUES (:indicator, :source, :rank)"), ranks)


def note_tolerances(connection: Connection, catalogue: Catalogue) -> None:
    """Write down how far sources may differ on each indicator; the search for conflicts reads it."""
    connection.execute(text("DELETE FROM indicator_tolerance"))
    tolerances = [
        {"indicator": one.id, "percent": one.tolerance_percent, "is_compared": _is_compared(one)}
        for one in catalogue.indicators
    ]
    if tolerances:
        connection.execute(
            text("INSERT INTO indicator_tolerance VALUES (:indicator, :percent, :is_compared)"), tolerances
        )


def _is_compared(indicator: Indicator) -> bool:
    """Lists of records complement each other; and what no officer may establish nobody can decide."""
    return indicator.type is not Type.LIST and "officer" in indicator.sources


def follow_catalogue(connection: Connection, catalogue: Catalogue) -> None:
    """Bring the projection's tables up to the catalogue: columns, the order of sources, the tolerances."""
    add_missing_columns(connection, catalogue)
    rank_sources(connection, catalogue)
    note_tolerances(connection, catalogue)


def holds_none(indicator: Indicator) -> bool:
    """Whether a column can say that the thing is known not to exist. A number is then 0, a list empty, a flag false."""
    return indicator.type in (Type.DATE, Type.TEXT, Type.CHOICE)


def to_column(indicator: Indicator, value: Value) -> Any:
    """A value as its column holds it."""
    if value is None:
        return NONE_DAY if indicator.type is Type.DATE else NONE_TEXT if holds_none(indicator) else None
    if isinstance(value, bool) or indicator.type in (Type.MONEY, Type.COUNT, Type.YEAR):
        return value
    if isinstance(value, int | Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    if isinstance(value, list):
        return json.dumps([{name: _plain(one) for name, one in record.items()} for record in value])
    return value


def from_column(indicator: Indicator, stored: Any) -> Value:
    """A column's value as the engine reads it; the caller leaves out NULL, which means unknown."""
    if stored == NONE_DAY or (stored == NONE_TEXT and NONE_TEXT not in indicator.choices):
        return None
    if isinstance(stored, Decimal):
        return simple(Fraction(stored))
    if indicator.type is Type.LIST:
        return _records(indicator, json.loads(stored) if isinstance(stored, str) else stored)
    return stored


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Fraction) else value


def _records(indicator: Indicator, stored: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    days = {one.id for one in indicator.fields if one.type is Type.DATE}
    numbers = {one.id for one in indicator.fields if one.type in (Type.NUMBER, Type.PERCENT, Type.HEADCOUNT)}
    return [{name: _restore(name, value, days, numbers) for name, value in record.items()} for record in stored]


def _restore(name: str, value: Any, days: set[str], numbers: set[str]) -> Any:
    if name in days and isinstance(value, str):
        return date.fromisoformat(value)
    if name in numbers and value is not None and not isinstance(value, bool):
        return simple(Fraction(str(value)))
    return value
