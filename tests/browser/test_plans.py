"""Plans in a browser: from a number down to the enterprises, and a figure on its way in."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.barriers import barriers_on, overflows_on
from tests.browser.conftest import PageAs
from tests.browser.reading import follow, listed_total, number_in
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser

PAGES = (
    "/plans", "/plans/P004", "/plans/P000/bulletin", "/plans/P000/targets/T000-03", "/plans/P000/targets/T000-07",
    "/plans/P000/targets/T000-18", "/plans/P000/targets/T000-19", "/plans/P000/targets/T000-01/forecast",
    "/plans/P000/targets/T000-18/figures/new", "/screen?plan=P000", "/compare", "/registers/institutions",
    "/plans/P000/targets/T000-01/breakdown?year=2027", "/plans/P000/targets/T000-01/shortfall", "/plans/P002/edit", "/zones",
    "/plans/P004/tasks",
)  # fmt: skip


async def value_of(page: Page, target: str) -> int:
    """The value that a plan's page shows for a target."""
    return number_in(await page.locator(f"#{target} [data-label=现值] a").inner_text())


@pytest.mark.parametrize("target", ["T000-01", "T000-02", "T000-03"])
async def test_a_number_leads_to_a_list_of_that_length(page_as: PageAs, target: str) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P000?on=2026-03-31")
    number = await value_of(page, target)
    assert number > 0
    await follow(page, page.locator(f"#{target} [data-label=现值] a"))
    assert await listed_total(page) == number


async def test_a_district_of_the_table_leads_to_the_list_of_that_district(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P000?on=2026-03-31")
    cell = page.locator("#districts tbody tr").first.locator("td a").first
    number = number_in(await cell.inner_text())
    await follow(page, cell)
    assert "region=" in page.url
    assert await listed_total(page) == number


async def test_a_placeholder_has_no_bar_and_no_share(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P000/targets/T000-04")
    await expect(page.get_by_role("main")).to_contain_text("未设目标")
    assert await page.locator(".progress-line").count() == 0


async def test_a_figure_is_reported_and_corrected_without_scripts(page_as: PageAs) -> None:
    page = await page_as("shi", scripts=False)
    await page.goto("/plans/P000/targets/T000-21")
    await page.get_by_role("main").get_by_role("link", name="填报数据").first.click()
    await _report(page, "880")
    await expect(page.locator("#reported")).to_contain_text("880")
    await page.goto("/plans/P000/targets/T000-21/figures/new")
    await _report(page, "885")
    await expect(page.locator(".error-summary")).to_contain_text("已经填报")
    await page.get_by_label("这是修订").check()
    await page.get_by_role("button", name="保存").click()
    await expect(page.locator("#reported s")).to_contain_text("880")


async def _report(page: Page, value: str) -> None:
    await page.get_by_label("数值").fill(value)
    await page.get_by_label("数据来源").fill("市人民银行")
    await page.get_by_role("button", name="保存").click()


async def test_a_note_is_sent_once_while_the_service_is_slow_to_answer(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P004/tasks/P004-01")
    sent: list[str] = []

    async def slowly(route: Route) -> None:
        sent.append(route.request.method)
        await asyncio.sleep(0.6)
        await route.continue_()

    await page.route("**/tasks/P004-01", slowly)
    await page.get_by_label("进展").fill("连点两下的进展")
    async with page.expect_navigation():
        await page.get_by_role("button", name="保存").evaluate(
            "button => { button.click(); setTimeout(() => button.click(), 200); }"
        )
    assert sent.count("POST") == 1
    await expect(page.get_by_role("main")).to_contain_text("连点两下的进展")


async def test_a_viewer_is_not_offered_to_report(page_as: PageAs) -> None:
    page = await page_as("lingdao")
    await page.goto("/plans/P000/targets/T000-21")
    assert await page.get_by_role("link", name="填报数据").count() == 0


async def test_the_chart_of_a_target_is_drawn(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P000/targets/T000-01")
    await expect(page.locator("figure.chart canvas").first).to_be_visible()


async def test_the_bulletin_comes_as_word(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/plans/P000/bulletin")
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="Word").click()
    assert (await coming.value).suggested_filename.endswith(".docx")


async def test_no_page_complains_is_wider_than_the_screen_or_has_a_serious_barrier(page_as: PageAs) -> None:
    page = await page_as("shi")
    faults: list[str] = []
    for number, path in enumerate(PAGES):
        await page.goto(path)
        faults += [f"{path}: {fault}" for fault in await overflows_on(page)]
        # Every other page: axe takes longest of all, and what they are made of is the same.
        if number % 2 == 0:
            faults += [f"{path}: {fault}" for fault in await barriers_on(page)]
    assert faults == []
    assert complaints_of(page) == []


async def test_a_printed_bulletin_loses_no_column(page_as: PageAs) -> None:
    # A4 across less its margins, in CSS pixels.
    page = await page_as("shi", width=1047)
    await page.goto("/plans/P000/bulletin")
    await page.emulate_media(media="print")
    tables = page.locator(".table-wrap")
    assert await tables.count() > 5
    widths = await tables.evaluate_all("found => found.map(one => one.scrollWidth - one.clientWidth)")
    assert max(widths) <= 1
    assert b"/MediaBox [0 0 841" in await page.pdf(prefer_css_page_size=True)
