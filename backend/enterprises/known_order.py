"""Lists in the order of rungs on a past day, and of rungs or districts as known on one, which no index holds.

Each rung is a list in the order of names. Of districts an index tells those who never moved; the few others are put in
order by themselves, and among them.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.filtering import Filters
from backend.enterprises.known_lists import FAR, list_conditions
from backend.recognitions.ladder import RUNGS

Row = Mapping[str, Any]
#: How a list in order of names is read: by session, filters, conditions, and how many rows behind how many.
Reading = Callable[[AsyncSession, Filters, Conditions, Mapping[str, Any]], Awaitable[Sequence[Row]]]

_PLACE = "e.region_code"
#: Behind all names, which are in the order of their characters.
_END = ("\U0010ffff", 2**62)
_ORDERS = {"none": 0, **{one.id: one.order for one in RUNGS}}


async def rung_by_rung(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], read: Reading
) -> list[Row]:
    """The rows behind the place that the filters name, the highest rung first; before it, where those are asked for."""
    is_backwards = filters.after is not None and filters.is_backwards
    rows: list[Row] = []
    offset = int(values["offset"])
    for rung in _rungs_left(filters, is_backwards=is_backwards):
        of_rung = replace(filters, rung=rung, sort="name", after=_after(filters, rung))
        asked = await list_conditions(session, of_rung, conditions.on, conditions.library)
        if conditions.gathered is not None:
            asked.add_few("gathered", conditions.gathered)
        wanted = {"limit": values["limit"] - len(rows), "offset": offset}
        found = [{**row, "rung_order": _ORDERS[rung]} for row in await read(session, of_rung, asked, wanted)]
        rows = [*found, *rows] if is_backwards else [*rows, *found]
        if len(rows) >= values["limit"]:
            break
        offset = 0 if found or not offset else max(0, offset - await _count(session, asked))
    return rows


def _rungs_left(filters: Filters, *, is_backwards: bool) -> list[str]:
    """The rungs from that of the place on, in the order in which they are read."""
    asked = [one for one in _ORDERS if filters.rung in ("", one)]
    if filters.after is None:
        return sorted(asked, key=lambda one: -_ORDERS[one])
    at = int(filters.after[0])
    left = [one for one in asked if (_ORDERS[one] >= at if is_backwards else _ORDERS[one] <= at)]
    return sorted(left, key=lambda one: _ORDERS[one] if is_backwards else -_ORDERS[one])


def _after(filters: Filters, rung: str) -> tuple[Any, ...] | None:
    """The place among those of a rung: of another rung than the place's all come after it, or all before."""
    if filters.after is None:
        return None
    if _ORDERS[rung] == filters.after[0]:
        return filters.after[1:]
    return _END if filters.is_backwards else None


async def _count(session: AsyncSession, conditions: Conditions) -> int:
    counted = f"SELECT count(*) FROM enterprise e WHERE {' AND '.join(conditions.counted)}"
    return (await session.execute(text(counted), conditions.values)).scalar_one()


def is_of_two(filters: Filters, conditions: Conditions) -> bool:
    """Whether a list goes by districts, and few of many moved; pages far down, without a place, are put in order as a whole."""
    if filters.sort != "region" or conditions.named or conditions.place_then in ("", _PLACE):
        return False
    return bool(conditions.values.get("moved")) and (filters.after is not None or filters.page <= FAR)


async def by_district(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], read: Reading
) -> list[Row]:
    """The rows behind the place that the filters name in the order of districts, or before it: of both kinds."""
    stayed = _narrowed(conditions, "NOT (e.id = ANY(CAST(:moved AS bigint[])))")
    stayed.place_then = _PLACE
    moved = _narrowed(conditions, "e.id = ANY(CAST(:moved AS bigint[]))")
    moved.named = [conditions.values["moved"]]
    upto = int(values["offset"]) + int(values["limit"])
    wanted = {"limit": upto, "offset": 0}
    rows = [row for one in (stayed, moved) for row in await read(session, filters, one, wanted)]
    rows.sort(key=lambda row: (row["region_code"], row["name"], row["id"]))
    if filters.after is not None and filters.is_backwards:
        return rows[max(0, len(rows) - upto) :]
    return rows[int(values["offset"]) : upto]


def _narrowed(conditions: Conditions, condition: str) -> Conditions:
    found = copy(conditions)
    found.parts, found.counted = [*conditions.parts, condition], [*conditions.counted, condition]
    found.plain = [*conditions.plain, condition]
    found.gathered, found.at_least = None, 0
    return found
