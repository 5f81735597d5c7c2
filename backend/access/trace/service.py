"""Writing the trace: notes, their sealing into the chain, and the end of what is kept long enough.

Changes of rows leave their notes by themselves (`backend.database.trace`); what is no change of a row is noted here:
reading figures that the law protects, taking them away in a file, signing in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exact_json import exact_json

#: 网络安全法 第二十三条（三）: at least six months; the longest six calendar months have 184 days.
LEAST_DAYS: Final = 184
_PORTION: Final = 50_000


class PurgeRefused(Exception):
    """Entries are to go that the law wants kept."""

    status_code = 422

    def __init__(self, days: int) -> None:
        super().__init__(
            f"留痕至少保存 {LEAST_DAYS} 天（网络安全法第二十三条），不能只留 {days} 天。没有清除任何记录。"
        )


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done, as the trace tells it: `action` to `subject` number `subject_id`."""

    action: str
    subject: str
    subject_id: str = ""
    enterprise_id: int | None = None
    outcome: str = "done"
    reason: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


_NOTE = text(
    "INSERT INTO trace_note (action, subject, subject_id, enterprise_id, outcome, before, after)"
    " VALUES (:action, :subject, :subject_id, CAST(:enterprise_id AS bigint), :outcome, CAST(:before AS jsonb),"
    " CAST(:after AS jsonb))"
)
_NOTE_WITH_REASON = text(
    _NOTE.text.replace("outcome,", "outcome, reason,", 1).replace(":outcome,", ":outcome, :reason,")
)


async def note(session: AsyncSession, deed: Deed) -> None:
    """Leave a trace of something, in the transaction that does it: both are there afterwards, or neither."""
    values: dict[str, Any] = {
        "action": deed.action, "subject": deed.subject, "subject_id": deed.subject_id, "outcome": deed.outcome,
        "enterprise_id": deed.enterprise_id, "before": _json(deed.before), "after": _json(deed.after),
    }  # fmt: skip
    if deed.reason is None:
        await session.execute(_NOTE, values)
    else:
        await session.execute(_NOTE_WITH_REASON, values | {"reason": deed.reason})


def _json(values: Mapping[str, Any] | None) -> str | None:
    return None if values is None else exact_json(values)


async def seal(engine: AsyncEngine) -> int:
    """Chain all notes that wait. Returns how many; 0 too where somebody else is at it."""
    sealed = 0
    while True:
        async with owner_unit_of_work(engine) as session:
            portion = int(await session.scalar(text("SELECT seal_trace(:most)"), {"most": _PORTION}) or 0)
        sealed += portion
        if portion < _PORTION:
            return sealed


async def purge(engine: AsyncEngine, days: int, now: datetime | None = None) -> int:
    """Remove entries older than `days`; what remains can be verified as before. Returns how many went.

    Raises PurgeRefused.
    """
    if days < LEAST_DAYS:
        raise PurgeRefused(days)
    await seal(engine)
    older_than = (now or datetime.now(UTC)) - timedelta(days=days)
    async with owner_unit_of_work(engine) as session:
        removed = int(await session.scalar(text("SELECT purge_trace(:moment)"), {"moment": older_than}) or 0)
    await seal(engine)
    return removed
