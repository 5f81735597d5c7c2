"""A large file is worked on in a process of its own, which says how far it is and ends with the service."""

import asyncio
import os
import pickle
import subprocess
import sys

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.settings import Settings
from backend.spreadsheets import running
from backend.spreadsheets.keeping import begin_run
from backend.spreadsheets.reading import ReadOptions
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, importer, rows_written
from tests.backend.spreadsheets.test_running import TABLE, held_up, status_of, until
from tests.shared_data import REPOSITORY


@pytest.fixture
async def officer(client_as: ClientAs, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    monkeypatch.setattr(running, "APART_FROM", 1)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return await client_as("city_officer")


async def until_busy_matching(engine: AsyncEngine) -> None:
    """Wait until somebody is about to register the enterprises of the latest run."""
    for _ in range(600):
        async with owner_unit_of_work(engine) as work:
            if (await work.execute(text("SELECT max(stage) FROM import_run"))).scalar() == "matching":
                return
        await asyncio.sleep(0.1)
    raise AssertionError("it never began")


async def test_a_large_file_is_tried_out_and_carried_out_by_another_process(officer: AsyncClient, engine: AsyncEngine):
    place = (await hand_in(officer, make_workbook(TABLE), "台账.xlsx")).headers["location"]
    await until(engine, "checked")
    assert "全部行都没有问题" in (await officer.get(place)).text
    await officer.post(f"{place}/commit")
    await until(engine, "committed")
    async with owner_unit_of_work(engine) as work:
        assert (await rows_written(work))["enterprise"] == 20


@pytest.mark.parametrize("apart_from", [1, 10**9], ids=["another process", "another thread"])
async def test_the_trace_tells_who_began_it_and_from_where(
    officer: AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, apart_from: int
):
    monkeypatch.setattr(running, "APART_FROM", apart_from)
    place = (await hand_in(officer, make_workbook(TABLE), "台账.xlsx")).headers["location"]
    await until(engine, "checked")
    committed = await officer.post(f"{place}/commit")
    await until(engine, "committed")
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text(
                "SELECT DISTINCT split_part(actor, '-', 1), role, address, request_id FROM trace_note"
                " WHERE subject = 'enterprise' AND action = 'insert'"
            )
        )
    assert found.all() == [("city_officer", "city_officer", "127.0.0.1", committed.headers["X-Request-ID"])]


async def test_it_ends_with_the_service_and_has_written_nothing(engine: AsyncEngine):
    content = make_workbook(TABLE)
    async with owner_unit_of_work(engine) as work:
        number = await begin_run(work, "台账.xlsx", content, "", {}, importer())
    run = running.Run(number, "台账.xlsx", ReadOptions(within="321200"), {}, importer(), Scope.city())
    address = engine.url.render_as_string(hide_password=False)
    told = running.Apart.of(address, Settings(), run, running.Kind.WRITE)
    async with held_up(engine):
        process = subprocess.Popen(  # noqa: ASYNC220 – waited for below, in a thread
            running.COMMAND_APART, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
        )
        assert process.stdin
        process.stdin.write(pickle.dumps(told))
        process.stdin.flush()
        await until_busy_matching(engine)
        process.stdin.close()
        assert await asyncio.to_thread(process.wait, 60) == 1
    assert await status_of(engine) == "writing"
    async with owner_unit_of_work(engine) as work:
        assert set((await rows_written(work)).values()) == {0}


async def test_a_database_that_cannot_be_told_how_it_ended_is_in_the_log():
    run = running.Run(7, "台账.xlsx", ReadOptions(within="321200"), {}, importer(), Scope.city())
    told = running.Apart.of("postgresql+asyncpg://tidu@127.0.0.1:1/tidu", Settings(), run, running.Kind.WRITE)
    process = subprocess.Popen(  # noqa: ASYNC220 – waited for below, in a thread
        running.COMMAND_APART,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdin
    assert process.stderr
    with process:
        process.stdin.write(pickle.dumps(told))
        process.stdin.flush()
        said = await asyncio.to_thread(process.stderr.read)
    assert b'"event": "import_ended"' in said
    assert b"ConnectionRefusedError" in said


def test_the_dictionary_of_pinyin_is_given_back_and_loaded_anew_when_it_is_needed():
    said = (
        "import sys; from backend.spreadsheets import apart, sparing; from backend.enterprises.naming import search_text\n"
        "held = [('pypinyin' in sys.modules, search_text('泰州', None))]\n"
        "held.append('pypinyin' in sys.modules); sparing.forget_pinyin()\n"
        "print([*held, 'pypinyin' in sys.modules, search_text('泰州', None)])"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip() == "[(False, '泰州  tz'), True, False, '泰州  tz']"
