"""The city's single sign-on, against a real provider of OpenID Connect on the loopback (npm's oidc-provider)."""

import re
from time import time
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from joserfc import jwt
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.sign_on.provider import LEEWAY_SECONDS, is_safe_address
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.access.sign_on.conftest import PASSWORD, Elsewhere, ThereAndBack, configured, trace
from tests.backend.access.test_signing_in import proof_in, sign_in
from tests.backend.web_client import ADDRESS, anonymous_client, signed_in_client
from tests.factories import make_enterprise


async def test_the_button_is_there_only_where_the_single_sign_on_is_set_up(browser: AsyncClient, engine: AsyncEngine):
    assert "用统一身份认证登录" in (await browser.get("/login")).text
    async with anonymous_client(create_app(Settings(), engine)) as without:
        assert "统一身份认证" not in (await without.get("/login")).text
        refused = await without.get("/login/sso")
    assert (refused.status_code, "没有启用统一身份认证" in refused.text) == (404, True)


async def test_a_bound_account_signs_in_in_its_own_role_and_goes_where_it_wanted(
    browser: AsyncClient, officer: int, there_and_back: ThereAndBack, engine: AsyncEngine
):
    answer = await there_and_back(next="/plans")
    assert (answer.status_code, answer.headers["location"]) == (303, "/plans")
    page = (await browser.get("/me")).text
    assert "张三" in page
    assert "兴化" in page
    assert ("zhangsan", "sign_in", "统一身份认证") in await trace(engine)
    assert [one for one in answer.headers.get_list("set-cookie") if "tidu-session" in one and "HttpOnly" in one]


async def test_what_is_asked_has_a_state_a_nonce_and_a_proof_key(browser: AsyncClient):
    asked = parse_qs(urlsplit((await browser.get("/login/sso")).headers["location"]).query)
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert asked["redirect_uri"] == [f"{ADDRESS}/login/sso/callback"]


async def test_an_answer_works_once(browser: AsyncClient, elsewhere: Elsewhere, officer: int):
    away = await browser.get("/login/sso")
    back = await elsewhere.answer(away.headers["location"])
    kept = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    browser.cookies.clear()
    for name, value in kept.items():
        browser.cookies.set(name, value)
    again = await browser.get(back)
    assert (again.status_code, "已过期或已经用过" in again.text) == (400, True)
    assert (await browser.get("/me")).status_code == 303


@pytest.mark.parametrize("meddled", ["state=another", "state=", "none"])
async def test_the_answer_to_another_browsers_attempt_is_refused(
    browser: AsyncClient, elsewhere: Elsewhere, officer: int, meddled: str
):
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    if meddled == "none":
        browser.cookies.clear()
    else:
        back = re.sub(r"state=[^&]*", meddled, back)
    answer = await browser.get(back)
    assert (answer.status_code, "重新点" in answer.text) == (400, True)


async def test_a_code_stolen_from_another_attempt_is_worth_nothing(
    browser: AsyncClient, app: FastAPI, elsewhere: Elsewhere, officer: int, engine: AsyncEngine
):
    """The victim's code, brought with the thief's own state: the proof key is not the one it was asked with."""
    async with anonymous_client(app) as victim:
        stolen = await elsewhere.answer((await victim.get("/login/sso")).headers["location"])
    own = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    answer = await browser.get(re.sub(r"code=[^&]*", f"code={code}", own))
    assert (answer.status_code, "没有通过" in answer.text) == (401, True)
    assert [reason for _, action, reason in await trace(engine) if action == "sign_in_failed"] == [
        "授权码换令牌被拒绝：invalid_grant"
    ]


async def test_a_token_for_another_request_is_refused(
    browser: AsyncClient, elsewhere: Elsewhere, officer: int, engine: AsyncEngine
):
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE sign_on_attempt SET nonce = 'the nonce of another request'"))
    answer = await browser.get(back)
    assert (answer.status_code, "没有通过校验" in answer.text) == (401, True)
    assert any("nonce" in reason for *_, reason in await trace(engine))


async def test_a_token_that_is_over_is_refused(
    app: FastAPI, browser: AsyncClient, elsewhere: Elsewhere, officer: int, engine: AsyncEngine
):
    elsewhere.will(lifetime=60)
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    app.state.sso_provider.clock = lambda: time() + 60 + LEEWAY_SECONDS + 5
    answer = await browser.get(back)
    assert (answer.status_code, "没有通过校验" in answer.text) == (401, True)
    assert any("expired" in reason for *_, reason in await trace(engine))


async def test_an_attempt_left_lying_is_over_after_ten_minutes(
    browser: AsyncClient, elsewhere: Elsewhere, officer: int, engine: AsyncEngine
):
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE sign_on_attempt SET expires_at = now() - interval '1 second'"))
    assert (await browser.get(back)).status_code == 400


async def test_keys_may_change_while_somebody_is_on_the_way(
    browser: AsyncClient, elsewhere: Elsewhere, officer: int, there_and_back: ThereAndBack
):
    assert (await there_and_back()).status_code == 303
    browser.cookies.clear()
    elsewhere.will(rotate=True)
    assert (await there_and_back()).status_code == 303


async def test_a_token_for_another_client_is_refused(
    app: FastAPI, browser: AsyncClient, elsewhere: Elsewhere, officer: int, engine: AsyncEngine
):
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    believed = app.state.sso_provider._read  # pyright: ignore[reportPrivateUsage]

    async def for_another(signed: str) -> jwt.Token:
        token = await believed(signed)
        return jwt.Token(token.header, token.claims | {"aud": "another-system", "azp": "another-system"})

    app.state.sso_provider._read = for_another
    answer = await browser.get(back)
    assert (answer.status_code, "没有通过校验" in answer.text) == (401, True)
    assert any("aud" in reason for *_, reason in await trace(engine))


async def test_an_answer_in_another_issuers_name_is_refused(browser: AsyncClient, elsewhere: Elsewhere, officer: int):
    back = await elsewhere.answer((await browser.get("/login/sso")).headers["location"])
    assert "iss=" in back
    answer = await browser.get(re.sub(r"iss=[^&]*", "iss=https%3A%2F%2Felsewhere.example", back))
    assert answer.status_code == 401


async def test_a_provider_that_names_itself_otherwise_is_not_used(engine: AsyncEngine, elsewhere: Elsewhere):
    async with anonymous_client(configured(engine, elsewhere.issuer + "/")) as browser:
        answer = await browser.get("/login/sso")
    assert (answer.status_code, "暂时无法使用" in answer.text) == (503, True)


async def test_without_the_provider_people_still_have_their_passwords(engine: AsyncEngine, officer: int):
    async with anonymous_client(configured(engine, "http://127.0.0.1:1")) as browser:
        answer = await browser.get("/login/sso")
        assert (answer.status_code, "先用用户名和口令登录" in answer.text) == (503, True)
        signed_in = await sign_in(browser, PASSWORD, login="zhangsan")
    assert signed_in.status_code == 303
    assert any("没有应答" in reason for *_, reason in await trace(engine))


async def test_a_person_who_says_no_there_is_told_so(there_and_back: ThereAndBack, elsewhere: Elsewhere, officer: int):
    elsewhere.will(decline=True)
    answer = await there_and_back()
    assert (answer.status_code, "没有通过（已取消" in answer.text) == (401, True)


async def test_nobody_gets_an_account_by_signing_in_there(
    there_and_back: ThereAndBack, elsewhere: Elsewhere, engine: AsyncEngine
):
    elsewhere.will(account="stranger", claims={"name": "陌生人"})
    answer = await there_and_back()
    assert (answer.status_code, "统一身份“stranger”还没有绑定" in answer.text) == (403, True)
    async with owner_unit_of_work(engine) as work:
        assert await work.scalar(text("SELECT count(*) FROM person")) == 0


async def test_an_invitation_binds_whoever_comes_with_it_and_once(
    app: FastAPI, browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack
):
    elsewhere.will(account="li-wei")
    newcomer = {"login": "liwei", "name": "李伟", "role": "viewer", "by_invitation": "true"}
    async with await signed_in_client(app, "administrator") as administrator:
        page = (await administrator.post("/people/new", data=newcomer)).text
    found = re.search(r"/invitations/([\w-]+)<", page)
    assert found
    assert f"invitation={found[1]}" in (await browser.get(f"/invitations/{found[1]}")).text
    assert (await there_and_back(invitation=found[1])).status_code == 303
    assert "李伟" in (await browser.get("/me")).text
    assert (await browser.get(f"/invitations/{found[1]}")).status_code == 410
    browser.cookies.clear()
    assert (await there_and_back()).status_code == 303


async def test_an_enterprise_is_found_by_the_credit_code_that_the_provider_vouches_for(
    browser: AsyncClient, elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work)
        code = await work.scalar(text("SELECT credit_code FROM enterprise WHERE id = :id"), {"id": number})
        await service.add_person(work, "firm", "某公司", "enterprise", enterprise=str(code))
    elsewhere.will(account="firm-1", claims={"credit_code": code})
    assert (await there_and_back()).status_code == 303
    assert "某公司" in (await browser.get("/me")).text
    browser.cookies.clear()
    # Somebody else of the same enterprise does not take the account over.
    elsewhere.will(account="firm-2", claims={"credit_code": code})
    assert (await there_and_back()).status_code == 403


async def test_a_credit_code_without_an_account_is_told_what_to_do(
    elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work)
        known = await work.scalar(text("SELECT credit_code FROM enterprise WHERE id = :id"), {"id": number})
        before = await work.scalar(text("SELECT count(*) FROM person"))
    told: set[str] = set()
    for code in (str(known), "91320000000000000X"):
        elsewhere.will(account="firm-9", claims={"credit_code": code})
        answer = await there_and_back()
        assert (answer.status_code, code in answer.text, "请先凭激活函激活账号" in answer.text) == (403, True, True)
        told |= {line.replace(code, "") for line in answer.text.splitlines() if code in line}
    # Whether the registry has the enterprise is not given away, and nobody gets an account by it.
    assert len(told) == 1
    async with owner_unit_of_work(engine) as work:
        assert await work.scalar(text("SELECT count(*) FROM person")) == before


async def test_a_credit_code_never_opens_an_officers_account(
    elsewhere: Elsewhere, there_and_back: ThereAndBack, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work)
        code = await work.scalar(text("SELECT credit_code FROM enterprise WHERE id = :id"), {"id": number})
        issued = await service.add_person(work, "boss", "某官员", "city_officer")
        issued.person.enterprise_id = number
    elsewhere.will(account="firm-1", claims={"credit_code": code})
    assert (await there_and_back()).status_code == 403


async def test_a_deactivated_account_stays_out(officer: int, there_and_back: ThereAndBack, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        await service.deactivate(work, officer)
    answer = await there_and_back()
    assert (answer.status_code, "已停用、到期或暂时锁定" in answer.text) == (401, True)


async def test_an_own_second_factor_is_asked_for_all_the_same(
    browser: AsyncClient, officer: int, there_and_back: ThereAndBack, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE person SET totp_generation = 1 WHERE id = :id"), {"id": officer})
    answer = await there_and_back(next="/plans")
    assert answer.headers["location"] == "/login/code?next=%2Fplans"
    assert (await browser.get("/me")).status_code == 303


async def test_who_has_no_password_here_need_not_change_it(
    browser: AsyncClient, officer: int, there_and_back: ThereAndBack, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        await work.execute(
            text(
                "UPDATE person SET must_change_password = true, password_hash = '!', password_changed_at = '2020-01-01'"
            )
        )
    await there_and_back()
    assert (await browser.get("/enterprises")).status_code == 200


async def test_leaving_says_that_the_session_goes_on_there_and_where_to_end_it(
    browser: AsyncClient, elsewhere: Elsewhere, officer: int, there_and_back: ThereAndBack, engine: AsyncEngine
):
    await there_and_back()
    proof = proof_in(await browser.get("/me"))
    answer = await browser.post("/logout", data={"csrf_token": proof})
    page = (await browser.get(answer.headers["location"])).text
    found = re.search(r'id="sso-out" href="([^"]+)"', page)
    assert found
    async with AsyncClient() as away:
        ended = await away.get(found[1].replace("&amp;", "&"))
    assert (ended.status_code, "logout" in ended.text.lower()) == (200, True)


async def test_the_administrator_binds_and_unbinds_and_nobody_twice(
    app: FastAPI, officer: int, elsewhere: Elsewhere, there_and_back: ThereAndBack
):
    async with await signed_in_client(app, "administrator") as administrator:
        page = (await administrator.get(f"/people/{officer}")).text
        assert 'value="zhang-san"' in page
        issued = await administrator.post("/people/new", data={"login": "other", "name": "另一人", "role": "viewer"})
        assert issued.status_code == 200
        other = officer + 2  # the administrator was made in between
        refused = await administrator.post(f"/people/{other}/identity", data={"subject": "zhang-san"})
        assert (refused.status_code, "已绑定用户“zhangsan”" in refused.text) == (422, True)
        await administrator.post(f"/people/{officer}/identity", data={"subject": ""})
    assert (await there_and_back()).status_code == 403


async def test_binding_leaves_its_entry_in_the_trace(app: FastAPI, officer: int, engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        found = await work.execute(
            text("SELECT action, after ->> 'subject' FROM trace_note WHERE subject = 'person_identity'")
        )
        assert [tuple(row) for row in found] == [("insert", "zhang-san")]


@pytest.mark.parametrize(
    ("address", "is_safe"),
    [
        ("https://sso.example.cn/x", True), ("http://127.0.0.1:8080/x", True), ("http://sso.example.cn/x", False),
        ("https:///x", False), ("javascript:alert(1)", False), (None, False),
    ],
)  # fmt: skip
def test_only_addresses_by_https_or_of_this_machine_are_gone_to(address: object, is_safe: bool):
    assert is_safe_address(address) is is_safe


def test_a_single_sign_on_without_https_is_refused_in_the_settings():
    with pytest.raises(ValidationError, match="请写成 https"):
        Settings(sso_issuer="http://sso.example.cn")
