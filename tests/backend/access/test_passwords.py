"""Which passwords are taken, and how one's own is changed."""

import pytest
from httpx import AsyncClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.passwords import Profile, fault_of, generate_password, hash_password, verify_password
from backend.database.session import owner_unit_of_work
from tests.backend.access.test_signing_in import proof_in, sign_in

NEW = "Correct horse battery"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("123456789", "太短"),
        ("x" * 129, "太长"),
        ("abababababab", "不同的字符太少"),
        ("my-wangmin-secret", "不能含有用户名"),
        ("我是王敏本人今天上班啦", "不能含有用户名或姓名"),
        ("1234567890", "太常见"),
        ("9876543210", "太常见"),
        ("Password2026!", "太常见"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str):
    assert reason in (fault_of(password, "wangmin", "王敏") or "")


@pytest.mark.parametrize("password", [NEW, "长江大桥今天很堵车呀", "1357924680", "x7#kQ!m2Pz"])
def test_a_long_enough_password_is_taken_whatever_its_signs(password: str):
    assert fault_of(password, "wangmin", "王敏", Profile.ASVS) is None


def test_a_made_up_password_is_a_good_one_and_never_the_same():
    made = {generate_password() for _ in range(20)}
    assert len(made) == 20
    assert all(fault_of(one, "wangmin") is None for one in made)


async def test_a_hash_is_argon2id_and_verifies_its_password_only():
    kept = await hash_password(NEW)
    assert kept.startswith("$argon2id$")
    assert await verify_password(NEW, kept) == (True, None)
    assert await verify_password(NEW + "!", kept) == (False, None)


@pytest.fixture
async def newcomer(engine: AsyncEngine) -> str:
    async with owner_unit_of_work(engine) as work:
        return (await service.add_person(work, "wangmin", "王敏", "viewer")).password


async def test_the_first_password_must_be_changed_before_anything_else(newcomer: str, browser: AsyncClient):
    await sign_in(browser, newcomer)
    assert (await browser.get("/people")).headers["location"] == "/me"
    assert "这是初始口令" in (await browser.get("/me")).text


async def test_a_program_with_a_first_password_is_told_so(newcomer: str, browser: AsyncClient):
    await sign_in(browser, newcomer)
    answer = await browser.get("/people", headers={"accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/password-change-needed")


async def test_after_the_change_only_the_new_password_counts(newcomer: str, browser: AsyncClient):
    await sign_in(browser, newcomer)
    answer = await change_password(browser, newcomer, NEW)
    assert answer == (303, "/me?done=password")
    assert "口令已修改" in (await browser.get("/me?done=password")).text
    browser.cookies.clear()
    assert (await sign_in(browser, newcomer)).status_code == 401
    assert (await sign_in(browser, NEW)).status_code == 303


async def test_a_changed_password_signs_other_browsers_out(newcomer: str, browser: AsyncClient):
    await sign_in(browser, newcomer)
    elsewhere = browser.cookies["tidu-session"]
    browser.cookies.clear()
    await sign_in(browser, newcomer)
    await change_password(browser, newcomer, NEW)
    assert (await browser.get("/me")).status_code == 200
    browser.cookies.set("tidu-session", elsewhere, domain="tidu.test", path="/")
    assert (await browser.get("/me")).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "again", "reason"),
    [
        ("not the one", NEW, NEW, "现在的口令不对"),
        (None, NEW, NEW + "x", "两次输入的新口令不一样"),
        (None, "short", "short", "口令太短"),
        (None, None, None, "新口令和现在的一样"),
    ],
)
async def test_a_change_that_cannot_be_says_why(
    newcomer: str, browser: AsyncClient, current: str | None, new: str | None, again: str | None, reason: str
):
    await sign_in(browser, newcomer)
    form = {
        "current": current or newcomer,
        "new": new or newcomer,
        "again": again or newcomer,
        "csrf_token": proof_in(await browser.get("/me")),
    }
    answer = await browser.post("/me/password", data=form)
    assert answer.status_code == 422
    assert reason in answer.text


async def change_password(browser: AsyncClient, current: str, new: str) -> tuple[int, str]:
    proof = proof_in(await browser.get("/me"))
    form = {"current": current, "new": new, "again": new, "csrf_token": proof}
    answer = await browser.post("/me/password", data=form)
    return answer.status_code, answer.headers.get("location", "")


def test_in_earnest_a_hash_costs_what_asvs_asks_for():
    """OWASP: argon2id with at least 19 MiB and two passes, or more memory and one."""
    settings = Argon2Hasher().hash(NEW).split("$")[3]
    memory, passes, _ = (int(part.partition("=")[2]) for part in settings.split(","))
    assert memory >= 19 * 1024
    assert passes >= 2
