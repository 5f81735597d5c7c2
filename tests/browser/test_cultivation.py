"""The pool in a browser: an officer's way from a proposal to the service file, and the sheet to take along."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PageAs
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser
_FILL = """() => {
  for (const list of document.querySelectorAll(".sheet ul")) while (list.children.length < 4) list.append(document.createElement("li"));
  for (const line of document.querySelectorAll(".sheet li, .sheet .two-lines")) line.textContent = "很长的一句话，".repeat(60);
}"""


async def test_an_officer_takes_a_candidate_in_moves_it_on_and_plans_what_is_missing(page_as: PageAs) -> None:
    page = await page_as("jingjiang")
    await page.goto("/pool/candidates?programme=innovative_sme&nearness=ready")
    row = page.locator("tbody tr").first
    name = await row.get_by_role("link").inner_text()
    await row.get_by_role("checkbox").check()
    await page.get_by_role("button", name="勾选的企业入库").click()
    stage = page.locator(".board-stage").filter(has=page.get_by_role("heading", name="发现"))
    await expect(stage.get_by_role("link", name=name)).to_be_visible()
    await page.goto("/pool?programme=innovative_sme&view=list")
    await page.get_by_role("checkbox", name=f"选择{name}").check()
    await page.get_by_label("做什么").select_option("cultivated")
    await page.get_by_role("button", name="执行").click()
    await expect(page.get_by_role("status")).to_contain_text("已处理 1 家")
    await page.goto("/pool/moves?programme=innovative_sme")
    await expect(page.get_by_role("row", name=name).first).to_contain_text("发现 → 培育")
    await page.get_by_role("link", name=name).first.click()
    await page.get_by_role("link", name="拟订培育计划").click()
    await page.get_by_label("目标项目").select_option("little_giant")
    await page.get_by_role("button", name="按此拟订").click()
    await page.get_by_role("button", name="列入培育计划").click()
    await expect(page.get_by_role("status")).to_contain_text("已列入培育计划")
    assert complaints_of(page) == []


async def test_the_printout_is_one_sheet(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/pool?programme=hnte")
    await page.locator(".board-stage article a").first.click()
    await page.get_by_role("link", name="走访单").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("走访单")
    # However much there is to say: every list is full, and every line as long as can be.
    await page.evaluate(_FILL)
    sheet = await page.pdf(prefer_css_page_size=True)
    assert sheet.count(b"/Type /Page") - sheet.count(b"/Type /Pages") == 1
    await page.emulate_media(media="print")
    notes = await page.locator(".sheet-notes").bounding_box()
    assert notes is not None
    assert notes["height"] > 80


async def test_on_a_telephone_the_stages_stand_one_under_the_other(page_as: PageAs) -> None:
    page = await page_as("shi", width=390)
    await page.goto("/pool?programme=hnte")
    boxes = [await stage.bounding_box() for stage in await page.locator(".board-stage").all()]
    assert len(boxes) == 5
    assert len({round(box["x"]) for box in boxes if box}) == 1
    await page.goto("/conflicts")
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
