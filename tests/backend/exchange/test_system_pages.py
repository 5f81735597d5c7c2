"""A system's schedule on its page, and whether it missed a turn."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange import schedules
from backend.exchange.schedules import is_late, upcoming
from backend.exchange.tax.client import TAX
from tests.backend.conftest import ClientAs
from tests.backend.exchange.test_inbound import found

ADDRESS = "/exchange/systems/tax"
NOON = datetime(2026, 6, 20, 4, tzinfo=UTC)  # in China
TURN = datetime(2026, 6, 15, 18, tzinfo=UTC)  # the 16th, two o'clock in China
CALENDAR = "SELECT array_to_string(calendar, ' ') FROM exchange_system"


@pytest.fixture
async def officer(app: FastAPI, engine: AsyncEngine, client_as: ClientAs) -> AsyncClient:
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("INSERT INTO exchange_system (id, name, url) VALUES ('tax', '税务', 'http://tax.test')")
        )
    return await client_as("city_officer")


async def test_turns_are_added_and_dropped_and_the_next_one_is_reckoned(
    officer: AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(schedules, "now", lambda: NOON)
    for turn in (
        {"kind": "monthly", "day": "16", "hour": "2"},
        {"kind": "yearly", "month": "6", "day": "1", "hour": "2"},
    ):
        assert (await officer.post(f"{ADDRESS}/turns", data=turn)).status_code == 303
    shown = (await officer.get(ADDRESS)).text
    assert "每月 16 日 2 时" in shown and "每年 6 月 1 日 2 时" in shown and "2026-07-16 02:00" in shown
    assert await found(engine, "SELECT next_due_at FROM exchange_system") == [TURN.replace(month=7)]
    assert (await officer.post(f"{ADDRESS}/turns/monthly:16T02/drop")).status_code == 303
    assert await found(engine, CALENDAR) == ["yearly:06-01T02"]
    assert (await officer.post(f"{ADDRESS}/turns/monthly:16T02/drop")).status_code == 404


async def test_the_usual_turns_and_an_interval_are_set_by_a_button(officer: AsyncClient, engine: AsyncEngine):
    assert (await officer.post(f"{ADDRESS}/usual")).status_code == 303
    assert await found(engine, CALENDAR) == [" ".join(TAX.calendar)]
    assert (await officer.post(f"{ADDRESS}/every", data={"every": "2", "unit": "3600"})).status_code == 303
    assert "每 2 小时" in (await officer.get(ADDRESS)).text
    assert (await officer.post(f"{ADDRESS}/every", data={"unit": "0"})).status_code == 303
    assert await found(engine, "SELECT every_seconds FROM exchange_system") == [0]


async def test_a_system_is_asked_at_once_by_a_button_unless_it_is_paused(officer: AsyncClient, engine: AsyncEngine):
    due = "SELECT next_due_at <= now() FROM exchange_system"
    assert await found(engine, due) == [None]
    assert (await officer.post(f"{ADDRESS}/now")).status_code == 303
    assert await found(engine, due) == [True]
    await officer.post(f"{ADDRESS}/pause")
    answer = await officer.post(f"{ADDRESS}/now")
    assert (answer.status_code, "请先恢复" in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("path", "given", "told"),
    [
        ("turns", {"kind": "yearly", "month": "2", "day": "31", "hour": "2"}, "没有“2 月 31 日 2 时”这个时间"),
        ("turns", {"kind": "monthly", "day": "1", "hour": "24"}, "时请填 0 至 23"), ("turns", {"kind": "daily"}, "请选择每月"),
        ("every", {"every": "-1", "unit": "60"}, "间隔“-1”应为整数"), ("every", {"every": "99999", "unit": "86400"}, "一年之间"),
    ],
)  # fmt: skip
async def test_a_time_that_is_none_is_told(officer: AsyncClient, path: str, given: dict[str, str], told: str):
    answer = await officer.post(f"{ADDRESS}/{path}", data=given)
    assert (answer.status_code, told in answer.text) == (422, True)


async def test_who_only_reads_sees_the_schedule_and_sets_nothing(officer: AsyncClient, client_as: ClientAs):
    viewer = await client_as("viewer")
    assert "拉取计划" in (await viewer.get(ADDRESS)).text and f"{ADDRESS}/" not in (await viewer.get(ADDRESS)).text
    assert (await viewer.post(f"{ADDRESS}/usual")).status_code == 403
    assert (await viewer.get("/exchange/systems/none")).status_code == 404


def test_the_next_times_stand_in_their_order():
    found = upcoming(0, ("quarterly:16T02", "yearly:06-01T02"), NOON, 3)
    assert [f"{one:%m-%d}" for one in found] == ["07-16", "10-16", "01-16"]
    assert upcoming(0, (), NOON) == []


@pytest.mark.parametrize(
    ("since_turn", "last", "failures", "late"),
    [
        (5, None, 0, False), (7, None, 0, True),  # nobody took the turn
        (7, 1, 0, False),  # somebody did
        (7, -30, 2, True), (5, -30, 2, False),  # it was taken and fails
    ],
)  # fmt: skip
def test_a_turn_of_the_calendar_is_missed_after_six_hours(since_turn: int, last: int | None, failures: int, late: bool):
    moment = TURN + timedelta(hours=since_turn)
    succeeded = TURN + timedelta(hours=last) if last is not None else None
    due = moment + timedelta(minutes=5) if failures else TURN.replace(month=7) if last == 1 else TURN
    assert is_late(0, ("monthly:16T02",), succeeded, due, failures, moment) is late


def test_a_schedule_that_was_set_today_has_missed_nothing():
    assert not is_late(0, ("monthly:16T02",), TURN - timedelta(days=90), NOON + timedelta(days=20), 0, NOON)
