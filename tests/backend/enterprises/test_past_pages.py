"""Pages of lists of a past day in a large registry: the same as a small one reads them, row for row, and as many."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import figure_pages, filtering, narrowing
from backend.enterprises import search as searching
from backend.enterprises.figure_order import figure_order
from backend.enterprises.paging import place_of
from backend.enterprises.search import Filters, search
from backend.web import memory
from backend.web.found import Found
from rules.library import library
from tests.backend.enterprises.test_past_rungs import fill
from tests.factories import make_filing

DISTRICT, OTHER = "321282", "321202"
THEN = today() - timedelta(days=200)
STAFF, STAFF_UP = (figure_order(f"employee_total.2025{way}", library().catalogue) for way in ("", ".up"))
ASKED: tuple[dict[str, Any], ...] = (
    {}, {"rung": "none"}, {"rung": "tech_sme", "region": DISTRICT}, {"missing": "employee_total"}, {"region": DISTRICT},
    {"missing": "employee_total", "rung": "none"}, {"park": "云岚园区"}, {"industry": ("34", "65"), "q": "企业"},
    {"programme": "hnte", "outcome": "not_held", "rung": "none"}, {"chain": "高端装备", "rung": "high_tech"},
)  # fmt: skip
_MOVED = "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_to) VALUES (:id, :region, '', '云岚园区', :day)"


async def make_registry(session: AsyncSession) -> None:
    """Forty enterprises, whose titles came and went, some of which moved, and two thirds of which said how many they are."""
    chance = Random(5)
    await fill(session, chance)
    numbers = list((await session.execute(text("SELECT id FROM enterprise ORDER BY id"))).scalars())
    for number, one in enumerate(numbers):
        columns = {"region": DISTRICT if number % 2 else OTHER, "industry": "3484" if number % 3 else "6510"}
        await session.execute(
            text("UPDATE enterprise SET region_code = :region, industry_code = :industry WHERE id = :id"),
            columns | {"id": one},
        )
        if number % 5 == 0:
            await session.execute(text(_MOVED), {"id": one, "region": OTHER, "day": THEN + timedelta(days=number - 10)})
        if number % 3:
            await make_filing(session, one, {"employee_total": Decimal(number % 7)}, year=2025)
        if number % 4 < 2:
            chained = "INSERT INTO enterprise_chain (enterprise_id, chain) VALUES (:id, '高端装备')"
            await session.execute(text(chained), {"id": one})


@pytest.mark.parametrize("sort", ["name", "region", "rung", "figure", "figure up"])
async def test_a_list_of_a_past_day_is_that_of_a_small_registry(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, sort: Any
):
    monkeypatch.setattr(searching, "PAGE_SIZE", 4)
    monkeypatch.setattr(searching, "MOST_COUNTED", 9)
    monkeypatch.setattr(figure_pages, "FIRST", (2, 6))
    for name in ("WALKED", "WALKED_ASKING", "TIMES"):
        monkeypatch.setattr(narrowing, name, 2)
    async with owner_unit_of_work(engine) as session:
        await make_registry(session)
    order = {"figure": STAFF, "figure up": STAFF_UP}.get(sort)
    plain = Filters(sort="figure" if order else sort, figure=order)
    listed = 0
    async with unit_of_work(engine, Scope.city()) as session:
        for one in ASKED:
            asked = replace(plain, **one)
            read: list[list[Any]] = []
            for is_large, most in ((False, 9), (True, 60_000), (True, 0)):
                monkeypatch.setattr(memory, "LARGE", -1 if is_large else 100_000)
                for name in ("MADE_OUT_OF", "SHORT", "ASKED"):
                    monkeypatch.setattr(narrowing, name, most)
                for module in (filtering, narrowing, searching):
                    monkeypatch.setattr(module, "FEW", 9)
                read.append(await pages(session, asked))
            assert all(one_way == read[0] for one_way in read), one
            listed += len(read[0])
    assert listed > 80


async def pages(session: AsyncSession, asked: Filters) -> list[Any]:
    """Two pages by number, the third by place, and back from there; and what is said of how many there are."""

    async def page(**place: Any) -> Found:
        found = await search(session, replace(asked, **place), THEN, library(), memory.Memory())
        said.append((found.total, found.is_more))
        rows.extend(row["id"] for row in found.rows)
        return found

    said: list[Any] = []
    rows: list[Any] = []
    await page(page=1)
    found = await page(page=2)
    if found.rows and found.page == 2:
        found = await page(page=3, after=tuple(place_of(asked.sort, found.rows[-1])))
        if found.rows:
            await page(page=2, after=tuple(place_of(asked.sort, found.rows[0])), is_backwards=True)
    return [*rows, *said]
