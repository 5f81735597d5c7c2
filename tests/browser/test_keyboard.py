"""An officer's day by keyboard alone: everything is come to by Tab, seen when it has the focus, and worked by keys."""

import pytest
from playwright.async_api import expect

from backend.demo.cli import DEMO_PASSWORD
from tests.browser.conftest import PageAs
from tests.browser.keyboard import focused, press_and_follow, skip_to_content, tab_to, write
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser
PAPER = {"name": "走访合同.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n1 0 obj\n%%EOF"}


async def test_a_visit_is_prepared_written_down_and_followed_up_without_a_mouse(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/login")
    await expect(page.get_by_label("用户名")).to_be_focused()
    await page.keyboard.type("jingjiang")
    await write(page, "口令", DEMO_PASSWORD)
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, "看全部和理由")
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, "记走访")
    await press_and_follow(page)
    # The form stands open, and one is in it.
    await expect(page.locator("#visit-visited_on")).to_be_focused()
    await write(page, "谈了什么", "核对了研发费用辅助账")
    await tab_to(page, "记下")
    await press_and_follow(page)
    # The focus is where the visit stands now; what is near is come to from there, before or after.
    await expect(page.locator("#visits")).to_be_focused()
    await tab_to(page, "登记需求或问题", "Shift+Tab")
    await page.keyboard.press("Enter")
    await write(page, "责任单位", "人才科")
    await write(page, "内容", "缺高级工程师")
    await tab_to(page, "登记")
    await press_and_follow(page)
    await expect(page.locator("#actions")).to_be_focused()
    await tab_to(page, "办理：缺高级工程师")
    await page.keyboard.press("Enter")
    await write(page, "答复", "已对接人才中心")
    await press_and_follow(page)
    await expect(page.locator("#actions")).to_be_focused()
    await expect(page.locator("#actions")).to_contain_text("答复：已对接人才中心")
    await tab_to(page, "拟订培育计划", "Shift+Tab")
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, "目标项目")
    await page.keyboard.type("专精特新“小巨人”")
    await tab_to(page, "按此拟订")
    await press_and_follow(page)
    await tab_to(page, "列入培育计划")
    await press_and_follow(page)
    await expect(page.locator("#plan")).to_be_focused()
    await expect(page.locator("#plan")).to_contain_text("已列入培育计划")
    await tab_to(page, "上传、查看")
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, "文件")
    # What the system's own dialog for files does.
    await page.locator(":focus").set_input_files(PAPER)  # type: ignore[arg-type]
    await tab_to(page, "上传")
    await press_and_follow(page)
    await tab_to(page, "服务档案")
    await press_and_follow(page)
    await tab_to(page, "走访单")
    await press_and_follow(page)
    await tab_to(page, "打印")
    await tab_to(page, "回服务档案", "Shift+Tab")
    await press_and_follow(page)
    await tab_to(page, "退出")
    await press_and_follow(page)
    await expect(page.get_by_label("用户名")).to_be_focused()
    assert complaints_of(page) == []


async def test_a_card_is_moved_on_the_board_and_a_refusal_is_come_to_without_a_mouse(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/pool?programme=hnte")
    await skip_to_content(page)
    await tab_to(page, "移动")
    name = (await focused(page)).removeprefix("移动")
    card = page.get_by_role("article", name=name)
    await page.keyboard.press("Enter")
    await tab_to(page, "原因")
    await press_and_follow(page)
    # One is on the card, where it stands now, and may go on from there.
    await expect(card).to_be_focused()
    await tab_to(page, f"移动{name}")
    await page.keyboard.press("Enter")
    await tab_to(page, "到")
    await page.keyboard.press("End")
    await tab_to(page, "原因")
    await press_and_follow(page)
    await expect(page.locator("#messages")).to_be_focused()
    await expect(page.locator("#messages")).to_contain_text("须写明原因")
    await expect(card.get_by_label("原因")).to_be_visible()


async def test_a_list_is_narrowed_ticked_and_kept_as_a_view_without_a_mouse(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/pool?programme=hnte&view=list")
    for key in ("j", "x", "j"):
        await page.keyboard.press(key)
    # The focus goes along, and letters work from where it is.
    row = page.locator("tbody tr.is-at")
    assert await focused(page) == await row.get_by_role("link").first.inner_text()
    await page.keyboard.press("x")
    await expect(page.locator("tbody input:checked")).to_have_count(2)
    await page.keyboard.press("a")
    await expect(page.locator("tbody input:not(:checked)")).to_have_count(0)
    await page.goto("/enterprises?rung=srdi")
    await skip_to_content(page)
    await tab_to(page, "保存视图")
    await page.keyboard.press("Enter")
    await tab_to(page, "视图名称")
    # A panel is left by Escape, and one is back where it was opened.
    await page.keyboard.press("Escape")
    assert await focused(page) == "保存视图"
    await expect(page.locator("#views details[open]")).to_have_count(0)
    await page.keyboard.press("Enter")
    await write(page, "视图名称", "走访名单")
    await tab_to(page, "共享给同事")
    await page.keyboard.press("Space")
    await tab_to(page, "保存")
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, "走访名单")
    await tab_to(page, "删除视图走访名单")
    await press_and_follow(page)
    await tab_to(page, "导出当前名单")
    async with page.expect_download():
        await page.keyboard.press("Enter")


async def test_a_conflict_is_settled_without_a_mouse(page_as: PageAs) -> None:
    page = await page_as("jingjiang")
    await page.goto("/conflicts")
    await skip_to_content(page)
    await tab_to(page, "裁定")
    await press_and_follow(page)
    await skip_to_content(page)
    await tab_to(page, await page.locator(".choices label").first.inner_text())
    await page.keyboard.press("Space")
    await write(page, "理由", "看过汇算清缴申报表")
    await tab_to(page, "裁定")
    await press_and_follow(page)
    await expect(page.get_by_role("status").first).to_contain_text("裁定")
    await tab_to(page, "全部待核对")
