"""The run in columns writes what asking one enterprise after the other writes."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.demo.service import load
from backend.eligibility import service
from backend.eligibility.batch import run_batch
from backend.eligibility.queries import checked_on
from backend.eligibility.service import (
    _ALWAYS_KNOWN,  # pyright: ignore[reportPrivateUsage]
    _begin,  # pyright: ignore[reportPrivateUsage]
    evaluate,
    evaluate_beside,
    evaluate_registry,
    evaluate_touched,
)
from rules.library import library
from tests.factories import make_code, make_enterprise, make_filing

TODAY = date(2026, 11, 20)


async def rows_of(session: AsyncSession) -> dict[tuple[int, str], dict[str, Any]]:
    """The results by enterprise and programme, but for the run they are of."""
    found = await session.execute(text("SELECT * FROM eligibility"))
    return {
        (row["enterprise_id"], row["programme"]): {name: value for name, value in row.items() if name != "run_id"}
        for row in found.mappings()
    }


async def changes_of(session: AsyncSession, run_id: int) -> set[tuple[Any, ...]]:
    found = await session.execute(
        text("SELECT enterprise_id, programme, before, after FROM eligibility_change WHERE run_id = :id"),
        {"id": run_id},
    )
    return {tuple(row) for row in found}


@pytest.mark.parametrize("as_of", [TODAY, date(2026, 3, 31)])
async def test_both_ways_of_running_write_the_same(
    engine: AsyncEngine, as_of: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    await load(engine, TODAY, size=60)
    rules = library()
    async with owner_unit_of_work(engine) as session:
        ids = list((await session.execute(text("SELECT id FROM enterprise ORDER BY id"))).scalars())
        await session.execute(text("DELETE FROM eligibility"))
        one_by_one = await evaluate(session, ids, rules, as_of)
        expected, expected_changes = await rows_of(session), await changes_of(session, one_by_one.run_id)

        await session.execute(text("DELETE FROM eligibility"))
        run_id = await _begin(session, rules, as_of, True)
        written = await run_batch(session, ids, rules, as_of, run_id, _ALWAYS_KNOWN)

        assert await rows_of(session) == expected
        assert await changes_of(session, run_id) == expected_changes
        assert (written.results, written.changes) == (one_by_one.results, one_by_one.changes)

        again = await evaluate_registry(session, rules, as_of)
        runs = await session.execute(text("SELECT DISTINCT run_id FROM eligibility"))

        # What is as it was is left alone.
        assert (again.results, again.changes, list(runs.scalars())) == (written.results, 0, [run_id])

        await session.execute(text("UPDATE eligibility SET outcome = 'ineligible' WHERE outcome = 'eligible'"))
        await session.execute(text("UPDATE eligibility SET failed = '{H4,\"a b\"}' WHERE programme = 'hnte'"))
        await session.execute(text("UPDATE eligibility SET programme = 'gone' WHERE programme = 'sme_size'"))
        repaired = await evaluate_registry(session, rules, as_of)

        assert await rows_of(session) == expected
        changed = {row for row in expected_changes if row[-1] == "eligible" and row[1] != "sme_size"}
        renewed = {row for row in expected_changes if row[1] == "sme_size"}
        assert (
            await changes_of(session, repaired.run_id)
            == {(*row[:2], "ineligible", row[3]) for row in changed} | renewed
        )

        await session.execute(text("DELETE FROM eligibility"))
        touched = await evaluate_touched(session, ids, rules, as_of)
        assert await rows_of(session) == expected
        assert (touched.enterprises, touched.changes) == (len(ids), written.changes)

        await session.execute(text("DELETE FROM eligibility"))
        before: list[int] = []
        monkeypatch.setattr(service, "_WORTH_COLUMNS", 2)
        portioned = await evaluate_touched(session, ids, rules, as_of, portion=25, told=before.append)
        assert await rows_of(session) == expected
        assert (portioned.enterprises, portioned.changes) == (len(ids), written.changes)
        assert before == list(range(0, len(ids), 25))

        again = await _begin(session, rules, as_of, True)
        assert (await run_batch(session, ids, rules, as_of, again, _ALWAYS_KNOWN)).changes == 0


async def test_a_filing_beside_a_run_waits_for_its_portion_only_and_both_are_written(engine: AsyncEngine) -> None:
    rules = library()
    async with owner_unit_of_work(engine) as session:
        ids = [await make_enterprise(session, credit_code=make_code("321202")) for _ in range(4)]
        for number in ids:
            await make_filing(session, number, {"sales_revenue": 3000, "employee_total": 30})
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, ids[2], {"sales_revenue": 90000, "employee_total": 900}, received_on=TODAY)
        await evaluate(session, [ids[2]], rules, TODAY)
        run = asyncio.create_task(evaluate_beside(engine, rules, TODAY, portion=1))
        # It comes as far as the enterprise that is being filed for.
        while await _evaluated(engine) < 2:  # noqa: ASYNC110 (only the database knows)
            await asyncio.sleep(0.01)
        async with owner_unit_of_work(engine) as other:
            await evaluate(other, [ids[0]], rules, TODAY)
        assert not run.done()
    result = await run
    assert (result.enterprises, await _evaluated(engine)) == (4, 4)
    async with owner_unit_of_work(engine) as session:
        assert (await evaluate_registry(session, rules, TODAY)).changes == 0


async def _evaluated(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(text("SELECT count(DISTINCT enterprise_id) FROM eligibility"))
        return found.scalar_one()


async def _versions_of_rows(session: AsyncSession) -> dict[str, tuple[Any, ...]]:
    """By programme, which version of its row is there, and of which run."""
    found = await session.execute(text("SELECT programme, CAST(ctid AS text), run_id FROM eligibility"))
    return {row[0]: (row[1], row[2]) for row in found}


async def test_one_asked_again_has_only_those_answers_written_that_are_others_now(session: AsyncSession) -> None:
    rules = library()
    enterprise = await make_enterprise(session, industry_code="3450", established_on=date(2015, 3, 1))
    await make_filing(session, enterprise, {"sales_revenue": 3000, "rd_expense_hnte": 300, "employee_total": 61})
    first = await evaluate(session, [enterprise], rules, TODAY)
    before, answers = await _versions_of_rows(session), await rows_of(session)

    assert (await evaluate(session, [enterprise], rules, TODAY)).results == first.results
    assert await _versions_of_rows(session) == before

    await session.execute(text("UPDATE eligibility SET outcome = 'eligible' WHERE programme = 'hnte'"))
    await session.execute(text("UPDATE eligibility SET missing = '{a}' WHERE programme = 'tech_sme'"))
    other = min(before.keys() - {"hnte", "tech_sme"})
    await session.execute(text("UPDATE eligibility SET programme = 'gone' WHERE programme = :other"), {"other": other})
    broken = await _versions_of_rows(session)
    mended = await evaluate(session, [enterprise], rules, TODAY)
    after = await _versions_of_rows(session)
    written = {name for name, version in after.items() if broken.get(name) != version}
    assert (written, await rows_of(session)) == ({"hnte", "tech_sme", other}, answers)
    assert {name for _, name, *_ in await changes_of(session, mended.run_id)} == {"hnte", other}

    tomorrow = TODAY + timedelta(days=1)
    await evaluate(session, [enterprise], rules, tomorrow)
    checked = await session.execute(text(f"SELECT DISTINCT {checked_on()} FROM eligibility x"))
    assert list(checked.scalars()) == [tomorrow]


async def test_many_who_are_answered_as_before_were_looked_at_on_the_later_day(
    session: AsyncSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_WORTH_COLUMNS", 2)
    rules, tomorrow = library(), TODAY + timedelta(days=1)
    ids = [await make_enterprise(session, industry_code="3450", established_on=date(2015, 3, 1)) for _ in range(3)]
    for number in ids:
        await make_filing(session, number, {"sales_revenue": 3000, "rd_expense_hnte": 300, "employee_total": 61})
    first = await evaluate_touched(session, ids, rules, TODAY)
    # What is found for the first time says so by itself.
    assert list((await session.execute(text("SELECT * FROM eligibility_check"))).scalars()) == []
    await evaluate_touched(session, ids[:2], rules, tomorrow)
    checked = await session.execute(
        text(f"SELECT DISTINCT x.enterprise_id, {checked_on()}, x.run_id FROM eligibility x")
    )
    assert set(checked) == {
        (ids[0], tomorrow, first.run_id),
        (ids[1], tomorrow, first.run_id),
        (ids[2], TODAY, first.run_id),
    }
