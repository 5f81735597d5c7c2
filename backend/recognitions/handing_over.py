"""Titles that pass from one enterprise's file to another's: closed there with the moment, gone on with here.

As with any change of a title, nothing is overwritten: who asks what was known before finds it where it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.service import keys_of_title, standing_keys

_KEPT = (
    "programme, level, edition, number, batch, kind, granted_on, valid_from, valid_to, revoked_on, revocation_reason,"
    " correction, notice, printed_name, source, import_id, recorded_by"
)
#: What became of a title: the row that holds now, if any does.
_LATEST = (
    "WITH RECURSIVE later AS (SELECT CAST(:id AS bigint) AS id UNION SELECT o.id FROM recognition o"
    " JOIN later ON o.supersedes_id = later.id) SELECT r.id FROM recognition r JOIN later USING (id)"
    " WHERE r.superseded_at IS NULL"
)


@dataclass(frozen=True)
class HandedOver:
    """A row that was closed, and the one that goes on with it; None where the other file had the title already."""

    closed: int
    goes_on: int | None


async def hand_over(
    session: AsyncSession, from_id: int, to_id: int, ids: Sequence[int] | None = None
) -> list[HandedOver]:
    """Let the titles of one file go on in another's; one that the other has too is counted once.

    Args:
        from_id: whose titles.
        to_id: whose they are from now on.
        ids: which of them; None for all that hold now.
    """
    held = await standing_keys(session, [from_id, to_id])
    found = await session.execute(
        text(
            "SELECT id, programme, valid_from, granted_on, number FROM recognition WHERE enterprise_id = :from_id"
            " AND superseded_at IS NULL AND (CAST(:ids AS bigint[]) IS NULL OR id = ANY(CAST(:ids AS bigint[])))"
            " ORDER BY id FOR UPDATE"
        ),
        {"from_id": from_id, "ids": None if ids is None else list(ids)},
    )
    done: list[HandedOver] = []
    for number, *title in found.all():
        keys = keys_of_title(to_id, *title)
        is_news = held.isdisjoint(keys)
        held |= keys
        await _close(session, number)
        done.append(HandedOver(number, await _go_on(session, number, to_id) if is_news else None))
    return done


async def hand_back(session: AsyncSession, handed: Sequence[HandedOver], to_id: int) -> None:
    """Let titles go on where they came from, as they are by now; what was closed as a second copy holds again."""
    for one in handed:
        if one.goes_on is None:
            await _go_on(session, one.closed, to_id)
            continue
        latest = await session.scalar(text(_LATEST), {"id": one.goes_on})
        if latest is not None:
            await _close(session, latest)
            await _go_on(session, latest, to_id)


async def _close(session: AsyncSession, number: int) -> None:
    await session.execute(
        text("UPDATE recognition SET superseded_at = greatest(now(), recorded_at) WHERE id = :id"), {"id": number}
    )


async def _go_on(session: AsyncSession, number: int, enterprise_id: int) -> int:
    found = await session.execute(
        text(
            f"INSERT INTO recognition (enterprise_id, supersedes_id, recorded_at, {_KEPT}) SELECT :enterprise, id,"
            f" greatest(now(), superseded_at), {_KEPT} FROM recognition WHERE id = :id RETURNING id"
        ),
        {"id": number, "enterprise": enterprise_id},
    )
    return found.scalar_one()
