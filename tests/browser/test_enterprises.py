"""The list of enterprises: finding, narrowing, taking away."""

from io import BytesIO

import pytest
from playwright.async_api import Page, expect
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.browser.conftest import PageAs
from tests.browser.reading import listed_total

pytestmark = pytest.mark.browser


async def _one(engine: AsyncEngine, condition: str = "true") -> dict[str, str]:
    """Name, code and search text of some enterprise of the demo."""
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text(f"SELECT name, credit_code, search_text FROM enterprise e WHERE {condition} ORDER BY id LIMIT 1")
        )
        return dict(found.mappings().one())


async def _search(page: Page, words: str) -> None:
    await page.goto("/enterprises")
    await page.get_by_label("查找", exact=True).fill(words)
    async with page.expect_response(lambda answer: "/enterprises?" in answer.url):
        await page.get_by_role("main").get_by_role("button", name="查找").click()


async def test_an_enterprise_is_found_by_its_pinyin_initials(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    one = await _one(demo_engine)
    page = await page_as("shi")
    await _search(page, one["search_text"].split()[-1][2:8])
    await expect(page.locator("#results").get_by_role("link", name=one["name"])).to_be_visible()


async def test_an_enterprise_is_found_by_its_former_name_and_shown_with_the_new_one(
    page_as: PageAs, demo_engine: AsyncEngine
) -> None:
    async with owner_unit_of_work(demo_engine) as work:
        found = await work.execute(
            text(
                "SELECT n.name, e.name FROM enterprise_name n JOIN enterprise e ON e.id = n.enterprise_id WHERE n.name <> e.name LIMIT 1"
            )
        )
        former, now = found.one()
    page = await page_as("shi")
    await _search(page, former)
    await expect(page.locator("#results").get_by_role("link", name=now)).to_be_visible()


async def test_a_code_in_lower_case_finds_its_enterprise_alone(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    one = await _one(demo_engine)
    page = await page_as("shi")
    await _search(page, one["credit_code"].lower())
    assert await listed_total(page) == 1


async def test_choosing_a_filter_narrows_the_list_without_a_click(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/enterprises")
    everybody = await listed_total(page)
    async with page.expect_response(lambda answer: "region=321282" in answer.url):
        await page.locator(".filters").get_by_label("市（区）").select_option("321282")
    await expect(page.locator("#results tbody tr").first).to_contain_text("靖江市")
    assert 0 < await listed_total(page) < everybody
    assert "region=321282" in page.url


async def test_the_export_holds_as_many_enterprises_as_the_list_says(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/enterprises?rung=high_tech&sort=rung")
    number = await listed_total(page)
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="导出当前名单").click()
    download = await waiting.value
    assert download.suggested_filename.endswith(".xlsx")
    content = (await download.path()).read_bytes()
    sheet = CalamineWorkbook.from_filelike(BytesIO(content)).get_sheet_by_index(0)
    codes = [
        cell for row in sheet.to_python() for cell in row if isinstance(cell, str) and len(cell) == 18 and "DEM" in cell
    ]
    assert len(codes) == number > 0


async def test_a_search_that_finds_nothing_says_how_to_go_on(page_as: PageAs) -> None:
    page = await page_as("shi")
    await _search(page, "没有这样的名字")
    await expect(page.get_by_text("没有找到企业")).to_be_visible()
    await expect(page.get_by_role("link", name="清除条件")).to_be_visible()


async def test_a_list_is_worked_through_by_keyboard(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/enterprises?region=321282")
    for key in ("j", "j", "x", "k"):
        await page.keyboard.press(key)
    await expect(page.locator("#results tbody tr").nth(0)).to_have_class("is-at")
    await expect(page.locator("#results tbody tr").nth(1).get_by_role("checkbox")).to_be_checked()
    name = await page.locator("#results tbody tr").nth(0).get_by_role("link").inner_text()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)


async def test_letters_typed_into_a_field_do_nothing_else(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/enterprises")
    await page.keyboard.press("/")
    await page.keyboard.type("jxn")
    await expect(page.get_by_label("查找", exact=True)).to_have_value("jxn")
    assert await page.locator("tr.is-at").count() == 0


async def test_a_view_saved_after_filtering_is_the_list_that_is_shown(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/enterprises")
    async with page.expect_response(lambda answer: "rung=srdi" in answer.url):
        await page.locator(".filters").get_by_label("梯级").select_option("srdi")
    await expect(page.locator("#views input[name=query]")).to_have_value("rung=srdi&sort=name")
    number = await listed_total(page)
    await page.get_by_text("保存视图").click()
    await page.get_by_label("视图名称").fill("专精特新全部")
    await page.locator("#views").get_by_role("button", name="保存").click()
    await page.goto("/enterprises")
    await page.get_by_role("link", name="专精特新全部").click()
    await expect(page.locator(".filters").get_by_label("梯级")).to_have_value("srdi")
    assert await listed_total(page) == number
