"""Reading who the enterprises are."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work, reading_a_page
from backend.enterprises.credit_code import normalise
from backend.enterprises.lineage import MERGED, survivor_of
from backend.enterprises.names import match_key
from backend.enterprises.places import place_on
from backend.enterprises.schemas import FORMER_CODE, Draft, Known

_KNOWN = """
    SELECT e.*, (SELECT array_agg(n.match_key) FROM enterprise_name n WHERE n.enterprise_id = e.id) AS keys
    FROM enterprise e WHERE e.status <> 'merged' AND {condition}
"""


async def known_enterprises(session: AsyncSession, drafts: Sequence[Draft]) -> dict[int, Known]:
    """The enterprises that drafts speak of, by the drafts' positions; those not known are left out."""
    codes = [draft.credit_code for draft in drafts if draft.credit_code]
    by_code = {row["credit_code"]: row for row in await _rows(session, "e.credit_code = ANY(:values)", codes)}
    by_code = await _by_former_code(session, [code for code in codes if code not in by_code]) | by_code
    by_key = await enterprises_by_name(
        session, [match_key(draft.name) for draft in drafts if draft.credit_code not in by_code]
    )
    askers = _codes_by_name(drafts)
    found: dict[int, Known] = {}
    for position, draft in enumerate(drafts):
        row, key = by_code.get(draft.credit_code) if draft.credit_code else None, match_key(draft.name)
        if row is None and draft.credit_code and len(askers[key]) == 1:
            row = _only(one for one in by_key.get(key, ()) if one["credit_code"] is None and one["match_key"] == key)
        elif row is None and not draft.credit_code:
            row = _named(by_key.get(key, ()), key)
        if row is not None:
            found[position] = _known(row, is_by_code=draft.credit_code == row["credit_code"] is not None)
    return found


async def _by_former_code(session: AsyncSession, codes: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Enterprises by a credit code that they had before: old lists still print it."""
    if not codes:
        return {}
    found = await session.execute(
        text("SELECT value, enterprise_id FROM enterprise_identifier WHERE kind = :kind AND value = ANY(:codes)"),
        {"kind": FORMER_CODE, "codes": list(codes)},
    )
    owners = {row[0]: row[1] for row in found}
    rows = {row["id"]: row for row in await _rows(session, "e.id = ANY(:values)", list(owners.values()))}
    return {code: rows[number] for code, number in owners.items() if number in rows}


def _codes_by_name(drafts: Sequence[Draft]) -> dict[str, set[str]]:
    codes: dict[str, set[str]] = {}
    for draft in drafts:
        if draft.credit_code:
            codes.setdefault(match_key(draft.name), set()).add(draft.credit_code)
    return codes


def _named(candidates: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """The one enterprise that a name without a code means; None where it may mean several.

    Where several bear it, the one that a list without codes brought in: so the same list finds it again.
    """
    today = [one for one in candidates if one["match_key"] == key]
    return _only(candidates) or _only(today) or _only(one for one in today if one["credit_code"] is None)


def _only(candidates: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    found = list(candidates)
    return found[0] if len(found) == 1 else None


async def enterprises_by_name(session: AsyncSession, keys: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Enterprises by match key, of names they bear or bore."""
    condition = "e.id IN (SELECT enterprise_id FROM enterprise_name WHERE match_key = ANY(:values))"
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    wanted = set(keys)
    for row in await _rows(session, condition, list(wanted)):
        for key in set(row["keys"] or []) & wanted:
            by_key.setdefault(key, []).append(row)
    return by_key


async def _rows(
    session: AsyncSession, condition: str, values: Sequence[str] | Sequence[int]
) -> list[Mapping[str, Any]]:
    if not values:
        return []
    found = await session.execute(text(_KNOWN.format(condition=condition)), {"values": list(values)})
    return [dict(row) for row in found.mappings()]


def _known(row: Mapping[str, Any], *, is_by_code: bool) -> Known:
    return Known(row["id"], row["credit_code"], row["match_key"], frozenset(row["keys"] or ()), row, is_by_code)


@dataclass(frozen=True)
class NameUsed:
    """A name and the days it was used."""

    name: str
    used_from: date | None
    used_to: date | None


async def names_of(session: AsyncSession, enterprise_id: int) -> list[NameUsed]:
    """All names of an enterprise, the one in use first."""
    found = await session.execute(
        text(
            "SELECT name, used_from, used_to FROM enterprise_name WHERE enterprise_id = :id"
            " ORDER BY used_to DESC NULLS FIRST, id DESC"
        ),
        {"id": enterprise_id},
    )
    return [NameUsed(*row) for row in found]


async def find(session: AsyncSession, code_or_id: str, known_at: datetime | None = None) -> Mapping[str, Any] | None:
    """One enterprise by credit code, by a number that named it earlier, or by its own id.

    What named a file that is part of another now finds that other; with an earlier moment's knowledge, itself.
    """
    key = normalise(code_or_id)
    row = await _one(session, "e.credit_code = :key", key)
    if row is None:
        row = await _one(session, "e.id IN (SELECT enterprise_id FROM enterprise_identifier WHERE value = :key)", key)
    if row is None and key.isascii() and key.isdigit() and len(key) <= 18:
        row = await _one(session, "e.id = :key", int(key))
    return await _whose_file(session, row, known_at)


async def _whose_file(
    session: AsyncSession, row: Mapping[str, Any] | None, known_at: datetime | None
) -> Mapping[str, Any] | None:
    """The file that has taken this one in, as known at a moment; itself where it stands for itself."""
    if row is None or row["status"] != MERGED:
        return row
    survivor = await survivor_of(session, row["id"], known_at)
    return row if survivor is None else await _one(session, "e.id = :key", survivor)


async def _one(session: AsyncSession, condition: str, key: str | int) -> Mapping[str, Any] | None:
    found = await session.execute(
        text(f"SELECT e.* FROM enterprise e WHERE {condition} ORDER BY e.id LIMIT 1"), {"key": key}
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None


def region_on(on: date, known_at: datetime | None = None) -> str:
    """The SQL of an enterprise's region on day `:on`, as known now or at `:known_at`; who never moved is where it is now."""
    if known_at is not None:
        return place_on("region_code", ":on", ":known_at")
    return place_on("region_code", ":on") if on < today() else "e.region_code"


async def chains_of(session: AsyncSession, enterprise_id: int) -> list[str]:
    """The chains an enterprise belongs to."""
    found = await session.execute(
        text("SELECT chain FROM enterprise_chain WHERE enterprise_id = :id ORDER BY chain"), {"id": enterprise_id}
    )
    return list(found.scalars())


async def chains_in_use(session: AsyncSession) -> list[str]:
    """The chains that enterprises belong to: few different values, each found by leaping past the one before."""
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "WITH RECURSIVE leap AS ((SELECT chain FROM enterprise_chain WHERE chain > '' ORDER BY 1 LIMIT 1)"
                " UNION ALL SELECT (SELECT c.chain FROM enterprise_chain c WHERE c.chain > leap.chain ORDER BY 1 LIMIT 1)"
                " FROM leap WHERE leap.chain IS NOT NULL) SELECT chain FROM leap WHERE chain IS NOT NULL"
            )
        )
    return list(found.scalars())


async def parks_in_use(session: AsyncSession) -> list[str]:
    """The parks that enterprises which live are registered in."""
    found = await session.execute(
        text("SELECT park FROM listed_tally WHERE park <> '' GROUP BY park HAVING sum(enterprises) > 0 ORDER BY park")
    )
    return list(found.scalars())


async def codes_of(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, str]:
    """What names enterprises on paper: the credit code, or their own id where they have none yet."""
    found = await session.execute(
        text("SELECT id, coalesce(credit_code, id::text) FROM enterprise WHERE id = ANY(:ids) ORDER BY id"),
        {"ids": list(enterprise_ids)},
    )
    return {row[0]: row[1] for row in found}


async def portions_of_ids(engine: AsyncEngine, size: int) -> AsyncIterator[list[int]]:
    """The ids of all enterprises, so many at a time; each portion is read in a transaction of its own."""
    last = 0
    while True:
        async with owner_unit_of_work(engine) as session:
            found = await session.execute(
                text("SELECT id FROM enterprise WHERE id > :last ORDER BY id LIMIT :size"), {"last": last, "size": size}
            )
            portion = list(found.scalars())
        if not portion:
            return
        yield portion
        last = portion[-1]
