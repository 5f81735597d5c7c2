"""A figure is kept until something it rests on changes, and never shown to another."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.web import memory as memories
from backend.web.memory import Memory, seen_by
from tests.factories import make_enterprise, make_filing, make_recognition

Scoped = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]


async def state(engine: AsyncEngine, scope: Scope, *topics: str) -> tuple[str, ...]:
    """What identifies the state of some topics for a reader."""
    async with unit_of_work(engine, scope) as work:
        return (await seen_by(work)).of(topics)  # type: ignore[arg-type]


async def test_the_state_stays_while_nothing_changes(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        await make_enterprise(work)
    assert await state(engine, Scope.city(), "enterprise") == await state(engine, Scope.city(), "enterprise")


async def test_a_recognition_changes_the_state_of_what_rests_on_recognitions(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work)
    before = await state(engine, Scope.city(), "recognition")
    async with owner_unit_of_work(engine) as work:
        await make_recognition(work, number)
    assert await state(engine, Scope.city(), "recognition") != before


async def test_a_filing_changes_nothing_that_rests_on_recognitions(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as work:
        number = await make_enterprise(work)
    before = [await state(engine, Scope.city(), topic) for topic in ("recognition", "fact")]
    async with owner_unit_of_work(engine) as work:
        await make_filing(work, number)
    after = [await state(engine, Scope.city(), topic) for topic in ("recognition", "fact")]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)


async def test_what_is_rolled_back_leaves_the_state_as_it_was(engine: AsyncEngine):
    before = await state(engine, Scope.city(), "enterprise")
    async with engine.connect() as connection, AsyncSession(connection) as work:
        await make_enterprise(work)
        await work.rollback()
    assert await state(engine, Scope.city(), "enterprise") == before


async def test_a_transaction_that_began_first_and_ended_last_is_noticed(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as slow:
        await make_enterprise(slow)
        async with owner_unit_of_work(engine) as quick:
            await make_enterprise(quick)
        between = await state(engine, Scope.city(), "enterprise")
    assert await state(engine, Scope.city(), "enterprise") != between


async def test_two_districts_never_share_a_figure(engine: AsyncEngine):
    assert await state(engine, Scope.district("321282"), "enterprise") != await state(
        engine, Scope.district("321283"), "enterprise"
    )


async def test_a_figure_is_worked_out_once_for_a_state():
    asked: list[str] = []

    async def work() -> int:
        asked.append("again")
        return len(asked)

    memory = Memory()
    found = [await memory.recall(("ladder",), seen, work) for seen in (("city", "1"), ("city", "1"), ("city", "2"))]
    assert found == [1, 1, 2]


async def test_what_was_not_asked_for_longest_is_forgotten():
    async def one() -> int:
        return 1

    async def two() -> int:
        return 2

    memory = Memory(most=1)
    await memory.recall(("a",), (), one)
    await memory.recall(("b",), (), one)
    assert await memory.recall(("a",), (), two) == 2


class Slow:
    """A figure that takes too long for a page, and tells how often it was worked out."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self, _session: AsyncSession) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of any size is large, and any figure takes long."""
    monkeypatch.setattr(memories, "LARGE", -1)
    monkeypatch.setattr(memories, "LONG", 0)
    monkeypatch.setattr(memories, "AFTER", 0)


async def lately(engine: AsyncEngine, memory: Memory, work: Slow, scope: Scope | None = None) -> tuple[int, bool]:
    """The figure as a page gets it, and whether it says that it may be another by now."""

    def opened() -> AbstractAsyncContextManager[AsyncSession]:
        return unit_of_work(engine, scope or Scope.city())

    async with opened() as session:
        found = await memory.lately(("figure",), ("enterprise",), work, session, opened)
    return found.value, found.held_at is not None


async def change(engine: AsyncEngine) -> None:
    async with owner_unit_of_work(engine) as work:
        await make_enterprise(work)


async def test_a_long_figure_is_shown_as_it_was_and_worked_out_behind_the_page(engine: AsyncEngine, large: None):
    memory, work = Memory(), Slow()
    found = [await lately(engine, memory, work)]
    await change(engine)
    found.append(await lately(engine, memory, work))
    await memory.settled()
    found.append(await lately(engine, memory, work))
    assert found == [(1, False), (1, True), (2, False)]


async def test_what_is_shown_as_it_was_is_no_other_readers(engine: AsyncEngine, large: None):
    memory, work = Memory(), Slow()
    await lately(engine, memory, work)
    await change(engine)
    assert await lately(engine, memory, work, Scope.district("321282")) == (2, False)


async def test_in_a_small_registry_every_change_shows_at_once(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memories, "LONG", 0)
    memory, work = Memory(), Slow()
    await lately(engine, memory, work)
    await change(engine)
    assert await lately(engine, memory, work) == (2, False)


async def test_a_figure_that_could_not_be_renewed_stays_and_is_tried_again(engine: AsyncEngine, large: None):
    memory, work = Memory(), Slow()
    await lately(engine, memory, work)
    await change(engine)

    def closed() -> AbstractAsyncContextManager[AsyncSession]:
        raise OSError("gone")

    async with unit_of_work(engine, Scope.city()) as session:
        found = await memory.lately(("figure",), ("enterprise",), work, session, closed)
    await memory.settled()
    assert (found.value, await lately(engine, memory, work)) == (1, (1, True))
    await memory.close()


async def test_a_figure_is_long_for_its_share_of_a_page(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(memories, "LARGE", -1)
    monkeypatch.setattr(memories, "AFTER", 0)
    monkeypatch.setattr(memories, "LONG", 1_000)
    memory, work = Memory(), Slow()

    def opened() -> AbstractAsyncContextManager[AsyncSession]:
        return unit_of_work(engine, Scope.city())

    found: list[int] = []
    for share in (1, 1, 10**15):
        await change(engine)
        async with opened() as session:
            figure = await memory.lately(("figure",), ("enterprise",), work, session, opened, share=share)
        found.append(figure.value)
    await memory.settled()
    assert found == [1, 2, 2]


async def test_figures_are_worked_out_behind_the_pages_one_at_a_time(engine: AsyncEngine, large: None):
    memory, working, most = Memory(), 0, 0

    async def work(_session: AsyncSession) -> int:
        nonlocal working, most
        working, most = working + 1, max(most, working + 1)
        await asyncio.sleep(0)
        working -= 1
        return 0

    def opened() -> AbstractAsyncContextManager[AsyncSession]:
        return unit_of_work(engine, Scope.city())

    for _ in range(2):
        await change(engine)
        async with opened() as session:
            for figure in ("one", "other", "third"):
                await memory.lately((figure,), ("enterprise",), work, session, opened)
    await memory.settled()
    assert (working, most) == (0, 1)
