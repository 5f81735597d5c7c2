"""Writing what holds now into the projection's tables.

Of a few enterprises only the rows are written that say something else than before, where they stand: most filings touch
one year of several, and a row written anew goes into every index of its table, each time into a page that may have to be
fetched. Of many, such as an import leaves, all rows are written anew with COPY.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.database.session import copy_rows
from backend.exact_json import WrittenOut, exact_json
from backend.filings.projection_tables import CURRENT_TABLE, YEARLY_TABLE, indicators_of
from rules.catalogue import Catalogue, Type

#: Rows by key: the enterprise, and the year of a yearly one. Each holds its columns' values by indicator.
Rows = Mapping[tuple[int, ...], Mapping[str, Any]]

_KEYS: Final = {YEARLY_TABLE: ("enterprise_id", "year"), CURRENT_TABLE: ("enterprise_id",)}
#: Up to so many enterprises are compared with what is there.
FEW: Final = 20

_FORGET: Final = (
    f"WITH yearly AS (DELETE FROM {YEARLY_TABLE} WHERE enterprise_id = ANY(:ids))"
    f" DELETE FROM {CURRENT_TABLE} WHERE enterprise_id = ANY(:ids)"
)


async def write_projection(
    session: AsyncSession, enterprise_ids: Sequence[int], catalogue: Catalogue, yearly: Rows, current: Rows
) -> None:
    """Let the tables say this of some enterprises, and nothing else."""
    rows = {YEARLY_TABLE: yearly, CURRENT_TABLE: current}
    if len(enterprise_ids) > FEW:
        await ask_about(session, _FORGET, enterprise_ids)
        for table, some in rows.items():
            await _write_anew(session, table, some)
        return
    lists = {indicator.id for indicator in catalogue.indicators if indicator.type is Type.LIST}
    said = {table: _as_json(table, some, lists) for table, some in rows.items()}
    columns = {table: tuple(one.id for one in indicators_of(catalogue, table)) for table in rows}
    await ask_about(session, _replacing(columns[YEARLY_TABLE], columns[CURRENT_TABLE]), enterprise_ids, said)


async def _write_anew(session: AsyncSession, table: str, rows: Rows) -> None:
    columns = sorted({name for row in rows.values() for name in row})
    records = [(*key, *(row.get(name) for name in columns)) for key, row in rows.items()]
    await copy_rows(session, table, (*_KEYS[table], *columns), records)


@lru_cache(maxsize=4)
def _replacing(yearly: tuple[str, ...], current: tuple[str, ...]) -> str:
    """One statement about both tables, the same for every filing so that PostgreSQL plans it once for a connection."""
    parts = [
        part for table, columns in ((YEARLY_TABLE, yearly), (CURRENT_TABLE, current)) for part in _parts(table, columns)
    ]
    return f"WITH {', '.join(parts)} SELECT 1"


def _parts(table: str, columns: Sequence[str]) -> tuple[str, str]:
    keys = _KEYS[table]
    said = f"jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:{table} AS jsonb)) AS s"
    same = " AND ".join(f"f.{key} = s.{key}" for key in keys)
    held, given, coming = (", ".join(f'{side}."{name}"' for name in columns) for side in (table, "s", "excluded"))
    named = ", ".join((*keys, *(f'"{name}"' for name in columns)))
    return (
        f"{table}_gone AS (DELETE FROM {table} f WHERE f.enterprise_id = ANY(:ids)"
        f" AND NOT EXISTS (SELECT FROM {said} WHERE {same}))",
        f"{table}_told AS (INSERT INTO {table} ({named}) SELECT {', '.join(f's.{key}' for key in keys)}, {given} FROM {said}"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET ({named}) = ROW ({', '.join(f'excluded.{key}' for key in keys)}, {coming})"
        f" WHERE ROW ({held}) IS DISTINCT FROM ROW ({coming}))",
    )


class _Written(WrittenOut):
    """A list, which is JSON already."""

    def __init__(self, value: str) -> None:
        self._value = value

    @property
    def as_json(self) -> str:
        return self._value


def _as_json(table: str, rows: Rows, lists: set[str]) -> str:
    keys = _KEYS[table]
    return exact_json(
        [
            {**dict(zip(keys, key, strict=True)), **{name: _value(value, name in lists) for name, value in row.items()}}
            for key, row in rows.items()
        ]
    )


def _value(value: Any, is_list: bool) -> Any:
    if is_list and value is not None:
        return _Written(value)
    if isinstance(value, date):
        # As asyncpg writes them into a column.
        return "-infinity" if value == date.min else "infinity" if value == date.max else value
    return value
