"""Filings by REST, from the bytes of the request to the end of the transaction; and the feed's page.

The feed is read in the large registry (TIDU_BENCH_SIZE, TIDU_BENCH_FOLDER), where TIDU_BENCH_CHANGES changes of
enterprises drawn from all of them are written and taken away again.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from time import perf_counter, process_time
from typing import Any
from uuid import uuid4

from httpx import ASGITransport, AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from backend.database.session import copy_rows, owner_unit_of_work
from backend.demo.population import credit_code
from backend.enterprises.names import match_key
from backend.exchange.bodies import MOST_ITEMS
from backend.exchange.clients import NewClient, add_client
from backend.exchange.feed import cursor_of, put_in_order
from backend.main import create_app
from backend.settings import Settings
from rules.library import library
from tests.bench.figure import Figure, percentile
from tests.bench.large_registry import SIZE, loaded
from tests.conftest import open_folder

#: Enterprises that are filed for, a batch of 1,000 after the other.
FILED = min(20_000, SIZE)
#: Changes that the feed is read from, and pages that are read of it in each way.
CHANGES, PAGES = int(os.environ.get("TIDU_BENCH_CHANGES", "200000")), 60
#: Seconds that a thousand filings may take: 2,000 a second.
GOAL_SECONDS = 0.5
GOAL_PAGE_MS = 200
_CLIENT, _DISTRICT = "bench-feed", "321202"
_SETTINGS = Settings(exchange_secret="bench")  # pyright: ignore[reportArgumentType]
VALUES = {
    "operating_revenue": 3000.25, "sales_revenue": 2900, "total_profit": 210.5, "rd_expense_hnte": 180, "rd_expense_deduction": 170,
    "employee_total": 60, "sci_tech_staff": 12, "total_assets_year_end": 5000,
}  # fmt: skip


def figures() -> Iterator[Figure]:
    """Batches of 1,000 with eight figures each, projection and feed included; then pages of the feed."""
    with open_folder() as folder, embedded_server(folder, durable=False) as server:
        batches = asyncio.run(_measure(server.url()))
    each = sum(batches) / len(batches)
    yield Figure("1,000 filings by REST, projection included (mean of batches)", each, "s", GOAL_SECONDS)
    yield Figure("filings by REST a second", MOST_ITEMS / each, "/s")
    enterprises, ways = loaded(_feed)
    for way, (pages, spent) in ways.items():
        name = f"a page of 1,000 changes among {enterprises:,}{way}"
        yield Figure(f"{name} (95 %)", percentile(pages, 95) * 1000, "ms", GOAL_PAGE_MS)
        yield Figure(f"{name} (median)", percentile(pages, 50) * 1000, "ms")
        yield Figure("  of it processor time of the service (mean)", spent * 1000, "ms")


async def _measure(url: str) -> list[float]:
    engine = make_engine(url)
    await upgrade(engine)
    codes = await _registry(engine)
    async with owner_unit_of_work(engine) as session:
        new = NewClient("bench", "测量", "statistics", ("filing:write", "change:read"), quota=100_000_000)
        secret = await add_client(session, new, library().catalogue)
    async with _calling(engine, "bench", secret) as http:
        batches = [await _batch(http, codes[at : at + MOST_ITEMS]) for at in range(0, FILED, MOST_ITEMS)]
    while await _move(engine):
        pass
    await engine.dispose()
    return batches


@asynccontextmanager
async def _calling(engine: AsyncEngine, client_id: str, secret: str) -> AsyncGenerator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(create_app(_SETTINGS, engine)), base_url="http://tidu.test") as http:
        asked = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        token = await http.post("/api/v1/oauth/token", data=asked)
        http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        yield http


Ways = dict[str, tuple[list[float], float]]


async def _feed(engine: AsyncEngine) -> tuple[int, Ways]:
    """Pages as the city's and as a district's system read them, and of one type only."""
    async with _written_feed(engine) as (enterprises, before, secrets):
        ways: Ways = {}
        for way, client_id, asked in (
            ("", _CLIENT, {}), (", for a district", f"{_CLIENT}-{_DISTRICT}", {}),
            (", of one type", _CLIENT, {"type": "recognition.changed"}),
        ):  # fmt: skip
            async with _calling(engine, client_id, secrets[client_id]) as http:
                ways[way] = await _pages(http, before, asked)
    return enterprises, ways


@asynccontextmanager
async def _written_feed(engine: AsyncEngine) -> AsyncGenerator[tuple[int, int, dict[str, str]]]:
    """Changes and two clients, which are gone afterwards; gives the enterprises, the place before, and the secrets."""
    secrets: dict[str, str] = {}
    async with owner_unit_of_work(engine) as session:
        # Neither traced nor told: it is undone as if it had not been.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        enterprises = await session.scalar(text("SELECT max(id) FROM enterprise"))
        before = await session.scalar(text("SELECT coalesce(max(position), 0) FROM exchange_change")) or 0
        await session.execute(
            text(
                "INSERT INTO exchange_change (enterprise_id, type, noted_at)"
                " SELECT 1 + (hashint8(n) & 1073741823) % :all,"
                " (ARRAY['filing.recorded', 'tier.changed', 'recognition.changed'])[1 + n % 3], now()"
                " FROM generate_series(1, CAST(:changes AS bigint)) AS n"
            ),
            {"all": enterprises, "changes": CHANGES},
        )
        last = await session.scalar(text("SELECT max(position) FROM exchange_change"))
        for region in ("", _DISTRICT):
            name = _CLIENT + (f"-{region}" if region else "")
            new = NewClient(name, "测量", "statistics", ("change:read",), region_code=region)
            secrets[name] = await add_client(session, new, library().catalogue)
    try:
        yield enterprises, before, secrets
    finally:
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            for table, column in (
                ("token", "client_id"),
                ("used", "client_id"),
                ("message", "peer"),
                ("client", "client_id"),
            ):
                await session.execute(
                    text(f"DELETE FROM exchange_{table} WHERE {column} = ANY(:names)"), {"names": list(secrets)}
                )
            await session.execute(
                text("DELETE FROM exchange_change WHERE position > :before AND position <= :last"),
                {"before": before, "last": last},
            )


async def _registry(engine: AsyncEngine) -> list[str]:
    codes = [credit_code("321202", number) for number in range(1, FILED + 1)]
    columns = ("credit_code", "name", "match_key", "search_text", "region_code", "town", "park", "address", "industry_code",
               "status", "listing_board", "revision")  # fmt: skip
    async with owner_unit_of_work(engine) as session:
        rows = (
            (code, f"测量第{number}有限公司", match_key(f"测量第{number}有限公司"), code, "321202", "", "", "", "2710", "active", "", 1)
            for number, code in enumerate(codes, 1)
        )  # fmt: skip
        await copy_rows(session, "enterprise", columns, rows)
        await session.execute(text("ANALYZE enterprise"))
    return codes


async def _batch(http: AsyncClient, codes: list[str]) -> float:
    items: list[dict[str, Any]] = [{"credit_code": code, "year": 2025, "values": VALUES} for code in codes]
    body = json.dumps(items).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    start = perf_counter()
    answer = await http.post("/api/v1/filings", content=body, headers=headers)
    taken = perf_counter() - start
    if answer.status_code != 200 or answer.json()["recorded"] != len(codes):
        raise AssertionError(answer.text[:300])
    return taken


async def _move(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await put_in_order(session)


async def _pages(http: AsyncClient, before: int, asked: dict[str, str]) -> tuple[list[float], float]:
    """Seconds of each page from a place on, and processor seconds of the service for one."""
    taken: list[float] = []
    since, spent = cursor_of(before), process_time()
    for _ in range(PAGES):
        start = perf_counter()
        answer = await http.get("/api/v1/changes", params={"since": since, "limit": 1000} | asked)
        taken.append(perf_counter() - start)
        if answer.status_code != 200 or not answer.json()["changes"]:
            raise AssertionError(answer.text[:300])
        since = answer.json()["next"]
    return taken, (process_time() - spent) / PAGES
