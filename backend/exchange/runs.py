"""Runs of pulls: begun, gone on with where they were ended, finished, or failed until the breaker opens.

PullRefused                 409, not now: paused, open, or somebody else is at it
"""

from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.exchange import schedules
from backend.exchange.connector import Connector
from backend.exchange.receipts import draw_up

#: Runs that fail in a row before the breaker opens, and for how long: doubled each time, an hour at most.
FAILURES_ALLOWED: Final = 3
OPEN_FOR, LONGEST_OPEN = timedelta(minutes=1), timedelta(hours=1)


class PullRefused(Exception):
    """The system is not asked now; the text says why and what to do."""

    status_code = 409


@dataclass
class Run:
    """A run under way."""

    id: int
    since: datetime | None
    #: When the run before this one that went well began: who came in after it is new to us.
    known_until: datetime | None
    counts: Counter[str] = field(default_factory=Counter[str])
    done: list[str] = field(default_factory=list[str])
    latest: datetime | None = None
    evaluated_to: int = 0

    def as_stored(self) -> str:
        return exact_json(
            {
                **self.counts, "done": self.done, "evaluated_to": self.evaluated_to,
                "latest": self.latest.isoformat() if self.latest else None,
            }
        )  # fmt: skip


@asynccontextmanager
async def alone(engine: AsyncEngine, system: str) -> AsyncGenerator[None]:
    """One pull of a system at a time. The lock is the connection's: whoever is killed lets it go."""
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": f"pull {system}"}
        )
        is_ours = found.scalar_one()
        await connection.rollback()
        if not is_ours:
            raise PullRefused("这个系统正在拉取，请等它结束。")
        try:
            yield
        finally:
            await connection.execute(
                text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), {"name": f"pull {system}"}
            )
            await connection.rollback()


async def begin(session: AsyncSession, connector: Connector) -> Run:
    """Go on with the run that was ended in the middle, or begin one. Raises PullRefused."""
    found = await session.execute(
        text("SELECT * FROM exchange_system WHERE id = :id FOR UPDATE"), {"id": connector.system}
    )
    system = found.mappings().first()
    if system is None:
        raise PullRefused(
            f"还没有设置系统“{connector.system}”的地址，请先运行 tidu exchange system {connector.system} --url …。"
        )
    if system["is_paused"]:
        raise PullRefused(f"“{system['name']}”已暂停，请在“数据交换”页面恢复后再试。")
    if system["open_until"] is not None and system["open_until"] > datetime.now(UTC):
        raise PullRefused(
            f"“{system['name']}”连续失败 {system['failures']} 次，{system['open_until']:%H:%M:%S} 之后再试。"
        )
    last = await session.execute(
        text("SELECT max(started_at) FROM exchange_run WHERE system = :id AND status = 'done'"),
        {"id": connector.system},
    )
    known_until = last.scalar_one()
    going = await session.execute(
        text(
            "SELECT id, since, counts FROM exchange_run WHERE system = :id AND status <> 'done' ORDER BY id DESC LIMIT 1"
        ),
        {"id": connector.system},
    )
    row = going.mappings().first()
    if row is not None:
        await session.execute(
            text("UPDATE exchange_run SET status = 'running', error = '' WHERE id = :id"), {"id": row["id"]}
        )
        return _resumed(dict(row), known_until)
    read = await session.execute(
        text("SELECT min(read_until) FROM exchange_cursor WHERE system = :id"), {"id": connector.system}
    )
    read_until = read.scalar_one()
    since = read_until - connector.window if read_until is not None else None
    made = await session.execute(
        text("INSERT INTO exchange_run (system, since) VALUES (:id, :since) RETURNING id"),
        {"id": connector.system, "since": since},
    )
    return Run(made.scalar_one(), since, known_until)


def _resumed(row: Mapping[str, Any], known_until: datetime | None) -> Run:
    counts = dict(row["counts"])
    latest = counts.pop("latest", None)
    run = Run(
        row["id"], row["since"], known_until, done=counts.pop("done", []), evaluated_to=counts.pop("evaluated_to", 0)
    )
    run.counts.update(counts)
    run.latest = datetime.fromisoformat(latest) if latest else None
    return run


async def save(session: AsyncSession, run: Run) -> None:
    """Keep how far the run has come."""
    await session.execute(
        text("UPDATE exchange_run SET counts = CAST(:counts AS jsonb) WHERE id = :id"),
        {"counts": run.as_stored(), "id": run.id},
    )


async def finish(session: AsyncSession, connector: Connector, run: Run) -> None:
    """The run ended well: the next one begins a window before what it read last, and the other side is to be told."""
    await session.execute(
        text("UPDATE exchange_cursor SET read_until = greatest(read_until, :latest) WHERE system = :system"),
        {"latest": run.latest, "system": connector.system},
    )
    await session.execute(
        text("UPDATE exchange_run SET status = 'done', finished_at = now() WHERE id = :id"), {"id": run.id}
    )
    await draw_up(session, connector.system, run.id)
    await session.execute(
        text(
            "UPDATE exchange_system SET last_success_at = now(), last_error = '', failures = 0, open_until = NULL"
            " WHERE id = :id"
        ),
        {"id": connector.system},
    )
    await set_next_due(session, connector.system)


async def set_next_due(session: AsyncSession, system: str, *, is_first: bool = False) -> None:
    """Put a system's next turn into its row; the first of those every so many seconds is now."""
    found = await session.execute(
        text("SELECT every_seconds, calendar FROM exchange_system WHERE id = :id FOR UPDATE"), {"id": system}
    )
    every, calendar = found.one()
    moment = schedules.now()
    due = moment if is_first and every > 0 else schedules.next_due(every, calendar, moment)
    await session.execute(
        text("UPDATE exchange_system SET next_due_at = CAST(:due AS timestamptz) WHERE id = :id"),
        {"due": due, "id": system},
    )


async def note_failure(session: AsyncSession, connector: Connector, run: Run, failure: Exception) -> None:
    """The run waits to be gone on with; after three in a row nobody asks for a while."""
    await session.execute(
        text("UPDATE exchange_run SET status = 'failed', error = :error WHERE id = :id"),
        {"error": str(failure)[:1000], "id": run.id},
    )
    found = await session.execute(
        text(
            "UPDATE exchange_system SET failures = failures + 1, last_error = :error WHERE id = :id RETURNING failures"
        ),
        {"error": str(failure)[:1000], "id": connector.system},
    )
    failures = found.scalar_one()
    wait = min(OPEN_FOR * 2 ** max(0, failures - FAILURES_ALLOWED), LONGEST_OPEN)
    until = datetime.now(UTC) + wait
    await session.execute(
        text(
            "UPDATE exchange_system SET open_until = CASE WHEN failures >= :allowed THEN CAST(:until AS timestamptz) END,"
            " next_due_at = CASE WHEN every_seconds > 0 OR calendar <> '{}' THEN CAST(:until AS timestamptz) END"
            " WHERE id = :id"
        ),
        {"until": until, "allowed": FAILURES_ALLOWED, "id": connector.system},
    )
