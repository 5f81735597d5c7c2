"""The real ledger and the real register, read back from the registry after they were imported."""

import csv
import re
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.spreadsheets.fates import Fate
from tests.backend.spreadsheets.importing import registry_of, rows_written, take
from tests.shared_data import shared_data

LEDGER = "messy-excel/ledger_layout_taizhou.xlsx"
REGISTER = "jiangsu-register/taizhou.csv"
DISTRICTS = {
    "海陵区": "321202", "高港区": "321203", "姜堰区": "321204", "兴化市": "321281", "靖江市": "321282", "泰兴市": "321283",
}  # fmt: skip
HELD = """
SELECT coalesce(e.credit_code, i.value) AS code, e.name, e.region_code, e.established_on, e.address,
       c.registered_capital AS capital_fen
FROM enterprise e LEFT JOIN enterprise_identifier i ON i.enterprise_id = e.id
LEFT JOIN fact_current c ON c.enterprise_id = e.id
"""


def table(name: str) -> list[dict[str, str]]:
    with shared_data(name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


async def held(session: AsyncSession) -> dict[str, Mapping[str, Any]]:
    """Everybody in the registry, by code."""
    rows = [dict(row) for row in (await session.execute(text(HELD))).mappings()]
    assert max(Counter(row["code"] for row in rows).values()) == 1
    return {row["code"]: row for row in rows}


# The ledger -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def ledger_registry(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    file = shared_data(LEDGER)
    async with registry_of(server_url, migrated_template) as engine:
        async with owner_unit_of_work(engine) as work:
            report = await take(work, file, good_rows_only=False)
            assert report.counts["new"] == len(report.fates) - len(twice())
        yield engine


@pytest.fixture
async def ledger(ledger_registry: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    """Whatever is written there is taken back."""
    async with AsyncSession(ledger_registry, expire_on_commit=False) as opened:
        yield opened
        await opened.rollback()


def truth() -> list[dict[str, str]]:
    return table("messy-excel/ledger_layout_taizhou_truth.csv")


def twice() -> list[dict[str, str]]:
    """The lines of a firm that stands on a second sheet, too."""
    return [line for line in truth() if line["cross_sheet_duplicate"]]


async def test_the_registry_holds_the_ledgers_enterprises_and_nobody_else(ledger: AsyncSession):
    registered = await held(ledger)
    assert {code: row["name"] for code, row in registered.items()} == {
        line["code"]: line["enterprise_name"] for line in truth()
    }


async def test_each_stands_in_the_district_of_its_sheet(ledger: AsyncSession):
    registered = await held(ledger)
    wrong = [
        line["code"]
        for line in truth()
        if not line["cross_sheet_duplicate"]
        and registered[line["code"]]["region_code"] != DISTRICTS[line["sheet"].strip()]
    ]
    assert wrong == []


async def test_each_has_the_founding_day_of_the_truth_or_none_where_the_ledger_has_a_month(ledger: AsyncSession):
    registered = await held(ledger)
    for line in truth():
        day = registered[line["code"]]["established_on"]
        has_day = not re.fullmatch(r"\d{4}/\d{2}", line["raw_date"])
        assert str(day) == (line["date"] if has_day else "None"), line


async def test_each_has_the_capital_of_the_truth_to_the_fen(ledger: AsyncSession):
    registered = await held(ledger)
    for line in truth():
        wan = Decimal(re.sub(r"[^\d.]", "", line["capital"].split("(")[0].split("万")[0]))
        # The cell of one row was cut to two decimals (1053.89 of 1053.8920).
        assert abs(registered[line["code"]]["capital_fen"] - wan * 1_000_000) < 10_000, line


async def test_the_ledger_once_more_changes_nothing(ledger: AsyncSession):
    before = await rows_written(ledger)
    report = await take(ledger, shared_data(LEDGER), good_rows_only=False)
    assert {one.fate for one in report.fates} == {Fate.UNCHANGED}
    assert await rows_written(ledger) == before


# The register -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def register_registry(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    file = shared_data(REGISTER)
    async with registry_of(server_url, migrated_template) as engine:
        async with owner_unit_of_work(engine) as work:
            await take(work, file, good_rows_only=False)
        yield engine


@pytest.fixture
async def register(register_registry: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    async with AsyncSession(register_registry, expire_on_commit=False) as opened:
        yield opened
        await opened.rollback()


async def test_the_registry_holds_each_code_of_the_register_once_under_its_name(register: AsyncSession):
    registered = await held(register)
    lines = {line["统一社会信用代码"]: line for line in table(REGISTER)}
    assert set(registered) == set(lines)
    differing = {
        code: (row["name"], lines[code]["企业名称"])
        for code, row in registered.items()
        if spelling(row["name"]) != spelling(lines[code]["企业名称"])
    }
    assert differing == {}


def spelling(name: str) -> str:
    return name.replace("(", "（").replace(")", "）").replace(" ", "")


async def test_founding_days_and_addresses_of_the_register_are_kept(register: AsyncSession):
    registered = await held(register)
    for line in table(REGISTER):
        row = registered[line["统一社会信用代码"]]
        assert str(row["established_on"]) == line["注册日期"]
        if line["注册地址"] not in ("", "N/A"):
            assert spelling(row["address"]) == spelling(line["注册地址"])


async def test_capital_in_yuan_of_the_register_is_kept_and_that_in_dollars_left_out(register: AsyncSession):
    registered = await held(register)
    compared = 0
    for line in table(REGISTER):
        said = re.fullmatch(r"([\d,.]+)(?:万人民币|\(万元人民币\)|万人民币元)", line["注册资金"])
        fen = registered[line["统一社会信用代码"]]["capital_fen"]
        if said:
            assert fen == round(Decimal(said[1].replace(",", "")) * 1_000_000), line
            compared += 1
        elif "美元" in line["注册资金"]:
            assert fen is None
    assert compared > 1_500


async def test_every_enterprise_of_the_register_is_in_taizhou_or_one_of_its_districts(register: AsyncSession):
    regions = Counter(row["region_code"] for row in (await held(register)).values())
    assert set(regions) <= {"321200", *DISTRICTS.values()}
    assert sum(regions[code] for code in DISTRICTS.values()) > 0.6 * sum(regions.values())


async def test_the_register_once_more_changes_nothing(register: AsyncSession):
    before = await rows_written(register)
    report = await take(register, shared_data(REGISTER), good_rows_only=False)
    assert report.touched == []
    assert await rows_written(register) == before
