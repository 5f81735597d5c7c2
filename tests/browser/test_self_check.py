"""The self-check in a real browser: an enterprise with its figures, on a desk, on a telephone, and without JavaScript."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from rules.cases import baseline
from tests.browser.barriers import barriers_on, overflows_on
from tests.browser.conftest import PageAs
from tests.browser.reading import follow
from tests.browser.watching import complaints_of

pytestmark = pytest.mark.browser

FACTS: dict[str, Any] = baseline(Path("tests/rules/cases/hnte@2016.yaml"))["facts"]
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def begin(page: Page, target: str = "hnte") -> None:
    await page.goto("/check")
    await page.get_by_label("想测什么").select_option(target)
    await page.get_by_label("按哪一天测评").fill("2026-07-15")
    await follow(page, page.get_by_role("button", name="一问一答"))


async def answer_one(page: Page, facts: dict[str, Any]) -> None:
    """Answer the question on the page from what the enterprise knows, or pass it over."""
    asked = (await page.locator('[name="asked"]').input_value()).split()
    is_filled = False
    for name in asked:
        _, indicator, *year = name.split(".")
        value = facts.get(indicator)
        value = value.get(year[0]) if year and isinstance(value, dict) else value
        if value == []:
            await page.locator(f'[name="none.{indicator}"]').check()
        elif isinstance(value, bool):
            await page.locator(f'[name="{name}"]').select_option("true" if value else "false")
        elif value is not None:
            await page.locator(f'[name="{name}"]').fill(str(value))
        is_filled = is_filled or value is not None
    await follow(page, page.get_by_role("button", name="下一问" if is_filled else "不清楚，先跳过"))


async def open_file(page: Page, folder: Path, facts: dict[str, Any]) -> None:
    path = folder / "saved.json"
    path.write_text(json.dumps({"target": "hnte", "as_of": "2026-07-15", "facts": facts}))
    await page.goto("/check")
    await page.get_by_label("打开保存的文件").set_input_files(path)
    await follow(page, page.get_by_role("button", name="打开", exact=True))
    await follow(page, page.get_by_role("button", name="看结果"))


@pytest.mark.parametrize(("width", "scripts"), [(1440, True), (390, False)])
async def test_an_enterprise_is_led_to_a_settled_answer(page_as: PageAs, width: int, scripts: bool) -> None:
    page = await page_as("", width=width, scripts=scripts)
    await begin(page)
    said = int(await page.locator("#left").inner_text())
    asked = 0
    while await page.locator('[name="asked"]').count():
        if asked == 2 and scripts:
            assert await page.evaluate(_OVERFLOW) == 0
            assert await barriers_on(page) == []
        await answer_one(page, FACTS)
        asked += 1
    assert 0 < asked <= said
    await expect(page.locator("#hnte .card-header .badge")).to_have_text("符合")
    assert complaints_of(page) == []


async def test_a_figure_tried_and_a_remedy_replayed_flip_the_verdict(page_as: PageAs, tmp_path: Path) -> None:
    page = await page_as("")
    await open_file(page, tmp_path, FACTS | {"sci_tech_staff": {"2025": 10}})
    await expect(page.locator("#hnte .card-header .badge")).to_have_text("不符合")
    field = page.locator('#what-if [name="f.sci_tech_staff.2025"]')
    await field.fill("15")
    await field.press("Tab")
    await expect(page.locator("#trial")).to_contain_text("没有结论改变")
    await field.fill("20")
    await field.press("Tab")
    await expect(page.locator("#trial tbody tr").first).to_contain_text("不符合")
    await expect(page.locator("#trial tbody tr").first.locator(".outcome-eligible")).to_have_count(1)
    await page.get_by_role("button", name="代入试算").first.click()
    await expect(page.locator("#trial")).to_contain_text("科技人员数（2025 年）由 10 改为 20")
    await follow(page, page.get_by_role("button", name="按改动后的数据重新出结果"))
    await expect(page.locator("#hnte .card-header .badge")).to_have_text("符合")
    assert await barriers_on(page) == []
    assert complaints_of(page) == []


async def test_the_form_and_the_answer_fit_a_telephone_and_save_a_file(page_as: PageAs, tmp_path: Path) -> None:
    page = await page_as("", width=390)
    await open_file(page, tmp_path, FACTS | {"sci_tech_staff": {"2025": 10}})
    assert await page.evaluate(_OVERFLOW) == 0
    assert await barriers_on(page) == []
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="保存数据").click()
    saved = json.loads(Path(await (await waiting.value).path()).read_text())
    assert saved["facts"]["sci_tech_staff"] == {"2025": 10}
    await follow(page, page.get_by_role("button", name="修改数据"))
    await expect(page.get_by_role("button", name="看结果")).to_be_visible()
    assert await page.evaluate(_OVERFLOW) == 0
    assert await barriers_on(page) == []
    await page.get_by_label("科技人员数（2025 年）").fill("三十")
    await follow(page, page.get_by_role("button", name="看结果"))
    await expect(page.locator(".error-summary")).to_contain_text("不是数字")
    await page.locator(".error-summary a").click()
    await expect(page.get_by_label("科技人员数（2025 年）")).to_have_value("三十")
    assert re.search(r"[?&=]", page.url) is None
    await follow(page, page.get_by_role("button", name="English", exact=True))
    assert page.url.endswith("/check/form?lang=en&again=1")
    field = page.locator('[name="f.sci_tech_staff.2025"]')
    await expect(field).to_have_value("三十")
    assert await barriers_on(page) == []
    # The Enter key does what the form is for, and no more than that.
    await field.fill("30")
    async with page.expect_navigation():
        await field.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Result of the self-check")


async def test_the_public_pages_have_no_serious_barrier(page_as: PageAs) -> None:
    page = await page_as("")
    for path in (
        "/check",
        "/check/batch",
        "/rules?q=研发费用",
        "/rules/srdi_sme",
        "/rules/hnte@2016/H7",
        "/rules/indicators/employee_total",
    ):
        await page.goto(path)
        assert (path, await overflows_on(page)) == (path, [])
        assert (path, await barriers_on(page)) == (path, [])
    assert complaints_of(page) == []


async def test_the_keyboard_alone_reaches_the_first_question(page_as: PageAs) -> None:
    page = await page_as("")
    await page.goto("/check")
    await page.get_by_label("想测什么").focus()
    await page.keyboard.press("Tab")  # the day; a day's parts take a press each
    for _ in range(6):
        if await page.evaluate("document.activeElement.textContent.includes('一问一答')"):
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator('[name="asked"]')).to_have_count(1)


async def test_an_officer_tries_a_policy_out(page_as: PageAs) -> None:
    page = await page_as("shi")
    await page.goto("/workshop")
    await page.locator('[name="set.H4"]').fill("sci_tech_staff / employee_total >= 30%")
    await follow(page, page.get_by_role("button", name="测算"))
    await expect(page.locator("#outcomes tbody tr")).to_have_count(1)
    assert await page.evaluate(_OVERFLOW) == 0
    assert await barriers_on(page) == []
    assert complaints_of(page) == []


async def test_ten_figures_are_enough_to_begin_with_and_english_takes_them_along(
    page_as: PageAs, tmp_path: Path
) -> None:
    page = await page_as("", width=390)
    figures = [name for name, value in FACTS.items() if isinstance(value, dict | int) and value is not True][:10]
    await open_file(page, tmp_path, {name: FACTS[name] for name in figures})
    await follow(page, page.get_by_role("button", name="接着一问一答"))
    said, asked = int(await page.locator("#left").inner_text()), 0
    while await page.locator('[name="asked"]').count():
        await answer_one(page, FACTS)
        asked += 1
    assert asked == said  # the least that the engine had proved
    await expect(page.locator("#hnte .card-header .badge")).to_have_text("符合")
    await follow(page, page.get_by_role("button", name="English"))
    await expect(page.locator("#hnte .card-header .badge")).to_have_text("Eligible")
    assert await page.evaluate(_OVERFLOW) == 0
    assert await barriers_on(page) == []
    assert complaints_of(page) == []
