"""The service is killed and its database crashes while people write: what was promised is there, and nothing by halves.

TIDU_PROOF_KILLS=50 does it fifty times, each after another moment; by itself it is done once each.
"""

import asyncio
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select

from backend.access.models import Person, WebSession
from backend.access.service import hash_of, open_session
from backend.access.trace.verify import verify
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from tests.backend.proof.killed import ROWS, Promised, Writers
from tests.factories import column, make_code, make_enterprise
from tests.shared_data import REPOSITORY

KILLS = int(os.environ.get("TIDU_PROOF_KILLS", "1"))
CODES = [make_code("321202") for _ in range(4)]


@asynccontextmanager
async def service(folder: Path, port: int) -> AsyncGenerator[Process]:
    """The service as a process of its own; it is there once somebody answers."""
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port), "--data", str(folder)]
    environment = os.environ | {"TIDU_FOUR_EYES": "false"}
    with (folder / "service.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=REPOSITORY, env=environment, stdout=PIPE, stderr=log
        )
    assert process.stdout
    try:
        said = await asyncio.wait_for(process.stdout.readline(), 180)
        assert b"http://" in said, (folder / "service.log").read_text()[-3000:]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def signed_in(engine: AsyncEngine, address: str) -> httpx.AsyncClient:
    """A city's officer, and some enterprises."""
    async with owner_unit_of_work(engine) as session:
        for code in CODES:
            await make_enterprise(session, credit_code=code)
        person = Person(
            login="wangmin", name="王敏", password_hash="!", role="city_officer", region_code="", created_at=datetime.now(UTC)
        )  # fmt: skip
        session.add(person)
        await session.flush()
        assert person.id is not None
        token = await open_session(session, person.id, timedelta(hours=12))
        found = await session.exec(select(WebSession.csrf_token).where(WebSession.token_hash == hash_of(token)))
        proof = found.one()
    headers = {"X-CSRF-Token": proof, "Cookie": f"tidu-session={token}"}
    return httpx.AsyncClient(base_url=address, headers=headers, timeout=10, trust_env=False)


def crash_database(folder: Path) -> None:
    """As an operating system would end it that has no memory left: nothing is written back."""
    number = int((folder / "postgresql" / "postmaster.pid").read_text().partition("\n")[0])
    os.kill(number, signal.SIGQUIT)


async def comes_back(client: httpx.AsyncClient) -> None:
    """The service answers again by itself."""
    for _ in range(300):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        await asyncio.sleep(0.1)
    pytest.fail("the service does not answer any more")


async def test_nothing_promised_is_lost_and_nothing_is_there_by_halves(migrated_folder: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    chance = random.Random(20261122)
    with embedded_server(migrated_folder) as server:
        engine = make_engine(server.url())
        client = await signed_in(engine, f"http://127.0.0.1:{port}")
        writers = Writers(client, CODES)
        tasks = list[asyncio.Task[None]]()
        for _ in range(KILLS):
            async with service(migrated_folder, port) as process:
                tasks = tasks or [asyncio.create_task(one()) for one in _work(writers)]
                await writers.progress(2)
                await asyncio.sleep(chance.random() / 5)
                crash_database(migrated_folder)
                await asyncio.sleep(chance.random() / 2)
                with embedded_server(migrated_folder):
                    await comes_back(client)
                    assert process.returncode is None
                    await writers.progress(2)
                    await asyncio.sleep(chance.random() / 5)
                    process.kill()
                    await process.wait()
        async with service(migrated_folder, port):
            await writers.progress(2)
            writers.stop.set()
            await asyncio.gather(*tasks)
        await client.aclose()
        await engine.dispose()
        engine = make_engine(server.url())
        unexpected = [
            line for line in (migrated_folder / "service.log").read_text().splitlines() if "unexpected_error" in line
        ]
        assert (writers.promised.refused, unexpected) == ([], [])
        await _check(engine, writers.promised)
        await engine.dispose()


def _work(writers: Writers):
    return (writers.file_figures, writers.file_figures, writers.grant_titles, writers.import_files)


async def _check(engine: AsyncEngine, promised: Promised) -> None:
    assert promised.unanswered > 0  # else nothing was disturbed
    async with owner_unit_of_work(engine) as session:
        rows = await session.execute(
            text(
                "SELECT e.credit_code, CAST(f.\"values\" ->> 'sales_revenue' AS numeric) FROM filing f"
                " JOIN enterprise e ON e.id = f.enterprise_id WHERE f.source = 'officer'"
            )
        )
        filed = [(code, int(value)) for code, value in rows]
        titles = await column(session, "SELECT number FROM recognition WHERE superseded_at IS NULL")
        names = await column(session, "SELECT substr(name, 1, 10) FROM enterprise WHERE name ~ '^泰州[0-9a-f]{8}第'")
        done = await column(session, "SELECT replace(file_name, '.csv', '') FROM import_run WHERE status = 'committed'")
        standing = await session.execute(
            text(
                "SELECT e.credit_code, y.sales_revenue / 1000000 FROM fact_yearly y JOIN enterprise e ON e.id = y.enterprise_id"
                " WHERE y.year = 2025 AND y.sales_revenue IS NOT NULL"
            )
        )
        holds = {code: int(value) for code, value in standing}
        latest = await session.execute(
            text(
                "SELECT DISTINCT ON (e.credit_code) e.credit_code, CAST(f.\"values\" ->> 'sales_revenue' AS numeric)"
                " FROM filing f JOIN enterprise e ON e.id = f.enterprise_id WHERE f.source = 'officer'"
                " ORDER BY e.credit_code, f.received_on DESC, f.id DESC"
            )
        )
        newest = {code: int(value) for code, value in latest}
    assert sorted(filed) == sorted(promised.figures)  # each once, however often it was sent
    assert sorted(titles) == sorted(promised.certificates)
    assert holds == newest
    assert {name: names.count(name) for name in set(names)} == dict.fromkeys(done, ROWS)
    verdict = await verify(engine)
    assert verdict.is_whole, verdict.faults
    async with owner_unit_of_work(engine) as session:
        told = "SELECT count(*) FROM trace_entry WHERE subject = 'filing' AND action = 'insert'"
        assert (await column(session, told))[0] == len(filed)
