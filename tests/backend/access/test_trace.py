"""What leaves an entry, what it says, and that the service itself can neither change nor remove one."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from backend.access import service as access
from backend.access.trace.sealing import sealing
from backend.access.trace.service import Deed, note, seal
from backend.cli import app as cli
from backend.database.actor import Actor, acting_as
from backend.database.scope import Scope
from backend.database.session import because, in_the_name_of, owner_unit_of_work, unit_of_work
from backend.database.trace import UNTRACED
from tests.backend.access.test_signing_in import sign_in
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise

WANG = Actor("wangmin", 7, "city_officer", "10.1.2.3", "ab12")


async def noted(engine: AsyncEngine, columns: str, condition: str = "true") -> Sequence[Any]:
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(text(f"SELECT {columns} FROM trace_note WHERE {condition} ORDER BY id"))
        return [tuple(row) for row in found]


@pytest.fixture
async def enterprise_id(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        made = await make_enterprise(session, name="泰州甲有限公司")
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM trace_note"))
    return made


async def rename(engine: AsyncEngine, enterprise_id: int, name: str = "泰州乙有限公司") -> None:
    async with unit_of_work(engine, Scope.city(7)) as session:
        await because(session, "名称变更")
        await session.execute(
            text("UPDATE enterprise SET name = :name WHERE id = :id"),
            {"name": name, "id": enterprise_id},
        )


async def test_a_change_tells_who_from_where_what_before_after_and_why(engine: AsyncEngine, enterprise_id: int):
    with acting_as(WANG):
        await rename(engine, enterprise_id)
    assert await noted(
        engine, "actor, person_id, role, address, request_id, action, subject, subject_id, enterprise_id, reason"
    ) == [("wangmin", 7, "city_officer", "10.1.2.3", "ab12", "update", "enterprise", str(enterprise_id), enterprise_id, "名称变更")]  # fmt: skip
    assert await noted(engine, "before, after") == [({"name": "泰州甲有限公司"}, {"name": "泰州乙有限公司"})]


async def test_a_change_in_plain_sql_past_the_program_is_traced_too(engine: AsyncEngine, enterprise_id: int):
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM enterprise_region"))
        user = await connection.scalar(text("SELECT session_user"))
    found = await noted(engine, "actor, action, subject, before->>'region_code'")
    assert found == [(f"database:{user}", "delete", "enterprise_region", "321202")]


async def test_what_is_worked_out_leaves_no_entry(engine: AsyncEngine, enterprise_id: int):
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE enterprise SET rung_order = 3, search_text = '别的'"))
    assert await noted(engine, "action") == []


async def test_what_is_rolled_back_leaves_no_entry(engine: AsyncEngine, enterprise_id: int):
    with pytest.raises(ZeroDivisionError):
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("UPDATE enterprise SET name = '丙'"))
            raise ZeroDivisionError
    assert await noted(engine, "action") == []


async def test_a_bulk_of_new_rows_is_one_entry_with_their_ids(engine: AsyncEngine, enterprise_id: int):
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO enterprise_name (enterprise_id, name, match_key)"
                " SELECT :id, '曾用名' || i, '' FROM generate_series(1, 300) i"
            ),
            {"id": enterprise_id},
        )
        first = await connection.scalar(text("SELECT min(id) FROM enterprise_name WHERE name = '曾用名1'"))
    assert first is not None
    found = await noted(engine, "after", "subject = 'enterprise_name'")
    assert found == [({"rows": 300, "ids": f"{{[{first},{first + 300})}}"},)]


async def test_a_bulk_of_changes_keeps_what_each_row_was(engine: AsyncEngine, enterprise_id: int):
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO enterprise_name (enterprise_id, name, match_key)"
                " SELECT :id, '曾用名' || i, '' FROM generate_series(1, 300) i"
            ),
            {"id": enterprise_id},
        )
        await connection.execute(text("UPDATE enterprise_name SET name = name || '（旧）' WHERE name LIKE '曾用名%'"))
    found = await noted(engine, "before->>'name'", "action = 'update'")
    assert sorted(found) == sorted((f"曾用名{number}",) for number in range(1, 301))


async def test_a_password_hash_is_told_to_have_changed_and_not_as_what(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        issued = await access.add_person(session, "wangmin", "王敏", "viewer")
        assert issued.person.id is not None
        await access.reset_password(session, issued.person.id)
    told = str(await noted(engine, "before, after"))
    assert "'password_hash': '***'" in told
    assert "argon2" not in told


@pytest.mark.parametrize("table", ["trace_note", "trace_entry"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_services_role_can_neither_change_nor_remove_entries(engine: AsyncEngine, table: str, statement: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(engine, Scope.trace()) as session:
            await session.execute(text(statement.format(table)))


@pytest.mark.parametrize("column", ["at", "actor", "person_id", "address", "request_id"])
async def test_the_services_role_cannot_say_who_it_was_or_when(engine: AsyncEngine, column: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(engine, Scope.city()) as session:
            await session.execute(text(f"INSERT INTO trace_note (action, subject, {column}) VALUES ('a', 'b', NULL)"))


@pytest.mark.parametrize("function", ["seal_trace()", "purge_trace(now())"])
async def test_the_services_role_can_neither_seal_nor_purge(engine: AsyncEngine, function: str):
    with pytest.raises(DBAPIError, match="permission denied"):
        async with unit_of_work(engine, Scope.trace()) as session:
            await session.execute(text(f"SELECT {function}"))


@pytest.mark.parametrize("statement", ["UPDATE trace_entry SET reason = ''", "DELETE FROM trace_entry"])
async def test_even_the_owner_is_kept_from_a_slip(engine: AsyncEngine, enterprise_id: int, statement: str):
    await rename(engine, enterprise_id)
    await seal(engine)
    with pytest.raises(DBAPIError, match="neither changed nor removed"):
        async with engine.begin() as connection:
            await connection.execute(text(statement))


async def test_only_who_audits_sees_entries(engine: AsyncEngine, enterprise_id: int):
    await rename(engine, enterprise_id)
    await seal(engine)
    seen: list[object] = []
    for scope in (Scope.city(), Scope.district("321202"), Scope(), Scope.trace()):
        async with unit_of_work(engine, scope) as session:
            seen.append(await session.scalar(text("SELECT count(*) FROM trace_entry")))
    assert seen == [0, 0, 0, 1]


async def test_who_audits_sees_no_enterprise(engine: AsyncEngine, enterprise_id: int):
    async with unit_of_work(engine, Scope.trace()) as session:
        assert await session.scalar(text("SELECT count(*) FROM enterprise")) == 0


async def test_without_a_trace_nothing_is_done(engine: AsyncEngine, enterprise_id: int):
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE trace_note ADD CONSTRAINT full_disk CHECK (action <> 'update')"))
    with pytest.raises(DBAPIError, match="full_disk"):
        await rename(engine, enterprise_id)
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(text("SELECT name FROM enterprise")) == "泰州甲有限公司"


async def test_every_table_is_traced_or_says_why_not(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT relname FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
                " AND (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND tgname LIKE 'trace\\_%') < 4"
            )
        )
        assert set(found.scalars()) == set(UNTRACED), "a table without its triggers, or an exception too many"


async def test_signing_in_and_failing_to_are_told_without_what_was_typed(engine: AsyncEngine, browser: AsyncClient):
    async with owner_unit_of_work(engine) as session:
        await access.add_person(session, "wangmin", "王敏", "viewer", password="Correct horse battery")
    await sign_in(browser, "Correct horse battery")
    browser.cookies.clear()
    await sign_in(browser, "wrong horse battery")
    await sign_in(browser, "x", login="Correct horse battery")
    found = await noted(engine, "actor, action, outcome, reason", "subject = 'session'")
    assert found == [
        ("wangmin", "sign_in", "done", ""),
        ("wangmin", "sign_in_failed", "failed", "口令不对"),
        ("nobody", "sign_in_failed", "failed", "没有这个用户名"),
    ]
    assert "horse" not in str(await noted(engine, "*"))


async def test_looking_at_an_enterprises_figures_leaves_an_entry(
    engine: AsyncEngine, client_as: ClientAs, enterprise_id: int
):
    viewer = await client_as("viewer")
    answer = await viewer.get(f"/enterprises/{enterprise_id}")
    assert answer.status_code == 200
    found = await noted(engine, "role, action, enterprise_id, request_id, person_id > 0", "subject = 'enterprise'")
    assert found == [("viewer", "read", enterprise_id, answer.headers["x-request-id"], True)]


@pytest.mark.parametrize("part", ["", "/filings", "/service-file", "/lineage"])
async def test_looking_at_them_over_rest_leaves_an_entry_too(
    engine: AsyncEngine, client_as: ClientAs, enterprise_id: int, part: str
):
    officer = await client_as("city_officer")
    answer = await officer.get(f"/api/v1/enterprises/{enterprise_id}{part}")
    assert answer.status_code == 200
    found = await noted(engine, "role, action, enterprise_id, request_id", "action = 'read'")
    assert found == [("city_officer", "read", enterprise_id, answer.headers["x-request-id"])]


@pytest.mark.parametrize(("part", "action"), [("", "read"), ("/facts", "read"), ("/programmes/hnte/report", "export")])
async def test_an_enterprises_account_leaves_an_entry_of_what_it_looks_at(
    engine: AsyncEngine, client_as: ClientAs, enterprise_id: int, part: str, action: str
):
    account = await client_as("enterprise")
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE person SET enterprise_id = :id"), {"id": enterprise_id})
    assert (await account.get(f"/me/enterprise{part}")).status_code == 200
    found = await noted(engine, "role, action, enterprise_id", "action IN ('read', 'export')")
    assert found == [("enterprise", action, enterprise_id)]


async def test_looking_at_an_enterprise_at_the_machine_itself_leaves_an_entry(
    engine: AsyncEngine, database_url: str, enterprise_id: int
):
    runner = CliRunner(env={"TIDU_DATABASE_URL": database_url})
    told = await asyncio.to_thread(runner.invoke, cli, ["enterprise", str(enterprise_id)])
    assert told.exit_code == 0, told.stderr
    found = await noted(engine, "split_part(actor, ':', 1), action, enterprise_id")
    assert found == [("system", "read", enterprise_id)]


async def test_what_was_not_shown_is_not_told_as_seen(engine: AsyncEngine, client_as: ClientAs, enterprise_id: int):
    officer = await client_as("district_officer", region="321281")
    assert (await officer.get(f"/enterprises/{enterprise_id}")).status_code == 404
    assert await noted(engine, "action", "action = 'read'") == []


async def test_the_running_service_seals_by_itself_and_when_it_ends(engine: AsyncEngine):
    async with sealing(engine, every=600), owner_unit_of_work(engine) as session:
        await in_the_name_of(session, "wangmin", None)
        await note(session, Deed("read", "database"))
    async with owner_unit_of_work(engine) as session:
        assert await session.scalar(text("SELECT actor FROM trace_entry")) == "wangmin"
