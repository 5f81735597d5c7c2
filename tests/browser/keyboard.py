"""Going through pages by keyboard alone, as somebody does who has no use of a mouse."""

from playwright.async_api import Page

#: More stops than any page has before what is looked for; a search beyond it has gone round.
MOST_STOPS = 200
_FOCUSED = """() => {
    const one = document.activeElement;
    if (one === null || one === document.body) return null;
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    const name = one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.value || "";
    return {
        name: name.trim(), tag: one.tagName.toLowerCase(),
        ringed: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
    };
}"""


async def focused(page: Page) -> str:
    """The name of what has the focus; empty where nothing has. Fails where the focus cannot be seen."""
    found = await page.evaluate(_FOCUSED)
    if found is None:
        return ""
    assert found["ringed"], f"{page.url}: the focus on {found['tag']} {found['name']!r} cannot be seen"
    return found["name"]


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press a key until what has the focus has a name that begins so."""
    passed: list[str] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press(key)
        passed.append(await focused(page))
        if passed[-1].startswith(name):
            return
    raise AssertionError(f"{page.url}: {name!r} is not come to; passed {passed}")


async def skip_to_content(page: Page) -> None:
    """Take the link over the navigation: the first that Tab comes to."""
    await tab_to(page, "跳到正文")
    await page.keyboard.press("Enter")


async def press_and_follow(page: Page, key: str = "Enter") -> None:
    """Press what leads to another page, and wait for that page."""
    async with page.expect_navigation():
        await page.keyboard.press(key)


async def write(page: Page, name: str, words: str) -> None:
    """Type into the field of a name, further down the page."""
    await tab_to(page, name)
    await page.keyboard.type(words)
