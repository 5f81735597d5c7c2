"""Loading the demo: through the services that real data goes through, so that every page has something to show."""

import re
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.demo.cli import DEMO_PASSWORD, PEOPLE
from backend.demo.service import add_people, is_demo, is_loaded, load
from backend.filings.service import rebuild
from backend.main import create_app
from backend.recognitions.worklists import VIEWS, Asked, list_titles
from backend.settings import Settings
from rules.library import library
from tests.backend.web_client import signed_in_client
from tests.factories import column, make_enterprise

SIZE = 240


@pytest.fixture(scope="module")
async def demo(one_database: AsyncEngine) -> AsyncEngine:
    await load(one_database, today(), SIZE)
    return one_database


@pytest.fixture(scope="module")
async def officer(demo: AsyncEngine) -> AsyncGenerator[AsyncClient]:
    async with await signed_in_client(create_app(Settings(), demo), "city_officer") as client:
        yield client


async def test_a_demo_has_something_on_every_page_and_in_every_list(demo: AsyncEngine, officer: AsyncClient):
    workbench = (await officer.get("/")).text
    for heading in ("培育梯队", "规划目标进度", "天内到期的认定", "新近符合条件", "最常缺的数据"):
        assert heading in workbench
    assert "最近的测算没有发现" not in workbench
    assert re.search(r"共 [1-9]\d* 项", workbench)
    async with owner_unit_of_work(demo) as session:
        for view in ("expiring", "failing", "in_force", "lapsed"):
            assert (await list_titles(session, Asked(view), today(), library())).total > 0, VIEWS[view].label


async def test_a_demos_plans_have_figures_registers_zones_and_tasks(officer: AsyncClient):
    targets = {one["id"]: one for one in (await officer.get("/api/v1/plans/P000/targets")).json()}
    # A figure that is reported, one that a register counts, one that the certificates count.
    assert all(targets[name]["value"] for name in ("T000-18", "T000-08", "T000-01"))
    past = (await officer.get("/api/v1/plans/P000/targets", params={"known_at": str(today() - timedelta(400))})).json()
    assert {one["id"]: one["value"] for one in past}["T000-18"] < targets["T000-18"]["value"]
    assert "姜堰高新区" in (await officer.get("/zones")).text
    assert "已过期限" in (await officer.get("/")).text


async def test_the_demos_projection_is_what_its_filings_say(demo: AsyncEngine):
    async with owner_unit_of_work(demo) as session:
        ids = await column(session, "SELECT id FROM enterprise ORDER BY id LIMIT 60")
        assert await rebuild(session, ids, library().catalogue) == []


async def test_the_demo_was_known_little_by_little(demo: AsyncEngine):
    async with owner_unit_of_work(demo) as session:
        days = await column(session, "SELECT DISTINCT CAST(recorded_at AS date) FROM filing")
    assert len(days) >= 8
    assert max(days) <= today()
    assert min(days) < today() - timedelta(days=900)


async def test_a_demo_knows_that_it_is_one(demo: AsyncEngine):
    assert await is_loaded(demo)
    assert await is_demo(demo)


async def test_a_registry_of_real_enterprises_is_no_demo(engine: AsyncEngine):
    assert not await is_loaded(engine)
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code="91321202MAWD852R8M")
    assert await is_loaded(engine)
    assert not await is_demo(engine)


async def test_the_demos_people_are_added_once(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, region_code="321282", park="靖江高新区")
    for _ in range(2):
        assert await add_people(engine, PEOPLE, DEMO_PASSWORD) == {login for login, *_ in PEOPLE}
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(text("SELECT count(*) FROM person WHERE NOT must_change_password")) == len(PEOPLE)


async def test_a_demo_without_an_enterprise_in_the_park_has_no_officer_of_it(engine: AsyncEngine):
    present = await add_people(engine, PEOPLE, DEMO_PASSWORD)
    assert {login for login, *_ in PEOPLE} - present == {"yuanqu"}
