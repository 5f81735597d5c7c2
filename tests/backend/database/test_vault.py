"""Files under a passphrase, and backups in them."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.trace.service import Deed, note
from backend.access.trace.verify import verify
from backend.database import vault
from backend.database.backup import BackupFailed, RestoreFailed, backup, backup_and_verify, restore
from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from tests.conftest import fresh_database


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(vault, "_PORTION", 64)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 1000])
def test_what_was_locked_is_unlocked(tmp_path: Path, size: int):
    content = bytes(number % 251 for number in range(size))
    clear, locked, again = tmp_path / "clear", tmp_path / "locked", tmp_path / "again"
    clear.write_bytes(content)
    vault.lock(clear, locked, "长江大桥 correct")
    vault.unlock(locked, again, "长江大桥 correct")
    assert again.read_bytes() == content
    assert size < 16 or content[:16] not in locked.read_bytes()
    assert locked.stat().st_mode & 0o077 == 0


def test_another_passphrase_a_changed_byte_a_missing_and_a_moved_portion_are_noticed(tmp_path: Path):
    clear, locked, again = tmp_path / "clear", tmp_path / "locked", tmp_path / "again"
    clear.write_bytes(b"x" * 256)
    vault.lock(clear, locked, "right")
    whole = locked.read_bytes()
    head, portion = whole[:24], 64 + 16
    parts = [whole[place : place + portion] for place in range(24, len(whole), portion)]
    spoilt = {
        "a byte": whole[:40] + bytes([whole[40] ^ 1]) + whole[41:],
        "the end": head + b"".join(parts[:-1]),
        "the order": head + b"".join([parts[1], parts[0], *parts[2:]]),
    }
    with pytest.raises(vault.VaultError):
        vault.unlock(locked, again, "wrong")
    for content in spoilt.values():
        locked.write_bytes(content)
        with pytest.raises(vault.VaultError):
            vault.unlock(locked, again, "right")


async def test_an_encrypted_backup_is_verified_and_restored_with_its_trace_whole(
    engine: AsyncEngine, server_url: str, data_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(vault, "_PORTION", 1024 * 1024)
    async with owner_unit_of_work(engine) as session:
        await note(session, Deed("backup", "database"))
    await verify(engine)
    file = data_folder / "tidu.backup"
    rows = await backup_and_verify(engine, file, "a passphrase")
    assert rows["trace_entry"] == 1
    assert b"PGDMP" not in file.read_bytes()
    assert [path.name for path in data_folder.iterdir()] == ["tidu.backup"]
    async with fresh_database(server_url, "template0") as url:
        other = make_engine(url)
        for wrong in (None, "another"):
            with pytest.raises(RestoreFailed, match=r"TIDU_BACKUP_PASSPHRASE|口令不对"):
                await restore(other, file, wrong)
        await restore(other, file, "a passphrase")
        verdict = await verify(other)
        await other.dispose()
    assert (verdict.is_whole, verdict.entries) == (True, 1)


async def test_a_backup_that_cannot_be_restored_is_told(
    engine: AsyncEngine, data_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    file = data_folder / "tidu.backup"

    async def spoil(*given: object) -> int:
        size = await backup(engine, file)
        file.write_bytes(file.read_bytes()[: size * 2 // 3])
        return size

    monkeypatch.setattr("backend.database.backup.backup", spoil)
    with pytest.raises(BackupFailed, match="恢复不了"):
        await backup_and_verify(engine, file)
    async with owner_unit_of_work(engine) as session:
        left = await session.scalar(text("SELECT count(*) FROM pg_database WHERE datname LIKE 'tidu_verify%'"))
    assert left == 0
