"""The list of enterprises as a page, as a workbook and as JSON; each district sees its own."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.enterprises.columns import chosen_columns
from backend.enterprises.export import enterprises_workbook
from backend.enterprises.labels import Names
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

CODE, OTHER = make_code("321282"), make_code("321202")
FORMULA = "=1+2有限公司"


@pytest.fixture
async def city(engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(
            session, name="靖江云岚机械有限公司", credit_code=CODE, region_code="321282", industry_code="3484",
            established_on=date(2010, 5, 1), is_above_scale=True, park="靖江高新区",
        )  # fmt: skip
        await make_recognition(session, number, "hnte", date(2025, 11, 6))
        await make_filing(session, number)
        other = await make_enterprise(session, name="海陵星澜科技有限公司", credit_code=OTHER, region_code="321202")
        await make_recognition(session, other, "srdi_sme", date(2025, 12, 19))
        await make_enterprise(session, name=FORMULA, credit_code=None, region_code="321202")
    return await client_as("city_officer")


@pytest.fixture
async def jingjiang(city: AsyncClient, client_as: ClientAs) -> AsyncClient:
    return await client_as("district_officer", "321282")


async def sheet(client: AsyncClient, query: str = "") -> list[list[Any]]:
    answer = await client.get(f"/enterprises/export{query}")
    assert answer.status_code == 200
    return CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()


async def test_the_list_shows_rung_titles_and_region(city: AsyncClient):
    page = (await city.get("/enterprises?q=云岚")).text
    for shown in ("靖江云岚机械有限公司", CODE, "高新技术企业", "靖江市", "靖江高新区", "2010-05-01", "共 1 家企业"):
        assert shown in page


async def test_a_list_of_nobody_says_what_to_do(city: AsyncClient):
    assert "没有找到企业" in (await city.get("/enterprises?q=没有这样的企业")).text


@pytest.mark.parametrize(
    "query",
    ["page=abc", "page=-1", "page=99999999999", "page=٣", "sort=height", "rung=throne", "outcome=x"],
)
async def test_a_query_that_is_not_understood_is_no_error(city: AsyncClient, query: str):
    assert (await city.get(f"/enterprises?{query}")).status_code == 200


@pytest.mark.parametrize(
    ("industry", "total"), [("C", 1), ("34", 1), ("C34", 1), ("C3484", 1), ("c348", 1), ("3485", 0)]
)
async def test_an_industry_is_asked_for_as_the_standard_writes_it(city: AsyncClient, industry: str, total: int):
    assert (await city.get(f"/api/v1/enterprises?industry={industry}")).json()["total"] == total


@pytest.mark.parametrize(
    ("industry", "told"), [("A3484", "请改为“C3484”"), ("98", "没有大类“98”"), ("机械", "国民经济行业代码")]
)
async def test_what_is_no_industry_is_refused_and_not_an_empty_list(city: AsyncClient, industry: str, told: str):
    answer = await city.get(f"/api/v1/enterprises?industry={industry}")
    assert (answer.status_code, told in answer.json()["detail"]) == (422, True)


async def test_the_form_names_the_industry_that_narrows_its_list(city: AsyncClient):
    page = (await city.get("/enterprises?industry=C34")).text
    assert '<option value="C34" selected>C34 通用设备制造业</option>' in page


async def test_htmx_gets_the_results_only(city: AsyncClient):
    piece = (await city.get("/enterprises?q=云岚", headers={"HX-Request": "true"})).text
    assert "靖江云岚机械有限公司" in piece
    assert "<html" not in piece


async def test_what_a_name_holds_is_text_on_the_page(city: AsyncClient, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, name="<script>alert(1)</script>有限公司")
    page = (await city.get("/enterprises?q=alert")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_a_filter_stays_in_the_links_to_export_and_pages(city: AsyncClient):
    assert (
        'href="/enterprises/export?q=%E4%BA%91%E5%B2%9A&amp;rung=high_tech"'
        in (await city.get("/enterprises?q=云岚&rung=high_tech&page=1")).text
    )


async def test_the_list_of_a_past_day_says_so(city: AsyncClient):
    page = (await city.get("/enterprises?q=云岚&on=2025-11-05")).text
    assert "截至 2025年11月5日" in page
    assert "高新技术企业</td>" not in page


async def test_the_workbook_holds_what_the_list_shows(city: AsyncClient):
    head, row = await sheet(city, "?rung=high_tech")
    assert head[:3] == ["统一社会信用代码", "企业名称", "市（区）"]
    assert row[:2] == [CODE, "靖江云岚机械有限公司"]
    assert row[2] == "靖江市"
    assert row[6] == date(2010, 5, 1)
    assert row[7:] == ["是", "国家高新技术企业"]


async def test_a_formula_in_a_name_stays_text_in_the_workbook(city: AsyncClient):
    rows = await sheet(city)
    assert [row[1] for row in rows if str(row[1]).startswith("=")] == [FORMULA]
    content = (await city.get("/enterprises/export")).content
    book = CalamineWorkbook.from_filelike(BytesIO(content))
    assert book.get_sheet_by_index(0).to_python()[1:] != []
    assert b"<f>" not in _unzipped(content)


def _unzipped(content: bytes) -> bytes:
    from zipfile import ZipFile

    with ZipFile(BytesIO(content)) as archive:
        return b"".join(archive.read(name) for name in archive.namelist() if name.startswith("xl/worksheets/sheet"))


async def test_the_workbook_is_saved_under_a_chinese_name(city: AsyncClient):
    answer = await city.get("/enterprises/export?on=2026-03-31")
    assert "%E4%BC%81%E4%B8%9A%E5%90%8D%E5%8D%95-20260331.xlsx" in answer.headers["content-disposition"]


def test_an_empty_list_makes_a_workbook_too():
    content = enterprises_workbook([], chosen_columns([]), Names(library()), date(2026, 6, 30))
    assert len(CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0).to_python()) == 1


# Districts


async def test_a_district_officer_sees_the_own_district_on_every_page(jingjiang: AsyncClient):
    for path in (
        "/",
        "/enterprises",
        "/enterprises?region=321202",
        "/recognitions?view=in_force",
        "/api/v1/enterprises",
    ):
        answer = await jingjiang.get(path)
        assert answer.status_code == 200
        assert "海陵星澜科技有限公司" not in answer.text, path


@pytest.mark.parametrize("path", ["/enterprises/{}", "/api/v1/enterprises/{}", "/enterprises/{}?on=2026-01-01"])
async def test_an_enterprise_of_another_district_is_not_to_be_found(jingjiang: AsyncClient, path: str):
    assert (await jingjiang.get(path.format(CODE))).status_code == 200
    assert (await jingjiang.get(path.format(OTHER))).status_code == 404


async def test_a_district_officers_workbook_has_the_own_district_only(jingjiang: AsyncClient):
    assert [row[1] for row in (await sheet(jingjiang))[1:]] == ["靖江云岚机械有限公司"]


async def test_a_district_officer_may_choose_the_own_region_only(jingjiang: AsyncClient):
    page = (await jingjiang.get("/enterprises")).text
    assert '<option value="321282"' in page
    assert '<option value="321202"' not in page


@pytest.mark.parametrize("path", ["/", "/enterprises", "/enterprises/export", f"/enterprises/{CODE}", "/recognitions"])
async def test_who_is_not_signed_in_is_asked_to(browser: AsyncClient, path: str):
    answer = await browser.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


# JSON


async def test_the_api_lists_what_the_page_lists(city: AsyncClient):
    found = (await city.get("/api/v1/enterprises?q=云岚")).json()
    assert (found["total"], found["page"], found["pages"]) == (1, 1, 1)
    (row,) = found["enterprises"]
    assert (row["credit_code"], row["rung"], row["titles"], row["established_on"]) == (
        CODE,
        "high_tech",
        ["hnte"],
        "2010-05-01",
    )


async def test_the_api_lists_a_past_day(city: AsyncClient):
    found = (await city.get("/api/v1/enterprises?q=云岚&on=2025-11-05")).json()
    assert (found["enterprises"][0]["rung"], found["enterprises"][0]["titles"]) == ("", [])


async def test_the_api_refuses_a_day_that_is_none(city: AsyncClient):
    answer = await city.get("/api/v1/enterprises?on=2026-02-30")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
