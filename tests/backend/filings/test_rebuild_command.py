"""`tidu rebuild`: the projection anew, and what was known on a past day."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from tests.factories import make_code, make_enterprise, make_filing

CODE = make_code()


@pytest.fixture(autouse=True)
def on_the_tests_database(database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIDU_DATABASE_URL", database_url)
    asyncio.run(_work(database_url, _a_year_of_news))


async def _work(url: str, work: Callable[[AsyncSession], Awaitable[Any]]) -> None:
    engine = make_engine(url)
    async with owner_unit_of_work(engine) as session:
        await work(session)
    await engine.dispose()


async def _a_year_of_news(session: AsyncSession) -> None:
    number = await make_enterprise(session, credit_code=CODE)
    march, may = datetime(2026, 3, 31, 23, 30, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
    await make_filing(session, number, {"sales_revenue": 1000.5}, recorded_at=march)
    await make_filing(session, number, {"sales_revenue": 800}, recorded_at=may, received_on=date(2026, 5, 20))
    # Tax disagrees, an officer decides, tax corrects itself.
    for source, value, month in (("tax", 700, 7), ("officer", 820, 8), ("tax", 750, 9)):
        await make_filing(
            session, number, {"sales_revenue": value}, source=source, received_on=date(2026, month, 1),
            recorded_at=datetime(2026, month, 1, tzinfo=UTC),
        )  # fmt: skip


def tidu_rebuild(*words: str) -> Result:
    return CliRunner().invoke(app, ["rebuild", *words])


def test_rebuilding_what_is_right_finds_no_difference():
    found = json.loads(tidu_rebuild("--json").stdout)
    assert found == {"enterprises": 1, "differing": [], "counts_differing": 0}


def test_rebuilding_counts_titles_anew(database_url: str):
    async def spoil(session: AsyncSession) -> None:
        await session.execute(
            text(
                "INSERT INTO title_tally (programme, region_code, park, first_on, last_on, known_from, known_to, enterprises)"
                " VALUES ('hnte', '321202', '', '2024-01-01', '2026-12-31', now(), 'infinity', 7)"
            )
        )

    asyncio.run(_work(database_url, spoil))
    assert "1 项与原来不同" in tidu_rebuild().stdout
    assert json.loads(tidu_rebuild("--json").stdout)["counts_differing"] == 0


def test_rebuilding_names_the_enterprise_whose_figures_were_wrong(database_url: str):
    async def spoil(session: AsyncSession) -> None:
        await session.execute(text("UPDATE fact_yearly SET sales_revenue = 1"))

    asyncio.run(_work(database_url, spoil))
    assert CODE in tidu_rebuild().stdout
    assert json.loads(tidu_rebuild("--json").stdout)["differing"] == []


@pytest.mark.parametrize(
    ("known_at", "facts"),
    [
        # Recorded at half past seven in the morning of the first of April in China.
        ("2026-03-31", {}),
        ("2026-04-01", {"sales_revenue": {"2025": 1000.5}}),
        ("2026-06-01", {"sales_revenue": {"2025": 800}}),
        ("2026-07-31", {"sales_revenue": {"2025": 700}}),
        # What an officer decided, as it was known then; and that it has given way since.
        ("2026-08-31", {"sales_revenue": {"2025": 820}}),
        ("2026-09-30", {"sales_revenue": {"2025": 750}}),
    ],
)
def test_the_figures_known_on_a_day_are_listed(known_at: str, facts: dict[str, Any]):
    line = json.loads(tidu_rebuild("--known-at", known_at).stdout)
    assert (line["id"], line["facts"]) == (CODE, facts)


def test_listing_earlier_knowledge_leaves_todays_projection(data_folder: Path):
    target = data_folder / "known.ndjson"
    assert tidu_rebuild("--known-at", "2026-04-01", "--to", str(target)).exit_code == 0
    assert json.loads(target.read_text())["facts"]["sales_revenue"] == {"2025": 1000.5}
    assert json.loads(tidu_rebuild("--json").stdout)["differing"] == []


def test_a_day_that_is_none_is_refused():
    refused = tidu_rebuild("--known-at", "2026-13-01")
    assert refused.exit_code == 1
    assert "应写作 2026-03-31" in refused.stderr
