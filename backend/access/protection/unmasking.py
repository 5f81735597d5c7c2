"""Reading one enterprise's protected data for half an hour: asked for with a reason, traced, ended by the clock.

What it opens is decided in the database, which looks for the row that stands here (docs/decisions/0012).
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.service import AccessRefused
from backend.access.trace.service import Deed, note

LEAST_REASON = 4
LONGEST_REASON = 200


async def unmask(session: AsyncSession, person_id: int, enterprise_id: int, reason: str) -> datetime:
    """Let somebody read one enterprise's protected data. Returns until when. Raises AccessRefused."""
    reason = reason.strip()
    if not LEAST_REASON <= len(reason) <= LONGEST_REASON:
        raise AccessRefused(
            f"请写明查看的理由，{LEAST_REASON} 至 {LONGEST_REASON} 个字：为哪项工作、看什么。", "reason"
        )
    until = await session.scalar(
        text(
            "INSERT INTO unmasking (person_id, enterprise_id, reason) VALUES (:person, :enterprise, :reason)"
            " RETURNING until"
        ),
        {"person": person_id, "enterprise": enterprise_id, "reason": reason},
    )
    assert isinstance(until, datetime)
    told = {"until": until.isoformat()}
    await note(session, Deed("unmask", "enterprise", str(enterprise_id), enterprise_id, reason=reason, after=told))
    return until


async def unmasked_until(session: AsyncSession, enterprise_id: int) -> datetime | None:
    """Until when whoever acts may read the enterprise's protected data; None where they may not."""
    return await session.scalar(
        text("SELECT max(until) FROM unmasking WHERE enterprise_id = :id AND until > now()"), {"id": enterprise_id}
    )


async def whose_tax_is_read(session: AsyncSession, enterprise_ids: Sequence[int]) -> set[int]:
    """Of some enterprises those of whom the transaction reads what the tax office said: as the policies have it."""
    found = await session.execute(
        text(
            "SELECT id FROM unnest(CAST(:ids AS bigint[])) AS asked (id) WHERE current_setting('role') <> 'tidu_app'"
            " OR coalesce(current_setting('tidu.reads_tax', true), '') = 'yes' OR id = ANY((SELECT unmasked())::bigint[])"
        ),
        {"ids": list(enterprise_ids)},
    )
    return set(found.scalars())
