"""Signing in and out by the pages, as a browser without JavaScript does it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.service import FAILURES_ALLOWED
from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.web_client import anonymous_client

PASSWORD = "长江大桥 tidu 2026"


@pytest.fixture
async def officer(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        issued = await service.add_person(work, "wangmin", "王敏", "city_officer", password=PASSWORD)
        assert issued.person.id is not None
        return issued.person.id


async def sign_in(browser: AsyncClient, password: str, login: str = "wangmin", next_page: str = "/me") -> Response:
    page = await browser.get("/login")
    form = {
        "csrf_token": proof_in(page),
        "login_name": login,
        "password": password,
        "next": next_page,
    }
    return await browser.post("/login", data=form)


def proof_in(page: Response) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


async def change(engine: AsyncEngine, statement: str) -> None:
    async with owner_unit_of_work(engine) as work:
        await work.execute(text(statement))


async def test_the_right_password_leads_to_where_one_wanted_to_go(officer: int, browser: AsyncClient):
    answer = await sign_in(browser, PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
    assert "王敏" in (await browser.get("/me")).text


async def test_the_login_may_be_written_in_capitals(officer: int, browser: AsyncClient):
    assert (await sign_in(browser, PASSWORD, login=" WangMin ")).status_code == 303


async def test_a_wrong_password_is_refused_on_the_page(officer: int, browser: AsyncClient):
    answer = await sign_in(browser, "wrong password")
    assert answer.status_code == 401
    assert "用户名或口令不对" in answer.text
    assert (await browser.get("/me")).headers["location"] == "/login?next=%2Fme"


async def test_an_unknown_login_is_told_the_same_as_a_wrong_password(officer: int, browser: AsyncClient):
    wrong = await sign_in(browser, "wrong password")
    unknown = await sign_in(browser, "wrong password", login="nobody")
    assert unknown.status_code == 401
    assert unknown.text == wrong.text.replace("wangmin", "nobody")


async def test_an_unknown_login_costs_a_hash_as_well(
    officer: int, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    judged: list[str] = []

    def note(password: str, password_hash: str) -> tuple[bool, str | None]:
        judged.append(password_hash)
        return False, None

    monkeypatch.setattr("backend.access.passwords._verify", note)
    async with owner_unit_of_work(engine) as work:
        await service.sign_in(work, "nobody", "secret password")
    assert [one.split("$")[1] for one in judged] == ["argon2id"]


async def test_after_five_failures_even_the_right_password_is_refused(officer: int, browser: AsyncClient):
    for _ in range(FAILURES_ALLOWED):
        await sign_in(browser, "wrong password")
    assert (await sign_in(browser, PASSWORD)).status_code == 401


async def test_four_failures_are_forgiven(officer: int, browser: AsyncClient):
    for _ in range(FAILURES_ALLOWED - 1):
        await sign_in(browser, "wrong password")
    assert (await sign_in(browser, PASSWORD)).status_code == 303


async def test_the_lock_is_open_again_after_fifteen_minutes(officer: int, engine: AsyncEngine):
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    async with owner_unit_of_work(engine) as work:
        for _ in range(FAILURES_ALLOWED):
            await service.sign_in(work, "wangmin", "wrong password", now)
        before = await service.sign_in(work, "wangmin", PASSWORD, now + timedelta(minutes=14, seconds=59))
        after = await service.sign_in(work, "wangmin", PASSWORD, now + timedelta(minutes=15))
    assert before is None
    assert after is not None


async def test_somebody_deactivated_cannot_sign_in(officer: int, engine: AsyncEngine, browser: AsyncClient):
    await change(engine, "UPDATE person SET is_active = false")
    assert (await sign_in(browser, PASSWORD)).status_code == 401


async def test_somebody_deactivated_is_out_at_once(officer: int, engine: AsyncEngine, browser: AsyncClient):
    await sign_in(browser, PASSWORD)
    await change(engine, "UPDATE person SET is_active = false")
    assert (await browser.get("/me")).status_code == 303


async def test_the_sign_in_form_of_another_site_is_refused(officer: int, browser: AsyncClient):
    await browser.get("/login")
    form = {"login_name": "wangmin", "password": PASSWORD, "csrf_token": "guessed"}
    answer = await browser.post("/login", data=form)
    assert answer.status_code == 403
    assert "tidu-session" not in browser.cookies


async def test_the_sign_in_form_without_its_cookie_is_refused(officer: int, app: FastAPI):
    async with anonymous_client(app) as stranger:
        form = {"login_name": "wangmin", "password": PASSWORD, "csrf_token": ""}
        assert (await stranger.post("/login", data=form)).status_code == 403


@pytest.mark.parametrize(
    "foreign",
    ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)", "/\t/evil.test", "me"],
)
async def test_signing_in_never_leads_to_another_site(officer: int, browser: AsyncClient, foreign: str):
    answer = await sign_in(browser, PASSWORD, next_page=foreign)
    assert answer.headers["location"] == "/"


async def test_a_page_asked_for_too_early_comes_after_signing_in(officer: int, browser: AsyncClient):
    answer = await browser.get("/people?done=x")
    assert answer.headers["location"] == "/login?next=%2Fpeople%3Fdone%3Dx"


async def test_the_cookie_is_out_of_scripts_and_other_sites_reach(officer: int, browser: AsyncClient):
    cookie = session_cookie(await sign_in(browser, PASSWORD))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Max-Age" not in cookie


async def test_over_https_the_cookie_never_leaves_https(officer: int, app: FastAPI):
    async with anonymous_client(app, "https://tidu.test") as browser:
        cookie = session_cookie(await sign_in(browser, PASSWORD))
    assert cookie.startswith("__Host-tidu-session=")
    assert "Secure" in cookie.split("; ")


def session_cookie(answer: Response) -> str:
    found = [one for one in answer.headers.get_list("set-cookie") if "tidu-session=" in one]
    assert len(found) == 1
    return found[0]


async def test_the_token_itself_is_not_kept(officer: int, engine: AsyncEngine, browser: AsyncClient):
    await sign_in(browser, PASSWORD)
    async with owner_unit_of_work(engine) as work:
        kept = await work.scalar(text("SELECT token_hash FROM web_session"))
    assert kept == service.hash_of(browser.cookies["tidu-session"])


async def test_signing_in_gives_a_token_that_nobody_chose(officer: int, browser: AsyncClient):
    browser.cookies.set("tidu-session", "chosen-by-somebody-else", domain="tidu.test", path="/")
    answer = await sign_in(browser, PASSWORD)
    assert "chosen-by-somebody-else" not in session_cookie(answer)


async def test_after_an_hour_without_a_click_one_must_sign_in_again(
    officer: int, engine: AsyncEngine, browser: AsyncClient
):
    await sign_in(browser, PASSWORD)
    await change(engine, "UPDATE web_session SET last_seen_at = now() - interval '61 minutes'")
    assert (await browser.get("/me")).status_code == 303


async def test_a_click_lets_the_hour_begin_anew(officer: int, engine: AsyncEngine, browser: AsyncClient):
    await sign_in(browser, PASSWORD)
    await change(engine, "UPDATE web_session SET last_seen_at = now() - interval '59 minutes'")
    assert (await browser.get("/me")).status_code == 200
    async with owner_unit_of_work(engine) as work:
        seen = await work.scalar(text("SELECT last_seen_at > now() - interval '1 minute' FROM web_session"))
    assert seen


async def test_after_twelve_hours_one_must_sign_in_again(officer: int, engine: AsyncEngine, browser: AsyncClient):
    await sign_in(browser, PASSWORD)
    await change(engine, "UPDATE web_session SET expires_at = now()")
    assert (await browser.get("/me")).status_code == 303
    async with owner_unit_of_work(engine) as work:
        longest = await work.scalar(text("SELECT max(expires_at - created_at) FROM web_session"))
    assert longest <= timedelta(hours=12)


async def test_signing_out_ends_the_session(officer: int, browser: AsyncClient):
    await sign_in(browser, PASSWORD)
    token = browser.cookies["tidu-session"]
    answer = await browser.post("/logout", data={"csrf_token": proof_in(await browser.get("/me"))})
    assert answer.headers["location"] == "/login"
    browser.cookies.set("tidu-session", token, domain="tidu.test", path="/")
    assert (await browser.get("/me")).status_code == 303


async def test_where_nobody_can_sign_in_yet_the_page_says_how_to_begin(browser: AsyncClient):
    assert "tidu user add" in (await browser.get("/login")).text


async def test_where_somebody_can_sign_in_the_page_keeps_silent(officer: int, browser: AsyncClient):
    assert "tidu user add" not in (await browser.get("/login")).text


async def test_who_is_signed_in_needs_no_sign_in_page(client_as: ClientAs):
    answer = await (await client_as("viewer")).get("/login?next=/me")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")
