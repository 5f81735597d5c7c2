"""Titles that pass to another enterprise from a day on, and back again when that proves to have been wrong.

As with any change of a title, nothing is overwritten: who asks what was known meanwhile finds it where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.service import RecognitionRefused, keys_of_title, revoke, standing_keys

#: What somebody may have put right or added of a title since it passed over.
_EDITED: Final = (
    "level", "edition", "number", "batch", "granted_on", "valid_to", "kind", "notice", "correction", "revoked_on",
    "revocation_reason", "printed_name",
)  # fmt: skip
#: What became of a title: the row that holds now, if any does.
_LATEST: Final = (
    "WITH RECURSIVE later AS (SELECT CAST(:id AS bigint) AS id UNION SELECT o.id FROM recognition o"
    " JOIN later ON o.supersedes_id = later.id) SELECT r.* FROM recognition r JOIN later USING (id)"
    " WHERE r.superseded_at IS NULL"
)


@dataclass(frozen=True)
class Passed:
    """A title that passed over: the row that held before, the one that ends on the day, and the other enterprise's."""

    before: int
    closed: int
    made: int


@dataclass(frozen=True)
class PassedSince:
    """What became of a title after it passed over."""

    passed: Passed
    before: Mapping[str, Any]
    #: The rows that hold now, of the one enterprise and of the other; None where the title was taken out.
    here: Mapping[str, Any] | None
    there: Mapping[str, Any] | None
    #: What was changed since: column → what it says now.
    edits: Mapping[str, Any]

    @property
    def restored(self) -> dict[str, Any] | None:
        """The title as it goes on: as it was before, with what was changed since; None where it was taken out."""
        return None if self.here is None else {**self.before, **self.edits}


async def pass_on(
    session: AsyncSession,
    recognition_id: int,
    to_id: int,
    on: date,
    why: tuple[str, str],
    recorded_by: int | None = None,
) -> Passed:
    """Let a title be another enterprise's from a day on: it counts for the one until the day before, then for the other.

    The other's keeps the day of the grant, the number and the last day, and is no new grant.

    Args:
        recognition_id: of the title that holds now.
        to_id: whose it is from that day on.
        on: the day.
        why: the reason that stands with the one, and the notice that stands with the other.
        recorded_by: the person who writes it down.

    Raises:
        RecognitionRefused: it did not count on the day before, the other has the very title already, or it has been
            changed meanwhile.
    """
    reason, notice = why
    found = await session.execute(
        text("SELECT programme, valid_from, granted_on, number FROM recognition WHERE id = :id"), {"id": recognition_id}
    )
    title = found.one()
    if title.valid_from >= on:
        raise RecognitionRefused(f"该认定自 {title.valid_from} 起有效，不早于分立日 {on}，不能转出；请先核对分立日期")
    keys = keys_of_title(to_id, title.programme, on, title.granted_on, title.number)
    if not (await standing_keys(session, [to_id])).isdisjoint(keys):
        raise RecognitionRefused(
            f"分出的企业名下已有同一项目、同一编号或同一起始日的认定（{title.granted_on} {title.number}），不能再转入；"
            "请不勾选这一条，或先核对那家企业的认定"
        )
    await revoke(session, recognition_id, on, reason, recorded_by=recorded_by)
    closed = await session.execute(
        text("SELECT id FROM recognition WHERE supersedes_id = :id AND superseded_at IS NULL"), {"id": recognition_id}
    )
    columns = "programme, level, edition, number, batch, granted_on, valid_to, printed_name, source"
    made = await session.execute(
        text(
            f"INSERT INTO recognition (enterprise_id, kind, valid_from, notice, recorded_by, revocation_reason, {columns})"
            f" SELECT :to_id, 'transferred', :on, :notice, :by, '', {columns} FROM recognition WHERE id = :id RETURNING id"
        ),
        {"to_id": to_id, "on": on, "notice": notice, "by": recorded_by, "id": recognition_id},
    )
    return Passed(recognition_id, closed.scalar_one(), made.scalar_one())


async def passed_since(session: AsyncSession, passed: Sequence[Passed]) -> list[PassedSince]:
    """What became of titles after they passed over."""
    return [await _since(session, one) for one in passed]


async def _since(session: AsyncSession, passed: Passed) -> PassedSince:
    held = await session.execute(
        text("SELECT * FROM recognition WHERE id = ANY(:ids)"), {"ids": [passed.before, passed.closed, passed.made]}
    )
    rows = {row["id"]: dict(row) for row in held.mappings()}
    here, there = await _latest(session, passed.closed), await _latest(session, passed.made)
    edits = _edits(rows[passed.closed], here) | _edits(rows[passed.made], there)
    return PassedSince(passed, rows[passed.before], here, there, edits)


async def _latest(session: AsyncSession, number: int) -> dict[str, Any] | None:
    row = (await session.execute(text(_LATEST), {"id": number})).mappings().first()
    return None if row is None else dict(row)


def _edits(then: Mapping[str, Any], now: Mapping[str, Any] | None) -> dict[str, Any]:
    return {} if now is None else {name: now[name] for name in _EDITED if now[name] != then[name]}


async def pass_back(session: AsyncSession, from_id: int, since: Sequence[PassedSince]) -> None:
    """Let titles hold again where they came from as if they had never left, with what was changed of them since.

    One that the enterprise has got otherwise meanwhile is counted once; one that was taken out stays out.
    """
    for one in since:
        for row in (one.there, one.here):
            if row is not None:
                await session.execute(
                    text("UPDATE recognition SET superseded_at = greatest(now(), recorded_at) WHERE id = :id"),
                    {"id": row["id"]},
                )
        title = one.restored
        if title is None or one.here is None:
            continue
        keys = keys_of_title(from_id, title["programme"], title["valid_from"], title["granted_on"], title["number"])
        if (await standing_keys(session, [from_id])).isdisjoint(keys):
            await _go_on(session, title, one.here["id"])


async def _go_on(session: AsyncSession, title: Mapping[str, Any], supersedes_id: int) -> None:
    new = {name: value for name, value in title.items() if name not in ("id", "superseded_at", "recorded_at")}
    new["supersedes_id"] = supersedes_id
    columns, values = ", ".join(new), ", ".join(f":{name}" for name in new)
    await session.execute(
        text(
            f"INSERT INTO recognition ({columns}, recorded_at) SELECT {values}, superseded_at FROM recognition"
            " WHERE id = :supersedes_id"
        ),
        new,
    )
