"""Row-level security holds for whoever owns the tables, too: what they see, they see by a policy that says so."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.backup import BackupFailed, backup, backup_and_verify
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.roles import APP_ROLE, KEEPER_ROLE, SYSTEM_ROLE
from backend.database.scope import Scope
from backend.database.security import NO_BUSINESS
from backend.database.session import copy_rows, owner_unit_of_work, unit_of_work
from backend.eligibility.service import evaluate
from rules.library import library
from tests.conftest import fresh_database
from tests.factories import TODAY, make_enterprise, make_filing, make_recognition

_UNFORCED = text(
    "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    " AND NOT (relrowsecurity AND relforcerowsecurity)"
)


async def test_security_is_forced_upon_the_owner_of_every_table(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        assert {*(await session.execute(_UNFORCED)).scalars()} == {*NO_BUSINESS}


async def test_a_table_made_later_is_forced_and_closed_from_the_next_start_on(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("CREATE TABLE later (id bigint PRIMARY KEY)"))
        await session.execute(text("INSERT INTO later VALUES (1)"))
    await upgrade(engine)
    async with owner_unit_of_work(engine) as session:
        assert "later" not in (await session.execute(_UNFORCED)).scalars()
    async with unit_of_work(engine, Scope.city()) as session:
        assert await session.scalar(text("SELECT count(*) FROM later")) == 0


async def test_a_second_start_changes_no_table(engine: AsyncEngine):
    policies = text("SELECT array_agg(oid ORDER BY oid) FROM pg_policy")
    async with owner_unit_of_work(engine) as session:
        before = await session.scalar(policies)
    await upgrade(engine)
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(policies) == before


@pytest.mark.parametrize("role", [APP_ROLE, SYSTEM_ROLE, KEEPER_ROLE])
async def test_no_role_of_ours_goes_past_row_level_security_or_signs_in(engine: AsyncEngine, role: str):
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT rolsuper, rolbypassrls, rolcanlogin, rolcreaterole FROM pg_roles WHERE rolname = :role"),
            {"role": role},
        )
        assert found.one() == (False, False, False, False)


async def test_requests_cannot_become_keepers(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        for role in (APP_ROLE, SYSTEM_ROLE):
            assert not await session.scalar(text(f"SELECT pg_has_role('{role}', '{KEEPER_ROLE}', 'MEMBER')"))


class Owned(NamedTuple):
    """A database of somebody who is no superuser: seen as the owner, and as the server's superuser."""

    engine: AsyncEngine
    superuser: AsyncEngine
    owner: str


@pytest.fixture(scope="module")
async def owned(server_url: str) -> AsyncGenerator[Owned]:
    """One enterprise with figures of two sources, a title and answers, all written as an ordinary owner."""
    owner = f"tidu_ordinary_{os.getpid()}"
    async with fresh_database(server_url, "template0") as url:
        superuser = make_engine(url)
        async with superuser.begin() as connection:
            for statement in (
                f"DROP ROLE IF EXISTS {owner}",
                f"CREATE ROLE {owner} LOGIN NOSUPERUSER CREATEDB",
                f"GRANT {APP_ROLE}, {SYSTEM_ROLE}, {KEEPER_ROLE} TO {owner}",
                f'ALTER DATABASE "{make_url(url).database}" OWNER TO {owner}',
            ):
                await connection.execute(text(statement))
        engine = make_engine(make_url(url).set(username=owner).render_as_string(hide_password=False))
        await upgrade(engine)
        async with owner_unit_of_work(engine) as session:
            one = await make_enterprise(session, region_code="321281")
            await make_filing(session, one, {"sales_revenue": 1000})
            await make_filing(session, one, {"sales_revenue": 1500}, source="tax")
            await make_recognition(session, one)
            await evaluate(session, [one], library(), TODAY)
        yield Owned(engine, superuser, owner)
        await engine.dispose()
        async with superuser.begin() as connection:
            await connection.execute(text(f"REASSIGN OWNED BY {owner} TO CURRENT_USER"))
            await connection.execute(text(f"DROP OWNED BY {owner}"))
        await superuser.dispose()
    other = make_engine(server_url)
    async with other.begin() as connection:
        await connection.execute(text(f"DROP ROLE {owner}"))
    await other.dispose()


_FILLED = (
    "enterprise",
    "filing",
    "fact_yearly",
    "recognition",
    "eligibility",
    "title_tally",
    "trace_note",
    "source_rank",
)


async def _seen(engine: AsyncEngine) -> dict[str, int]:
    async with owner_unit_of_work(engine) as session:
        return {table: int(await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0) for table in _FILLED}


async def test_an_ordinary_owner_who_keeps_the_tables_sees_every_row(owned: Owned):
    seen = await _seen(owned.engine)
    assert seen == await _seen(owned.superuser)
    assert all(seen.values()), "triggers and functions with the owner's rights did their work"


async def test_an_owner_who_keeps_nothing_sees_nothing_and_backs_nothing_up(owned: Owned, data_folder: Path):
    async with owned.superuser.begin() as connection:
        await connection.execute(text(f"REVOKE {KEEPER_ROLE}, {APP_ROLE}, {SYSTEM_ROLE} FROM {owned.owner}"))
    try:
        assert set((await _seen(owned.engine)).values()) == {0}
        with pytest.raises(BackupFailed, match=f"看不到 .*enterprise.*GRANT {KEEPER_ROLE}"):
            await backup(owned.engine, data_folder / "tidu.backup")
    finally:
        async with owned.superuser.begin() as connection:
            await connection.execute(text(f"GRANT {KEEPER_ROLE}, {APP_ROLE}, {SYSTEM_ROLE} TO {owned.owner}"))


async def test_an_ordinary_owners_backup_is_whole(owned: Owned, data_folder: Path):
    counted = await backup_and_verify(owned.engine, data_folder / "tidu.backup")
    assert {table: counted[table] for table in _FILLED} == await _seen(owned.superuser)


async def test_an_ordinary_owner_writes_many_rows_at_once(owned: Owned):
    rows = [("chain", number) for number in range(100)]
    async with owner_unit_of_work(owned.engine) as session:
        await session.execute(text("CREATE TABLE many (word text, number integer PRIMARY KEY)"))
    await upgrade(owned.engine)
    async with owner_unit_of_work(owned.engine) as session:
        await copy_rows(session, "many", ("word", "number"), rows)
        assert await session.scalar(text("SELECT count(*) FROM many")) == 100
        await session.execute(text("DROP TABLE many"))


async def test_requests_in_an_ordinary_owners_database_see_their_own_district(owned: Owned):
    async with unit_of_work(owned.engine, Scope.district("321282")) as session:
        assert await session.scalar(text("SELECT count(*) FROM enterprise")) == 0
    async with unit_of_work(owned.engine, Scope.district("321281").reading(tax=False, unmasking=False)) as session:
        assert (await session.execute(text("SELECT DISTINCT source FROM filing"))).scalars().all() != ["tax"]
        assert await session.scalar(text("SELECT count(*) FROM filing WHERE source = 'tax'")) == 0


@pytest.mark.parametrize("table", ["reported_figure", "bulletin_text"])
async def test_who_writes_what_a_plan_reports(engine: AsyncEngine, table: str):
    """The city any, a district its own and what a plan of its own reports as a whole."""
    cases = {
        ("*", "T000-18", ""): True,
        ("*", "T000-18", "321281"): True,
        ("321281", "T000-18", "321281"): True,
        ("321281", "T000-18", "321282"): False,
        ("321281", "T000-18", ""): False,
        ("320706", "T001-01", ""): True,
        ("320706", "T000-18", ""): False,
    }
    for (scope, target, region), allowed in cases.items():
        written = await _writes(engine, table, scope, target, region)
        assert (scope, target, region, written) == (scope, target, region, allowed)


async def _writes(engine: AsyncEngine, table: str, scope: str, target: str, region: str) -> bool:
    statement = {
        "reported_figure": "INSERT INTO reported_figure (target, region_code, period_end, value, source, note)"
        " VALUES (:target, :region, '2026-06-30', 1, '统计局', '')",
        "bulletin_text": "INSERT INTO bulletin_text (plan, region_code, quarter_end, section, body)"
        " VALUES ('P' || substr(:target, 2, 3), :region, '2026-06-30', 'causes', '')",
    }[table]
    try:
        async with unit_of_work(engine, Scope(region=scope)) as session:
            await session.execute(text(statement), {"target": target, "region": region})
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) != "42501":
            raise
        return False
    return True


@pytest.mark.parametrize("table", ["reported_figure", "bulletin_text"])
async def test_what_plans_report_is_read_by_the_bureau_alone_and_changed_by_nobody(engine: AsyncEngine, table: str):
    assert await _writes(engine, table, "*", "T000-18", "321281")
    readers = {
        "the city": (Scope.city(), 1),
        "another district": (Scope.district("321282"), 1),
        "a park": (Scope.of_park("321282", "园区"), 1),
        "an enterprise": (Scope.enterprise(1), 0),
        "an auditor": (Scope.trace(), 0),
        "nobody": (Scope(), 0),
    }
    for name, (scope, rows) in readers.items():
        async with unit_of_work(engine, scope) as session:
            assert (name, await session.scalar(text(f"SELECT count(*) FROM {table}"))) == (name, rows)
            touched = await session.execute(text(f"UPDATE {table} SET region_code = region_code RETURNING 1"))
            assert (name, touched.all()) == (name, [])


async def test_an_evaluation_that_has_ended_stays_as_it_is(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        await evaluate(session, [], library(), TODAY)
        again = await session.execute(text("UPDATE eligibility_run SET changes = 9 RETURNING 1"))
        assert again.all() == []
