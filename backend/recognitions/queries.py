"""Reading recognitions: what is in force on a day, as it was known on another; the rung of an enterprise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.ladder import BY_ID, LISTING_BOARDS, NO_RUNG, RUNGS, Rung, programmes_on_ladder
from rules.library import Library

#: A title counts on its last printed day, and on the day of revocation no more. `:on` is the day asked about.
IN_FORCE = (
    "r.valid_from <= :on AND (r.valid_to IS NULL OR r.valid_to >= :on) AND (r.revoked_on IS NULL OR r.revoked_on > :on)"
)
#: The row as it was known at a moment. `:known_at` NULL is now.
KNOWN = (
    "((CAST(:known_at AS timestamptz) IS NULL AND r.superseded_at IS NULL) OR (r.recorded_at <= :known_at"
    " AND (r.superseded_at IS NULL OR r.superseded_at > :known_at)))"
)
#: A title by edition counts while its edition is the latest that had been published by the day.
CURRENT_EDITION = (
    "(r.edition IS NULL OR r.edition = (SELECT max(l.edition) FROM recognition l WHERE l.programme = r.programme"
    " AND l.valid_from <= :on))"
)


@dataclass(frozen=True)
class Held:
    """One title of an enterprise as a page shows it."""

    id: int
    enterprise_id: int
    programme: str
    level: str
    edition: int | None
    number: str
    batch: str
    kind: str
    granted_on: date
    valid_from: date
    valid_to: date | None
    revoked_on: date | None
    revocation_reason: str
    notice: str

    def is_in_force(self, on: date) -> bool:
        """Whether the title counts on a day, its printed last day included."""
        ended = self.valid_to is not None and self.valid_to < on
        revoked = self.revoked_on is not None and self.revoked_on <= on
        return self.valid_from <= on and not ended and not revoked


_FIELDS = (
    "r.id, r.enterprise_id, r.programme, r.level, r.edition, r.number, r.batch, r.kind, r.granted_on, r.valid_from,"
    " r.valid_to, r.revoked_on, r.revocation_reason, r.notice"
)


async def held_by(
    session: AsyncSession, enterprise_ids: Sequence[int], known_at: datetime | None = None
) -> dict[int, list[Held]]:
    """All titles of some enterprises, ended ones included, the oldest first."""
    found = await session.execute(
        text(
            f"SELECT {_FIELDS} FROM recognition r WHERE r.enterprise_id = ANY(:ids) AND {KNOWN}"
            " ORDER BY r.valid_from, r.id"
        ),
        {"ids": list(enterprise_ids), "known_at": known_at},
    )
    titles: dict[int, list[Held]] = {number: [] for number in enterprise_ids}
    for row in found:
        titles[row.enterprise_id].append(Held(*row))
    return titles


def rung_on(titles: Sequence[Held], on: date, library: Library, listing: tuple[str, date | None] = ("", None)) -> Rung:
    """The highest rung that an enterprise's titles, or its listing (board, since), stand for on a day."""
    board, since = listing
    if board in LISTING_BOARDS and (since is None or since <= on):
        return BY_ID["listed"]
    rungs = programmes_on_ladder(library)
    standing = [rungs[title.programme] for title in titles if title.programme in rungs and title.is_in_force(on)]
    return max(standing, key=lambda rung: rung.order, default=NO_RUNG)


def rung_values(library: Library) -> str:
    """The ladder as a VALUES list for SQL: (programme, rung, order)."""
    steps = sorted(programmes_on_ladder(library).items())
    rows = ", ".join(f"('{name}', '{rung.id}', {rung.order})" for name, rung in steps)
    return f"(VALUES {rows}) AS ladder (programme, rung, rung_order)"


def standing(library: Library) -> str:
    """A sub-query: the order of the highest rung of each enterprise that stands on one, on day `:on`, as known `:known_at`."""
    boards = ", ".join(f"'{board}'" for board in LISTING_BOARDS)
    return (
        "(SELECT enterprise_id, max(rung_order) AS rung_order FROM ("
        f"SELECT r.enterprise_id, ladder.rung_order FROM recognition r JOIN {rung_values(library)} USING (programme)"
        f" WHERE {IN_FORCE} AND {KNOWN} AND {CURRENT_EDITION}"
        f" UNION ALL SELECT b.id, {BY_ID['listed'].order} FROM enterprise b WHERE b.listing_board IN ({boards})"
        " AND (b.listed_on IS NULL OR b.listed_on <= :on)) AS steps GROUP BY enterprise_id)"
    )


async def ladder_counts(
    session: AsyncSession, on: date, library: Library, region: str = "", known_at: datetime | None = None
) -> Mapping[str, int]:
    """How many enterprises stand on each rung (their highest) on a day; each enterprise once."""
    found = await session.execute(
        text(
            f"SELECT s.rung_order, count(*) FROM {standing(library)} AS s JOIN enterprise e ON e.id = s.enterprise_id"
            " WHERE :region = '' OR e.region_code = :region GROUP BY s.rung_order"
        ),
        {"on": on, "known_at": known_at, "region": region},
    )
    by_order = {row[0]: row[1] for row in found}
    return {rung.id: by_order.get(rung.order, 0) for rung in RUNGS}


async def expiring(session: AsyncSession, on: date, days: int, limit: int = 200) -> list[Mapping[str, Any]]:
    """Titles in force today that end within some days, the soonest first, with their enterprise."""
    found = await session.execute(
        text(
            f"SELECT {_FIELDS}, e.name, e.credit_code, e.region_code, r.valid_to - CAST(:on AS date) AS days_left"
            " FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
            f" WHERE {IN_FORCE} AND r.superseded_at IS NULL AND r.valid_to < CAST(:on AS date) + CAST(:days AS integer)"
            " ORDER BY r.valid_to, e.name LIMIT :limit"
        ),
        {"on": on, "days": days, "limit": limit},
    )
    return list(found.mappings())


@dataclass(frozen=True)
class View:
    """A way of looking at titles: its name, what it shows, and its condition."""

    label: str
    about: str
    condition: str


_IN_FORCE_NOW = f"{IN_FORCE} AND r.superseded_at IS NULL"
_ENDS_SOON = f"{_IN_FORCE_NOW} AND r.valid_to < CAST(:on AS date) + 180"
_NO_OTHER = (
    "NOT EXISTS (SELECT FROM recognition o WHERE o.enterprise_id = r.enterprise_id AND o.programme = r.programme"
    " AND o.superseded_at IS NULL AND o.valid_from <= :on AND (o.valid_to IS NULL OR o.valid_to >= :on)"
    " AND (o.revoked_on IS NULL OR o.revoked_on > :on))"
)
VIEWS = {
    "expiring": View("180 天内到期", "有效、180 天内到期的认定，先到期的在前。", _ENDS_SOON),
    "failing": View(
        "到期复核有风险", "180 天内到期，而按现行数据测评不符合条件的：最值得马上上门。", f"{_ENDS_SOON} AND x.outcome = 'ineligible'"
    ),
    "in_force": View("有效", "今天有效的认定。", _IN_FORCE_NOW),
    "lapsed": View(
        "已失效但仍符合", "近两年到期、没有续上，而按现行数据仍符合或基本符合的。",
        "r.superseded_at IS NULL AND r.revoked_on IS NULL AND r.valid_to < :on AND r.valid_to > CAST(:on AS date) - 730"
        f" AND (x.outcome = 'eligible' OR x.is_likely) AND {_NO_OTHER}",
    ),
    "revoked": View("已取消", "被取消资格的认定。", "r.superseded_at IS NULL AND r.revoked_on IS NOT NULL"),
}  # fmt: skip
TITLES_A_PAGE = 50


@dataclass(frozen=True)
class TitlesFound:
    """One page of titles, and how many there are in all."""

    rows: list[Mapping[str, Any]]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // TITLES_A_PAGE))


async def list_titles(
    session: AsyncSession, view: str, on: date, programme: str = "", region: str = "", page: int = 1
) -> TitlesFound:
    """One page of the titles that a view shows, with their enterprise and what the rules say of it today."""
    source = (
        " FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
        " LEFT JOIN eligibility x ON x.enterprise_id = r.enterprise_id AND x.programme = r.programme"
        f" WHERE {VIEWS[view].condition} AND (:programme = '' OR r.programme = :programme)"
        " AND (:region = '' OR e.region_code = :region)"
    )
    values = {"on": on, "programme": programme, "region": region}
    total = (await session.execute(text(f"SELECT count(*){source}"), values)).scalar_one()
    page = min(page, max(1, -(-total // TITLES_A_PAGE)))
    found = await session.execute(
        text(
            f"SELECT {_FIELDS}, e.name, e.credit_code, e.region_code, x.outcome, x.is_likely, x.failed,"
            f" r.valid_to - CAST(:on AS date) AS days_left{source} ORDER BY r.valid_to NULLS LAST, e.name, r.id"
            " LIMIT :limit OFFSET :offset"
        ),
        {**values, "limit": TITLES_A_PAGE, "offset": (page - 1) * TITLES_A_PAGE},
    )
    return TitlesFound([dict(row) for row in found.mappings()], total, page)
