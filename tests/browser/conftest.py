"""A real browser in front of the real service, with a small demo registry behind it.

`page = await page_as("shi")` is a page on which that demo person is signed in; `""` is nobody. Whatever the page
complains about in its console, or asks of another address, is in `complaints_of(page)`.
"""

import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.engine import make_engine
from backend.demo.cli import DEMO_PASSWORD, OWN_LOGIN, PEOPLE
from backend.demo.own_file import open_own_file
from backend.demo.service import add_people, load
from backend.main import create_app
from backend.settings import Settings
from tests.browser.chromium import ARGUMENTS, browser_program
from tests.browser.watching import watch
from tests.conftest import fresh_database

#: Large enough that every rung has somebody on it and every list a second page.
SIZE = 200
#: A test says what comes, never how soon: a busy machine may take its time.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

PageAs = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def demo_url(server_url: str, migrated_template: str) -> AsyncGenerator[str]:
    """A database with the demo, for all tests of the browser."""
    async with fresh_database(server_url, migrated_template) as url:
        engine = make_engine(url)
        await load(engine, today(), SIZE)
        await add_people(engine, PEOPLE, DEMO_PASSWORD)
        await open_own_file(engine, OWN_LOGIN, DEMO_PASSWORD)
        await engine.dispose()
        yield url


@pytest.fixture(scope="session")
async def demo_engine(demo_url: str) -> AsyncGenerator[AsyncEngine]:
    engine = make_engine(demo_url)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def address(demo_url: str) -> Generator[str]:
    """Where the service answers."""
    with serving(demo_url) as url:
        yield url


@contextmanager
def serving(database_url: str) -> Generator[str]:
    """The service on a free port, in a thread with a loop of its own."""
    app = create_app(Settings(database_url=database_url, exchange_secret="for tests only"))  # pyright: ignore[reportArgumentType]
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, name="service")
    thread.start()
    try:
        deadline = monotonic() + 30
        while not server.started:
            if not thread.is_alive() or monotonic() > deadline:
                raise RuntimeError("the service did not start")
            sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture(scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    program = browser_program()
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or set CHROMIUM to its path")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def sessions() -> dict[str, object]:
    """Who has signed in already, with their cookies."""
    return {}


@pytest.fixture
async def page_as(chromium: Browser, address: str, sessions: dict[str, object]) -> AsyncGenerator[PageAs]:
    """`page = await page_as("shi", width=390, scripts=False)`"""
    contexts: list[BrowserContext] = []

    async def open_page(login: str, width: int = 1440, *, scripts: bool = True) -> Page:
        if login and login not in sessions:
            sessions[login] = await sign_in(chromium, address, login)
        context = await chromium.new_context(
            base_url=address,
            viewport={"width": width, "height": 900},
            locale="zh-CN",
            java_script_enabled=scripts,
            storage_state=sessions[login] if login else None,  # type: ignore[arg-type]
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        watch(page, address)
        return page

    yield open_page
    for context in contexts:
        await context.close()


async def sign_in(chromium: Browser, address: str, login: str) -> object:
    """The cookies of somebody who signed in by the form."""
    context = await chromium.new_context(base_url=address, locale="zh-CN")
    page = await context.new_page()
    await page.goto("/login")
    await page.get_by_label("用户名").fill(login)
    await page.get_by_label("口令").fill(DEMO_PASSWORD)
    await page.get_by_role("button", name="登录").click()
    # Where a role begins is its own matter; that it is in is shown by the form being left.
    await page.wait_for_url(lambda url: not url.endswith("/login"))
    state = await context.storage_state()
    await context.close()
    return state
