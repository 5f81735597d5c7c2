"""Whom a code that came over the wire means: today's holder, or whoever had it before."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.schemas import FORMER_CODE


async def ids_by_code(session: AsyncSession, codes: Iterable[str]) -> dict[str, int]:
    """Code → enterprise, of those that the session may see; a code in use goes before a former one."""
    found = await session.execute(
        text(
            "SELECT i.value, i.enterprise_id FROM enterprise_identifier i JOIN enterprise e ON e.id = i.enterprise_id"
            " WHERE i.kind = :kind AND i.value = ANY(:codes)"
            " UNION ALL SELECT credit_code, id FROM enterprise WHERE credit_code = ANY(:codes)"
        ),
        {"codes": sorted(set(codes)), "kind": FORMER_CODE},
    )
    return {row[0]: row[1] for row in found}
