"""Sources that disagree: found as they file, settled by an officer, open again when there is news."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.conflicts import conflict_of
from backend.filings.queries import facts_known_at, facts_of
from backend.filings.service import FilingDraft, file, rebuild
from backend.filings.settling import ConflictMoved, Decision, settle
from rules.library import library
from tests.factories import column, make_enterprise, make_filing

CATALOGUE = library().catalogue
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SAID_ON, DECIDED_ON, LATER = date(2026, 4, 15), date(2026, 5, 1), date(2026, 6, 1)


async def say(session: AsyncSession, number: int, source: str, value: Any, on: date = SAID_ON) -> None:
    await make_filing(session, number, {"sales_revenue": value}, source=source, received_on=on)


async def sales(session: AsyncSession, number: int) -> Any:
    """What holds, in 万元; the same by the projection and by the filings."""
    projected = (await facts_of(session, [number], CATALOGUE))[number].yearly["sales_revenue"][2025]
    filed = (await facts_known_at(session, [number], CATALOGUE, NOW))[number].yearly["sales_revenue"][2025]
    assert projected == filed
    assert isinstance(projected, int)
    return projected / 1_000_000


async def is_open(session: AsyncSession, number: int) -> bool:
    return await conflict_of(session, number, "sales_revenue", 2025) is not None


async def decide(session: AsyncSession, number: int, value: Any, reason: str = "看过审计报告") -> None:
    conflict = await conflict_of(session, number, "sales_revenue", 2025)
    assert conflict is not None
    decision = Decision(number, "sales_revenue", 2025, value, reason, conflict["latest_filing_id"])
    await settle(session, decision, CATALOGUE, decided_by=1, decided_on=DECIDED_ON)


@pytest.fixture
async def settled(session: AsyncSession) -> int:
    """Tax said 900, the enterprise 1,200, and an officer found that the enterprise was right."""
    number = await make_enterprise(session)
    await say(session, number, "self_declared", 1200)
    await say(session, number, "tax", 900)
    await decide(session, number, 1200)
    return number


@pytest.mark.parametrize(
    ("one", "other", "conflicts"),
    [(1000, 1050, False), (1000, 950, False), (1000, 949, True), (0, 0, False), (0, 1, True)],
)
async def test_sources_conflict_only_beyond_the_catalogues_tolerance(
    session: AsyncSession, one: int, other: int, conflicts: bool
):
    assert CATALOGUE.by_name["sales_revenue"].tolerance_percent == 5
    number = await make_enterprise(session)
    await say(session, number, "tax", one)
    await say(session, number, "self_declared", other)
    assert await is_open(session, number) is conflicts


async def test_a_conflict_shows_what_each_source_last_said_the_most_trusted_first(session: AsyncSession):
    number = await make_enterprise(session)
    await say(session, number, "self_declared", 1500, date(2026, 3, 1))
    await say(session, number, "self_declared", 1200)
    await say(session, number, "tax", 900)
    conflict = await conflict_of(session, number, "sales_revenue", 2025)
    assert conflict is not None
    assert [(one["source"], one["value"], one["received_on"]) for one in conflict["said"]] == [
        ("tax", 900, "2026-04-15"), ("self_declared", 1200, "2026-04-15"),
    ]  # fmt: skip
    assert (conflict["spread"], conflict["is_reopened"]) == (25, False)


async def test_two_who_differ_on_yes_and_no_conflict(session: AsyncSession):
    number = await make_enterprise(session)
    for source, value in (("tax", True), ("self_declared", False)):
        await make_filing(session, number, {"is_resident_enterprise": value}, source=source, year=None)
    assert await conflict_of(session, number, "is_resident_enterprise", None) is not None


async def test_lists_of_records_complement_each_other_and_never_conflict(session: AsyncSession):
    number = await make_enterprise(session)
    for source, day in (("emergency", "2026-05-18"), ("self_declared", "2026-05-19")):
        incident = {"kind": "environment", "severity": "major", "date": day}
        await make_filing(session, number, {"major_incidents": [incident]}, source=source, year=None)
    assert await column(session, "SELECT indicator FROM fact_conflict WHERE enterprise_id = :id", id=number) == []


async def test_a_source_that_comes_round_ends_the_conflict(session: AsyncSession):
    number = await make_enterprise(session)
    await say(session, number, "tax", 900)
    await say(session, number, "self_declared", 1200)
    await say(session, number, "self_declared", 910, LATER)
    assert not await is_open(session, number)


async def test_a_decision_is_a_filing_with_its_reason_and_holds(session: AsyncSession, settled: int):
    assert await sales(session, settled) == 1200
    assert not await is_open(session, settled)
    assert await column(
        session, "SELECT note FROM filing WHERE source = 'officer' AND enterprise_id = :id", id=settled
    ) == ["看过审计报告"]


async def test_who_only_repeats_what_the_officer_had_seen_changes_nothing(session: AsyncSession, settled: int):
    # A filing comes whole: with one new figure it repeats the old ones.
    draft = FilingDraft(settled, "tax", 2025, {"sales_revenue": 910, "employee_total": 60}, LATER)
    await file(session, [draft], CATALOGUE)
    assert await sales(session, settled) == 1200
    assert not await is_open(session, settled)


async def test_a_correction_of_the_most_trusted_source_takes_over_and_is_looked_at_again(
    session: AsyncSession, settled: int
):
    await say(session, settled, "tax", 1000, LATER)
    assert await sales(session, settled) == 1000
    conflict = await conflict_of(session, settled, "sales_revenue", 2025)
    assert conflict is not None
    assert conflict["is_reopened"]
    assert {one["source"] for one in conflict["said"]} == {"officer", "tax", "self_declared"}


async def test_a_less_trusted_source_cannot_overturn_a_decision_but_is_heard(session: AsyncSession, settled: int):
    await say(session, settled, "self_declared", 5000, LATER)
    assert await sales(session, settled) == 1200
    assert await is_open(session, settled)


async def test_a_source_that_now_agrees_with_the_decision_leaves_it_settled(session: AsyncSession, settled: int):
    await say(session, settled, "tax", 1190, LATER)
    assert await sales(session, settled) == 1200
    assert not await is_open(session, settled)


async def test_an_old_list_entered_late_is_heard_but_does_not_overturn(session: AsyncSession, settled: int):
    await say(session, settled, "audit_report", 700, date(2026, 2, 1))
    assert await sales(session, settled) == 1200
    assert await is_open(session, settled)


async def test_the_same_may_be_decided_again_after_news(session: AsyncSession, settled: int):
    await say(session, settled, "tax", 1000, DECIDED_ON)
    assert await sales(session, settled) == 1000
    await decide(session, settled, 1200, "税务更正有误，已电话核实")
    assert await sales(session, settled) == 1200
    assert not await is_open(session, settled)


async def test_who_decides_on_an_old_picture_is_told_and_nothing_is_written(session: AsyncSession, settled: int):
    await say(session, settled, "tax", 1000, LATER)
    stale = Decision(settled, "sales_revenue", 2025, 1100, "按旧页面", seen_filing_id=1)
    before = await column(session, "SELECT count(*) FROM filing")
    with pytest.raises(ConflictMoved):
        await settle(session, stale, CATALOGUE, decided_by=2, decided_on=LATER)
    assert await column(session, "SELECT count(*) FROM filing") == before


async def test_rebuilding_finds_the_same_with_decisions_among_the_filings(session: AsyncSession, settled: int):
    await say(session, settled, "tax", 1000, LATER)
    before = await column(session, "SELECT said FROM fact_conflict WHERE enterprise_id = :id", id=settled)
    assert await rebuild(session, [settled], CATALOGUE) == []
    assert await column(session, "SELECT said FROM fact_conflict WHERE enterprise_id = :id", id=settled) == before


async def test_what_was_known_before_and_after_a_decision_can_be_had_again(session: AsyncSession):
    number = await make_enterprise(session)
    days = [datetime(2026, month, 1, tzinfo=UTC) for month in (2, 4, 6)]
    said = [("tax", 900, days[0]), ("officer", 1200, days[1]), ("tax", 1000, days[2])]
    for source, value, moment in said:
        draft = FilingDraft(number, source, 2025, {"sales_revenue": value}, moment.date())
        await file(session, [draft], CATALOGUE, recorded_at=moment)
    known = [
        (await facts_known_at(session, [number], CATALOGUE, moment))[number].yearly["sales_revenue"][2025]
        for moment in days
    ]
    assert known == [900_000_000, 1_200_000_000, 1_000_000_000]
    assert await sales(session, number) == 1000
