"""Coming in and going out."""

import pytest
from playwright.async_api import expect

from backend.demo.cli import DEMO_PASSWORD
from tests.browser.conftest import PageAs

pytestmark = pytest.mark.browser


async def test_who_is_not_signed_in_is_asked_to_and_then_taken_where_they_wanted(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/plans")
    await page.get_by_label("用户名").fill("lingdao")
    await page.get_by_label("口令").fill(DEMO_PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("规划目标")


async def test_a_wrong_password_is_told_without_saying_which_part_was_wrong(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/login")
    await page.get_by_label("用户名").fill("nobody")
    await page.get_by_label("口令").fill("Wrong-2026-Word")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("alert")).to_contain_text("用户名或口令不对")


async def test_who_signed_out_does_not_come_back_with_the_back_button(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/login")
    await page.get_by_label("用户名").fill("haizhou")
    await page.get_by_label("口令").fill(DEMO_PASSWORD)
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("工作台")
    await page.get_by_role("button", name="退出").click()
    await page.goto("/enterprises")
    await expect(page.get_by_role("button", name="登录")).to_be_visible()
