"""What keeps people from using a page: too little room, and what axe finds."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Page

#: A telephone's and a desk's.
WIDTHS = (390, 1440)
#: Tenths of a second that a page has to follow the screen.
MOMENTS = 50
#: Contrast takes axe longer than all else together, and follows from nothing but how a text is written and what lies
#: behind it. Of the texts of a page that have all that alike, as the cells of a long table do, three are looked at:
#: where something lies over one of them, axe does not judge it.
_RUN = """async () => {
    const style = new Map(), behind = new Map();
    const styleOf = one => style.get(one) ?? (style.set(one, getComputedStyle(one)), style.get(one));
    const behindOf = one => {
        if (one === null) return "";
        if (!behind.has(one)) {
            const { backgroundColor, backgroundImage, opacity, visibility, position } = styleOf(one);
            const own = `${backgroundColor} ${backgroundImage} ${opacity} ${visibility} ${position}|`;
            const is_off = one.matches(":disabled, [disabled], [aria-disabled=true], [aria-hidden=true], [inert]");
            behind.set(one, behindOf(one.parentElement) + (is_off ? "off|" : "") + own);
        }
        return behind.get(one);
    };
    const kindOf = one => {
        const { color, fontSize, fontWeight, textShadow, webkitTextStrokeWidth } = styleOf(one);
        const { width, height } = one.getBoundingClientRect();
        const is_shown = width > 1 && height > 1 && one.checkVisibility();
        return `${one.labels?.length} ${color} ${fontSize} ${fontWeight} ${textShadow} ${webkitTextStrokeWidth} ${is_shown}`
            + ` ${one.closest("label")?.control?.disabled} ${behindOf(one)}`;
    };
    const written = new Set(document.querySelectorAll("input, select, textarea, button, option"));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) if (texts.currentNode.data.trim()) written.add(texts.currentNode.parentElement);
    const kinds = Map.groupBy(written, kindOf);
    [...kinds.values()].flatMap(alike => alike.slice(0, 3)).forEach(one => one.setAttribute("data-judged", ""));
    axe.configure({ rules: [{ id: "color-contrast", selector: "[data-judged]" }] });
    // What needs the style sheets once more is none of the rules that are looked at.
    const found = await axe.run({ resultTypes: ["violations"], preload: false });
    return found.violations;
}"""
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def barriers_on(page: Page) -> list[str]:
    """What axe finds serious or critical on a page as it stands: the rule, and the first place."""
    # Evaluated, not added to the page: that is what the page's security policy is there to refuse.
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate(_RUN)
    return [
        f"{one['id']} at {one['nodes'][0]['target']} and {len(one['nodes']) - 1} more"
        for one in found
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
