"""Figures that do not fit together are flagged and never in the way."""

from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings.consistency import to_sql
from backend.filings.settling import FlagGone, answer_flag
from backend.filings.worklist import WorkFilters, flags_of, open_flags
from rules.language import parse
from rules.library import library
from tests.factories import make_enterprise, make_filing

CATALOGUE = library().catalogue


async def rules_flagged(
    session: AsyncSession, values: dict[str, Any], before: dict[str, Any] | None = None
) -> set[str]:
    """What is flagged of an enterprise with such figures in 2025 (and 2024)."""
    number = await make_enterprise(session)
    if before:
        await make_filing(session, number, before, year=2024)
    await make_filing(session, number, values)
    return {flag["rule"] for flag in await flags_of(session, number)}


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"rd_expense_hnte": 1001, "sales_revenue": 1000}, "rd_hnte_within_sales"),
        ({"sci_tech_staff": 51, "employee_total": 50}, "sci_tech_staff_within_total"),
        ({"total_revenue": 999, "sales_revenue": 1000}, "total_revenue_covers_sales"),
        (
            {"total_assets_year_end": 100, "total_liabilities_year_end": 40, "net_assets_year_end": 62},
            "net_assets_agree",
        ),
    ],
)
async def test_what_contradicts_itself_is_flagged(session: AsyncSession, values: dict[str, Any], rule: str):
    assert rule in await rules_flagged(session, values)


@pytest.mark.parametrize(
    "values",
    [
        {"rd_expense_hnte": 1000, "sales_revenue": 1000},
        {"rd_expense_hnte": 1001},
        {"total_revenue": 1000, "sales_revenue": 1000},
        {"total_assets_year_end": 100, "total_liabilities_year_end": 40, "net_assets_year_end": 61},
    ],
)
async def test_what_is_at_the_edge_or_not_known_is_not_flagged(session: AsyncSession, values: dict[str, Any]):
    assert await rules_flagged(session, values) == set()


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (3000, 30_000_000, {"thousandfold"}),
        (30_000_000, 3000, {"thousandfold"}),
        (300, 3000, {"tenfold"}),
        (300, 2999, set[str]()),
        (30, 300, set[str]()),
        (0, 30_000, set[str]()),
    ],
)
async def test_a_jump_that_smells_of_another_unit_is_flagged(
    session: AsyncSession, before: int, now: int, expected: set[str]
):
    assert await rules_flagged(session, {"sales_revenue": now}, {"sales_revenue": before}) == expected


async def test_facts_of_today_are_looked_at_too(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"ip_class1_count": 2, "ip_class1_defence_count": 3}, year=None)
    assert [flag["rule"] for flag in await flags_of(session, number)] == ["ip1_defence_within"]


async def test_a_flag_goes_when_the_figure_is_put_right(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"sci_tech_staff": 51, "employee_total": 50})
    await make_filing(session, number, {"employee_total": 60}, source="tax")
    await make_filing(session, number, {"sci_tech_staff": 30}, source="tax")
    assert await flags_of(session, number) == []


async def test_a_flag_that_was_answered_leaves_the_list_until_the_figures_change(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"rd_expense_hnte": 1500, "sales_revenue": 1000})
    flag = (await flags_of(session, number))[0]
    await answer_flag(session, flag, "初创期，确属如此", answered_by=1)
    assert await flags_of(session, number) == []
    found, _ = await open_flags(session, WorkFilters(subject="rd_hnte_within_sales"))
    assert found.total == 0
    await make_filing(session, number, {"rd_expense_hnte": 1600}, source="tax")
    assert [one["rule"] for one in await flags_of(session, number)] == ["rd_hnte_within_sales"]


async def test_who_answers_for_figures_that_changed_meanwhile_is_told(session: AsyncSession):
    number = await make_enterprise(session)
    await make_filing(session, number, {"rd_expense_hnte": 1500, "sales_revenue": 1000})
    flag = (await flags_of(session, number))[0]
    await make_filing(session, number, {"rd_expense_hnte": 1600}, source="tax")
    with pytest.raises(FlagGone):
        await answer_flag(session, flag, "看的是旧数", answered_by=1)


@pytest.mark.parametrize("rule", CATALOGUE.consistency, ids=lambda rule: rule.id)
def test_every_consistency_rule_can_be_asked_of_columns(rule: Any):
    assert to_sql(parse(rule.require, CATALOGUE)).startswith("(")
