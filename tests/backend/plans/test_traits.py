"""Chains, industry and scale that changed: whoever counts a past day, or by what a past day knew, counts what was then."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day
from backend.plans import counting
from backend.plans import members as members_module
from backend.plans.bulletin import Quarter, bulletin
from backend.plans.documents import plan_named, target_named
from backend.plans.facets import By, Within, within_of
from backend.plans.members import members, tally
from backend.plans.rollup import roll_up
from tests.backend.plans.changing import JOIN, LEAVE, SET, Life, change, forget
from tests.backend.plans.conftest import LONG_AGO, MakeEnterprise, MakeTitle, insert

HOLDERS = target_named("T000-01")[1]
COVERED = target_named("T000-07")[1]
CHAINS = ("化学药", "生物药", "特钢")
INDUSTRIES = ("3450", "3484", "6513", "2710")
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
MARCH = date(2026, 3, 31)
#: The knowledge of the first quarter's bulletin, and a moment after it.
THEN = end_of_day(MARCH)
NOVEMBER = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def make_holder(make_enterprise: MakeEnterprise, make_title: MakeTitle) -> MakeEnterprise:
    async def make(**given: Any) -> int:
        enterprise = await make_enterprise(created_at=LONG_AGO, **given)
        await make_title(enterprise, granted_on=date(2020, 1, 1), valid_to=None)
        return enterprise

    return make


def some_day(chance: Random) -> date:
    return date(2023, 1, 1) + timedelta(days=chance.randrange(1400))


async def live(session: AsyncSession, chance: Random, enterprise: int, life: Life) -> None:
    """Six changes of an enterprise, one after the other; some from a day on, which follow upon each other too."""
    at, on = BEGIN, date(2023, 1, 1)
    for _ in range(6):
        at += timedelta(hours=chance.randrange(1, 4000))
        on += timedelta(days=chance.randrange(1, 200))
        day = chance.choice((None, on))
        kind = chance.choice(("chain", "chain", "industry", "above_scale"))
        now = {
            value for (of, value), days in life.known[-1][1].items() if of == kind and any(not last for _, last in days)
        }
        if kind == "chain":
            value = chance.choice(CHAINS)
            await change(session, enterprise, LEAVE if value in now else JOIN, at, day, value=value)
            life.write(at, kind, value if value in now else None, None if value in now else value, day)
            continue
        before = next(iter(now), None)
        value = chance.choice([one for one in (INDUSTRIES if kind == "industry" else (True, False)) if one != before])
        await change(session, enterprise, SET[kind], at, day, value=value)
        life.write(at, kind, before, value, day)


@pytest.fixture
async def lives(request: pytest.FixtureRequest, session: AsyncSession, make_holder: MakeEnterprise) -> dict[int, Life]:
    """Enterprises that changed and were corrected, with what must come of it; some never changed."""
    chance = Random(request.param)
    found: dict[int, Life] = {}
    for number in range(14):
        industry, scale = chance.choice(INDUSTRIES), chance.choice((True, True, False))
        enterprise = await make_holder(industry_code=industry, is_above_scale=scale)
        found[enterprise] = life = Life()
        chains = chance.sample(CHAINS, chance.randrange(3))
        for chain in chains:
            await insert(session, "enterprise_chain", {"enterprise_id": enterprise, "chain": chain})
        await forget(session, enterprise)
        life.start([("industry", industry), ("above_scale", scale), *(("chain", one) for one in chains)])
        if number > 2:
            await live(session, chance, enterprise, life)
    return found


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "by definition"])
@pytest.mark.parametrize("lives", [1, 2], indirect=True)
async def test_by_chain_and_industry_each_counts_as_it_was_and_was_known(
    session: AsyncSession, lives: dict[int, Life], monkeypatch: pytest.MonkeyPatch, is_kept: bool
):
    if not is_kept:
        by_definition(monkeypatch)
    chance = Random(4)
    for at in (None, *(BEGIN + timedelta(hours=chance.randrange(26_000)) for _ in range(3))):
        day = some_day(chance)
        for by, kind in ((By.CHAIN, "chain"), (By.INDUSTRY, "industry")):
            of = {one: {str(value) for value in life.on(kind, day, at)} for one, life in lives.items()}
            cut = {
                one: {value[:2] if by is By.INDUSTRY else value for value in values} or {""}
                for one, values in of.items()
            }
            told = await tally(session, HOLDERS, day, by, known_at=at)
            assert {one.key: one.enterprises for one in told or ()} == Counter(
                key for keys in cut.values() for key in keys
            )
            for part in told or ():
                expected = {one for one, keys in cut.items() if part.key in keys}
                await _check_list(session, within_of(**part.asked), day, at, expected)


async def _check_list(
    session: AsyncSession, within: Within, day: date, at: datetime | None, expected: set[int]
) -> None:
    whole = await members(session, HOLDERS, day, known_at=at, within=within)
    page = await members(session, HOLDERS, day, known_at=at, within=within, limit=4)
    assert whole is not None
    assert page is not None
    assert {one.id for one in whole.rows} == expected
    assert (page.rows, page.total) == (whole.rows[:4], len(expected))


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "by definition"])
@pytest.mark.parametrize("lives", [4], indirect=True)
async def test_the_enterprises_in_chains_and_above_scale_are_those_of_the_day_and_the_knowledge(
    session: AsyncSession, lives: dict[int, Life], monkeypatch: pytest.MonkeyPatch, is_kept: bool
):
    if not is_kept:
        by_definition(monkeypatch)
    for one in list(lives)[::2]:
        institutions = {"enterprise_id": one, "rd_institutions": '[{"type": "enterprise_technology_centre"}]'}
        await insert(session, "fact_current", institutions)
    chance, days = Random(6), [date(2023, 3, 1), date(2024, 9, 1), date(2026, 6, 1)]
    for at in (None, *(BEGIN + timedelta(hours=chance.randrange(26_000)) for _ in range(2))):
        rolled = await roll_up(session, [COVERED], days, known_at=at)
        for day in days:
            expected = {
                one
                for one, life in lives.items()
                if life.on("chain", day, at) and True in life.on("above_scale", day, at)
            }
            assert rolled.of(COVERED, day).whole == len(expected)
            for part in ("whole", "counted", "missing"):
                listed = await members(session, COVERED, day, known_at=at, part=part, limit=20)
                assert listed is not None
                # What the institutions' filings say is known now only.
                having = set(list(lives)[::2]) if at is None else set[int]()
                wanted = {"whole": expected, "counted": expected & having, "missing": expected - having}[part]
                assert {row.id for row in listed.rows} == wanted
                assert listed.total == len(wanted)


def by_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing were kept."""

    async def nobody(*_: object) -> None: ...

    for module in (counting, members_module):
        monkeypatch.setattr(module, "counted_apart", nobody)


# A bulletin -----------------------------------------------------------------------------------------------


async def by_chain(session: AsyncSession, known_at: datetime | None) -> dict[str, int]:
    parts = await tally(session, HOLDERS, MARCH, By.CHAIN, known_at=known_at)
    return {one.name: one.enterprises for one in parts or ()}


@pytest.mark.parametrize("on", [None, date(2026, 2, 1)], ids=["a correction", "from a day in February"])
async def test_the_march_bulletin_has_the_same_chains_in_november(
    session: AsyncSession, make_holder: MakeEnterprise, on: date | None
):
    enterprise = await make_holder()
    await change(session, enterprise, JOIN, BEGIN, value="化学药")
    in_march = await by_chain(session, THEN)
    await change(session, enterprise, LEAVE, NOVEMBER, on, value="化学药")
    await change(session, enterprise, JOIN, NOVEMBER, on, value="特钢")
    assert await by_chain(session, THEN) == in_march == {"化学药": 1}
    assert await by_chain(session, None) == {"特钢": 1}


async def test_the_march_bulletin_has_the_same_coverage_in_november(session: AsyncSession, make_holder: MakeEnterprise):
    async def written() -> Any:
        content = await bulletin(session, plan_named("P000"), Quarter(2026, 1), today=date(2026, 11, 20))
        figure = content.report.row("T000-07").progress.figure
        return figure.whole, [figure.state, content.known_at]

    enterprise = await make_holder(is_above_scale=True)
    await change(session, enterprise, JOIN, BEGIN, value="化学药")
    in_march = await written()
    await change(session, enterprise, SET["above_scale"], NOVEMBER, value=False)
    assert await written() == in_march
    assert in_march[0] == 1


async def test_who_changed_chains_in_may_counts_with_the_old_one_in_march_and_the_new_one_in_june(
    session: AsyncSession, make_holder: MakeEnterprise
):
    enterprise = await make_holder()
    await change(session, enterprise, JOIN, BEGIN, value="化学药")
    for statement, chain in ((LEAVE, "化学药"), (JOIN, "特钢")):
        await change(session, enterprise, statement, NOVEMBER, date(2026, 5, 1), value=chain)
    for day, chain in ((MARCH, "化学药"), (date(2026, 4, 30), "化学药"), (date(2026, 5, 1), "特钢")):
        parts = await tally(session, HOLDERS, day, By.CHAIN)
        assert {one.key for one in parts or ()} == {chain}


async def test_who_was_delisted_counts_until_then(session: AsyncSession, make_enterprise: MakeEnterprise):
    target = target_named("T000-05")[1]
    boards = target.count.listed_on  # type: ignore[union-attr]
    enterprise = await make_enterprise(listing_board=boards[0], listed_on=date(2021, 6, 1), created_at=LONG_AGO)
    delist = "UPDATE enterprise SET listing_board = '', listed_on = NULL WHERE id = :id"
    await change(session, enterprise, delist, NOVEMBER, date(2026, 5, 1))

    async def counted(day: date, at: datetime | None = None) -> int | None:
        return (await roll_up(session, [target], [day], known_at=at)).of(target, day).counted

    assert [
        await counted(day) for day in (date(2021, 5, 31), date(2021, 6, 1), date(2026, 4, 30), date(2026, 5, 1))
    ] == [0, 1, 1, 0]
    assert await counted(date(2026, 6, 1), THEN) == 1
