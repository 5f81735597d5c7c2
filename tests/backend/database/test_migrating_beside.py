"""A migration while the service serves: nobody stands in line behind it for long, and it comes through in the end."""

import asyncio
from dataclasses import dataclass

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


@dataclass
class Reading:
    """How often the service has read, and whether it is to go on."""

    times: int = 0
    is_over: bool = False


async def read_on(engine: AsyncEngine, reading: Reading) -> None:
    """Read as the service does, again and again."""
    while not reading.is_over:
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("SELECT count(*) FROM enterprise"))
        reading.times += 1
        await asyncio.sleep(0.01)


async def until_somebody_waits(engine: AsyncEngine) -> None:
    """Wait for the migration to stand in line for the table."""
    async with engine.connect() as connection:
        while not await connection.scalar(  # noqa: ASYNC110 (only the database knows)
            text("SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'enterprise'::regclass AND NOT granted)")
        ):
            await asyncio.sleep(0.01)


async def has_changed(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        found = await connection.execute(
            text("SELECT 1 FROM information_schema.columns WHERE column_name = 'next_version'")
        )
        return found.first() is not None


async def test_a_migration_behind_a_long_import_lets_the_service_go_on_and_comes_through(engine: AsyncEngine):
    reading = Reading()
    async with owner_unit_of_work(engine) as importing:
        await importing.execute(text("LOCK TABLE enterprise IN ROW EXCLUSIVE MODE"))
        service = asyncio.create_task(read_on(engine, reading))
        upgrading = asyncio.create_task(migrate.upgrade(engine, lock_seconds=0.2))
        # Without the limit the service would stand in line behind the migration until the import is done.
        async with asyncio.timeout(60):
            for _ in range(2):
                await until_somebody_waits(engine)
                seen = reading.times
                while reading.times < seen + 3:  # noqa: ASYNC110 (a handful of reads, one after another)
                    await asyncio.sleep(0.01)
        assert not upgrading.done()
        assert not await has_changed(engine)
    await upgrading
    reading.is_over = True
    await service
    assert await has_changed(engine)


async def test_behind_something_that_never_ends_it_gives_up_and_says_so(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as stuck:
        await stuck.execute(text("LOCK TABLE enterprise IN ROW EXCLUSIVE MODE"))
        with pytest.raises(DatabaseBusy, match="数据未动"):
            await migrate.upgrade(engine, patience=0.1, lock_seconds=0.1)
    assert not await has_changed(engine)
