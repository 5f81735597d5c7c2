"""When a system is asked by itself, by a clock that stands still."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.database.session import owner_unit_of_work
from backend.exchange import schedules
from backend.exchange.client import Declined
from backend.exchange.connectors import connectors
from backend.exchange.runs import begin, finish, note_failure
from backend.exchange.schedules import ScheduleRefused, in_words, next_due, read_turn
from backend.exchange.systems import SystemRefused, calendar_of, set_system
from tests.backend.conftest import ClientAs
from tests.backend.exchange.test_pages import page_text

TAX = connectors()["tax"]
NOON = datetime(2026, 5, 20, 12, tzinfo=CHINA)


def at(month: int, day: int, hour: int, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("written", "due"),
    [
        ("monthly:20T12", at(6, 20, 12)),  # the turn that is just now was taken
        ("monthly:20T13", at(5, 20, 13)),
        ("monthly:31T00", at(5, 31, 0)),
        ("quarterly:16T02", at(7, 16, 2)),
        ("yearly:06-01T02", at(6, 1, 2)),
        ("yearly:05-20T11", at(5, 20, 11, 2027)),
        ("yearly:02-29T02", at(2, 28, 2, 2027)),
    ],
)
def test_a_turn_comes_at_its_next_day_and_hour_in_china(written: str, due: datetime):
    assert next_due(0, [written], NOON) == due


def test_a_month_without_the_day_has_its_turn_on_its_last():
    assert next_due(0, ["monthly:31T05"], at(6, 1, 0)) == at(6, 30, 5)


def test_the_hour_is_that_of_china_wherever_the_machine_stands():
    assert next_due(0, ["monthly:01T02"], datetime(2026, 5, 31, 17, 30, tzinfo=UTC)) == at(6, 1, 2)


def test_whichever_comes_first_counts():
    assert next_due(3600, TAX.calendar, NOON) == NOON + timedelta(hours=1)
    assert next_due(86_400 * 300, TAX.calendar, NOON) == at(6, 1, 2)


def test_a_system_without_a_schedule_is_asked_by_hand():
    assert next_due(0, [], NOON) is None and in_words(0, []) == "手工"


@given(
    turn=st.sampled_from([turn for one in connectors().values() for turn in one.calendar]),
    hours=st.integers(-200_000, 500_000),
)
def test_the_next_turn_is_ahead_and_within_a_year(turn: str, hours: int):
    moment = NOON + timedelta(hours=hours)
    assert timedelta(0) < read_turn(turn).after(moment) - moment <= timedelta(days=366)


@pytest.mark.parametrize(
    "written", ["", "daily:02", "monthly:00T02", "monthly:32T02", "monthly:16T24", "yearly:13-01T02", "yearly:02-30T02"]
)
def test_what_is_no_turn_is_refused_with_how_to_write_it(written: str):
    with pytest.raises(ScheduleRefused, match="应写作 monthly:16T02"):
        read_turn(written)


def test_the_tax_bureau_is_usually_asked_after_the_settlement():
    assert in_words(0, TAX.calendar) == "每年 6 月 1 日 2 时；每年 9 月 1 日 2 时；每月 16 日 2 时"
    assert calendar_of("tax", ["usual"]) == list(TAX.calendar)
    assert calendar_of("tax", ["none"]) == [] and calendar_of("tax", None) is None


async def due(session: AsyncSession) -> datetime:
    return (await session.execute(text("SELECT next_due_at FROM exchange_system WHERE id = 'tax'"))).scalar_one()


async def test_a_run_that_went_well_is_followed_by_the_next_turn(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(schedules, "now", lambda: NOON)
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url="http://tax.test", calendar=list(TAX.calendar))
        assert await due(session) == at(6, 1, 2)
        run = await begin(session, TAX)
        monkeypatch.setattr(schedules, "now", lambda: at(6, 1, 3))
        await finish(session, TAX, run)
        assert await due(session) == at(6, 16, 2)


async def test_a_run_that_failed_is_not_put_off_to_the_next_turn(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url="http://tax.test", calendar=["yearly:06-01T02"])
        await note_failure(session, TAX, await begin(session, TAX), Declined("不答"))
        assert await due(session) < datetime.now(UTC) + timedelta(hours=1)


async def test_no_calendar_is_set_that_cannot_be_read(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        with pytest.raises(SystemRefused, match="yearly:06-01T02"):
            await set_system(session, "tax", url="http://tax.test", calendar=["once"])


async def test_the_page_tells_the_schedule_and_the_next_time(
    engine: AsyncEngine, client_as: ClientAs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(schedules, "now", lambda: NOON)
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url="http://tax.test", calendar=["yearly:06-01T02"])
    shown = await page_text(await client_as("city_officer"), "/exchange")
    assert "每年 6 月 1 日 2 时" in shown and "2026-06-01 02:00" in shown
