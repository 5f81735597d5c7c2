"""The feed of changes: in one order, from which a reader who passed a place has missed nothing before it.

A change is noted in its own transaction (`exchange_outbox`, by triggers). Numbers from a sequence become visible in
another order than they were drawn in, so a reader of the outbox could pass a change that is not yet there. Therefore
one at a time moves what is visible into the feed, which numbers it anew: what is moved later stands later. Of one
enterprise the order is that of its transactions, for whoever writes to it holds its row until the end.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import enter_scope
from backend.exchange.bodies import BodyRefused

#: What may change, and how it is told.
TYPES: Final = {
    "enterprise.updated": "企业信息变更", "filing.recorded": "新的填报", "recognition.changed": "认定变更",
    "tier.changed": "梯度变更", "points.published": "积分发布", "authorisation.revoked": "授权撤回",
}  # fmt: skip
PREFIX: Final = "cn.gov.sti.registry"
MOST_CHANGES: Final = 1_000
#: Whoever follows the feed has so long before changes are let go; the enterprises are then read anew.
KEPT: Final = timedelta(days=400)
_PORTION: Final = 10_000
_ORDERING_LOCK: Final = 7_120_002


async def put_in_order(session: AsyncSession, size: int = _PORTION) -> int:
    """Move what has become visible into the feed. Returns how many; 0 too while somebody else is at it."""
    found = await session.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _ORDERING_LOCK})
    if not found.scalar_one():
        return 0
    # A statement of its own, so that it sees all that whoever held the lock before has moved.
    moved = await session.execute(
        text(
            "WITH moved AS (DELETE FROM exchange_outbox WHERE id IN"
            " (SELECT id FROM exchange_outbox ORDER BY id LIMIT :size) RETURNING id, enterprise_id, type, noted_at)"
            " INSERT INTO exchange_change (enterprise_id, type, noted_at)"
            " SELECT enterprise_id, type, noted_at FROM moved ORDER BY id RETURNING position"
        ),
        {"size": size},
    )
    return len(moved.all())


async def forget_old(session: AsyncSession, keep: timedelta, size: int = _PORTION) -> int:
    """Let go of changes, and of deliveries that were taken, older than `keep`. Returns how many changes went.

    The place up to which nothing is kept any more is noted with them: whoever asks from before it is told so.
    """
    before = datetime.now(UTC) - keep
    gone = await session.execute(
        text(
            "WITH gone AS (DELETE FROM exchange_change WHERE position IN (SELECT position FROM exchange_change"
            " WHERE noted_at < :before AND position < (SELECT coalesce(min(position), 9223372036854775807) FROM webhook_endpoint"
            " WHERE is_active) ORDER BY position LIMIT :size) RETURNING position)"
            " SELECT count(*), max(position) FROM gone"
        ),
        {"before": before, "size": size},
    )
    count, upto = gone.one()
    if count:
        await session.execute(
            text(
                "INSERT INTO exchange_cursor (system, form, after_id) VALUES ('feed', 'forgotten', :upto)"
                " ON CONFLICT (system, form) DO UPDATE SET after_id = greatest(exchange_cursor.after_id, excluded.after_id)"
            ),
            {"upto": upto},
        )
    await session.execute(
        text(
            "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE status = 'sent'"
            " AND sent_at < :before LIMIT :size)"
        ),
        {"before": before, "size": size},
    )
    return count


async def forgotten_until(session: AsyncSession) -> int:
    """The place up to which changes are not kept any more; 0 while all are."""
    found = await session.execute(
        text("SELECT after_id FROM exchange_cursor WHERE system = 'feed' AND form = 'forgotten'")
    )
    return found.scalar_one_or_none() or 0


@dataclass(frozen=True)
class FeedChange:
    """One change as a reader sees it: thin, so that what it is about is asked for with the reader's own rights."""

    position: int
    type: str
    subject: str | None
    noted_at: datetime

    def as_event(self) -> dict[str, Any]:
        """The change as a CloudEvent."""
        return {
            "specversion": "1.0", "id": f"chg-{self.position}", "source": "/tidu", "type": event_type(self.type),
            "subject": self.subject, "time": self.noted_at.isoformat(),
        }  # fmt: skip


def event_type(change: str) -> str:
    """The type in the form of CloudEvents, with its version."""
    return f"{PREFIX}.{change}.v1"


async def changes_since(
    session: AsyncSession, position: int, limit: int, scope: Scope, types: Sequence[str] = ()
) -> tuple[list[FeedChange], int]:
    """Changes after a place, those of other districts left out, and the place after them.

    The session is the owner's and is bound to `scope` on the way: the feed itself is nobody's but the city's.
    """
    # Read before the changes: what is added meanwhile lies beyond it.
    end = await _end(session, position) if types else position
    found = await session.execute(
        text(
            "SELECT position, enterprise_id, type, noted_at FROM exchange_change WHERE position > :after"
            " AND (CAST(:types AS text[]) = '{}' OR type = ANY(:types)) ORDER BY position LIMIT :size"
        ),
        {"after": position, "types": list(types), "size": limit},
    )
    rows: list[Mapping[str, Any]] = [dict(row) for row in found.mappings()]
    following = rows[-1]["position"] if rows else end
    await enter_scope(session, scope)
    seen = await session.execute(
        text("SELECT id, credit_code FROM enterprise WHERE id = ANY(:ids)"),
        {"ids": [row["enterprise_id"] for row in rows]},
    )
    codes = {row[0]: row[1] for row in seen}
    return [
        FeedChange(row["position"], row["type"], codes[row["enterprise_id"]], row["noted_at"])
        for row in rows
        if row["enterprise_id"] in codes
    ], following


async def _end(session: AsyncSession, position: int) -> int:
    """The feed's end: nothing of the types asked for lies before it."""
    found = await session.execute(text("SELECT coalesce(max(position), 0) FROM exchange_change"))
    return max(position, found.scalar_one())


def cursor_of(position: int) -> str:
    """A place as a reader keeps it."""
    return base64.urlsafe_b64encode(f"c1:{position}".encode()).decode().rstrip("=")


def position_of(cursor: str, parameter: str = "since") -> int:
    """The place of a cursor; an empty one is the beginning. Raises BodyRefused, naming the parameter."""
    if not cursor:
        return 0
    try:
        written = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        kind, _, number = written.partition(":")
        if kind == "c1" and number.isascii() and number.isdigit() and len(number) < 19:
            return int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise BodyRefused(
        400,
        "invalid-cursor",
        f"{parameter} 不是本接口给出的游标。",
        "请用上次应答的 next，或不写从头开始。",
        parameter=parameter,
    )
