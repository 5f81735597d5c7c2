"""What keeps people from using a page: too little room, and what axe finds."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page
from playwright.async_api import TimeoutError as Timeout

#: A telephone's and a desk's.
WIDTHS = (390, 1440)
MOMENT_MS = 5_000
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
        try:
            # A chart follows the screen a moment later.
            await page.wait_for_function(f"{_OVERFLOW} === 0", timeout=MOMENT_MS)
        except Timeout:
            overflows.append(f"{await page.evaluate(_OVERFLOW)} px too wide at {width}")
    await page.set_viewport_size(before)
    return overflows
