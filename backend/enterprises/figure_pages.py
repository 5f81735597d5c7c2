"""Pages of a list that is sorted by a figure.

Where an index holds the figure, the list may be walked in its order. In a large registry the page is first looked for
among those that stand at that end of the order, which are kept (migration 0066). A list that has too few of them is short,
and then read whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page
from backend.enterprises.conditions import Conditions
from backend.enterprises.figure_order import FigureOrder, Kept, Part, parts_by_figure, place_is_kept
from backend.enterprises.filtering import ROW, Filters
from backend.enterprises.narrowing import few_found
from backend.enterprises.where import place_column
from backend.web.memory import is_large

#: A page is looked for among so many that stand first, and then among so many.
FIRST = (1_000, 10_000)


async def page_by_figure(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], *, is_backwards: bool
) -> list[Mapping[str, Any]]:
    """The rows of a page by a figure, in the order in which they are read: backwards for those before a place."""
    order, after = filters.figure, filters.after
    if order is None:
        raise ValueError("the list is in no order of a figure")
    if await is_large(session):
        found = await _among_kept(session, order, filters, conditions, values, is_backwards=is_backwards)
        if found is not None:
            return found
        if (ids := await few_found(session, conditions)) is not None:
            conditions = conditions.only(ids)
        elif conditions.is_narrowed and not conditions.names_few:
            whole = " AND ".join([*conditions.plain, *conditions.sets, *conditions.each])
            kept = await _kept(session, order, FIRST[0])
            kept = kept if kept is not None and kept.is_whole else None
            return await by_figure(
                session, order, after, conditions, whole, values, is_backwards=is_backwards, kept=kept
            )
    if not order.has_index:
        # All of the list are read to find the highest: then conditions hold for all at once, as for a count.
        whole = " AND ".join(conditions.counted)
        return await by_figure(session, order, after, conditions, whole, values, is_backwards=is_backwards)
    condition = " AND ".join(conditions.parts)
    async with reading_a_page(session):
        return await by_figure(session, order, after, conditions, condition, values, is_backwards=is_backwards)


async def by_figure(
    session: AsyncSession, order: FigureOrder, after: Sequence[Any] | None, conditions: Conditions, condition: str,
    values: Mapping[str, Any], *, is_backwards: bool = False, kept: Kept | None = None,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """The rows of a list by a figure: those with it, and then those without, or the other way round."""
    rows: list[Mapping[str, Any]] = []
    offset = int(values["offset"])
    for part in parts_by_figure(order, condition, after, is_backwards=is_backwards, kept=kept):
        page = {"limit": values["limit"] - len(rows), "offset": offset}
        read = await _read_part(session, part, conditions, page)
        rows += read
        if len(rows) >= values["limit"]:
            break
        if offset and not read:
            counted = await session.execute(text(part.count), {**conditions.values, **part.values})
            offset = max(0, offset - counted.scalar_one())
        else:
            offset = 0
    return rows


async def _read_part(
    session: AsyncSession, part: Part, conditions: Conditions, page: Mapping[str, Any]
) -> list[dict[str, Any]]:
    place = place_column(conditions.values["territory"], conditions.on)
    statement = (
        f"SELECT {ROW}, {place} AS region_code, 0 AS rung_order, page.figure, page.figure_order"
        f" FROM ({part.rows}) AS page JOIN enterprise e ON e.id = page.page_id ORDER BY {part.order}"
    )
    rows = await session.execute(text(statement), {**conditions.values, **part.values, **page})
    return [dict(row) for row in rows.mappings()]


async def _among_kept(
    session: AsyncSession, order: FigureOrder, filters: Filters, conditions: Conditions, values: Mapping[str, Any],
    *, is_backwards: bool,
) -> list[Mapping[str, Any]] | None:  # fmt: skip
    """The page out of those that stand at the list's end of the order; None where they do not suffice."""
    for most in FIRST:
        # A few are asked for themselves; of many it is told by sets.
        asked = conditions.parts if most == FIRST[0] else [*conditions.plain, *conditions.sets, *conditions.each]
        condition = " AND ".join(asked)
        kept = await _kept(session, order, most)
        if kept is None:
            return None
        if kept.is_whole and not conditions.rest:
            return await by_figure(
                session, order, filters.after, conditions, condition, values, is_backwards=is_backwards, kept=kept
            )
        if kept.is_whole and is_backwards:
            return None
        if is_backwards and not await _reaches_back(session, order, filters.after, kept):
            continue
        known = next(
            part
            for part in parts_by_figure(order, condition, filters.after, is_backwards=is_backwards, kept=kept)
            if part.is_known
        )
        rows = await _read_part(session, known, conditions, values)
        if is_backwards or len(rows) >= values["limit"]:
            return list[Mapping[str, Any]](rows)
        if kept.is_whole:
            return None
    return None


async def _reaches_back(session: AsyncSession, order: FigureOrder, after: Sequence[Any] | None, kept: Kept) -> bool:
    """Whether all that come before a place are among those that are kept."""
    if after is None or after[0] is None:
        return False
    values = {"after_figure": after[0], "after_id": after[1], "edge_figure": kept.edge, "edge_id": kept.edge_id}
    return bool(await session.scalar(text(f"SELECT {place_is_kept(order, kept)}"), values))


_CANDIDATES = text("SELECT ids, edge, edge_id FROM figure_candidates(:figure, :year, :from_lowest, :most)")
_KEEP = text("SELECT keep_figure_order(:figure, :year)")


async def _kept(session: AsyncSession, order: FigureOrder, most: int) -> Kept | None:
    """Who stands at the list's end of the order; read anew where that is not known. None while somebody else does so."""
    asked = {"figure": order.indicator.id, "year": order.year or 0}
    values = {**asked, "from_lowest": order.is_ascending, "most": most}
    row = (await session.execute(_CANDIDATES, values)).one_or_none()
    if row is None and await session.scalar(_KEEP, asked):
        row = (await session.execute(_CANDIDATES, values)).one_or_none()
    return None if row is None else Kept(row.ids, row.edge, row.edge_id)


async def keep_all_orders(session: AsyncSession, orders: Sequence[FigureOrder]) -> int:
    """Have the ends of several orders kept before somebody asks; those that are good stay. Returns how many there are."""
    return sum([await _kept(session, one, FIRST[0]) is not None for one in orders])
