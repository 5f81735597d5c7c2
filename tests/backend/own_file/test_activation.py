"""Activation codes: issued by an officer, used once by the enterprise, and one clear answer for all that goes wrong."""

import re
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from backend.web.filters import long_day
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import Two
from tests.backend.speech.reading import chinese_in
from tests.backend.web_client import anonymous_client, signed_in_client
from tests.factories import column

PASSWORD = "Shuizhan-2026-Qiao"
WRONG = "统一社会信用代码或激活码不对"


def own_login(credit_code: str) -> str:
    """A login that no other test has."""
    return f"qy-{credit_code.lower()}"


async def issued(client_as: ClientAs, code: str, days: str = "30") -> str:
    """What stands on the letter that an officer prints."""
    officer = await client_as("district_officer", "321282")
    letter = await officer.post(f"/enterprises/{code}/activation-codes", data={"days": days})
    assert letter.status_code == 200, letter.text
    found = re.search(r'letter-code code">([0-9A-Z-]{19})<', letter.text)
    assert found is not None
    return found[1]


async def activate(browser: AsyncClient, credit_code: str, code: str, login: str = "", **other: str) -> tuple[int, str]:
    """Fill the public page in; gives the status and the page."""
    page = (await browser.get("/activate")).text
    proof = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert proof is not None
    form = {
        "credit_code": credit_code,
        "code": code,
        "name": "李会计",
        "login": login or own_login(credit_code),
        "new": PASSWORD,
        "again": PASSWORD,
    }
    answer = await browser.post("/activate", data=form | other | {"csrf_token": proof[1]})
    return answer.status_code, answer.text


async def test_the_code_of_the_letter_opens_an_account_that_is_signed_in(
    client_as: ClientAs, browser: AsyncClient, two: Two
):
    code = await issued(client_as, two.code)
    status, _ = await activate(browser, two.code.lower(), f"  {code.replace('-', '').lower()} ")
    assert status == 303
    assert "靖江本企业有限公司" in (await browser.get("/me/enterprise")).text


async def test_the_letter_says_where_to_go_and_until_when(client_as: ClientAs, two: Two):
    officer = await client_as("city_officer")
    letter = (await officer.post(f"/enterprises/{two.code}/activation-codes", data={"days": "10"})).text
    until = today() + timedelta(days=10)
    assert "http://tidu.test/activate" in letter
    assert long_day(until) in letter


async def test_the_letter_gives_the_address_that_enterprises_reach(engine: AsyncEngine, two: Two):
    app = create_app(Settings(public_address="https://tidu.example.cn"), engine)
    async with await signed_in_client(app, "city_officer") as officer:
        letter = (await officer.post(f"/enterprises/{two.code}/activation-codes", data={"days": "10"})).text
    assert "https://tidu.example.cn/activate" in letter


@pytest.mark.parametrize(
    ("language", "is_chinese", "is_english"), [("en", False, True), ("both", True, True), ("xx", True, False)]
)
async def test_the_letter_speaks_the_languages_that_the_officer_chose(
    client_as: ClientAs, two: Two, language: str, is_chinese: bool, is_english: bool
):
    officer = await client_as("district_officer", "321282")
    chosen = {"days": "10", "language": language}
    letter = (await officer.post(f"/enterprises/{two.code}/activation-codes", data=chosen)).text
    assert ("怎样激活" in letter, "How to activate it" in letter) == (is_chinese, is_english)
    assert len(set(re.findall(r'letter-code code">([0-9A-Z-]{19})<', letter))) == 1
    if is_english:
        text = letter[letter.index('<article class="letter" lang="en"') :].partition("</article>")[0]
        assert chinese_in(text) == []
        assert "http://tidu.test/activate?lang=en" in text
        assert "靖江市科技局" in text


async def test_the_code_itself_is_kept_nowhere(client_as: ClientAs, engine: AsyncEngine, two: Two):
    code = (await issued(client_as, two.code)).replace("-", "")
    async with owner_unit_of_work(engine) as session:
        kept = await column(
            session, "SELECT row_to_json(a)::text FROM activation_code a WHERE enterprise_id = :id", id=two.own
        )
        traced = await column(
            session, "SELECT row_to_json(t)::text FROM trace_note t WHERE subject = 'activation_code'"
        )
    assert len(kept) == 1
    assert traced
    assert code not in "".join([*kept, *traced]).replace("-", "").upper()


async def end_by(engine: AsyncEngine, two: Two, change: str) -> None:
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"UPDATE activation_code SET {change} WHERE enterprise_id = :id"), {"id": two.own})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("expires_on = CURRENT_DATE - 2", "已过有效期"),
        ("ended_at = now()", "已作废"),
        ("used_at = now()", "已经用过"),
    ],
)
async def test_a_code_that_works_no_more_says_why_to_whoever_has_it(
    client_as: ClientAs, browser: AsyncClient, engine: AsyncEngine, two: Two, change: str, told: str
):
    code = await issued(client_as, two.code)
    await end_by(engine, two, change)
    status, page = await activate(browser, two.code, code)
    assert (status, told in page) == (422, True)
    async with owner_unit_of_work(engine) as session:
        assert await column(session, "SELECT 1 FROM person WHERE enterprise_id = :id", id=two.own) == []


async def test_a_wrong_code_and_an_unknown_enterprise_get_the_very_same_answer(
    client_as: ClientAs, browser: AsyncClient, two: Two
):
    code = await issued(client_as, two.code)
    guessed = "AAAA-BBBB-CCCC-DDDD"
    answers: set[str] = set()
    for credit, tried in ((two.code, guessed), ("91321202MA00000000", guessed), (two.other_code, code)):
        status, page = await activate(browser, credit, tried)
        assert (status, WRONG in page) == (422, True)
        answers.add(re.sub(r'value="[^"]*"', "", page))
    assert len(answers) == 1


async def test_a_code_opens_one_account_and_each_further_one_needs_another(
    client_as: ClientAs, browser: AsyncClient, engine: AsyncEngine, two: Two
):
    first = await issued(client_as, two.code)
    assert (await activate(browser, two.code, first))[0] == 303
    browser.cookies.clear()
    assert "已经用过" in (await activate(browser, two.code, first, "er" + own_login(two.code)))[1]
    second = await issued(client_as, two.code)
    assert (await activate(browser, two.code, second, "er" + own_login(two.code)))[0] == 303
    async with owner_unit_of_work(engine) as session:
        logins = await column(session, "SELECT login FROM person WHERE enterprise_id = :id ORDER BY id", id=two.own)
    assert logins == [own_login(two.code), "er" + own_login(two.code)]


async def test_issuing_again_ends_the_code_issued_before(client_as: ClientAs, browser: AsyncClient, two: Two):
    first = await issued(client_as, two.code)
    await issued(client_as, two.code)
    assert "已作废" in (await activate(browser, two.code, first))[1]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"new": "short", "again": "short"}, "口令太短"),
        ({"new": "onlysmallletters", "again": "onlysmallletters"}, "三类"),
        ({"again": "Another-2026-word"}, "两次输入的口令不一样"),
        ({"login": "含中文"}, "用户名请用"),
        ({"name": ""}, "请填写姓名"),
    ],
)
async def test_what_cannot_be_a_login_or_password_is_told_and_the_code_still_works(
    client_as: ClientAs, browser: AsyncClient, two: Two, wrong: dict[str, str], told: str
):
    code = await issued(client_as, two.code)
    status, page = await activate(browser, two.code, code, **wrong)
    assert (status, told in page) == (422, True)
    assert (await activate(browser, two.code, code))[0] == 303


async def test_every_refusal_leaves_a_trace_without_what_was_typed(
    client_as: ClientAs, browser: AsyncClient, engine: AsyncEngine, two: Two
):
    code = await issued(client_as, two.code)
    await activate(browser, two.code, "AAAA-BBBB-CCCC-DDDD")
    await end_by(engine, two, "ended_at = now()")
    await activate(browser, two.code, code)
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT reason, enterprise_id, row_to_json(t)::text AS whole FROM trace_note t"
                " WHERE action = 'activate_failed' ORDER BY id DESC LIMIT 2"
            )
        )
        rows = found.all()
    assert [(row.reason, row.enterprise_id) for row in rows] == [("ended", two.own), ("wrong", None)]
    assert not [row for row in rows if "AAAA" in row.whole or code in row.whole]


async def test_a_stranger_may_not_try_without_end(engine: AsyncEngine):
    async with anonymous_client(create_app(Settings(sign_ins_a_minute=2), engine)) as browser:
        statuses = [(await browser.post("/activate", data={"code": "A"})).status_code for _ in range(3)]
    assert statuses == [422, 422, 429]


async def test_officers_see_and_end_accounts_and_codes(
    client_as: ClientAs, browser: AsyncClient, engine: AsyncEngine, two: Two
):
    await activate(browser, two.code, await issued(client_as, two.code))
    await issued(client_as, two.code)
    officer = await client_as("district_officer", "321282")
    page = (await officer.get(f"/enterprises/{two.code}/accounts")).text
    assert own_login(two.code) in page
    ends = re.findall(r'action="(/enterprises/[^"]+/(?:end|revoke))"', page)
    assert len(ends) == 2
    assert [(await officer.post(one)).status_code for one in ends] == [303, 303]
    assert (await browser.get("/me/enterprise")).headers["location"].startswith("/login")
    page = (await officer.get(f"/enterprises/{two.code}/accounts")).text
    assert "已停用" in page
    assert "已作废" in page


async def test_an_officer_of_another_district_neither_sees_nor_issues(client_as: ClientAs, two: Two):
    elsewhere = await client_as("district_officer", "321283")
    assert (await elsewhere.get(f"/enterprises/{two.code}/accounts")).status_code == 404
    assert (await elsewhere.post(f"/enterprises/{two.code}/activation-codes")).status_code == 404


@pytest.mark.parametrize("days", ["0", "181", "-3", "many"])
async def test_a_code_works_for_a_sensible_time_only(client_as: ClientAs, two: Two, days: str):
    officer = await client_as("district_officer", "321282")
    answer = await officer.post(f"/enterprises/{two.code}/activation-codes", data={"days": days})
    assert answer.status_code == 409
    assert "有效天数" in answer.text


async def test_an_account_of_another_enterprise_is_not_ended_from_here(
    client_as: ClientAs, browser: AsyncClient, engine: AsyncEngine, two: Two
):
    await activate(browser, two.code, await issued(client_as, two.code))
    async with owner_unit_of_work(engine) as session:
        person = (await column(session, "SELECT id FROM person WHERE enterprise_id = :id", id=two.own))[0]
    officer = await client_as("district_officer", "321282")
    assert (await officer.post(f"/enterprises/{two.other_code}/accounts/{person}/end")).status_code == 409
    assert (await browser.get("/me/enterprise")).status_code == 200
