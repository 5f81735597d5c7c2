"""A district's officer sees and changes the own district only, whichever way it is tried."""

import pytest
from playwright.async_api import expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.browser.conftest import PageAs
from tests.browser.reading import listed_total

pytestmark = pytest.mark.browser

JINGJIANG, TAIXING = "321282", "321283"


async def _one_in(engine: AsyncEngine, region: str) -> tuple[str, str]:
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text("SELECT credit_code, name FROM enterprise WHERE region_code = :region ORDER BY id LIMIT 1"),
            {"region": region},
        )
        code, name = found.one()
    return code, name


async def test_the_address_of_another_districts_enterprise_leads_nowhere(
    page_as: PageAs, demo_engine: AsyncEngine
) -> None:
    code, name = await _one_in(demo_engine, TAIXING)
    page = await page_as("jingjiang")
    answer = await page.goto(f"/enterprises/{code}")
    assert answer is not None and answer.status == 404
    await expect(page.get_by_text(name)).to_have_count(0)


async def test_searching_for_another_districts_enterprise_finds_nothing(
    page_as: PageAs, demo_engine: AsyncEngine
) -> None:
    _, name = await _one_in(demo_engine, TAIXING)
    page = await page_as("jingjiang")
    await page.goto(f"/enterprises?q={name}")
    assert await listed_total(page) == 0


async def test_asking_for_another_district_in_the_address_gives_nothing(page_as: PageAs) -> None:
    page = await page_as("jingjiang")
    await page.goto(f"/enterprises?region={TAIXING}")
    assert await listed_total(page) == 0


async def test_the_own_district_is_all_there(page_as: PageAs, demo_engine: AsyncEngine) -> None:
    async with owner_unit_of_work(demo_engine) as work:
        there = await work.scalar(
            text("SELECT count(*) FROM enterprise WHERE region_code = :region"), {"region": JINGJIANG}
        )
    page = await page_as("jingjiang")
    await page.goto("/enterprises")
    assert await listed_total(page) == there


@pytest.mark.parametrize("path", ["/people", "/imports"])
async def test_a_viewer_is_not_offered_what_a_viewer_may_not_do(page_as: PageAs, path: str) -> None:
    page = await page_as("lingdao")
    await page.goto("/")
    await expect(page.get_by_role("navigation", name="主导航").locator(f'a[href="{path}"]')).to_have_count(0)
    answer = await page.goto(path)
    assert answer is not None and answer.status == 403
