"""Filings that were taken in under the wrong enterprise: withdrawn there, said again under the one they are of."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


async def hand_over(session: AsyncSession, from_id: int, to_id: int, ids: Sequence[int], by: int | None = None) -> int:
    """Let filings of one enterprise hold for another from now on; the projection is left to `project`.

    Returns how many there were.
    """
    if not ids:
        return 0
    values = {"from_id": from_id, "to_id": to_id, "ids": list(ids), "by": by}
    found = await session.execute(
        text(
            "INSERT INTO filing_withdrawal (filing_id, withdrawn_by) SELECT id, :by FROM filing WHERE id = ANY(:ids)"
            " AND enterprise_id = :from_id ON CONFLICT DO NOTHING RETURNING filing_id"
        ),
        values,
    )
    values["ids"] = list(found.scalars())
    await session.execute(
        text(
            'INSERT INTO filing (enterprise_id, source, year, received_on, recorded_by, import_id, "values", note)'
            ' SELECT :to_id, source, year, received_on, recorded_by, import_id, "values", note FROM filing'
            " WHERE id = ANY(:ids) ORDER BY id"
        ),
        values,
    )
    return len(values["ids"])
