"""The projection: what holds now, the same however often it is worked out, and the same as the filings say."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings import projection_writing
from backend.filings.projection_tables import from_column, to_column
from backend.filings.queries import facts_as_given, facts_known_at, facts_of
from backend.filings.service import FilingDraft, file, rebuild
from rules.catalogue import Type
from rules.facts import Facts, read_facts, read_value
from rules.library import library
from tests.factories import make_enterprise, make_filing

CATALOGUE = library().catalogue
NOW = datetime(2030, 1, 1, tzinfo=UTC)
#: A value of every type, as it is filed.
EXAMPLES: dict[str, tuple[int | None, Any]] = {
    "sales_revenue": (2025, Decimal("1234.567891")),
    "employee_total": (2025, Decimal("50.5")),
    "ip_class1_count": (None, 3),
    "leading_product_revenue_ratio": (None, Decimal("61.25")),
    "accounting_sound": (None, False),
    "established_on": (None, "2010-05-01"),
    "hnte_field_code": (None, "8.5"),
    "tax_collection_method": (None, "audit"),
    "last_revocation_for_cause_date": (None, "none"),
    "major_incidents": (None, [{"kind": "environment", "severity": "major", "date": "2026-05-18"}]),
    "abnormal_list_periods": (None, []),
}


async def known(session: AsyncSession, number: int) -> tuple[Facts, Facts]:
    """What the projection says, and what the filings say."""
    projected = (await facts_of(session, [number], CATALOGUE))[number]
    return projected, (await facts_known_at(session, [number], CATALOGUE, NOW))[number]


@pytest.mark.parametrize("name", EXAMPLES)
async def test_a_value_of_each_type_is_read_back_as_it_was_filed(session: AsyncSession, name: str):
    year, value = EXAMPLES[name]
    number = await make_enterprise(session)
    await make_filing(session, number, {name: value}, year=year)
    projected, filed = await known(session, number)
    assert projected == filed
    indicator = CATALOGUE.by_name[name]
    expected = read_value(indicator, value)
    assert (projected.yearly[name][2025] if year else projected.current[name]) == expected


def test_the_examples_have_every_type_that_enterprises_are_asked_for():
    assert {CATALOGUE.by_name[name].type for name in EXAMPLES} >= set(Type) - {Type.YEAR, Type.NUMBER}


def test_a_choice_known_not_to_exist_is_not_taken_for_the_choice_none():
    for indicator in CATALOGUE.indicators:
        if indicator.type is Type.CHOICE:
            value = read_value(indicator, "none")
            assert from_column(indicator, to_column(indicator, value)) == value


@given(st.fractions(min_value=-(10**9), max_value=10**9).map(lambda one: Fraction(round(one * 10**6), 10**6)))
def test_a_number_comes_back_exact(number: Fraction):
    indicator = CATALOGUE.by_name["employee_total"]
    assert from_column(indicator, to_column(indicator, number)) == number


DRAFTS = st.lists(
    st.tuples(
        st.sampled_from(["tax", "self_declared", "officer", "statistics", "spreadsheet"]),
        st.sampled_from([2024, 2025]),
        st.sampled_from(["sales_revenue", "employee_total", "rd_expense_hnte"]),
        st.integers(0, 5),
        st.integers(0, 40),
    ),
    max_size=8,
)


@given(drafts=DRAFTS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_projection_equals_a_recomputation_from_the_filings(session: AsyncSession, drafts: list[Any]):
    number = await make_enterprise(session)
    for source, year, name, value, days in drafts:
        received_on = date(2026, 1, 1) + timedelta(days=days)
        await file(session, [FilingDraft(number, source, year, {name: value}, received_on)], CATALOGUE)
    projected, filed = await known(session, number)
    assert projected == filed
    assert await rebuild(session, [number], CATALOGUE) == []


async def test_rebuilding_mends_a_projection_and_says_whose(session: AsyncSession):
    sound, broken = await make_enterprise(session), await make_enterprise(session)
    for number in (sound, broken):
        await make_filing(session, number)
    await session.execute(text("UPDATE fact_yearly SET sales_revenue = 7 WHERE enterprise_id = :id"), {"id": broken})
    assert await rebuild(session, [sound, broken], CATALOGUE) == [broken]
    projected, filed = await known(session, broken)
    assert projected == filed


async def test_rebuilding_removes_what_no_filing_says(session: AsyncSession):
    number = await make_enterprise(session)
    await session.execute(text("INSERT INTO fact_yearly (enterprise_id, year) VALUES (:id, 2020)"), {"id": number})
    assert await rebuild(session, [number], CATALOGUE) == [number]
    projected, _ = await known(session, number)
    assert list(projected.keys()) == []


async def test_facts_as_given_are_read_as_the_same_facts(session: AsyncSession):
    number = await make_enterprise(session)
    for name, (year, value) in EXAMPLES.items():
        await make_filing(session, number, {name: value}, year=year)
    projected, _ = await known(session, number)
    assert read_facts(facts_as_given(projected, CATALOGUE), CATALOGUE, date(2026, 6, 30)) == projected


async def test_a_filing_of_one_year_leaves_the_rows_of_the_others_where_they_stand(session: AsyncSession):
    number = await make_enterprise(session)
    for year in (2023, 2024, 2025):
        await make_filing(session, number, {"sales_revenue": year, "employee_total": 50}, year=year)
    await make_filing(session, number, {"accounting_sound": True}, year=None)
    places = (
        "SELECT f.year, CAST(f.ctid AS text) FROM fact_yearly f WHERE f.enterprise_id = :id UNION ALL"
        " SELECT 0, CAST(f.ctid AS text) FROM fact_current f WHERE f.enterprise_id = :id"
    )
    before = set((await session.execute(text(places), {"id": number})).all())
    await make_filing(session, number, {"sales_revenue": 7}, year=2024, received_on=date(2026, 11, 1))
    after = set((await session.execute(text(places), {"id": number})).all())
    assert {row.year for row in before - after} == {2024}
    projected, filed = await known(session, number)
    assert projected == filed


async def test_few_are_projected_where_they_stand_to_the_same_as_many_anew(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
):
    number = await make_enterprise(session)
    for name, (year, value) in EXAMPLES.items():
        await make_filing(session, number, {name: value}, year=year)
    monkeypatch.setattr(projection_writing, "FEW", 0)
    assert await rebuild(session, [number], CATALOGUE) == []
    await session.execute(text("UPDATE fact_current SET ip_class1_count = 4, accounting_sound = NULL"))
    await session.execute(text("UPDATE fact_yearly SET employee_total = 1, size_class = 'large'"))
    monkeypatch.undo()
    assert await rebuild(session, [number], CATALOGUE) == [number]
    projected, filed = await known(session, number)
    assert projected == filed
