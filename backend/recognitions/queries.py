"""Reading recognitions: what is in force on a day, as it was known on another; the rung of an enterprise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.about import ask_about
from backend.enterprises.lineage import lived, lives
from backend.enterprises.places import was_in_region
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


#: The columns of `Held`, in its order.
HELD_FIELDS = (
    "r.id, r.enterprise_id, r.programme, r.level, r.edition, r.number, r.batch, r.kind, r.granted_on, r.valid_from,"
    " r.valid_to, r.revoked_on, r.revocation_reason, r.notice"
)


#: Up to so many enterprises the lists are looked up title by title.
_FEW = 5


async def held_by(
    session: AsyncSession, enterprise_ids: Sequence[int], known_at: datetime | None = None
) -> dict[int, list[Held]]:
    """All titles of some enterprises, ended ones included, the oldest first."""
    known = "CAST(:known_at AS timestamptz)"
    lists = f"list_editions({edition_programmes(library())}, {known})"
    if len(enterprise_ids) <= _FEW:
        # Few were ever on a list: only for those is it looked for.
        named = f"r.edition IS NOT NULL AND r.programme = ANY({edition_programmes(library())})"
        lists = (
            f"LATERAL list_editions(CASE WHEN {named} THEN ARRAY[CAST(r.programme AS text)] ELSE '{{}}' END, {known})"
        )
    statement = (
        f"SELECT {HELD_FIELDS}, lists.next_from FROM recognition r LEFT JOIN {lists} AS lists USING (programme, edition)"
        f" WHERE r.enterprise_id = ANY(:ids) AND {KNOWN} ORDER BY r.valid_from, r.id"
    )
    found = await ask_about(session, statement, enterprise_ids, {"known_at": known_at})
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
        " AND (b.listed_on IS NULL OR b.listed_on <= :on)) AS steps"
        f" WHERE {lived('steps.enterprise_id')} GROUP BY enterprise_id)"
    )


async def ladder_counts(
    session: AsyncSession, on: date, library: Library, region: str = "", known_at: datetime | None = None
) -> Mapping[str, int]:
    """How many enterprises stand on each rung (their highest) on a day; each enterprise once."""
    if await is_standing_kept(session, on, library, known_at):
        # As lists count (`enterprises.search`): those that live, and those whose last day is yet to come.
        counted = (
            "SELECT rung_order, sum(enterprises)::bigint FROM (SELECT rung_order, region_code, enterprises FROM listed_tally"
            f" UNION ALL SELECT rung_order, region_code, 1 FROM enterprise e WHERE e.ended_on > :on AND {lives()}"
            " AND e.status <> 'active') AS kept"
            " WHERE rung_order > 0 AND (:region = '' OR region_code = :region) GROUP BY rung_order"
        )
        values: dict[str, Any] = {"on": on, "region": region}
    else:
        counted = (
            f"SELECT s.rung_order, count(*) FROM {standing(library)} AS s JOIN enterprise e ON e.id = s.enterprise_id"
            f" WHERE :region = '' OR {region_on(on, known_at)} = :region GROUP BY s.rung_order"
        )
        values = {"on": on, "known_at": known_at, "region": region}
    found = await session.execute(text(counted), values)
    by_order = {row[0]: row[1] for row in found}
    return {rung.id: by_order.get(rung.order, 0) for rung in RUNGS}


@dataclass(frozen=True)
class Listed:
    """What a list of titles by their ids is narrowed by; empty narrows nothing."""

    programme: str = ""
    #: The district: today's; with an earlier moment's knowledge the one of the day asked about, as known then.
    region: str = ""
    #: The credit code.
    enterprise: str = ""
    enterprise_id: int = 0
    in_force_on: date | None = None
    #: The moment whose knowledge answers; None is now.
    known_at: datetime | None = None
    #: The id that the list begins after.
    after: int = 0


_LISTED = (
    f"SELECT {HELD_FIELDS}, lists.next_from, e.name, e.credit_code, e.region_code FROM recognition r"
    " JOIN enterprise e ON e.id = r.enterprise_id LEFT JOIN list_editions({editions}, {known}) AS lists"
    " ON lists.programme = r.programme AND lists.edition = r.edition"
)


async def list_by_id(
    session: AsyncSession, asked: Listed, library: Library, limit: int, *, newest_first: bool = False
) -> list[dict[str, Any]]:
    """Titles that hold now, or held by the knowledge of a moment, by their ids; each with its enterprise and as `held`."""
    conditions = ["r.superseded_at IS NULL" if asked.known_at is None else KNOWN, "r.id > :after"]
    values: dict[str, Any] = {"after": asked.after, "limit": limit}
    if asked.known_at is not None:
        values["known_at"] = asked.known_at
    for name, condition in (
        ("programme", "r.programme = :programme"),
        ("region", "e.region_code = :region" if asked.known_at is None else was_in_region("e.id")),
        ("enterprise", "e.credit_code = :enterprise"),
        ("enterprise_id", "e.id = :enterprise_id"),
    ):
        if getattr(asked, name):
            conditions.append(condition)
            values[name] = getattr(asked, name)
    if asked.known_at is not None and asked.region:
        values["on"] = today()
    if asked.in_force_on is not None:
        living = lives() if asked.known_at is None else lived("r.enterprise_id")
        conditions.append(f"{IN_FORCE} AND (lists.next_from IS NULL OR lists.next_from > :on) AND {living}")
        values["on"] = asked.in_force_on
    order = "r.id DESC" if newest_first else "r.id"
    return await _listed(session, f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :limit", values, library)


async def is_held(session: AsyncSession, programme: str) -> bool:
    """Whether anybody to be seen has, or had, a title of that name."""
    found = await session.scalar(
        text("SELECT EXISTS (SELECT FROM recognition WHERE programme = :id)"), {"id": programme}
    )
    return bool(found)


async def title_now(session: AsyncSession, recognition_id: int, library: Library) -> dict[str, Any] | None:
    """What became of a title that once had an id: the row that holds now; None if there is none, or none to be seen."""
    condition = (
        "WHERE r.superseded_at IS NULL AND r.id IN (WITH RECURSIVE later AS (SELECT CAST(:id AS bigint) AS id"
        " UNION SELECT o.id FROM recognition o JOIN later ON o.supersedes_id = later.id) SELECT id FROM later)"
    )
    rows = await _listed(session, condition, {"id": recognition_id}, library)
    return rows[0] if rows else None


async def _listed(
    session: AsyncSession, condition: str, values: dict[str, Any], library: Library
) -> list[dict[str, Any]]:
    known = "CAST(:known_at AS timestamptz)" if "known_at" in values else "NULL"
    listed = _LISTED.format(editions=edition_programmes(library), known=known)
    found = await session.execute(text(f"{listed} {condition}"), values)
    # The columns of a title come first and in its order.
    names, parts = list(found.keys()), len(fields(Held))
    return [dict(zip(names, row, strict=True)) | {"held": Held(*row[:parts])} for row in found]
