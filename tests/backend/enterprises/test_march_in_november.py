"""The list of March asked for in November is the one recorded in March: on the page, in the workbook and over REST."""

import re
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.enterprises.bulk import change_chain
from backend.enterprises.ending import End, end
from backend.enterprises.merging import Merge, merge
from backend.enterprises.moving import Move, register_move
from backend.recognitions.correcting import Correction, correct, withdraw
from backend.recognitions.service import revoke
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.test_undoing import carry_out, undo
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

DAY = today() - timedelta(days=200)
KNOWN = today() - timedelta(days=100)
COLUMNS = "&".join(
    f"columns={one}"
    for one in (
        "code", "rung", "titles", "region", "park", "industry", "chains", "above_scale", "board", "sales_revenue.2025",
        "listing_status.now",
    )
)  # fmt: skip
#: Moments of whatever was written; a day's bulletin was made long before the corrections.
_MOMENTS = (
    ("enterprise", "created_at"), ("recognition", "recorded_at"), ("recognition", "superseded_at"), ("filing", "recorded_at"),
    ("import_run", "committed_at"),
)  # fmt: skip
LISTS = [
    "", "sort=rung", "sort=region", "region=321202", "region=321203", "park=新区", "industry=C34", "chain=特钢", "rung=none",
    "rung=high_tech", "rung=srdi", "rung=listed", "programme=hnte", "programme=hnte&outcome=not_held", "q=企业",
    "rung=high_tech&region=321202&chain=特钢",
]  # fmt: skip


async def _march(session: AsyncSession) -> dict[str, int]:
    given: dict[str, Any] = {
        "region_code": "321202",
        "park": "城北园区",
        "industry_code": "3484",
        "chains": ("特钢",),
        "is_above_scale": True,
    }
    names = (
        "甲企业", "乙企业", "丙企业", "丁企业", "戊企业", "己企业", "庚企业", "辛企业",
    )  # fmt: skip
    ids = {name: await make_enterprise(session, name=name, **given) for name in names}
    for name in names[:5]:
        await make_recognition(session, ids[name], "hnte", DAY - timedelta(days=300), number=f"GR{ids[name]:012}")
        await make_filing(session, ids[name], {"sales_revenue": 1000 + ids[name]}, year=2025)
    await make_recognition(session, ids["乙企业"], "srdi_sme", DAY - timedelta(days=90))
    board = "UPDATE enterprise SET listing_board = 'star', listed_on = '2020-01-01' WHERE id = :id"
    await session.execute(text(board), {"id": ids["己企业"]})
    return ids


async def _correct(session: AsyncSession, ids: dict[str, int]) -> None:
    """All that can be corrected, and what happened since."""
    titles = {
        row.enterprise_id: row
        for row in await session.execute(text("SELECT * FROM recognition WHERE programme = 'hnte' ORDER BY id"))
    }
    first = titles[ids["甲企业"]]
    as_it_is = Correction("GR209932000001", "", first.granted_on, DAY + timedelta(days=30), None, "", "登记有误")
    await correct(session, first.id, as_it_is, library())
    await revoke(session, titles[ids["丙企业"]].id, DAY - timedelta(days=30), "公告取消")
    await withdraw(session, titles[ids["丁企业"]].id)
    await make_recognition(session, ids["辛企业"], "hnte", DAY - timedelta(days=200))
    await register_move(session, Move(ids["丙企业"], "321203", DAY - timedelta(days=60), park="新区"))
    await change_chain(session, [ids["甲企业"]], "特钢", joins=False)
    await change_chain(session, [ids["乙企业"], ids["辛企业"]], "化学药", joins=True, on=DAY - timedelta(days=9))
    await session.execute(
        text(
            "UPDATE enterprise SET industry_code = '6513', is_above_scale = false, listing_board = '', listed_on = NULL,"
            " park = '新区' WHERE id = ANY(:ids)"
        ),
        {"ids": [ids["乙企业"], ids["己企业"]]},
    )
    await make_filing(session, ids["甲企业"], {"sales_revenue": 7}, year=2025, source="officer", received_on=today())
    await end(session, ids["戊企业"], End("cancelled", DAY - timedelta(days=5), "注销公告"))
    await make_enterprise(session, name="后来登记的企业", region_code="321202", chains=("特钢",))
    await merge(session, Merge(ids["庚企业"], ids["辛企业"], "同一家企业"))


Written = tuple[dict[str, int], int]


@pytest.fixture
async def march(engine: AsyncEngine) -> Written:
    """The registry as it was in March; an import among it that proves wrong later."""
    async with owner_unit_of_work(engine) as session:
        ids = await _march(session)
        ledger: list[list[Any]] = [
            ["企业台账（2025年度）"], ["企业名称", "统一社会信用代码", "所在地区", "园区", "销售收入（万元）"],
            ["导入企业", make_code("321202"), "海陵区", "新区", 7],
        ]  # fmt: skip
        run, _ = await carry_out(session, ledger)
    return ids, run


async def _until_november(engine: AsyncEngine, written: Written) -> None:
    ids, run = written
    async with owner_unit_of_work(engine) as session:
        for table, column in _MOMENTS:
            await session.execute(text(f"UPDATE {table} SET {column} = {column} - interval '150 days'"))
    async with owner_unit_of_work(engine) as session:
        await _correct(session, ids)
    async with owner_unit_of_work(engine) as session:
        await undo(session, run)


@pytest.fixture
async def city(engine: AsyncEngine, march: Written, client_as: ClientAs) -> AsyncClient:
    """The city's officer in November."""
    await _until_november(engine, march)
    return await client_as("city_officer")


async def _rest(client: AsyncClient, query: str) -> tuple[int, list[dict[str, Any]]]:
    told = (await client.get(f"/api/v1/enterprises?{query}&{COLUMNS}")).json()
    rows = [{name: value for name, value in row.items() if name != "updated_at"} for row in told["enterprises"]]
    return told["total"], rows


async def _asked(client: AsyncClient, query: str) -> tuple[Any, Any, Any]:
    """A list over REST, on the page and as a workbook; without what is told of the knowledge itself."""
    page = await client.get(f"/enterprises?{query}&{COLUMNS}")
    shown = re.findall(r'<td data-label="[^"]*"[^>]*>(.*?)</td>', page.text, re.DOTALL)
    cells = [re.sub(r"<[^>]+>", "", one).strip() for one in shown]
    book = await client.get(f"/enterprises/export?{query}&{COLUMNS}")
    assert (page.status_code, book.status_code) == (200, 200)
    sheet = CalamineWorkbook.from_filelike(BytesIO(book.content)).get_sheet_by_index(0).to_python()
    return await _rest(client, query), cells, sheet


async def test_the_list_of_march_is_in_november_what_it_was(engine: AsyncEngine, march: Written, client_as: ClientAs):
    officer = await client_as("city_officer")
    recorded = {one: await _asked(officer, f"{one}&on={DAY}") for one in LISTS}
    await _until_november(engine, march)
    differing = 0
    for one in LISTS:
        november = await _asked(officer, f"{one}&on={DAY}&known_at={KNOWN}")
        assert november == recorded[one], one
        (total, rows), cells, sheet = november
        assert total == len(rows) == len(sheet) - 1
        assert len(cells) == total * len(sheet[0])
        differing += (await _rest(officer, f"{one}&on={DAY}")) != recorded[one][0]
    # Nearly every list says something else by today's knowledge.
    assert differing >= len(LISTS) - 1


async def test_a_district_that_lost_an_enterprise_since_counts_it_as_then(city: AsyncClient):
    at = f"in_force_on={DAY}&programme=hnte&region=321202"
    titles = (await city.get(f"/api/v1/recognitions?{at}&known_at={KNOWN}")).json()["items"]
    assert sorted(one["enterprise"]["name"] for one in titles) == ["丁企业", "丙企业", "乙企业", "戊企业", "甲企业"]
    page = (await city.get(f"/recognitions?view=in_force&on={DAY}&region=321202&known_at={KNOWN}")).text
    assert ("丙企业" in page, "共 6 项认定" in page) == (True, True)
    assert "丙企业" not in (await city.get(f"/recognitions?view=in_force&on={DAY}&region=321202")).text


async def test_the_page_says_whose_knowledge_it_is_and_leads_to_the_files_of_then(
    city: AsyncClient,
):
    page = (await city.get(f"/enterprises?on={DAY}&known_at={KNOWN}&columns=code&columns=town")).text
    assert f"按 {KNOWN.year}年{KNOWN.month}月{KNOWN.day}日掌握的数据" in page
    assert "镇街（现登记）" in page
    assert "名单全部" not in page
    address = re.search(rf'href="(/enterprises/[^"]+)\?on={DAY}&amp;known_at={KNOWN}">庚企业', page)
    assert address is not None
    file = await city.get(f"{address[1]}?on={DAY}&known_at={KNOWN}")
    assert (file.status_code, "<title>庚企业" in file.text) == (200, True)


async def test_from_today_on_it_is_what_is_known_now(city: AsyncClient):
    now = (await city.get("/api/v1/enterprises")).json()
    for day in (today(), today() + timedelta(days=30)):
        assert (await city.get(f"/api/v1/enterprises?known_at={day}")).json() == now


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("programme=hnte&outcome=eligible", "“测评结果”请改选“已认定（有效）”或“未认定”"),
        ("missing=sales_revenue", "请去掉“差某项数据”这个条件"),
        ("officer=mine", "请去掉“责任人”这个条件"),
        ("sort=updated", "“最近更新”只有现在的"),
        ("sort=sales_revenue.2025", "按数据排序只能按现在的数据"),
    ],
)
async def test_what_no_earlier_day_can_answer_is_refused_with_what_to_do(client_as: ClientAs, query: str, told: str):
    city = await client_as("city_officer")
    for path in ("/api/v1/enterprises", "/enterprises", "/enterprises/export"):
        answer = await city.get(f"{path}?{query}&known_at={KNOWN}", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert told in answer.json()["detail"]
    assert (await city.get(f"/api/v1/enterprises?{query}")).status_code == 200


async def test_who_answered_for_it_then_is_no_column(client_as: ClientAs):
    city = await client_as("city_officer")
    for path in ("/enterprises", "/enterprises/export"):
        answer = await city.get(f"{path}?columns=officer&known_at={KNOWN}")
        assert (answer.status_code, "请在“选列”里去掉“责任人”一列" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("path", "day"),
    [(path, day) for path in ("enterprises", "recognitions") for day in ("gestern", "0001-01-01", "9999-12-31")],
)
async def test_a_day_on_which_nothing_can_have_been_known_is_refused(client_as: ClientAs, path: str, day: str):
    city = await client_as("city_officer")
    answer = await city.get(f"/api/v1/{path}?known_at={day}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


async def test_a_list_of_earlier_knowledge_is_not_changed_as_a_whole(city: AsyncClient):
    form = {"query": f"known_at={KNOWN}", "action": "add_chain", "chain": "特钢", "whom": "all", "total": "9"}
    answer = await city.post("/enterprises/bulk", data=form)
    assert (answer.status_code, "不能批量修改" in answer.text) == (422, True)


async def test_a_saved_view_keeps_its_knowledge(city: AsyncClient):
    query = f"rung=high_tech&on={DAY}&known_at={KNOWN}"
    await city.post("/enterprises/views", data={"name": "三月通报", "query": query})
    page = (await city.get("/enterprises")).text
    assert f'href="/enterprises?{query.replace("&", "&amp;")}">三月通报' in page


async def test_a_past_day_shows_the_chains_of_that_day(city: AsyncClient):
    early, late = (date.isoformat(DAY - timedelta(days=one)) for one in (20, 1))
    pages = [(await city.get(f"/enterprises?q=乙企业&on={day}&columns=chains")).text for day in (early, late)]
    shown = [re.findall(r'<td data-label="产业链">([^<]*)<', page) for page in pages]
    assert shown == [["特钢"], ["化学药、特钢"]]
