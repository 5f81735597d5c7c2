"""Filings by REST, from the bytes of the request to the end of the transaction; and the feed's page."""

import asyncio
import json
from collections.abc import Iterator
from time import perf_counter
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
from backend.exchange.feed import put_in_order
from backend.main import create_app
from backend.settings import Settings
from rules.library import library
from tests.bench.figure import Figure, percentile
from tests.bench.large_registry import SIZE
from tests.conftest import open_folder

#: Enterprises that are filed for, a batch of 1,000 after the other.
FILED = min(20_000, SIZE)
#: Seconds that a thousand filings may take: 2,000 a second.
GOAL_SECONDS = 0.5
GOAL_PAGE_MS = 200
VALUES = {
    "operating_revenue": 3000.25, "sales_revenue": 2900, "total_profit": 210.5, "rd_expense_hnte": 180, "rd_expense_deduction": 170,
    "employee_total": 60, "sci_tech_staff": 12, "total_assets_year_end": 5000,
}  # fmt: skip


def figures() -> Iterator[Figure]:
    """Batches of 1,000 with eight figures each, projection and feed included; then pages of the feed."""
    with open_folder() as folder, embedded_server(folder, durable=False) as server:
        batches, pages = asyncio.run(_measure(server.url()))
    each = sum(batches) / len(batches)
    yield Figure("1,000 filings by REST, projection included (mean of batches)", each, "s", GOAL_SECONDS)
    yield Figure("filings by REST a second", MOST_ITEMS / each, "/s")
    yield Figure(f"a page of 1,000 changes among {SIZE:,} (95 %)", percentile(pages, 95) * 1000, "ms", GOAL_PAGE_MS)


async def _measure(url: str) -> tuple[list[float], list[float]]:
    engine = make_engine(url)
    await upgrade(engine)
    codes = await _registry(engine)
    async with owner_unit_of_work(engine) as session:
        new = NewClient("bench", "测量", "statistics", ("filing:write", "change:read"), quota=100_000_000)
        secret = await add_client(session, new, library().catalogue)
    app = create_app(Settings(exchange_secret="bench"), engine)  # pyright: ignore[reportArgumentType]
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tidu.test") as http:
        asked = {"grant_type": "client_credentials", "client_id": "bench", "client_secret": secret}
        token = await http.post("/api/v1/oauth/token", data=asked)
        http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        batches = [await _batch(http, codes[at : at + MOST_ITEMS]) for at in range(0, FILED, MOST_ITEMS)]
        while await _move(engine):
            pass
        pages = await _pages(http)
    await engine.dispose()
    return batches, pages


async def _registry(engine: AsyncEngine) -> list[str]:
    codes = [credit_code("321202", number) for number in range(1, SIZE + 1)]
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
    start = perf_counter()
    answer = await http.post("/api/v1/filings", content=body, headers={"Idempotency-Key": str(uuid4())})
    taken = perf_counter() - start
    if answer.status_code != 200 or answer.json()["recorded"] != len(codes):
        raise AssertionError(answer.text[:300])
    return taken


async def _move(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as session:
        return await put_in_order(session)


async def _pages(http: AsyncClient) -> list[float]:
    taken: list[float] = []
    since = ""
    for _ in range(20):
        start = perf_counter()
        answer = await http.get("/api/v1/changes", params={"since": since, "limit": 1000})
        taken.append(perf_counter() - start)
        since = answer.json()["next"]
    return taken
