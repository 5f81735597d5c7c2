"""Reckoning the whole trace again, behind the scenes: with ten million entries it takes a minute, and one is enough."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog
from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.trace.service import Deed, note
from backend.access.trace.verify import Verdict, verify
from backend.database.scope import Scope
from backend.database.session import unit_of_work

_log = structlog.get_logger()


@dataclass(slots=True)
class Checking:
    """The last check of this process, and the one that runs."""

    verdict: Verdict | None = None
    finished_at: datetime | None = None
    #: It came to no verdict: why stands in the log.
    has_failed: bool = False
    _running: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def begin(self, engine: AsyncEngine, person_id: int) -> None:
        """Check in the name of somebody; while one runs, that one is waited for."""
        if not self.is_running:
            self._running = asyncio.create_task(self._check(engine, person_id))

    async def _check(self, engine: AsyncEngine, person_id: int) -> None:
        self.has_failed = True
        verdict = await verify(engine)
        after = {"entries": verdict.entries, "faults": [fault.text for fault in verdict.faults]}
        async with unit_of_work(engine, Scope.trace(person_id)) as session:
            await note(session, Deed("read", "trace", "verify", after=after))
        self.verdict, self.finished_at, self.has_failed = verdict, datetime.now(UTC), False

    async def settled(self, patience: float) -> None:
        """Wait for the check that runs, but not for long. What it met with is logged here, since nobody awaits it."""
        if self._running is None:
            return
        done, _ = await asyncio.wait({self._running}, timeout=patience)
        for task in done:
            if not task.cancelled() and (problem := task.exception()) is not None:
                _log.error("the trace could not be verified", exc_info=problem)


def checking_of(request: Request) -> Checking:
    """The application's own."""
    state = request.app.state
    if not hasattr(state, "trace_checking"):
        state.trace_checking = Checking()
    found = state.trace_checking
    assert isinstance(found, Checking)
    return found
