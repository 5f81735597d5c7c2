"""Writing who the enterprises are: registering, renaming, moving, correcting. Always many at once, one is many of one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.enterprises.names import match_key, normalise_name
from backend.enterprises.pinyin import initials
from backend.enterprises.queries import Known, known_enterprises


class EditedMeanwhile(Exception):
    """Somebody else changed the enterprise since it was read."""

    status_code = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}”刚被其他人修改过，本次未保存。请刷新页面，核对后再保存。")


@dataclass(frozen=True)
class FormerName:
    """A name no longer used, and the last day it was, where that is known."""

    name: str
    used_to: date | None = None


@dataclass(frozen=True)
class Draft:
    """What a source says of who an enterprise is; empty where it says nothing."""

    name: str
    credit_code: str | None = None
    former_names: tuple[FormerName, ...] = ()
    region_code: str = ""
    town: str = ""
    park: str = ""
    address: str = ""
    industry_code: str = ""
    established_on: date | None = None
    chains: tuple[str, ...] = ()
    is_above_scale: bool | None = None
    listing_board: str = ""
    listed_on: date | None = None
    #: kind → value: old registration numbers, organisation codes.
    identifiers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Registered:
    """What registering did, by position of the drafts."""

    ids: list[int]
    created: set[int]
    changed: set[int]


#: The last day of a former name where no source gives it.
LONG_AGO = date(1, 1, 1)

#: Columns that a later draft may fill or correct.
_PLAIN = (
    "region_code", "town", "park", "address", "industry_code", "established_on", "is_above_scale", "listing_board",
    "listed_on",
)  # fmt: skip
_COLUMNS = ("id", "credit_code", "name", "match_key", "search_text", *_PLAIN, "status", "revision")


async def register(session: AsyncSession, drafts: Sequence[Draft], on: date) -> Registered:
    """Register enterprises that are new, and bring those already known up to date.

    An enterprise is known by its credit code; a draft without one by a name that exactly one enterprise bears or bore.
    A field that the draft leaves empty is left as it was; a new name keeps the old one as a former name until `on`.
    """
    drafts = [replace(draft, name=normalise_name(draft.name)) for draft in drafts]
    known = await known_enterprises(session, drafts)
    ids: list[int | None] = [known[position].id if position in known else None for position in range(len(drafts))]
    fresh = [position for position, one in enumerate(ids) if one is None]
    first_of: dict[str, int] = {}
    for position in fresh:
        # The same new enterprise twice in one list is registered once.
        first_of.setdefault(drafts[position].credit_code or drafts[position].name, position)
    new_positions = sorted(first_of.values())
    numbers = await _next_ids(session, len(new_positions))
    for position, number in zip(new_positions, numbers, strict=True):
        ids[position] = number
    for position in fresh:
        ids[position] = ids[first_of[drafts[position].credit_code or drafts[position].name]]
    settled = [number for number in ids if number is not None]
    await _insert(
        session, [(number, drafts[position]) for position, number in zip(new_positions, numbers, strict=True)]
    )
    changed = await _update(session, [(known[position], drafts[position]) for position in sorted(known)], on)
    await _add_details(session, [(settled[position], draft) for position, draft in enumerate(drafts)])
    return Registered(settled, set(new_positions), {position for position in known if known[position].id in changed})


async def _next_ids(session: AsyncSession, count: int) -> list[int]:
    if not count:
        return []
    found = await session.execute(
        text("SELECT nextval('enterprise_id_seq') FROM generate_series(1, :count)"), {"count": count}
    )
    return sorted(found.scalars())


async def _insert(session: AsyncSession, enterprises: list[tuple[int, Draft]]) -> None:
    if not enterprises:
        return
    rows = [
        (number, draft.credit_code, draft.name, match_key(draft.name), search_text(draft.name, draft.credit_code, draft.former_names),
         *(getattr(draft, column) for column in _PLAIN), "active", 1)
        for number, draft in enterprises
    ]  # fmt: skip
    await copy_rows(session, "enterprise", _COLUMNS, rows)
    names = [(number, draft.name, match_key(draft.name), None, None) for number, draft in enterprises]
    await copy_rows(session, "enterprise_name", ("enterprise_id", "name", "match_key", "used_from", "used_to"), names)
    regions = [
        (number, draft.region_code, draft.town, draft.park, None, None)
        for number, draft in enterprises
        if draft.region_code
    ]
    await copy_rows(
        session,
        "enterprise_region",
        ("enterprise_id", "region_code", "town", "park", "valid_from", "valid_to"),
        regions,
    )


def search_text(name: str, credit_code: str | None, former: Iterable[FormerName] = ()) -> str:
    """All that a search may hit, in lower case: names, former names, code, pinyin initials."""
    names = [name, *(one.name for one in former)]
    return " ".join([*names, credit_code or "", *(initials(one) for one in names)]).lower()


async def _update(session: AsyncSession, pairs: list[tuple[Known, Draft]], on: date) -> set[int]:
    changed: set[int] = set()
    for known, draft in pairs:
        changes: dict[str, Any] = {
            column: getattr(draft, column)
            for column in _PLAIN
            if getattr(draft, column) not in (None, "") and getattr(draft, column) != known.fields[column]
        }
        if draft.credit_code and known.credit_code is None:
            changes["credit_code"] = draft.credit_code
        renamed = (
            known.is_by_code and match_key(draft.name) != known.match_key and not known.bore(match_key(draft.name))
        )
        if not changes and not renamed:
            continue
        if "region_code" in changes:
            await move(session, known.id, changes.pop("region_code"), draft.town, draft.park, on)
        if renamed:
            await rename(session, known.id, draft.name, on)
        await _set(session, known.id, changes)
        changed.add(known.id)
    return changed


async def _set(session: AsyncSession, enterprise_id: int, changes: Mapping[str, Any]) -> None:
    assignments = "".join(f'"{column}" = :{column}, ' for column in changes)
    await session.execute(
        text(f"UPDATE enterprise SET {assignments}revision = revision + 1, updated_at = now() WHERE id = :id"),
        {**changes, "id": enterprise_id},
    )


async def rename(session: AsyncSession, enterprise_id: int, name: str, on: date) -> None:
    """Give an enterprise a new name from a day on; the old one stays as a former name until the day before."""
    name = normalise_name(name)
    await session.execute(
        text("UPDATE enterprise_name SET used_to = :last WHERE enterprise_id = :id AND used_to IS NULL"),
        {"last": on - timedelta(days=1), "id": enterprise_id},
    )
    await _insert_name(session, enterprise_id, name, on, None)
    await _set(session, enterprise_id, {"name": name, "match_key": match_key(name)})
    await refresh_search(session, [enterprise_id])


async def _insert_name(
    session: AsyncSession, enterprise_id: int, name: str, used_from: date | None, used_to: date | None
) -> None:
    await session.execute(
        text(
            "INSERT INTO enterprise_name (enterprise_id, name, match_key, used_from, used_to)"
            " VALUES (:id, :name, :key, :used_from, :used_to)"
        ),
        {"id": enterprise_id, "name": name, "key": match_key(name), "used_from": used_from, "used_to": used_to},
    )


async def move(session: AsyncSession, enterprise_id: int, region_code: str, town: str, park: str, on: date) -> None:
    """Register a move: counts for days before `on` still find the enterprise where it was."""
    await session.execute(
        text("UPDATE enterprise_region SET valid_to = :last WHERE enterprise_id = :id AND valid_to IS NULL"),
        {"last": on - timedelta(days=1), "id": enterprise_id},
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
            " VALUES (:id, :region, :town, :park,"
            " CASE WHEN EXISTS (SELECT FROM enterprise_region WHERE enterprise_id = :id) THEN CAST(:on AS date) END)"
            " ON CONFLICT (enterprise_id, valid_from) DO UPDATE SET region_code = excluded.region_code, valid_to = NULL"
        ),
        {"id": enterprise_id, "region": region_code, "town": town, "park": park, "on": on},
    )
    await _set(session, enterprise_id, {"region_code": region_code})


async def _add_details(session: AsyncSession, pairs: list[tuple[int, Draft]]) -> None:
    chains = [{"id": number, "chain": chain} for number, draft in pairs for chain in draft.chains]
    if chains:
        await session.execute(
            text("INSERT INTO enterprise_chain (enterprise_id, chain) VALUES (:id, :chain) ON CONFLICT DO NOTHING"),
            chains,
        )
    identifiers = [
        {"id": number, "kind": kind, "value": value}
        for number, draft in pairs
        for kind, value in draft.identifiers.items()
    ]
    if identifiers:
        await session.execute(
            text(
                "INSERT INTO enterprise_identifier (enterprise_id, kind, value) VALUES (:id, :kind, :value)"
                " ON CONFLICT DO NOTHING"
            ),
            identifiers,
        )
    former = [(number, one) for number, draft in pairs for one in draft.former_names]
    if former:
        await _add_former_names(session, former)


async def _add_former_names(session: AsyncSession, pairs: list[tuple[int, FormerName]]) -> None:
    ids = sorted({number for number, _ in pairs})
    found = await session.execute(
        text("SELECT enterprise_id, match_key FROM enterprise_name WHERE enterprise_id = ANY(:ids)"), {"ids": ids}
    )
    known = {(row[0], row[1]) for row in found}
    fresh = {(number, match_key(one.name)): one for number, one in pairs if (number, match_key(one.name)) not in known}
    # A former name whose last day nobody knows still is no name in use.
    rows = [
        (number, normalise_name(one.name), key, None, one.used_to or LONG_AGO) for (number, key), one in fresh.items()
    ]
    if rows:
        columns = ("enterprise_id", "name", "match_key", "used_from", "used_to")
        await copy_rows(session, "enterprise_name", columns, rows)
        await refresh_search(session, ids)


async def refresh_search(session: AsyncSession, enterprise_ids: Sequence[int]) -> None:
    """Work out anew what a search for these enterprises may hit."""
    found = await session.execute(
        text(
            "SELECT e.id, e.name, e.credit_code, array_remove(array_agg(n.name), NULL) AS names FROM enterprise e"
            " LEFT JOIN enterprise_name n ON n.enterprise_id = e.id AND n.name <> e.name"
            " WHERE e.id = ANY(:ids) GROUP BY e.id"
        ),
        {"ids": list(enterprise_ids)},
    )
    rows = [
        {"id": row.id, "text": search_text(row.name, row.credit_code, [FormerName(name) for name in row.names])}
        for row in found
    ]
    if rows:
        await session.execute(text("UPDATE enterprise SET search_text = :text WHERE id = :id"), rows)


async def edit(session: AsyncSession, enterprise_id: int, changes: Mapping[str, Any], revision: int, on: date) -> None:
    """Change fields of one enterprise as an officer entered them.

    Raises:
        EditedMeanwhile: the enterprise has changed since `revision`.
    """
    row = (
        await session.execute(
            text("SELECT name, revision, town, park FROM enterprise WHERE id = :id FOR UPDATE"), {"id": enterprise_id}
        )
    ).one()
    if row.revision != revision:
        raise EditedMeanwhile(row.name)
    plain = dict(changes)
    if (region := plain.pop("region_code", None)) is not None:
        await move(session, enterprise_id, region, plain.get("town", row.town), plain.get("park", row.park), on)
    if (name := plain.pop("name", None)) is not None and normalise_name(name) != row.name:
        await rename(session, enterprise_id, name, on)
    await _set(session, enterprise_id, plain)
