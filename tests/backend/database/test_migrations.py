"""The tables are those the models speak of, however the database came to them."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, String, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

from backend.database.engine import make_engine
from backend.database.metadata import metadata
from backend.database.migrate import MIGRATIONS, missing_migrations, upgrade
from tests.conftest import fresh_database

# Their columns or rows are the catalogue's or the plans' and come with those, so no model speaks of them.
MADE_FROM_THE_CATALOGUE = {"fact_yearly", "fact_current", "source_rank", "plan_territory"}
# What the database keeps by itself.
KEPT_BY_TRIGGERS = {
    "standing_state", "registry_change", "trace_entry", "trace_head", "trace_anchor", "trace_note", "title_span",
    "title_tally", "counted_enterprise", "enterprise_tally", "listed_tally", "enterprise_trait",
    "enterprise_place",
    "figure_end", "figure_change", "suspect_pair", "suspect_search", "pool_listed", "due_listed", "conflict_listed",
    "flag_listed",
}  # fmt: skip
# What only its own functions write and read; a model would be a second way in.
KEPT_BY_FUNCTIONS = {"unmasking", "enterprise_contact", "proposal"}
# Two keys and a moment, which bulk statements alone write.
KEPT_BY_STATEMENTS = {"enterprise_officer"}
# Written with the moment by `backend.enterprises`, and closed with it; what they mean is said in docs/decisions/0011.
LIVES = {
    "enterprise_end", "enterprise_move", "enterprise_split", "enterprise_merge", "enterprise_alias", "enterprise_merge_row",
    "enterprise_apart", "division_change",
}  # fmt: skip


def is_modelled(_thing: object, name: str | None, kind: str, *_: object) -> bool:
    return (
        kind != "table"
        or name not in MADE_FROM_THE_CATALOGUE | KEPT_BY_TRIGGERS | KEPT_BY_FUNCTIONS | KEPT_BY_STATEMENTS | LIVES
    )


def differ(
    _context: object, _inspected: object, _column: object, found: TypeEngine[Any], wanted: TypeEngine[Any]
) -> bool | None:
    # Without a length, both are any text; None leaves the rest to Alembic.
    plain = [getattr(kind, "impl", kind) for kind in (found, wanted)]
    return False if all(isinstance(kind, String) and kind.length is None for kind in plain) else None


def differences(connection: Connection) -> list[str]:
    options = {"include_object": is_modelled, "compare_type": differ}
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, metadata)
    # An index that only the database has makes it faster and changes nothing else.
    return [str(difference) for difference in found if difference[0] != "remove_index"]


async def test_migrated_tables_are_those_of_the_models(engine: AsyncEngine):
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_each_migration_has_a_number_of_its_own():
    numbers = sorted(int(path.name[:4]) for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    # Numbers may be set aside for work that lands later; what follows what, each migration says itself.
    assert numbers == sorted(set(numbers))


async def test_a_migrated_database_misses_nothing(engine: AsyncEngine):
    assert await missing_migrations(engine) == []


async def test_an_empty_database_misses_all_from_the_first(server_url: str):
    async with fresh_database(server_url, "template0") as url:
        engine = make_engine(url)
        assert (await missing_migrations(engine))[0] == "0001"
        await engine.dispose()


async def test_two_that_start_at_once_do_not_collide(server_url: str):
    async with fresh_database(server_url, "template0") as url:
        first, second = make_engine(url), make_engine(url)
        await asyncio.gather(upgrade(first), upgrade(second))
        assert await missing_migrations(first) == []
        await first.dispose()
        await second.dispose()


async def test_migrating_again_changes_nothing(engine: AsyncEngine):
    await upgrade(engine)
    assert await missing_migrations(engine) == []


@pytest.mark.parametrize("extension", ["pg_trgm", "btree_gist"])
async def test_the_extensions_are_there(engine: AsyncEngine, extension: str):
    async with engine.connect() as connection:
        found = await connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = :name"), {"name": extension})
    assert found == 1
