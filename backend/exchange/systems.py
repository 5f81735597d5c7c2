"""The systems that we ask: their addresses, their schedules, and the client to ask them with."""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exchange.client import Credentials, Patience, SystemClient
from backend.exchange.connectors import connectors
from backend.exchange.gateway import DIALECTS
from backend.exchange.keys import Keys, keys_of
from backend.exchange.pulling import Pull, PullRefused
from backend.exchange.runs import set_next_due
from backend.exchange.schedules import ScheduleRefused, read_turn
from backend.exchange.simulation import PRACTICE_KEY, PRACTICE_SECRET
from backend.exchange.wire import MOST_CODES, MOST_RECORDS
from backend.settings import Settings
from rules.library import Library

#: Where our simulators, and systems that follow our agreement, take receipts.
USUAL_REPORT: Final = "/v1/reconciliation"
MOST_KEY, MOST_SECRET = 100, 500
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")


class SystemRefused(Exception):
    """A system that cannot be set up so; `field` is the one that is wrong."""

    status_code = 422

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.field = field


async def set_system(session: AsyncSession, system: str, **given: Any) -> None:
    """Set what is given (url, key, dialect, report_path, every_seconds, calendar, is_paused) and leave the rest.

    Raises:
        SystemRefused: no such system, or one that cannot be asked so.
    """
    connector = connectors().get(system)
    if connector is None:
        raise SystemRefused(f"没有系统“{system}”，可用：{'、'.join(connectors())}。")
    url = given.get("url")
    if url is not None and not _is_address(url):
        raise SystemRefused(
            f"地址“{url[:60]}”应以 http:// 或 https:// 开头，写明主机，最多 300 个字符，不带查询参数。", "url"
        )
    path = given.get("report_path")
    if path and not _PATH.fullmatch(path):
        raise SystemRefused(
            f"回执地址“{path[:60]}”应是对方地址之下以 / 开头的路径，如 {USUAL_REPORT}，不带查询参数。", "report_path"
        )
    if len(given.get("key") or "") > MOST_KEY:
        raise SystemRefused(f"标识最多 {MOST_KEY} 个字符。", "key")
    if given.get("dialect") not in (None, *DIALECTS):
        raise SystemRefused(f"签名方言应为 {'、'.join(DIALECTS)} 之一。")
    try:
        for one in given.get("calendar") or ():
            read_turn(one)
    except ScheduleRefused as error:
        raise SystemRefused(str(error)) from error
    await session.execute(
        text("INSERT INTO exchange_system (id, name) VALUES (:id, :name) ON CONFLICT DO NOTHING"),
        {"id": system, "name": connector.name},
    )
    columns = {name: value for name, value in given.items() if value is not None}
    if "url" in columns:
        columns["url"] = columns["url"].rstrip("/")
    if columns:
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        await session.execute(text(f"UPDATE exchange_system SET {assigned} WHERE id = :id"), columns | {"id": system})
    if given.get("every_seconds") is not None or given.get("calendar") is not None:
        await set_next_due(session, system, is_first=given.get("every_seconds") is not None)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username) and url.isprintable() and " " not in url
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and len(url) <= 300


def calendar_of(system: str, written: Sequence[str] | None) -> list[str] | None:
    """The turns that are meant by what is written: `usual` is the connector's own, `none` is no turn at all."""
    connector = connectors().get(system)
    words = {"none": (), "usual": connector.calendar if connector is not None else ()}
    return [turn for one in written for turn in words.get(one, (one,))] if written else None


@dataclass(frozen=True)
class Limit:
    """One of a system's limits: its bounds, and what holds where none is set."""

    least: int
    most: int
    words: str
    unit: str


#: Of each system; empty is the connector's own, or the usual one.
LIMITS: Final = {
    "portion": Limit(1, MOST_CODES, "一次查询的企业", "家"), "page": Limit(1, MOST_RECORDS, "一页的记录", "条"),
    "timeout_seconds": Limit(1, 120, "等待应答", "秒"), "per_minute": Limit(1, 6_000, "每分钟最多请求", "次"),
}  # fmt: skip


async def set_limits(session: AsyncSession, system: str, limits: Mapping[str, int | None]) -> None:
    """Set a system's limits; None is the connector's own. Raises SystemRefused."""
    for name, value in limits.items():
        one = LIMITS[name]
        if value is not None and not one.least <= value <= one.most:
            raise SystemRefused(f"“{one.words}”应在 {one.least} 至 {one.most} {one.unit}之间，实为 {value}。", name)
    await session.execute(
        text(
            "UPDATE exchange_system SET portion = :portion, page = :page, timeout_seconds = :timeout_seconds,"
            " per_minute = :per_minute WHERE id = :id"
        ),
        {name: limits.get(name) for name in LIMITS} | {"id": system},
    )


async def set_secret(session: AsyncSession, keys: Keys, system: str, secret: str, by: int | None) -> None:
    """Keep the secret that the other side gave us, sealed; an empty one goes back to that of our own keys."""
    if not secret:
        await session.execute(text("DELETE FROM exchange_secret WHERE system = :system"), {"system": system})
        return
    if len(secret) > MOST_SECRET or not secret.isprintable():
        raise SystemRefused(f"密钥最多 {MOST_SECRET} 个可见字符，请核对。", "secret")
    await session.execute(
        text(
            "INSERT INTO exchange_secret (system, sealed, set_by) VALUES (:system, :sealed, :by) ON CONFLICT (system)"
            " DO UPDATE SET sealed = excluded.sealed, set_at = now(), set_by = excluded.set_by"
        ),
        {"system": system, "sealed": keys.wrap(system, secret), "by": by},
    )


async def let_ask_again(session: AsyncSession, system: str) -> None:
    """What failed, failed at another address or under another key: the breaker closes."""
    await session.execute(
        text("UPDATE exchange_system SET failures = 0, open_until = NULL, last_error = '' WHERE id = :id"),
        {"id": system},
    )


@asynccontextmanager
async def pull_of(
    engine: AsyncEngine, settings: Settings, system: str, library: Library, patience: Patience | None = None
) -> AsyncGenerator[Pull]:
    """A pull of a system that was set up, with its own HTTP client and within its limits. Raises PullRefused."""
    connector = connectors().get(system)
    async with owner_unit_of_work(engine) as session:
        row = await _row(session, system)
    if connector is None or row is None or not row["url"]:
        raise PullRefused(
            f"还没有设置系统“{system}”的地址：由系统管理员在“外部系统”页面设置，或运行 tidu exchange system {system} --url …。"
            f"可用：{'、'.join(connectors())}。"
        )
    credentials = Credentials(
        row["url"], row["key"], _secret(keys_of(settings), system, row), DIALECTS[row["dialect"]], system
    )
    patience = patience or Patience()
    limited = replace(
        patience, timeout=row["timeout_seconds"] or patience.timeout,
        between=60 / row["per_minute"] if row["per_minute"] else patience.between,
    )  # fmt: skip
    within = replace(connector, portion=row["portion"] or connector.portion, page=row["page"] or connector.page)
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as http:
        yield Pull(engine, within, SystemClient(http, credentials, limited), library)


def _secret(keys: Keys, system: str, row: Mapping[str, Any]) -> str:
    """What we sign questions with, and prove answers: the one entered, the practice simulators' own, or ours."""
    if row["sealed"] is not None:
        try:
            return keys.unwrap(system, bytes(row["sealed"]))
        except ValueError as problem:
            raise PullRefused(
                f"“{system}”的密钥解不开：可能换过 TIDU_EXCHANGE_SECRET。请系统管理员在“外部系统”页面重新填写密钥。"
            ) from problem
    return PRACTICE_SECRET if row["key"] == PRACTICE_KEY else keys.system(system)


async def _row(session: AsyncSession, system: str) -> Mapping[str, Any] | None:
    found = await session.execute(
        text(
            "SELECT s.url, s.key, s.dialect, s.portion, s.page, s.timeout_seconds, s.per_minute, k.sealed"
            " FROM exchange_system s LEFT JOIN exchange_secret k ON k.system = s.id WHERE s.id = :id"
        ),
        {"id": system},
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None
