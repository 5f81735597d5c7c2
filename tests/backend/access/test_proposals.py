"""What matters is proposed by one and done when another one confirms it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.proposals import LIFE
from backend.access.roles import give_role
from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.main import create_app
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.factories import column, make_code, make_enterprise, make_recognition

CODE = make_code()
TITLE = {"programme": "hnte", "granted_on": "2025-11-06", "number": "GR202532000001", "notice": "〔2025〕1号"}


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(Settings(four_eyes=True), engine)


@pytest.fixture
async def enterprise_id(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await make_enterprise(session, credit_code=CODE, region_code="321281")


@pytest.fixture
async def officer(client_as: ClientAs, enterprise_id: int) -> AsyncClient:
    return await client_as("district_officer", region="321281")


async def titles(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        found = await session.scalar(
            text("SELECT count(*) FROM recognition WHERE superseded_at IS NULL AND revoked_on IS NULL")
        )
        return int(found or 0)


async def propose(officer: AsyncClient) -> str:
    """The address of what was proposed, as the list shows it to its author."""
    answer = await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE)
    assert answer.headers["location"].endswith("?done=proposed"), answer.text
    return re.findall(r'action="(/proposals/\d+)/withdraw"', (await officer.get("/proposals")).text)[-1]


async def test_a_title_by_hand_counts_only_when_another_one_confirms_it(
    engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient
):
    proposal = await propose(officer)
    assert await titles(engine) == 0
    reviewer = await client_as("reviewer")
    page = (await reviewer.get("/proposals")).text
    assert "登记认定：高新技术企业" in page.replace("国家", "")
    answer = await reviewer.post(f"{proposal}/confirm")
    assert answer.headers["location"] == "/proposals?done=confirmed"
    assert await titles(engine) == 1
    assert "已确认" in (await officer.get("/proposals")).text


async def test_nobody_confirms_what_they_proposed(engine: AsyncEngine, client_as: ClientAs, enterprise_id: int):
    officer = await client_as("city_officer")
    proposal = await propose(officer)
    assert (await officer.post(f"{proposal}/confirm")).status_code == 409
    assert await titles(engine) == 0


async def test_nobody_confirms_it_in_another_of_their_own_roles_either(
    engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient
):
    proposal = await propose(officer)
    async with owner_unit_of_work(engine) as session:
        author = (await column(session, "SELECT proposed_by FROM proposal"))[0]
        role = await give_role(session, author, "reviewer", "", today())
    assert (await officer.post("/me/role", data={"role_id": str(role.id)})).status_code == 303
    answer = await officer.post(f"{proposal}/confirm")
    assert (answer.status_code, "不能确认或退回自己提交的事项" in answer.text) == (409, True)
    assert await titles(engine) == 0


async def test_the_database_itself_keeps_the_author_from_confirming(engine: AsyncEngine, officer: AsyncClient):
    await propose(officer)
    async with owner_unit_of_work(engine) as session:
        author = await session.scalar(text("SELECT proposed_by FROM proposal"))
    with pytest.raises(DBAPIError, match="a_second_person"):
        async with unit_of_work(engine, Scope.city(author)) as session:
            await session.execute(
                text("UPDATE proposal SET state = 'confirmed', decided_by = :who, decided_at = now()"), {"who": author}
            )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE proposal SET state = 'confirmed', decided_by = 999, decided_at = now()",
        "UPDATE proposal SET payload = '{}'",
        "UPDATE proposal SET proposed_by = 1",
        "DELETE FROM proposal",
        "INSERT INTO proposal (kind, summary, payload, proposed_by, expires_at) VALUES ('x', 'x', '{}', 999, now())",
    ],
)
async def test_nobody_decides_or_proposes_in_the_name_of_another(
    engine: AsyncEngine, officer: AsyncClient, statement: str
):
    await propose(officer)
    with pytest.raises(DBAPIError, match=r"permission denied|row-level security"):
        async with unit_of_work(engine, Scope.city(1)) as session:
            await session.execute(text(statement))


async def test_what_is_refused_is_not_done_and_says_why(engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient):
    proposal = await propose(officer)
    reviewer = await client_as("reviewer")
    assert (await reviewer.post(f"{proposal}/refuse", data={"reason": " "})).status_code == 409
    await reviewer.post(f"{proposal}/refuse", data={"reason": "证书编号与名单不符"})
    assert "证书编号与名单不符" in (await officer.get("/proposals")).text
    assert (await reviewer.post(f"{proposal}/confirm")).status_code == 404
    assert await titles(engine) == 0


async def test_the_author_takes_it_back_and_nobody_else(engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient):
    proposal = await propose(officer)
    assert (await (await client_as("city_officer")).post(f"{proposal}/withdraw")).status_code == 409
    assert (await officer.post(f"{proposal}/withdraw")).status_code == 303
    assert await titles(engine) == 0


@pytest.mark.parametrize(("role", "region"), [("district_officer", "321281"), ("viewer", "")])
async def test_others_do_not_confirm(
    engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient, role: str, region: str
):
    proposal = await propose(officer)
    assert (await (await client_as(role, region=region)).post(f"{proposal}/confirm")).status_code == 403
    assert await titles(engine) == 0


async def test_a_reviewer_of_another_district_does_not_even_see_it(client_as: ClientAs, officer: AsyncClient):
    proposal = await propose(officer)
    reviewer = await client_as("reviewer", region="321282")
    assert "没有待确认的事项" in (await reviewer.get("/proposals")).text
    assert (await reviewer.post(f"{proposal}/confirm")).status_code == 404


async def test_after_two_weeks_it_must_be_proposed_anew(engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient):
    proposal = await propose(officer)
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("UPDATE proposal SET expires_at = :moment"), {"moment": datetime.now(UTC) - timedelta(minutes=1)}
        )
        stays = await session.scalar(
            text("SELECT proposed_at > now() - CAST(:life AS interval) FROM proposal"), {"life": LIFE}
        )
    assert stays
    answer = await (await client_as("reviewer")).post(f"{proposal}/confirm")
    assert (answer.status_code, "超过 14 天" in answer.text) == (409, True)


async def test_what_cannot_be_done_is_not_even_proposed(engine: AsyncEngine, officer: AsyncClient, enterprise_id: int):
    async with owner_unit_of_work(engine) as session:
        await make_recognition(session, enterprise_id)
    answer = await officer.post(f"/enterprises/{CODE}/recognitions", data=TITLE | {"granted_on": "2024-11-06"})
    assert answer.status_code == 422
    assert "没有待确认的事项" in (await officer.get("/proposals")).text


async def test_a_revocation_waits_too_and_fails_where_the_world_has_changed(
    engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient, enterprise_id: int
):
    async with owner_unit_of_work(engine) as session:
        title = await make_recognition(session, enterprise_id)
    form = {"revoked_on": "2026-03-01", "reason": "公告取消"}
    await officer.post(f"/enterprises/{CODE}/recognitions/{title}/revoke", data=form)
    assert await titles(engine) == 1
    reviewer = await client_as("reviewer", region="321281")
    proposal = re.findall(r'action="(/proposals/\d+)/confirm"', (await reviewer.get("/proposals")).text)[0]
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE recognition SET superseded_at = now()"))
    assert (await reviewer.post(f"{proposal}/confirm")).status_code == 422
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(text("SELECT state FROM proposal")) == "open"
        await session.execute(text("UPDATE recognition SET superseded_at = NULL"))
    await reviewer.post(f"{proposal}/confirm")
    assert await titles(engine) == 0


async def test_programs_are_told_that_it_waits(engine: AsyncEngine, officer: AsyncClient):
    body = {"enterprise": CODE, "programme": "hnte", "granted_on": "2025-11-06", "notice": "〔2025〕1号"}
    answer = await officer.post("/api/v1/recognitions", json=body)
    assert (answer.status_code, answer.json()["state"]) == (202, "open")
    assert await titles(engine) == 0


async def test_proposing_and_confirming_leave_their_entries(
    engine: AsyncEngine, client_as: ClientAs, officer: AsyncClient
):
    proposal = await propose(officer)
    await (await client_as("reviewer")).post(f"{proposal}/confirm")
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT role, action, subject, reason FROM trace_note WHERE subject IN ('proposal', 'recognition')"
                " AND action <> 'read' ORDER BY id"
            )
        )
        entries = [tuple(row) for row in found]
    assert entries == [
        ("district_officer", "insert", "proposal", ""),
        ("reviewer", "update", "proposal", ""),
        ("reviewer", "insert", "recognition", "〔2025〕1号"),
        ("reviewer", "confirm", "proposal", ""),
    ]
