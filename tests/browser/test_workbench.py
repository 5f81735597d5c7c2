"""The first page: every number on it leads to what it counts."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PageAs
from tests.browser.reading import follow, listed_total, number_in

pytestmark = pytest.mark.browser


async def _steps(page: Page) -> dict[str, int]:
    """Address of the list and number, for each step of the ladder."""
    steps: dict[str, int] = {}
    for step in await page.locator(".ladder a").all():
        href = await step.get_attribute("href")
        assert href
        steps[href] = number_in(await step.locator(".ladder-count").inner_text())
    return steps


@pytest.mark.parametrize("login", ["shi", "jingjiang"])
async def test_each_step_of_the_ladder_opens_a_list_of_exactly_that_many(page_as: PageAs, login: str) -> None:
    page = await page_as(login)
    await page.goto("/")
    steps = await _steps(page)
    assert sum(steps.values()) > 10
    for href, number in steps.items():
        await page.goto(href)
        assert await listed_total(page) == number, href


async def test_the_ladder_is_climbed_by_clicking_its_number(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/")
    step = page.locator(".ladder a").filter(has_text="高新技术企业")
    number = number_in(await step.locator(".ladder-count").inner_text())
    await follow(page, step)
    await expect(page.get_by_role("heading", level=1)).to_have_text("企业")
    assert await listed_total(page) == number


async def test_it_says_which_certificates_end_and_which_facts_are_missing_most(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/")
    for heading in ("180 天内到期的认定", "新近符合条件", "最常缺的数据"):
        card = page.locator("section.card").filter(has=page.get_by_role("heading", name=heading))
        await expect(card.locator("tbody tr, ol li").first).to_be_visible()


async def test_a_certificate_about_to_end_leads_to_its_enterprise(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/")
    card = page.locator("section.card").filter(has=page.get_by_role("heading", name="180 天内到期的认定"))
    link = card.locator("tbody a").first
    name = await link.inner_text()
    await link.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
