"""Reading a page as a person does: its figures, and the page that a click leads to."""

import re

from playwright.async_api import Locator, Page


def number_in(text: str) -> int:
    """The whole number in a text such as “2,424 家”."""
    digits = re.search(r"[\d,\u2009\u202f ]*\d", text)
    if digits is None:
        raise AssertionError(f"no number in {text!r}")
    return int(re.sub(r"\D", "", digits[0]))


async def follow(page: Page, link: Locator) -> None:
    """Click what leads to another page, and wait for that page: reading at once may still find the one that is left."""
    async with page.expect_navigation():
        await link.click()


async def listed_total(page: Page) -> int:
    """How many a list says it has; an empty one says so in words."""
    if await page.get_by_text("没有找到企业").count():
        return 0
    return number_in(await page.locator("nav.pages > span").first.inner_text())
