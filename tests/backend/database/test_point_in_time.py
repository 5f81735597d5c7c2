"""Back to a point in time, with the embedded server's own tools: as docs/operation.md says."""

import asyncio
import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep

import asyncpg

from backend.database.embedded import embedded_server, program
from backend.database.engine import libpq_url


async def test_what_was_written_up_to_a_moment_is_back_and_the_mishap_is_not(data_folder: Path):
    old, new, archive, base = (data_folder / name for name in ("old", "new", "archive", "base"))
    archive.mkdir()
    archive.chmod(0o777)  # the server runs as another account
    with embedded_server(old, durable=False):
        pass
    with (old / "postgresql" / "postgresql.conf").open("a") as settings:
        settings.write(f"\narchive_mode = on\narchive_command = 'test ! -f {archive}/%f && cp %p {archive}/%f'\n")
    with embedded_server(old, durable=False) as server:
        url = libpq_url(server.url())
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE note (body text); INSERT INTO note VALUES ('before the base')")
        copy = [program("pg_basebackup"), "-d", url, "-D", base, "--wal-method=stream", "--checkpoint=fast"]
        subprocess.run(copy, check=True, capture_output=True)  # noqa: ASYNC221 nothing else runs
        await connection.execute("INSERT INTO note VALUES ('after the base')")
        moment = await connection.fetchval("SELECT clock_timestamp()")
        await asyncio.sleep(0.2)
        await connection.execute("DELETE FROM note")
        journal = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
        wait_for(archive / journal)
        await connection.close()
    restore_to(moment, base, new, archive, like=old)
    with embedded_server(new, durable=False) as server:
        connection = await asyncpg.connect(libpq_url(server.url()))
        found = [row["body"] for row in await connection.fetch("SELECT body FROM note")]
        await connection.close()
    assert found == ["before the base", "after the base"]


def restore_to(moment: datetime, base: Path, new: Path, archive: Path, like: Path) -> None:
    """Step 3 of the page, and the ownership that a copy made as root needs."""
    new.mkdir()
    target = new / "postgresql"
    shutil.copytree(base, target)
    with (target / "postgresql.auto.conf").open("a") as settings:
        settings.write(
            f"\nrestore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{moment.isoformat(sep=' ')}'\n"
            "recovery_target_action = 'promote'\n"
        )
    (target / "recovery.signal").touch()
    for source, made in ((like, new), (like / "postgresql", target)):
        owner, mode = source.stat(), source.stat().st_mode & 0o777
        made.chmod(mode)
        for path in (made, *made.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid)


def wait_for(file: Path) -> None:
    deadline = monotonic() + 30
    while not file.exists():
        assert monotonic() < deadline, f"{file} was not archived"
        sleep(0.05)
