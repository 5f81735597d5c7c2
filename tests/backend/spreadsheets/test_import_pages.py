"""The pages of imports: hand in, look at the report a page at a time, carry out, hand the bad rows back."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.spreadsheets.workbook import open_workbook
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, report_of, scalar
from tests.factories import make_code

HEAD = ["企业名称", "统一社会信用代码", "成立日期", "所在地区"]


def rows(good: int, bad: int = 0) -> list[list[Any]]:
    wrong = [[f"泰州错误{number}号有限公司", make_code(), "2024.13.1", "海陵区"] for number in range(bad)]
    right = [[f"泰州导入{number}号有限公司", make_code(), "2019-03-04", "海陵区"] for number in range(good)]
    return [HEAD, *wrong, *right]


@pytest.fixture
async def city(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def enterprises(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        return await scalar(work, "SELECT count(*) FROM enterprise")


async def test_handing_in_writes_nothing_but_the_report(city: AsyncClient, engine: AsyncEngine):
    page = await report_of(city, make_workbook(rows(2)))
    assert "全部行都没有问题，尚未写入" in page.text
    assert await enterprises(engine) == 0


async def test_carrying_out_writes_all_rows_once(city: AsyncClient, engine: AsyncEngine):
    answer = await hand_in(city, make_workbook(rows(3)))
    place = answer.headers["location"]
    assert (await city.post(f"{place}/commit")).headers["location"] == place
    assert "已全部导入" in (await city.get(place)).text
    again = await city.post(f"{place}/commit")
    assert again.status_code == 409
    assert "已经导入过" in again.text
    assert await enterprises(engine) == 3


async def test_a_wrong_row_keeps_all_out_unless_the_good_ones_are_wanted(city: AsyncClient, engine: AsyncEngine):
    place = (await hand_in(city, make_workbook(rows(2, bad=1)))).headers["location"]
    refused = await city.post(f"{place}/commit")
    assert refused.status_code == 422
    assert "有 1 行有问题，本次未写入任何数据" in refused.text
    assert await enterprises(engine) == 0
    await city.post(f"{place}/commit", data={"good_rows_only": "yes"})
    assert await enterprises(engine) == 2
    assert "有问题的 1 行没有写入" in (await city.get(place)).text


async def test_the_report_shows_a_hundred_rows_a_page(city: AsyncClient):
    place = (await hand_in(city, make_workbook(rows(150)))).headers["location"]
    first, second = await city.get(place), await city.get(f"{place}?page=2")
    assert first.text.count("泰州导入") == 100
    assert second.text.count("泰州导入") == 50
    assert "共 150 行，第 2 / 2 页" in second.text


async def test_the_report_can_be_narrowed_to_a_fate_and_to_a_kind_of_problem(city: AsyncClient):
    table = [*rows(2, bad=2), ["泰州没有代码有限公司", "", "2019-03-04", "海陵区"]]
    place = (await hand_in(city, make_workbook(table))).headers["location"]
    refused = await city.get(f"{place}?fate=refused")
    assert "泰州导入" not in refused.text
    assert "共 3 行" in refused.text
    kinds = await city.get(f"{place}?problem=0")
    assert "“成立日期”没有 … 月" in kinds.text
    assert kinds.text.count("泰州错误") == 2
    assert "泰州没有代码有限公司" not in kinds.text


async def test_the_bad_rows_come_back_as_shown_even_after_the_good_ones_went_in(city: AsyncClient):
    place = (await hand_in(city, make_workbook(rows(1, bad=1)))).headers["location"]
    await city.post(f"{place}/commit", data={"good_rows_only": "yes"})
    answer = await city.get(f"{place}/problems")
    sheet = open_workbook(answer.content).sheets[0]
    assert [row[0] for row in sheet.rows] == ["企业名称", "泰州错误0号有限公司"]
    assert "没有 13 月" in str(sheet.rows[1][-1])


async def test_an_import_of_one_district_is_not_there_for_another(client_as: ClientAs):
    hailing, gaogang = await client_as("district_officer", "321202"), await client_as("district_officer", "321203")
    place = (await hand_in(hailing, make_workbook(rows(1)))).headers["location"]
    assert (await hailing.get(place)).status_code == 200
    assert (await gaogang.get(place)).status_code == 404
    assert (await gaogang.get(f"{place}/problems")).status_code == 404
    assert (await gaogang.post(f"{place}/commit")).status_code == 404
