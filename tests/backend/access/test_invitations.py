"""A newcomer chooses a password by a link that works once and for some days."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from backend.access import invitations, service
from backend.access.passwords import Profile, fault_of
from backend.access.queries import session_of
from backend.database.session import owner_unit_of_work
from tests.backend.access.test_signing_in import proof_in, sign_in
from tests.backend.conftest import ClientAs

NEW = "Correct horse battery"
LIWEI = {"login": "liwei", "name": "李伟", "role": "district_officer", "region": "321281", "by_invitation": "true"}


@pytest.fixture
async def link(client_as: ClientAs) -> str:
    page = await (await client_as("administrator")).post("/people/new", data=LIWEI)
    found = re.search(r'id="invitation">http://tidu.test(/invitations/[^<]+)<', page.text)
    assert found, page.text
    return found[1]


async def choose(browser: AsyncClient, link: str, new: str = NEW, again: str = NEW) -> int:
    page = await browser.get(link)
    if page.status_code != 200:
        return page.status_code
    form = {"new": new, "again": again, "csrf_token": proof_in(page)}
    return (await browser.post(link, data=form)).status_code


async def test_the_link_lets_a_newcomer_choose_a_password_and_in(link: str, browser: AsyncClient):
    assert "liwei" in (await browser.get(link)).text
    assert await choose(browser, link) == 303
    assert "李伟" in (await browser.get("/me")).text
    browser.cookies.clear()
    assert (await sign_in(browser, NEW, login="liwei")).status_code == 303


async def test_the_link_works_once(link: str, browser: AsyncClient):
    await choose(browser, link)
    browser.cookies.clear()
    assert await choose(browser, link) == 410


@pytest.mark.parametrize(
    ("new", "again"), [("short", "short"), (NEW, NEW + "x"), ("onlysmallletters", "onlysmallletters")]
)
async def test_a_password_that_cannot_be_leaves_the_link_as_it_was(
    link: str, browser: AsyncClient, new: str, again: str
):
    assert await choose(browser, link, new, again) == 422
    assert await choose(browser, link) == 303


async def test_a_guessed_link_opens_nothing(browser: AsyncClient, link: str):
    assert (await browser.get("/invitations/guessed")).status_code == 410


async def test_the_link_is_over_after_three_days_and_after_a_new_one(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        person = (await service.add_person(work, "liwei", "李伟", "viewer")).person
        assert person.id is not None
        first = await invitations.invite(work, person.id)
        second = await invitations.invite(work, person.id)
        with pytest.raises(invitations.InvitationOver):
            await invitations.invited(work, first)
        later = datetime.now(UTC) + timedelta(days=invitations.DAYS, minutes=1)
        with pytest.raises(invitations.InvitationOver):
            await invitations.invited(work, second, later)
        assert (await invitations.invited(work, second)).login == "liwei"


async def test_an_invited_person_has_no_password_until_then(link: str, browser: AsyncClient):
    assert (await sign_in(browser, "!", login="liwei")).status_code == 401


@pytest.mark.parametrize("password", ["onlysmallletters", "长江大桥今天很堵车呀", "1357924680", "UPPERandlower"])
def test_dengbao_wants_three_kinds_of_signs_and_asvs_does_not(password: str):
    assert "三类" in (fault_of(password, "wangmin", "王敏", Profile.DENGBAO) or "")
    assert fault_of(password, "wangmin", "王敏", Profile.ASVS) is None


@pytest.mark.parametrize(("password_days", "must_change"), [(180, True), (182, False), (None, False)])
async def test_an_old_password_must_be_changed_where_the_profile_says_so(
    engine: AsyncEngine, password_days: int | None, must_change: bool
):
    in_half_a_year = datetime.now(UTC) + timedelta(days=181)
    async with owner_unit_of_work(engine) as work:
        person = (await service.add_person(work, "liwei", "李伟", "viewer", password=NEW)).person
        assert person.id is not None
        token = await service.open_session(work, person.id, timedelta(hours=1), now=in_half_a_year)
        found = await session_of(work, service.hash_of(token), timedelta(hours=1), in_half_a_year, password_days)
    assert found is not None
    assert found.person.must_change_password is must_change


async def test_all_other_browsers_are_signed_out_at_once(engine: AsyncEngine, browser: AsyncClient):
    async with owner_unit_of_work(engine) as work:
        await service.add_person(work, "wangmin", "王敏", "viewer", password=NEW)
    await sign_in(browser, NEW)
    elsewhere = browser.cookies["tidu-session"]
    browser.cookies.clear()
    await sign_in(browser, NEW)
    await browser.post("/me/sessions/end-others", data={"csrf_token": proof_in(await browser.get("/me"))})
    assert (await browser.get("/me")).status_code == 200
    browser.cookies.set("tidu-session", elsewhere, domain="tidu.test", path="/")
    assert (await browser.get("/me")).status_code == 303


async def test_the_log_tells_of_an_invitation_without_what_opens_it(link: str, browser: AsyncClient):
    with capture_logs() as written:
        await choose(browser, link)
    assert {one["path"] for one in written} == {"/invitations/…"}
    assert link.rpartition("/")[2] not in str(written)
