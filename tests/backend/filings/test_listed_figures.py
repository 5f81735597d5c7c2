"""What is kept for the lists of conflicts and flags says at any time what these, their answers and enterprises say."""

from datetime import date
from itertools import product
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.merging import Given, Merge, merge, unmerge
from backend.enterprises.moving import move
from backend.filings.settling import answer_flag
from backend.filings.worklist import WorkFilters, count_conflicts, count_flags, flags_of, open_conflicts, open_flags
from tests.factories import make_enterprise, make_filing

PLACES = (("321202", ""), ("321202", "海陵工业园区"), ("321203", ""))
ENTERPRISES = 24
#: What may become of somebody, each in a statement of its own.
EVENTS = (
    "UPDATE enterprise SET region_code = '321203', park = '' WHERE id = :id",
    "UPDATE enterprise SET park = '海陵工业园区' WHERE id = :id AND region_code = '321202'",
    "UPDATE enterprise SET name = name || '新' WHERE id = :id",
    "UPDATE fact_conflict SET spread = spread + 1 WHERE enterprise_id = :id",
    "UPDATE fact_conflict SET year = 2023 WHERE enterprise_id = :id AND indicator = 'employee_total'",
    "DELETE FROM fact_conflict WHERE enterprise_id = :id",
    "UPDATE fact_flag SET figures = '{\"other\": 1}' WHERE enterprise_id = :id",
    "DELETE FROM fact_flag WHERE enterprise_id = :id AND year = 2024",
    "INSERT INTO fact_flag_answer (enterprise_id, rule, indicator, year, figures, reason)"
    " SELECT enterprise_id, rule, indicator, year, figures, '属实' FROM fact_flag WHERE enterprise_id = :id",
    "DELETE FROM fact_flag_answer WHERE enterprise_id = :id",
    "INSERT INTO filing (enterprise_id, source, year, received_on, \"values\", note)"
    " VALUES (:id, 'tax', 2024, '2025-05-01', '{}', '')",
    "DELETE FROM filing WHERE enterprise_id = :id AND source = 'tax'",
)  # fmt: skip
_CONFLICT = (
    "INSERT INTO fact_conflict (enterprise_id, indicator, year, spread, ratio, said, is_reopened, latest_filing_id)"
    " VALUES (:id, :indicator, 2025, :spread, NULL, '[]', false, 0)"
)
_FLAG = (
    "INSERT INTO fact_flag (enterprise_id, rule, indicator, year, figures)"
    " VALUES (:id, :rule, '', :year, '{\"sales_revenue\": 1}')"
)
READERS = (
    Scope.city(), Scope.district("321202"), Scope.district("321202").reading(tax=False, unmasking=False),
    Scope.of_park("321202", "海陵工业园区"), Scope.city().reading(tax=False, unmasking=False),
)  # fmt: skip
FILTERS = tuple(
    WorkFilters(region, subject, at_least)
    for region, subject, at_least in product(("", "321203"), ("", "employee_total", "rd_above_sales"), (0, 40))
)


async def fill(session: AsyncSession, chance: Random) -> list[int]:
    """Enterprises here and there, of whom the tax office said something or not, with conflicts and flags."""

    async def write(statement: str, **values: Any) -> None:
        await session.execute(text(statement), values)

    ids = [await make_enterprise(session, region_code=region, park=park) for region, park in PLACES for _ in range(8)]
    for number in ids:
        if chance.random() < 0.3:
            await make_filing(session, number, {"sales_revenue": 1}, source="tax")
        for indicator in chance.sample(("sales_revenue", "employee_total", "rd_expense_hnte"), 2):
            await write(_CONFLICT, id=number, indicator=indicator, spread=chance.choice((10, 40, 40, 75.5)))
        for rule in chance.sample(("rd_above_sales", "tenfold"), 1):
            for year in (2024, 2025):
                await write(_FLAG, id=number, rule=rule, year=year)
    return ids


async def filled(engine: AsyncEngine, seed: int) -> None:
    """The same, and something has become of most of them."""
    chance = Random(seed)
    async with owner_unit_of_work(engine) as session:
        ids = await fill(session, chance)
        for event in EVENTS:
            for number in chance.sample(ids, 3):
                await session.execute(text(event), {"id": number})


async def rebuilt(engine: AsyncEngine) -> int:
    """How many rows were not what they should be."""
    async with owner_unit_of_work(engine) as session:
        return (await session.execute(text("SELECT rebuild_listed_figures()"))).scalar_one()


#: The lists as they are meant: out of the tables themselves, an enterprise looked up for each row.
_WAITING = {
    "f.indicator": "fact_conflict f WHERE true",
    "f.rule": "fact_flag f WHERE NOT EXISTS (SELECT FROM fact_flag_answer a WHERE a.enterprise_id = f.enterprise_id"
    " AND a.rule = f.rule AND a.indicator = f.indicator AND a.year = f.year AND a.figures = f.figures)",
}
_ORDER = {"f.indicator": "f.spread DESC, f.enterprise_id DESC, f.indicator, f.year", "f.rule": "f.rule, f.enterprise_id, f.year"}  # fmt: skip


async def meant(session: AsyncSession, subject: str, asked: WorkFilters) -> list[dict[str, Any]]:
    narrowed = ["(:region = '' OR f.enterprise_id IN (SELECT id FROM enterprise WHERE region_code = :region))"]
    narrowed += [f"(:subject = '' OR {subject} = :subject)"]
    narrowed += ["f.spread >= :at_least"] if subject == "f.indicator" else [":at_least >= 0"]
    found = await session.execute(
        text(f"SELECT f.* FROM {_WAITING[subject]} AND {' AND '.join(narrowed)} ORDER BY {_ORDER[subject]}"),
        {"region": asked.region, "subject": asked.subject, "at_least": asked.at_least},
    )
    return [dict(row) for row in found.mappings()]


async def test_whatever_becomes_of_them_nothing_has_to_be_made_anew(engine: AsyncEngine):
    await filled(engine, 3)
    assert await rebuilt(engine) == 0


async def test_making_anew_says_what_had_been_wrong_and_mends_it(engine: AsyncEngine):
    await filled(engine, 4)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE conflict_listed SET holds_tax = NOT holds_tax"))
        await session.execute(text("DELETE FROM flag_listed"))
    assert await rebuilt(engine) > 40
    assert await rebuilt(engine) == 0


@pytest.mark.parametrize("table", ["fact_conflict", "fact_flag", "fact_flag_answer"])
async def test_a_table_made_empty_leaves_nothing_wrong_behind(engine: AsyncEngine, table: str):
    await filled(engine, 5)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"TRUNCATE {table}"))
    assert await rebuilt(engine) == 0


async def test_every_reader_finds_what_the_tables_themselves_show_in_the_same_order(engine: AsyncEngine):
    await filled(engine, 6)
    lengths: set[int] = set()
    for reader, asked in product(READERS, FILTERS):
        async with unit_of_work(engine, reader) as session:
            for subject, opened in (("f.indicator", open_conflicts), ("f.rule", open_flags)):
                found, waiting = await opened(session, asked)
                expected = await meant(session, subject, asked)
                shown = [{name: row[name] for name in expected[0]} for row in found.rows] if expected else found.rows
                assert (shown, found.total) == (expected, len(expected)), (reader, asked, subject)
                assert waiting == len(await meant(session, subject, WorkFilters()))
                lengths.add(len(expected))
    assert len(lengths) > 8


async def test_a_later_page_goes_on_where_the_first_ends(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session)
        for year in range(60):
            await session.execute(text(_FLAG), {"id": number, "rule": "tenfold", "year": 1950 + year})
    async with unit_of_work(engine, Scope.city()) as session:
        years = [row["year"] for page in (1, 2) for row in (await open_flags(session, WorkFilters(page=page)))[0].rows]
    assert years == [1950 + year for year in range(60)]


async def test_nobody_and_an_enterprises_account_see_no_list(engine: AsyncEngine):
    await filled(engine, 7)
    for scope in (Scope(), Scope.enterprise(1), Scope.trace()):
        async with unit_of_work(engine, scope) as session:
            assert (await count_conflicts(session), await count_flags(session)) == (0, 0)


@pytest.mark.parametrize("table", ["conflict_listed", "flag_listed"])
async def test_nobody_but_the_database_writes_what_is_kept(engine: AsyncEngine, table: str):
    async with unit_of_work(engine, Scope.city()) as session:
        granted = f"SELECT has_table_privilege(current_user, '{table}', 'INSERT, UPDATE, DELETE')"
        assert await session.scalar(text(granted)) is False


async def doubtful(session: AsyncSession, **given: Any) -> int:
    """An enterprise about whose sales two sources disagree, one of them absurdly."""
    number = await make_enterprise(session, **given)
    await make_filing(session, number, {"sales_revenue": 1200, "rd_expense_hnte": 5000})
    await make_filing(session, number, {"sales_revenue": 900}, source="statistics")
    return number


async def seen_by(engine: AsyncEngine, reader: Scope) -> tuple[int, int]:
    async with unit_of_work(engine, reader) as session:
        return await count_conflicts(session), await count_flags(session)


HERE, PARK, THERE = Scope.district("321202"), Scope.of_park("321202", "海陵工业园区"), Scope.district("321203")


async def test_who_moves_takes_what_is_doubtful_along(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await doubtful(session, park="海陵工业园区")
    before = await seen_by(engine, HERE)
    assert before[0] > 0 < before[1]
    assert (await seen_by(engine, PARK), await seen_by(engine, THERE)) == (before, (0, 0))
    async with owner_unit_of_work(engine) as session:
        await move(session, number, "321203", "", "", today())
    assert [await seen_by(engine, one) for one in (HERE, PARK, THERE)] == [(0, 0), (0, 0), before]


async def test_what_the_tax_office_says_later_hides_the_lot_from_the_park(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await doubtful(session, park="海陵工业园区")
    before = await seen_by(engine, PARK)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"rd_super_deduction": 1}, source="tax", received_on=date(2026, 5, 1))
    assert (await seen_by(engine, PARK), await seen_by(engine, HERE)) == ((0, 0), before)


async def test_two_files_that_prove_to_be_one_and_are_parted_again_stay_listed_rightly(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        survivor = await doubtful(session, park="海陵工业园区")
        absorbed = await doubtful(session, region_code="321202")
        await make_filing(session, absorbed, {"rd_super_deduction": 1}, source="tax")
    apart = [await seen_by(engine, one) for one in (HERE, PARK)]
    async with owner_unit_of_work(engine) as session:
        number = await merge(session, Merge(absorbed, survivor, "同一家企业"))
    assert (await seen_by(engine, PARK), await rebuilt(engine)) == ((0, 0), 0)
    async with owner_unit_of_work(engine) as session:
        await unmerge(session, number, "不是同一家", Given())
    assert ([await seen_by(engine, one) for one in (HERE, PARK)], await rebuilt(engine)) == (apart, 0)


async def test_an_answered_flag_comes_back_with_other_figures(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await doubtful(session)
        for flag in await flags_of(session, number):
            await answer_flag(session, flag, "看过台账", answered_by=1)
    assert (await seen_by(engine, HERE))[1] == 0
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number, {"rd_expense_hnte": 6000}, received_on=date(2026, 5, 1))
    assert (await seen_by(engine, HERE))[1] > 0
