"""A viewer's transaction must not write, so it cannot move the kept rungs on; it is answered all the same."""

from datetime import date, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.recognitions.queries import keep_standings, ladder_counts
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_recognition


@pytest.fixture
async def yesterdays_rungs(engine: AsyncEngine) -> AsyncEngine:
    """The rungs were kept up to yesterday, on which a certificate had its last day."""
    async with owner_unit_of_work(engine) as session:
        await keep_standings(session, today() - timedelta(days=1), library())
        for name, ends_on in (("昨日到期有限公司", today() - timedelta(days=1)), ("今日到期有限公司", today())):
            number = await make_enterprise(session, name=name)
            await make_recognition(session, number, granted_on=today() - timedelta(days=900), valid_to=ends_on)
    return engine


async def day_kept(engine: AsyncEngine) -> date:
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT day FROM standing_state"))).scalar_one()


async def test_a_read_only_transaction_is_told_that_the_rungs_are_not_todays(yesterdays_rungs: AsyncEngine):
    async with unit_of_work(yesterdays_rungs, Scope.city()) as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        assert await keep_standings(session, today(), library()) is False
        assert (await ladder_counts(session, today(), library()))["high_tech"] == 1
    assert await day_kept(yesterdays_rungs) == today() - timedelta(days=1)


async def test_a_writers_look_moves_the_rungs_on(yesterdays_rungs: AsyncEngine):
    async with unit_of_work(yesterdays_rungs, Scope.city()) as session:
        assert await keep_standings(session, today(), library()) is True
        assert (await ladder_counts(session, today(), library()))["high_tech"] == 1
    assert await day_kept(yesterdays_rungs) == today()


@pytest.mark.parametrize("path", ["/", "/enterprises?rung=high_tech", "/enterprises?sort=rung"])
async def test_the_first_look_of_the_day_may_be_a_viewers(
    yesterdays_rungs: AsyncEngine, client_as: ClientAs, path: str
):
    viewer: AsyncClient = await client_as("viewer")
    answer = await viewer.get(path)
    assert answer.status_code == 200
    if "rung=" in path:
        assert "今日到期有限公司" in answer.text
        assert ("昨日到期有限公司" in answer.text) is ("sort" in path)
