"""Imports run beside the requests, in threads of their own: with progress, to be stopped, known again when killed.

Large files are worked on in processes of their own (`apart`): memory and processor are then not the service's.

A run is alive while somebody holds its lock in the database, which the database lets go however that somebody ends. So
a run that says it is busy and that nobody holds was interrupted. What it had written went with it: writing is one
transaction.
"""

import asyncio
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from tempfile import TemporaryFile
from threading import Thread
from time import monotonic
from typing import Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.actor import Actor, acting
from backend.database.engine import make_engine
from backend.database.errors import StorageError
from backend.database.scope import Scope
from backend.database.session import because, reached, unit_of_work
from backend.settings import Settings
from backend.spreadsheets.deciding import keep_decided, note_carried_out
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import Outcome, keep_checked, keep_fates, keep_outcome
from backend.spreadsheets.progress import Progress, Stage, Stopped
from backend.spreadsheets.queries import CARRIED_OUT, LOCK_CLASS, copy_content
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult
from backend.spreadsheets.service import ImportRefused, dry_run, run_import
from backend.spreadsheets.sparing import ENVIRONMENT, EVALUATED_AT_ONCE, forget_pinyin
from backend.spreadsheets.staging import forget_reading, keep_reading, kept_reading
from backend.spreadsheets.workbook import WorkbookError

log: Final = structlog.stdlib.get_logger(__name__)
#: Seconds between two looks at how far it is, and whether it is to stop.
_PULSE: Final = 0.5
#: How far it is may be told late by this share of the time that it has taken.
_SHARE_UNTOLD: Final = 0.03
_IS_STOP_ASKED: Final = text("SELECT is_stop_asked FROM import_run WHERE id = :id")
#: Bytes of a file from which on it is worked on in a process of its own: some ten thousand rows of thirty columns.
APART_FROM: Final = 2_000_000
#: `-P`: in whatever folder the service was begun, a `backend` there is not ours.
COMMAND_APART: Final = (sys.executable, "-P", "-m", "backend.spreadsheets.apart")


@dataclass(frozen=True)
class Run:
    """An import to be checked or written, and in whose name."""

    import_id: int
    file_name: str
    options: ReadOptions
    entered: Mapping[str, Any]
    importer: Importer
    scope: Scope
    good_rows_only: bool = False
    #: Of the file, in bytes.
    size: int = 0
    #: It is worked on in a process of its own.
    is_apart: bool = False


class Clash(Exception):
    """Somebody else wrote of the same enterprises at the same moment; begun again it goes well."""

    status_code = 409


class Kind(StrEnum):
    """What is done with a run."""

    CHECK = "check"
    WRITE = "write"
    WRITE_DECIDED = "write_decided"
    UNDO = "undo"


@dataclass(frozen=True)
class Apart:
    """A run as another process is told of it, which has the rules by itself."""

    address: str
    settings: Settings
    kind: Kind
    import_id: int
    file_name: str
    options: ReadOptions
    entered: Mapping[str, Any]
    scope: Scope
    good_rows_only: bool
    today: date
    person_id: int | None
    region_code: str
    choices: Mapping[str, int]
    #: In whose name and from where, as the trace tells it.
    actor: Actor | None

    @classmethod
    def of(cls, address: str, settings: Settings, run: Run, kind: Kind) -> "Apart":
        """What there is to tell of a run."""
        by = run.importer
        return cls(
            address, settings, kind, run.import_id, run.file_name, run.options, dict(run.entered), run.scope,
            run.good_rows_only, by.today, by.person_id, by.region_code, dict(by.choices), acting(),
        )  # fmt: skip

    def run(self, importer: Importer) -> Run:
        """The run again, by an importer who has the rules."""
        return Run(
            self.import_id, self.file_name, self.options, self.entered, importer, self.scope, self.good_rows_only,
            is_apart=True,
        )  # fmt: skip


def check(engine: AsyncEngine, settings: Settings, run: Run) -> "Future[None]":
    """Read the file and try the import out; the answer is there when that is done."""
    return _begin(engine, settings, run, Kind.CHECK)


def write(engine: AsyncEngine, settings: Settings, run: Run) -> "Future[None]":
    """Carry the import out."""
    return _begin(engine, settings, run, Kind.WRITE)


def write_decided(engine: AsyncEngine, settings: Settings, run: Run) -> "Future[None]":
    """Carry out what was said of doubtful rows of an import that has been carried out but for these."""
    return _begin(engine, settings, run, Kind.WRITE_DECIDED)


def undo(engine: AsyncEngine, settings: Settings, run: Run) -> "Future[None]":
    """Undo an import that was claimed for that (`keeping.claim_undoing`)."""
    return _begin(engine, settings, run, Kind.UNDO)


def _begin(engine: AsyncEngine, settings: Settings, run: Run, kind: Kind) -> "Future[None]":
    done: Future[None] = Future()
    address = engine.url.render_as_string(hide_password=False)

    def go() -> None:
        try:
            if run.size >= APART_FROM:
                _work_apart(Apart.of(address, settings, run, kind))
            else:
                asyncio.run(supervise(address, settings, run, kind))
        except BaseException as problem:  # noqa: BLE001 – it is told to whoever waits, and logged where nobody does
            done.set_exception(problem)
        else:
            done.set_result(None)

    # Whoever ends the service does not wait for it: what is not finished is as good as never begun.
    # In the context of the request, by which the trace and the log tell who began it, and from where.
    Thread(target=copy_context().run, args=(go,), name=f"import-{run.import_id}", daemon=True).start()
    return done


def _work_apart(told: Apart) -> None:
    """Have a large file worked on by a process of its own (`apart`), and wait for it; how it ends, it writes down."""
    with subprocess.Popen(COMMAND_APART, stdin=subprocess.PIPE, env=os.environ | ENVIRONMENT) as process:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(told))
        process.stdin.flush()
        # Not closed before it has ended: by that it knows that the service is still there.
        if status := process.wait():
            log.error("import_process_ended", import_id=told.import_id, status=status)


async def supervise(address: str, settings: Settings, run: Run, kind: Kind) -> None:
    """Work on a run under its lock; whatever comes of it is written down with the run, and raised."""
    work, back_to = _WORKS[kind]
    engine = make_engine(address, settings)
    try:
        async with _held(engine, run.import_id) as guard:
            if guard is None:
                return
            try:
                try:
                    await _watched(engine, guard, run, work)
                except DBAPIError as problem:
                    raise _clash(problem, kind) from problem
            except Exception as problem:
                status, failure = _verdict(problem, kind, back_to)
                await _note(guard, run.import_id, status, failure)
                raise
    finally:
        await engine.dispose()


@asynccontextmanager
async def _held(engine: AsyncEngine, import_id: int) -> AsyncGenerator[AsyncConnection | None]:
    """A connection that holds the run's lock as long as the block lasts; None where another one holds it."""
    async with engine.connect() as connection:
        guard = await connection.execution_options(isolation_level="AUTOCOMMIT")
        lock = {"class": LOCK_CLASS, "id": import_id}
        if not await guard.scalar(text("SELECT pg_try_advisory_lock(:class, CAST(:id AS integer))"), lock):
            yield None
            return
        try:
            yield guard
        finally:
            # Where the connection is gone, so is the lock.
            with suppress(Exception):
                await guard.execute(text("SELECT pg_advisory_unlock(:class, CAST(:id AS integer))"), lock)


#: What PostgreSQL says of two who are in each other's way: a key just taken, a deadlock, a lock not got in time.
_OF_TWO: Final = frozenset({"23505", "23503", "23P01", "40001", "40P01", "55P03"})


def _clash(problem: DBAPIError, kind: Kind) -> Exception:
    """What the database said, told as a clash of two imports where it is one."""
    if getattr(problem.orig, "sqlstate", None) not in _OF_TWO:
        return problem
    log.warning("import_clashed", error=str(problem.orig))
    return Clash(f"同一时间有人在导入或修改其中的企业，本次{_nothing(kind)}。请稍等片刻再试一次。")


def _nothing(kind: Kind) -> str:
    return "没有撤销任何数据" if kind is Kind.UNDO else "没有写入任何数据"


def _verdict(problem: Exception, kind: Kind, back_to: str) -> tuple[str, str]:
    """What becomes of the run, and what the user is told."""
    nothing = _nothing(kind)
    match problem:
        case Stopped():
            return "stopped" if kind is Kind.CHECK else back_to, f"已按要求停止，{nothing}。"
        case WorkbookError():
            return "refused", str(problem)
        case ImportRefused() | StorageError():
            return back_to, str(problem)
        case _ if isinstance(getattr(problem, "status_code", None), int):
            # A business error of a slice: its text is for the user.
            return back_to, str(problem)
        case _:
            log.error("import_failed", exc_info=problem)
            return back_to, f"系统出错，本次{nothing}。请稍后重试；如仍出现，请联系系统管理员。"


async def _note(guard: AsyncConnection, import_id: int, status: str, failure: str) -> None:
    await guard.execute(
        text(
            f"UPDATE import_run SET status = CASE :status WHEN 'carried_out' THEN {CARRIED_OUT} ELSE :status END,"
            " failure = :failure, is_stop_asked = false WHERE id = :id"
        ),
        {"status": status, "failure": failure, "id": import_id},
    )


async def _watched(engine: AsyncEngine, guard: AsyncConnection, run: Run, work: "_Work") -> None:
    """Do the work while its progress is written down; a wish to stop ends it."""
    worker = asyncio.current_task()
    assert worker is not None
    reporter = _Reporter(guard, run.import_id, worker)
    try:
        await work(engine, run, reporter)
    except asyncio.CancelledError:
        if not reporter.progress.is_stop_asked:
            raise
        worker.uncancel()
        raise Stopped from None
    finally:
        await reporter.end()


class _Reporter:
    """Writes down how far a run is, and hears whether it is to stop, until it is told to end.

    While the import's own transaction lasts, every version of the run's row stays, and each row that is written for the
    run goes through all of them: so it is written down when the stage changes, and else the more seldom the longer the
    run lasts already.
    """

    def __init__(self, guard: AsyncConnection, import_id: int, worker: "asyncio.Task[Any]") -> None:
        self.progress = Progress()
        self._began = monotonic()
        self._told_at = 0.0
        self._told: Stage | None = None
        self._guard, self._import_id, self._worker = guard, import_id, worker
        self._is_over = asyncio.Event()
        self._task = asyncio.create_task(self._go())

    async def end(self) -> None:
        """Write no more; the run's row is somebody else's from now on."""
        # Never cancelled in the middle of a statement: that would cost the connection, and the lock with it.
        self._is_over.set()
        await self._task

    async def _go(self) -> None:
        while not self._is_over.is_set():
            if await self._tell():
                self.progress.is_stop_asked = True
                self._worker.cancel()
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_over.wait(), _PULSE)

    async def _tell(self) -> bool:
        where, now = self.progress, monotonic()
        if where.stage is self._told and now - self._told_at < (now - self._began) * _SHARE_UNTOLD:
            return bool(await self._guard.scalar(_IS_STOP_ASKED, {"id": self._import_id}))
        self._told, self._told_at = where.stage, now
        found = await self._guard.execute(
            text(
                "UPDATE import_run SET stage = :stage, stage_done = :done, stage_total = :total WHERE id = :id"
                " RETURNING is_stop_asked"
            ),
            {"stage": where.stage.value, "done": where.done, "total": where.total, "id": self._import_id},
        )
        return bool(found.scalar())


_Work = Callable[[AsyncEngine, Run, _Reporter], Awaitable[None]]


def _options(run: Run, progress: Progress) -> ReadOptions:
    # What is refused is read again when it is handed back.
    return replace(run.options, progress=progress, keeps_cells=False)


async def _read(engine: AsyncEngine, run: Run, progress: Progress) -> ReadResult:
    with TemporaryFile() as file:
        async with reached(unit_of_work(engine, run.scope)) as session:
            await copy_content(session, run.import_id, file)
        options = _options(run, progress)
        # In yet another thread, so that the wish to stop is heard meanwhile.
        return await asyncio.to_thread(read_file, file, run.importer.catalogue, options, run.file_name)


async def _read_before(engine: AsyncEngine, run: Run, progress: Progress) -> ReadResult:
    """What was read when the file was tried out; read again where that was otherwise, or is not kept."""
    async with reached(unit_of_work(engine, run.scope)) as session:
        result = await kept_reading(session, run.import_id, _options(run, progress))
    return result or await _read(engine, run, progress)


async def _check(engine: AsyncEngine, run: Run, reporter: _Reporter) -> None:
    progress = reporter.progress
    result = await _read(engine, run, progress)
    async with reached(unit_of_work(engine, run.scope)) as session:
        report = await dry_run(session, result, replace(run.importer, progress=progress))
        progress.tell(Stage.REPORTING)
        # From here on it is too late to stop.
        await reporter.end()
        await keep_checked(session, run.import_id, report, run.entered)
        await keep_reading(session, run.import_id, result, run.options)


async def _write(engine: AsyncEngine, run: Run, reporter: _Reporter) -> None:
    progress = reporter.progress
    result = await _read_before(engine, run, progress)
    importer = replace(run.importer, import_id=run.import_id, progress=progress)
    async with reached(unit_of_work(engine, run.scope)) as session:
        report = await run_import(session, result, importer, good_rows_only=run.good_rows_only)
        progress.tell(Stage.REPORTING)
        outcome, touched = Outcome.of(report, run.entered), report.touched
        await keep_fates(session, run.import_id, report, outcome)
        # All rows' fates take as much room as evaluating takes: what is kept of them is not held as well.
        del report
        if run.is_apart:
            forget_pinyin()
        await evaluate_portions(session, touched, importer)
        progress.tell(Stage.REPORTING)
        await reporter.end()
        await keep_outcome(session, run.import_id, outcome)
        await note_carried_out(session, run.import_id)
        await forget_reading(session, run.import_id)


async def evaluate_portions(session: AsyncSession, touched: Sequence[int], importer: Importer) -> None:
    """Evaluate whom an import wrote of, some thousands at a time: all at once would need room for all their figures."""
    # Not before it is needed: who only reads and checks a file does without what this takes of memory.
    from backend.eligibility.service import evaluate_touched

    def told(done: int) -> None:
        importer.progress.tell(Stage.EVALUATING, done, len(touched))
        # What a portion was laid out in refers to itself, and is let go only by a look at all that is young.
        gc.collect(1)

    await evaluate_touched(session, touched, importer.library, importer.today, EVALUATED_AT_ONCE, told)


async def _write_decided(engine: AsyncEngine, run: Run, reporter: _Reporter) -> None:
    progress = reporter.progress
    result = await _read(engine, run, progress)
    chosen = [row for row in result.rows if f"{row.sheet}!{row.row}" in run.importer.choices]
    importer = replace(run.importer, import_id=run.import_id, progress=progress)
    async with reached(unit_of_work(engine, run.scope)) as session:
        report = await run_import(session, replace(result, rows=tuple(chosen)), importer, good_rows_only=True)
        await evaluate_portions(session, report.touched, importer)
        await reporter.end()
        await keep_decided(session, run.import_id, report)


async def _undo(engine: AsyncEngine, run: Run, reporter: _Reporter) -> None:
    from backend.spreadsheets.undoing import Undoer, note_undone, take_back

    by = Undoer(run.importer.library, run.importer.today, run.importer.person_id, reporter.progress)
    async with reached(unit_of_work(engine, run.scope)) as session:
        await because(session, "撤销导入")
        undone = await take_back(session, run.import_id, by)
        await reporter.end()
        await note_undone(session, run.import_id, undone, by.person_id)


#: Kind of work → who does it, and what the run is again where it fails.
_WORKS: Final[Mapping[Kind, tuple[_Work, str]]] = {
    Kind.CHECK: (_check, "failed"), Kind.WRITE: (_write, "checked"), Kind.WRITE_DECIDED: (_write_decided, "committed_in_part"),
    Kind.UNDO: (_undo, "carried_out"),
}  # fmt: skip
