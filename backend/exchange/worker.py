"""What goes on by itself: the feed's order, webhooks, the chain of messages, scheduled pulls, receipts, evaluations.

Any number of workers may run; each task is one at a time by a lock in the database, so a second worker only stands by.
A worker that is killed leaves nothing half done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import httpx
import structlog
from asyncpg.exceptions import PostgresError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate_touched
from backend.exchange.carrying import carry_receipts
from backend.exchange.client import ExchangeFailed
from backend.exchange.feed import KEPT, forget_old, put_in_order
from backend.exchange.keys import Keys, keys_of
from backend.exchange.messages import seal_messages
from backend.exchange.pulling import Pull, PullRefused
from backend.exchange.receipts import forget_told
from backend.exchange.reconciling import reconcile_what_is_due
from backend.exchange.systems import pull_of
from backend.exchange.webhooks import Courier, turn_into_deliveries
from backend.settings import Settings
from rules.library import Library

log: Final = structlog.stdlib.get_logger(__name__)

#: Seconds between two looks, where there was nothing to do.
COURIER_EVERY, SEALER_EVERY, SCHEDULER_EVERY, EVALUATOR_EVERY, FORGETTER_EVERY = 0.3, 10.0, 2.0, 2.0, 3600.0
TELLER_EVERY = 2.0
#: Seconds until a task that failed for want of the database is tried again.
AFTER_FAILURE = 5.0
_EVALUATED: Final = 5_000


class Worker:
    """Everything that goes on by itself."""

    def __init__(self, engine: AsyncEngine, settings: Settings, library: Library) -> None:
        self.engine = engine
        self.settings = settings
        self.library = library
        self.keys: Keys = keys_of(settings)

    async def run(self) -> None:
        """Go on until cancelled."""
        async with httpx.AsyncClient(trust_env=False) as http:
            courier = Courier(self.engine, http, self.keys, self.settings.exchange_hosts)
            # Together or not at all: a worker that does half of its work would be taken for one that does it.
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_repeat(lambda: self.carry(courier), COURIER_EVERY))
                tasks.create_task(_repeat(self.seal, SEALER_EVERY))
                tasks.create_task(_repeat(self.pull_what_is_due, SCHEDULER_EVERY))
                tasks.create_task(_repeat(self.tell_what_became, TELLER_EVERY))
                tasks.create_task(_repeat(self.evaluate, EVALUATOR_EVERY))
                tasks.create_task(_repeat(self.forget, FORGETTER_EVERY))

    async def carry(self, courier: Courier) -> int:
        """Changes into the feed, the feed into deliveries, deliveries out."""
        async with owner_unit_of_work(self.engine) as session:
            moved = await put_in_order(session)
        async with owner_unit_of_work(self.engine) as session:
            turned = await turn_into_deliveries(session)
        return moved + turned + await courier.carry()

    async def seal(self) -> int:
        """Chain the messages."""
        async with owner_unit_of_work(self.engine) as session:
            return await seal_messages(session, self.keys)

    async def forget(self) -> int:
        """Let go of changes that nobody follows any more, and of the items of receipts that were told long ago."""
        async with owner_unit_of_work(self.engine) as session:
            return await forget_old(session, KEPT) + await forget_told(session, KEPT)

    async def pull_what_is_due(self) -> int:
        """Pull the systems whose time has come, one after the other."""
        async with owner_unit_of_work(self.engine) as session:
            found = await session.execute(
                text(
                    "SELECT id FROM exchange_system WHERE next_due_at <= now() AND NOT is_paused AND url <> ''"
                    " AND (open_until IS NULL OR open_until <= now()) ORDER BY next_due_at"
                )
            )
            due = list(found.scalars())
        for system in due:
            await self._pull(system)
        return 0

    async def _pull(self, system: str) -> None:
        try:
            async with pull_of(self.engine, self.settings, system, self.library) as one:
                run = await one.run()
                log.info("pulled", system=system, run=run.id, counts=dict(run.counts))
                await self._reconcile(one)
        except (ExchangeFailed, PullRefused) as problem:
            log.warning("pull_failed", system=system, problem=str(problem))

    async def _reconcile(self, pull: Pull) -> None:
        """Compare with the other side what was not compared for a week; what was pulled stays, whatever comes of it."""
        try:
            await reconcile_what_is_due(pull, today())
        except ExchangeFailed as problem:
            log.warning("reconciliation_failed", system=pull.connector.system, problem=str(problem))

    async def tell_what_became(self) -> int:
        """Send the receipts of runs that are over."""
        return await carry_receipts(self.engine, self.settings, self.library)

    async def evaluate(self) -> int:
        """Evaluate whoever something was filed for or granted to since, and who was not evaluated on the spot."""
        async with owner_unit_of_work(self.engine) as session:
            position, upto = await _unevaluated(session)
            if upto <= position:
                return 0
            found = await session.execute(
                text(
                    "SELECT DISTINCT enterprise_id FROM exchange_change c WHERE position > :after AND position <= :upto"
                    " AND type IN ('filing.recorded', 'recognition.changed') AND NOT EXISTS ("
                    "SELECT FROM (SELECT enterprise_id, run_id FROM eligibility UNION ALL"
                    " SELECT enterprise_id, run_id FROM eligibility_check) x JOIN eligibility_run r ON r.id = x.run_id"
                    " WHERE x.enterprise_id = c.enterprise_id AND r.started_at >= c.noted_at) ORDER BY enterprise_id"
                ),
                {"after": position, "upto": upto},
            )
            ids = list(found.scalars())
            if ids:
                await evaluate_touched(session, ids, self.library, today())
            await session.execute(
                text("UPDATE exchange_cursor SET after_id = :upto WHERE system = 'evaluation' AND form = 'changes'"),
                {"upto": upto},
            )
        return len(ids)


async def _unevaluated(session: AsyncSession) -> tuple[int, int]:
    """From which place of the feed to which is looked at; the row is held, so that one at a time does it."""
    await session.execute(
        text(
            "INSERT INTO exchange_cursor (system, form, after_id) SELECT 'evaluation', 'changes',"
            " coalesce(max(position), 0) FROM exchange_change ON CONFLICT DO NOTHING"
        )
    )
    held = await session.execute(
        text(
            "SELECT after_id FROM exchange_cursor WHERE system = 'evaluation' AND form = 'changes' FOR UPDATE SKIP LOCKED"
        )
    )
    position = held.scalar_one_or_none()
    if position is None:
        return 0, 0
    last = await session.execute(text("SELECT coalesce(max(position), 0) FROM exchange_change"))
    return position, min(last.scalar_one(), position + _EVALUATED)


async def _repeat(task: Callable[[], Awaitable[int]], every: float) -> None:
    """Do a task again and again: at once while there is more, and in peace after the database was not there."""
    while True:
        try:
            pause = 0.0 if await task() else every
        # Rows that are copied come from the driver, which has errors of its own.
        except (OSError, TimeoutError, DBAPIError, PostgresError) as problem:
            log.warning("worker_paused", problem=repr(problem))
            pause = AFTER_FAILURE
        await asyncio.sleep(pause)
