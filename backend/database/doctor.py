"""What is wrong with this installation, and how to mend it."""

import os
import shutil
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from backend.database.engine import open_engine
from backend.database.errors import StorageError
from backend.database.migrate import missing_migrations
from backend.database.roles import APP_ROLE, EXTENSIONS, KEEPER_ROLE, OLDEST_VERSION, ROLE_REMEDY, SYSTEM_ROLE
from backend.settings import Settings
from backend.web.assets import missing_assets

OLDEST_PYTHON = (3, 11)
# A year of a city's filings and their indexes take about 1 GB; PostgreSQL stops dead on a full disk.
ENOUGH_DISK = 2 * 1024**3


class State(StrEnum):
    GOOD = "good"
    NOTICE = "notice"  # works, but somebody should know
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `mend` is empty if there is nothing to do."""

    subject: str
    state: State
    text: str
    mend: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Everything, whatever else is broken; changes nothing in the database."""
    findings = [_python(), _packages(), *_data_folder(settings), _assets(), _browser()]
    try:
        async with open_engine(settings) as engine:
            findings += [finding async for finding in _database(engine)]
    except StorageError as problem:
        findings.append(Finding("数据库", State.PROBLEM, str(problem), "按上面的说明处理后，再运行 tidu doctor。"))
    return findings


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < OLDEST_PYTHON:
        return Finding(
            "Python",
            State.PROBLEM,
            f"版本是 {found}。",
            "请安装 Python 3.11 或更新的版本，再运行 make install。",
        )
    return Finding("Python", State.GOOD, f"版本 {found}。")


def _packages() -> Finding:
    try:
        wanted = [Requirement(line) for line in requires("tidu") or []]
    except PackageNotFoundError:
        return Finding("软件包", State.PROBLEM, "tidu 本身没有安装。", "请运行 make install。")
    wrong: list[str] = []
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"缺少 {requirement.name}")
        else:
            if not requirement.specifier.contains(installed, prereleases=True):
                wrong.append(f"{requirement.name} 是 {installed}，需要 {requirement.specifier}")
    if wrong:
        return Finding("软件包", State.PROBLEM, "；".join(wrong) + "。", "请运行 make install。")
    return Finding("软件包", State.GOOD, "齐全。")


def _data_folder(settings: Settings) -> list[Finding]:
    folder = settings.data.expanduser().absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return [
            Finding(
                "数据文件夹",
                State.PROBLEM,
                f"{existing} 不可写。",
                "请修改它的权限，或用 --data（TIDU_DATA）另指一个文件夹。",
            )
        ]
    free = shutil.disk_usage(existing).free
    amount = f"{free / 1024**3:.1f} GB"
    if free < ENOUGH_DISK:
        disk = Finding(
            "磁盘",
            State.PROBLEM,
            f"{existing} 所在磁盘只剩 {amount}。",
            "请清理磁盘，至少留出 2 GB，或换一个数据文件夹。",
        )
    else:
        disk = Finding("磁盘", State.GOOD, f"可用 {amount}。")
    return [Finding("数据文件夹", State.GOOD, f"{folder} 可写。"), disk]


def _assets() -> Finding:
    missing = missing_assets()
    if missing:
        return Finding(
            "网页资源",
            State.PROBLEM,
            f"缺少 {'、'.join(missing)}。",
            "请运行 make install（它用 npm 安装网页所需的文件）。",
        )
    return Finding("网页资源", State.GOOD, "齐全。")


def _browser() -> Finding:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found:
        return Finding("测试用浏览器", State.GOOD, f"{found}。")
    return Finding(
        "测试用浏览器",
        State.NOTICE,
        "没有找到 Chromium；运行服务不需要它，只有网页测试需要。",
        "要运行测试时，如 Debian：apt-get install chromium fonts-noto-cjk。",
    )


async def _database(engine: AsyncEngine) -> AsyncGenerator[Finding]:
    async with engine.connect() as connection:
        number = int(await connection.scalar(text("SELECT current_setting('server_version_num')"))) // 10000
        if number < OLDEST_VERSION:
            yield Finding(
                "数据库",
                State.PROBLEM,
                f"是 PostgreSQL {number}。",
                f"请升级到 {OLDEST_VERSION} 或更新的版本。",
            )
        else:
            yield Finding("数据库", State.GOOD, f"PostgreSQL {number} 应答正常。")
        yield await _encoding(connection)
        yield await _extensions(connection)
        yield await _role(connection)
    missing = await missing_migrations(engine)
    if missing:
        yield Finding(
            "数据表",
            State.NOTICE,
            f"还差 {len(missing)} 次升级（{missing[0]} 起）。",
            "请运行 tidu migrate；tidu serve 启动时也会自动升级。",
        )
    else:
        yield Finding("数据表", State.GOOD, "已是最新。")


async def _encoding(connection: AsyncConnection) -> Finding:
    found = (
        await connection.execute(
            text("SELECT pg_encoding_to_char(encoding), datctype FROM pg_database WHERE datname = current_database()")
        )
    ).one()
    if found[0] != "UTF8" or found[1] in ("C", "POSIX"):
        return Finding(
            "语言环境",
            State.PROBLEM,
            f"数据库的编码是 {found[0]}，LC_CTYPE 是 {found[1]}，中文名称将无法检索。",
            "请新建数据库：CREATE DATABASE tidu TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'; "
            "再用 tidu backup 和 tidu restore 迁移数据。",
        )
    return Finding("语言环境", State.GOOD, f"{found[0]}，{found[1]}。")


async def _extensions(connection: AsyncConnection) -> Finding:
    available = set((await connection.execute(text("SELECT name FROM pg_available_extensions"))).scalars())
    missing = [name for name in EXTENSIONS if name not in available]
    if missing:
        return Finding(
            "数据库扩展",
            State.PROBLEM,
            f"缺少 {'、'.join(missing)}。",
            "请安装 PostgreSQL 的 contrib 包（如 Debian：apt-get install postgresql-contrib）。",
        )
    return Finding("数据库扩展", State.GOOD, f"{'、'.join(EXTENSIONS)} 可用。")


async def _role(connection: AsyncConnection) -> Finding:
    ready = await connection.scalar(_ROLES_READY, {"bound": [APP_ROLE, SYSTEM_ROLE], "keeper": KEEPER_ROLE})
    if not ready:
        return Finding(
            "行级权限",
            State.PROBLEM,
            f"数据库用户不能使用角色 {APP_ROLE}、{SYSTEM_ROLE}、{KEEPER_ROLE}，也无权建立它们。",
            f"请让数据库管理员运行：{ROLE_REMEDY}",
        )
    if await connection.scalar(text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")):
        # Nothing to mend in the embedded server, which nobody else reaches.
        told = f"请求以角色 {APP_ROLE}、{SYSTEM_ROLE} 运行，受其约束；数据库用户本身是超级用户，不受约束。"
        return Finding("行级权限", State.GOOD, told)
    return Finding("行级权限", State.GOOD, f"角色 {APP_ROLE}、{SYSTEM_ROLE} 可用；数据库用户也受其约束。")


#: Whether all three roles stand and may be used, or the user may still make them.
_ROLES_READY = text(
    "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR CASE"
    " WHEN (SELECT count(*) FROM pg_roles WHERE rolname = ANY(:bound) OR rolname = :keeper) < 3"
    " THEN (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)"
    " ELSE pg_has_role(CAST(:keeper AS name), 'USAGE') AND (SELECT bool_and(pg_has_role(CAST(one AS name), 'MEMBER'))"
    "  FROM unnest(CAST(:bound AS text[])) AS one) END"
)
