"""Looking at figures that disagree, and deciding, by page."""

import re

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise, make_filing

CODE, ELSEWHERE = make_code("321282"), make_code("321283")
FACT = f"/enterprises/{CODE}/facts/sales_revenue?year=2025"


@pytest.fixture(autouse=True)
async def disagreement(engine: AsyncEngine) -> None:
    """Two enterprises in two districts about whose sales tax and they themselves disagree; one figure is absurd."""
    async with owner_unit_of_work(engine) as session:
        for code, region in ((CODE, "321282"), (ELSEWHERE, "321283")):
            number = await make_enterprise(session, credit_code=code, region_code=region, name=f"企业{code}")
            await make_filing(session, number, {"sales_revenue": 1200, "rd_expense_hnte": 5000})
            await make_filing(session, number, {"sales_revenue": 9_000_000}, source="tax")


async def seen(client: AsyncClient) -> str:
    """The newest filing that the page of the fact shows."""
    found = re.search(r'name="seen" value="(\d+)"', (await client.get(FACT)).text)
    assert found
    return found[1]


async def decide(client: AsyncClient, **form: str):
    return await client.post(
        FACT, data={"choice": "self_declared", "reason": "看过审计报告", "seen": await seen(client)} | form
    )


async def filings(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT count(*) FROM filing"))).scalar_one()


async def test_the_list_shows_what_each_source_said_side_by_side(client_as: ClientAs):
    page = (await (await client_as("city_officer")).get("/conflicts")).text
    for expected in (f"企业{CODE}", f"企业{ELSEWHERE}", "9,000,000", "1,200", "税务", "企业自报", "疑似元、万元混用"):
        assert expected in page


async def test_a_district_sees_its_own_conflicts_only(client_as: ClientAs):
    page = (await (await client_as("district_officer", "321282")).get("/conflicts")).text
    assert f"企业{CODE}" in page
    assert f"企业{ELSEWHERE}" not in page


async def test_the_list_is_narrowed_by_indicator_size_and_region(client_as: ClientAs):
    officer = await client_as("city_officer")
    narrowed = {"subject=employee_total": False, "subject=sales_revenue&at_least=90": True, "region=321281": False}
    for query, shown in narrowed.items():
        assert (f"企业{CODE}" in (await officer.get(f"/conflicts?{query}")).text) is shown, query


async def test_what_does_not_fit_together_is_on_the_list_of_doubts(client_as: ClientAs):
    page = (await (await client_as("city_officer")).get(f"/enterprises/{CODE}/check")).text
    assert "来源不一" in page
    officer = await client_as("city_officer")
    await decide(officer)
    doubts = (await officer.get("/conflicts?view=flags")).text
    assert "高企研发费用大于销售收入" in doubts
    assert "5,000" in doubts


async def test_deciding_files_the_figure_and_clears_the_list(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("city_officer")
    before = await filings(engine)
    answer = await decide(officer)
    assert answer.status_code == 303, answer.text
    assert await filings(engine) == before + 1
    page = (await officer.get(answer.headers["location"])).text
    assert "已裁定" in page
    assert "取自<strong>人工确认</strong>" in page
    assert re.search(r"王敏 \d{4}-\d\d-\d\d \d\d:\d\d 认定，理由：看过审计报告", page)
    assert f"企业{CODE}" not in (await officer.get("/conflicts")).text


async def test_a_figure_that_no_source_gave_may_be_decided(client_as: ClientAs):
    officer = await client_as("city_officer")
    assert (await decide(officer, choice="other", value="1250.5")).status_code == 303
    assert "1,250.5" in (await officer.get(FACT)).text


#: What was typed, and what the page says about it.
INCOMPLETE: list[tuple[dict[str, str], str]] = [
    ({"reason": " "}, "请写明理由"),
    ({"choice": ""}, "请选择以哪个来源的数为准"),
    ({"choice": "other", "value": "约三千"}, "不是数字"),
    ({"choice": "other", "value": "-3"}, "不应小于 0"),
]


async def test_a_decision_that_lacks_something_is_not_saved_and_what_was_typed_stays(
    client_as: ClientAs, engine: AsyncEngine
):
    officer = await client_as("city_officer")
    before = await filings(engine)
    for form, told in INCOMPLETE:
        answer = await decide(officer, **form)
        assert (answer.status_code, told in answer.text) == (422, True), form
        assert form.get("value", "看过审计报告" if "reason" not in form else "") in answer.text
    assert await filings(engine) == before


async def test_the_second_of_two_who_decide_at_once_is_told_and_the_first_stays(
    client_as: ClientAs, engine: AsyncEngine
):
    first, second = await client_as("city_officer"), await client_as("district_officer", "321282")
    both_saw = await seen(first)
    assert (await decide(first, seen=both_saw)).status_code == 303
    before = await filings(engine)
    answer = await second.post(FACT, data={"choice": "tax", "reason": "以税务为准", "seen": both_saw})
    assert answer.status_code == 409
    assert "您的裁定没有保存" in answer.text
    assert "以税务为准" in answer.text
    assert await filings(engine) == before


async def test_a_flag_is_answered_with_a_reason(client_as: ClientAs):
    officer = await client_as("city_officer")
    await decide(officer)
    page = (await officer.get(f"/enterprises/{CODE}/check")).text
    noted = re.search(r'name="noted" value="([\d.]+)"', page)
    assert noted
    form = {"rule": "rd_hnte_within_sales", "indicator": "", "year": "2025", "noted": noted[1]}
    refused = await officer.post(f"/enterprises/{CODE}/flags", data=form | {"reason": " "})
    assert refused.status_code == 422
    answer = await officer.post(f"/enterprises/{CODE}/flags", data=form | {"reason": "初创期确属如此"})
    assert answer.status_code == 303
    assert "大于销售收入" not in (await officer.get(f"/enterprises/{CODE}/check")).text


async def test_a_viewer_looks_and_cannot_decide(client_as: ClientAs):
    viewer = await client_as("viewer")
    page = (await viewer.get(FACT)).text
    assert "历次填报" in page
    assert 'name="seen"' not in page
    assert (await viewer.post(FACT, data={"choice": "tax", "reason": "x", "seen": "1"})).status_code == 403


async def test_every_statement_about_a_fact_stands_in_its_history(client_as: ClientAs):
    page = (await (await client_as("viewer")).get(FACT)).text
    assert page.count("2026-04-15") >= 2
    assert "取数次序" in page


async def test_a_fact_that_nobody_reported_is_not_found(client_as: ClientAs):
    viewer = await client_as("viewer")
    for path in ("facts/no_such?year=2025", "facts/sales_revenue", "facts/sales_revenue?year=1999"):
        assert (await viewer.get(f"/enterprises/{CODE}/{path}")).status_code == 404, path


async def test_a_decision_that_waits_for_another_person_is_shown_and_not_asked_twice(app: FastAPI, client_as: ClientAs):
    app.state.settings = Settings(four_eyes=True)
    first, second = await client_as("city_officer"), await client_as("city_officer")
    answer = await decide(first)
    assert "已提交裁定" in (await first.get(answer.headers["location"])).text
    page = (await second.get(FACT)).text
    assert "以 1,200 万元 为准”，理由：看过审计报告" in page
    again = await decide(second)
    assert (again.status_code, "不用重复提交" in again.text) == (409, True)
    assert "看过审计报告</textarea>" in again.text
