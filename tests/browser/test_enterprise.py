"""The file of one enterprise: what the law says of it, and why."""

import re

import pytest
from playwright.async_api import expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.browser.conftest import PageAs

pytestmark = pytest.mark.browser


async def _code(engine: AsyncEngine, condition: str) -> str:
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text(
                "SELECT e.credit_code FROM enterprise e JOIN eligibility x ON x.enterprise_id = e.id AND x.programme = 'hnte'"
                f" WHERE {condition} ORDER BY e.id LIMIT 1"
            )
        )
        return str(found.scalar_one())


async def test_a_failed_criterion_shows_figure_threshold_gap_and_article(
    page_as: PageAs, demo_engine: AsyncEngine
) -> None:
    code = await _code(demo_engine, "'H4' = ANY(x.failed)")
    page = await page_as("shi")
    await page.goto(f"/enterprises/{code}?programme=hnte")
    row = page.locator("#explanation tr.depth-0").filter(has_text="科技人员")
    cells = row.locator("td")
    await expect(cells.nth(1)).to_contain_text("不符合")
    await expect(cells.nth(2)).to_have_text(re.compile(r"[\d.]+ %"))
    await expect(cells.nth(3)).to_have_text(re.compile(r"≥ 10 %"))
    await expect(cells.nth(4)).to_have_text(re.compile(r"[\d.]+"))
    await expect(cells.nth(5)).to_contain_text("第十一条（四）")


async def test_each_fact_that_was_used_is_shown_with_its_source(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    code = await _code(demo_engine, "x.outcome = 'ineligible' AND 'H5' = ANY(x.failed)")
    page = await page_as("shi")
    await page.goto(f"/enterprises/{code}?programme=hnte")
    await expect(page.locator("#explanation")).to_contain_text(re.compile(r"年）：[\d,.]+ 万元（(税务|企业)"))


async def test_an_open_answer_names_the_missing_facts(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    code = await _code(demo_engine, "x.outcome = 'undetermined' AND cardinality(x.missing) > 0")
    page = await page_as("shi")
    await page.goto(f"/enterprises/{code}?programme=hnte")
    await expect(page.locator("#explanation .missing").first).to_have_text("缺")


async def test_a_past_day_shows_the_file_as_of_that_day(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    code = await _code(demo_engine, "true")
    page = await page_as("shi")
    await page.goto(f"/enterprises/{code}")
    await page.get_by_label("截至日").fill("2025-06-30")
    await page.get_by_role("button", name="按此查看").click()
    await expect(page.locator(".page-head")).to_contain_text("2025-06-30")


async def test_the_charts_are_drawn(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    code = await _code(demo_engine, "e.established_on < '2015-01-01'")
    page = await page_as("shi")
    await page.goto(f"/enterprises/{code}")
    await page.locator(".grid-charts").scroll_into_view_if_needed()
    await expect(page.locator(".grid-charts svg, .grid-charts canvas").first).to_be_visible()
