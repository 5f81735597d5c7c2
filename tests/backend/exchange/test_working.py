"""What goes on by itself, beside others who work on the same."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate_touched
from backend.exchange.worker import Worker
from backend.settings import Settings
from rules.library import library
from tests.backend.exchange.test_inbound import found
from tests.factories import make_enterprise, make_filing

SETTINGS = Settings(exchange_secret="test")  # pyright: ignore[reportArgumentType]


async def test_two_evaluations_of_the_same_enterprise_wait_for_each_other(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session)
        await make_filing(session, number, {"sales_revenue": 3000, "employee_total": 30})

    async def evaluate() -> None:
        async with owner_unit_of_work(engine) as session:
            await evaluate_touched(session, [number], library(), today())

    async with owner_unit_of_work(engine) as session:
        await evaluate_touched(session, [number], library(), today())
        other = asyncio.create_task(evaluate())
        await asyncio.wait([other], timeout=0.3)
    await other
    assert len(await found(engine, "SELECT DISTINCT run_id FROM eligibility")) == 1


async def test_a_system_without_an_address_is_not_asked_again_and_again(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("INSERT INTO exchange_system (id, name, every_seconds, next_due_at) VALUES ('tax', '税务', 60, now())")
        )
    worker = Worker(engine, SETTINGS, library())
    asked: list[str] = []
    worker._pull = lambda system: _note(asked, system)  # type: ignore[method-assign] # pyright: ignore[reportPrivateUsage]
    await worker.pull_what_is_due()
    assert asked == []


async def test_a_worker_that_cannot_go_on_with_one_task_ends_with_all(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
):
    worker = Worker(engine, SETTINGS, library())

    async def broken() -> int:
        raise ValueError("no way on")

    monkeypatch.setattr(worker, "seal", broken)
    with pytest.raises(ExceptionGroup) as ended:
        await asyncio.wait_for(worker.run(), 10)
    assert [str(one) for one in ended.value.exceptions] == ["no way on"]


async def _note(asked: list[str], system: str) -> None:
    asked.append(system)
