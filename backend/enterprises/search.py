"""Finding enterprises: by fragment of a name, former name, code or pinyin initials, and by filters that combine.

The page, the export and the count are made of one WHERE clause, so that a list is as long as its count says. A count
looks at very many rows where a page looks at fifty, so it is worked out once for each state of the registry; and where
no index counts, it goes no further than `MOST_COUNTED` unless somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.figure_order import parts_by_figure
from backend.enterprises.figure_pages import by_figure, page_by_figure
from backend.enterprises.filtering import FEW, ROW, Filters
from backend.enterprises.known_lists import list_conditions
from backend.enterprises.known_order import by_district, is_of_two, rung_by_rung
from backend.enterprises.known_rows import rows_then
from backend.enterprises.narrowing import (
    AS_THEY_LIE,
    IN_ORDER,
    few_found,
    is_short,
    most_there_are,
    planned,
    reaches,
    tallied,
    to_walk,
    walks_past_many,
)
from backend.enterprises.paging import Sort, beyond
from backend.enterprises.past_traits import as_then
from backend.enterprises.titles import titles_in_force
from backend.enterprises.where import district
from backend.recognitions.ladder import LISTING_BOARDS
from backend.recognitions.queries import standing
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, Topic, is_large, seen_by
from rules.library import Library

PAGE_SIZE = 50
#: How far a list is counted where each of its rows has to be asked.
MOST_COUNTED = 10_000
#: So many rows of what is counted beforehand may lie apart before they are gathered; adding these up takes 5 ms.
MOST_APART = 20_000
_ORDER: dict[str, str] = {
    "name": "e.name, e.id",
    "code": "e.credit_code NULLS LAST, e.id",
    "established": "e.established_on DESC NULLS LAST, e.id",
    "region": "region_code, e.name, e.id",
    "updated": "e.updated_at DESC, e.id",
    "rung": "{rung} DESC, e.name, e.id",
    "id": "e.id",
}
#: The same from the end, for the page before a place.
_BACKWARDS: dict[str, str] = {
    "name": "e.name DESC, e.id DESC",
    "code": "e.credit_code DESC NULLS FIRST, e.id DESC",
    "established": "e.established_on NULLS FIRST, e.id DESC",
    "region": "region_code DESC, e.name DESC, e.id DESC",
    "updated": "e.updated_at, e.id DESC",
    "rung": "{rung}, e.name DESC, e.id DESC",
    "id": "e.id DESC",
}

#: What a list is walked by.
_WALKED_BY = "e.id, e.name, e.credit_code, e.established_on, e.updated_at, e.region_code, e.rung_order"


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
    conditions = await list_conditions(session, filters, on, library)
    if not is_counted_later and await _is_long(session, filters, conditions, memory):
        # Those who are counted are found at once, and the page out of them, where they are few.
        await few_found(session, conditions)

    async def rows_of(page: int, *, is_placed: bool = False) -> list[Mapping[str, Any]]:
        values = {"limit": PAGE_SIZE + 1, "offset": 0 if is_placed else (page - 1) * PAGE_SIZE}
        asked = filters if is_placed else replace(filters, after=None)
        return await _rows(session, asked, conditions, values)

    page = max(1, filters.page)
    found = await rows_of(page, is_placed=filters.after is not None)
    # One row more than is shown says whether the list goes on; a page before another has it in front.
    goes_on = len(found) > PAGE_SIZE or filters.is_backwards
    rows = found[-PAGE_SIZE:] if filters.is_backwards else found[:PAGE_SIZE]
    is_counted = filters.after is None and not goes_on and (rows or page == 1)
    if is_counted:
        return Found(rows, (page - 1) * PAGE_SIZE + len(rows), page, PAGE_SIZE)
    if rows and is_counted_later and not conditions.at_least and await _is_long(session, filters, conditions, memory):
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
    if (tallied := await _tallied(session, conditions)) is not None:
        return tallied, False
    most = MOST_COUNTED if conditions.is_dear and not filters.is_counted_out else None

    async def count() -> tuple[int, bool]:
        if conditions.gathered is not None:
            return len(conditions.gathered), False
        if most is not None and conditions.at_least > most:
            return most, True
        condition = " AND ".join(conditions.counted)
        counted = f"SELECT count(*) FROM enterprise e WHERE {condition}"
        if most is not None:
            counted = f"SELECT count(*) FROM (SELECT FROM enterprise e WHERE {condition} LIMIT {most + 1}) AS counted"
            if await reaches(session, conditions, most):
                return most, True
        total = (await session.execute(text(counted), conditions.values)).scalar_one()
        return (most, True) if most is not None and total > most else (total, False)

    if memory is None:
        return await count()
    return await memory.recall(*await _remembered(session, filters, conditions), count)


async def _tallied(session: AsyncSession, conditions: Conditions) -> int | None:
    """How many there are, as the database has counted them beforehand; None where it has not."""
    if conditions.tallied is None:
        return None
    return await tallied(session, conditions.tallied, conditions.counted, conditions, MOST_APART)


async def _remembered(
    session: AsyncSession, filters: Filters, conditions: Conditions
) -> tuple[tuple[object, ...], tuple[str, ...]]:
    """Where a memory has the count: what was asked, and the state it rests on."""
    asked = replace(filters, sort="name", figure=None, page=1, after=None, is_backwards=False)
    # Each filing evaluates anew: a list that does not ask for titles and results keeps its count.
    is_about_results = bool(filters.programme or filters.missing or filters.rung)
    topics: tuple[Topic, ...] = ("enterprise", "recognition", "eligibility") if is_about_results else ("enterprise",)
    return ("enterprises", asked, conditions.on), (await seen_by(session)).of(topics)


async def _is_long(session: AsyncSession, filters: Filters, conditions: Conditions, memory: Memory | None) -> bool:
    """Whether the count, which nobody remembers, would take longer than the page."""
    if memory is None or not conditions.is_dear or filters.is_counted_out or not await is_large(session):
        return False
    return not memory.knows(*await _remembered(session, filters, conditions))


async def _rows(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The rows after the place that the filters name, or before it; without one those that the values count off."""
    is_backwards = filters.after is not None and filters.is_backwards
    is_to_be_narrowed = conditions.is_narrowed and await is_large(session)
    if is_to_be_narrowed and await most_there_are(session, conditions) == 0:
        return []
    if filters.figure is not None:
        found = await page_by_figure(session, filters, conditions, values, _by_number, is_backwards=is_backwards)
        return await _titled(session, found[::-1] if is_backwards else found, conditions)
    if filters.sort == "rung" and (conditions.known_at or (not conditions.is_kept and await is_large(session))):
        if is_to_be_narrowed:
            await few_found(session, conditions)
        return await rung_by_rung(session, filters, conditions, values, _rows)
    if is_of_two(filters, conditions):
        return await by_district(session, filters, conditions, values, _rows)
    orders = _BACKWARDS if is_backwards else _ORDER
    if is_to_be_narrowed:
        found = await _narrowed(session, filters, conditions, values, orders)
    else:
        found = await _page(session, filters, orders, conditions, values)
    return found[::-1] if is_backwards else found


async def _by_number(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], *, goes_down: bool
) -> list[Mapping[str, Any]]:
    """The rows of a list in the order of ids, or against it: of those without the figure that a list is sorted by."""
    orders = _BACKWARDS if goes_down else _ORDER
    return await _narrowed(session, replace(filters, sort="id", figure=None), conditions, values, orders)


async def _narrowed(
    session: AsyncSession,
    filters: Filters,
    conditions: Conditions,
    values: Mapping[str, Any],
    orders: Mapping[str, str],
) -> list[Mapping[str, Any]]:
    """The rows of a list in a large registry, out of the first in its order; and where those do not fill a page, out of all
    that are in it, if they are few.
    """
    if not _is_walkable(filters, conditions):
        # All are put in order: what was known of each is then looked up in one go.
        told = conditions.counted if conditions.known_at is not None else ()
        return await _page(session, filters, orders, conditions, values, told=told)
    is_told = conditions.gathered is not None or bool(conditions.named)
    is_soon_met = conditions.rest and not is_told and not conditions.is_sparse
    if is_soon_met and (conditions.at_least or not await is_short(session, conditions)):
        walked = to_walk(conditions, values["limit"] + values["offset"])
        found = await _page(session, filters, orders, conditions, values, walked=walked)
        if len(found) >= values["limit"]:
            return found
    if not conditions.rest and not is_told and (await most_there_are(session, conditions) or FEW + 1) > FEW:
        return await _page(session, filters, orders, conditions, values)
    ids = await few_found(session, conditions)
    if ids is not None:
        return await _page(session, filters, orders, conditions.only(ids), values)
    return await _walked(session, filters, orders, conditions, values)


def _is_walkable(filters: Filters, conditions: Conditions) -> bool:
    """Whether an index holds the order: that of rungs for today alone, and that of districts as they are today."""
    if filters.sort == "region":
        return district(filters.territory, conditions) == "e.region_code"
    return filters.sort != "rung" or conditions.is_kept


async def _page(
    session: AsyncSession, filters: Filters, orders: Mapping[str, str], conditions: Conditions, values: Mapping[str, Any],
    *, told: Sequence[str] = (), walked: int | None = None,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """The rows behind the place that the filters name.

    Args:
        session: within the reader's scope.
        filters: the order, and the place in it.
        orders: the orders from the end that is read from.
        conditions: who is listed.
        values: how many rows, and how many before them are counted off.
        told: the conditions in other words; as for a page where it is left out.
        walked: the rows are looked for among the first so many that the plain conditions leave.
    """
    where = list(told or (conditions.parts if walked is None else conditions.plain))
    where, values = _behind(filters, orders, where, conditions, values)
    statement = _found(filters.sort, orders, " AND ".join(where), conditions, walked)
    return await _read(session, filters, orders, conditions, statement, values)


async def _walked(
    session: AsyncSession,
    filters: Filters,
    orders: Mapping[str, str],
    conditions: Conditions,
    values: Mapping[str, Any],
) -> list[Mapping[str, Any]]:
    """The same by walking the order as far as it takes, those whom the conditions mean being looked up in sets before."""
    sets, each = conditions.walking(past_many=await walks_past_many(session, conditions))
    where, values = _behind(filters, orders, [*conditions.plain, *sets], conditions, values)
    order = orders[filters.sort].format(rung=_rung_order(is_kept=conditions.is_kept))
    asked = [f"(SELECT {one} FROM enterprise e WHERE e.id = w.id)" for one in each]
    # The walk is in order as it is; sorted once more, PostgreSQL would walk it to the end.
    statement = (
        f"SELECT w.id FROM (SELECT e.id FROM enterprise e WHERE {' AND '.join(where)} ORDER BY {order} OFFSET 0) AS w"
        f" WHERE {' AND '.join(['true', *asked])} LIMIT :limit OFFSET :offset"
    )
    async with planned(session, IN_ORDER):
        ids = list((await session.execute(text(statement), {**conditions.values, **values})).scalars())
    found = conditions.only(ids)
    return await _page(session, replace(filters, after=None), orders, found, {"limit": len(ids), "offset": 0})


def _behind(
    filters: Filters, orders: Mapping[str, str], where: Sequence[str], conditions: Conditions, values: Mapping[str, Any]
) -> tuple[list[str], Mapping[str, Any]]:
    """The conditions, and that rows come behind the place that the filters name; with the parameters of both."""
    if filters.after is None:
        return list(where), values
    column, rung = district(filters.territory, conditions), _rung_order(is_kept=conditions.is_kept)
    there, keys = beyond(filters.sort, filters.after, column, rung, is_backwards=orders is _BACKWARDS)
    return [*where, there], {**values, **keys}


async def _read(
    session: AsyncSession, filters: Filters, orders: Mapping[str, str], conditions: Conditions, statement: str,
    values: Mapping[str, Any],
) -> list[Mapping[str, Any]]:  # fmt: skip
    order = orders[filters.sort].format(rung="page.rung_order")
    page = (
        f"SELECT {ROW}, page.region_code, page.rung_order FROM ({statement} LIMIT :limit OFFSET :offset) AS page"
        f" JOIN enterprise e ON e.id = page.page_id ORDER BY {order}"
    )
    async with planned(session, AS_THEY_LIE) if conditions.is_only else nullcontext():
        found = await session.execute(text(page), {**conditions.values, **values})
    return await _titled(session, [dict(row) for row in found.mappings()], conditions)


def _found(
    sort: Sort, orders: Mapping[str, str], condition: str, conditions: Conditions, walked: int | None = None
) -> str:
    """Who is found, in order, and nothing else of them: so that an index of the order tells it alone."""
    rung, joined = _rung_order(is_kept=conditions.is_kept), ""
    if sort == "rung" and not conditions.is_kept:
        joined = f" LEFT JOIN {conditions.standing_then or standing(conditions.library)} AS standing ON standing.enterprise_id = e.id"
    place, order = district(conditions.values["territory"], conditions), orders[sort].format(rung=rung)
    source = f"enterprise e{joined} WHERE {condition}"
    if walked is not None:
        # First who comes next, out of the index alone; then what else of them is asked about.
        first = f"SELECT {_WALKED_BY} FROM {source} ORDER BY {order} LIMIT {walked}"
        source = f"({first}) AS w JOIN enterprise e ON e.id = w.id WHERE {' AND '.join(['true', *conditions.rest])}"
        order = order.replace("e.", "w.").replace("region_code", "w.region_code")
    return (
        f"SELECT e.id AS page_id, {place} AS region_code, {rung if sort == 'rung' else '0'} AS rung_order"
        f" FROM {source} ORDER BY {order}"
    )


async def _titled(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], conditions: Conditions
) -> list[Mapping[str, Any]]:
    """The rows with the titles in force, and the rung that they make; as they were on the day."""
    if all("titles" in row for row in rows):
        return list(rows)
    if (at := conditions.known_at) is None:
        rows = await as_then(session, rows, conditions.on)
    else:
        rows = await rows_then(session, rows, conditions.on, at)
    titles = await titles_in_force(session, [row["id"] for row in rows], conditions.on, conditions.library, at)
    return [{**row, "titles": titles.get(row["id"], []), "rung": _rung(row, titles, conditions.on)} for row in rows]


def _rung(row: Mapping[str, Any], titles: Mapping[int, list[Mapping[str, Any]]], on: date) -> str:
    if row["listing_board"] in LISTING_BOARDS and (row["listed_on"] is None or row["listed_on"] <= on):
        return "listed"
    held = titles.get(row["id"], [])
    return str(held[0]["rung"]) if held else ""


async def all_ids(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The ids of all enterprises that the filters leave."""
    conditions = await list_conditions(session, filters, on, library)
    condition = " AND ".join(conditions.counted)
    found = await session.execute(
        text(f"SELECT e.id FROM enterprise e WHERE {condition} ORDER BY e.id"), conditions.values
    )
    return list(found.scalars())


async def ids_in_order(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[int]:
    """The same in the order of the list, for an export that takes them portion by portion."""
    conditions = await list_conditions(session, filters, on, library)
    condition = " AND ".join(conditions.counted)
    if filters.figure is not None:
        ids: list[int] = []
        for part in parts_by_figure(filters.figure, condition, None, is_backwards=False):
            found = await session.execute(text(part.rows), {**conditions.values, **part.values, **_NO_LIMIT})
            ids += found.scalars()
        return ids
    found = await session.execute(text(_found(filters.sort, _ORDER, condition, conditions)), conditions.values)
    return list(found.scalars())


async def all_found(session: AsyncSession, filters: Filters, on: date, library: Library) -> list[Mapping[str, Any]]:
    """Every enterprise that the filters leave, for an export."""
    conditions = await list_conditions(session, filters, on, library)
    if filters.figure is not None:
        condition = " AND ".join(conditions.counted)
        return await _titled(
            session, await by_figure(session, filters.figure, None, conditions, condition, _ALL), conditions
        )
    return await _page(session, filters, _ORDER, conditions, _ALL, told=conditions.counted)


#: More than there will ever be.
_NO_LIMIT = {"limit": 10**12, "offset": 0}
#: As many as a sheet holds below its head.
_ALL = {"limit": 1_048_575, "offset": 0}
