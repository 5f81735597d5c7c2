"""An officer corrects an enterprise by hand: who it is, a figure, a title. Each is evaluated in the same request."""

import re
from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.enterprises.queries import find, names_of
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise, make_recognition

CODE = make_code("321282")
IDENTITY = {
    "revision": "1", "name": "江苏云岚精密机械有限公司", "region_code": "321282", "town": "", "park": "", "address": "",
    "industry_code": "3484", "established_on": "2010-05-01", "chains": "高端装备", "is_above_scale": "", "listing_board": "",
    "listed_on": "", "on": "2026-03-01",
}  # fmt: skip
FIGURE = {
    "indicator": "sales_revenue",
    "year": "2025",
    "value": "1,234.5",
    "received_on": "2026-06-01",
    "note": "核对了审计报告",
}
TITLE = {
    "programme": "hnte",
    "granted_on": "2024-11-06",
    "kind": "granted",
    "number": "GR202432000001",
    "notice": "2024 年名单",
}


@pytest.fixture
async def number(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await make_enterprise(
            session, name="江苏云岚精密机械有限公司", credit_code=CODE, region_code="321282", industry_code="3484",
            established_on=date(2010, 5, 1), chains=("高端装备",),
        )  # fmt: skip


@pytest.fixture
async def officer(number: int, client_as: ClientAs) -> AsyncClient:
    return await client_as("district_officer", "321282")


async def row_of(engine: AsyncEngine) -> dict[str, Any]:
    async with owner_unit_of_work(engine) as session:
        return dict(await find(session, CODE) or {})


async def one(engine: AsyncEngine, query: str) -> Any:
    async with owner_unit_of_work(engine) as session:
        return await session.scalar(text(query))


def errors(answer: Response) -> list[str]:
    assert answer.status_code == 422
    return re.findall(r'<div class="field-error"[^>]*>([^<]+)<', answer.text)


# Who it is


async def test_the_form_holds_who_the_enterprise_is(officer: AsyncClient):
    page = (await officer.get(f"/enterprises/{CODE}/edit")).text
    for shown in ('value="江苏云岚精密机械有限公司"', 'value="3484"', 'value="2010-05-01"', 'value="高端装备"'):
        assert shown in page
    assert re.search(r'<option value="321282" selected>[^<]*靖江市', page)


async def test_an_officer_corrects_name_town_and_chains(officer: AsyncClient, engine: AsyncEngine, number: int):
    changed = IDENTITY | {
        "name": "江苏云岚智能装备有限公司",
        "town": "城东镇",
        "chains": "高端装备、新材料",
        "is_above_scale": "yes",
    }
    answer = await officer.post(f"/enterprises/{CODE}/edit", data=changed)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/enterprises/{CODE}?done=edited")
    row = await row_of(engine)
    assert (row["name"], row["town"], row["is_above_scale"], row["revision"]) == (
        "江苏云岚智能装备有限公司",
        "城东镇",
        True,
        2,
    )
    async with owner_unit_of_work(engine) as session:
        assert (await names_of(session, number))[1].used_to == date(2026, 2, 28)
    assert "已保存" in (await officer.get(answer.headers["location"])).text


async def test_who_opened_the_form_before_another_saved_is_told(officer: AsyncClient, engine: AsyncEngine):
    await officer.post(f"/enterprises/{CODE}/edit", data=IDENTITY | {"town": "城东镇"})
    answer = await officer.post(f"/enterprises/{CODE}/edit", data=IDENTITY | {"town": "九龙镇"})
    assert answer.status_code == 409
    assert "刚被其他人修改过" in answer.text
    assert (await row_of(engine))["town"] == "城东镇"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"name": " "}, "请填写企业名称"),
        ({"region_code": "999999"}, "没有市（区）“999999”"),
        ({"region_code": "321200"}, "没有市（区）“321200”"),
        ({"industry_code": "9999"}, "不存在"),
        ({"industry_code": "C"}, "两位数字"),
        ({"established_on": "2010.5.1"}, "“2010.5.1”不是日期"),
        ({"established_on": "2999-01-01"}, "在今天之后"),
        ({"listing_board": "moon"}, "没有这个板块"),
        ({"on": "2999-01-01"}, "在今天之后"),
        ({"on": "2010-04-30", "name": "江苏云岚有限公司"}, "早于成立日期 2010-05-01"),
        ({"name": "泰" * 201}, "最多 200 个字，填了 201 个字"),
        ({"address": "路" * 301}, "最多 300 个字"),
    ],
)
async def test_a_wrong_field_is_told_beside_it_and_nothing_is_saved(
    officer: AsyncClient, engine: AsyncEngine, wrong: dict[str, str], reason: str
):
    answer = await officer.post(f"/enterprises/{CODE}/edit", data=IDENTITY | {"town": "城东镇"} | wrong)
    assert any(reason in error for error in errors(answer))
    assert 'value="城东镇"' in answer.text
    assert (await row_of(engine))["revision"] == 1


async def test_a_name_that_is_in_use_since_is_not_lost_to_an_earlier_one(
    officer: AsyncClient, engine: AsyncEngine, number: int
):
    renamed = IDENTITY | {"name": "江苏云岚智能装备有限公司"}
    await officer.post(f"/enterprises/{CODE}/edit", data=renamed)
    form = renamed | {"name": "江苏云岚控股有限公司", "revision": "2", "on": "2026-02-01"}
    answer = await officer.post(f"/enterprises/{CODE}/edit", data=form)
    assert any("自 2026-03-01 起使用" in error for error in errors(answer))
    async with owner_unit_of_work(engine) as session:
        assert (await names_of(session, number))[0].name == renamed["name"]


async def test_an_enterprise_without_a_code_is_given_one(officer: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        other = await make_enterprise(session, name="靖江某某有限公司", credit_code=None, region_code="321282")
    code = make_code("321282")
    wrong = await officer.post(
        f"/enterprises/{other}/edit", data=IDENTITY | {"name": "靖江某某有限公司", "credit_code": code[:-1]}
    )
    assert any("17" in error for error in errors(wrong))
    right = await officer.post(
        f"/enterprises/{other}/edit", data=IDENTITY | {"name": "靖江某某有限公司", "credit_code": code.lower()}
    )
    assert right.headers["location"] == f"/enterprises/{code}?done=edited"


async def test_a_code_of_another_enterprise_is_refused(officer: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        other = await make_enterprise(session, name="靖江某某有限公司", credit_code=None, region_code="321282")
    answer = await officer.post(
        f"/enterprises/{other}/edit", data=IDENTITY | {"name": "靖江某某有限公司", "credit_code": CODE}
    )
    assert answer.status_code == 409
    assert "已登记给另一家企业" in answer.text


async def test_a_move_out_of_the_district_is_the_citys_to_enter(
    officer: AsyncClient, client_as: ClientAs, engine: AsyncEngine
):
    moved = IDENTITY | {"region_code": "321202"}
    refused = await officer.post(f"/enterprises/{CODE}/edit", data=moved)
    assert refused.status_code == 403
    assert (await row_of(engine))["region_code"] == "321282"
    assert (await (await client_as("city_officer")).post(f"/enterprises/{CODE}/edit", data=moved)).status_code == 303
    assert (await row_of(engine))["region_code"] == "321202"
    assert (await officer.get(f"/enterprises/{CODE}")).status_code == 404


# A figure


async def test_a_figure_filed_by_hand_holds_at_once_and_is_evaluated(officer: AsyncClient, engine: AsyncEngine):
    answer = await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE)
    assert answer.headers["location"] == f"/enterprises/{CODE}?done=filed#figures"
    assert await one(engine, "SELECT sales_revenue FROM fact_yearly") == 1_234_500_000
    assert (
        await one(engine, "SELECT source || ' ' || note || ' ' || (recorded_by > 0) FROM filing")
        == "officer 核对了审计报告 true"
    )
    assert await one(engine, "SELECT count(*) FROM eligibility WHERE programme = 'hnte'") == 1
    assert "1,234.5" in (await officer.get(f"/enterprises/{CODE}")).text


@pytest.mark.parametrize(
    ("indicator", "value", "column"),
    [
        ("accounting_sound", {"value": "no"}, "accounting_sound::text = 'false'"),
        ("tax_collection_method", {"value": "audit"}, "tax_collection_method = 'audit'"),
        ("last_revocation_for_cause_date", {"value": "2025-01-05"}, "last_revocation_for_cause_date = '2025-01-05'"),
        (
            "last_revocation_for_cause_date",
            {"is_none": "true", "value": ""},
            "last_revocation_for_cause_date = '-infinity'",
        ),
        ("ip_class1_count", {"value": "３"}, "ip_class1_count = 3"),
    ],
)
async def test_what_is_not_money_is_filed_in_its_own_way(
    officer: AsyncClient, engine: AsyncEngine, indicator: str, value: dict[str, str], column: str
):
    form = (await officer.get(f"/enterprises/{CODE}/filings/new?indicator={indicator}")).text
    assert 'name="value"' in form
    answer = await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE | {"indicator": indicator} | value)
    assert answer.status_code == 303
    assert await one(engine, f"SELECT count(*) FROM fact_current WHERE {column}") == 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"value": "约3000"}, "“约3000”不是数字，请改为数字，如 3000"),
        ({"value": ""}, "请填写数值"),
        ({"value": "-1"}, "不应小于 0"),
        ({"value": "1.1234567"}, "最多六位小数"),
        ({"value": "NaN"}, "应为有限的数"),
        ({"year": "25"}, "年度“25”应为四位年份"),
        ({"year": "2030"}, "晚于"),
        ({"note": " "}, "请写明依据"),
        ({"received_on": "昨天"}, "“昨天”不是日期"),
        ({"received_on": "2999-01-01"}, "在今天之后"),
        ({"indicator": "accounting_sound", "value": "也许"}, "应为 true 或 false"),
        ({"indicator": "tax_collection_method", "value": "guess"}, "之一"),
        ({"indicator": "ip_class1_count", "value": "2.5"}, "应为整数"),
        ({"indicator": "major_incidents", "value": "[]"}, "不是数字"),
    ],
)
async def test_a_figure_that_cannot_be_is_told_beside_its_field(
    officer: AsyncClient, engine: AsyncEngine, wrong: dict[str, str], reason: str
):
    answer = await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE | wrong)
    assert any(reason in error for error in errors(answer)) or "成组的记录" in answer.text
    assert await one(engine, "SELECT count(*) FROM filing") == 0


async def test_an_indicator_nobody_knows_leads_back_to_the_choice(officer: AsyncClient):
    answer = await officer.post(f"/enterprises/{CODE}/filings", data=FIGURE | {"indicator": "mood"})
    assert answer.status_code == 422
    assert "请选择指标" in answer.text


async def test_a_missing_fact_leads_to_its_form(officer: AsyncClient):
    page = (await officer.get(f"/enterprises/{CODE}/filings/new?indicator=sales_revenue&year=2024")).text
    assert '<option value="sales_revenue" selected>' in page
    assert '<option value="2024" selected>' in page


# A title


async def test_a_title_entered_by_hand_counts_at_once(officer: AsyncClient, engine: AsyncEngine):
    answer = await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE)
    assert answer.headers["location"] == f"/enterprises/{CODE}?done=granted"
    assert await one(engine, "SELECT valid_to FROM recognition WHERE source = 'officer'") == date(2027, 11, 5)
    assert "GR202432000001" in (await officer.get(f"/enterprises/{CODE}")).text


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"programme": "throne"}, "请选择认定项目"),
        ({"programme": "nj_gazelle"}, "请选择认定项目"),
        ({"granted_on": ""}, "请填写发证或公告日期"),
        ({"granted_on": "2024-02-30"}, "不是日期"),
        ({"granted_on": "2999-01-01"}, "在今天之后"),
        ({"valid_to": "2020-01-01"}, "早于有效期起"),
        ({"notice": ""}, "请写明依据"),
    ],
)
async def test_a_title_that_cannot_be_is_told_beside_its_field(
    officer: AsyncClient, engine: AsyncEngine, wrong: dict[str, str], reason: str
):
    answer = await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE | wrong)
    assert any(reason in error for error in errors(answer))
    assert await one(engine, "SELECT count(*) FROM recognition") == 0


async def test_a_title_that_is_there_already_is_told(officer: AsyncClient):
    await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE)
    again = await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE)
    assert errors(again) == ["这项认定已经登记过了，请核对企业档案。"]


async def test_a_title_is_taken_away_with_a_reason(officer: AsyncClient, engine: AsyncEngine, number: int):
    async with owner_unit_of_work(engine) as session:
        title = await make_recognition(session, number)
    address = f"/enterprises/{CODE}/recognitions/{title}/revoke"
    assert address in (await officer.get(f"/enterprises/{CODE}")).text
    wrong = await officer.post(address, data={"revoked_on": "2020-01-01", "reason": "处罚"})
    assert errors(wrong) == ["该认定自 2024-11-06 起有效，取消日 2020-01-01 在其前，请核对。"]
    assert errors(await officer.post(address, data={}))[0] == "请填写自哪一天起取消。"
    answer = await officer.post(address, data={"revoked_on": "2026-05-01", "reason": "处罚决定书 1 号"})
    assert answer.headers["location"] == f"/enterprises/{CODE}?done=revoked"
    assert await one(engine, "SELECT revoked_on FROM recognition WHERE superseded_at IS NULL") == date(2026, 5, 1)
    assert (await officer.get(address)).status_code == 404


async def test_a_title_of_another_enterprise_cannot_be_taken_away(officer: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        title = await make_recognition(session, await make_enterprise(session, region_code="321282"))
    answer = await officer.post(
        f"/enterprises/{CODE}/recognitions/{title}/revoke", data={"revoked_on": "2026-05-01", "reason": "处罚"}
    )
    assert answer.status_code == 404
    assert await one(engine, "SELECT count(*) FROM recognition WHERE revoked_on IS NOT NULL") == 0


# Who may

FORMS = ("edit", "filings/new", "recognitions/new")
POSTS = (("edit", IDENTITY), ("filings", FIGURE), ("recognitions", TITLE))


@pytest.mark.usefixtures("number")
async def test_a_viewer_sees_no_buttons_and_may_not_write(client_as: ClientAs):
    viewer = await client_as("viewer")
    page = (await viewer.get(f"/enterprises/{CODE}")).text
    assert f"/enterprises/{CODE}/edit" not in page
    assert "filings/new" not in page
    for form in FORMS:
        assert (await viewer.get(f"/enterprises/{CODE}/{form}")).status_code == 403
    for path, form in POSTS:
        assert (await viewer.post(f"/enterprises/{CODE}/{path}", data=form)).status_code == 403


@pytest.mark.usefixtures("number")
async def test_the_officer_of_another_district_finds_nothing_to_write_to(client_as: ClientAs, engine: AsyncEngine):
    other = await client_as("district_officer", "321202")
    for form in FORMS:
        assert (await other.get(f"/enterprises/{CODE}/{form}")).status_code == 404
    for path, form in POSTS:
        assert (await other.post(f"/enterprises/{CODE}/{path}", data=form)).status_code == 404
    assert await one(engine, "SELECT count(*) FROM filing") == 0


async def test_a_form_of_another_site_writes_nothing(officer: AsyncClient, engine: AsyncEngine):
    del officer.headers["X-CSRF-Token"]
    for path, form in POSTS:
        assert (await officer.post(f"/enterprises/{CODE}/{path}", data=form)).status_code == 403
    assert await one(engine, "SELECT count(*) FROM filing") == 0
