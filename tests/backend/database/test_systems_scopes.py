"""What another system's transaction sees and writes is bound by its token's scopes, whatever a route forgets to ask."""

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.scope import Scope
from backend.database.security import SYSTEMS
from backend.database.session import owner_unit_of_work, reckoning, unit_of_work
from backend.eligibility.service import evaluate
from backend.exchange.clients import SCOPES
from rules.library import library
from tests.factories import TODAY, make_enterprise, make_filing, make_recognition

_TABLES = text(
    "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    " AND has_table_privilege('tidu_system', c.oid, 'SELECT') AND c.relrowsecurity"
)


@pytest.fixture(scope="module")
async def registry(one_database: AsyncEngine) -> AsyncEngine:
    """An enterprise with figures, a title, answers, a place in the pool, a saved service and a plan's figure."""
    async with owner_unit_of_work(one_database) as session:
        one = await make_enterprise(session, region_code="321281", chains=("化学药",))
        await make_filing(session, one, {"sales_revenue": 1000})
        await make_filing(session, one, {"sales_revenue": 1500}, source="tax", received_on=date(2026, 6, 1))
        await make_recognition(session, one)
        await evaluate(session, [one], library(), TODAY)
        for statement in (
            "INSERT INTO pool_entry (enterprise_id, programme, year, stage, note, revision) SELECT id, 'hnte', 2026, 'discovered', '', 1 FROM enterprise",
            "INSERT INTO reported_figure (target, region_code, period_end, value, source, note)"
            " VALUES ('T000-18', '', '2026-06-30', 1, '统计局', '')",
        ):
            await session.execute(text(statement))
    return one_database


def system(*scopes: str) -> Scope:
    return Scope.city().of_system(frozenset(scopes))


async def seen_by(engine: AsyncEngine, scope: Scope) -> set[str]:
    """The tables of which the transaction sees a row."""
    async with unit_of_work(engine, scope) as session:
        tables = [*(await session.execute(_TABLES)).scalars()]
        found = [await session.scalar(text(f'SELECT EXISTS (SELECT FROM "{table}")')) for table in tables]
    return {table for table, is_seen in zip(tables, found, strict=True) if is_seen}


FIGURES = {"filing", "fact_yearly", "fact_current", "fact_conflict", "fact_flag"}
TITLES = {"recognition"}
#: What no scope of any system opens, and people see.
BUREAUS = {"pool_entry", "reported_figure", "eligibility", "eligibility_change", "title_tally", "enterprise_chain"}


async def test_people_see_what_the_fixture_holds(registry: AsyncEngine):
    # What is not there, the tests below would not miss.
    assert {"filing", "fact_yearly", *TITLES, *BUREAUS} <= await seen_by(registry, Scope.city())


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_a_system_sees_the_tables_of_its_scope_and_no_others(registry: AsyncEngine, scope: str):
    seen = await seen_by(registry, system(scope))
    assert seen <= {table for table, opened in SYSTEMS.items() if scope in opened.reads}
    assert not seen & BUREAUS


@pytest.mark.parametrize(
    ("scope", "sees"),
    {
        "filing:write": {"enterprise", "filing"},
        "recognition:write": {"enterprise", "recognition"},
        "event:write": {"enterprise", "recognition"},
        "enterprise:read": {"enterprise", "recognition"},
        "change:read": {"enterprise"},
        "event:subscribe": set[str](),
        "list:read": {"enterprise", "recognition", "filing"},
    }.items(),
)
async def test_of_enterprises_figures_and_titles_a_system_sees_those_of_its_scope(
    registry: AsyncEngine, scope: str, sees: set[str]
):
    assert await seen_by(registry, system(scope)) & ({"enterprise"} | FIGURES | TITLES) == sees


async def test_a_system_without_scopes_sees_nothing(registry: AsyncEngine):
    assert await seen_by(registry, system()) == set()


async def test_a_table_made_later_is_closed_to_systems(registry: AsyncEngine):
    assert "pool_entry" not in SYSTEMS
    assert "pool_entry" not in await seen_by(registry, system(*SCOPES))


async def test_what_is_reckoned_opens_for_the_block_and_closes_again(registry: AsyncEngine):
    counted = text("SELECT (SELECT count(*) FROM filing), (SELECT count(*) FROM eligibility) > 0")
    async with unit_of_work(registry, system("recognition:write").reading(tax=False, unmasking=False)) as session:
        assert (await session.execute(counted)).one() == (0, False)
        async with reckoning(session):
            assert (await session.execute(counted)).one() == (2, True)
        assert (await session.execute(counted)).one() == (0, False)


async def test_what_is_reckoned_stays_closed_to_those_who_only_read(registry: AsyncEngine):
    async with unit_of_work(registry, system("change:read", "enterprise:read")) as session, reckoning(session):
        assert await session.scalar(text("SELECT count(*) FROM filing")) == 0


WRITES = {
    "filing": 'INSERT INTO filing (enterprise_id, source, received_on, note, "values")'
    " SELECT id, 'statistics', current_date, '', '{}' FROM enterprise",
    "recognition": "UPDATE recognition SET revoked_on = current_date",
    "enterprise": "UPDATE enterprise SET name = 'x'",
    "pool_entry": "INSERT INTO pool_entry (enterprise_id, programme, year, stage, note, revision)"
    " SELECT id, 'srdi_sme', 2026, 'discovered', '', 1 FROM enterprise",
}
MAY_WRITE = {
    "filing": {"filing:write", "event:write"},
    "recognition": {"recognition:write", "event:write"},
    "enterprise": {"event:write"},
    "pool_entry": set[str](),
}


class Done(Exception):
    """Ends a transaction that would have been let commit."""


async def may_write(engine: AsyncEngine, scope: str, table: str) -> bool:
    try:
        async with unit_of_work(engine, system(scope)) as session:
            written = await session.execute(text(f"{WRITES[table]} RETURNING 1"))
            raise Done if written.all() else LookupError
    except Done:
        return True
    except LookupError:
        return False
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) != "42501":
            raise
        return False


@pytest.mark.parametrize("table", WRITES)
async def test_a_system_writes_the_tables_of_its_scope_and_no_others(registry: AsyncEngine, table: str):
    assert {scope for scope in SCOPES if await may_write(registry, scope, table)} == MAY_WRITE[table]


@pytest.mark.parametrize("table", ["enterprise", "recognition"])
async def test_what_a_system_reads_it_may_not_delete(registry: AsyncEngine, table: str):
    async with unit_of_work(registry, system("enterprise:read", "list:read")) as session:
        assert (await session.execute(text(f'DELETE FROM "{table}" RETURNING 1'))).all() == []


async def test_a_systems_region_and_tax_figures_are_bound_as_peoples_are(registry: AsyncEngine):
    elsewhere = Scope.district("321282").of_system(frozenset({"filing:write"}))
    assert not await seen_by(registry, elsewhere) & {"enterprise", "filing"}
    hidden = system("filing:write").reading(tax=False, unmasking=False)
    async with unit_of_work(registry, hidden) as session:
        assert (await session.execute(text("SELECT DISTINCT source FROM filing"))).scalars().all() == ["self_declared"]


async def test_a_scope_ends_with_its_transaction(registry: AsyncEngine):
    await seen_by(registry, system(*SCOPES))
    async with unit_of_work(registry, Scope.city()) as session:
        told = await session.execute(text("SELECT current_user::text, current_setting('tidu.client_scopes')"))
        assert told.one() == ("tidu_app", "")
