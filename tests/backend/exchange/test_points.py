"""Points that were worked out are kept in revisions, beside those of the issuers."""

from decimal import Decimal
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.points import doubts_of
from backend.exchange.points_of import points_of
from backend.exchange.scheme import load_scheme
from rules.library import library
from tests.backend.exchange.test_scheme import scheme_of
from tests.factories import column, make_code, make_enterprise, make_filing


async def test_points_are_kept_once_and_a_change_is_a_new_revision(engine: AsyncEngine, tmp_path: Path):
    scheme, code = scheme_of(tmp_path), make_code()
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, credit_code=code)
        await make_filing(session, number, {"operating_revenue": 600})
    kept = [(await points_of(engine, code, 2025, scheme, keep=True))["is_kept"] for _ in range(2)]
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"operating_revenue": 700})
    found = await points_of(engine, code, 2025, scheme, keep=True)
    assert (kept, found["is_kept"], found["issued"][0]["revision"]) == ([True, False], True, 1)
    async with owner_unit_of_work(engine) as session:
        totals = await column(session, "SELECT total FROM points_result ORDER BY revision")
        told = await column(session, "SELECT count(*) FROM exchange_outbox WHERE type = 'points.published'")
    assert ([float(one) for one in totals], told) == ([24.0, 28.0], [2])


async def test_what_is_not_computable_is_not_kept(engine: AsyncEngine):
    code = make_code()
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=code)
    found = await points_of(engine, code, 2025, load_scheme("most_2024", library().catalogue), keep=True)
    assert (found["is_kept"], found["result"].is_computable) == (False, False)


def test_points_beyond_their_scheme_are_told_and_kept():
    assert doubts_of("most_2_0", Decimal(101), Decimal(30), Decimal(131)) == [
        "基础分 101 不在 0 至 100 之间", "总分 131 不在 0 至 130 之间",
    ]  # fmt: skip
    assert doubts_of("most_2_0", Decimal(90), Decimal(5), Decimal(96)) == ["基础分 90 加加分 5 不等于总分 96"]
    assert doubts_of("local", Decimal(900), None, Decimal(900)) == []


def test_points_of_the_2024_version_beyond_a_hundred_are_told():
    assert doubts_of("most_2024", Decimal(100), None, Decimal(100)) == []
    assert doubts_of("most_2024", Decimal("100.01"), None, None) == ["基础分 100.01 不在 0 至 100 之间"]
