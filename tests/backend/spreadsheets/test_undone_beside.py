"""An import is undone beside the requests: it says how far it is, can be stopped, and a killed one has undone nothing."""

import asyncio
import os
import pickle
import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.settings import Settings
from backend.spreadsheets import running, starting
from backend.spreadsheets.keeping import claim_undoing
from backend.spreadsheets.reading import ReadOptions
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, importer, scalar
from tests.backend.spreadsheets.test_running import TABLE, killed, status_of, until
from tests.shared_data import REPOSITORY


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests do not wait for their imports."""
    monkeypatch.setattr(starting, "PATIENCE_SECONDS", 0)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


@pytest.fixture
async def place(officer: AsyncClient, engine: AsyncEngine) -> AsyncGenerator[str]:
    """The report of a file that was carried out."""
    place = (await hand_in(officer, make_workbook(TABLE), "台账.xlsx")).headers["location"]
    await until(engine, "checked")
    await officer.post(f"{place}/commit")
    await until(engine, "committed")
    yield place
    # No thread outlives its test, whose database is dropped.
    await until(engine, "committed", "undone")


@asynccontextmanager
async def held_up(engine: AsyncEngine) -> AsyncIterator[None]:
    """Nothing is evaluated as long as the block lasts: who undoes has then done all else."""
    async with engine.connect() as connection:
        await connection.execute(text("LOCK TABLE eligibility_run IN SHARE ROW EXCLUSIVE MODE"))
        yield


async def until_evaluating(engine: AsyncEngine) -> None:
    """Wait until everything but the last step of undoing is done."""
    for _ in range(600):
        async with owner_unit_of_work(engine) as work:
            if await scalar(work, "SELECT max(stage) FROM import_run") == "evaluating":
                return
        await asyncio.sleep(0.05)
    raise AssertionError("it never came so far")


async def standing(engine: AsyncEngine) -> Mapping[str, int]:
    """What an import brought that holds now."""
    questions = {
        "enterprises": "SELECT count(*) FROM enterprise WHERE status = 'active'",
        "figures": "SELECT count(*) FROM fact_yearly",
        "withdrawn": "SELECT count(*) FROM filing_withdrawal",
    }
    async with owner_unit_of_work(engine) as work:
        return {name: await scalar(work, question) for name, question in questions.items()}


CARRIED_OUT = {"enterprises": 20, "figures": 20, "withdrawn": 0}
UNDONE = {"enterprises": 0, "figures": 0, "withdrawn": 20}


async def test_the_request_answers_at_once_and_the_page_follows(officer: AsyncClient, engine: AsyncEngine, place: str):
    async with held_up(engine):
        assert (await officer.post(f"{place}/undo")).status_code == 303
        await until_evaluating(engine)
        page = (await officer.get(place)).text
        assert "正在撤销这次导入" in page
        assert "重新测评：0 / 20 家企业" in page
        assert "撤销中" in (await officer.get("/imports")).text
        assert await standing(engine) == CARRIED_OUT
    await until(engine, "undone")
    assert "全部撤销" in (await officer.get(place)).text
    assert await standing(engine) == UNDONE


async def test_stopped_in_the_middle_it_has_undone_nothing_and_can_begin_anew(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    async with held_up(engine):
        await officer.post(f"{place}/undo")
        await until_evaluating(engine)
        assert (await officer.post(f"{place}/stop")).status_code == 303
        await until(engine, "committed")
    assert "已按要求停止，没有撤销任何数据" in (await officer.get(place)).text
    assert await standing(engine) == CARRIED_OUT
    await officer.post(f"{place}/undo")
    await until(engine, "undone")


async def test_two_never_undo_the_same_import_at_once(officer: AsyncClient, engine: AsyncEngine, place: str):
    async with held_up(engine):
        answers = await asyncio.gather(*(officer.post(f"{place}/undo") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    await until(engine, "undone")


async def test_one_whose_service_was_killed_is_called_interrupted_and_begins_anew(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    await killed(engine, place, "undoing")
    page = (await officer.get(place)).text
    assert "撤销到一半中断了" in page
    assert f'action="{place}/undo"' in page
    assert (await officer.post(f"{place}/undo")).status_code == 303
    await until(engine, "undone")
    assert await standing(engine) == UNDONE


async def test_killed_in_the_middle_it_has_undone_nothing(officer: AsyncClient, engine: AsyncEngine, place: str):
    number = int(place.rsplit("/", 1)[1])
    async with owner_unit_of_work(engine) as work:
        await claim_undoing(work, number)
    run = running.Run(number, "台账.xlsx", ReadOptions(), {}, importer(), Scope.city())
    told = running.Apart.of(engine.url.render_as_string(hide_password=False), Settings(), run, running.Kind.UNDO)
    async with held_up(engine):
        process = subprocess.Popen(  # noqa: ASYNC220 – waited for below, in a thread
            running.COMMAND_APART, stdin=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}
        )
        assert process.stdin
        with process:
            process.stdin.write(pickle.dumps(told))
            process.stdin.flush()
            await until_evaluating(engine)
            process.kill()
            await asyncio.to_thread(process.wait, 60)
    assert await status_of(engine) == "undoing"
    assert await standing(engine) == CARRIED_OUT
    await killed(engine, place, "undoing")
    await officer.post(f"{place}/undo")
    await until(engine, "undone")
    assert await standing(engine) == UNDONE
