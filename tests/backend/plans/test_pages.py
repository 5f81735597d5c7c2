"""The pages about plans, as a browser without JavaScript sees them."""

from datetime import date
from html import unescape

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.plans.documents import plans
from tests.backend.conftest import ClientAs

ENTERPRISE = text(
    "INSERT INTO enterprise (credit_code, name, match_key, search_text, region_code, town, park, address, industry_code,"
    " status, listing_board, revision) VALUES (:code, :name, 'k', 'k', :region, '', '', '', '', 'active', '', 1)"
    " RETURNING id"
)
TITLE = text(
    "INSERT INTO recognition (enterprise_id, programme, level, number, batch, kind, granted_on, valid_from, valid_to,"
    " revocation_reason, notice, printed_name, source) VALUES (:id, 'hnte', '', :number, '', 'granted', '2025-11-18',"
    " '2025-11-18', '2028-11-17', '', '', '', 'spreadsheet')"
)


@pytest.fixture
async def two_high_tech_enterprises(engine: AsyncEngine) -> None:
    async with owner_unit_of_work(engine) as work:
        for number, region in enumerate(("321202", "321283")):
            values = {"code": f"9132120000000000{number}X", "name": f"=泰州试验{number}有限公司", "region": region}
            id_ = (await work.execute(ENTERPRISE, values)).scalar_one()
            await work.execute(TITLE, {"id": id_, "number": f"GR{number}"})


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def seen(client: AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path)
    assert answer.status_code == status, answer.text
    return answer.text


async def test_every_plan_and_every_target_has_its_page(officer: AsyncClient):
    assert "规划核对" in await seen(officer, "/plans")
    for plan in plans().values():
        page = await seen(officer, f"/plans/{plan.id}?on=2026-06-30")
        assert all(f'id="{target.id}"' in page for target in plan.targets)
        for target in plan.targets:
            page = await seen(officer, f"/plans/{plan.id}/targets/{target.id}?on=2026-06-30")
            assert target.printed in unescape(page)


async def test_a_placeholder_is_shown_as_not_set_and_never_as_a_share(officer: AsyncClient):
    page = await seen(officer, "/plans/P000/targets/T000-19?on=2026-06-30")
    assert "未设目标" in page
    assert "0%" not in page


async def test_the_list_behind_a_number_names_the_enterprises(officer: AsyncClient, two_high_tech_enterprises: None):
    page = await seen(officer, "/plans/P000/targets/T000-01?on=2026-06-30")
    assert "名单：2 家" in page
    assert "泰州试验0有限公司" in page
    assert "名单：1 家" in await seen(officer, "/plans/P000/targets/T000-01?on=2026-06-30&region=321283")


async def test_the_export_holds_the_list_and_no_formula(officer: AsyncClient, two_high_tech_enterprises: None):
    answer = await officer.get("/plans/P000/targets/T000-01/members.csv?on=2026-06-30")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert ",'=泰州试验0有限公司," in lines[1]
    book = await officer.get("/plans/P000/targets/T000-01/members.xlsx?on=2026-06-30")
    assert book.content[:2] == b"PK"


async def test_a_district_officer_is_answered_for_the_own_district(
    client_as: ClientAs, two_high_tech_enterprises: None
):
    district = await client_as("district_officer", region="321283")
    page = await seen(district, "/plans/P000/targets/T000-01?on=2026-06-30&region=321202")
    assert "名单：1 家" in page
    assert "泰州试验1有限公司" in page
    await seen(district, "/plans/P001", status=404)


async def test_a_day_that_is_none_is_refused_in_chinese(officer: AsyncClient):
    assert "不是日期" in await seen(officer, "/plans/P000?on=2024.13.1", status=422)


@pytest.mark.parametrize("path", ["/plans?", "/plans/P000?", "/plans/P000/targets/T000-01?", "/zones?", "/compare?"])
async def test_a_year_that_nobody_can_mean_is_told(officer: AsyncClient, path: str):
    assert "请核对年份" in await seen(officer, f"{path}on=0001-01-01", status=422)
    assert "请核对年份" in await seen(officer, f"{path}on=9999-12-31", status=422)


async def test_an_assumption_without_end_is_refused(officer: AsyncClient):
    await seen(officer, "/plans/P000/targets/T000-01/forecast?newcomers=1e308", status=422)


async def test_each_number_of_a_plan_leads_to_the_targets_it_counts(officer: AsyncClient):
    assert 'href="/plans/P000?status=not_set#targets"' in await seen(officer, "/plans")
    page = await seen(officer, "/plans/P000?status=not_set")
    assert 'id="T000-19"' in page
    assert 'id="T000-01"' not in page
    assert "目标状态" in await seen(officer, "/plans/P000?status=zzz", status=422)


async def test_a_region_of_another_city_is_refused_with_those_that_can_be_asked(officer: AsyncClient):
    assert "321202 海陵区" in await seen(officer, "/plans/P000?region=320706", status=422)


async def test_an_unknown_plan_is_told_with_the_known_ones(officer: AsyncClient):
    assert "P004" in await seen(officer, "/plans/P999", status=404)


FIGURE = {"period_end": "2025-12-31", "value": "2．75%", "source": "市统计局公报", "released_on": "2026-03-20"}


async def test_a_figure_reported_appears_on_the_target(officer: AsyncClient):
    answer = await officer.post("/plans/P000/targets/T000-18/figures", data=FIGURE)
    assert answer.status_code == 303, answer.text
    page = await seen(officer, answer.headers["location"].partition("#")[0])
    assert "市统计局公报" in page
    assert "2.75" in page


async def test_a_figure_reported_twice_comes_back_with_what_stands(officer: AsyncClient):
    await officer.post("/plans/P000/targets/T000-18/figures", data=FIGURE)
    again = await officer.post("/plans/P000/targets/T000-18/figures", data=FIGURE | {"value": "2.8"})
    assert again.status_code == 422
    assert "已经填报：2.75" in again.text
    assert 'value="2.8"' in again.text


async def test_text_in_the_number_field_comes_back_with_a_way_out(officer: AsyncClient):
    answer = await officer.post("/plans/P000/targets/T000-18/figures", data=FIGURE | {"value": "约2.8"})
    assert answer.status_code == 422
    assert "请改为数字" in answer.text


async def test_a_viewer_cannot_report(client_as: ClientAs):
    viewer = await client_as("viewer")
    await seen(viewer, "/plans/P000/targets/T000-18/figures/new", status=403)
    assert "填报数据" not in await seen(viewer, "/plans/P000/targets/T000-18")


async def test_the_api_gives_targets_and_members(officer: AsyncClient, two_high_tech_enterprises: None):
    targets = (await officer.get("/api/v1/plans/P000/targets?on=2026-06-30")).json()
    first = targets[0]
    assert (first["id"], first["value"], first["target"], first["op"]) == ("T000-01", 2, 2700, ">=")
    listed = (await officer.get("/api/v1/targets/T000-01/members?on=2026-06-30")).json()
    assert listed["total"] == len(listed["members"]) == first["value"]


async def test_the_api_refuses_a_quarter_that_is_not_over(officer: AsyncClient):
    body = FIGURE | {"value": 2.8, "period_end": f"{date.today().year + 1}-12-31"}  # noqa: DTZ011
    answer = await officer.post("/api/v1/targets/T000-18/figures", json=body)
    assert answer.status_code == 422
    assert "还没有结束" in answer.json()["detail"]


async def test_a_bulletin_is_read_printed_downloaded_and_written_in(
    officer: AsyncClient, two_high_tech_enterprises: None
):
    assert "国家高新技术企业 2 家" in await seen(officer, "/plans/P000/bulletin?quarter=2026Q1")
    assert (await officer.get("/plans/P000/bulletin.docx?quarter=2026Q1")).content[:2] == b"PK"
    assert (await officer.get("/plans/P000/bulletin.xlsx?quarter=2026Q1")).content[:2] == b"PK"
    answer = await officer.post("/plans/P000/bulletin?quarter=2026Q1", data={"opening": "请对照推进。"})
    assert answer.status_code == 303
    assert "请对照推进。" in await seen(officer, answer.headers["location"])


async def test_a_bulletin_of_no_quarter_is_refused_in_chinese(officer: AsyncClient):
    assert "2026Q3" in await seen(officer, "/plans/P000/bulletin?quarter=夏天", status=422)


async def test_a_forecast_can_be_asked_with_other_assumptions(officer: AsyncClient, two_high_tech_enterprises: None):
    page = await seen(officer, "/plans/P000/targets/T000-01/forecast?on=2026-06-30&renewal=50&newcomers=10")
    assert "每年新增 10.0 家" in page
    assert "无法回测" in page
    assert "不能预测" in await seen(officer, "/plans/P000/targets/T000-03/forecast?on=2026-06-30", status=404)


async def test_a_target_is_told_apart_by_park_and_its_list_narrowed(
    officer: AsyncClient, two_high_tech_enterprises: None, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE enterprise SET park = '城北园区' WHERE region_code = '321283'"))
    here = "/plans/P000/targets/T000-01?on=2026-06-30"
    page = await seen(officer, f"{here}&by=park")
    assert "未登记园区" in page
    narrowed = await seen(officer, f"{here}&park=城北园区")
    assert "名单：1 家" in narrowed
    assert "泰州试验1有限公司" in narrowed
    assert "泰州试验0有限公司" not in narrowed
    told = (await officer.get("/api/v1/targets/T000-01/tally?on=2026-06-30&by=park")).json()
    assert {one["key"]: one["enterprises"] for one in told["parts"]} == {"": 1, "城北园区": 1}
    listed = (await officer.get("/api/v1/targets/T000-01/members?on=2026-06-30&park=-")).json()
    assert [one["name"] for one in listed["members"]] == ["=泰州试验0有限公司"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/plans/P000/targets/T000-01?by=colour", "不能按“colour”分组"),
        ("/plans/P000/targets/T000-01?industry=99", "没有大类“99”"),
        ("/api/v1/targets/T000-01/tally?by=colour", "by"),
        ("/api/v1/plans/P000/bulletins/2026-3", "2026Q3"),
        ("/api/v1/plans/P000/bulletins/2099Q3", "还不能通报"),
    ],
)
async def test_a_wrong_question_is_told_what_is_wrong(officer: AsyncClient, path: str, told: str):
    assert told in await seen(officer, path, 422)


async def test_programs_read_forecasts_bulletins_findings_and_versions(
    officer: AsyncClient, two_high_tech_enterprises: None
):
    outlook = (await officer.get("/api/v1/targets/T000-01/forecast?on=2026-06-30&renewal=0.8")).json()
    assert (outlook["target"], outlook["met"]) == ("T000-01", False)
    of_district = (await officer.get("/api/v1/targets/T000-01/forecast?on=2026-06-30&region=321283")).json()
    assert of_district["met"] is None
    assert (await officer.get("/api/v1/targets/T000-18/forecast")).status_code == 404
    assert (await officer.get("/api/v1/plans/P000/bulletins/2026Q1")).json()["plan"] == "P000"
    findings = (await officer.get("/api/v1/plans/P000/findings")).json()
    assert any(one["agrees"] is False and one["citations"] for one in findings)
    assert (await officer.get("/api/v1/plans/P000/versions")).json()[-1]["number"] == 0


async def test_lines_that_do_not_make_the_reported_total_are_told(officer: AsyncClient):
    figure = {"period_end": "2025-12-31", "source": "统计局"}
    for chain in plans()["P004"].chains:
        told = await officer.post(f"/api/v1/targets/{chain.id}/figures", json=figure | {"value": "200"})
        assert told.status_code == 201
    for total, difference in (("5900", 100.0), ("6000", 0.0)):
        said = figure | {"value": total, "is_revision": total == "6000"}
        assert (await officer.post("/api/v1/targets/T004-01/figures", json=said)).status_code == 201
        assert (await officer.get("/api/v1/plans/P004/chains?on=2026-06-30")).json()["difference"] == difference
        assert ("相差 100 亿元" in await seen(officer, "/plans/P004?on=2026-06-30")) is bool(difference)


async def test_a_chain_is_held_against_both_printed_years(officer: AsyncClient):
    figure = {"period_end": "2025-12-31", "value": 190.5, "source": "统计局"}
    assert (await officer.post("/api/v1/targets/T004-C01/figures", json=figure)).status_code == 201
    annex = (await officer.get("/api/v1/plans/P004/chains?on=2026-06-30")).json()
    first = annex["chains"][0]
    assert (len(annex["chains"]), annex["reported"], annex["value"]) == (30, 1, None)
    assert first["printed"] == {"2024": 177.6, "2027": 206.0, "2030": 254.0}
    assert first["shares"] == {"2027": round(190.5 / 206, 6), "2030": 0.75}
    assert "75.0%" in await seen(officer, "/plans/P004?on=2026-06-30")
    assert (await officer.get("/api/v1/plans/P000/chains")).status_code == 404


async def test_words_of_a_bulletin_are_kept_and_shown_and_a_late_form_is_asked_again(officer: AsyncClient):
    page = "/plans/P000/bulletin?quarter=2026Q1"
    saved = await officer.post(page, data={"opening": "先保存的", "seen": "0"})
    assert saved.status_code == 303
    assert "文字已保存" in (told := await seen(officer, saved.headers["Location"]))
    assert "先保存的" in told
    late = await officer.post(page, data={"opening": "后保存的", "seen": "0"})
    assert late.status_code == 409
    assert "再保存即以您的为准" in late.text
    assert ">后保存的</textarea>" in late.text
    assert (await officer.post(page, data={"opening": "字" * 20_001, "seen": "0"})).status_code == 422


async def test_programs_are_told_what_a_district_is_measured_by(officer: AsyncClient):
    told: list[tuple[object, object]] = []
    for region in ("", "&region=321202"):
        rows = (await officer.get(f"/api/v1/plans/P000/targets?on=2026-06-30{region}")).json()
        first = next(one for one in rows if one["id"] == "T000-01")
        told.append((first["target"], first["asked"]))
    assert told == [(2700, 2700), (2700, None)]
