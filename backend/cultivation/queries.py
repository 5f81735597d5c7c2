"""Reading the pool: the board, the list, one enterprise's entries, what moved.

Which entries a list shows is read of `pool_listed`, which the database keeps of each with the place of its enterprise:
a pool may hold tens of thousands. What is shown of them is then looked up for those of the page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.service import Seen, is_recognised
from backend.cultivation.stages import STAGES, Stage
from backend.database.session import reading_a_page
from backend.eligibility.queries import checked_on
from backend.web.found import Found, page_within

#: The pool that is shown when none is asked for: the one with most work.
USUAL = "hnte"
ROWS_A_PAGE = 50
CARDS_A_STAGE = 20
MOVES_SHOWN = 300


@dataclass(frozen=True)
class PoolFilters:
    """What is asked of a pool."""

    programme: str
    year: int
    region: str = ""
    stage: str = ""
    #: Digits of an officer's id, `none` for entries without one, empty for all.
    officer: str = ""
    page: int = 1

    def address(self) -> str:
        """The list with these filters."""
        asked = {
            "programme": self.programme, "year": self.year, "region": self.region, "stage": self.stage,
            "officer": self.officer, "page": self.page if self.page > 1 else "",
        }  # fmt: skip
        return f"/pool?{urlencode({name: value for name, value in asked.items() if value})}"

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on an entry `p` of `pool_listed`, and its values."""
        conditions = ["p.programme = :programme", "p.year = :year", "p.is_active"]
        values: dict[str, Any] = {"programme": self.programme, "year": self.year}
        if self.region:
            conditions.append("p.region_code = :region")
            values["region"] = self.region
        if self.stage in STAGES:
            conditions.append("p.stage = :stage")
            values["stage"] = self.stage
        if self.officer == "none":
            conditions.append("p.officer_id IS NULL")
        elif self.officer.isascii() and self.officer.isdecimal():
            conditions.append("p.officer_id = :officer")
            values["officer"] = int(self.officer[:9])
        return " AND ".join(conditions), values


_FIELDS = (
    "p.*, e.name, e.credit_code, e.region_code, e.town, x.outcome, x.is_likely, x.failed, x.missing,"
    f" {checked_on()} AS checked_on, o.name AS officer"
)
_JOINS = (
    " FROM pool_entry p JOIN enterprise e ON e.id = p.enterprise_id"
    " LEFT JOIN eligibility x ON x.enterprise_id = p.enterprise_id AND x.programme = p.programme"
    " LEFT JOIN officers() o ON o.id = p.officer_id"
)


async def stage_counts(session: AsyncSession, asked: PoolFilters) -> dict[Stage, int]:
    """How many entries stand at each stage."""
    where, values = asked.where()
    found = await session.execute(
        text(f"SELECT p.stage, count(*) FROM pool_listed p WHERE {where} GROUP BY p.stage"), values
    )
    counted = {row[0]: row[1] for row in found}
    return {stage: counted.get(stage, 0) for stage in STAGES}


async def board(session: AsyncSession, asked: PoolFilters, on: date) -> dict[Stage, list[dict[str, Any]]]:
    """The entries of each stage that moved last, a handful of each."""
    where, values = asked.where()
    found = await session.execute(
        text(
            "SELECT top.entry_id FROM unnest(CAST(:stages AS text[])) WITH ORDINALITY AS s (stage, number),"
            f" LATERAL (SELECT p.entry_id, p.moved_at FROM pool_listed p WHERE {where} AND p.stage = s.stage"
            " ORDER BY p.moved_at DESC, p.entry_id DESC LIMIT :cards) AS top"
            " ORDER BY s.number, top.moved_at DESC, top.entry_id DESC"
        ),
        values | {"cards": CARDS_A_STAGE, "stages": list(map(str, STAGES))},
    )
    cards: dict[Stage, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
    for row in await entries_by_id(session, list(found.scalars()), on):
        cards[Stage(row["stage"])].append(row)
    return cards


#: The order of the list: by stage, then who waits longest.
_IN_ORDER = (
    " ORDER BY array_position(ARRAY['discovered', 'cultivated', 'recommended', 'recognised', 'out'], p.stage::text),"
    " p.moved_at, p.entry_id"
)


async def list_entries(session: AsyncSession, asked: PoolFilters, on: date) -> Found:
    """One page of the list, in the order of stages, then who waits longest."""
    where, values = asked.where()
    total = (await session.execute(text(f"SELECT count(*) FROM pool_listed p WHERE {where}"), values)).scalar_one()
    page = page_within(asked.page, total, ROWS_A_PAGE)
    found = await session.execute(
        text(f"SELECT p.entry_id FROM pool_listed p WHERE {where}{_IN_ORDER} LIMIT :limit OFFSET :offset"),
        values | {"limit": ROWS_A_PAGE, "offset": (page - 1) * ROWS_A_PAGE},
    )
    return Found(await entries_by_id(session, list(found.scalars()), on), total, page, ROWS_A_PAGE)


async def all_seen(session: AsyncSession, asked: PoolFilters) -> list[Seen]:
    """All entries of the list as they are now, in its order."""
    where, values = asked.where()
    found = await session.execute(
        text(
            "SELECT p.entry_id, entry.revision FROM pool_listed p JOIN pool_entry entry ON entry.id = p.entry_id"
            f" WHERE {where}{_IN_ORDER}"
        ),
        values,
    )
    return [Seen(row[0], row[1]) for row in found]


async def entries_by_id(session: AsyncSession, ids: Sequence[int], on: date) -> list[dict[str, Any]]:
    """Some entries, in the order of their ids as given; who went meanwhile is left out."""
    async with reading_a_page(session):
        found = await session.execute(
            text(
                f"SELECT {_FIELDS}, {is_recognised()} AS is_recognised{_JOINS} WHERE p.id = ANY(:ids)"
                " ORDER BY array_position(CAST(:ids AS bigint[]), p.id)"
            ),
            {"ids": list(ids), "on": on},
        )
    return [dict(row) for row in found.mappings()]


async def entries_of(session: AsyncSession, enterprise_id: int, on: date) -> list[dict[str, Any]]:
    """The entries of one enterprise, the latest year first."""
    found = await session.execute(
        text(
            f"SELECT {_FIELDS}, {is_recognised()} AS is_recognised{_JOINS} WHERE p.enterprise_id = :id"
            " ORDER BY p.year DESC, p.programme"
        ),
        {"id": enterprise_id, "on": on},
    )
    return [dict(row) for row in found.mappings()]


async def recognised_meanwhile(session: AsyncSession, programme: str, year: int, on: date) -> int:
    """How many entries of a pool have got their title and still stand at an earlier stage."""
    found = await session.execute(
        text(
            # Whose title ended or was taken away since has one as well: of these few it is asked.
            "SELECT count(*) FROM pool_listed p WHERE p.programme = :programme AND p.year = :year AND p.is_active"
            f" AND p.stage NOT IN ('recognised', 'out') AND p.has_title AND {is_recognised()}"
        ),
        {"programme": programme, "year": year, "on": on},
    )
    return found.scalar_one()


_MOVES = (
    "SELECT m.*, p.programme, p.year, e.name, e.credit_code, e.region_code, w.name AS moved_by_name, o.name AS officer"
    " FROM pool_move m JOIN pool_entry p ON p.id = m.entry_id JOIN enterprise e ON e.id = m.enterprise_id"
    " LEFT JOIN officers() w ON w.id = m.moved_by LEFT JOIN officers() o ON o.id = m.officer_id"
)


#: Since a moment, of one programme or all, of one district or all; changes of the officer alone are left out.
_SINCE = (
    " WHERE m.moved_at >= :since AND m.from_stage <> m.to_stage AND (:programme = '' OR p.programme = :programme)"
    " AND (:region = '' OR e.region_code = :region)"
)


async def moves_since(
    session: AsyncSession, since: datetime, programme: str = "", region: str = "", limit: int = MOVES_SHOWN
) -> list[Mapping[str, Any]]:
    """What moved since a moment, the latest first; changes of the officer alone are left out."""
    found = await session.execute(
        text(f"{_MOVES}{_SINCE} ORDER BY m.moved_at DESC, m.id DESC LIMIT :limit"),
        {"since": since, "programme": programme, "region": region, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]


async def move_ids(session: AsyncSession, since: datetime, programme: str, region: str) -> list[int]:
    """All moves since a moment, the latest first."""
    found = await session.execute(
        text(
            "SELECT m.id FROM pool_move m JOIN pool_entry p ON p.id = m.entry_id JOIN enterprise e ON e.id = m.enterprise_id"
            f"{_SINCE} ORDER BY m.moved_at DESC, m.id DESC"
        ),
        {"since": since, "programme": programme, "region": region},
    )
    return list(found.scalars())


async def moves_by_ids(session: AsyncSession, ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """Some moves, the latest first."""
    found = await session.execute(
        text(f"{_MOVES} WHERE m.id = ANY(:ids) ORDER BY m.moved_at DESC, m.id DESC"), {"ids": list(ids)}
    )
    return [dict(row) for row in found.mappings()]


async def moves_by_id(
    session: AsyncSession, since: datetime, programme: str, region: str, after: int, limit: int
) -> list[Mapping[str, Any]]:
    """What moved since a moment in the order in which it did, after an id."""
    found = await session.execute(
        text(f"{_MOVES}{_SINCE} AND m.id > :after ORDER BY m.id LIMIT :limit"),
        {"since": since, "programme": programme, "region": region, "after": after, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]


async def gained_since(
    session: AsyncSession, since: datetime, programme: str = "", region: str = ""
) -> dict[Stage, int]:
    """How often each stage was come to since a moment: of all moves, however many are shown."""
    found = await session.execute(
        text(
            "SELECT m.to_stage, count(*) FROM pool_move m JOIN pool_entry p ON p.id = m.entry_id"
            f" JOIN enterprise e ON e.id = m.enterprise_id{_SINCE} GROUP BY m.to_stage"
        ),
        {"since": since, "programme": programme, "region": region},
    )
    counted = {row[0]: row[1] for row in found}
    return {stage: counted.get(stage, 0) for stage in STAGES}


async def moves_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """All that became of the entries of one enterprise, the latest first."""
    found = await session.execute(
        text(f"{_MOVES} WHERE m.enterprise_id = :id ORDER BY m.id DESC"), {"id": enterprise_id}
    )
    return [dict(row) for row in found.mappings()]


async def enterprises_of(session: AsyncSession, entry_ids: list[int]) -> list[int]:
    """The enterprises of entries."""
    found = await session.execute(
        text("SELECT DISTINCT enterprise_id FROM pool_entry WHERE id = ANY(:ids) ORDER BY enterprise_id"),
        {"ids": entry_ids},
    )
    return list(found.scalars())


async def list_by_id(
    session: AsyncSession, asked: PoolFilters, on: date, after: int, limit: int
) -> list[dict[str, Any]]:
    """Entries in the order in which they were entered, those after an id."""
    where, values = asked.where()
    found = await session.execute(
        text(
            f"SELECT p.entry_id FROM pool_listed p WHERE {where} AND p.entry_id > :after ORDER BY p.entry_id LIMIT :limit"
        ),
        values | {"after": after, "limit": limit},
    )
    return await entries_by_id(session, list(found.scalars()), on)


async def entry_of(session: AsyncSession, entry_id: int, on: date) -> dict[str, Any] | None:
    """One entry; None where there is none that the reader may see."""
    found = await session.execute(
        text(f"SELECT {_FIELDS}, {is_recognised()} AS is_recognised{_JOINS} WHERE p.id = :id"),
        {"id": entry_id, "on": on},
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None
