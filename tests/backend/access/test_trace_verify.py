"""Whoever owns the database can change the trace; verifying tells which entry it was."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from backend.access.trace.queries import head_of
from backend.access.trace.service import Deed, PurgeRefused, note, purge, seal
from backend.access.trace.verify import Kind, verify
from backend.cli import app
from backend.database.session import owner_unit_of_work

MENDED_CHAIN = """
DO $$ DECLARE e trace_entry; last_one bytea; BEGIN
    FOR e IN SELECT * FROM trace_entry ORDER BY position LOOP
        UPDATE trace_entry SET digest = sha256(coalesce(last_one, sha256('tidu')) || trace_content(e))
        WHERE position = e.position RETURNING digest INTO last_one;
    END LOOP;
    UPDATE trace_head SET digest = last_one;
END $$
"""


@pytest.fixture
async def ten(engine: AsyncEngine) -> AsyncEngine:
    """Ten entries, sealed in two portions."""
    for portion in range(2):
        async with owner_unit_of_work(engine) as session:
            for number in range(5):
                await note(session, Deed("read", "enterprise", str(portion * 5 + number + 1), after={"n": number}))
        await seal(engine)
    return engine


async def tamper(engine: AsyncEngine, *statements: str) -> None:
    """As whoever owns the tables, past every trigger."""
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await connection.execute(text(statement))


async def faults_of(engine: AsyncEngine) -> list[tuple[Kind, int, int]]:
    return [(fault.kind, fault.position, fault.last) for fault in (await verify(engine)).faults]


async def test_an_untouched_trace_is_whole(ten: AsyncEngine):
    verdict = await verify(ten)
    assert (verdict.is_whole, verdict.entries, verdict.head.partition(":")[0]) == (True, 10, "10")


@pytest.mark.parametrize(
    "change",
    [
        "reason = '改'",
        "actor = 'someone'",
        "at = at + interval '1 second'",
        "after = '{\"n\": 99}'",
        "enterprise_id = 5",
    ],
)
async def test_a_changed_entry_is_named(ten: AsyncEngine, change: str):
    await tamper(ten, f"UPDATE trace_entry SET {change} WHERE position = 4")
    assert await faults_of(ten) == [(Kind.CHANGED, 4, 4)]


async def test_a_changed_entry_with_a_digest_that_fits_is_found_by_the_next(ten: AsyncEngine):
    await tamper(
        ten,
        "UPDATE trace_entry SET reason = '改' WHERE position = 4",
        "UPDATE trace_entry e SET digest = sha256((SELECT digest FROM trace_entry WHERE position = 3) || trace_content(e))"
        " WHERE position = 4",
    )
    assert await faults_of(ten) == [(Kind.CHANGED, 5, 5)]


async def test_missing_entries_are_named(ten: AsyncEngine):
    await tamper(ten, "DELETE FROM trace_entry WHERE position IN (3, 4)")
    assert await faults_of(ten) == [(Kind.MISSING, 3, 4)]


async def test_a_missing_first_entry_is_named(ten: AsyncEngine):
    await tamper(ten, "DELETE FROM trace_entry WHERE position = 1")
    assert await faults_of(ten) == [(Kind.MISSING, 1, 1)]


@pytest.mark.parametrize("other", [4, 8])
@pytest.mark.parametrize("with_digest", [True, False])
async def test_reordered_entries_are_named(ten: AsyncEngine, other: int, with_digest: bool):
    swap = [
        f"UPDATE trace_entry SET position = {place} WHERE position = {now}"
        for now, place in ((3, 99), (other, 3), (99, other))
    ]
    if not with_digest:
        swap += [
            f"UPDATE trace_entry e SET digest = o.digest FROM trace_entry o WHERE (e.position, o.position) IN ((3, {other}), ({other}, 3))"
        ]
    await tamper(ten, *swap)
    assert await faults_of(ten) == [(Kind.REORDERED, 3, 3), (Kind.REORDERED, other, other)]


async def test_a_trace_cut_off_at_its_end_is_named(ten: AsyncEngine):
    await tamper(ten, "DELETE FROM trace_entry WHERE position > 7")
    assert await faults_of(ten) == [(Kind.CUT_OFF, 8, 10)]


async def test_an_entry_added_at_the_end_is_found(ten: AsyncEngine):
    await tamper(
        ten,
        "INSERT INTO trace_entry SELECT 11, 999, at, actor, person_id, role, address, request_id, action, subject,"
        " subject_id, enterprise_id, outcome, reason, before, after, digest FROM trace_entry WHERE position = 10",
    )
    assert {fault.position for fault in (await verify(ten)).faults} == {11}


async def test_a_chain_rewritten_as_a_whole_is_found_by_what_was_noted_elsewhere(ten: AsyncEngine):
    head = await head_of(ten)
    await tamper(ten, "UPDATE trace_entry SET reason = '改' WHERE position = 4", MENDED_CHAIN)
    assert (await verify(ten)).is_whole
    faults = (await verify(ten, [head])).faults
    assert [(fault.kind, fault.position) for fault in faults] == [(Kind.UNEXPECTED, 10)]


async def test_younger_entries_than_the_law_allows_are_not_purged(ten: AsyncEngine):
    with pytest.raises(PurgeRefused, match="184 天"):
        await purge(ten, 183)


async def test_the_database_itself_refuses_to_purge_younger_entries(ten: AsyncEngine):
    with pytest.raises(DBAPIError, match="184 days"):
        async with owner_unit_of_work(ten) as session:
            await session.execute(text("SELECT purge_trace(now() - interval '183 days')"))


async def in_seven_months(engine: AsyncEngine) -> int:
    """Purge as if it were so much later, with one entry written then. What is older than 184 days goes."""
    await tamper(
        engine,
        "UPDATE trace_entry SET at = at - interval '210 days' WHERE position <= 8",
        MENDED_CHAIN,
    )
    return await purge(engine, 184)


async def test_after_a_purge_the_rest_is_verified_from_the_anchor(ten: AsyncEngine):
    assert await in_seven_months(ten) == 8
    verdict = await verify(ten)
    # Two that stayed, and the purge's own.
    assert (verdict.is_whole, verdict.first, verdict.entries) == (True, 9, 3)
    await tamper(ten, "UPDATE trace_entry SET reason = '改' WHERE position = 9")
    assert await faults_of(ten) == [(Kind.CHANGED, 9, 9)]


async def test_nobody_removes_a_beginning_and_calls_it_a_purge(ten: AsyncEngine):
    await tamper(
        ten,
        "INSERT INTO trace_anchor (position, digest, entries, oldest_at, newest_at)"
        " SELECT position, digest, 4, at, at FROM trace_entry WHERE position = 4",
        "DELETE FROM trace_entry WHERE position <= 4",
    )
    assert await faults_of(ten) == [(Kind.NOT_VOUCHED_FOR, 1, 4)]


async def test_an_entry_removed_after_a_purge_is_missing(ten: AsyncEngine):
    await in_seven_months(ten)
    await tamper(ten, "DELETE FROM trace_entry WHERE position = 9")
    assert await faults_of(ten) == [(Kind.MISSING, 9, 9)]


async def test_nothing_old_enough_leaves_everything(ten: AsyncEngine):
    assert await purge(ten, 365) == 0
    assert (await verify(ten)).entries == 10


async def test_many_writers_at_once_wait_for_nobody_and_none_is_lost(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as slow:
        await note(slow, Deed("read", "enterprise", "slow"))
        for number in range(20):
            async with owner_unit_of_work(engine) as session:
                await note(session, Deed("read", "enterprise", str(number)))
        assert await seal(engine) == 20
    assert await seal(engine) == 1
    assert (await verify(engine)).is_whole


async def test_parts_reckoned_side_by_side_find_the_same(ten: AsyncEngine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.access.trace.verify._WORTH_PARTING", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert (await verify(ten)).is_whole
    await tamper(
        ten, "DELETE FROM trace_entry WHERE position = 5", "UPDATE trace_entry SET reason = '改' WHERE position = 8"
    )
    assert await faults_of(ten) == [(Kind.MISSING, 5, 5), (Kind.CHANGED, 8, 8)]


def test_the_command_names_the_entry_and_fails(database_url: str):
    runner = CliRunner(env={"TIDU_DATABASE_URL": database_url})
    runner.invoke(app, ["user", "add", "wangmin", "--name", "王敏", "--role", "administrator"])
    head = runner.invoke(app, ["audit", "head"]).stdout.strip()
    whole = runner.invoke(app, ["audit", "verify", "--expect", head])
    assert (whole.exit_code, "完整" in whole.stdout) == (0, True)
    wrong = f"{head.partition(':')[0]}:{'0' * 64}"
    refused = runner.invoke(app, ["audit", "verify", "--expect", wrong])
    assert refused.exit_code == 1
    assert "整体改写" in refused.stderr


def test_the_command_does_not_purge_what_the_law_wants_kept(database_url: str):
    refused = CliRunner(env={"TIDU_DATABASE_URL": database_url}).invoke(app, ["audit", "purge", "--keep-days", "30"])
    assert refused.exit_code == 1
    assert "184 天" in refused.stderr
