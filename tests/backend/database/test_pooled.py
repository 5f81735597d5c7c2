"""The service through pgbouncer, set as compose.yaml sets it: it works, and no setting of one client reaches another."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from backend.cli import app as command_line
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.web_client import signed_in_client
from tests.conftest import open_folder
from tests.factories import make_code, make_enterprise
from tests.shared_data import REPOSITORY

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="pgbouncer is not installed (Debian: apt-get install pgbouncer)"
)
CODE = make_code()


def settings_of_compose() -> dict[str, str]:
    """The pool's settings, by pgbouncer's own names."""
    composed: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
    given: dict[str, str] = composed["services"]["pool"]["environment"]
    wanted = ("POOL_MODE", "MAX_CLIENT_CONN", "DEFAULT_POOL_SIZE", "IGNORE_STARTUP_PARAMETERS")
    return {name.lower(): given[name] for name in wanted}


@pytest.fixture
def pooled_url(database_url: str) -> Generator[str]:
    """The test's database, reached by a pool in front of it."""
    behind = make_url(database_url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open_folder() as folder:
        host = str(behind.query.get("host") or behind.host)
        pid = run_pool(folder, port, f"host={host} port={behind.query.get('port') or behind.port or 5432}", host)
        try:
            yield f"postgresql+asyncpg://{behind.username}@127.0.0.1:{port}/{behind.database}"
        finally:
            pid.terminate()
            pid.wait(10)


def run_pool(folder: Path, port: int, behind: str, host: str) -> "subprocess.Popen[bytes]":
    (folder / "users.txt").write_text('"tidu" ""\n"postgres" ""\n')
    chosen = settings_of_compose() | {
        "listen_addr": "127.0.0.1", "listen_port": str(port), "auth_type": "trust", "unix_socket_dir": "",
        "auth_file": str(folder / "users.txt"),
    }  # fmt: skip
    lines = "\n".join(f"{name} = {value}" for name, value in chosen.items())
    (folder / "pool.ini").write_text(f"[databases]\n* = {behind}\n[pgbouncer]\n{lines}\n")
    assert PGBOUNCER
    # Not as root, which pgbouncer refuses; as whoever may enter the embedded server's socket.
    owner = Path(host).stat().st_uid if host.startswith("/") else os.geteuid()
    account = pwd.getpwuid(owner or pwd.getpwnam("nobody").pw_uid).pw_name
    as_whom = ["-u", account] if os.geteuid() == 0 else []
    started = subprocess.Popen([PGBOUNCER, "-q", *as_whom, str(folder / "pool.ini")], stderr=subprocess.DEVNULL)
    deadline = monotonic() + 20
    while monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return started
        assert started.poll() is None, f"pgbouncer ended with {started.returncode}"
        sleep(0.05)
    pytest.fail("pgbouncer does not come up")


@pytest.fixture
async def pooled(pooled_url: str) -> AsyncGenerator[AsyncEngine]:
    engine = make_engine(pooled_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def app(pooled: AsyncEngine) -> FastAPI:
    await upgrade(pooled)
    async with owner_unit_of_work(pooled) as session:
        await make_enterprise(session, credit_code=CODE, region_code="321202", name="泰州池中有限公司")
    return create_app(Settings(four_eyes=False), pooled)


async def test_pages_writes_and_imports_work_through_the_pool(app: FastAPI, pooled: AsyncEngine):
    officer = await signed_in_client(app, "city_officer")
    assert "泰州池中有限公司" in (await officer.get("/enterprises?q=池中")).text
    body = {"year": 2025, "values": {"sales_revenue": 3000}, "note": "看过报表"}
    assert (await officer.post(f"/api/v1/enterprises/{CODE}/filings", json=body)).status_code == 201
    sheet = f"企业名称,统一社会信用代码,所在地区\n泰州锻造有限公司,{make_code('321202')},海陵区\n".encode()
    files = {"file": ("企业.csv", sheet, "text/csv")}
    page = (await officer.post("/imports", files=files, data={"layout": "enterprises"})).headers["location"]
    assert (await officer.post(f"{page}/commit")).status_code == 303
    async with owner_unit_of_work(pooled) as session:
        assert await session.scalar(text("SELECT count(*) FROM enterprise")) == 2
    await officer.aclose()


async def test_many_at_once_each_see_their_own_and_nobody_anothers(app: FastAPI, pooled_url: str):
    engines = [make_engine(pooled_url, Settings(database_connections=2)) for _ in range(3)]

    async def look(engine: AsyncEngine, region: str) -> int:
        async with unit_of_work(engine, Scope.district(region)) as session:
            return int(await session.scalar(text("SELECT count(*) FROM enterprise")) or 0)

    asked = [(engines[number % 3], "321202" if number % 2 else "321281") for number in range(60)]
    seen = await asyncio.gather(*(look(engine, region) for engine, region in asked))
    assert seen == [number % 2 for number in range(60)]
    for engine in engines:
        await engine.dispose()


def test_the_commands_reach_it_too_and_the_batch_reads_past_sqlalchemy(pooled_url: str):
    runner = CliRunner(env={"TIDU_DATABASE_URL": pooled_url})
    for command in (["migrate"], ["evaluate"], ["audit", "verify"]):
        ran = runner.invoke(command_line, command)
        assert (command, ran.exit_code) == (command, 0), ran.output
