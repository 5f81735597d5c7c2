"""What keeps people from using a page, as axe finds it."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page


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
