"""Finding enterprises: by fragment of a name, former name, code or pinyin initials, and by filters that combine.

The page, the export and the count are made of one WHERE clause, so that a list is as long as its count says. A count
looks at very many rows where a page looks at fifty, so it is worked out once for each state of the registry; and where
no index counts, it goes no further than `MOST_COUNTED` unless somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page
from backend.enterprises.figure_order import FigureOrder, Part, parts_by_figure
from backend.enterprises.filtering import Conditions, Filters, conditions_of, look_up, place_column
from backend.enterprises.paging import Sort, beyond
from backend.recognitions.ladder import LISTING_BOARDS
from backend.recognitions.queries import IN_FORCE, current_edition, rung_values, standing
from backend.web.found import Found, pages_of
from backend.web.memory import Memory, Topic, is_large, seen_by
from rules.library import Library

PAGE_SIZE = 50
#: A page by a figure is looked for among so many times as many as it shows.
FIRST = 20
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
    conditions = conditions_of(filters, on, library, await look_up(session, filters, on, library))

    async def rows_of(page: int, *, is_placed: bool = False) -> list[Mapping[str, Any]]:
        values = {"limit": PAGE_SIZE + 1, "offset": 0 if is_placed else (page - 1) * PAGE_SIZE}
        return await _rows(session, filters if is_placed else replace(filters, after=None), conditions, values)

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
    if (tallied := await _tallied(session, conditions)) is not None:
        return tallied, False
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


async def _tallied(session: AsyncSession, conditions: Conditions) -> int | None:
    """How many there are, as the database has counted them beforehand; None where it has not.

    It counts those that live today, and of no place for an enterprise's own account. Whoever ends on a later day than
    the one asked about is counted off their rows.
    """
    if conditions.tallied is None:
        return None
    alike, each = " AND ".join(["TRUE", *conditions.tallied]), " AND ".join(conditions.counted)
    found = await session.execute(
        text(
            "SELECT coalesce(current_setting('tidu.enterprise_id', true), '') <> '' AS is_own,"
            f" coalesce(sum(t.enterprises) FILTER (WHERE {alike}), 0)"
            f" + (SELECT count(*) FROM enterprise e WHERE {each} AND e.ended_on > :on AND e.status <> 'active') AS total,"
            " count(*) FILTER (WHERE NOT t.is_gathered) AS apart FROM listed_tally t"
        ),
        conditions.values,
    )
    row = found.one()
    if row.apart > MOST_APART:
        await session.execute(text("SELECT gather_listed_tally()"))
    return None if row.is_own else int(row.total)


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


async def _rows(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The rows after the place that the filters name, or before it; without one those that the values count off."""
    condition, is_backwards = " AND ".join(conditions.parts), filters.after is not None and filters.is_backwards
    if filters.figure is not None:
        found = await _page_by_figure(session, filters.figure, filters, conditions, values, is_backwards=is_backwards)
        return found[::-1] if is_backwards else found
    if filters.after is not None:
        column = place_column(filters.territory, conditions.on)
        rung = _rung_order(is_kept=conditions.is_kept)
        there, keys = beyond(filters.sort, filters.after, column, rung, is_backwards=is_backwards)
        condition, values = f"{condition} AND {there}", {**values, **keys}
    order = _BACKWARDS if is_backwards else _ORDER
    found = await _page(session, filters.sort, order, condition, conditions, values)
    return found[::-1] if is_backwards else found


async def _page(
    session: AsyncSession, sort: Sort, orders: Mapping[str, str], condition: str, conditions: Conditions,
    values: Mapping[str, Any],
) -> list[Mapping[str, Any]]:  # fmt: skip
    found = await session.execute(
        text(
            f"SELECT {_COLUMNS}, page.region_code, page.rung_order"
            f" FROM ({_found(sort, orders, condition, conditions)} LIMIT :limit OFFSET :offset) AS page"
            f" JOIN enterprise e ON e.id = page.page_id ORDER BY {orders[sort].format(rung='page.rung_order')}"
        ),
        {**conditions.values, **values},
    )
    return await _titled(session, [dict(row) for row in found.mappings()], conditions)


def _found(sort: Sort, orders: Mapping[str, str], condition: str, conditions: Conditions) -> str:
    """Who is found, in order, and nothing else of them: so that an index of the order tells it alone."""
    rung, joined = _rung_order(is_kept=conditions.is_kept), ""
    if sort == "rung" and not conditions.is_kept:
        joined = f" LEFT JOIN {standing(conditions.library)} AS standing ON standing.enterprise_id = e.id"
    place = place_column(conditions.values["territory"], conditions.on)
    return (
        f"SELECT e.id AS page_id, {place} AS region_code, {rung if sort == 'rung' else '0'} AS rung_order"
        f" FROM enterprise e{joined} WHERE {condition} ORDER BY {orders[sort].format(rung=rung)}"
    )


async def _page_by_figure(
    session: AsyncSession, order: FigureOrder, filters: Filters, conditions: Conditions, values: Mapping[str, Any],
    *, is_backwards: bool,
) -> list[Mapping[str, Any]]:  # fmt: skip
    if not order.has_index:
        # All of the list are read to find the highest: then conditions hold for all at once, as for a count.
        whole = " AND ".join(conditions.counted)
        found = await _among_first(session, order, filters, conditions, values, is_backwards=is_backwards)
        return found or await _by_figure(
            session, order, filters.after, conditions, whole, values, is_backwards=is_backwards
        )
    condition = " AND ".join(conditions.parts)
    async with reading_a_page(session):
        return await _by_figure(session, order, filters.after, conditions, condition, values, is_backwards=is_backwards)


async def _among_first(
    session: AsyncSession, order: FigureOrder, filters: Filters, conditions: Conditions, values: Mapping[str, Any],
    *, is_backwards: bool,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """A full page of a list of the whole city out of those that stand first in a large registry; nothing where they do
    not suffice.

    The figures alone are read past then, and not an enterprise for each: a quarter of the time.
    """
    if filters.within or not await is_large(session):
        return []
    part = parts_by_figure(order, " AND ".join(conditions.parts), filters.after, is_backwards=is_backwards)[0]
    most = FIRST * (values["limit"] + values["offset"])
    if not part.among_first or most > MOST_COUNTED:
        return []
    rows = await _read_part(session, part.among_first, part, conditions, {**values, "most": most})
    return await _titled(session, rows, conditions) if len(rows) >= values["limit"] else []


async def _read_part(
    session: AsyncSession, found: str, part: Part, conditions: Conditions, page: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows of those that a statement of a part finds, in its order."""
    place = place_column(conditions.values["territory"], conditions.on)
    statement = (
        f"SELECT {_COLUMNS}, {place} AS region_code, 0 AS rung_order, page.figure, page.figure_order"
        f" FROM ({found}) AS page JOIN enterprise e ON e.id = page.page_id ORDER BY {part.order}"
    )
    rows = await session.execute(text(statement), {**conditions.values, **part.values, **page})
    return [dict(row) for row in rows.mappings()]


async def _by_figure(
    session: AsyncSession, order: FigureOrder, after: Sequence[Any] | None, conditions: Conditions, condition: str,
    values: Mapping[str, Any], *, is_backwards: bool = False,
) -> list[Mapping[str, Any]]:  # fmt: skip
    rows: list[Mapping[str, Any]] = []
    offset = int(values["offset"])
    for part in parts_by_figure(order, condition, after, is_backwards=is_backwards):
        page = {"limit": values["limit"] - len(rows), "offset": offset}
        read = await _read_part(session, part.rows, part, conditions, page)
        rows += read
        if len(rows) >= values["limit"]:
            break
        if offset and not read:
            counted = await session.execute(text(part.count), {**conditions.values, **part.values})
            offset = max(0, offset - counted.scalar_one())
        else:
            offset = 0
    return await _titled(session, rows, conditions)


async def _titled(
    session: AsyncSession, rows: Sequence[Mapping[str, Any]], conditions: Conditions
) -> list[Mapping[str, Any]]:
    """The rows with the titles in force, and the rung that they make."""
    titles = await titles_in_force(session, [row["id"] for row in rows], conditions.on, conditions.library)
    return [{**row, "titles": titles.get(row["id"], []), "rung": _rung(row, titles, conditions.on)} for row in rows]


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
    conditions = conditions_of(filters, on, library, await look_up(session, filters, on, library))
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
    conditions = conditions_of(filters, on, library, await look_up(session, filters, on, library))
    condition = " AND ".join(conditions.counted)
    if filters.figure is not None:
        return await _by_figure(session, filters.figure, None, conditions, condition, _ALL)
    return await _page(session, filters.sort, _ORDER, condition, conditions, _ALL)


#: More than there will ever be.
_NO_LIMIT = {"limit": 10**12, "offset": 0}
#: As many as a sheet holds below its head.
_ALL = {"limit": 1_048_575, "offset": 0}
