"""Which acts wait for a second person, what that person is shown, and that what changed meanwhile is refused."""

import re
from typing import get_args

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.proposals import kinds
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.settings import FourEyesKind, Settings
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.test_running import until
from tests.factories import column, make_code, make_enterprise, make_filing, make_recognition

CODE = make_code("321281")
FACT = f"/enterprises/{CODE}/facts/sales_revenue"
SHEET = "企业名称,统一社会信用代码,所在地区\n" + "".join(
    f"泰州第{number}锻造有限公司,{make_code('321281')},兴化市\n" for number in range(1, 4)
)


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(Settings(four_eyes_undo_rows=2), engine)


@pytest.fixture
async def title(engine: AsyncEngine) -> int:
    """A title of an enterprise whose sources disagree about its revenue."""
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, credit_code=CODE, region_code="321281")
        await make_filing(session, number, {"sales_revenue": 1000})
        await make_filing(session, number, {"sales_revenue": 2000}, source="tax")
        return await make_recognition(session, number, "srdi_sme")


@pytest.fixture
async def officer(client_as: ClientAs, title: int) -> AsyncClient:
    return await client_as("district_officer", region="321281")


@pytest.fixture
async def reviewer(client_as: ClientAs) -> AsyncClient:
    return await client_as("reviewer")


async def first(engine: AsyncEngine, query: str) -> object:
    async with owner_unit_of_work(engine) as session:
        found = await column(session, query)
    return found[0] if found else None


async def waiting(client: AsyncClient) -> str:
    """The page of what waits, without its marks."""
    return re.sub(r"<[^>]*>|\s+", " ", (await client.get("/proposals")).text)


async def confirm(client: AsyncClient) -> Response:
    """Confirm the only one that waits."""
    page = (await client.get("/proposals")).text
    (which,) = re.findall(r'action="(/proposals/\d+)/confirm"', page)
    return await client.post(f"{which}/confirm")


async def extend(officer: AsyncClient, title: int, until: str = "2030-12-31") -> Response:
    body = {"valid_to": until, "notice": "〔2026〕9号"}
    return await officer.post(f"/api/v1/recognitions/{title}/extension", json=body, headers={"If-Match": "*"})


def test_every_kind_that_can_be_waived_is_one_that_waits(app: FastAPI):
    assert set(kinds()) <= set(get_args(FourEyesKind))


async def test_a_title_is_extended_only_when_another_one_confirms_it(
    engine: AsyncEngine, officer: AsyncClient, reviewer: AsyncClient, title: int
):
    answer = await extend(officer, title)
    assert (answer.status_code, answer.json()["state"]) == (202, "open")
    assert re.search(r"有效至 2027-11-05\s+有效至 2030-12-31", await waiting(reviewer))
    await confirm(reviewer)
    told = (await officer.get(answer.headers["location"])).json()
    assert (told["state"], told["changes"][0]["after"]) == ("confirmed", "有效至 2030-12-31")
    assert await first(engine, "SELECT valid_to::text FROM recognition WHERE superseded_at IS NULL") == "2030-12-31"


async def test_a_title_that_changed_meanwhile_is_not_extended(
    engine: AsyncEngine, officer: AsyncClient, reviewer: AsyncClient, title: int
):
    await extend(officer, title)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE recognition SET superseded_at = now()"))
    refused = await confirm(reviewer)
    assert (refused.status_code, "已被修改" in refused.text) == (422, True)
    assert await first(engine, "SELECT state FROM proposal") == "open"


async def test_the_very_same_is_not_proposed_twice(officer: AsyncClient, title: int):
    await extend(officer, title)
    again = await extend(officer, title)
    assert (again.status_code, "已经提交" in again.text) == (409, True)
    assert (await extend(officer, title, "2030-12-30")).status_code == 202


async def settle(officer: AsyncClient) -> Response:
    page = (await officer.get(f"{FACT}?year=2025")).text
    seen = re.findall(r'name="seen" value="(\d+)"', page)[0]
    form = {"choice": "other", "value": "1500.5", "reason": "看过审计报告", "seen": seen}
    return await officer.post(f"{FACT}?year=2025", data=form)


async def test_a_conflict_is_settled_only_when_another_one_confirms_it(
    engine: AsyncEngine, officer: AsyncClient, reviewer: AsyncClient
):
    settled = "SELECT \"values\" ->> 'sales_revenue' FROM filing WHERE source = 'officer'"
    assert "done=proposed" in (await settle(officer)).headers["location"]
    assert await first(engine, settled) is None
    page = await waiting(reviewer)
    # A reviewer may not know what the tax office said; the act is done all the same.
    assert "企业自报 1,000" in page and "1,500.5 万元" in page and "2,000" not in page
    await confirm(reviewer)
    assert await first(engine, settled) == "1500.5"
    assert await first(engine, "SELECT count(*) FROM fact_conflict") == 0


async def test_a_conflict_that_moved_meanwhile_is_not_settled(
    engine: AsyncEngine, officer: AsyncClient, reviewer: AsyncClient
):
    await settle(officer)
    async with owner_unit_of_work(engine) as session:
        number = (await column(session, "SELECT id FROM enterprise"))[0]
        await make_filing(session, number, {"sales_revenue": 3000}, source="tax")
    refused = await confirm(reviewer)
    assert (refused.status_code, "有来源报来新的数" in refused.text) == (409, True)


async def revise(city: AsyncClient, note: str = "更名") -> Response:
    head = {
        "title": "另一个名称", "lead_body": "科技局", "horizon": "2027", "territory": "321200", "status": "issued",
        "based_on": "0", "version_note": note,
    }  # fmt: skip
    return await city.post("/plans/P000/edit", data=head)


async def test_a_plan_holds_as_it_was_until_another_one_confirms_the_new_version(
    engine: AsyncEngine, client_as: ClientAs, reviewer: AsyncClient
):
    city = await client_as("city_officer")
    answer = await revise(city)
    assert answer.headers.get("location", answer.text[:3000]) == "/plans/P000/edit?done=proposed"
    assert "另一个名称" not in (await city.get("/plans")).text
    assert "另一个名称" in await waiting(reviewer)
    await confirm(reviewer)
    assert "另一个名称" in (await city.get("/plans")).text


async def test_of_two_revisions_of_one_version_the_second_is_refused(client_as: ClientAs, reviewer: AsyncClient):
    city = await client_as("city_officer")
    await revise(city, "一")
    await revise(city, "二")
    places = re.findall(r'action="(/proposals/\d+)/confirm"', (await reviewer.get("/proposals")).text)
    answers = [await reviewer.post(f"{place}/confirm") for place in places]
    assert [one.status_code for one in answers] == [303, 409]
    assert "已被他人修改" in answers[1].text


async def test_a_plan_is_the_whole_citys_and_no_district_sees_that_it_waits(client_as: ClientAs):
    await revise(await client_as("city_officer"))
    assert "没有待确认的事项" in await waiting(await client_as("reviewer", region="321281"))


async def carry_out(officer: AsyncClient) -> str:
    """Import three enterprises; gives the page of the import."""
    files = {"file": ("企业.csv", SHEET.encode(), "text/csv")}
    page = (await officer.post("/imports", files=files, data={"layout": "enterprises"})).headers["location"]
    await officer.post(f"{page}/commit")
    return page


async def test_official_lists_are_imported_at_once_and_undone_by_two(
    engine: AsyncEngine, officer: AsyncClient, client_as: ClientAs
):
    page = await carry_out(officer)
    registered = "SELECT count(*) FROM enterprise WHERE status = 'active'"
    assert await first(engine, registered) == 4
    await officer.post(f"{page}/undo")
    assert "由另一人" in (await officer.get(page)).text
    assert await first(engine, registered) == 4
    reviewer = await client_as("reviewer", region="321281")
    assert "3 家" in await waiting(reviewer)
    assert (await confirm(reviewer)).status_code == 303
    await until(engine, "undone_in_part", "undone")
    assert await first(engine, registered) == 1


async def test_another_district_neither_sees_nor_decides_what_is_of_no_enterprise(
    officer: AsyncClient, client_as: ClientAs
):
    await officer.post(f"{await carry_out(officer)}/undo")
    other = await client_as("reviewer", region="321282")
    assert "没有待确认的事项" in await waiting(other)
    assert (await other.post("/proposals/1/confirm")).status_code == 404


async def test_what_an_installation_waives_is_done_at_once(app: FastAPI, officer: AsyncClient, title: int):
    app.state.settings = Settings(four_eyes_waived=("recognition.extend",))
    assert (await extend(officer, title)).status_code == 200
    body = {"revoked_on": "2026-03-01", "reason": "公告取消"}
    answer = await officer.post(f"/api/v1/recognitions/{title}/revocation", json=body, headers={"If-Match": "*"})
    assert answer.status_code == 202


async def test_the_workbench_tells_who_can_decide_how_much_waits(
    officer: AsyncClient, reviewer: AsyncClient, title: int
):
    await extend(officer, title)
    assert "1 件他人提交的事项" in (await reviewer.get("/")).text
    assert "他人提交的事项" not in (await officer.get("/")).text
