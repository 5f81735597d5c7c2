"""Filings: what a source said stays, the most trusted source wins, and earlier knowledge can be had again."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.filings.conflicts import conflicts_of
from backend.filings.queries import all_said, facts_known_at, facts_of
from backend.filings.service import FilingDraft, FilingRefused, file
from rules.library import library
from rules.values import FactKey
from tests.factories import column, make_enterprise, make_filing

MARCH = datetime(2026, 3, 31, 12, tzinfo=UTC)
MAY = datetime(2026, 5, 20, 12, tzinfo=UTC)
Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]


async def sales(session: AsyncSession, enterprise_id: int, year: int = 2025) -> Any:
    """The sales revenue that holds now, in fen."""
    facts = (await facts_of(session, [enterprise_id], library().catalogue))[enterprise_id]
    return facts.yearly.get("sales_revenue", {}).get(year)


async def filings(session: AsyncSession, enterprise_id: int) -> int:
    return (await column(session, "SELECT count(*) FROM filing WHERE enterprise_id = :id", id=enterprise_id))[0]


async def test_money_in_wan_is_whole_fen_in_the_projection(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": Decimal("12345.678901")})
    assert await sales(session, number) == 12_345_678_901


async def test_a_figure_of_eleven_digits_and_six_decimals_stays_exact(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": Decimal("99999999.123456")})
    assert await column(session, """SELECT "values"->>'sales_revenue' FROM filing""") == ["99999999.123456"]
    assert await sales(session, number) == 99_999_999_123_456


async def test_the_most_trusted_source_wins_though_another_came_later(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 900}, source="tax", received_on=date(2026, 3, 1))
    await make_filing(session, number, {"sales_revenue": 1000}, source="self_declared", received_on=date(2026, 5, 1))
    assert await sales(session, number) == 900_000_000


async def test_of_one_source_the_newest_wins(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1100}, received_on=date(2026, 5, 1))
    await make_filing(session, number, {"sales_revenue": 1000}, received_on=date(2026, 4, 1))
    assert await sales(session, number) == 1_100_000_000


async def test_of_one_day_the_later_entered_wins(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1000})
    await make_filing(session, number, {"sales_revenue": 1100})
    assert await sales(session, number) == 1_100_000_000


async def test_what_an_officer_confirmed_goes_before_all(session: AsyncSession):
    number = await make_enterprise(session)
    for source, value in (("tax", 900), ("officer", 950), ("self_declared", 1000)):
        await make_filing(session, number, {"sales_revenue": value}, source=source)
    assert await sales(session, number) == 950_000_000


async def test_a_correction_is_a_new_filing_and_the_old_one_stays(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1000}, recorded_at=MARCH)
    await make_filing(session, number, {"sales_revenue": 800}, recorded_at=MAY, received_on=date(2026, 5, 20))
    assert await filings(session, number) == 2
    assert await sales(session, number) == 800_000_000


async def test_an_answer_known_earlier_does_not_see_a_later_correction(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1000}, recorded_at=MARCH)
    await make_filing(session, number, {"sales_revenue": 800}, recorded_at=MAY, received_on=date(2026, 5, 20))
    known = await facts_known_at(session, [number], library().catalogue, datetime(2026, 4, 1, tzinfo=UTC))
    assert known[number].yearly["sales_revenue"] == {2025: 1_000_000_000}


async def test_nothing_is_known_before_the_first_filing(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, recorded_at=MARCH)
    known = await facts_known_at(session, [number], library().catalogue, datetime(2026, 1, 1, tzinfo=UTC))
    assert list(known[number].keys()) == []


async def test_what_each_source_said_is_listed_the_one_that_holds_first(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1000}, recorded_at=MARCH)
    await make_filing(session, number, {"sales_revenue": 1050}, received_on=date(2026, 5, 1), recorded_at=MAY)
    await make_filing(session, number, {"sales_revenue": 900}, source="tax", recorded_at=MAY)
    said = (await all_said(session, number))[FactKey("sales_revenue", 2025)]
    assert [(one.source, one.value) for one in said] == [("tax", 900), ("self_declared", 1050)]
    earlier = (await all_said(session, number, MARCH))[FactKey("sales_revenue", 2025)]
    assert [(one.source, one.value) for one in earlier] == [("self_declared", 1000)]


async def test_an_alias_is_filed_under_the_indicators_own_name(session: AsyncSession):
    alias, own = next(
        (i.aliases[0], i.id) for i in library().catalogue.indicators if i.aliases and i.period == "yearly"
    )
    number = await make_enterprise(session)
    await make_filing(session, number, {alias: 5})
    assert await column(session, 'SELECT jsonb_object_keys("values") FROM filing') == [own]


async def test_a_code_with_its_letter_is_the_same_code_and_no_disagreement(session: AsyncSession):
    enterprise = await make_enterprise(session)
    await make_filing(session, enterprise, {"industry_code": "3484"}, source="statistics", year=None)
    await make_filing(session, enterprise, {"industry_code": "C3484"}, year=None)
    facts = (await facts_of(session, [enterprise], library().catalogue))[enterprise]
    assert facts.current["industry_code"] == "3484"
    assert await conflicts_of(session, enterprise) == []


async def test_a_letter_that_belongs_to_another_division_is_refused(session: AsyncSession):
    enterprise = await make_enterprise(session)
    with pytest.raises(FilingRefused, match="请改为“C3484”"):
        await make_filing(session, enterprise, {"industry_code": "A3484"}, year=None)


async def test_filing_the_same_again_appends_nothing(session: AsyncSession):
    number = await make_enterprise(session)
    assert await make_filing(session, number, {"sales_revenue": Decimal("1000.50")}) == 1
    assert await make_filing(session, number, {"sales_revenue": 1000.5}) == 0
    assert await filings(session, number) == 1


async def test_an_old_list_filed_again_after_its_correction_appends_nothing(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": 1000}, received_on=date(2026, 3, 1))
    await make_filing(session, number, {"sales_revenue": 800}, received_on=date(2026, 5, 1))
    assert await make_filing(session, number, {"sales_revenue": 1000}, received_on=date(2026, 3, 1)) == 0
    assert await sales(session, number) == 800_000_000


async def test_a_value_said_again_later_is_a_filing_of_its_own(session: AsyncSession):
    number = await make_enterprise(session)
    for day, value in ((1, 1000), (2, 800), (3, 1000)):
        await make_filing(session, number, {"sales_revenue": value}, received_on=date(2026, 5, day))
    assert await filings(session, number) == 3
    assert await sales(session, number) == 1_000_000_000


async def test_an_absent_value_is_no_statement(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sales_revenue": None, "employee_total": 50})
    assert await column(session, 'SELECT jsonb_object_keys("values") FROM filing') == ["employee_total"]


@pytest.mark.parametrize(
    ("values", "year", "reason"),
    [
        ({"sales_revenue": "约3000"}, 2025, "“销售收入”.*应为数字"),
        ({"sales_revenue": -1}, 2025, "不应小于 0"),
        ({"sales_revenue": Decimal("1.0000001")}, 2025, "最多六位小数"),
        ({"turnover_of_the_moon": 1}, 2025, "目录中没有指标“turnover_of_the_moon”"),
        ({"sales_revenue": 1000}, None, "须写明年度"),
        ({"accounting_sound": True}, 2025, "不分年度"),
        ({"accounting_sound": "是"}, None, "应为 true 或 false"),
        ({"sales_revenue": 1000}, 2027, "晚于"),
        ({"employee_total": "none"}, 2025, "没有时请填 0"),
        ({"major_incidents": "无"}, None, "应为记录列表"),
    ],
)
async def test_a_value_that_is_not_of_its_indicator_is_refused_and_nothing_is_written(
    session: AsyncSession, values: dict[str, Any], year: int | None, reason: str
):
    number = await make_enterprise(session)
    good = FilingDraft(number, "self_declared", 2025, {"employee_total": 50}, date(2026, 4, 15))
    bad = FilingDraft(number, "self_declared", year, values, date(2026, 4, 15))
    with pytest.raises(FilingRefused, match=reason):
        await file(session, [good, bad], library().catalogue)
    assert await filings(session, number) == 0


async def test_a_source_nobody_knows_is_refused(session: AsyncSession):
    number = await make_enterprise(session)
    with pytest.raises(FilingRefused, match="目录中没有数据来源“hearsay”"):
        await make_filing(session, number, source="hearsay")


async def test_every_problem_is_told_at_once(session: AsyncSession):
    number = await make_enterprise(session)
    with pytest.raises(FilingRefused) as refused:
        await make_filing(session, number, {"sales_revenue": "很多", "employee_total": "不少", "mood": "good"})
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize("statement", ["UPDATE filing SET source = 'tax'", "DELETE FROM filing"])
async def test_the_service_can_neither_change_nor_delete_a_filing(
    engine: AsyncEngine, app_session_factory: Scoped, statement: str
):
    async with owner_unit_of_work(engine) as owner:
        await make_filing(owner, await make_enterprise(owner))
    with pytest.raises(DBAPIError, match="permission denied"):
        async with app_session_factory(Scope.city()) as session:
            await session.execute(text(statement))


async def test_a_district_files_for_its_own_enterprise(engine: AsyncEngine, app_session_factory: Scoped):
    async with owner_unit_of_work(engine) as owner:
        number = await make_enterprise(owner, region_code="321282")
    async with app_session_factory(Scope.district("321282")) as district:
        assert await make_filing(district, number) == 1
        assert await sales(district, number) == 1_000_000_000


async def test_a_district_cannot_file_for_another_districts_enterprise(
    engine: AsyncEngine, app_session_factory: Scoped
):
    async with owner_unit_of_work(engine) as owner:
        number = await make_enterprise(owner, region_code="321202")
    with pytest.raises(DBAPIError, match="row-level security"):
        async with app_session_factory(Scope.district("321282")) as district:
            await make_filing(district, number)


async def test_two_who_file_at_once_leave_a_projection_with_both(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as owner:
        number = await make_enterprise(owner)
    await _file_at_once(engine, number, ["sales_revenue", "total_revenue", "employee_total", "rd_expense_hnte"])
    async with owner_unit_of_work(engine) as owner:
        facts = (await facts_of(owner, [number], library().catalogue))[number]
    assert len(facts.yearly) == 4


async def _file_at_once(engine: AsyncEngine, number: int, names: Sequence[str]) -> None:
    import asyncio

    async def one(name: str) -> None:
        async with owner_unit_of_work(engine) as session:
            await make_filing(session, number, {name: 5})

    await asyncio.gather(*(one(name) for name in names))
