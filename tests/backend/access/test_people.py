"""The administrator's list of people, and everybody's own account."""

import re

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import service
from backend.access.service import AccessRefused, LastAdministrator
from backend.database.session import owner_unit_of_work
from tests.backend.access.test_signing_in import sign_in
from tests.backend.conftest import ClientAs

ROLES = ("administrator", "city_officer", "district_officer", "viewer")
LIWEI = {"login": "liwei", "name": "李伟", "role": "district_officer", "region": "321281"}

#: Who may do what: a row per route, a column per role in the order above, then for nobody.
MATRIX = [
    ("GET", "/people", (200, 403, 403, 403, 303)),
    ("GET", "/people/new", (200, 403, 403, 403, 303)),
    ("POST", "/people/new", (422, 403, 403, 403, 303)),
    ("POST", "/people/999/password", (404, 403, 403, 403, 303)),
    ("POST", "/people/999/deactivate", (404, 403, 403, 403, 303)),
    ("POST", "/people/999/reactivate", (404, 403, 403, 403, 303)),
    ("GET", "/me", (200, 200, 200, 200, 303)),
    ("POST", "/me/password", (422, 422, 422, 422, 303)),
    ("POST", "/me/sessions/0123456789abcdef/end", (303, 303, 303, 303, 303)),
    ("GET", "/login", (303, 303, 303, 303, 200)),
    ("GET", "/healthz", (200, 200, 200, 200, 200)),
    ("GET", "/readyz", (200, 200, 200, 200, 200)),
]


async def test_every_route_is_open_to_its_roles_only(client_as: ClientAs, browser: AsyncClient):
    clients = [await client_as(role, "321281" if role == "district_officer" else "") for role in ROLES]
    found = [
        (method, path, tuple([(await client.request(method, path)).status_code for client in (*clients, browser)]))
        for method, path, _ in MATRIX
    ]
    assert found == MATRIX


async def test_a_new_person_signs_in_with_the_password_shown_once(client_as: ClientAs, browser: AsyncClient):
    page = await (await client_as("administrator")).post("/people/new", data=LIWEI)
    shown = re.search(r'id="issued-password">([^<]+)<', page.text)
    assert shown
    assert (await sign_in(browser, shown[1], login="liwei")).status_code == 303


async def test_the_list_shows_role_and_district(client_as: ClientAs):
    administrator = await client_as("administrator")
    await administrator.post("/people/new", data=LIWEI)
    page = (await administrator.get("/people")).text
    row = next(part for part in page.split("<tr>") if "李伟" in part)
    assert "兴化市" in row
    assert "待改初始口令" in row


async def names_on(client: AsyncClient, query: str) -> list[str]:
    page = await client.get(f"/people?{query}")
    assert page.status_code == 200
    return re.findall(r'<a href="/people/\d+">([^<]+)</a>', page.text)


async def test_people_are_found_by_name_login_role_and_state(client_as: ClientAs, engine: AsyncEngine):
    administrator = await client_as("administrator")
    async with owner_unit_of_work(engine) as session:
        for login, name, role in (("liwei", "李伟", "viewer"), ("zhaomin", "赵%敏", "reviewer")):
            await service.add_person(session, login, name, role, "")
        await session.execute(text("UPDATE person SET is_active = false WHERE login = 'liwei'"))
    found = {
        query: await names_on(administrator, query)
        for query in ("q=李", "q=LIWEI", "q=%25", "role=reviewer", "state=inactive", "q=谁也不是", "q=李&page=2")
    }
    assert found == {
        "q=李": ["李伟"], "q=LIWEI": ["李伟"], "q=%25": ["赵%敏"], "role=reviewer": ["赵%敏"], "state=inactive": ["李伟"],
        "q=谁也不是": [], "q=李&page=2": [],
    }  # fmt: skip


async def test_the_list_of_people_comes_in_pages(client_as: ClientAs, engine: AsyncEngine):
    administrator = await client_as("administrator")
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text(
                "INSERT INTO person (login, name, password_hash, role, region_code, is_active, must_change_password,"
                " failed_sign_ins, totp_generation, totp_step, invitation_hash)"
                " SELECT 'p' || n, '某' || n, '', 'viewer', '', true, false, 0, 0, 0, '' FROM generate_series(1, 60) AS n"
            )
        )
    first, second = await names_on(administrator, ""), await names_on(administrator, "page=2")
    assert (len(first), len(second), set(first) & set(second)) == (50, 11, set())


@pytest.mark.parametrize(
    ("seen", "made", "is_stale"), [(91, 400, True), (89, 400, False), (None, 91, True), (None, 89, False)]
)
async def test_an_account_that_nobody_uses_for_ninety_days_is_named(
    client_as: ClientAs, engine: AsyncEngine, seen: int | None, made: int, is_stale: bool
):
    administrator = await client_as("administrator")
    async with owner_unit_of_work(engine) as session:
        await service.add_person(session, "liwei", "李伟", "viewer", "")
        await session.execute(
            text(
                "UPDATE person SET last_sign_in_at = now() - make_interval(days => CAST(:seen AS int)),"
                " created_at = now() - make_interval(days => :made) WHERE login = 'liwei'"
            ),
            {"seen": seen, "made": made},
        )
    assert await names_on(administrator, "state=unused") == (["李伟"] if is_stale else [])
    assert ("1 个在用账号超过 90 天没有人登录" in (await administrator.get("/people")).text) == is_stale


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"login": "李伟"}, "用户名请用"),
        ({"name": " "}, "请填写姓名"),
        ({"role": "emperor"}, "没有角色"),
        ({"region": ""}, "必须指定所属市（区）"),
        ({"region": "999999"}, "没有市（区）"),
        ({"region": "321200"}, "没有市（区）"),
        ({"role": "city_officer"}, "不要指定市（区）"),
    ],
)
async def test_a_person_that_cannot_be_is_refused_with_the_reason(
    client_as: ClientAs, engine: AsyncEngine, wrong: dict[str, str], reason: str
):
    answer = await (await client_as("administrator")).post("/people/new", data=LIWEI | wrong)
    assert answer.status_code == 422
    assert reason in answer.text
    assert await count(engine, "SELECT count(*) FROM person") == 1


async def test_a_login_is_given_once(client_as: ClientAs):
    administrator = await client_as("administrator")
    await administrator.post("/people/new", data=LIWEI)
    answer = await administrator.post("/people/new", data=LIWEI | {"login": "LiWei"})
    assert answer.status_code == 409
    assert "已有人使用" in answer.text


async def test_a_viewer_may_be_of_one_district(client_as: ClientAs, engine: AsyncEngine):
    await (await client_as("administrator")).post("/people/new", data=LIWEI | {"role": "viewer"})
    assert await count(engine, "SELECT count(*) FROM person WHERE region_code = '321281'") == 1


async def test_a_deactivated_person_is_out_and_can_be_let_in_again(client_as: ClientAs, engine: AsyncEngine):
    administrator, viewer = await client_as("administrator"), await client_as("viewer")
    viewer_id = await count(engine, "SELECT id FROM person WHERE role = 'viewer'")
    await administrator.post(f"/people/{viewer_id}/deactivate")
    assert (await viewer.get("/me")).status_code == 303
    await administrator.post(f"/people/{viewer_id}/reactivate")
    assert await count(engine, "SELECT count(*) FROM person WHERE is_active") == 2


async def test_a_reset_password_signs_out_and_lifts_the_lock(
    client_as: ClientAs, engine: AsyncEngine, browser: AsyncClient
):
    administrator, viewer = await client_as("administrator"), await client_as("viewer")
    viewer_id = await count(engine, "SELECT id FROM person WHERE role = 'viewer'")
    login = await count(engine, "SELECT login FROM person WHERE role = 'viewer'")
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE person SET locked_until = now() + interval '10 minutes'"))
    page = await administrator.post(f"/people/{viewer_id}/password")
    shown = re.search(r'id="issued-password">([^<]+)<', page.text)
    assert shown
    assert (await viewer.get("/me")).status_code == 303
    assert (await sign_in(browser, shown[1], login=str(login))).status_code == 303


async def test_the_last_administrator_stays(client_as: ClientAs, engine: AsyncEngine):
    administrator = await client_as("administrator")
    own_id = await count(engine, "SELECT id FROM person")
    answer = await administrator.post(f"/people/{own_id}/deactivate")
    assert answer.status_code == 409
    assert "最后一个在用的系统管理员" in answer.text
    assert await count(engine, "SELECT count(*) FROM person WHERE is_active") == 1


async def test_one_of_two_administrators_may_go(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        first = (await service.add_person(work, "first", "甲", "administrator")).person
        second = (await service.add_person(work, "second", "乙", "administrator")).person
        assert first.id is not None
        assert second.id is not None
        assert not (await service.deactivate(work, first.id)).is_active
        with pytest.raises(LastAdministrator):
            await service.deactivate(work, second.id)


async def test_a_browser_elsewhere_can_be_signed_out(engine: AsyncEngine, browser: AsyncClient):
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, "wangmin", "王敏", "viewer", password="Correct horse battery")
    await sign_in(browser, "Correct horse battery")
    elsewhere = browser.cookies["tidu-session"]
    browser.cookies.clear()
    await sign_in(browser, "Correct horse battery")
    page = (await browser.get("/me")).text
    ends = re.findall(r'action="(/me/sessions/\w+/end)"', page)
    proof = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert proof
    assert len(ends) == 1
    await browser.post(ends[0], data={"csrf_token": proof[1]})
    browser.cookies.set("tidu-session", elsewhere, domain="tidu.test", path="/")
    assert (await browser.get("/me")).status_code == 303


async def test_nobody_signs_out_the_browser_of_another(client_as: ClientAs, engine: AsyncEngine):
    viewer, officer = await client_as("viewer"), await client_as("city_officer")
    session_id = await count(
        engine,
        "SELECT left(token_hash, 16) FROM web_session JOIN person ON person.id = person_id WHERE role = 'viewer'",
    )
    await officer.post(f"/me/sessions/{session_id}/end")
    assert (await viewer.get("/me")).status_code == 200


async def test_a_password_given_by_the_operator_is_judged(engine: AsyncEngine):
    with pytest.raises(AccessRefused, match="太短"):
        async with owner_unit_of_work(engine) as work:
            await service.add_person(work, "wangmin", "王敏", "viewer", password="short")


async def count(engine: AsyncEngine, query: str) -> object:
    async with owner_unit_of_work(engine) as work:
        return await work.scalar(text(query))
