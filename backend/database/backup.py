"""The whole database in one file, and back: within a version, to a newer one, or to another server."""

import os
import subprocess
import tempfile
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.embedded import program
from backend.database.engine import libpq_url
from backend.database.errors import StorageError
from backend.database.migrate import upgrade
from backend.database.roles import prepare_database

# An older server does not know it, and it matters to nobody.
_UNKNOWN_TO_OLDER_SERVERS = b"SET transaction_timeout = 0;\n"


class BackupFailed(StorageError):
    """The file could not be written, or the server would not give the data."""


class RestoreFailed(StorageError):
    """The file is no backup, or the database is not empty. Nothing was written."""


async def backup(engine: AsyncEngine, file: Path) -> int:
    """Write all data into `file` and return its size in bytes. An old file stays until the new one is complete.

    Raises BackupFailed.
    """
    draft = file.with_name(f"{file.name}.part")
    command = [str(program("pg_dump")), "--format=custom", "--no-owner", f"--file={draft}", _address(engine)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: ASYNC221 nothing else runs
    if done.returncode != 0:
        draft.unlink(missing_ok=True)
        raise BackupFailed(f"备份没有完成：{done.stderr.strip()}。请检查 {file.parent} 是否可写、磁盘是否有空间。")
    draft.replace(file)
    return file.stat().st_size


async def restore(engine: AsyncEngine, file: Path) -> None:
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
        _write_script(file, script)
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
    await upgrade(engine)


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
