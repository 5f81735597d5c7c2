"""Shares of a district that is no more: nothing is lost, and another person agrees before they are moved."""

import re
from collections.abc import AsyncGenerator
from decimal import Decimal

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.enterprises.dividing import COLUMNS, divide, read_changes
from backend.enterprises.divisions import follow
from backend.main import create_app
from backend.plans.breakdown import Breakdown, Kind, ShareWrong, breakdown, split
from backend.plans.documents import target_named
from backend.plans.moved_shares import left_behind, move_shares
from backend.settings import Settings
from tests.backend.conftest import ClientAs
from tests.factories import TODAY

PLAN, HNTE = target_named("T000-01")
_, RATIO = target_named("T000-07")
DISTRICTS = ("321202", "321203", "321204", "321281", "321282", "321283")
GAOGANG, HAILING = "321203", "321202"


async def merge(session: AsyncSession) -> None:
    """Shares for all districts; then 高港 becomes part of 海陵."""
    await split(session, PLAN, HNTE, 2027, Kind.DISTRICT, dict.fromkeys(DISTRICTS, Decimal(450)))
    await split(session, PLAN, RATIO, 2027, Kind.DISTRICT, {GAOGANG: Decimal(50), HAILING: Decimal(60)})
    head = ",".join(column.title for column in COLUMNS)
    change = f"2026-03-01,{GAOGANG},高港区,{HAILING},海陵区,国函〔2026〕1号"
    assert not (await divide(session, read_changes(f"{head}\n{change}".encode(), "区划.csv"), TODAY)).troubles


@pytest.fixture(autouse=True)
async def as_shipped() -> AsyncGenerator[None]:
    yield
    follow([])


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    """Where some acts take two, as they do in service."""
    return create_app(Settings(), engine)


@pytest.fixture
async def merged(session: AsyncSession) -> None:
    await merge(session)


async def hnte(session: AsyncSession) -> Breakdown:
    return await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)


@pytest.mark.usefixtures("merged")
async def test_a_merged_districts_share_stands_with_its_successor_named(session: AsyncSession):
    found = await hnte(session)
    former = [one for one in found.shares if one.is_former]
    assert [(one.place, one.value) for one in former] == [(GAOGANG, 450)]
    assert "已并入海陵区" in former[0].name
    assert (found.total, found.difference) == (2700, 0)


@pytest.mark.usefixtures("merged")
async def test_other_shares_can_be_saved_while_one_is_left_behind(session: AsyncSession):
    found = await split(session, PLAN, HNTE, 2027, Kind.DISTRICT, {"321283": Decimal(460)}, reason="加压")
    assert found.total == 2710


@pytest.mark.usefixtures("merged")
async def test_moved_over_shares_are_added_and_the_sum_stays(session: AsyncSession):
    await move_shares(session, PLAN, GAOGANG, None)
    found = await hnte(session)
    assert (found.share_of(HAILING), found.share_of(GAOGANG), found.total) == (900, None, 2700)
    assert await left_behind(session, PLAN) == []


@pytest.mark.usefixtures("merged")
async def test_of_a_ratio_the_successors_own_share_remains(session: AsyncSession):
    await move_shares(session, PLAN, GAOGANG, None)
    found = await breakdown(session, PLAN, RATIO, 2027, Kind.DISTRICT)
    assert (found.share_of(HAILING), found.share_of(GAOGANG)) == (60, None)


@pytest.mark.usefixtures("merged")
async def test_what_is_not_left_behind_cannot_be_moved(session: AsyncSession):
    with pytest.raises(ShareWrong, match="没有待并入的任务数"):
        await move_shares(session, PLAN, "321283", None)


async def test_the_page_offers_them_and_they_move_when_a_second_person_agrees(engine: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(engine) as session:
        await merge(session)
    city, reviewer = await client_as("city_officer"), await client_as("reviewer")
    page = f"/plans/{PLAN.id}/breakdown"
    shown = (await city.get(f"{page}?year=2027")).text
    assert "自 2026-03-01 起已并入海陵区" in shown
    assert "仍有 2 项任务数记在原区划名下" in shown
    assert shown.count("不能相加，保留原有值") == 1
    assert "（已并入海陵区）" in shown
    sent = await city.post(f"{page}/moves", data={"place": GAOGANG})
    assert sent.headers["location"].endswith("done=proposed")
    assert "仍有 2 项" in (await city.get(f"{page}?done=proposed")).text
    waiting = (await reviewer.get("/proposals")).text
    assert "的 2 项并入海陵区" in waiting
    (which,) = re.findall(r'action="(/proposals/\d+)/confirm"', waiting)
    await reviewer.post(f"{which}/confirm")
    assert "记在原区划名下" not in (await city.get(f"{page}?year=2027")).text
    async with owner_unit_of_work(engine) as session:
        assert (await hnte(session)).share_of(HAILING) == 900


async def test_a_program_moves_them_when_a_second_person_agrees(engine: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(engine) as session:
        await merge(session)
    city, reviewer = await client_as("city_officer"), await client_as("reviewer")
    address = f"/api/v1/plans/{PLAN.id}/breakdown/moves"
    (left,) = (await city.get(address)).json()
    told = {one["target"]: (one["value"], one["together"], one["dropped"]) for one in left["shares"]}
    assert (left["place"], left["successor"]) == (GAOGANG, HAILING)
    assert told == {"T000-01": ("450", "900", False), "T000-07": ("50", "60", True)}
    sent = await city.post(address, json={"place": GAOGANG})
    assert (sent.status_code, sent.json()["state"]) == (202, "open")
    assert (await city.get(address)).json() == [left]
    await reviewer.post(f"/proposals/{sent.json()['proposal']}/confirm")
    assert (await city.get(address)).json() == []


async def test_a_program_is_told_that_a_district_left_nothing_behind(client_as: ClientAs):
    city = await client_as("city_officer")
    answer = await city.post(f"/api/v1/plans/{PLAN.id}/breakdown/moves", json={"place": "321283"})
    assert (answer.status_code, answer.json()["detail"][:6]) == (422, "321283")


async def test_shares_that_changed_meanwhile_are_not_moved(engine: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(engine) as session:
        await merge(session)
    city, reviewer = await client_as("city_officer"), await client_as("reviewer")
    await city.post(f"/plans/{PLAN.id}/breakdown/moves", data={"place": GAOGANG})
    async with owner_unit_of_work(engine) as session:
        await split(session, PLAN, HNTE, 2027, Kind.DISTRICT, {HAILING: Decimal(460)}, reason="加压")
    (which,) = re.findall(r'action="(/proposals/\d+)/confirm"', (await reviewer.get("/proposals")).text)
    assert "又有改动" in (await reviewer.post(f"{which}/confirm")).text
    async with owner_unit_of_work(engine) as session:
        assert (await hnte(session)).share_of(GAOGANG) == 450
