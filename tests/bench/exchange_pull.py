"""A pull of a year's returns with the evaluation after it, and how long a change takes to reach a subscriber.

TIDU_BENCH_PULL says of how many enterprises; the figure is told for 100,000, so a small number tells mostly what a run
costs at all. The tax bureau is the simulator, as a process of its own on the same machine: its work is in the figure.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
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
from backend.exchange.connectors import CULTIVATION
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


def figures() -> Iterator[Figure]:
    """The pull, scaled to 100,000 enterprises; then the latency of webhooks."""
    with open_folder() as folder, embedded_server(folder, durable=False) as server, _tax() as url:
        taken, counts, waits = asyncio.run(_measure(server.url(), url))
    yield Figure(
        f"pull of 100,000 enterprises' returns with evaluation (of {PULLED:,})",
        taken / PULLED * 100_000,
        "s",
        GOAL_PULL,
    )
    yield Figure("records a second of the pull", counts["received"] / taken, "/s")
    yield Figure("from the change to the subscriber (median)", percentile(waits, 50), "s", GOAL_LATENCY)
    yield Figure("from the change to the subscriber (95 %)", percentile(waits, 95), "s")


@contextmanager
def _tax() -> Iterator[str]:
    """The simulated tax bureau as a process of its own; gives its address."""
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
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _simulate(port: int) -> None:
    """The simulator with nothing but the last year's returns."""
    whole, last = tax_simulator(PULLED, today()), today().year - 1
    whole.records = {
        form: {name: held for name, held in whole.records[form].items() if held[-1]["year"] == last} for form in RETURNS
    }
    uvicorn.run(simulator_app(whole), host="127.0.0.1", port=port, log_level="warning")


async def _measure(database: str, tax: str) -> tuple[float, dict[str, int], list[float]]:
    engine = make_engine(database)
    await upgrade(engine)
    ids = await _registry(engine)
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url=tax, key=PRACTICE_KEY)
    library()  # a worker reads it once, when it begins
    start = perf_counter()
    async with pull_of(engine, _SETTINGS, "tax", library()) as pull:
        pull.connector = replace(pull.connector, forms=RETURNS)
        run = await pull.run()
    taken = perf_counter() - start
    if run.counts["applied"] < PULLED:
        raise AssertionError(dict(run.counts))
    waits = await _latency(engine, ids[:_CHANGES])
    await engine.dispose()
    return taken, dict(run.counts), waits


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
