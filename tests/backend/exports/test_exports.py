"""Exports in the background: asked for on the list, made under the owner's eyes only, kept some days, fetched by them alone."""

import asyncio
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.actions import ActionDraft, StepDraft, open_action, plan_steps
from backend.cultivation.service import Seen, enter, move
from backend.cultivation.stages import Stage
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import pages as list_pages
from backend.enterprises.columns import chosen_columns
from backend.enterprises.search import Filters
from backend.exports import jobs, pages
from backend.exports.book import Limits
from backend.exports.jobs import Enterprises
from backend.exports.running import Job, begin
from backend.exports.service import ask, own_exports
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.factories import column, make_enterprise, make_filing, make_recognition


@pytest.fixture
async def registry(engine: AsyncEngine) -> None:
    async with owner_unit_of_work(engine) as work:
        for number in range(5):
            await make_enterprise(work, name=f"海陵第{number}有限公司", region_code="321202")
        other = await make_enterprise(work, name="靖江某某有限公司", region_code="321282")
        await make_filing(work, other, {"sales_revenue": Decimal("1234.5678")})
        await make_recognition(work, other, "hnte", number="GR202432000001")


@pytest.fixture(autouse=True)
def in_time(monkeypatch: pytest.MonkeyPatch):
    """Whoever asks waits until the export is done: tests look at what comes of it."""
    running: list[Any] = []
    monkeypatch.setattr(pages, "begin", lambda *given: running.append(begin(*given)) or running[-1])
    return running


async def exported(client: AsyncClient, running: list[Any], kind: str = "enterprises", query: str = "") -> None:
    answer = await client.post("/exports", data={"kind": kind, "query": query})
    assert answer.headers["location"] == "/exports", answer.text
    await asyncio.wrap_future(running[-1])


async def rows_of(client: AsyncClient, address: str) -> list[list[Any]]:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == int(answer.headers["content-length"])
    return CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()


async def test_a_long_list_is_offered_in_the_background_instead(
    client_as: ClientAs, registry: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(list_pages, "MOST_AT_ONCE", 3)
    city = await client_as("city_officer")
    answer = await city.get("/enterprises/export?region=321202&sort=code")
    assert answer.headers["location"] == "/exports?kind=enterprises&query=region%3D321202%26sort%3Dcode"
    assert "开始导出" in (await city.get(answer.headers["location"])).text
    assert (await city.get("/enterprises/export?region=321282")).status_code == 200


async def test_the_files_hold_the_list_with_its_filters_order_and_columns(
    client_as: ClientAs, registry: None, in_time: list[Any]
):
    city = await client_as("city_officer")
    await exported(city, in_time, query="region=321282&columns=code&columns=sales_revenue.2025")
    page = (await city.get("/exports")).text
    assert "可以下载" in page
    head, row = await rows_of(city, "/exports/1/files/0")
    assert head[1:] == ["企业名称", "2025 销售收入（万元）"]
    assert row[1:] == ["靖江某某有限公司", 1234.5678]
    assert f"企业名单-{today():%Y%m%d}.xlsx" in page


async def test_titles_are_exported_by_their_view(client_as: ClientAs, registry: None, in_time: list[Any]):
    city = await client_as("city_officer")
    await exported(city, in_time, "recognitions", "view=in_force&programme=hnte")
    _, row = await rows_of(city, "/exports/1/files/0")
    assert (row[1], row[4]) == ("靖江某某有限公司", "GR202432000001")


async def test_a_district_exports_its_own_enterprises_whatever_it_asks_for(
    client_as: ClientAs, registry: None, in_time: list[Any]
):
    jingjiang = await client_as("district_officer", "321282")
    await exported(jingjiang, in_time)
    assert [row[1] for row in await rows_of(jingjiang, "/exports/1/files/0")] == ["企业名称", "靖江某某有限公司"]


async def test_nobody_else_sees_or_fetches_an_export(client_as: ClientAs, registry: None, in_time: list[Any]):
    owner, other = await client_as("city_officer"), await client_as("city_officer")
    await exported(owner, in_time)
    assert "企业名单-" not in (await other.get("/exports")).text
    for method, address in (("GET", "files/0"), ("POST", "delete"), ("POST", "stop"), ("POST", "again")):
        assert (await other.request(method, f"/exports/1/{address}")).status_code == 404
    assert (await owner.get("/exports/1/files/0")).status_code == 200
    assert (await owner.get("/exports/1/files/1")).status_code == 410


async def test_who_has_another_scope_by_now_does_not_get_the_files(
    client_as: ClientAs, registry: None, in_time: list[Any], engine: AsyncEngine
):
    city = await client_as("city_officer")
    await exported(city, in_time)
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE export_job SET scope = '321282|'"))
    answer = await city.get("/exports/1/files/0")
    assert (answer.status_code, "数据范围在导出之后有变化" in answer.text) == (410, True)


async def test_after_some_days_the_files_are_gone(
    client_as: ClientAs, registry: None, in_time: list[Any], engine: AsyncEngine
):
    city = await client_as("city_officer")
    await exported(city, in_time)
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE export_job SET expires_at = now() - interval '1 minute'"))
    assert (await city.get("/exports/1/files/0")).status_code == 404
    await exported(await client_as("district_officer", "321282"), in_time)
    async with owner_unit_of_work(engine) as work:
        assert await work.scalar(text("SELECT count(*) FROM export_piece WHERE job_id = 1")) == 0


async def test_an_export_that_nobody_works_on_any_more_can_be_made_anew(
    client_as: ClientAs, registry: None, in_time: list[Any], engine: AsyncEngine
):
    city = await client_as("city_officer")
    await exported(city, in_time)
    async with owner_unit_of_work(engine) as work:
        await work.execute(
            text("UPDATE export_job SET status = 'working', beat_at = now() - interval '2 minutes', files = '[]'")
        )
    assert "已中断" in (await city.get("/exports")).text
    await city.post("/exports/1/again")
    await asyncio.wrap_future(in_time[-1])
    assert len(await rows_of(city, "/exports/2/files/0")) == 7


async def test_viewers_export_too_and_what_is_no_list_is_refused(
    client_as: ClientAs, registry: None, in_time: list[Any]
):
    viewer = await client_as("viewer")
    await exported(viewer, in_time)
    assert (await viewer.get("/exports/1/files/0")).status_code == 200
    assert (await viewer.post("/exports", data={"kind": "people"})).status_code == 404


@pytest.fixture
async def pool(engine: AsyncEngine, registry: None) -> None:
    """Two entries of 海陵 and one of 靖江, which was moved; and a step and a need that are due."""
    async with owner_unit_of_work(engine) as work:
        ids = list(await column(work, "SELECT id FROM enterprise ORDER BY region_code, id LIMIT 2"))
        ids += await column(work, "SELECT id FROM enterprise WHERE region_code = '321282'")
        entries = await enter(work, "hnte", today().year, ids, by=1, reason="测评发现")
        await move(work, [Seen(entries[2], 1)], Stage.CULTIVATED, "=建档", by=1, on=today(), most_days=30)
        await plan_steps(work, ids[2], [StepDraft("补报审计报告", today())], by=1)
        need = ActionDraft("need", "talent", "缺工程师", today(), "人才科", today())
        await open_action(work, ids[2], need, by=1)


async def downloaded(client: AsyncClient, kind: str, query: str, columns: str = "") -> list[list[Any]]:
    asked = {"kind": kind, "query": query, "columns": columns.split()}
    answer = await client.get("/exports/file", params=asked)
    assert answer.status_code == 200, answer.text
    return CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()


async def test_the_pool_is_exported_in_the_lists_order_with_the_columns_chosen(client_as: ClientAs, pool: None):
    city = await client_as("city_officer")
    page = (await city.get("/exports?kind=pool&query=programme%3Dhnte")).text
    assert page.count('name="columns"') == 15
    rows = await downloaded(city, "pool", "programme=hnte", "stage name region")
    assert rows[0] == ["企业名称", "市（区）", "阶段"]
    assert [row[2] for row in rows[1:]] == ["发现", "发现", "培育"]
    rows = await downloaded(city, "pool", "programme=hnte&stage=cultivated")
    assert (len(rows), rows[1][1], rows[1][4]) == (2, "靖江某某有限公司", "国家高新技术企业")


async def test_what_moved_and_what_is_due_are_exported(client_as: ClientAs, pool: None):
    city = await client_as("city_officer")
    moves = await downloaded(city, "moves", "programme=hnte", "name from to why")
    assert moves[1] == ["靖江某某有限公司", "发现", "培育", "=建档"]
    assert len(moves) == 5
    due = await downloaded(city, "due", "whose=all&days=0", "kind words owner")
    assert due[1:] == [["步骤", "补报审计报告", ""], ["需求", "缺工程师", "人才科"]]
    assert len(await downloaded(city, "due", "whose=mine")) == 1


async def test_a_district_downloads_its_own_entries_only(client_as: ClientAs, pool: None):
    rows = await downloaded(await client_as("district_officer", "321282"), "pool", "programme=hnte", "name")
    assert rows == [["企业名称"], ["靖江某某有限公司"]]


async def test_a_long_list_is_for_the_background_with_the_same_columns(
    client_as: ClientAs, pool: None, in_time: list[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pages, "MOST_WHILE_WAITING", 2)
    city = await client_as("city_officer")
    asked = {"kind": "pool", "query": "programme=hnte", "columns": ["name", "stage"]}
    answer = await city.get("/exports/file", params=asked)
    assert answer.status_code == 303
    page = (await city.get(answer.headers["location"])).text
    assert "这份名单有 3 行" in page
    assert "直接下载" not in page
    assert page.count('" checked><span') == 2
    assert (await city.post("/exports", data=asked)).headers["location"] == "/exports"
    await asyncio.wrap_future(in_time[-1])
    assert (await rows_of(city, "/exports/1/files/0"))[0] == ["企业名称", "阶段"]


async def test_titles_are_exported_with_the_columns_chosen(client_as: ClientAs, registry: None):
    rows = await downloaded(await client_as("city_officer"), "recognitions", "view=in_force", "name number")
    assert rows == [["企业名称", "证书或登记编号"], ["靖江某某有限公司", "GR202432000001"]]
    asked = "view=in_force&on=2020-01-01&known_at=2020-06-30"
    assert await downloaded(await client_as("city_officer"), "recognitions", asked, "name number") == rows[:1]


async def test_a_list_is_split_into_files_and_can_be_stopped(
    engine: AsyncEngine, registry: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(jobs, "PORTION", 2)
    scope = Scope.city(7)
    for limits, stops in ((Limits(3, 1), False), (Limits(), True)):
        async with unit_of_work(engine, scope) as own:
            number = await ask(own, scope, "enterprises", "企业名单", "", today(), 0)
            if stops:
                await own.execute(text("UPDATE export_job SET is_stop_asked = true WHERE id = :id"), {"id": number})
        wanted = Enterprises(Filters(), chosen_columns([]), today())
        await asyncio.wrap_future(begin(engine, Settings(), Job(number, "企业名单", wanted, scope, limits)))
    async with unit_of_work(engine, scope) as own:
        stopped, split = await own_exports(own)
    assert [(one["name"], one["rows"]) for one in split["files"]] == [(f"企业名单-{n}.xlsx", 2) for n in (1, 2, 3)]
    assert (stopped["status"], stopped["files"]) == ("stopped", [])
