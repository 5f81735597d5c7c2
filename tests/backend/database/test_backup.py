"""The whole database in one file, and back."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from backend.cli import app
from backend.database.backup import BackupFailed, RestoreFailed, backup, restore
from backend.database.engine import make_engine
from backend.database.migrate import missing_migrations
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from tests.conftest import fresh_database


@pytest.fixture
async def backed_up(engine: AsyncEngine, data_folder: Path) -> Path:
    """A backup of a database with one table more than ours, one row of it in a district."""
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("CREATE TABLE note AS SELECT '321281' AS region, '兴化' AS body"))
        await session.execute(text("ALTER TABLE note ENABLE ROW LEVEL SECURITY"))
        await session.execute(
            text("CREATE POLICY scope ON note TO tidu_app USING (region = current_setting('tidu.scope'))")
        )
    file = data_folder / "tidu.backup"
    await backup(engine, file)
    return file


async def test_what_was_backed_up_is_restored(server_url: str, backed_up: Path):
    async with fresh_database(server_url, "template0") as url:
        other = make_engine(url)
        await restore(other, backed_up)
        async with owner_unit_of_work(other) as session:
            assert await session.scalar(text("SELECT body FROM note")) == "兴化"
        assert await missing_migrations(other) == []
        await other.dispose()


async def test_a_restored_database_keeps_districts_apart(server_url: str, backed_up: Path):
    async with fresh_database(server_url, "template0") as url:
        other = make_engine(url)
        await restore(other, backed_up)
        async with unit_of_work(other, Scope.district("321282")) as session:
            assert await session.scalar(text("SELECT count(*) FROM note")) == 0
        await other.dispose()


async def test_a_database_with_tables_is_not_overwritten(engine: AsyncEngine, backed_up: Path):
    with pytest.raises(RestoreFailed, match="不是空的"):
        await restore(engine, backed_up)


async def test_a_damaged_backup_leaves_nothing_behind(server_url: str, backed_up: Path):
    backed_up.write_bytes(backed_up.read_bytes()[: backed_up.stat().st_size * 2 // 3])
    async with fresh_database(server_url, "template0") as url:
        other = make_engine(url)
        with pytest.raises(RestoreFailed):
            await restore(other, backed_up)
        async with owner_unit_of_work(other) as session:
            assert await session.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
        await other.dispose()


async def test_a_backup_into_a_folder_that_is_missing_is_refused(engine: AsyncEngine, data_folder: Path):
    nowhere = data_folder / "missing" / "tidu.backup"
    with pytest.raises(BackupFailed, match="可写"):
        await backup(engine, nowhere)


def test_the_commands_carry_a_registry_from_one_folder_to_another(data_folder: Path):
    old, new, file = data_folder / "old", data_folder / "new", data_folder / "tidu.backup"
    assert CliRunner().invoke(app, ["backup", str(file), "--data", str(old)]).exit_code == 0
    assert CliRunner().invoke(app, ["restore", str(file), "--data", str(new)]).exit_code == 0
    again = CliRunner().invoke(app, ["restore", str(file), "--data", str(new)])
    assert again.exit_code == 1
    assert "不是空的" in again.stderr


async def test_the_trace_tells_who_backed_up_and_who_brought_back(
    server_url: str, engine: AsyncEngine, database_url: str, data_folder: Path
):
    file = data_folder / "tidu.backup"
    async with fresh_database(server_url, "template0") as url:
        for address, command in ((database_url, "backup"), (url, "restore")):
            runner = CliRunner(env={"TIDU_DATABASE_URL": address})
            ran = await asyncio.to_thread(runner.invoke, app, [command, str(file)])
            assert ran.exit_code == 0, ran.output
        other = make_engine(url)
        async with owner_unit_of_work(other) as session:
            told = "SELECT action, actor LIKE 'system:%', subject_id FROM trace_note ORDER BY id"
            assert [tuple(row) for row in await session.execute(text(told))] == [
                ("backup", True, "tidu.backup"),
                ("restore", True, "tidu.backup"),
            ]
        await other.dispose()


def test_a_file_that_is_no_backup_is_refused(data_folder: Path):
    file = data_folder / "台账.xlsx"
    file.write_text("not a backup")
    result = CliRunner().invoke(app, ["restore", str(file), "--data", str(data_folder / "new")])
    assert result.exit_code == 1
    assert "不是 tidu backup 写的备份文件" in result.stderr
