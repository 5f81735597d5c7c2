"""An import runs beside the requests: it says how far it is, can be stopped, and a killed one can begin anew."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.spreadsheets import starting
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, rows_written
from tests.factories import make_code

TABLE: list[list[Any]] = [
    ["企业名称", "统一社会信用代码", "2025年营业收入（万元）"],
    *([f"泰州运行{n}号有限公司", make_code(), n] for n in range(20)),
]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests do not wait for their imports."""
    monkeypatch.setattr(starting, "PATIENCE_SECONDS", 0)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


@asynccontextmanager
async def held_up(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Nobody registers an enterprise as long as the block lasts."""
    async with engine.connect() as connection:
        await connection.execute(text("LOCK TABLE enterprise IN SHARE ROW EXCLUSIVE MODE"))
        yield connection


async def status_of(engine: AsyncEngine) -> str:
    async with owner_unit_of_work(engine) as work:
        return str((await work.execute(text("SELECT status FROM import_run ORDER BY id DESC LIMIT 1"))).scalar())


async def until(engine: AsyncEngine, *wanted: str) -> str:
    """Wait until the latest run has one of the statuses."""
    status = ""
    for _ in range(600):
        if (status := await status_of(engine)) in wanted:
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {status}")


@pytest.fixture
async def place(officer: AsyncClient, engine: AsyncEngine) -> AsyncGenerator[str]:
    """The report of a file that was tried out."""
    place = (await hand_in(officer, make_workbook(TABLE), "台账.xlsx")).headers["location"]
    await until(engine, "checked")
    yield place
    # No thread outlives its test, whose database is dropped.
    await until(engine, "checked", "committed", "stopped", "failed")


async def test_while_it_works_the_page_says_so_and_asks_again_until_it_is_done(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    async with held_up(engine):
        assert (await officer.post(f"{place}/commit")).status_code == 303
        page = await officer.get(place)
        assert "正在导入" in page.text
        assert f'hx-get="{place}/progress"' in page.text
        await asyncio.sleep(1)
        piece = await officer.get(f"{place}/progress", headers={"HX-Request": "true"})
        assert "对应企业：0 / 20" in piece.text
        assert "<html" not in piece.text
        assert "导入中" in (await officer.get("/imports")).text
    await until(engine, "committed")
    done = await officer.get(f"{place}/progress", headers={"HX-Request": "true"})
    assert done.headers["HX-Redirect"] == place
    assert "已全部导入" in (await officer.get(place)).text


async def test_stopped_in_the_middle_it_has_written_nothing_and_can_begin_anew(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    async with held_up(engine):
        await officer.post(f"{place}/commit")
        await asyncio.sleep(0.3)
        assert (await officer.post(f"{place}/stop")).status_code == 303
        await until(engine, "checked")
    assert "已按要求停止，没有写入任何数据" in (await officer.get(place)).text
    async with owner_unit_of_work(engine) as work:
        assert set((await rows_written(work)).values()) == {0}
    await officer.post(f"{place}/commit")
    await until(engine, "committed")


async def test_what_is_done_can_no_more_be_stopped(officer: AsyncClient, engine: AsyncEngine, place: str):
    await officer.post(f"{place}/commit")
    await until(engine, "committed")
    assert (await officer.post(f"{place}/stop")).status_code == 409


async def test_two_never_carry_out_the_same_import_at_once(officer: AsyncClient, engine: AsyncEngine, place: str):
    async with held_up(engine):
        answers = await asyncio.gather(*(officer.post(f"{place}/commit") for _ in range(3)))
        assert sorted(answer.status_code for answer in answers) == [303, 409, 409]
    await until(engine, "committed")
    async with owner_unit_of_work(engine) as work:
        assert (await rows_written(work))["enterprise"] == 20


async def killed(engine: AsyncEngine, place: str, status: str) -> None:
    """What a service leaves that was killed a while ago: a run that says it is busy, and nobody at it."""
    async with owner_unit_of_work(engine) as work:
        await work.execute(
            text("UPDATE import_run SET status = :status, started_at = now() - interval '1 minute' WHERE id = :id"),
            {"status": status, "id": int(place.rsplit("/", 1)[1])},
        )


async def test_one_that_was_killed_while_writing_is_called_interrupted_and_begins_anew(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    await killed(engine, place, "writing")
    page = await officer.get(place)
    assert "处理到一半中断了" in page.text
    assert f'action="{place}/commit"' in page.text
    assert "已中断" in (await officer.get("/imports")).text
    assert (await officer.post(f"{place}/commit")).status_code == 303
    await until(engine, "committed")


async def test_one_that_was_killed_while_it_was_tried_out_is_tried_out_anew(
    officer: AsyncClient, engine: AsyncEngine, place: str
):
    await killed(engine, place, "checking")
    assert f'action="{place}/check"' in (await officer.get(place)).text
    assert (await officer.post(f"{place}/check")).status_code == 303
    await until(engine, "checked")
    assert "全部行都没有问题" in (await officer.get(place)).text


async def test_a_file_that_cannot_be_read_is_told_on_its_page_when_nobody_waited(
    officer: AsyncClient, engine: AsyncEngine
):
    place = (await hand_in(officer, b"%PDF-1.7 ...", "台账.xlsx")).headers["location"]
    await until(engine, "refused")
    assert "PDF 文件，不是表格" in (await officer.get(place)).text


async def until_somebody_waits(connection: AsyncConnection) -> None:
    """Until a lock is asked for that another one holds."""
    for _ in range(600):
        if await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("nobody waits")


async def test_whoever_comes_second_to_an_enterprise_is_told_so_and_may_begin_anew(
    officer: AsyncClient, engine: AsyncEngine
):
    head, code = ["企业名称", "统一社会信用代码", "所在地区"], make_code()
    for region in ("海陵区", "姜堰区"):
        table = make_workbook([head, ["泰州两处有限公司", code, region]])
        place = (await hand_in(officer, table, f"{region}.xlsx")).headers["location"]
        await until(engine, "checked")
        if region == "海陵区":
            await officer.post(f"{place}/commit")
            await until(engine, "committed")
    async with engine.connect() as other:
        moved = "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
        await other.execute(text(f"{moved} SELECT id, '321203', '', '', :on FROM enterprise"), {"on": today()})
        await officer.post(f"{place}/commit")
        await until_somebody_waits(other)
        await other.commit()
    await until(engine, "checked")
    assert "同一时间有人在导入或修改其中的企业，本次没有写入任何数据" in (await officer.get(place)).text
    await officer.post(f"{place}/commit")
    assert await until(engine, "committed", "failed") == "committed"
