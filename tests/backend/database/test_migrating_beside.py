"""A migration while the service serves: nobody stands in line behind it for long, and it comes through in the end."""

import asyncio
from time import monotonic

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database import migrate
from backend.database.errors import DatabaseBusy
from backend.database.session import owner_unit_of_work


@pytest.fixture(autouse=True)
def next_migration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next version of the program adds a column to the table that everybody reads."""

    def change(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE enterprise ADD COLUMN IF NOT EXISTS next_version text"))

    monkeypatch.setattr(migrate, "_upgrade", change)


async def readers(engine: AsyncEngine, stop: asyncio.Event) -> float:
    """Read as the service does, again and again. Gives the longest wait, in seconds."""
    longest = 0.0
    while not stop.is_set():
        start = monotonic()
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("SELECT count(*) FROM enterprise"))
        longest = max(longest, monotonic() - start)
        await asyncio.sleep(0.01)
    return longest


async def has_changed(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT 1 FROM information_schema.columns WHERE column_name = 'next_version'")
        )
        return found.first() is not None


async def test_a_migration_behind_a_long_import_lets_the_service_go_on_and_comes_through(engine: AsyncEngine):
    stop = asyncio.Event()
    async with owner_unit_of_work(engine) as importing:
        await importing.execute(text("LOCK TABLE enterprise IN ROW EXCLUSIVE MODE"))
        reading = asyncio.create_task(readers(engine, stop))
        upgrading = asyncio.create_task(migrate.upgrade(engine, lock_seconds=0.2))
        await asyncio.sleep(1.5)
        assert not upgrading.done()
        assert not await has_changed(engine)
    await upgrading
    stop.set()
    # Without the limit they would have waited as long as the import took.
    assert await reading < 1.2
    assert await has_changed(engine)


async def test_behind_something_that_never_ends_it_gives_up_and_says_so(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as stuck:
        await stuck.execute(text("LOCK TABLE enterprise IN ROW EXCLUSIVE MODE"))
        with pytest.raises(DatabaseBusy, match="数据未动"):
            await migrate.upgrade(engine, patience=0.1, lock_seconds=0.1)
    assert not await has_changed(engine)
