"""Where a count will be: what the forecast rests on, its interval, and its back-test."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.stages import Stage
from backend.plans.documents import target_named
from backend.plans.forecast import can_be_forecast, forecast
from backend.plans.outlook import USUAL_CONVERSION, Candidates, Title, back_test, outlook, years_before
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle

TODAY = date(2026, 6, 30)
DUE = date(2027, 12, 31)


def title(granted_on: date, years: int = 3) -> Title:
    return Title(granted_on, granted_on, years_before(granted_on, -years) - timedelta(days=1))


def test_titles_that_reach_beyond_the_day_are_certain():
    found = outlook([[title(date(2026, 1, 1))], [title(date(2024, 1, 1))]], TODAY, DUE)
    assert (found.today, found.lasting, found.ending) == (2, 1, 1)
    assert found.low >= 1


def test_a_year_of_history_knows_who_came_back_and_who_came_new():
    back = [title(date(2022, 8, 1)), title(date(2025, 9, 1))]
    gone = [title(date(2022, 8, 1))]
    fresh = [title(date(2026, 1, 1))]
    step = outlook([back, gone, fresh], TODAY, DUE).history[-1]
    assert (step.ending, step.renewed, step.newcomers) == (2, 1, 1)


def test_a_thin_history_is_drawn_towards_what_is_usual():
    lost = [[title(date(2022, 8, 1))]]
    rate = outlook(lost, TODAY, DUE).assumptions.renewal
    assert 0.7 < rate < 0.75


def test_a_long_history_speaks_for_itself():
    lost = [[title(date(2022, 8, 1))] for _ in range(500)]
    assert outlook(lost, TODAY, DUE).assumptions.renewal < 0.05


def test_the_expected_count_is_in_the_interval():
    holders = [[title(date(year, month, 1))] for year in range(2021, 2026) for month in range(1, 13)]
    found = outlook(holders, TODAY, DUE)
    assert found.low <= found.middle <= found.high
    assert found.low < found.high


def test_the_back_test_knows_only_what_was_granted_by_then():
    holders = [[title(date(year, month, 1))] for year in range(2019, 2026) for month in range(1, 7)]
    sudden = [[title(date(2026, 3, 1))] for _ in range(300)]
    tested = back_test([*holders, *sudden], TODAY)
    assert tested is not None
    assert tested.said.today == sum(1 for one in holders if one[0].first <= date(2025, 6, 30) <= one[0].last)
    assert not tested.is_within


def test_without_a_past_there_is_no_back_test():
    assert back_test([[title(date(2026, 3, 1))]], TODAY) is None


def test_only_stocks_of_valid_titles_with_a_day_to_come_are_forecast():
    assert can_be_forecast(target_named("T000-01")[1], TODAY)
    assert not can_be_forecast(target_named("T000-03")[1], TODAY)
    assert not can_be_forecast(target_named("T004-26")[1], TODAY)
    assert not can_be_forecast(target_named("T000-01")[1], date(2028, 1, 1))


async def test_a_reader_may_assume_otherwise(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    for _ in range(4):
        await make_title(await make_enterprise(), granted_on=date(2024, 1, 10), valid_to=date(2027, 1, 9))
    await make_title(await make_enterprise("320102"), granted_on=date(2024, 1, 10), valid_to=date(2027, 1, 9))
    _, target = target_named("T000-01")
    given = await forecast(session, target, TODAY, renewal=0.5, newcomers_a_year=10)
    assert given is not None
    assert (given.outlook.today, given.outlook.ending) == (4, 4)
    assert given.outlook.middle == 2 + 15
    assert given.will_be_met is False


def test_29_february_has_a_year_before():
    assert years_before(date(2024, 2, 29), 1) == date(2023, 2, 28)


@pytest.mark.parametrize("seed", range(4))
async def test_the_database_counts_what_the_method_counts(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle, seed: int
):
    chance = Random(seed)
    holders: list[list[Title]] = []
    for _ in range(40):
        enterprise = await make_enterprise()
        titles = [_some_title(chance) for _ in range(chance.randrange(1, 4))]
        for one in titles:
            printed = None if one.last == date(9999, 12, 31) else one.last
            await make_title(enterprise, granted_on=one.granted_on, valid_from=one.first, valid_to=printed)
        holders.append(titles)
    _, target = target_named("T000-01")
    given = await forecast(session, target, TODAY)
    assert given is not None
    assert given.outlook == outlook(holders, TODAY, DUE)
    assert given.back_test == back_test(holders, TODAY) is not None
    assert all(step.ending and step.newcomers for step in given.outlook.history)


def _some_title(chance: Random) -> Title:
    granted_on = date(2018, 1, 1) + timedelta(days=chance.randrange(3200))
    first = granted_on + timedelta(days=chance.choice((0, 0, 40)))
    last = first + timedelta(days=chance.choice((364, 1094, 1095)))
    return Title(granted_on, first, chance.choice((last, last, last, date(9999, 12, 31))))


async def test_who_had_ended_by_then_is_forecast_no_more(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    for ended_on in (TODAY, TODAY + timedelta(days=1), None):
        enterprise = await make_enterprise()
        await make_title(enterprise, granted_on=date(2024, 1, 10), valid_to=date(2027, 1, 9))
        if ended_on is not None:
            values: dict[str, Any] = {"id": enterprise, "day": ended_on, "moment": datetime(2026, 6, 1, tzinfo=UTC)}
            await session.execute(
                text(
                    "INSERT INTO enterprise_end (enterprise_id, kind, ended_on, reason, recorded_at)"
                    " VALUES (:id, 'cancelled', :day, '', :moment)"
                ),
                values,
            )
    _, target = target_named("T000-01")
    now = await forecast(session, target, TODAY)
    before = await forecast(session, target, TODAY, known_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert now is not None
    assert before is not None
    assert (now.outlook.today, before.outlook.today) == (2, 3)


async def test_a_title_taken_up_late_is_not_known_before(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    for recorded_at in (datetime(2024, 1, 20, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC)):
        await make_title(
            await make_enterprise(), granted_on=date(2024, 1, 10), valid_to=date(2027, 1, 9), recorded_at=recorded_at
        )
    _, target = target_named("T000-01")
    before = await forecast(session, target, TODAY, known_at=datetime(2026, 5, 1, tzinfo=UTC))
    assert before is not None
    assert before.outlook.today == 1


# --- The pool's candidates --------------------------------------------------------------------------------


def test_candidates_come_at_the_rate_of_those_before_them():
    followed = Candidates(Stage.CULTIVATED, standing=100, followed=980, recognised=495)
    found = outlook([[title(date(2026, 1, 1))]], TODAY, date(2027, 6, 30), [followed])
    assert found.assumptions.conversion == {Stage.CULTIVATED: 0.5}
    assert found.from_pool == pytest.approx(50)
    assert found.middle == (1 + 50)


def test_a_stage_without_a_past_is_taken_as_usual():
    assert Candidates(Stage.RECOMMENDED, 10, followed=0, recognised=0).rate == USUAL_CONVERSION[Stage.RECOMMENDED]


def test_nobody_is_expected_twice_while_the_pool_is_young():
    newcomers = [[title(date(2025, 9, 1))] for _ in range(30)]
    alone = outlook(newcomers, TODAY, DUE)
    young = outlook(newcomers, TODAY, DUE, [Candidates(Stage.RECOMMENDED, 10, 0, 0)])
    assert alone.assumptions.newcomers_a_year == 10
    assert young.assumptions.newcomers_a_year == pytest.approx((30 - 6) / 3)


async def put_into_pool(session: AsyncSession, enterprise: int, *stages: tuple[str, datetime], year: int) -> None:
    values: dict[str, Any] = {"enterprise": enterprise, "year": year, "stage": stages[-1][0]}
    found = await session.execute(
        text(
            "INSERT INTO pool_entry (enterprise_id, programme, year, stage, note, revision)"
            " VALUES (:enterprise, 'hnte', :year, :stage, '', 1) RETURNING id"
        ),
        values,
    )
    entry = found.scalar_one()
    for stage, moment in stages:
        await session.execute(
            text(
                "INSERT INTO pool_move (entry_id, enterprise_id, from_stage, to_stage, reason, moved_at)"
                " VALUES (:entry, :enterprise, '', :stage, '', :moment)"
            ),
            {"entry": entry, "enterprise": enterprise, "stage": stage, "moment": moment},
        )


async def test_the_pool_is_read_as_it_stood_on_each_day(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    came, waits, left, new = [await make_enterprise() for _ in range(4)]
    last_year, now = datetime(2025, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    await put_into_pool(session, came, ("cultivated", last_year), ("recognised", now), year=2025)
    await make_title(came, granted_on=date(2025, 11, 6), valid_to=date(2028, 11, 5))
    await put_into_pool(session, waits, ("cultivated", last_year), ("recommended", now), year=2025)
    await put_into_pool(session, left, ("cultivated", last_year), ("out", now), year=2025)
    await put_into_pool(session, new, ("discovered", now), year=2026)
    given = await forecast(session, target_named("T000-01")[1], TODAY)
    assert given is not None
    told = {one.stage: (one.standing, one.followed, one.recognised) for one in given.outlook.candidates}
    assert told == {Stage.DISCOVERED: (1, 0, 0), Stage.CULTIVATED: (0, 3, 1), Stage.RECOMMENDED: (1, 0, 0)}
    last = given.outlook.history[-1]
    assert (last.newcomers, last.from_pool, given.outlook.history[0].from_pool) == (1, 1, None)


async def test_what_is_assumed_of_the_pool_can_be_changed(session: AsyncSession, make_enterprise: MakeEnterprise):
    for _ in range(10):
        await put_into_pool(
            session, await make_enterprise(), ("recommended", datetime(2026, 3, 1, tzinfo=UTC)), year=2026
        )
    _, target = target_named("T000-01")
    given = await forecast(session, target, TODAY, conversion={Stage.RECOMMENDED: 1.0})
    assert given is not None
    assert (given.outlook.from_pool, given.outlook.middle) == (10, 10)
    assert any("推荐 10 家（一年内 100.0% 取得认定）" in one for one in given.sentences)
