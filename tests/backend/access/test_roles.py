"""Several roles of one person, each from a day to a day; and what the roles that read no enterprise are kept from."""

import re
from datetime import date, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access import roles, service
from backend.access.service import AccessRefused
from backend.clock import today
from backend.database.session import owner_unit_of_work
from tests.backend.access.test_signing_in import proof_in, sign_in
from tests.backend.conftest import ClientAs
from tests.factories import make_code, make_enterprise

PASSWORD = "Correct horse battery"
YESTERDAY, TOMORROW = today() - timedelta(days=1), today() + timedelta(days=1)


async def add(engine: AsyncEngine, role: str, region: str = "", **given: object) -> int:
    async with owner_unit_of_work(engine) as work:
        issued = await service.add_person(work, "wangmin", "王敏", role, region, PASSWORD, **given)  # type: ignore[arg-type]
        assert issued.person.id is not None
        return issued.person.id


async def give(engine: AsyncEngine, person_id: int, role: str, region: str = "", since: date = YESTERDAY, until: date | None = None) -> int:  # fmt: skip
    async with owner_unit_of_work(engine) as work:
        one = await roles.give_role(work, person_id, role, region, since, until)
        assert one.id is not None
        return one.id


async def test_a_further_role_is_acted_in_when_chosen(engine: AsyncEngine, browser: AsyncClient):
    person_id = await add(engine, "district_officer", "321281")
    role_id = await give(engine, person_id, "viewer")
    await sign_in(browser, PASSWORD)
    page = await browser.get("/me")
    assert "以哪个角色工作" in page.text
    answer = await browser.post("/me/role", data={"role_id": str(role_id), "csrf_token": proof_in(page)})
    assert answer.status_code == 303
    side = (await browser.get("/me")).text.partition('class="shell-user"')[2]
    assert "领导（查看）" in side.partition("</div>")[0]


@pytest.mark.parametrize(
    ("since", "until", "is_offered"),
    [(YESTERDAY, None, True), (YESTERDAY, YESTERDAY, False), (TOMORROW, None, False), (today(), today(), True)],
)
async def test_a_role_counts_from_its_first_day_through_its_last(
    engine: AsyncEngine, browser: AsyncClient, since: date, until: date | None, is_offered: bool
):
    await give(engine, await add(engine, "district_officer", "321281"), "viewer", "", since, until)
    await sign_in(browser, PASSWORD)
    assert ("以哪个角色工作" in (await browser.get("/me")).text) is is_offered


async def test_nobody_acts_in_a_role_they_do_not_have(engine: AsyncEngine, browser: AsyncClient):
    person_id = await add(engine, "viewer", "321281")
    ended = await give(engine, person_id, "city_officer", until=YESTERDAY)
    await sign_in(browser, PASSWORD)
    proof = proof_in(await browser.get("/me"))
    for role_id in (str(ended), "999999", "x" * 40):
        answer = await browser.post("/me/role", data={"role_id": role_id, "csrf_token": proof})
        assert answer.status_code in (303, 422)
    assert "市级工作人员" not in (await browser.get("/me")).text


async def test_an_administrator_with_a_further_role_does_both(engine: AsyncEngine, browser: AsyncClient):
    await give(engine, await add(engine, "administrator"), "city_officer")
    await sign_in(browser, PASSWORD)
    assert [(await browser.get(path)).status_code for path in ("/people", "/enterprises")] == [200, 200]


async def test_a_role_taken_away_signs_out_and_is_gone(engine: AsyncEngine, browser: AsyncClient):
    person_id = await add(engine, "administrator")
    role_id = await give(engine, person_id, "city_officer")
    await sign_in(browser, PASSWORD)
    async with owner_unit_of_work(engine) as work:
        await roles.take_role(work, person_id, role_id, today())
    assert (await browser.get("/me")).status_code == 303
    await sign_in(browser, PASSWORD)
    assert (await browser.get("/enterprises")).status_code == 403


@pytest.mark.parametrize(("main", "further"), [("administrator", "auditor"), ("auditor", "administrator")])
async def test_who_manages_people_is_not_who_audits(engine: AsyncEngine, main: str, further: str):
    person_id = await add(engine, main)
    with pytest.raises(AccessRefused, match="三权分立"):
        await give(engine, person_id, further)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"role": "enterprise"}, "企业账号"),
        ({"role": "district_officer"}, "必须指定"),
        ({"role": "viewer", "valid_to": "2020-01-01"}, "早于起日"),
        ({"role": "viewer", "valid_from": "soon"}, "不是日期"),
    ],
)
async def test_a_role_that_cannot_be_is_refused_on_the_page(
    client_as: ClientAs, engine: AsyncEngine, given: dict[str, str], reason: str
):
    administrator = await client_as("administrator")
    person_id = await add(engine, "viewer")
    answer = await administrator.post(f"/people/{person_id}/roles", data=given)
    assert answer.status_code in (409, 422)
    assert reason in answer.text


async def test_the_administrator_gives_and_ends_roles_on_the_page(client_as: ClientAs, engine: AsyncEngine):
    administrator = await client_as("administrator")
    person_id = await add(engine, "viewer")
    form = {"role": "reviewer", "region": "321281", "valid_from": "2026-01-01"}
    await administrator.post(f"/people/{person_id}/roles", data=form)
    page = (await administrator.get(f"/people/{person_id}")).text
    ends = re.findall(rf'action="(/people/{person_id}/roles/\d+/end)"', page)
    assert "复核人员" in page
    await administrator.post(ends[0])
    assert "已结束" in (await administrator.get(f"/people/{person_id}")).text


async def test_an_account_for_a_time_ends_with_its_last_day(engine: AsyncEngine, browser: AsyncClient):
    await add(engine, "viewer", active_until=today())
    assert (await sign_in(browser, PASSWORD)).status_code == 303
    async with owner_unit_of_work(engine) as work:
        await work.execute(text("UPDATE person SET active_until = :day"), {"day": YESTERDAY})
    assert (await browser.get("/me")).status_code == 303
    assert (await sign_in(browser, PASSWORD)).status_code == 401


@pytest.mark.parametrize("path", ["/enterprises", "/recognitions", "/plans", "/imports", "/api/v1/enterprises"])
async def test_an_administrator_sees_no_enterprise(client_as: ClientAs, path: str):
    administrator = await client_as("administrator")
    assert (await administrator.get(path)).status_code == 403
    assert (await administrator.get("/")).headers["location"] == "/people"


async def test_an_enterprise_sees_itself_and_nothing_else(engine: AsyncEngine, browser: AsyncClient):
    code = make_code()
    async with owner_unit_of_work(engine) as work:
        own = await make_enterprise(work, name="泰州本企业有限公司", credit_code=code)
        other = await make_enterprise(work, name="泰州别家有限公司")
    await add(engine, "enterprise", enterprise=code)
    await sign_in(browser, PASSWORD)
    assert (await browser.get("/")).headers["location"] == "/me/enterprise"
    assert "泰州本企业有限公司" in (await browser.get("/me/enterprise")).text
    assert "泰州本企业有限公司" in (await browser.get(f"/enterprises/{code}")).text
    statuses = [
        (await browser.get(path)).status_code
        for path in (
            f"/enterprises/{other}",
            "/enterprises",
            "/enterprises/export",
            f"/enterprises/{own}/edit",
            "/plans",
        )
    ]
    assert statuses == [404, 403, 403, 403, 403]


async def test_an_enterprises_account_needs_its_enterprise(engine: AsyncEngine):
    with pytest.raises(AccessRefused, match="没有统一社会信用代码"):
        await add(engine, "enterprise", enterprise="91321202DEM000000X")
