"""The pages' files are served from here, and only what pages ask for."""

from collections.abc import AsyncGenerator

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from backend.web.assets import NEEDED, asset_url, mount_assets


@pytest.fixture
async def browser() -> AsyncGenerator[AsyncClient]:
    app = Starlette()
    mount_assets(app)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tidu") as client:
        yield client


@pytest.mark.parametrize("name", NEEDED)
async def test_every_needed_file_is_served(browser: AsyncClient, name: str):
    assert (await browser.get(asset_url(name))).status_code == 200


async def test_a_browser_may_keep_a_file_for_ever(browser: AsyncClient):
    kept = (await browser.get(asset_url("htmx/htmx.min.js"))).headers["Cache-Control"]
    assert kept == "public, max-age=31536000, immutable"


def test_an_address_holds_the_version():
    assert asset_url("htmx/htmx.min.js").startswith("/assets/htmx-2.")


@pytest.mark.parametrize("name", ["icons/tabler-icons.html", "echarts/echarts.js.map", "htmx/../package.json"])
async def test_what_pages_do_not_ask_for_is_not_served(browser: AsyncClient, name: str):
    assert (await browser.get(asset_url(name))).status_code == 404
