"""Reading the exchange: systems, runs, what is stuck, authorisations, clients."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


async def rows(session: AsyncSession, query: str, **values: Any) -> Sequence[Mapping[str, Any]]:
    """What a query finds, as mappings that outlive the session."""
    found = await session.execute(text(query), values)
    return [dict(row) for row in found.mappings()]


async def clients(session: AsyncSession) -> Sequence[Mapping[str, Any]]:
    """Systems that may call us; in an owner's unit of work only."""
    return await rows(
        session, "SELECT client_id, name, source, region_code, scopes, signature, quota, is_active, last_seen_at"
        " FROM exchange_client ORDER BY is_active DESC, client_id",
    )  # fmt: skip
