"""Pages of a list that is sorted by a figure.

Where an index holds the figure, the list may be walked in its order. In a large registry the page is first looked for
among those that stand at that end of the order, which are kept (migration 0066). A list that has too few of them is short,
and then read whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reading_a_page
from backend.enterprises.conditions import Conditions
from backend.enterprises.figure_order import (
    FigureOrder,
    Kept,
    Known,
    Part,
    known_of,
    parts_by_figure,
    place_is_kept,
)
from backend.enterprises.filtering import ROW, Filters
from backend.enterprises.narrowing import few_found, those_of
from backend.enterprises.where import place_column
from backend.web.memory import is_large

#: A page is looked for among so many that stand first, and then among so many.
FIRST = (1_000, 10_000)


class ByNumber(Protocol):
    """Reads the rows of a list in the order of ids, or against it."""

    async def __call__(
        self, session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], /, *,
        goes_down: bool,
    ) -> list[Mapping[str, Any]]: ...  # fmt: skip


async def page_by_figure(
    session: AsyncSession, filters: Filters, conditions: Conditions, values: Mapping[str, Any], by_number: ByNumber,
    *, is_backwards: bool,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """The rows of a page by a figure, in the order in which they are read: backwards for those before a place."""
    order, after = filters.figure, filters.after
    if order is None:
        raise ValueError("the list is in no order of a figure")
    if await is_large(session):
        page = _Page(order, filters, conditions, values, by_number, is_backwards=is_backwards)
        found = await _among_kept(session, page)
        if found is not None:
            return found
        if (ids := await few_found(session, conditions)) is not None:
            return await _both(session, page, ids, None)
        if conditions.is_narrowed:
            whole = " AND ".join([*conditions.plain, *conditions.sets, *conditions.each])
            return await by_figure(session, order, after, conditions, whole, values, is_backwards=is_backwards)
    if not order.has_index:
        # All of the list are read to find the highest: then conditions hold for all at once, as for a count.
        whole = " AND ".join(conditions.counted)
        return await by_figure(session, order, after, conditions, whole, values, is_backwards=is_backwards)
    condition = " AND ".join(conditions.parts)
    async with reading_a_page(session):
        return await by_figure(session, order, after, conditions, condition, values, is_backwards=is_backwards)


async def by_figure(
    session: AsyncSession, order: FigureOrder, after: Sequence[Any] | None, conditions: Conditions, condition: str,
    values: Mapping[str, Any], *, is_backwards: bool = False,
) -> list[Mapping[str, Any]]:  # fmt: skip
    """The rows of a list by a figure: those with it, and then those without, or the other way round."""
    rows: list[Mapping[str, Any]] = []
    offset = int(values["offset"])
    for part in parts_by_figure(order, condition, after, is_backwards=is_backwards):
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
    session: AsyncSession, part: Part | Known, conditions: Conditions, page: Mapping[str, Any]
) -> list[dict[str, Any]]:
    place = place_column(conditions.values["territory"], conditions.on)
    statement = (
        f"SELECT {ROW}, {place} AS region_code, 0 AS rung_order, page.figure, page.figure_order"
        f" FROM ({part.rows}) AS page JOIN enterprise e ON e.id = page.page_id ORDER BY {part.order}"
    )
    rows = await session.execute(text(statement), {**conditions.values, **part.values, **page})
    return [dict(row) for row in rows.mappings()]


@dataclass(frozen=True)
class _Page:
    """Which page of which list is read."""

    order: FigureOrder
    filters: Filters
    conditions: Conditions
    values: Mapping[str, Any]
    by_number: ByNumber
    is_backwards: bool

    @property
    def after(self) -> Sequence[Any] | None:
        """The place that it begins after, or ends before."""
        return self.filters.after


async def _among_kept(session: AsyncSession, page: _Page) -> list[Mapping[str, Any]] | None:
    """The page out of those that stand at the list's end of the order; None where they do not suffice."""
    if page.conditions.named:
        await few_found(session, page.conditions)
    for most in FIRST:
        kept = await _kept(session, page.order, most)
        if kept is None:
            return None
        if kept.is_whole:
            return await _both(session, page, await those_of(session, page.conditions, kept.ids), kept)
        if page.is_backwards and not await _reaches_back(session, page.order, page.after, kept):
            continue
        ids = await those_of(session, page.conditions, kept.ids)
        known = known_of(page.order, ids, page.after, kept, is_backwards=page.is_backwards)
        rows = await _read_part(session, known, page.conditions, page.values)
        if page.is_backwards or len(rows) >= page.values["limit"]:
            return list[Mapping[str, Any]](rows)
    return None


async def _both(session: AsyncSession, page: _Page, ids: Sequence[int], kept: Kept | None) -> list[Mapping[str, Any]]:
    """Those with a figure, who all are among some, and then those without, or the other way round.

    The part without is a list in the order of ids, narrowed by the same and by not having the figure.
    """
    known = known_of(page.order, ids, page.after, kept, is_backwards=page.is_backwards)
    limit, offset = int(page.values["limit"]), int(page.values["offset"])
    # Whether the place is one of those without.
    behind = page.after[1] if page.after is not None and page.after[0] is None else None
    rows: list[Mapping[str, Any]] = []
    if ids and not page.is_backwards and behind is None:
        rows += await _read_part(session, known, page.conditions, page.values)
        if not rows and offset:
            counted = await session.execute(text(known.count), known.values)
            offset -= counted.scalar_one()
        else:
            offset = 0
    if len(rows) < limit and (behind is not None or not page.is_backwards):
        others = page.conditions
        if ids:
            others = others.but(list((await session.execute(text(known.ids), known.values)).scalars()))
        asked = replace(page.filters, after=None if behind is None else (behind,))
        part = {"limit": limit - len(rows), "offset": offset}
        goes_down = page.order.is_ascending != page.is_backwards
        rows += [
            {**row, "figure": None, "figure_order": None}
            for row in await page.by_number(session, asked, others, part, goes_down=goes_down)
        ]
    if ids and page.is_backwards and len(rows) < limit:
        part = {"limit": limit - len(rows), "offset": 0}
        rows += await _read_part(session, known, page.conditions, part)
    return rows


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
