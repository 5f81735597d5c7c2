"""A pull of a year's returns with the evaluation after it, and how long a change takes to reach a subscriber.

    TIDU_BENCH_PULL=100000 python -m tests.bench exchange_pull

pulls of so many enterprises; the figure is told for 100,000, so a small number tells mostly what a run costs at all. The
tax bureau is the simulator, as a process of its own on the same machine: its work is in the figure. Others may use the
machine too, so the seconds of the processors are told beside those of the clock, by who spent them (Linux only).
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, sleep
from typing import Any, Final

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.session import copy_rows, owner_unit_of_work
from backend.demo.population import population
from backend.enterprises.service import Draft, register
from backend.exchange.clients import Caller, NewClient, add_client
from backend.exchange.connector import CULTIVATION
from backend.exchange.feed import put_in_order
from backend.exchange.keys import Keys
from backend.exchange.sandbox import Quiet
from backend.exchange.simulation import PRACTICE_KEY, simulator_app
from backend.exchange.systems import pull_of, set_system
from backend.exchange.tax.fake import tax_simulator
from backend.exchange.webhooks import Courier, subscribe
from backend.exchange.worker import COURIER_EVERY, Worker
from backend.filings.service import FilingDraft, file
from backend.settings import Settings
from rules.library import library
from tests.bench.figure import Figure, percentile
from tests.conftest import open_folder

RETURNS: Final = ("A100000", "A107012", "A107041")
PULLED: Final = int(os.environ.get("TIDU_BENCH_PULL", "2000"))
#: Seconds for 100,000 enterprises, and for half of the changes to arrive.
GOAL_PULL, GOAL_LATENCY = 300, 1.0
_CHANGES: Final = 100
_SETTINGS: Final = Settings(exchange_secret="bench")  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class _Pulled:
    """What a pull took."""

    seconds: float
    #: Of `seconds`: the evaluation after the last page.
    evaluation: float
    records: int
    #: Processor seconds of the pulling process, the simulator and the database.
    spent: tuple[float, float, float]
    #: Load of the machine, the mean of the minute's before and after.
    load: float
    #: Of the main return: seconds a page at the end against those at the beginning; 0 where there are too few.
    slowing: float
    #: Bytes of the pulling process at its largest, above what it had before.
    grown: int


def figures() -> Iterator[Figure]:
    """The pull, scaled to 100,000 enterprises; then the latency of webhooks."""
    with open_folder() as folder, embedded_server(folder, durable=False) as server, _tax() as (url, pid):
        pids = (os.getpid(), pid, _server_of(folder))
        pulled, waits = asyncio.run(_measure(server.url(), url, pids))
    scale = 100_000 / PULLED
    yield Figure(
        f"pull of 100,000 enterprises' returns with evaluation (of {PULLED:,})", pulled.seconds * scale, "s", GOAL_PULL
    )
    yield Figure("  of it the evaluation", pulled.evaluation * scale, "s")
    for who, spent in zip(("the pull", "the simulator", "the database"), pulled.spent, strict=True):
        yield Figure(f"  processor time of {who}", spent * scale, "s")
    yield Figure("  load of the machine meanwhile", pulled.load, "")
    yield Figure("  a page at the end against one at the beginning", pulled.slowing, "×")
    yield Figure("  memory that it took at its largest", pulled.grown / 2**20, "MiB")
    yield Figure("records a second of the pull", pulled.records / pulled.seconds, "/s")
    yield Figure("from the change to the subscriber (median)", percentile(waits, 50), "s", GOAL_LATENCY)
    yield Figure("from the change to the subscriber (95 %)", percentile(waits, 95), "s")


def _server_of(folder: Path) -> int:
    """The process of the database in a folder."""
    return int((folder / "postgresql" / "postmaster.pid").read_text().splitlines()[0])


def _spent(pid: int, apart: int = 0) -> float:
    """Processor seconds of a process and its children, ended ones included, without one of them; 0 where nobody knows."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # ended meanwhile
        number = int(stat.parent.name)
        children.setdefault(int(fields[1]), []).append(number)
        ticks[number] = sum(map(int, fields[11:15]))
    found, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        if one != apart:
            found += ticks.get(one, 0)
            waiting += children.get(one, ())
    return found / os.sysconf("SC_CLK_TCK")


def _largest() -> int:
    """The bytes that this process had at its largest."""
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def _tax() -> Iterator[tuple[str, int]]:
    """The simulated tax bureau as a process of its own; gives its address and the process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", __name__, str(port)])
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/_faults")
                break
            except httpx.TransportError:
                sleep(0.2)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait()


def _simulate(port: int) -> None:
    """The simulator with nothing but the last year's returns."""
    whole = tax_simulator(PULLED, today(), today().year - 1)
    whole.records = {form: whole.records[form] for form in RETURNS}
    uvicorn.run(simulator_app(whole), host="127.0.0.1", port=port, log_level="warning")


async def _measure(database: str, tax: str, pids: tuple[int, int, int]) -> tuple[_Pulled, list[float]]:
    engine = make_engine(database)
    await upgrade(engine)
    ids = await _registry(engine)
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url=tax, key=PRACTICE_KEY)
    library()  # a worker reads it once, when it begins
    pulled = await _pull(engine, pids)
    waits = await _latency(engine, ids[:_CHANGES])
    await engine.dispose()
    return pulled, waits


async def _pull(engine: AsyncEngine, pids: tuple[int, int, int]) -> _Pulled:
    load, held, spent, start = os.getloadavg()[0], _largest(), _of_each(pids), perf_counter()
    async with pull_of(engine, _SETTINGS, "tax", library()) as pull:
        pull.connector = replace(pull.connector, forms=RETURNS)
        run = await pull.run()
    taken, after = perf_counter() - start, _of_each(pids)
    if run.counts["applied"] < PULLED:
        raise AssertionError(dict(run.counts))
    pages, evaluation = await _course(engine, run.id)
    return _Pulled(
        taken, evaluation, run.counts["received"], tuple(b - a for a, b in zip(spent, after, strict=True)),  # pyright: ignore[reportArgumentType]
        (load + os.getloadavg()[0]) / 2, pages, _largest() - held,
    )  # fmt: skip


def _of_each(pids: tuple[int, int, int]) -> tuple[float, float, float]:
    pull, simulator, database = pids
    return _spent(pull, apart=simulator), _spent(simulator), _spent(database)


async def _course(engine: AsyncEngine, run: int) -> tuple[float, float]:
    """How the pages of the main return slowed down, and the seconds after the last page of all."""
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT finished_at, endpoint FROM exchange_message WHERE direction = 'out' ORDER BY id")
        )
        asked = [(row[0], row[1]) for row in found]
        ended = await session.scalar(text("SELECT finished_at FROM exchange_run WHERE id = :id"), {"id": run})
    pages = [moment for moment, endpoint in asked if RETURNS[0] in endpoint]
    tenth = len(pages) // 10
    if tenth < 2:
        return 0.0, (ended - asked[-1][0]).total_seconds()
    first, last = pages[tenth] - pages[0], pages[-1] - pages[-1 - tenth]
    return last / first, (ended - asked[-1][0]).total_seconds()


async def _registry(engine: AsyncEngine) -> list[int]:
    """The simulator's enterprises, each of which has authorised everything."""
    people = list(islice(population(PULLED, today()), PULLED))
    drafts = [
        Draft(name=one.name, credit_code=one.code, region_code=one.region, established_on=one.established_on)
        for one in people
    ]
    columns = ("enterprise_id", "groups", "purpose", "first_year", "last_year", "valid_from", "valid_to")
    async with owner_unit_of_work(engine) as session:
        ids = (await register(session, drafts, today())).ids
        span = (today().year - 9, today().year, today(), today())
        await copy_rows(
            session, "tax_authorisation", columns, ((one, ["status", "detail"], CULTIVATION, *span) for one in ids)
        )
    async with owner_unit_of_work(engine) as session:
        await put_in_order(session, 10_000_000)
        await session.execute(text("ANALYZE"))
    return list(ids)


async def _latency(engine: AsyncEngine, ids: list[int]) -> list[float]:
    """Seconds from the commit of each change to its arrival, while a worker runs as it does in earnest."""
    arrived: dict[str, float] = {}
    whole = asyncio.Event()
    app = FastAPI()

    @app.post("/")
    async def take(request: Request) -> Response:
        arrived[(await request.json())["subject"]] = perf_counter()
        if len(arrived) == len(ids):
            whole.set()
        return Response(status_code=204)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Quiet(uvicorn.Config(app, log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        await _subscribe(engine, url)
        async with httpx.AsyncClient(trust_env=False) as http:
            worker = Worker(engine, _SETTINGS, library())
            courier = Courier(engine, http, Keys(b"b" * 32), ["127.0.0.1"])
            carrying = asyncio.create_task(_carry(worker, courier))
            committed = {code: await _change(engine, number) for number, code in (await _codes(engine, ids)).items()}
            await whole.wait()
            carrying.cancel()
        server.should_exit = True
        await serving
    return [arrived[code] - moment for code, moment in committed.items()]


async def _subscribe(engine: AsyncEngine, url: str) -> None:
    caller = Caller("bench", "", "statistics", "", frozenset(), "none", "", 1, 1)
    async with owner_unit_of_work(engine) as session:
        await add_client(session, NewClient("bench", "测量", "statistics", ("event:subscribe",)), library().catalogue)
        while await put_in_order(session):
            pass
        await subscribe(session, caller, url, ["127.0.0.1"], types=["filing.recorded"])


async def _carry(worker: Worker, courier: Courier) -> None:
    while True:
        if not await worker.carry(courier):
            await asyncio.sleep(COURIER_EVERY)


async def _codes(engine: AsyncEngine, ids: list[int]) -> dict[int, str]:
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(text("SELECT id, credit_code FROM enterprise WHERE id = ANY(:ids)"), {"ids": ids})
        return {row[0]: row[1] for row in found}


async def _change(engine: AsyncEngine, number: int) -> float:
    """File something new; the moment when it was committed."""
    values: dict[str, Any] = {"employee_total": 1_000 + number}
    async with owner_unit_of_work(engine) as session:
        draft = FilingDraft(number, "statistics", today().year - 1, values, today())
        await file(session, [draft], library().catalogue)
    moment = perf_counter()
    # Not all at once: each goes its own way.
    await asyncio.sleep(0.02)
    return moment


if __name__ == "__main__":
    _simulate(int(sys.argv[1]))
