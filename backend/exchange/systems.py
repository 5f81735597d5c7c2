"""The systems that we ask: their addresses, their schedules, and the client to ask them with."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.exchange.client import Credentials, Patience, SystemClient
from backend.exchange.connectors import connectors
from backend.exchange.gateway import DIALECTS
from backend.exchange.keys import keys_of
from backend.exchange.pulling import Pull, PullRefused
from backend.exchange.runs import set_next_due
from backend.exchange.schedules import ScheduleRefused, read_turn
from backend.exchange.simulation import PRACTICE_KEY, PRACTICE_SECRET
from backend.settings import Settings
from rules.library import Library


class SystemRefused(Exception):
    """A system that cannot be set up so."""

    status_code = 422


async def set_system(session: AsyncSession, system: str, **given: Any) -> None:
    """Set what is given (url, key, dialect, every_seconds, calendar, is_paused) and leave the rest.

    Raises:
        SystemRefused: no such system, or one that cannot be asked so.
    """
    connector = connectors().get(system)
    if connector is None:
        raise SystemRefused(f"没有系统“{system}”，可用：{'、'.join(connectors())}。")
    url = given.get("url")
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise SystemRefused(f"地址“{url}”应以 http:// 或 https:// 开头。")
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


def calendar_of(system: str, written: Sequence[str] | None) -> list[str] | None:
    """The turns that are meant by what is written: `usual` is the connector's own, `none` is no turn at all."""
    connector = connectors().get(system)
    words = {"none": (), "usual": connector.calendar if connector is not None else ()}
    return [turn for one in written for turn in words.get(one, (one,))] if written else None


@asynccontextmanager
async def pull_of(
    engine: AsyncEngine, settings: Settings, system: str, library: Library, patience: Patience | None = None
) -> AsyncGenerator[Pull]:
    """A pull of a system that was set up, with its own HTTP client. Raises PullRefused."""
    connector = connectors().get(system)
    async with owner_unit_of_work(engine) as session:
        row = await _row(session, system)
    if connector is None or row is None or not row["url"]:
        raise PullRefused(
            f"还没有设置系统“{system}”的地址，请先运行 tidu exchange system {system} --url …。可用：{'、'.join(connectors())}。"
        )
    # What the practice simulators are asked with is no secret.
    is_practice = row["key"] == PRACTICE_KEY
    secret = PRACTICE_SECRET if is_practice else keys_of(settings).system(system)
    credentials = Credentials(row["url"], row["key"], secret, DIALECTS[row["dialect"]], system)
    limits = httpx.Limits(max_connections=4, max_keepalive_connections=2)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as http:
        yield Pull(engine, connector, SystemClient(http, credentials, patience or Patience()), library)


async def _row(session: AsyncSession, system: str) -> Mapping[str, Any] | None:
    found = await session.execute(text("SELECT url, key, dialect FROM exchange_system WHERE id = :id"), {"id": system})
    row = found.mappings().first()
    return dict(row) if row is not None else None
