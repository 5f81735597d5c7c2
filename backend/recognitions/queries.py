"""Reading recognitions: what is in force on a day, as it was known on another; the rung of an enterprise."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.queries import region_on
from backend.recognitions.ladder import BY_ID, LISTING_BOARDS, NO_RUNG, RUNGS, Rung, programmes_on_ladder
from rules.library import Library, library

#: A title counts on its last printed day, and on the day of revocation no more. `:on` is the day asked about.
IN_FORCE = (
    "r.valid_from <= :on AND (r.valid_to IS NULL OR r.valid_to >= :on) AND (r.revoked_on IS NULL OR r.revoked_on > :on)"
)
#: The row as it was known at a moment. `:known_at` NULL is now.
KNOWN = (
    "((CAST(:known_at AS timestamptz) IS NULL AND r.superseded_at IS NULL) OR (r.recorded_at <= :known_at"
    " AND (r.superseded_at IS NULL OR r.superseded_at > :known_at)))"
)


def edition_programmes(library: Library) -> str:
    """The programmes whose titles a later list of the programme ends, as an SQL array."""
    names = [name for name, one in sorted(library.programmes.items()) if one.source.validity == "edition"]
    return f"CAST(ARRAY[{', '.join(repr(name) for name in names)}] AS text[])"


def current_edition(library: Library, known_at: str = "NULL") -> str:
    """A title by edition counts while its edition is the latest list published by day `:on`.

    The lists come from a function: whoever sees one district must still know what the latest list of all is.
    """
    return (
        "NOT EXISTS (SELECT FROM list_editions("
        f"{edition_programmes(library)}, CAST({known_at} AS timestamptz)) AS lists"
        " WHERE lists.programme = r.programme AND lists.edition = r.edition AND lists.next_from <= :on)"
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
    #: When the programme's next list came out, which ends a title by edition; None where this is the latest.
    next_list_on: date | None = None

    def is_in_force(self, on: date) -> bool:
        """Whether the title counts on a day, its printed last day included."""
        ended = self.valid_to is not None and self.valid_to < on
        revoked = self.revoked_on is not None and self.revoked_on <= on
        followed = self.next_list_on is not None and self.next_list_on <= on
        return self.valid_from <= on and not (ended or revoked or followed)


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
            f"SELECT {_FIELDS}, lists.next_from FROM recognition r"
            f" LEFT JOIN list_editions({edition_programmes(library())}, CAST(:known_at AS timestamptz)) AS lists"
            " USING (programme, edition)"
            f" WHERE r.enterprise_id = ANY(:ids) AND {KNOWN} ORDER BY r.valid_from, r.id"
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


async def is_standing_kept(session: AsyncSession, on: date, library: Library, known_at: datetime | None = None) -> bool:
    """Whether `enterprise.rung_order` says where everybody stands on a day; brings it up to date if that is today."""
    return known_at is None and on == today() and await keep_standings(session, on, library)


async def keep_standings(session: AsyncSession, on: date, library: Library) -> bool:
    """Move the standings kept in `enterprise.rung_order` on to a day; False where they are past it already."""
    ladder = {
        "programmes": {name: rung.order for name, rung in sorted(programmes_on_ladder(library).items())},
        "by_edition": [name for name, one in sorted(library.programmes.items()) if one.source.validity == "edition"],
        "boards": dict.fromkeys(LISTING_BOARDS, BY_ID["listed"].order),
    }
    kept = await session.scalar(
        text("SELECT keep_standings(:on, CAST(:ladder AS jsonb))"), {"on": on, "ladder": json.dumps(ladder)}
    )
    return bool(kept)


def standing(library: Library) -> str:
    """A sub-query: the order of the highest rung of each enterprise that stands on one, on day `:on`, as known `:known_at`."""
    boards = ", ".join(f"'{board}'" for board in LISTING_BOARDS)
    return (
        "(SELECT enterprise_id, max(rung_order) AS rung_order FROM ("
        f"SELECT r.enterprise_id, ladder.rung_order FROM recognition r JOIN {rung_values(library)} USING (programme)"
        f" WHERE {IN_FORCE} AND {KNOWN} AND {current_edition(library, ':known_at')}"
        f" UNION ALL SELECT b.id, {BY_ID['listed'].order} FROM enterprise b WHERE b.listing_board IN ({boards})"
        " AND (b.listed_on IS NULL OR b.listed_on <= :on)) AS steps GROUP BY enterprise_id)"
    )


async def ladder_counts(
    session: AsyncSession, on: date, library: Library, region: str = "", known_at: datetime | None = None
) -> Mapping[str, int]:
    """How many enterprises stand on each rung (their highest) on a day; each enterprise once."""
    if await is_standing_kept(session, on, library, known_at):
        counted = (
            "SELECT e.rung_order, count(*) FROM enterprise e WHERE e.rung_order > 0"
            " AND (:region = '' OR e.region_code = :region) GROUP BY e.rung_order"
        )
        values: dict[str, Any] = {"region": region}
    else:
        counted = (
            f"SELECT s.rung_order, count(*) FROM {standing(library)} AS s JOIN enterprise e ON e.id = s.enterprise_id"
            f" WHERE :region = '' OR {region_on(on)} = :region GROUP BY s.rung_order"
        )
        values = {"on": on, "known_at": known_at, "region": region}
    found = await session.execute(text(counted), values)
    by_order = {row[0]: row[1] for row in found}
    return {rung.id: by_order.get(rung.order, 0) for rung in RUNGS}


async def expiring(
    session: AsyncSession, on: date, library: Library, days: int, limit: int = 200
) -> tuple[list[dict[str, Any]], int]:
    """Titles that end within some days and that nothing continues, the soonest first, with their enterprise; and all.

    What is granted anew each calendar year ends for everybody on the same day and is left out.
    """
    found = await session.execute(
        text(
            # Whoever sees a title sees its enterprise, so the names are looked up for those shown only.
            "SELECT r.*, e.name, e.credit_code, e.region_code FROM"
            f" (SELECT {_FIELDS}, r.valid_to - CAST(:on AS date) AS days_left, count(*) OVER () AS total FROM recognition r"
            f" WHERE {_in_force_now(library)} AND r.valid_to < CAST(:on AS date) + CAST(:days AS integer) AND {_NOT_CONTINUED}"
            " AND NOT r.programme = ANY(:each_year) ORDER BY r.valid_to, r.id LIMIT :limit) AS r"
            " JOIN enterprise e ON e.id = r.enterprise_id ORDER BY r.valid_to, r.id"
        ),
        {"on": on, "days": days, "each_year": programmes_each_year(library), "limit": limit},
    )
    rows = [dict(row) for row in found.mappings()]
    return rows, rows[0]["total"] if rows else 0


def programmes_each_year(library: Library) -> list[str]:
    """The programmes whose titles last for a calendar year."""
    return [name for name, one in library.programmes.items() if one.source.validity == "calendar year"]


def _in_force_now(library: Library) -> str:
    return f"{IN_FORCE} AND r.superseded_at IS NULL AND {current_edition(library)}"


@dataclass(frozen=True)
class View:
    """A way of looking at titles: its name, what it shows, and its condition."""

    label: str
    about: str
    condition: Callable[[Library], str]


#: No other title of the programme counts on the day after the last.
_NOT_CONTINUED = (
    "NOT EXISTS (SELECT FROM recognition o WHERE o.enterprise_id = r.enterprise_id AND o.programme = r.programme"
    " AND o.superseded_at IS NULL AND o.id <> r.id AND o.valid_from <= r.valid_to + 1"
    " AND (o.valid_to IS NULL OR o.valid_to > r.valid_to) AND o.revoked_on IS NULL)"
)
_HELD_AGAIN = (
    "EXISTS (SELECT FROM recognition o WHERE o.enterprise_id = r.enterprise_id AND o.programme = r.programme"
    " AND o.superseded_at IS NULL AND o.valid_from <= :on AND (o.valid_to IS NULL OR o.valid_to >= :on)"
    " AND (o.revoked_on IS NULL OR o.revoked_on > :on))"
)


def _ends_soon(library: Library) -> str:
    return f"{_in_force_now(library)} AND r.valid_to < CAST(:on AS date) + {SOON_DAYS} AND {_NOT_CONTINUED}"


def _ends_soon_and_fails(library: Library) -> str:
    return f"{_ends_soon(library)} AND x.outcome = 'ineligible'"


def _lapsed_though_eligible(_: Library) -> str:
    return (
        "r.superseded_at IS NULL AND r.revoked_on IS NULL AND r.valid_to < :on AND r.valid_to > CAST(:on AS date) - 730"
        f" AND (x.outcome = 'eligible' OR x.is_likely) AND NOT {_HELD_AGAIN}"
    )


def _revoked(_: Library) -> str:
    return "r.superseded_at IS NULL AND r.revoked_on IS NOT NULL"


SOON_DAYS = 180
VIEWS = {
    "expiring": View(
        f"{SOON_DAYS} 天内到期", f"有效、{SOON_DAYS} 天内到期且没有接续的认定，先到期的在前。", _ends_soon
    ),
    "failing": View(
        "到期复核有风险", f"{SOON_DAYS} 天内到期，而按现行数据测评不符合条件的：最值得马上上门。", _ends_soon_and_fails
    ),
    "in_force": View("有效", "今天有效的认定。", _in_force_now),
    "lapsed": View("已失效但仍符合", "近两年到期、没有续上，而按现行数据仍符合或基本符合的。", _lapsed_though_eligible),
    "revoked": View("已取消", "被取消资格的认定。", _revoked),
}
TITLES_A_PAGE = 50


@dataclass(frozen=True)
class TitlesFound:
    """One page of titles, and how many there are in all."""

    rows: list[dict[str, Any]]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // TITLES_A_PAGE))


async def list_titles(
    session: AsyncSession, view: str, on: date, library: Library, programme: str = "", region: str = "", page: int = 1
) -> TitlesFound:
    """One page of the titles that a view shows, with their enterprise and what the rules say of it today."""
    source = (
        " FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
        " LEFT JOIN eligibility x ON x.enterprise_id = r.enterprise_id AND x.programme = r.programme"
        f" WHERE {VIEWS[view].condition(library)} AND (:programme = '' OR r.programme = :programme)"
        " AND (:region = '' OR e.region_code = :region)"
    )
    values = {"on": on, "programme": programme, "region": region}
    if ":on" not in source:
        del values["on"]
    total = (await session.execute(text(f"SELECT count(*){source}"), values)).scalar_one()
    page = min(page, max(1, -(-total // TITLES_A_PAGE)))
    found = await session.execute(
        text(
            f"SELECT {_FIELDS}, e.name, e.credit_code, e.region_code, x.outcome, x.is_likely, x.failed,"
            f" r.valid_to - CAST(:on AS date) AS days_left{source} ORDER BY r.valid_to NULLS LAST, e.name, r.id"
            " LIMIT :limit OFFSET :offset"
        ),
        {**values, "on": on, "limit": TITLES_A_PAGE, "offset": (page - 1) * TITLES_A_PAGE},
    )
    return TitlesFound([dict(row) for row in found.mappings()], total, page)
