"""A column that nobody knows: an officer says once what it means, and the next time that is proposed."""

from typing import Any

import pytest
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import Read, make_workbook
from tests.backend.spreadsheets.importing import report_of, scalar
from tests.factories import make_code

TABLE: list[list[Any]] = [
    ["海陵区企业台账（2025年度）"],
    ["企业名称", "统一社会信用代码", "开票销售（万元）", "网格员"],
    ["泰州列名一号有限公司", make_code(), 12.5, "张三"],
]
INVOICED = "column:开票销售"


def proposal(page: Response) -> str:
    """What stands in the field for the column."""
    before = page.text.split(f'id="{INVOICED}"')[0]
    return before.rsplit('value="', 1)[1].split('"')[0]


async def say(client: AsyncClient, page: Response, **meanings: str) -> Response:
    answer = await client.post(f"{page.url.path}/columns", data=meanings)
    return await client.get(answer.headers["location"]) if answer.status_code == 303 else answer


def test_what_was_said_of_a_column_is_read_whatever_unit_and_year_its_title_has(read: Read) -> None:
    rows = [["企业名称", "2024年开票销售（元）", "2025年开票销售（万元）"], ["泰州列名一号有限公司", 20000, 3]]
    (row,) = read(rows, columns={"开票销售": "sales_revenue"}).rows
    assert [(one.indicator, one.year, float(str(one.value))) for one in row.figures] == [
        ("sales_revenue", 2024, 2), ("sales_revenue", 2025, 3),
    ]  # fmt: skip


async def test_said_once_the_column_is_imported_and_proposed_the_next_time(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("district_officer", "321202")
    page = await report_of(officer, make_workbook(TABLE))
    assert "没有识别的列，未导入：C 列“开票销售（万元）”、D 列“网格员”" in page.text
    assert proposal(page) == ""

    told = await say(officer, page, **{INVOICED: "销售收入", "column:网格员": "不导入"})
    assert "没有识别的列" not in told.text
    await officer.post(f"{page.url.path}/commit")
    async with owner_unit_of_work(engine) as work:
        assert await scalar(work, "SELECT sales_revenue FROM fact_yearly WHERE year = 2025") == 12_500_000

    again = await report_of(officer, make_workbook([*TABLE[:2], ["泰州列名二号有限公司", make_code(), 3, "李四"]]))
    assert proposal(again) == "销售收入"
    assert "按上次的选择带出，请核对" in again.text


async def test_a_choice_of_one_district_is_not_proposed_to_another_and_the_citys_is(client_as: ClientAs):
    hailing, gaogang = await client_as("district_officer", "321202"), await client_as("district_officer", "321203")
    await say(hailing, await report_of(hailing, make_workbook(TABLE)), **{INVOICED: "营业收入"})
    assert proposal(await report_of(gaogang, make_workbook(TABLE))) == ""
    city = await client_as("city_officer")
    await say(city, await report_of(city, make_workbook(TABLE)), **{INVOICED: "销售收入"})
    assert proposal(await report_of(gaogang, make_workbook(TABLE))) == "销售收入"
    assert proposal(await report_of(hailing, make_workbook(TABLE))) == "营业收入"


@pytest.mark.parametrize("meaning", ["随便什么"])
async def test_a_meaning_nobody_knows_is_refused_by_name(client_as: ClientAs, meaning: str):
    officer = await client_as("city_officer")
    answer = await say(officer, await report_of(officer, make_workbook(TABLE)), **{INVOICED: meaning})
    assert answer.status_code == 422
    assert "“开票销售（万元）”列填的含义“随便什么”不是目录中的指标" in answer.text
    # On the page that it was entered on, where it stands as it was entered.
    assert proposal(answer) == meaning
    assert 'aria-invalid="true"' in answer.text


async def test_whoever_chose_wrongly_says_it_anew_for_the_same_file(client_as: ClientAs, engine: AsyncEngine):
    officer = await client_as("city_officer")
    page = await report_of(officer, make_workbook(TABLE))
    wrong = await say(officer, page, **{INVOICED: "能准确归集研发费用"})
    assert "第 3 行“开票销售（万元）”填的是“12.5”" in wrong.text
    assert proposal(wrong) == "能准确归集研发费用"
    assert "按这个说明读的，可以改" in wrong.text
    await say(officer, wrong, **{INVOICED: "销售收入"})
    await officer.post(f"{page.url.path}/commit")
    async with owner_unit_of_work(engine) as work:
        assert await scalar(work, "SELECT sales_revenue FROM fact_yearly WHERE year = 2025") == 12_500_000


async def test_where_no_row_is_good_none_is_offered_to_be_imported(client_as: ClientAs):
    officer = await client_as("city_officer")
    page = await report_of(officer, make_workbook([TABLE[1], ["泰州列名一号有限公司", "91321200000000000X", 1, ""]]))
    assert "有 1 行有问题，尚未写入任何数据。可以改好后重新上传。" in page.text
    assert "/commit" not in page.text
