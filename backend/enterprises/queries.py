"""Reading who the enterprises are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.names import match_key

if TYPE_CHECKING:
    from backend.enterprises.service import Draft


@dataclass(frozen=True)
class Known:
    """An enterprise that a draft speaks of."""

    id: int
    credit_code: str | None
    match_key: str
    #: The keys of all names it bears or bore.
    keys: frozenset[str]
    fields: Mapping[str, Any]
    #: Whether it was found by its code, so that another name means that it was renamed.
    is_by_code: bool

    def bore(self, key: str) -> bool:
        """Whether it ever had a name."""
        return key in self.keys


_KNOWN = """
    SELECT e.*, (SELECT array_agg(n.match_key) FROM enterprise_name n WHERE n.enterprise_id = e.id) AS keys
    FROM enterprise e WHERE {condition}
"""


async def known_enterprises(session: AsyncSession, drafts: "Sequence[Draft]") -> dict[int, Known]:
    """The enterprises that drafts speak of, by the drafts' positions; those not known are left out."""
    codes = [draft.credit_code for draft in drafts if draft.credit_code]
    keys = [match_key(draft.name) for draft in drafts if not draft.credit_code]
    by_code = {row["credit_code"]: row for row in await _rows(session, "e.credit_code = ANY(:values)", codes)}
    by_key = await enterprises_by_name(session, keys)
    found: dict[int, Known] = {}
    for position, draft in enumerate(drafts):
        if draft.credit_code:
            row = by_code.get(draft.credit_code)
        else:
            candidates = by_key.get(match_key(draft.name), [])
            row = candidates[0] if len(candidates) == 1 else None
        if row is not None:
            found[position] = _known(row, is_by_code=bool(draft.credit_code))
    return found


async def enterprises_by_name(session: AsyncSession, keys: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Enterprises by match key, of names they bear or bore."""
    condition = "e.id IN (SELECT enterprise_id FROM enterprise_name WHERE match_key = ANY(:values))"
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    wanted = set(keys)
    for row in await _rows(session, condition, list(wanted)):
        for key in set(row["keys"] or []) & wanted:
            by_key.setdefault(key, []).append(row)
    return by_key


async def _rows(session: AsyncSession, condition: str, values: Sequence[str]) -> list[Mapping[str, Any]]:
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


async def find(session: AsyncSession, code_or_id: str) -> Mapping[str, Any] | None:
    """One enterprise by credit code, by a number that named it earlier, or by its own id."""
    found = await session.execute(
        text(
            "SELECT e.* FROM enterprise e WHERE e.credit_code = :key OR e.id::text = :key OR e.id IN"
            " (SELECT enterprise_id FROM enterprise_identifier WHERE value = :key) LIMIT 1"
        ),
        {"key": code_or_id},
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None


async def chains_in_use(session: AsyncSession) -> list[str]:
    """The chains that enterprises belong to."""
    found = await session.execute(text("SELECT DISTINCT chain FROM enterprise_chain ORDER BY chain"))
    return list(found.scalars())


async def parks_in_use(session: AsyncSession) -> list[str]:
    """The parks that enterprises are registered in."""
    found = await session.execute(text("SELECT DISTINCT park FROM enterprise WHERE park <> '' ORDER BY park"))
    return list(found.scalars())
