"""One matter of the demo that waits for a second person."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.recognitions.proposing import propose_revocation


async def leave_one_pending(engine: AsyncEngine) -> None:
    """Let 靖江's officer have proposed that a title be taken away; once, however often the demo starts."""
    async with owner_unit_of_work(engine) as session:
        if await session.scalar(text("SELECT EXISTS (SELECT FROM proposal)")):
            return
        found = await session.execute(
            text(
                "SELECT r.id, r.enterprise_id, p.id AS person_id FROM recognition r JOIN enterprise e ON e.id = r.enterprise_id"
                " JOIN person p ON p.login = 'jingjiang' WHERE e.region_code = p.region_code AND r.superseded_at IS NULL"
                " AND r.revoked_on IS NULL AND r.programme = 'hnte' AND r.valid_from < :day AND r.valid_to > :day"
                " ORDER BY r.id LIMIT 1"
            ),
            {"day": today() - timedelta(days=1)},
        )
        row = found.one_or_none()
        if row is not None:
            why = "〔虚构〕抽查发现研发费用不足，企业申请主动取消"
            await propose_revocation(session, row.enterprise_id, row.id, today(), why, row.person_id)
