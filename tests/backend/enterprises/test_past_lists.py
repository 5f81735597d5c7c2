"""Lists of a past day: narrowed by the chains, industries and parks of that day, and shown as they were."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.filtering import Filters
from backend.enterprises.search import all_found, all_ids, search
from rules.library import library
from tests.backend.plans.changing import JOIN, LEAVE, SET, Life, Whereabouts, change, forget, place_as_known
from tests.factories import make_enterprise

CHAINS, INDUSTRIES, PARKS = ("化学药", "特钢"), ("3450", "3484", "6513"), ("城北园区", "新区")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
Registry = dict[int, tuple[Life, Whereabouts]]


@pytest.fixture
async def registry(session: AsyncSession) -> Registry:
    """Enterprises that changed chains, industry, scale and place, from a day on or as a correction; some never did."""
    chance, found = Random(5), Registry()
    for number in range(16):
        industry, park = chance.choice(INDUSTRIES), chance.choice(PARKS)
        enterprise = await make_enterprise(
            session, region_code="321202", park=park, industry_code=industry, chains=CHAINS[:1], is_above_scale=True
        )
        await session.execute(
            text("UPDATE enterprise SET created_at = '2000-01-01' WHERE id = :id"), {"id": enterprise}
        )
        await forget(session, enterprise)
        life, whereabouts = found[enterprise] = Life(), Whereabouts()
        life.start([("industry", industry), ("above_scale", True), ("chain", CHAINS[0])])
        whereabouts.write(BEGIN, ("321202", park), None)
        if number > 3:
            await _live(session, chance, enterprise, life, whereabouts, industry)
    return found


async def _live(
    session: AsyncSession, chance: Random, enterprise: int, life: Life, whereabouts: Whereabouts, industry: str
) -> None:
    day = date(2024, 1, 1) + timedelta(days=chance.randrange(600))
    on, at = chance.choice((None, day)), BEGIN
    other = chance.choice([one for one in INDUSTRIES if one != industry])
    await change(session, enterprise, SET["industry"], at, on, value=other)
    life.write(at, "industry", industry, other, on)
    await change(session, enterprise, SET["above_scale"], at, on, value=False)
    life.write(at, "above_scale", True, False, on)
    for statement, chain in ((LEAVE, CHAINS[0]), (JOIN, CHAINS[1])):
        await change(session, enterprise, statement, at, day, value=chain)
        life.write(at, "chain", chain if statement == LEAVE else None, chain if statement == JOIN else None, day)
    place = ("321203", chance.choice(PARKS))
    await place_as_known(session, enterprise, place, day, at)
    whereabouts.write(at, place, day)


async def listed(session: AsyncSession, filters: Filters, on: date) -> set[int]:
    page = await search(session, filters, on, library())
    ids = await all_ids(session, filters, on, library())
    assert page.total == len(ids)
    assert {row["id"] for row in page.rows} == set(ids)
    return set(ids)


@pytest.mark.parametrize("day", [date(2023, 6, 1), date(2024, 8, 1), date(2025, 3, 1), None])
async def test_a_list_has_those_who_belonged_to_what_is_asked_for_on_the_day(
    session: AsyncSession, registry: Registry, day: date | None
):
    on = day or today()
    for chain in CHAINS:
        expected = {one for one, (life, _) in registry.items() if chain in life.on("chain", on, None)}
        assert await listed(session, Filters(chain=chain), on) == expected
    for division in ("34", "65"):
        expected = {
            one for one, (life, _) in registry.items() if min(life.on("industry", on, None)).startswith(division)
        }
        assert await listed(session, Filters(industry=(division,)), on) == expected
    exact = {one for one, (life, _) in registry.items() if life.on("industry", on, None) == {"3484"}}
    assert await listed(session, Filters(industry=("34",), industry_begins="3484"), on) == exact
    for park in PARKS:
        expected = {one for one, (_, whereabouts) in registry.items() if whereabouts.on(on, None)[1] == park}
        assert await listed(session, Filters(park=park), on) == expected
        both = {one for one in expected if "化学药" in registry[one][0].on("chain", on, None)}
        assert await listed(session, Filters(park=park, chain="化学药"), on) == both


async def test_a_list_shows_what_its_enterprises_were_on_the_day(session: AsyncSession, registry: Registry):
    day = date(2024, 8, 1)
    for row in await all_found(session, Filters(), day, library()):
        life, whereabouts = registry[row["id"]]
        assert (row["region_code"], row["park"]) == whereabouts.on(day, None)
        assert {row["industry_code"]} == life.on("industry", day, None)
        assert {row["is_above_scale"]} == life.on("above_scale", day, None)
