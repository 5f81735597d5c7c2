"""Where enterprises were on a day, as known at a moment: in which region, and in which park; as SQL.

`enterprise_region` says what is told now of whoever ever moved, the enterprise's own row where all others are. What was
told before it was changed `enterprise_place` keeps (migration 0069), all stays together, with the moments from and until
which that was known; of whoever it does not name, what is told now was always known.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

Column = Literal["region_code", "park"]

#: Stays told now, of whoever ever moved.
DATED = "(er.valid_from IS NOT NULL OR er.valid_to IS NOT NULL)"
#: The stay that holds on a day goes before those that were open then; one without any day is what else is told.
LATEST = "{row}.valid_from DESC NULLS LAST, {row}.valid_to"


def covers(row: str, day: str) -> str:
    """Whether a stay holds on a day, given as SQL."""
    return f"({row}.valid_from IS NULL OR {row}.valid_from <= {day}) AND ({row}.valid_to IS NULL OR {row}.valid_to >= {day})"


def told_otherwise(row: str, known_at: str = ":known_at") -> str:
    """Whether a row of `enterprise_place` is what was known at a moment."""
    return f"{row}.known_from <= {known_at} AND {row}.known_to > {known_at}"


def place_on(column: Column, day: str, known_at: str | None = None, enterprise: str = "e") -> str:
    """Where an enterprise's row `e` was on a day.

    Args:
        column: the region, or the park.
        day: as SQL.
        known_at: the moment as SQL, where it is not now.
        enterprise: what the row is called.
    """
    of = f"er.enterprise_id = {enterprise}.id"
    first = f"ORDER BY {LATEST.format(row='er')} LIMIT 1"
    now = f"(SELECT er.{column} FROM enterprise_region er WHERE {of} AND {DATED} AND {covers('er', day)} {first})"
    then = ""
    if known_at is not None:
        known = told_otherwise("er", known_at)
        then = f"(SELECT er.{column} FROM enterprise_place er WHERE {of} AND {known} AND {covers('er', day)} {first}), "
    return f"coalesce({then}{now}, {enterprise}.{column})"


def stays(*, is_known_then: bool) -> str:
    """(enterprise_id, region_code, park, valid_from, valid_to) of whoever ever moved; known now, or at `:known_at`."""
    columns = "er.enterprise_id, er.region_code, er.park, er.valid_from, er.valid_to"
    now = f"SELECT {columns} FROM enterprise_region er WHERE {DATED}"
    if not is_known_then:
        return now
    then = f"FROM enterprise_place er WHERE {told_otherwise('er')}"
    return f"{now} AND er.enterprise_id NOT IN (SELECT er.enterprise_id {then}) UNION ALL SELECT {columns} {then}"


def was_in_region(enterprise_id: str) -> str:
    """Whether an enterprise was in region `:region` on day `:on`, as known at `:known_at`; found of all in one go."""
    regions = "CAST(ARRAY[:region] AS text[])"
    return f"{enterprise_id} IN (SELECT enterprises_placed_known({regions}, '', :on, CAST(:known_at AS timestamptz)))"


async def places_on(
    session: AsyncSession, enterprise_ids: Sequence[int], on: date, known_at: datetime | None = None
) -> dict[int, Mapping[Column, str]]:
    """In which region and park enterprises were on a day, as known at a moment; None is now."""
    moment = None if known_at is None else "CAST(:known_at AS timestamptz)"
    day = "CAST(:on AS date)"
    values: dict[str, Any] = {"ids": list(enterprise_ids), "on": on} | (
        {} if known_at is None else {"known_at": known_at}
    )
    found = await session.execute(
        text(
            f"SELECT e.id, {place_on('region_code', day, moment)}, {place_on('park', day, moment)}"
            " FROM enterprise e WHERE e.id = ANY(:ids)"
        ),
        values,
    )
    return {number: {"region_code": region, "park": park} for number, region, park in found}
