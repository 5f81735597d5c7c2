"""Finding enterprises: by fragment of a name, former name, code or pinyin initials, and by filters that combine.

The page, the export and the count are made of one WHERE clause, so that a list is as long as its count says. A count
looks at very many rows where a page looks at fifty, so it is worked out once for each state of the registry; and where
no index counts, it goes no further than `MOST_COUNTED` unless somebody asks for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.filtering import Conditions, Filters, conditions_of, look_up, place_column
from backend.enterprises.paging import Sort, beyond
from backend.recognitions.ladder import LISTING_BOARDS
from backend.recognitions.queries import IN_FORCE, current_edition, rung_values, standing
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, is_large, seen_by
from rules.library import Library

PAGE_SIZE = 50
#: How far a list is counted where each of its rows has to be asked.
MOST_COUNTED = 10_000
_ORDER: dict[str, str] = {
    "name": "e.name, e.id",
    "code": "e.credit_code NULLS LAST, e.id",
    "established": "e.established_on DESC NULLS LAST, e.id",
    "region": "region_code, e.name, e.id",
    "updated": "e.updated_at DESC, e.id",
    "rung": "{rung} DESC, e.name, e.id",
}
#: The same from the end, for the page before a place.
_BACKWARDS: dict[str, str] = {
    "name": "e.name DESC, e.id DESC",
    "code": "e.credit_code DESC NULLS FIRST, e.id DESC",
    "established": "e.established_on NULLS FIRST, e.id DESC",
    "region": "region_code DESC, e.name DESC, e.id DESC",
    "updated": "e.updated_at, e.id DESC",
    "rung": "{rung}, e.name DESC, e.id DESC",
}


_COLUMNS = (
    "e.id, e.credit_code, e.name, e.town, e.park, e.industry_code, e.established_on, e.is_above_scale,"
    " e.listing_board, e.listed_on, e.status, e.updated_at"
)


def _rung_order(*, is_kept: bool) -> str:
    """The SQL of the rung's order, by which a list is sorted."""
    return "e.rung_order" if is_kept else "coalesce(standing.rung_order, 0)"


async def search(
    session: AsyncSession,
    filters: Filters,
    on: date,
    library: Library,
    memory: Memory | None = None,
    *,
    is_counted_later: bool = False,
) -> Found:
    """One page of the enterprises that the filters leave, with their rung and titles in force.

    Args:
        session: within the reader's scope.
        filters: what is asked for; a page past the last is the last.
        on: the day asked about.
        library: the rules.
        memory: where the count is kept while nothing changes that it rests on.
        is_counted_later: a count that takes longer than the page, in a large registry, is left out (`Found.is_uncounted`).
    """
    looked = await look_up(session, filters, on, library)
    conditions = conditions_of(filters, on, library, looked)

    async def rows_of(page: int, *, is_placed: bool = False) -> list[Mapping[str, Any]]:
        condition, place = (
            " AND ".join(conditions.parts),
            {"limit": PAGE_SIZE + 1, "offset": 0 if is_placed else (page - 1) * PAGE_SIZE},
        )
        if is_placed and filters.after is not None:
            there, keys = beyond(
                filters.sort, filters.after, place_column(filters.territory, on), _rung_order(is_kept=looked.is_kept),
                is_backwards=filters.is_backwards,
            )  # fmt: skip
            condition, place = f"{condition} AND {there}", place | keys
        order = _BACKWARDS if is_placed and filters.is_backwards else _ORDER
        values = conditions.values | place
        found = await _page(session, filters.sort, order, condition, values, library, is_kept=looked.is_kept)
        return found[::-1] if order is _BACKWARDS else found

    page = max(1, filters.page)
    found = await rows_of(page, is_placed=filters.after is not None)
    # One row more than is shown says whether the list goes on; a page before another has it in front.
    goes_on = len(found) > PAGE_SIZE or filters.is_backwards
    rows = found[-PAGE_SIZE:] if filters.is_backwards else found[:PAGE_SIZE]
    is_counted = filters.after is None and not goes_on and (rows or page == 1)
    if is_counted:
        return Found(rows, (page - 1) * PAGE_SIZE + len(rows), page, PAGE_SIZE)
    if rows and is_counted_later and await _is_long(session, filters, conditions, memory):
        known = (page - 1) * PAGE_SIZE + len(rows)
        return Found(rows, known, page, PAGE_SIZE, is_more=True, goes_on=goes_on, is_uncounted=True)
    total, is_more = await _total(session, filters, conditions, memory)
    if rows:
        return Found(rows, total, page, PAGE_SIZE, is_more=is_more, goes_on=goes_on)
    # What was before the place is gone, or what was behind it.
    last = 1 if filters.is_backwards else pages_of(total, PAGE_SIZE)
    found = await rows_of(last)
    return Found(found[:PAGE_SIZE], total, last, PAGE_SIZE, is_more=is_more, goes_on=len(found) > PAGE_SIZE)


async def _total(
    session: AsyncSession, filters: Filters, conditions: Conditions, memory: Memory | None
) -> tuple[int, bool]:
    """How many there are; and whether there are even more, where they were not counted to the end."""
    most = MOST_COUNTED if conditions.is_dear and not filters.is_counted_out else None

    async def count() -> tuple[int, bool]:
        condition = " AND ".join(conditions.counted)
        counted = f"SELECT count(*) FROM enterprise e WHERE {condition}"
        if most is not None:
            counted = f"SELECT count(*) FROM (SELECT FROM enterprise e WHERE {condition} LIMIT {most + 1}) AS counted"
            if await _reaches(session, conditions, most):
                return most, True
        total = (await session.execute(text(counted), conditions.values)).scalar_one()
        return (most, True) if most is not None and total > most else (total, False)

    if memory is None:
        return await count()
    return await memory.recall(*await _remembered(session, filters, conditions), count)


async def _remembered(
    session: AsyncSession, filters: Filters, conditions: Conditions
) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Where a memory has the count: what was asked, and the state it rests on."""
    asked = replace(filters, sort="name", page=1, after=None, is_backwards=False)
    state = (await seen_by(session)).of(("enterprise", "recognition", "eligibility"))
    return ("enterprises", asked, conditions.on), state


async def _is_long(session: AsyncSession, filters: Filters, conditions: Conditions, memory: Memory | None) -> bool:
    """Whether the count, which nobody remembers, would take longer than the page."""
    if memory is None or not conditions.is_dear or filters.is_counted_out or not await is_large(session):
        return False
    return not memory.knows(*await _remembered(session, filters, conditions))


async def _reaches(session: AsyncSession, conditions: Conditions, most: int) -> bool:
    """Whether those found first already are more than are counted: then nobody needs to find all."""
    if len(conditions.first) <= most:
        return False
    kept = [one for one in conditions.counted if one != conditions.means_first]
    found = await session.scalar(
        text(f"SELECT count(*) FROM enterprise e WHERE {' AND '.join(kept)} AND e.id = ANY(:first)"),
        {**conditions.values, "first": list(conditions.first)},
    )
    return int(found or 0) > most


async def _page(
    session: AsyncSession, sort: Sort, orders: Mapping[str, str], condition: str, values: dict[str, Any], library: Library,
    *, is_kept: bool,
) -> list[Mapping[str, Any]]:  # fmt: skip
    rung, joined = _rung_order(is_kept=is_kept), ""
    order = orders[sort].format(rung=rung)
    if sort == "rung" and not is_kept:
        joined = f" LEFT JOIN {standing(library)} AS standing ON standing.enterprise_id = e.id"
    found = await session.execute(
        text(
            f"SELECT {_COLUMNS}, {place_column(values['territory'], values['on'])} AS region_code,"
            f" {rung if sort == 'rung' else '0'} AS rung_order FROM enterprise e{joined} WHERE {condition} ORDER BY {order}"
            " LIMIT :limit OFFSET :offset"
        ),
        values,
    )
    rows = [dict(row) for row in found.mappings()]
    titles = await titles_in_force(session, [row["id"] for row in rows], values["on"], library)
    return [{**row, "titles": titles.get(row["id"], []), "rung": _rung(row, titles, values["on"])} for row in rows]


def _rung(row: Mapping[str, Any], titles: Mapping[int, list[Mapping[str, Any]]], on: date) -> str:
    if row["listing_board"] in LISTING_BOARDS and (row["listed_on"] is None or row["listed_on"] <= on):
        return "listed"
    held = titles.get(row["id"], [])
    return str(held[0]["rung"]) if held else ""


async def titles_in_force(
    session: AsyncSession, enterprise_ids: list[int], on: date, library: Library
) -> dict[int, list[Mapping[str, Any]]]:
    """The titles of some enterprises that count on a day, each programme once, the highest rung first."""
    found = await session.execute(
        text(
            "SELECT DISTINCT r.enterprise_id, r.programme, coalesce(ladder.rung, '') AS rung,"
            f" coalesce(ladder.rung_order, 0) AS rung_order FROM recognition r LEFT JOIN {rung_values(library)} USING (programme)"
            f" WHERE r.enterprise_id = ANY(:ids) AND {IN_FORCE} AND r.superseded_at IS NULL AND {current_edition(library)}"
            " ORDER BY rung_order DESC, r.programme"
        ),
        {"ids": enterprise_ids, "on": on},
    )
    titles: dict[int, list[Mapping[str, Any]]] = {}
    for row in found.mappings():
        titles.setdefault(row["enterprise_id"], []).append(dict(row))
    return titles


async def all_ids(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The ids of all enterprises that the filters leave."""
    conditions = conditions_of(filters, on, library, await look_up(session, filters, on, library))
    condition = " AND ".join(conditions.counted)
    found = await session.execute(
        text(f"SELECT e.id FROM enterprise e WHERE {condition} ORDER BY e.id"), conditions.values
    )
    return list(found.scalars())


async def ids_in_order(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The same in the order of the list, for an export that takes them portion by portion."""
    looked = await look_up(session, filters, on, library)
    conditions = conditions_of(filters, on, library, looked)
    condition = " AND ".join(conditions.counted)
    rung, joined = _rung_order(is_kept=looked.is_kept), ""
    if filters.sort == "rung" and not looked.is_kept:
        joined = f" LEFT JOIN {standing(library)} AS standing ON standing.enterprise_id = e.id"
    found = await session.execute(
        text(
            f"SELECT e.id, {place_column(filters.territory, on)} AS region_code FROM enterprise e{joined} WHERE {condition}"
            f" ORDER BY {_ORDER[filters.sort].format(rung=rung)}"
        ),
        conditions.values,
    )
    return list(found.scalars())


async def all_found(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[Mapping[str, Any]]:
    """Every enterprise that the filters leave, for an export."""
    looked = await look_up(session, filters, on, library)
    conditions = conditions_of(filters, on, library, looked)
    condition, values = " AND ".join(conditions.counted), conditions.values | {"limit": 1_048_575, "offset": 0}
    return await _page(session, filters.sort, _ORDER, condition, values, library, is_kept=looked.is_kept)
