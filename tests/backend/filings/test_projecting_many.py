"""What the database itself brings into the projection is what the long way would have brought there."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.filings import projecting_many
from backend.filings.projecting_many import project_plain
from backend.filings.service import FilingDraft, file, rebuild
from rules.library import library
from tests.factories import make_enterprise

CATALOGUE = library().catalogue
TODAY = date(2026, 11, 20)
YEARLY: list[dict[str, Any]] = [
    {"sales_revenue": Decimal("1240.670000"), "employee_total": Decimal("50.50"), "transfer_count": 3},
    {"sales_revenue": Decimal("0.000001"), "debt_ratio": Decimal("45.10"), "employee_total": 7},
    {"net_profit": Decimal("-12.5"), "total_profit": 999_999_999, "debt_ratio": 0},
]


def draft(number: int, year: int | None, values: dict[str, Any], source: str = "spreadsheet") -> FilingDraft:
    return FilingDraft(number, source, year, values, TODAY)


async def filed(session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Enterprises of whom each period was told once; the last has two sources."""
    monkeypatch.setattr(projecting_many, "MANY", 2)
    numbers = [await make_enterprise(session) for _ in YEARLY]
    drafts = [draft(number, 2025, values) for number, values in zip(numbers, YEARLY, strict=True)]
    drafts += [draft(numbers[0], 2024, YEARLY[1]), draft(numbers[0], None, {"ip_class1_count": 4})]
    drafts.append(draft(numbers[-1], 2025, {"net_profit": 1}, "tax"))
    await file(session, drafts, CATALOGUE)
    return numbers


async def test_the_projection_is_the_same_by_either_way(session: AsyncSession, monkeypatch: pytest.MonkeyPatch):
    numbers = await filed(session, monkeypatch)
    assert await project_plain(session, numbers, CATALOGUE) == [numbers[-1]]
    monkeypatch.setattr(projecting_many, "MANY", 1000)
    assert await rebuild(session, numbers, CATALOGUE) == []


@pytest.mark.parametrize(
    "values", [{"accounting_sound": True}, {"hnte_field_code": "8.5"}, {"last_revocation_for_cause_date": "none"}]
)
async def test_what_is_no_plain_number_goes_the_long_way(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
):
    numbers = await filed(session, monkeypatch)
    await file(session, [draft(numbers[0], None, values, "self_declared")], CATALOGUE, is_projected=False)
    await file(session, [draft(numbers[1], None, values)], CATALOGUE)
    assert set(await project_plain(session, numbers, CATALOGUE)) == set(numbers)
    monkeypatch.setattr(projecting_many, "MANY", 1000)
    assert await rebuild(session, numbers[1:], CATALOGUE) == []
