"""One walk: the bureau opens the door, the enterprise comes in, contradicts a fact, and the officer sees it."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.browser.conftest import PageAs
from tests.browser.reading import follow
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser

PASSWORD = "Shuizhan-2026-Qiao"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
async def with_tax_figure(demo_engine: AsyncEngine) -> tuple[str, str, int]:
    """Code and name of an enterprise of 泰兴 of which the tax office reported sales, and the year."""
    async with owner_unit_of_work(demo_engine) as work:
        found = await work.execute(
            text(
                "SELECT e.credit_code, e.name, max(f.year) AS year FROM enterprise e JOIN filing f ON f.enterprise_id = e.id"
                " WHERE f.source = 'tax' AND jsonb_exists(f.\"values\", 'sales_revenue') AND e.region_code = '321283'"
                " AND e.status = 'active' GROUP BY e.id ORDER BY e.id DESC LIMIT 1"
            )
        )
        row = found.one()
    return row.credit_code, row.name, row.year


async def test_from_the_letter_to_the_conflict_on_a_telephone_without_scripts(
    page_as: PageAs, with_tax_figure: tuple[str, str, int]
) -> None:
    code, name, year = with_tax_figure
    officer = await page_as("taixing")
    await officer.goto(f"/enterprises/{code}/accounts")
    await follow(officer, officer.get_by_role("button", name="发放激活码"))
    letter = await officer.get_by_role("main").inner_text()
    activation = re.search(r"(?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}", letter)
    assert activation is not None

    page = await page_as("", width=390, scripts=False)
    await page.goto("/activate")
    await page.get_by_label("统一社会信用代码").fill(code)
    await page.get_by_label("激活码").fill(activation[0])
    await page.get_by_label("经办人姓名").fill("李会计")
    await page.get_by_label("设一个用户名").fill("shouji")
    await page.get_by_label("设一个口令").fill(PASSWORD)
    await page.get_by_label("再输入一次口令").fill(PASSWORD)
    await follow(page, page.get_by_role("button", name="激活并登录"))
    assert await page.get_by_role("heading", level=1).inner_text() == name

    await page.goto("/me/enterprise/facts")
    assert await page.evaluate(_OVERFLOW) == 0
    await page.goto(f"/me/enterprise/facts/sales_revenue?year={year}")
    await page.get_by_label("应当是").fill("987654")
    await page.get_by_label("理由").fill("以申报表原件为准")
    await page.get_by_label("佐证材料").set_input_files(
        {"name": "申报表.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    await follow(page, page.get_by_role("button", name="提交异议"))
    assert "已收到，核对中" in await page.locator("#contradictions").inner_text()

    await officer.goto("/")
    await follow(officer, officer.get_by_role("link", name="件待办"))
    await follow(officer, officer.locator("#contradictions").get_by_role("link", name=name))
    said = await officer.get_by_role("main").inner_text()
    assert "987,654" in said
    assert "申报表.pdf" in said
    await officer.goto("/conflicts")
    assert name in await officer.get_by_role("main").inner_text()
    assert complaints_of(officer) == []


async def test_figures_are_looked_through_and_kept_while_typing(page_as: PageAs) -> None:
    page = await page_as("qiye")
    await page.goto("/me/enterprise/figures")
    await follow(page, page.get_by_role("link", name="接着填").first)
    await page.get_by_label("净利润", exact=False).first.fill("约三百")
    await page.get_by_label("利润总额").fill("1200")
    await page.get_by_label("利润总额").blur()
    await page.locator("#doubts").get_by_text("不是数字").wait_for()
    await page.reload()
    assert await page.get_by_label("利润总额").input_value() == "1200"
    assert complaints_of(page) == []
