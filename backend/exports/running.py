"""Exports run beside the requests, in threads of their own; one that is killed is seen to be silent and begun again."""

import asyncio
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import make_engine
from backend.database.errors import StorageError
from backend.database.scope import Scope
from backend.database.session import reached, unit_of_work
from backend.exports.book import Limits, Written
from backend.exports.folder import export_folder
from backend.exports.jobs import Wanted, portions
from backend.exports.service import end, keep_files, tell
from backend.settings import Settings

log: Final = structlog.stdlib.get_logger(__name__)
#: Seconds between two words of how far it is.
_PULSE: Final = 1.0


class Stopped(Exception):
    """Somebody asked for the export to stop, or threw it away."""


@dataclass(frozen=True)
class Job:
    """An export to be made, and in whose name."""

    id: int
    name: str
    wanted: Wanted
    scope: Scope
    limits: Limits = field(default_factory=Limits)


def begin(engine: AsyncEngine, settings: Settings, job: Job) -> "Future[None]":
    """Make an export; the answer is there when it is done, or has come to nothing."""
    done: Future[None] = Future()
    address = engine.url.render_as_string(hide_password=False)

    def go() -> None:
        try:
            asyncio.run(_supervise(address, settings, job))
        except BaseException as problem:  # noqa: BLE001 – it is told to whoever waits, and logged where nobody does
            done.set_exception(problem)
        else:
            done.set_result(None)

    # Whoever ends the service does not wait for it: it is begun again by hand.
    # In the context of the request, by which the trace and the log tell who asked for it, and from where.
    Thread(target=copy_context().run, args=(go,), name=f"export-{job.id}", daemon=True).start()
    return done


async def _supervise(address: str, settings: Settings, job: Job) -> None:
    engine = make_engine(address, settings)
    try:
        await _make(engine, job)
    except Stopped:
        await _end(engine, job, "stopped", "已按要求停止。")
    except StorageError as problem:
        await _end(engine, job, "failed", str(problem))
    except Exception as problem:
        log.error("export_failed", exc_info=problem)
        await _end(engine, job, "failed", "系统出错，没有导出。请稍后重试；如仍出现，请联系系统管理员。")
    finally:
        await engine.dispose()


async def _end(engine: AsyncEngine, job: Job, status: str, failure: str) -> None:
    async with reached(unit_of_work(engine, job.scope)) as session:
        await end(session, job.id, status, failure)


async def _make(engine: AsyncEngine, job: Job) -> None:
    with export_folder() as folder:
        files = await _write(engine, job, folder)
        async with reached(unit_of_work(engine, job.scope)) as session:
            await keep_files(session, job.id, job.name, files)


async def _write(engine: AsyncEngine, job: Job, folder: Path) -> list[Written]:
    book, done, told = job.wanted.book(folder, job.limits), 0, 0.0
    async with reached(unit_of_work(engine, job.scope)) as session:
        ids = await job.wanted.ids(session)
        await _tell(engine, job, 0, len(ids))
        async for rows in portions(session, job.wanted, ids):
            for row in rows:
                book.add(row)
            done += len(rows)
            if monotonic() - told >= _PULSE:
                await _tell(engine, job, done, len(ids))
                told = monotonic()
    return book.close()


async def _tell(engine: AsyncEngine, job: Job, done: int, total: int) -> None:
    async with reached(unit_of_work(engine, job.scope)) as session:
        if await tell(session, job.id, done, total):
            raise Stopped
