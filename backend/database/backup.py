"""The whole database in one file, and back: within a version, to a newer one, or to another server."""

import asyncio
import os
import secrets
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database.embedded import program
from backend.database.engine import libpq_url, make_engine
from backend.database.errors import StorageError
from backend.database.migrate import upgrade
from backend.database.roles import KEEPER_ROLE, prepare_database
from backend.database.vault import VaultError, is_locked, lock, unlock

# An older server does not know it, and it matters to nobody.
_UNKNOWN_TO_OLDER_SERVERS = b"SET transaction_timeout = 0;\n"


class BackupFailed(StorageError):
    """The file could not be written, or the server would not give the data."""


class RestoreFailed(StorageError):
    """The file is no backup, or the database is not empty. Nothing was written."""


async def backup(engine: AsyncEngine, file: Path, passphrase: str | None = None, snapshot: str = "") -> int:
    """Write all data into `file` and return its size in bytes. An old file stays until the new one is complete.

    With a passphrase nobody reads it without. `snapshot` names the state to be written; without one it is now's.
    Raises BackupFailed.
    """
    draft = file.with_name(f"{file.name}.part")
    options = ["--format=custom", "--no-owner", f"--file={draft}", *([f"--snapshot={snapshot}"] if snapshot else [])]
    options += await _past_security(engine)
    # Off the event loop: a transaction may be held open meanwhile for its snapshot.
    done = await asyncio.to_thread(_run, [str(program("pg_dump")), *options, _address(engine)])
    if done.returncode != 0:
        draft.unlink(missing_ok=True)
        raise BackupFailed(f"备份没有完成：{done.stderr.strip()}。请检查 {file.parent} 是否可写、磁盘是否有空间。")
    if passphrase:
        clear, draft = draft, file.with_name(f"{file.name}.locked")
        lock(clear, draft, passphrase)
        clear.unlink()
    draft.replace(file)
    return file.stat().st_size


# An owner who is no superuser is held to policies as well, and pg_dump refuses to write part of a table.
_SECURED = text(
    "SELECT count(*) > 0 AS is_held, array_agg(c.relname::text ORDER BY c.relname) FILTER (WHERE NOT EXISTS ("
    "SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'keeper' AND EXISTS ("
    "SELECT FROM unnest(p.polroles) AS r(oid) WHERE r.oid <> 0 AND pg_has_role(r.oid, 'USAGE')))) AS hidden"
    " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    " AND row_security_active(c.oid)"
)


async def _past_security(engine: AsyncEngine) -> list[str]:
    """What lets pg_dump read under row-level security, once it is sure that nothing is hidden. Raises BackupFailed."""
    async with engine.connect() as connection:
        found = (await connection.execute(_SECURED)).one()
    if found.hidden:
        raise BackupFailed(
            f"数据库用户看不到 {'、'.join(found.hidden)} 的全部行，备份会不完整，所以没有写。请先运行 tidu migrate，"
            f"或请数据库管理员运行：GRANT {KEEPER_ROLE} TO 当前用户;"
        )
    return ["--enable-row-security"] if found.is_held else []


async def backup_and_verify(engine: AsyncEngine, file: Path, passphrase: str | None = None) -> dict[str, int]:
    """The same, and then restored into a scratch database on the same server and counted: rows by table.

    What is counted is the very state that is written, so that nobody has to stop working. Raises BackupFailed.
    """
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        snapshot = str(await connection.scalar(text("SELECT pg_export_snapshot()")))
        before = await _count(connection)
        await backup(engine, file, passphrase, snapshot)
    after = await _restored(engine, file, passphrase)
    if before != after:
        wrong = sorted(table for table in before | after if before.get(table) != after.get(table))
        raise BackupFailed(f"备份与数据库不一致：{'、'.join(wrong)} 的行数不同。请不要依赖 {file}，重新备份。")
    return after


async def _restored(engine: AsyncEngine, file: Path, passphrase: str | None) -> dict[str, int]:
    """How many rows each table has once the file is restored; the scratch database is gone afterwards."""
    name = f"tidu_verify_{secrets.token_hex(6)}"
    await _outside_transaction(engine, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        scratch = make_engine(engine.url.set(database=name).render_as_string(hide_password=False))
        try:
            await restore(scratch, file, passphrase, is_upgraded=False)
            async with scratch.connect() as connection:
                return await _count(connection)
        except RestoreFailed as problem:
            raise BackupFailed(f"备份写成了，但恢复不了：{problem}") from problem
        finally:
            await scratch.dispose()
    finally:
        await _outside_transaction(engine, f"DROP DATABASE {name} WITH (FORCE)")


async def _count(connection: AsyncConnection) -> dict[str, int]:
    tables = await connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    return {
        table: int(await connection.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0) for table in tables.scalars()
    }


async def _outside_transaction(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(statement))


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def restore(engine: AsyncEngine, file: Path, passphrase: str | None = None, *, is_upgraded: bool = True) -> None:
    """Fill an empty database from a backup, all or nothing, and migrate it to this version.

    Raises RestoreFailed.
    """
    async with engine.begin() as connection:
        tables = await connection.scalar(text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
        if tables:
            raise RestoreFailed(
                "数据库不是空的，没有恢复任何数据。请用 --data 指定一个新的文件夹，或另建一个空的数据库。"
            )
        await connection.run_sync(prepare_database)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "restore.sql"
        _write_script(_unlocked(file, Path(folder) / "clear", passphrase), script)
        options = ["-X", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={script}"]
        done = subprocess.run(  # noqa: ASYNC221 nothing else runs
            [str(program("psql")), *options, _address(engine)],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PGOPTIONS": "--client-min-messages=warning"},
        )
    if done.returncode != 0:
        raise RestoreFailed(f"恢复没有完成，没有写入任何数据：{done.stderr.strip()}")
    if is_upgraded:
        await upgrade(engine)


def _unlocked(file: Path, clear: Path, passphrase: str | None) -> Path:
    """The file as pg_restore reads it."""
    if not is_locked(file):
        return file
    if not passphrase:
        raise RestoreFailed(f"{file} 是加密的备份，请在 TIDU_BACKUP_PASSPHRASE 中给出备份时的口令。没有恢复任何数据。")
    try:
        unlock(file, clear, passphrase)
    except VaultError as problem:
        raise RestoreFailed(f"{file} 解不开：口令不对，或文件被改动过。没有恢复任何数据。") from problem
    return clear


def _write_script(file: Path, script: Path) -> None:
    """The backup as SQL, without what only the server it came from understands."""
    restorer = str(program("pg_restore"))
    listed = subprocess.run([restorer, "--list", str(file)], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise RestoreFailed(f"{file} 不是 tidu backup 写的备份文件，或已损坏：{listed.stderr.strip()}")
    contents = script.with_suffix(".list")
    # Default privileges name the owner over there; prepare_database has given them to the owner here.
    contents.write_text("".join(line for line in listed.stdout.splitlines(True) if " DEFAULT ACL " not in line))
    with subprocess.Popen(
        [restorer, "--no-owner", f"--use-list={contents}", "--file=-", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as reading:
        if reading.stdout:
            with script.open("wb") as written:
                written.writelines(line for line in reading.stdout if line != _UNKNOWN_TO_OLDER_SERVERS)
    if reading.returncode != 0:
        raise RestoreFailed(f"{file} 已损坏，没有恢复任何数据。请换一个备份文件。")


def _address(engine: AsyncEngine) -> str:
    return libpq_url(engine.url.render_as_string(hide_password=False))
