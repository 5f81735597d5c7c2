"""For every target that is counted, any region, any day and any knowledge: the number is the length of its list."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import is_additive
from backend.plans.documents import plans_of_files
from backend.plans.facets import By, within_of
from backend.plans.members import members, tally, things_behind
from backend.plans.register_sets import wanted_of
from backend.plans.rollup import RolledUp, State, roll_up
from backend.plans.sets import is_countable
from backend.plans.territory import territory_of
from backend.subregisters.schemas import registers
from rules.plan import Basis, ShareOfEnterprises, Target
from tests.backend.plans.changing import JOIN, LEAVE, SET, change, forget, place_as_known
from tests.backend.plans.conftest import LONG_AGO, MakeEnterprise, MakeTitle, insert

REGIONS = ("321202", "321203", "321204", "321281", "321282", "321283", "321200", "320706", "321284")
BOARDS = ("", "", "main", "star", "neeq", "bse")
LATE = datetime(2025, 6, 1, tzinfo=UTC)
A_YEAR = timedelta(days=365)
ALL = [target for plan in plans_of_files().values() for target in plan.targets]
COUNTED = [target for target in ALL if is_countable(target) or wanted_of(target) is not None]
PROGRAMMES = sorted({name for target in COUNTED for name in getattr(target.count, "holds", ())})


def some_day(chance: Random) -> date:
    return date(2019, 1, 1) + timedelta(days=chance.randrange(2900))


@pytest.fixture
async def registry(
    request: pytest.FixtureRequest, session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
) -> Random:
    """Forty enterprises of all kinds with titles, institutions and facts, some of them known late."""
    chance = Random(request.param)
    ids: list[int] = []
    for _ in range(40):
        board = chance.choice(BOARDS)
        enterprise = await make_enterprise(
            chance.choice(REGIONS), listing_board=board, listed_on=some_day(chance) if board else None,
            is_above_scale=chance.random() < 0.6, industry_code=chance.choice(("3450", "6513")),
            park=chance.choice(("", "泰州医药高新区", "城北园区")), created_at=chance.choice((LONG_AGO, LONG_AGO, LATE)),
        )  # fmt: skip
        ids.append(enterprise)
        if is_in_chain := chance.random() < 0.6:
            await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": "化学药"})
        await _change(session, chance, enterprise, is_in_chain=is_in_chain)
        await _move(session, chance, enterprise)
        size = chance.choice(("large", "medium", "small", None))
        revenue = chance.choice((10**12, 10**12 - 1, 10**10))
        figures = {"enterprise_id": enterprise, "year": chance.randint(2019, 2025), "size_class": size}
        await insert(session, "fact_yearly", figures | {"operating_revenue": revenue})
        for programme in chance.sample(PROGRAMMES, 3):
            granted_on = some_day(chance)
            recorded_at = chance.choice((None, LATE))
            await make_title(
                enterprise, programme, granted_on, granted_on + timedelta(days=1095),
                edition=granted_on.year if programme.startswith("js_") else None,
                revoked_on=chance.choice((None, None, granted_on + timedelta(days=400))),
                **({} if recorded_at is None else {"recorded_at": recorded_at}),
            )  # fmt: skip
    for number in range(120):
        await insert(session, "register_entry", _entry(chance, number, ids))
    return chance


async def _change(session: AsyncSession, chance: Random, enterprise: int, *, is_in_chain: bool) -> None:
    """Some were of another chain, industry or scale before a day, or until it was put right."""
    await forget(session, enterprise)
    said = {SET["industry"]: "2710", SET["above_scale"]: False, LEAVE if is_in_chain else JOIN: "化学药"}
    for statement, at in zip(
        chance.sample(list(said), chance.randrange(3)), (LATE - A_YEAR, LATE + A_YEAR), strict=False
    ):
        await change(session, enterprise, statement, at, chance.choice((None, some_day(chance))), value=said[statement])


async def _move(session: AsyncSession, chance: Random, enterprise: int) -> None:
    """Some moved, which became known early or late; of some the place was put right."""
    for at in (LATE - A_YEAR, LATE + A_YEAR)[: chance.randrange(3)]:
        place = (chance.choice(REGIONS[:6]), chance.choice(("", "城北园区")))
        await place_as_known(session, enterprise, place, chance.choice((None, some_day(chance))), at)


def _entry(chance: Random, number: int, enterprises: list[int]) -> dict[str, Any]:
    register = chance.choice(registers().registers)
    starts_on = some_day(chance)
    return {
        "thing_id": 1_000_000 + chance.randrange(90), "register_id": register.id, "type": chance.choice(list(register.types)),
        "level": chance.choice(("national", "provincial", "municipal", "")), "name": f"第{number}号", "match_key": "k", "number": "",
        "region_code": chance.choice(REGIONS), "park": "", "enterprise_id": chance.choice([None, *enterprises]), "host_name": "",
        "starts_on": chance.choice((starts_on, None)), "evaluation": chance.choice(("", "passed", "failed")), "note": "",
        "ends_on": chance.choice((None, None, starts_on + timedelta(days=chance.randrange(900)))),
        "is_withdrawn": chance.random() < 0.1, "recorded_at": chance.choice((datetime(2000, 1, 1, tzinfo=UTC), LATE)),
    }  # fmt: skip


@pytest.mark.parametrize("registry", [1], indirect=True)
async def test_every_number_is_the_length_of_its_list(session: AsyncSession, registry: Random):
    seen: set[object] = set()
    for known_at in (None, LATE - timedelta(days=1)):
        day = some_day(registry)
        rolled = await roll_up(session, COUNTED, [day], known_at=known_at)
        for target in COUNTED:
            places = ["", *(one.code for one in territory_of(target.region).districts)]
            for place in registry.sample(places, min(2, len(places))):
                await _check(session, rolled, target, day, place, known_at)
            seen.add(rolled.of(target, day).state)
    assert State.COUNTED in seen


async def _check(
    session: AsyncSession, rolled: RolledUp, target: Target, day: date, place: str, known_at: datetime | None
) -> None:
    figure = rolled.of(target, day, place)
    if figure.state is not State.COUNTED:
        return
    wanted = wanted_of(target)
    if wanted is None:
        listed = await members(session, target, day, region=place or None, known_at=known_at)
        assert listed is not None
        assert figure.counted == listed.total == len(listed.rows), (target.id, day, place)
        if isinstance(target.count, ShareOfEnterprises):
            whole = await members(session, target, day, region=place or None, known_at=known_at, part="whole")
            assert whole is not None
            assert figure.whole == whole.total, (target.id, day, place)
        return
    behind = await things_behind(session, target, day, region=place or None, known_at=known_at)
    assert behind is not None
    if wanted.by_district:
        territory = territory_of(place or target.region)
        having = {territory.district_of(one.draft.region_code) or place for one in behind.rows}
        assert figure.counted == len(having - {""}), (target.id, day, place)
    else:
        assert figure.counted == behind.total == len(behind.rows), (target.id, day, place)


@pytest.mark.parametrize("registry", [3], indirect=True)
async def test_every_part_of_a_count_is_the_length_of_its_own_list(session: AsyncSession, registry: Random):
    seen: set[tuple[By, str]] = set()
    for known_at in (None, LATE - timedelta(days=1)):
        day = some_day(registry)
        for target in registry.sample([one for one in COUNTED if is_countable(one)], 12):
            whole = await members(session, target, day, known_at=known_at)
            assert whole is not None
            for by in By:
                parts = await tally(session, target, day, by, known_at=known_at)
                assert parts is not None
                for one in parts:
                    listed = await members(session, target, day, known_at=known_at, within=within_of(**one.asked))
                    assert listed is not None
                    assert one.enterprises == listed.total == len(listed.rows) > 0, (target.id, day, one)
                    seen.add((by, one.key))
                if by.adds_up:
                    assert sum(one.enterprises for one in parts) == whole.total
    assert {(By.PARK, ""), (By.PARK, "城北园区"), (By.CHAIN, ""), (By.CHAIN, "化学药"), (By.INDUSTRY, "65")} <= seen


@pytest.mark.parametrize("registry", [7], indirect=True)
async def test_only_additive_numbers_are_the_sum_of_their_districts(session: AsyncSession, registry: Random):
    day = some_day(registry)
    rolled = await roll_up(session, COUNTED, [day])
    added = 0
    for target in COUNTED:
        districts = territory_of(target.region).districts
        if not districts or rolled.of(target, day).value is None:
            continue
        if not is_additive(target):
            assert target.basis in (Basis.RATIO, Basis.UNRESOLVED) or target.each_of or not target.has_number, target.id
            continue
        parts = sum(rolled.of(target, day, one.code).value or 0 for one in districts)
        unplaced = rolled.unplaced.get(target.id, 0)
        assert parts + unplaced == rolled.of(target, day).value, target.id
        added += 1
    assert added > 15
