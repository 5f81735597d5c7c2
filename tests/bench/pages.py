"""Pages with a big city's registry behind them: the time from request to page, without the network."""

import os
import random
from collections.abc import Iterator, Sequence
from itertools import chain, cycle, islice
from time import perf_counter
from urllib.parse import quote, unquote

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.web.memory import memory_in
from backend.web.warm_up import warm_up
from tests.backend.web_client import signed_in_client
from tests.bench.figure import SEED, Figure, percentile, tell
from tests.bench.large_registry import loaded

#: No slower than this for 19 of 20 requests: lists and searches, and what is looked at all day.
GOAL_MS, GOAL_OFTEN_MS = 200, 150
OFTEN = ("workbench,", "one enterprise")
TIMES = 60
#: So many of the slowest requests are named.
SLOWEST = 6
#: What follows the page: the count of a list that takes longer than its rows.
UNPROMISED = ("count after",)
DISTRICT = "321282"
READERS = {"city officer": ("city_officer", ""), "district officer": ("district_officer", DISTRICT)}


def figures() -> Iterator[Figure]:
    """The pages that are looked at all day, as the officer of the city and of a district see them."""
    for name, times in loaded(measure_pages).items():
        yield Figure(f"{name}, p50", percentile(times, 50), "ms")
        goal = GOAL_OFTEN_MS if name.startswith(OFTEN) else GOAL_MS
        yield Figure(f"{name}, p95", percentile(times, 95), "ms", None if name.startswith(UNPROMISED) else goal)


async def measure_pages(engine: AsyncEngine) -> dict[str, list[float]]:
    """Milliseconds of each request, by page and reader."""
    found: dict[str, list[float]] = {}
    app = create_app(engine=engine)
    warm_up()
    await forget_readers(engine)
    for reader, (role, region) in READERS.items():
        addresses = await pages(engine, region)
        async with await signed_in_client(app, role, region) as client:
            for page, paths in addresses.items():
                tell(f"{page}, {reader}:")
                found[f"{page}, {reader}"] = await time_requests(client, paths)
            found[f"count after a list's rows, {reader}"] = await time_counts(client, addresses["list of enterprises"])
            found[f"workbench after a change, {reader}"] = await time_after_changes(engine, client)
    await memory_in(app).settled()
    await forget_readers(engine)
    return found


async def forget_readers(engine: AsyncEngine) -> None:
    """Take those away who read for a measurement: a registry that is kept stays as it was."""
    ours = (
        "(SELECT p.id FROM person p WHERE p.login ~ '^(city|district|park)_officer-\\d+$'"
        # Another measurement's, which is under way.
        " AND NOT EXISTS (SELECT FROM enterprise_officer o WHERE o.officer_id = p.id))"
    )
    async with owner_unit_of_work(engine) as session:
        await session.execute(text(f"DELETE FROM web_session WHERE person_id IN {ours}"))
        await session.execute(text(f"DELETE FROM person WHERE id IN {ours}"))


async def time_requests(client: AsyncClient, paths: Sequence[str], times: int = TIMES, warm_up: int = 3) -> list[float]:
    """Milliseconds of each request, after some that warm up; says which ones took longest."""
    for path in paths[:warm_up]:
        await client.get(path)
    taken: list[tuple[float, str]] = []
    for path in islice(cycle(paths), max(times, len(paths))):
        start = perf_counter()
        answer = await client.get(path)
        taken.append(((perf_counter() - start) * 1000, path))
        if answer.status_code != 200:
            raise AssertionError(f"{path} answered {answer.status_code}")
    tell_slowest(taken)
    return [milliseconds for milliseconds, _ in taken]


def tell_slowest(taken: Sequence[tuple[float, str]]) -> None:
    """Say which requests took longest, and how busy the machine was with all that runs on it."""
    slowest = sorted(taken, reverse=True)[:SLOWEST] if len(taken) > 1 else []
    for milliseconds, path in slowest:
        tell(f"  {milliseconds:7.1f} ms  {unquote(path)}")
    if slowest:
        tell(f"  (load {os.getloadavg()[0]:.2f})")


async def time_counts(client: AsyncClient, paths: Sequence[str]) -> list[float]:
    """Milliseconds of each count that the rows did not wait for, from the request that fetches it to its piece."""
    taken: list[tuple[float, str]] = []
    for path in paths:
        if 'hx-trigger="load"' in (await client.get(path)).text:
            start = perf_counter()
            await client.get(path, headers={"HX-Request": "true", "HX-Target": "count"})
            taken.append(((perf_counter() - start) * 1000, path))
    tell_slowest(taken)
    return [milliseconds for milliseconds, _ in taken] or [0.0]


async def time_after_changes(engine: AsyncEngine, client: AsyncClient) -> list[float]:
    """Milliseconds of the first page when all that it rests on has just changed."""
    taken: list[float] = []
    for _ in range(10):
        async with owner_unit_of_work(engine) as session:
            for table in ("enterprise", "recognition", "eligibility", "fact_yearly"):
                # A statement is a change, whether it finds a row or not.
                await session.execute(text(f"DELETE FROM {table} WHERE false"))
        taken += await time_requests(client, ["/"], times=1, warm_up=0)
    return taken


async def pages(engine: AsyncEngine, region: str) -> dict[str, list[str]]:
    """The addresses asked for: every page with the many ways of asking that a working day brings."""
    chance = random.Random(SEED)
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text(
                "SELECT e.name, e.credit_code, e.search_text FROM enterprise e TABLESAMPLE bernoulli(5) REPEATABLE (1)"
                " WHERE :region IN ('', e.region_code) LIMIT 400"
            ),
            {"region": region},
        )
        known = chance.sample([(row[0], row[1], row[2]) for row in found], 40)
    codes = [code for _, code, _ in known]
    words = [
        *chain.from_iterable((name[2:6], name[4:8], searched.split()[-1][4:9], code[6:], code.lower()) for name, code, searched in known[:8]),
        "科技", "新材料", "泰州 医药", "不存在的企业", "demo", "有限公司（演示）", "船舶 城",
    ]  # fmt: skip
    return {
        "workbench": ["/"],
        "list of enterprises": [f"/enterprises?{query}" for query in FILTERS],
        "search for enterprises": [f"/enterprises?q={quote(word)}" for word in words],
        "one enterprise": [f"/enterprises/{code}" for code in codes],
        "recognitions": [
            f"/recognitions?view={view}"
            for view in ("expiring", "due", "failing", "in_force", "lapsed", "revoked", "latest_list", "ever_listed")
        ],
    }


FILTERS = (
    "", "page=2", "page=37", "sort=code", "sort=established", "sort=region", "sort=updated", "sort=rung",
    "sort=rung&page=12", "rung=high_tech", "rung=tech_sme&sort=established", "rung=listed", "rung=none", "rung=none&sort=code",
    "industry=C", "industry=27&sort=rung", "chain=高端装备", "programme=hnte&outcome=eligible", "programme=hnte&outcome=candidate",
    "programme=tech_sme&outcome=likely", "programme=hnte&outcome=held", "programme=hnte&outcome=not_held&sort=rung",
    "missing=rd_expense_hnte", "sort=sales_revenue.2025", "sort=sales_revenue.2025.up&rung=high_tech", "officer=none",
    f"region={DISTRICT}", f"region={DISTRICT}&rung=high_tech&sort=established",
    f"region={DISTRICT}&industry=C&programme=hnte&outcome=candidate&sort=rung", "q=科技&rung=high_tech&sort=rung",
    "q=新材料&industry=26&programme=tech_sme&outcome=eligible", "chain=新一代信息技术&rung=specialized&sort=code",
)  # fmt: skip
