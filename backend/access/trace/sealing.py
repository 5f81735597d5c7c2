"""Sealing the trace while the service runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.trace.service import seal

log: Final = structlog.stdlib.get_logger(__name__)
#: Seconds that a note waits at most: what a whole hand of people could do to it unseen should be little.
EVERY_SECONDS: Final = 5.0


@asynccontextmanager
async def sealing(engine: AsyncEngine, every: float = EVERY_SECONDS) -> AsyncGenerator[None]:
    """Seal notes until the block ends, and then what is left. Several processes may do so on one database."""
    task = asyncio.create_task(_keep_sealing(engine, every))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await _seal_once(engine)


async def _keep_sealing(engine: AsyncEngine, every: float) -> None:
    while True:
        await _seal_once(engine)
        await asyncio.sleep(every)


async def _seal_once(engine: AsyncEngine) -> None:
    try:
        await seal(engine)
    except (SQLAlchemyError, OSError) as problem:
        # The notes wait; the database's absence is told by whoever needs it for more than this.
        log.error("trace_not_sealed", error=repr(problem))
