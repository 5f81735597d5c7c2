"""Moves that were entered late, and places put right: each counts where it was on the day, as the moment knew it."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day
from backend.plans.documents import target_named
from backend.plans.facets import By, within_of
from backend.plans.members import members, tally
from backend.plans.rollup import roll_up
from backend.plans.territory import Division
from backend.recognitions.queries import ladder_counts
from rules.library import library
from tests.backend.plans.changing import Whereabouts, place_as_known
from tests.backend.plans.conftest import LONG_AGO, MakeEnterprise, MakeTitle, insert
from tests.backend.plans.test_traits import by_definition

HOLDERS = target_named("T000-01")[1]
COVERED = target_named("T000-07")[1]
DISTRICTS = ("321202", "321203", "321204", "321281")
PARKS = ("", "城北园区", "泰兴高新区")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MARCH = date(2026, 3, 31)
NOVEMBER = datetime(2026, 11, 2, tzinfo=UTC)


def some_day(chance: Random) -> date:
    return date(2023, 1, 1) + timedelta(days=chance.randrange(1400))


@pytest.fixture
async def whereabouts(
    request: pytest.FixtureRequest, session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
) -> dict[int, Whereabouts]:
    """Holders that moved, some of them more than once and in any order, or of which the park was put right; some never."""
    chance, found = Random(request.param), dict[int, Whereabouts]()
    for number in range(14):
        place = (chance.choice(DISTRICTS), chance.choice(PARKS))
        enterprise = await make_enterprise(place[0], park=place[1], created_at=LONG_AGO)
        await insert(session, "enterprise_region", {
            "enterprise_id": enterprise, "region_code": place[0], "town": "", "park": place[1],
        })  # fmt: skip
        await make_title(enterprise, granted_on=date(2020, 1, 1), valid_to=None)
        found[enterprise] = life = Whereabouts()
        life.write(LONG_AGO, place, None)
        at = BEGIN
        for _ in range(chance.randrange(6) if number > 2 else 0):
            at += timedelta(hours=chance.randrange(1, 5000))
            place = (chance.choice(DISTRICTS), chance.choice(PARKS))
            on = chance.choice((None, some_day(chance)))
            await place_as_known(session, enterprise, place, on, at)
            life.write(at, place, on)
    return found


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "by definition"])
@pytest.mark.parametrize("whereabouts", [1, 2], indirect=True)
async def test_each_counts_in_the_region_and_park_where_it_was_and_was_known(
    session: AsyncSession, whereabouts: dict[int, Whereabouts], monkeypatch: pytest.MonkeyPatch, is_kept: bool
):
    if not is_kept:
        by_definition(monkeypatch)
    chance = Random(4)
    for at in (None, *(BEGIN + timedelta(hours=chance.randrange(26_000)) for _ in range(4))):
        days = sorted({some_day(chance) for _ in range(3)})
        rolled = await roll_up(session, [HOLDERS], days, known_at=at)
        for day in days:
            then = {one: life.on(day, at) for one, life in whereabouts.items()}
            for code in DISTRICTS:
                there = {one for one, (region, _) in then.items() if region == code}
                assert rolled.of(HOLDERS, day, code).counted == len(there), (day, at, code)
                whole = await members(session, HOLDERS, day, known_at=at, region=code)
                page = await members(session, HOLDERS, day, known_at=at, region=code, limit=3)
                assert whole is not None
                assert page is not None
                assert {one.id for one in whole.rows} == there
                assert (page.rows, page.total) == (whole.rows[:3], len(there))
            parts = await tally(session, HOLDERS, day, By.PARK, known_at=at)
            assert {one.key: one.enterprises for one in parts or ()} == Counter(park for _, park in then.values())
            for part in parts or ():
                listed = await members(session, HOLDERS, day, known_at=at, within=within_of(**part.asked), limit=20)
                assert listed is not None
                assert {one.id for one in listed.rows} == {one for one, (_, park) in then.items() if park == part.key}


@pytest.mark.parametrize("whereabouts", [3], indirect=True)
async def test_the_ladder_of_a_district_has_whom_the_moment_knew_there(
    session: AsyncSession, whereabouts: dict[int, Whereabouts]
):
    chance = Random(8)
    for _ in range(4):
        day, at = some_day(chance), BEGIN + timedelta(hours=chance.randrange(26_000))
        for code in DISTRICTS:
            there = [one for one, life in whereabouts.items() if life.on(day, at)[0] == code]
            assert sum((await ladder_counts(session, day, library(), code, at)).values()) == len(there)


async def test_a_move_entered_in_november_leaves_the_march_bulletins_districts(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    enterprise = await make_enterprise("321202", created_at=LONG_AGO)
    await make_title(enterprise, granted_on=date(2020, 1, 1), valid_to=None)
    await place_as_known(session, enterprise, ("321203", ""), date(2026, 2, 1), NOVEMBER)

    async def there(known_at: datetime | None, division: Division = Division.THEN) -> list[int | None]:
        rolled = await roll_up(session, [HOLDERS], [MARCH], known_at=known_at, division=division)
        return [rolled.of(HOLDERS, MARCH, code).counted for code in ("321202", "321203")]

    assert await there(end_of_day(MARCH)) == [1, 0]
    assert await there(NOVEMBER) == await there(None) == [0, 1]
    assert await there(end_of_day(MARCH), Division.NOW) == [0, 1]


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "by definition"])
async def test_who_was_registered_later_is_in_no_whole_that_was_known_before(
    session: AsyncSession, make_enterprise: MakeEnterprise, monkeypatch: pytest.MonkeyPatch, is_kept: bool
):
    if not is_kept:
        by_definition(monkeypatch)
    early, late = LONG_AGO, datetime(2026, 6, 1, tzinfo=UTC)
    ids: list[int] = []
    for created_at in (early, early, late, late, late):
        enterprise = await make_enterprise(is_above_scale=True, created_at=created_at)
        await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
        ids.append(enterprise)
    await session.execute(text("DELETE FROM enterprise_trait"))
    for at, known in ((late - timedelta(seconds=1), ids[:2]), (late, ids), (None, ids)):
        figure = (await roll_up(session, [COVERED], [MARCH], known_at=at)).of(COVERED, MARCH)
        assert figure.whole == len(known)
        for part in ("whole", "missing"):
            for limit in (None, 10):
                listed = await members(session, COVERED, MARCH, known_at=at, part=part, limit=limit)
                assert listed is not None
                assert [one.id for one in listed.rows] == known
                assert listed.total == len(known)
