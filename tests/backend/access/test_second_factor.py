"""The second factor: enrolled with a code, asked for after the password, each code taken once."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pyotp.totp import TOTP
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.service import FAILURES_ALLOWED
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.access.test_signing_in import proof_in, sign_in
from tests.backend.web_client import anonymous_client

PASSWORD = "Correct horse battery"
SECRET = "an installation's secret of this test"


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(Settings(exchange_secret=SECRET), engine)  # type: ignore[arg-type]


@pytest.fixture
async def enrolled(engine: AsyncEngine, browser: AsyncClient) -> tuple[str, list[str]]:
    """王敏 with a second factor, signed out: the secret in the telephone, and the recovery codes."""
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, "wangmin", "王敏", "viewer", password=PASSWORD)
    await sign_in(browser, PASSWORD)
    page = await browser.get("/me/second-factor")
    secret = re.findall(r'id="secret">(\w+)<', page.text)[0]
    assert 'src="data:image/svg+xml' in page.text
    done = await browser.post("/me/second-factor", data={"code": code_of(secret, -1), "csrf_token": proof_in(page)})
    codes = re.findall(r'<li class="code">([0-9a-f-]+)</li>', done.text)
    browser.cookies.clear()
    return secret, codes


def code_of(secret: str, steps: int = 0) -> str:
    return TOTP(secret).at(datetime.now(UTC) + timedelta(seconds=30 * steps))


async def give(browser: AsyncClient, code: str) -> tuple[int, str]:
    page = await browser.get("/login/code?next=/me")
    answer = await browser.post("/login/code", data={"code": code, "next": "/me", "csrf_token": proof_in(page)})
    return answer.status_code, answer.headers.get("location", "")


async def test_the_password_alone_opens_nothing(enrolled: tuple[str, list[str]], browser: AsyncClient):
    answer = await sign_in(browser, PASSWORD)
    assert answer.headers["location"].startswith("/login/code?next=")
    assert (await browser.get("/me")).headers["location"].startswith("/login")


async def test_the_code_opens_what_was_asked_for_under_a_new_token(
    enrolled: tuple[str, list[str]], browser: AsyncClient
):
    await sign_in(browser, PASSWORD)
    half = browser.cookies["tidu-session"]
    assert await give(browser, code_of(enrolled[0])) == (303, "/me")
    assert browser.cookies["tidu-session"] != half
    assert (await browser.get("/me")).status_code == 200


async def test_a_code_is_taken_once(enrolled: tuple[str, list[str]], browser: AsyncClient):
    code = code_of(enrolled[0])
    await sign_in(browser, PASSWORD)
    await give(browser, code)
    browser.cookies.clear()
    await sign_in(browser, PASSWORD)
    assert (await give(browser, code))[0] == 401


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "１２３４５６", "0000-0000-0000-0000", "é" * 200])
async def test_a_wrong_code_is_refused(enrolled: tuple[str, list[str]], browser: AsyncClient, code: str):
    await sign_in(browser, PASSWORD)
    assert (await give(browser, code))[0] == 401


async def test_guessing_codes_locks_the_account_though_the_password_is_right(
    enrolled: tuple[str, list[str]], browser: AsyncClient
):
    for _ in range(FAILURES_ALLOWED):
        browser.cookies.clear()
        await sign_in(browser, PASSWORD)
        await give(browser, "000000")
    browser.cookies.clear()
    assert (await sign_in(browser, PASSWORD)).status_code == 401


async def test_without_the_telephone_a_recovery_code_serves_once(enrolled: tuple[str, list[str]], browser: AsyncClient):
    codes = enrolled[1]
    assert len(set(codes)) == 10
    await sign_in(browser, PASSWORD)
    assert (await give(browser, codes[0].upper()))[0] == 303
    browser.cookies.clear()
    await sign_in(browser, PASSWORD)
    assert (await give(browser, codes[0]))[0] == 401


async def test_the_page_for_codes_is_for_whose_password_was_right(browser: AsyncClient, enrolled: object):
    assert (await browser.get("/login/code")).headers["location"] == "/login"
    browser.cookies.set("tidu-session", "guessed")
    assert (await browser.post("/login/code", data={"code": "1"})).headers["location"] == "/login"


async def test_the_database_holds_nothing_that_makes_codes(enrolled: tuple[str, list[str]], engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        row = str((await work.execute(text("SELECT person FROM person"))).scalar_one())
    assert enrolled[0] not in row
    assert not [code for code in enrolled[1] if code in row]


async def test_it_is_switched_off_with_a_code_only_and_begins_anew_with_another_secret(
    enrolled: tuple[str, list[str]], browser: AsyncClient
):
    await sign_in(browser, PASSWORD)
    await give(browser, enrolled[1][0])
    page = await browser.get("/me/second-factor")
    refused = await browser.post("/me/second-factor/off", data={"code": "000000", "csrf_token": proof_in(page)})
    assert refused.status_code == 422
    done = await browser.post("/me/second-factor/off", data={"code": enrolled[1][1], "csrf_token": proof_in(page)})
    assert done.status_code == 303
    assert enrolled[0] not in (await browser.get("/me/second-factor")).text


async def test_a_wrong_first_code_does_not_switch_it_on(engine: AsyncEngine, browser: AsyncClient):
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, "wangmin", "王敏", "viewer", password=PASSWORD)
    await sign_in(browser, PASSWORD)
    page = await browser.get("/me/second-factor")
    answer = await browser.post("/me/second-factor", data={"code": "000000", "csrf_token": proof_in(page)})
    assert (answer.status_code, "手机时间" in answer.text) == (422, True)


@pytest.mark.parametrize(("wanted", "role", "is_asked"), [
    ("optional", "administrator", False), ("administrators", "administrator", True), ("administrators", "auditor", True),
    ("administrators", "viewer", False), ("everybody", "viewer", True),
])  # fmt: skip
async def test_who_must_have_one_is_led_to_it(engine: AsyncEngine, wanted: str, role: str, is_asked: bool):
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, "wangmin", "王敏", role, password=PASSWORD)
    app = create_app(Settings(second_factor=wanted, exchange_secret=SECRET), engine)  # type: ignore[arg-type]
    async with anonymous_client(app) as browser:
        await sign_in(browser, PASSWORD)
        answer = await browser.get({"administrator": "/people", "auditor": "/audit"}.get(role, "/plans"))
        assert (answer.headers.get("location") == "/me/second-factor") is is_asked
