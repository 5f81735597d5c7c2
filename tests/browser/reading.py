"""Reading figures off a page as a person does."""

import re

from playwright.async_api import Page


def number_in(text: str) -> int:
    """The whole number in a text such as “2,424 家”."""
    digits = re.search(r"[\d,\u2009\u202f ]*\d", text)
    if digits is None:
        raise AssertionError(f"no number in {text!r}")
    return int(re.sub(r"\D", "", digits[0]))


async def listed_total(page: Page) -> int:
    """How many a list says it has; an empty one says so in words."""
    if await page.get_by_text("没有找到企业").count():
        return 0
    return number_in(await page.locator("nav.pages > span").first.inner_text())
