"""Handing in a workbook: a dry run that tells every problem, then all or the good rows."""

from io import BytesIO

import pytest
import xlsxwriter
from playwright.async_api import Page, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.demo.population import credit_code
from tests.browser.conftest import PageAs

pytestmark = pytest.mark.browser

NAMES = {"泰州试导入一号科技有限公司": 90_001, "泰州试导入二号科技有限公司": 90_002}


def _workbook(rows: list[tuple[str, str, str]]) -> bytes:
    content = BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("企业名单")
        for line, row in enumerate([("企业名称", "统一社会信用代码", "成立日期"), *rows]):
            sheet.write_row(line, 0, row)
    return content.getvalue()


async def _hand_in(page: Page, content: bytes) -> None:
    await page.goto("/imports")
    await page.locator("input[type=file]").set_input_files(
        {"name": "企业名单.xlsx", "mimeType": "application/octet-stream", "buffer": content}
    )
    await page.get_by_role("main").get_by_role("button", name="检查文件").click()


async def _count(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        found = await work.scalar(
            text("SELECT count(*) FROM enterprise WHERE name = ANY(:names)"), {"names": list(NAMES)}
        )
        return int(found or 0)


async def test_a_wrong_row_is_shown_with_its_reason_and_the_good_ones_can_still_go_in(
    page_as: PageAs, demo_engine: AsyncEngine
) -> None:
    good = [(name, credit_code("321282", number), "2019-03-04") for name, number in NAMES.items()]
    wrong = ("泰州试导入三号科技有限公司", good[0][1][:-1] + "0", "2024.13.1")
    page = await page_as("jingjiang")
    await _hand_in(page, _workbook([*good, wrong]))

    # The dry run: told where and why, and nothing written.
    problems = page.get_by_role("main")
    await expect(problems).to_contain_text("第 4 行")
    await expect(problems).to_contain_text("校验")
    assert await _count(demo_engine) == 0

    await page.get_by_role("button", name="只导入没有问题的 2 行").click()
    await expect(page.get_by_role("main")).to_contain_text("没有问题的行已导入")
    assert await _count(demo_engine) == len(good)
