"""What keeps people from using a page: too little room, and what axe finds."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

#: A telephone's and a desk's.
WIDTHS = (390, 1440)
#: Tenths of a second that a page has to follow the screen.
MOMENTS = 50
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def barriers_on(page: Page) -> list[str]:
    """What axe finds serious or critical on a page as it stands: the rule, and the first place."""
    # Evaluated, not added to the page: that is what the page's security policy is there to refuse.
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']} at {one['nodes'][0]['target']} and {len(one['nodes']) - 1} more"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


async def overflows_on(page: Page) -> list[str]:
    """At which width of the screen a page is wider than it, and by how many pixels; the width is put back."""
    before = page.viewport_size
    assert before is not None
    overflows: list[str] = []
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": before["height"]})
        over = await page.evaluate(_OVERFLOW)
        for _ in range(MOMENTS):
            if not over:
                break
            # A chart follows the screen a moment later; waiting in the page itself is what its security policy refuses.
            await page.wait_for_timeout(100)
            over = await page.evaluate(_OVERFLOW)
        if over:
            overflows.append(f"{over} px too wide at {width}")
    await page.set_viewport_size(before)
    return overflows
