"""`python -m tests.browser.pictures`: the pictures of the documentation, taken of the demo."""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import async_playwright

from backend.clock import today
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.demo.cli import DEMO_PASSWORD, PEOPLE
from backend.demo.service import SIZE, add_people, load
from tests.browser.chromium import ARGUMENTS, browser_program
from tests.browser.conftest import serving, sign_in
from tests.conftest import open_folder

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
MOST_BYTES = 300_000
#: Name of the picture → page.
PICTURES = {"workbench": "/"}


async def take(url: str) -> None:
    """Load the demo and take every picture."""
    engine = make_engine(url)
    await upgrade(engine)
    await load(engine, today(), SIZE)
    await add_people(engine, PEOPLE, DEMO_PASSWORD)
    await engine.dispose()
    program = browser_program()
    if program is None:
        sys.exit("There is no Chromium on this machine: apt-get install chromium, or set CHROMIUM to its path.")
    with serving(url) as address:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
            state = await sign_in(browser, address, "shi")
            context = await browser.new_context(
                base_url=address,
                viewport={"width": 1440, "height": 900},
                locale="zh-CN",
                storage_state=state,  # type: ignore[arg-type]
            )
            page = await context.new_page()
            for name, path in PICTURES.items():
                await page.goto(path, wait_until="networkidle")
                file = FOLDER / f"{name}.png"
                await page.screenshot(path=file)
                if file.stat().st_size > MOST_BYTES:
                    sys.exit(f"{file} has {file.stat().st_size:,} bytes, more than a repository should carry.")
            await browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open_folder() as _folder, embedded_server(_folder, durable=False) as _server:
        asyncio.run(take(_server.url()))
