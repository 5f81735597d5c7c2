"""An enterprise's first account, opened by the credit code that the single sign-on vouches for, where that is set."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.enterprises.ending import End, end
from backend.enterprises.merging import Merge, merge
from tests.backend.access.sign_on.conftest import Elsewhere, ThereAndBack, configured, trace
from tests.backend.speech.reading import chinese_in
from tests.backend.web_client import anonymous_client, signed_in_client
from tests.factories import column, make_code, make_enterprise


@pytest.fixture
def app(engine: AsyncEngine, elsewhere: Elsewhere) -> FastAPI:
    return configured(engine, elsewhere.issuer, opens_accounts=True)


@pytest.fixture
async def code(engine: AsyncEngine) -> str:
    """The code of an enterprise of 靖江 that has no account."""
    code = make_code("321282")
    async with owner_unit_of_work(engine) as work:
        await make_enterprise(work, name="靖江新开有限公司", credit_code=code, region_code="321282")
    return code


@pytest.fixture
async def nobody(engine: AsyncEngine) -> AsyncGenerator[None]:
    """Whatever the test does, nobody has an account in the end."""
    yield
    async with owner_unit_of_work(engine) as work:
        assert await column(work, "SELECT login FROM person WHERE role = 'enterprise'") == []


async def test_the_first_account_is_opened_bound_to_code_and_person_and_traced(
    browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine, code: str
) -> None:
    elsewhere.will(account="legal-1", claims={"credit_code": code.lower(), "name": " 周经办\n"})
    answer = await there_and_back(next="/me/enterprise")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me/enterprise")
    assert "靖江新开有限公司" in (await browser.get("/me/enterprise")).text
    assert ">周经办<" in (await browser.get("/me")).text
    async with owner_unit_of_work(engine) as work:
        deeds = (
            await work.execute(text("SELECT actor, action, reason FROM trace_note WHERE action = 'activate'"))
        ).all()
        bound = await column(work, "SELECT subject FROM person_identity")
        hashes = await column(work, "SELECT password_hash FROM person WHERE role = 'enterprise'")
    assert [tuple(one) for one in deeds] == [(code.lower(), "activate", "统一身份认证")]
    assert (bound, hashes) == (["legal-1"], ["!"])
    # The next time it is the same account, and nobody else of the enterprise gets another.
    browser.cookies.clear()
    assert (await there_and_back()).status_code == 303
    elsewhere.will(account="legal-2", claims={"credit_code": code})
    refused = await there_and_back()
    assert (refused.status_code, "已开立过企业账号" in refused.text) == (403, True)


async def test_the_officers_find_it_among_what_came_in_and_may_end_it(
    app: FastAPI,
    browser: AsyncClient,
    elsewhere: Elsewhere,
    there_and_back: ThereAndBack,
    engine: AsyncEngine,
    code: str,
) -> None:
    elsewhere.will(account="legal-1", claims={"credit_code": code, "name": "周经办"})
    browser.headers["accept-language"] = "en"
    await there_and_back()
    async with await signed_in_client(app, "district_officer", "321282") as officer:
        assert "已由统一身份认证开立企业账号" in (await officer.get("/from-enterprises")).text
        page = (await officer.get(f"/enterprises/{code}/accounts")).text
        assert "周经办" in page and "统一身份认证</td>" in page
        async with owner_unit_of_work(engine) as work:
            (person,) = await column(work, "SELECT id FROM person WHERE role = 'enterprise'")
        await officer.post(f"/enterprises/{code}/accounts/{person}/end")
    browser.cookies.clear()
    assert (await there_and_back()).status_code == 401
    # Nor does somebody else of the enterprise get round the officer's decision.
    elsewhere.will(account="legal-3", claims={"credit_code": code})
    assert (await there_and_back()).status_code == 403


async def test_a_code_whose_file_was_merged_leads_to_the_file_that_stands(
    browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine, code: str
) -> None:
    old = make_code("321282")
    async with owner_unit_of_work(engine) as work:
        absorbed = await make_enterprise(work, name="靖江旧名有限公司", credit_code=old, region_code="321282")
        (stands,) = await column(work, "SELECT id FROM enterprise WHERE credit_code = :code", code=code)
        await merge(work, Merge(absorbed, stands, "同一企业换码"))
    elsewhere.will(account="legal-1", claims={"credit_code": old})
    assert (await there_and_back()).status_code == 303
    assert "靖江新开有限公司" in (await browser.get("/me/enterprise")).text


@pytest.mark.usefixtures("nobody")
async def test_where_no_account_can_be_opened_one_is_told_what_to_do_in_either_language(
    browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine, code: str
) -> None:
    async with owner_unit_of_work(engine) as work:
        (number,) = await column(work, "SELECT id FROM enterprise WHERE credit_code = :code", code=code)
        await end(work, number, End("cancelled", today() - timedelta(days=3), "注销公告"))
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    cases = {
        wrong: "不正确，没有开立账号。请先在统一身份认证中更正单位信息",
        make_code("321282"): "还没有登记在库",
        code: f"已于 {today() - timedelta(days=3)} 注销或吊销",
        str(number): "不正确",
    }
    for asserted, told in cases.items():
        elsewhere.will(account="legal-1", claims={"credit_code": asserted})
        browser.headers["accept-language"] = "zh"
        answer = await there_and_back()
        assert (answer.status_code, told in answer.text) == (403, True), asserted
        browser.headers["accept-language"] = "en"
        assert chinese_in((await there_and_back()).text) == [], asserted
    assert sum("信用代码" in reason for *_, reason in await trace(engine)) == 2 * len(cases)


async def test_whoever_comes_for_another_enterprise_does_not_get_into_this_one(
    browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine, code: str
) -> None:
    elsewhere.will(account="legal-1", claims={"credit_code": code})
    await there_and_back()
    browser.cookies.clear()
    async with owner_unit_of_work(engine) as work:
        other = make_code("321282")
        await make_enterprise(work, credit_code=other)
    elsewhere.will(account="legal-1", claims={"credit_code": other})
    refused = await there_and_back()
    assert (refused.status_code, "绑定的是另一家企业的账号" in refused.text) == (409, True)
    assert (await browser.get("/me/enterprise")).status_code == 303


async def test_a_login_that_somebody_has_already_is_not_taken_over(
    elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine, code: str
) -> None:
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, code.lower(), "某官员", "viewer")
    elsewhere.will(account="legal-1", claims={"credit_code": code})
    assert (await there_and_back()).status_code == 303
    async with owner_unit_of_work(engine) as work:
        logins = await column(work, "SELECT login FROM person WHERE role = 'enterprise'")
    assert logins != [code.lower()] and logins[0].startswith(f"{code.lower()}-")


@pytest.mark.usefixtures("nobody")
async def test_without_the_setting_no_account_is_opened(elsewhere: Elsewhere, engine: AsyncEngine, code: str) -> None:
    elsewhere.will(account="legal-1", claims={"credit_code": code})
    async with anonymous_client(configured(engine, elsewhere.issuer)) as browser:
        away = await browser.get("/login/sso")
        answer = await browser.get(await elsewhere.answer(away.headers["location"]))
    assert (answer.status_code, "请先凭激活函激活账号" in answer.text) == (403, True)
