"""Entries of the sub-registers whose enterprise proves to be another's file: closed with the moment, and gone on with."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

_KEPT = (
    "thing_id, register_id, type, level, name, match_key, number, region_code, park, host_name, amount, starts_on,"
    " ends_on, evaluation, note, is_withdrawn, recorded_by"
)


async def hand_over(session: AsyncSession, from_id: int, to_id: int) -> list[tuple[int, int]]:
    """Let the standing entries of one enterprise be another's. Returns what was closed and what goes on with it."""
    found = await session.execute(
        text(
            "SELECT id FROM register_entry WHERE enterprise_id = :id AND superseded_at IS NULL ORDER BY id FOR UPDATE"
        ),
        {"id": from_id},
    )
    return [(number, await _go_on(session, number, to_id)) for number in found.scalars().all()]


async def hand_back(session: AsyncSession, ids: Sequence[int], to_id: int) -> None:
    """Let entries be the first enterprise's again, as they are by now; one that was withdrawn since stays so."""
    for number in ids:
        found = await session.execute(
            text(
                "WITH RECURSIVE later AS (SELECT CAST(:id AS bigint) AS id UNION SELECT o.id FROM register_entry o"
                " JOIN later ON o.supersedes_id = later.id) SELECT t.id FROM register_entry t JOIN later USING (id)"
                " WHERE t.superseded_at IS NULL"
            ),
            {"id": number},
        )
        latest = found.scalar()
        if latest is not None:
            await _go_on(session, latest, to_id)


async def _go_on(session: AsyncSession, number: int, enterprise_id: int) -> int:
    await session.execute(
        text("UPDATE register_entry SET superseded_at = greatest(now(), recorded_at) WHERE id = :id"), {"id": number}
    )
    made = await session.execute(
        text(
            f"INSERT INTO register_entry (enterprise_id, supersedes_id, recorded_at, {_KEPT}) SELECT :enterprise, id,"
            f" superseded_at, {_KEPT} FROM register_entry WHERE id = :id RETURNING id"
        ),
        {"id": number, "enterprise": enterprise_id},
    )
    return made.scalar_one()
