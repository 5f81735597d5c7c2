"""No table of the registry can be read past its policies; which ones show all rows to everybody, and why, is said here."""

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.roles import APP_ROLE
from backend.database.scope import Scope
from backend.database.security import NO_BUSINESS
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.eligibility.service import evaluate
from rules.library import library
from tests.factories import TODAY, make_enterprise, make_filing, make_recognition

_TABLES = text(f"""
    SELECT c.relname, c.relrowsecurity,
        EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
            AND ('{APP_ROLE}'::regrole = ANY(p.polroles) OR 0 = ANY(p.polroles))) AS has_policy,
        has_table_privilege('{APP_ROLE}', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
            OR has_any_column_privilege('{APP_ROLE}', c.oid, 'SELECT, INSERT, UPDATE') AS is_reached
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace = 'public'::regnamespace
""")


async def test_every_table_is_under_policies_or_out_of_reach(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        rows = (await session.execute(_TABLES)).all()
    unprotected = {row.relname for row in rows if row.is_reached and not (row.relrowsecurity and row.has_policy)}
    unprotected -= set(NO_BUSINESS)
    assert not unprotected, (
        f"{sorted(unprotected)}: put it under row-level security in its migration (ENABLE ROW LEVEL SECURITY and a policy"
        " for tidu_app, as its neighbours have), or revoke it"
    )


#: Policies that let everybody read every row, and why nothing in those tables is anybody's.
READ_BY_ALL = {
    "source_rank": "which source is trusted before which: from the catalogue",
    "indicator_tolerance": "by how much sources may differ: from the catalogue",
    "registry_change": "that something changed, not what",
    "plan_territory": "whose plan a plan is: from the plans",
    "enterprise_alias": "which number became which: ids alone",
    "division_change": "which district became which: law",
    "filing_window": "when one may apply: published",
    "renewal_window": "when one may renew: published",
}
_ALL = text(
    "SELECT DISTINCT c.relname::text FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE p.polpermissive"
    f" AND p.polcmd IN ('r', '*') AND pg_get_expr(p.polqual, p.polrelid) = 'true'"
    f" AND ('{APP_ROLE}'::regrole = ANY(p.polroles) OR 0 = ANY(p.polroles))"
)


async def test_tables_that_everybody_reads_whole_are_named_with_the_reason(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        assert {*(await session.execute(_ALL)).scalars()} == set(READ_BY_ALL)


async def test_requests_own_role_is_bound_by_policies(engine: AsyncEngine):
    async with unit_of_work(engine, Scope.city()) as session:
        role = await session.execute(
            text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolinherit FROM pg_roles WHERE rolname = current_user")
        )
        assert role.one() == (False, False, False, False)
        owned = await session.scalar(text("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"))
        assert owned == 0


@pytest.mark.parametrize("table", ["person", "person_role", "web_session"])
async def test_nothing_that_a_request_asks_reaches_passwords_and_sessions(engine: AsyncEngine, table: str):
    async with unit_of_work(engine, Scope.city()) as session:
        allowed = await session.scalar(text(f"SELECT has_table_privilege('{table}', 'SELECT, INSERT, UPDATE, DELETE')"))
    assert allowed is False


PARK = "靖江经济技术开发区"


@pytest.fixture
async def two_districts(engine: AsyncEngine) -> tuple[int, int, int]:
    """One enterprise in 兴化, two in 靖江, of which one in a park; each with filings, titles and answers of the rules."""
    ids: list[int] = []
    async with owner_unit_of_work(engine) as session:
        for region, park in (("321281", ""), ("321282", ""), ("321282", PARK)):
            one = await make_enterprise(session, region_code=region, park=park, chains=("化学药",))
            await make_filing(session, one, {"sales_revenue": 1000})
            await make_filing(session, one, {"sales_revenue": 1500}, source="tax", received_on=date(2026, 6, 1))
            await make_recognition(session, one)
            ids.append(one)
        await evaluate(session, ids, library(), TODAY)
    return ids[0], ids[1], ids[2]


async def test_a_query_without_any_filter_gives_only_what_the_reader_may_see(
    engine: AsyncEngine, two_districts: tuple[int, int, int]
):
    first, second, third = two_districts
    everything = {first, second, third}
    readers = {
        "the city": (Scope.city(), everything),
        "兴化": (Scope.district("321281"), {first}),
        "靖江": (Scope.district("321282"), {second, third}),
        "a park": (Scope.of_park("321282", PARK), {third}),
        "a park of that name elsewhere": (Scope.of_park("321281", PARK), set[int]()),
        "海陵": (Scope.district("321202"), set[int]()),
        "an enterprise": (Scope.enterprise(second), {second}),
        "nobody": (Scope(), set[int]()),
        "an auditor": (Scope.trace(), set[int]()),
    }
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT table_name FROM information_schema.columns JOIN pg_class ON relname = table_name"
                " WHERE table_schema = 'public' AND column_name = 'enterprise_id' AND relkind = 'r'"
                f" AND has_table_privilege('{APP_ROLE}', pg_class.oid, 'SELECT') AND NOT relname LIKE 'trace%'"
            )
        )
        tables = [*found.scalars()]
    seen_somewhere = set[str]()
    for name, (scope, allowed) in readers.items():
        async with unit_of_work(engine, scope) as session:
            assert (name, set((await session.execute(text("SELECT id FROM enterprise"))).scalars())) == (name, allowed)
            for table in tables:
                seen = set((await session.execute(text(f'SELECT enterprise_id FROM "{table}"'))).scalars()) - {None}
                assert (name, table, seen - allowed) == (name, table, set())
                seen_somewhere |= {table} if seen else set()
    # The fixture fills these, so that the test has something to find.
    assert {"filing", "recognition", "eligibility", "fact_yearly", "enterprise_chain"} <= seen_somewhere
