"""Pages of a large registry: out of whom is kept at the ends of an order (migration 0066), and out of the first that are walked."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises import filtering, narrowing
from backend.enterprises import search as searching
from backend.enterprises.figure_order import figure_order
from backend.enterprises.paging import place_of
from backend.enterprises.search import Filters, search
from backend.web import memory
from rules.library import library
from tests.factories import make_enterprise, make_filing, make_recognition

DISTRICT, OTHER = "321282", "321202"
STAFF = figure_order("employee_total.2025", library().catalogue)
BY_STAFF = Filters(sort="figure", figure=STAFF)


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LARGE", -1)


async def make_staff(session: AsyncSession, name: str, staff: int | None, **columns: Any) -> int:
    number = await make_enterprise(session, name=name, **columns)
    if staff is not None:
        await make_filing(session, number, {"employee_total": Decimal(staff)}, year=2025)
    return number


async def names(session: AsyncSession, asked: Filters) -> list[str]:
    return [row["name"] for row in (await search(session, asked, today(), library())).rows]


async def test_a_figure_that_changed_since_stands_where_it_belongs(session: AsyncSession):
    _, last, unknown = [await make_staff(session, *one) for one in (("甲", 30), ("乙", 20), ("丙", None))]
    assert await names(session, BY_STAFF) == ["甲", "乙", "丙"]
    await make_filing(session, last, {"employee_total": Decimal(50)}, year=2025, source="officer")
    await make_filing(session, unknown, {"employee_total": Decimal(40)}, year=2025)
    assert await names(session, BY_STAFF) == ["乙", "丙", "甲"]


async def test_a_change_that_was_under_way_while_the_order_was_read_is_not_missed(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await make_staff(session, "甲", 30)
        late = await make_staff(session, "乙", 20)
    async with owner_unit_of_work(engine) as writing:
        await make_filing(writing, late, {"employee_total": Decimal(60)}, year=2025, source="officer")
        async with unit_of_work(engine, Scope.city()) as session:
            assert await names(session, BY_STAFF) == ["甲", "乙"]
    async with unit_of_work(engine, Scope.city()) as session:
        assert await names(session, BY_STAFF) == ["乙", "甲"]


@pytest.mark.parametrize(
    "spoilt",
    [
        "INSERT INTO figure_change (enterprise_id) SELECT n FROM generate_series(1, 20001) AS n",
        "INSERT INTO figure_change (enterprise_id) VALUES (NULL)",
        "UPDATE figure_end SET server = 1",
    ],
)
async def test_an_order_is_read_anew_after_very_many_changes_and_on_another_server(session: AsyncSession, spoilt: str):
    low = await make_staff(session, "甲", 30)
    await make_staff(session, "乙", 40)
    assert await names(session, BY_STAFF) == ["乙", "甲"]
    # Past the trigger, as what is said by it no longer helps.
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    await session.execute(text("UPDATE fact_yearly SET employee_total = 90 WHERE enterprise_id = :id"), {"id": low})
    assert await names(session, BY_STAFF) == ["甲", "乙"]
    await session.execute(text("UPDATE fact_yearly SET employee_total = 10 WHERE enterprise_id = :id"), {"id": low})
    await session.execute(text(spoilt))
    assert await names(session, BY_STAFF) == ["乙", "甲"]


async def test_those_kept_and_those_changed_are_nobodys_to_read_or_write(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        for table in ("figure_end", "figure_change"):
            granted = "SELECT has_table_privilege(current_user, :table, 'SELECT, INSERT, UPDATE, DELETE')"
            assert await session.scalar(text(granted), {"table": table}) is False


NARROWED: tuple[dict[str, Any], ...] = (
    {"region": DISTRICT}, {"park": "云岚园区"}, {"industry": ("34",)}, {"industry": ("99",)}, {"chain": "高端装备"},
    {"programme": "hnte"}, {"programme": "hnte", "outcome": "not_held"}, {"officer": "none", "region": OTHER},
    {"q": "企业 机械"}, {"q": "企业", "programme": "hnte", "region": DISTRICT}, {"rung": "high_tech"},
    {"rung": "none", "chain": "高端装备"}, {"missing": "employee_total"},
)  # fmt: skip


async def make_many(session: AsyncSession) -> None:
    for number in range(14):
        enterprise = await make_staff(
            session, f"企业{'机械' if number % 3 else '科技'}{number:02}", number % 5 or None,
            region_code=DISTRICT if number % 2 else OTHER, park="云岚园区" if number % 4 == 1 else "",
            industry_code="3484" if number % 3 else "6510",
        )  # fmt: skip
        if number % 3 == 1:
            await make_recognition(session, enterprise, "hnte")
        if number % 5 < 2:
            chained = "INSERT INTO enterprise_chain (enterprise_id, chain) VALUES (:id, '高端装备')"
            await session.execute(text(chained), {"id": enterprise})


@pytest.mark.parametrize("sort", ["name", "code", "established", "region", "rung", "updated", "figure"])
async def test_a_narrowed_list_of_a_large_registry_is_that_of_a_small_one(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch, sort: Any
):
    await make_many(session)
    monkeypatch.setattr(searching, "PAGE_SIZE", 3)
    listed = 0
    for one in NARROWED:
        asked = Filters(sort=sort, figure=STAFF if sort == "figure" else None, **one)
        read: list[list[int]] = []
        for is_large, walked, most in ((False, 0, 9), (True, 1, 60_000), (True, 12, 60_000), (True, 1, 0)):
            monkeypatch.setattr(memory, "LARGE", -1 if is_large else 100_000)
            # Of no more than none is a list made: then its order is walked with sets, and those who are many are many.
            for name in ("MADE_OUT_OF", "SHORT", "ASKED"):
                monkeypatch.setattr(narrowing, name, most)
            monkeypatch.setattr(filtering, "FEW", most // 6 - 1)
            monkeypatch.setattr(narrowing, "WALKED", walked)
            monkeypatch.setattr(narrowing, "WALKED_ASKING", walked)
            monkeypatch.setattr(narrowing, "TIMES", 0)
            read.append(await _two_pages_there_and_back(session, asked))
        assert all(one_way == read[0] for one_way in read), one
        listed += len(read[0])
    assert listed > 60


async def _two_pages_there_and_back(session: AsyncSession, asked: Filters) -> list[int]:
    """The first page, the second by number and by place, and the first again from there."""
    found = [(await search(session, asked, today(), library())).rows]
    found.append((await search(session, replace(asked, page=2), today(), library())).rows)
    if found[1]:
        after = tuple(place_of(asked.sort, found[0][-1]))
        found.append((await search(session, replace(asked, page=2, after=after), today(), library())).rows)
        before = tuple(place_of(asked.sort, found[2][0]))
        back = replace(asked, page=1, after=before, is_backwards=True)
        found.append((await search(session, back, today(), library())).rows)
    return [row["id"] for rows in found for row in rows]
