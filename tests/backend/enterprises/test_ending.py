"""An enterprise ends on a day: it leaves counts and lists from then on, stays on file, and may come back."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.queries import PoolFilters, list_entries
from backend.cultivation.service import enter
from backend.database.scope import Scope
from backend.database.session import unit_of_work
from backend.eligibility.service import evaluate
from backend.enterprises.ending import End, LifeRefused, end, revive
from backend.enterprises.moving import Move, MoveRefused, register_move
from backend.enterprises.search import Filters, search
from backend.enterprises.splitting import Split, split
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.recognitions.queries import ladder_counts
from backend.recognitions.worklists import Asked, list_titles
from rules.library import library
from tests.factories import TODAY, column, make_enterprise, make_filing, make_recognition

GONE = End("cancelled", date(2026, 5, 10), "决议解散", "泰市监注〔2026〕12号")
HNTE = "T000-01"


async def hnte_on(session: AsyncSession, day: date, known_at: datetime | None = None) -> tuple[int, int]:
    """The count of the plan's target, and the length of the list behind it."""
    _, target = target_named(HNTE)
    counted = (await roll_up(session, [target], [day], known_at=known_at)).of(target, day).counted
    listed = await members(session, target, day, known_at=known_at)
    assert listed is not None
    return counted or 0, listed.total


async def test_one_that_ended_counts_until_the_day_before(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number)
    await end(session, number, GONE)
    assert await hnte_on(session, date(2026, 5, 9)) == (1, 1)
    assert await hnte_on(session, date(2026, 5, 10)) == (0, 0)


async def test_one_that_ended_stands_on_no_rung_from_that_day_on(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number)
    await end(session, number, GONE)
    on_the_day = await ladder_counts(session, date(2026, 5, 10), library())
    the_day_before = await ladder_counts(session, date(2026, 5, 9), library())
    assert (the_day_before["high_tech"], on_the_day["high_tech"]) == (1, 0)


async def test_one_that_ended_is_found_by_name_and_stands_in_no_list(session: AsyncSession):
    number = await make_enterprise(session, name="泰州远志船舶配件有限公司")
    await end(session, number, GONE)
    listed = await search(session, Filters(), TODAY, library())
    before = await search(session, Filters(), date(2026, 5, 9), library())
    found = await search(session, Filters(q="远志"), TODAY, library())
    assert ([row["id"] for row in listed.rows], [row["id"] for row in before.rows]) == ([], [number])
    assert [(row["id"], row["status"]) for row in found.rows] == [(number, "cancelled")]


async def test_one_that_ended_leaves_the_pool_and_the_work_lists(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, valid_to=date(2026, 8, 1))
    await make_filing(session, number, {"sales_revenue": 100})
    await make_filing(session, number, {"sales_revenue": 900}, source="tax")
    await enter(session, "srdi_sme", 2026, [number], by=None)
    await end(session, number, GONE)
    await evaluate(session, [number], library(), TODAY)
    entries = await list_entries(session, PoolFilters("srdi_sme", 2026), TODAY)
    expiring = await list_titles(session, Asked(), TODAY, library())
    conflicts = await column(session, "SELECT indicator FROM fact_conflict")
    outcomes = await column(session, "SELECT programme FROM eligibility WHERE enterprise_id = :id", id=number)
    assert (entries.total, expiring.total, conflicts, outcomes) == (0, 0, [], [])


async def test_a_revived_one_counts_again_as_if_nothing_had_been(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number)
    await make_filing(session, number, {"sales_revenue": 100})
    await make_filing(session, number, {"sales_revenue": 900}, source="tax")
    await end(session, number, GONE)
    await revive(session, number, "登记错了企业")
    assert await hnte_on(session, TODAY) == (1, 1)
    assert await column(session, "SELECT indicator FROM fact_conflict") == ["sales_revenue"]


async def test_an_earlier_day_s_knowledge_does_not_know_of_the_end(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        number = await make_enterprise(session)
        await make_recognition(session, number)
    before = datetime.now(UTC)
    async with unit_of_work(engine, Scope.city()) as session:
        await end(session, number, GONE)
    ended = datetime.now(UTC)
    async with unit_of_work(engine, Scope.city()) as session:
        await revive(session, number, "登记错了企业")
    async with unit_of_work(engine, Scope.city()) as session:
        counts = [await hnte_on(session, TODAY, moment) for moment in (before, ended, None)]
    assert counts == [(1, 1), (0, 0), (1, 1)]


async def test_an_end_is_not_entered_twice(session: AsyncSession):
    number = await make_enterprise(session)
    await end(session, number, GONE)
    with pytest.raises(LifeRefused, match="已登记注销（2026-05-10）"):
        await end(session, number, GONE)


async def test_one_that_lives_is_not_revived(session: AsyncSession):
    number = await make_enterprise(session)
    with pytest.raises(LifeRefused, match="没有登记注销或吊销"):
        await revive(session, number, "误")


async def test_no_one_moves_or_is_divided_once_it_is_none_any_more(session: AsyncSession):
    number = await make_enterprise(session)
    await end(session, number, End("cancelled", date(2026, 5, 10), "解散"))
    with pytest.raises(MoveRefused, match="自 2026-05-10 起已注销"):
        await register_move(session, Move(number, "321282", date(2026, 5, 10)))
    with pytest.raises(LifeRefused, match="自 2026-05-10 起已注销"):
        await split(session, Split(number, date(2026, 5, 11), "分立", name="泰州新源装备有限公司"))
    # Who is dissolved by the split ends on its day, and a move of before may become known later.
    await split(session, Split(number, date(2026, 5, 10), "解散分立", name="泰州新源装备有限公司"))
    await register_move(session, Move(number, "321282", date(2026, 5, 9)))


async def test_no_one_ends_before_it_was_founded(session: AsyncSession):
    number = await make_enterprise(session, established_on=date(2026, 6, 1))
    with pytest.raises(LifeRefused, match="早于成立日期"):
        await end(session, number, GONE)
