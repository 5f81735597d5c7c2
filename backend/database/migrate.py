"""Bringing the database's tables up to this program's version, while the version before may go on serving.

A migration works beside the old code. What it must not do either is to wait for a table that a long transaction holds:
whoever asks for the table meanwhile would stand in line behind it, and the service with them. So it gives up after
seconds, lets those pass, and tries again.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.errors import DatabaseBusy
from backend.database.security import secure_tables
from backend.database.trace import follow_tables
from backend.filings.projection_tables import follow_catalogue
from backend.plans.territories import note_territories
from rules.catalogue import load_catalogue

MIGRATIONS = Path(__file__).parents[2] / "migrations"
# Any number will do that no other program on this database takes: "tidu" in ASCII.
_LOCK = 0x74696475


#: Seconds that others stand in line behind a migration at most, and between its attempts.
LOCK_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 1.0
#: Seconds until it gives up altogether: longer than an import of 100,000 rows holds its tables.
PATIENCE_SECONDS: Final = 600.0
#: lock_not_available, deadlock_detected: somebody else holds a table, or wants two of them the other way round.
_IN_THE_WAY: Final = ("55P03", "40P01")


async def upgrade(engine: AsyncEngine, patience: float = PATIENCE_SECONDS, lock_seconds: float = LOCK_SECONDS) -> None:
    """Run the migrations that are missing, all or none. Whoever starts at the same moment waits.

    Raises DatabaseUnfit, DatabaseBusy.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            await _attempt(engine, lock_seconds)
        except DBAPIError as problem:
            if getattr(problem.orig, "sqlstate", None) not in _IN_THE_WAY:
                raise
            if time.monotonic() > deadline:
                raise DatabaseBusy from problem
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


async def _attempt(engine: AsyncEngine, lock_seconds: float) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.execute(text(f"SET LOCAL lock_timeout = {int(lock_seconds * 1000)}"))
        await connection.run_sync(_upgrade)
        # The projection's columns follow the catalogue, which changes with the law and not with the program.
        await connection.run_sync(follow_catalogue, load_catalogue())
        await connection.run_sync(note_territories)
        await connection.run_sync(follow_tables)
        await connection.run_sync(secure_tables)


async def missing_migrations(engine: AsyncEngine) -> list[str]:
    """The numbers of those not yet run, oldest first."""
    async with engine.connect() as connection:
        return await connection.run_sync(_missing)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _missing(connection: Connection) -> list[str]:
    script = ScriptDirectory.from_config(_config())
    done = set(MigrationContext.configure(connection).get_current_heads())
    known = list(script.walk_revisions())
    run = {found.revision for head in done for found in script.iterate_revisions(head, "base")}
    return [found.revision for found in reversed(known) if found.revision not in run]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
