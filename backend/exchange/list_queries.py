"""Reading what others were told, and how many let us tell."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange.agreements import agreements
from backend.exchange.consents import LIVE
from backend.exchange.queries import rows


async def of_lists(session: AsyncSession, on: date) -> dict[str, Mapping[str, Any]]:
    """Per list: enterprises that consent today, and the last telling."""
    found = await rows(
        session,
        f"SELECT c.list_id, count(DISTINCT c.enterprise_id) FILTER (WHERE {LIVE}) AS consenting,"
        " (SELECT max(disclosed_at) FROM disclosure d WHERE d.list_id = c.list_id) AS told_at"
        " FROM disclosure_consent c GROUP BY c.list_id",
        on=on,
    )
    known = {row["list_id"]: row for row in found}
    return {name: known.get(name, {"consenting": 0, "told_at": None}) for name in agreements()}


async def told(session: AsyncSession, list_id: str, limit: int = 50) -> Sequence[Mapping[str, Any]]:
    """Who was told of how many enterprises, by day."""
    return await rows(
        session, "SELECT recipient, disclosed_at::date AS day, count(*) AS tellings, count(DISTINCT enterprise_id) AS enterprises,"
        " max(disclosed_at) AS latest FROM disclosure WHERE list_id = :list GROUP BY recipient, disclosed_at::date"
        " ORDER BY latest DESC LIMIT :limit", list=list_id, limit=limit,
    )  # fmt: skip


async def consents_of_enterprise(session: AsyncSession, enterprise_id: int, on: date) -> Sequence[Mapping[str, Any]]:
    """All consents of an enterprise, the newest first, with the last telling under each."""
    return await rows(
        session, f"SELECT c.*, ({LIVE}) AS is_live, (SELECT max(d.disclosed_at) FROM disclosure d"
        " WHERE d.enterprise_id = c.enterprise_id AND d.consent_ids @> ARRAY[c.id]) AS told_at"
        " FROM disclosure_consent c WHERE c.enterprise_id = :id ORDER BY c.id DESC", id=enterprise_id, on=on,
    )  # fmt: skip


async def tellings_of(session: AsyncSession, enterprise_id: int, limit: int = 50) -> Sequence[Mapping[str, Any]]:
    """Who was told of an enterprise, by day and list, the latest first: how often, and of how many fields at most."""
    return await rows(
        session, "SELECT list_id, recipient, disclosed_at::date AS day, count(*) AS times, max(cardinality(fields)) AS fields,"
        " max(disclosed_at) AS latest FROM disclosure WHERE enterprise_id = :id"
        " GROUP BY list_id, recipient, disclosed_at::date ORDER BY latest DESC LIMIT :limit", id=enterprise_id, limit=limit,
    )  # fmt: skip


async def points_of_enterprise(session: AsyncSession, enterprise_id: int) -> Sequence[Mapping[str, Any]]:
    """All points of an enterprise: by year and issuer, the newest revision first."""
    return await rows(
        session, "SELECT points_system, year, revision, version, stage, base, bonus, total, details, issued_on, received_at"
        " FROM points_result WHERE enterprise_id = :id ORDER BY year DESC, points_system, revision DESC", id=enterprise_id,
    )  # fmt: skip
