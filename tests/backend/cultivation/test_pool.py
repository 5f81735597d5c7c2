"""The pool: entering, moving, what stages ask for, who answers; and that nothing is lost on the way."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import Person
from backend.clock import today
from backend.cultivation.candidates import candidates, gaps
from backend.cultivation.queries import (
    PoolFilters,
    board,
    gained_since,
    list_entries,
    moves_of,
    moves_since,
    stage_counts,
)
from backend.cultivation.service import Done, PoolRefused, Seen, assign, enter, move, take_over_recognised
from backend.cultivation.stages import Stage
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate
from rules.library import library
from tests.factories import column, make_enterprise, make_filing, make_recognition

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
ON = today()
YEAR = ON.year
#: Figures with which an enterprise meets the tech SME conditions except what only a person can confirm.
GOOD = {"sales_revenue": 5000, "rd_expense_deduction": 400, "employee_total": 100, "sci_tech_staff": 40,
        "total_assets_year_end": 6000, "cost_expense_total": 4000}  # fmt: skip


async def make_entry(session: AsyncSession, **given: Any) -> tuple[int, int]:
    """An enterprise in the tech SME pool; gives the entry's id and the enterprise's."""
    number = await make_enterprise(session, **given)
    return (await enter(session, "tech_sme", YEAR, [number], by=1))[0], number


async def make_officer(session: AsyncSession, region: str = "", role: str = "district_officer") -> int:
    person = Person(
        login=f"o-{region}-{role}",
        name="李强",
        password_hash="!",
        role=role,
        region_code=region,
        created_at=datetime.now(UTC),
    )
    session.add(person)
    await session.flush()
    assert person.id is not None
    return person.id


async def standing(
    session: AsyncSession, number: int, outcome: str, *, is_likely: bool = False, days_ago: int = 0
) -> None:
    """Write what the last run said of an enterprise."""
    await session.execute(
        text(
            "INSERT INTO eligibility (enterprise_id, programme, version, outcome, is_likely, failed, unknown, missing, as_of, run_id)"
            " VALUES (:id, 'tech_sme', '2022', :outcome, :likely, '{}', '{}', '{}', :day, 0)"
            " ON CONFLICT (enterprise_id, programme) DO UPDATE SET outcome = :outcome, is_likely = :likely, as_of = :day"
        ),
        {"id": number, "outcome": outcome, "likely": is_likely, "day": ON - timedelta(days=days_ago)},
    )


async def revision(session: AsyncSession, entry: int) -> int:
    return (await column(session, "SELECT revision FROM pool_entry WHERE id = :id", id=entry))[0]


async def go(session: AsyncSession, entry: int, to: Stage, reason: str = "", most_days: int = 30) -> Done:
    seen = [Seen(entry, await revision(session, entry))]
    return await move(session, seen, to, reason, by=1, on=ON, most_days=most_days)


async def test_an_enterprise_enters_a_pool_once_a_year(session: AsyncSession):
    number = await make_enterprise(session)
    assert len(await enter(session, "hnte", YEAR, [number], by=1)) == 1
    assert await enter(session, "hnte", YEAR, [number], by=1) == []
    assert len(await enter(session, "hnte", YEAR + 1, [number], by=1)) == 1


async def test_there_is_no_pool_of_an_unknown_programme(session: AsyncSession):
    with pytest.raises(PoolRefused, match="没有认定项目"):
        await enter(session, "no_such", YEAR, [await make_enterprise(session)], by=1)


async def test_every_move_leaves_a_line_that_says_who_and_why(session: AsyncSession):
    entry, number = await make_entry(session)
    await go(session, entry, Stage.CULTIVATED)
    await go(session, entry, Stage.OUT, "企业迁出本市")
    moves = [
        (one["from_stage"], one["to_stage"], one["reason"], one["moved_by"]) for one in await moves_of(session, number)
    ]
    assert moves == [
        ("cultivated", "out", "企业迁出本市", 1), ("discovered", "cultivated", "", 1), ("", "discovered", "", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("to", [Stage.OUT, Stage.DISCOVERED])
async def test_going_back_or_out_needs_a_reason(session: AsyncSession, to: Stage):
    entry, _ = await make_entry(session)
    await go(session, entry, Stage.CULTIVATED)
    refused = await go(session, entry, to)
    assert refused.saved == []
    assert "须写明原因" in refused.refused[0][1]
    assert (await go(session, entry, to, "条件有变")).saved == [entry]


@pytest.mark.parametrize(
    ("outcome", "is_likely", "days_ago", "told"),
    [
        ("eligible", False, 0, ""),
        ("undetermined", True, 0, ""),
        ("eligible", False, 30, ""),
        ("eligible", False, 31, "超过 30 天"),
        ("undetermined", False, 0, "不符合或数据不全"),
        ("ineligible", False, 0, "不符合或数据不全"),
    ],
)
async def test_a_recommendation_rests_on_a_fresh_check_that_says_yes(
    session: AsyncSession, outcome: str, is_likely: bool, days_ago: int, told: str
):
    entry, number = await make_entry(session)
    await standing(session, number, outcome, is_likely=is_likely, days_ago=days_ago)
    done = await go(session, entry, Stage.RECOMMENDED)
    assert bool(done.saved) is (told == "")
    assert told in (done.refused[0][1] if done.refused else "")


@pytest.mark.parametrize(
    ("is_whole", "is_finished", "told"), [(True, True, ""), (True, False, "超过 30 天"), (False, True, "超过 30 天")]
)
async def test_a_run_of_the_whole_registry_checks_what_it_leaves_as_it_is(
    session: AsyncSession, told: str, *, is_whole: bool, is_finished: bool
):
    entry, number = await make_entry(session)
    await standing(session, number, "eligible", days_ago=31)
    await session.execute(
        text(
            "INSERT INTO eligibility_run (as_of, library_digest, enterprises, changes, is_whole, finished_at)"
            " VALUES (:day, '', 1, 0, :whole, CASE WHEN :finished THEN now() END)"
        ),
        {"day": ON - timedelta(days=2), "whole": is_whole, "finished": is_finished},
    )
    done = await go(session, entry, Stage.RECOMMENDED)
    assert bool(done.saved) is (told == "")
    assert told in (done.refused[0][1] if done.refused else "")


async def test_without_any_check_nobody_is_recommended(session: AsyncSession):
    entry, _ = await make_entry(session)
    assert "还没有测评过" in (await go(session, entry, Stage.RECOMMENDED)).refused[0][1]


async def test_the_move_notes_the_check_it_rests_on(session: AsyncSession):
    entry, number = await make_entry(session)
    await standing(session, number, "eligible", days_ago=3)
    await go(session, entry, Stage.RECOMMENDED)
    assert (await moves_of(session, number))[0]["checked_on"] == ON - timedelta(days=3)


async def test_nobody_is_recognised_whose_title_does_not_stand_in_the_registry(session: AsyncSession):
    entry, number = await make_entry(session)
    assert "认定台账里没有" in (await go(session, entry, Stage.RECOGNISED)).refused[0][1]
    await make_recognition(session, number, "tech_sme", date(YEAR - 1, 6, 1))
    assert (await go(session, entry, Stage.RECOGNISED)).saved == []
    await make_recognition(session, number, "tech_sme", date(YEAR, 1, 15))
    assert (await go(session, entry, Stage.RECOGNISED)).saved == [entry]


async def test_those_who_got_their_title_are_taken_over_at_once(session: AsyncSession):
    with_title, number = await make_entry(session)
    without, _ = await make_entry(session)
    await make_recognition(session, number, "tech_sme", date(YEAR, 1, 15))
    assert await take_over_recognised(session, "tech_sme", YEAR, by=1, on=ON) == 1
    stages = await column(
        session, "SELECT stage FROM pool_entry WHERE id = ANY(:ids) ORDER BY id", ids=[with_title, without]
    )
    assert stages == ["recognised", "discovered"]


async def test_the_second_of_two_who_move_one_entry_is_told_and_nothing_is_lost(session: AsyncSession):
    entry, number = await make_entry(session)
    both_saw = [Seen(entry, await revision(session, entry))]
    await move(session, both_saw, Stage.CULTIVATED, "", by=1, on=ON, most_days=30)
    second = await move(session, both_saw, Stage.OUT, "不再培育", by=2, on=ON, most_days=30)
    assert second.saved == []
    assert "已被他人修改" in second.refused[0][1]
    assert [one["to_stage"] for one in await moves_of(session, number)] == ["cultivated", "discovered"]


async def test_of_many_those_that_can_be_moved_are_and_the_others_are_named(session: AsyncSession):
    ready, number = await make_entry(session)
    other, _ = await make_entry(session, name="泰州未测评有限公司")
    await standing(session, number, "eligible")
    done = await move(session, [Seen(ready, 1), Seen(other, 1)], Stage.RECOMMENDED, "", by=1, on=ON, most_days=30)
    assert done.saved == [ready]
    assert [name for name, _ in done.refused] == ["泰州未测评有限公司"]


async def test_an_officer_answers_only_for_the_own_district(session: AsyncSession):
    entry, _ = await make_entry(session, region_code="321282")
    own, other = await make_officer(session, "321282"), await make_officer(session, "321283")
    with pytest.raises(PoolRefused, match="不能管理其中 1 家"):
        await assign(session, [Seen(entry, 1)], other, by=1, on=ON)
    assert (await assign(session, [Seen(entry, 1)], own, by=1, on=ON)).saved == [entry]
    assert await column(session, "SELECT officer_id FROM pool_entry WHERE id = :id", id=entry) == [own]


async def test_a_viewer_cannot_be_made_responsible(session: AsyncSession):
    entry, _ = await make_entry(session)
    with pytest.raises(PoolRefused):
        await assign(session, [Seen(entry, 1)], await make_officer(session, "", "viewer"), by=1, on=ON)


async def test_the_board_and_the_list_count_alike(session: AsyncSession):
    for stage in (Stage.DISCOVERED, Stage.CULTIVATED, Stage.CULTIVATED):
        entry, _ = await make_entry(session)
        if stage is not Stage.DISCOVERED:
            await go(session, entry, stage)
    asked = PoolFilters("tech_sme", YEAR)
    counts = await stage_counts(session, asked)
    cards = await board(session, asked, ON)
    assert {stage: len(rows) for stage, rows in cards.items()} == counts
    assert (counts[Stage.CULTIVATED], (await list_entries(session, asked, ON)).total) == (2, 3)


async def test_what_moved_since_a_day_leaves_out_who_only_changed_hands(session: AsyncSession):
    entry, _ = await make_entry(session)
    await assign(session, [Seen(entry, 1)], await make_officer(session), by=1, on=ON)
    moved = await moves_since(session, datetime.now(UTC) - timedelta(days=7), "tech_sme")
    assert [(one["from_stage"], one["to_stage"]) for one in moved] == [("", "discovered")]
    assert await moves_since(session, datetime.now(UTC) + timedelta(minutes=1)) == []


async def test_what_each_stage_gained_counts_every_move_and_not_those_shown_alone(session: AsyncSession):
    for _ in range(3):
        await go(session, (await make_entry(session))[0], Stage.CULTIVATED)
    since = datetime.now(UTC) - timedelta(days=7)
    gained = await gained_since(session, since, "tech_sme")
    assert (gained[Stage.DISCOVERED], gained[Stage.CULTIVATED], gained[Stage.OUT]) == (3, 3, 0)
    assert len(await moves_since(session, since, "tech_sme", limit=2)) == 2
    assert sum((await gained_since(session, since, "hnte")).values()) == 0


async def test_the_engine_proposes_who_meets_a_programme_without_holding_it(session: AsyncSession):
    ready = await make_enterprise(session)
    holder, inside = await make_enterprise(session), (await make_entry(session))[1]
    for number in (ready, holder, inside):
        await standing(session, number, "eligible")
    await make_recognition(session, holder, "tech_sme", date(YEAR, 1, 15))
    found = await candidates(session, library(), "tech_sme", YEAR, "ready", ON)
    assert [one.row["id"] for one in found] == [ready]


async def test_a_title_that_ends_within_the_year_is_cultivated_for_again(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number, "tech_sme", date(YEAR - 1, 6, 1))
    await standing(session, number, "eligible")
    assert len(await candidates(session, library(), "tech_sme", YEAR, "ready", ON)) == 1


async def test_a_candidate_comes_with_the_gap_in_its_own_unit(session: AsyncSession):
    number = await make_enterprise(session, established_on=date(2015, 1, 1), industry_code="3484")
    await make_filing(session, number, GOOD | {"employee_total": 520}, year=YEAR - 1, received_on=date(YEAR, 1, 10))
    await evaluate(session, [number], library(), ON)
    found = await candidates(session, library(), "tech_sme", YEAR, "near", ON)
    assert [one.row["id"] for one in found] == [number]
    assert any("差 20" in words for words in found[0].lacks)


@pytest.mark.parametrize(
    "statement", ["UPDATE pool_move SET reason = ''", "DELETE FROM pool_move", "DELETE FROM pool_entry"]
)
async def test_the_service_can_rewrite_no_history(app_session_factory: Scoped, statement: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with app_session_factory(Scope.city()) as session:
            await session.execute(text(statement))


async def test_who_stands_on_a_mark_that_must_be_exceeded_is_told_so(session: AsyncSession):
    number = await make_enterprise(session, established_on=date(2015, 1, 1), industry_code="3484")
    await make_filing(session, number, {"innovation_score_total": 70}, year=None)
    lacks = (await gaps(session, library(), "hnte", [number], ON))[number]
    assert any(words.endswith("（须超过 70 分）") for words in lacks), lacks


async def test_a_district_sees_and_moves_its_own_entries_only(engine: AsyncEngine, app_session_factory: Scoped):
    async with owner_unit_of_work(engine) as owner:
        entry, _ = await make_entry(owner, region_code="321282")
    async with app_session_factory(Scope.district("321283")) as other:
        assert await column(other, "SELECT id FROM pool_entry") == []
        assert (await move(other, [Seen(entry, 1)], Stage.CULTIVATED, "", by=1, on=ON, most_days=30)).saved == []
    async with app_session_factory(Scope.district("321282")) as own:
        assert (await move(own, [Seen(entry, 1)], Stage.CULTIVATED, "", by=1, on=ON, most_days=30)).saved == [entry]


async def test_an_enterprises_own_account_sees_nothing_of_what_the_bureau_notes(
    engine: AsyncEngine, app_session_factory: Scoped
):
    async with owner_unit_of_work(engine) as owner:
        _, number = await make_entry(owner)
        await make_filing(owner, number, {"sales_revenue": 1000})
        await make_filing(owner, number, {"sales_revenue": 10}, source="tax")
    async with app_session_factory(Scope.enterprise(number)) as own:
        assert await column(own, "SELECT id FROM enterprise") == [number]
        for table in ("pool_entry", "pool_move", "fact_conflict", "officers()"):
            assert await column(own, f"SELECT 1 FROM {table}") == [], table
