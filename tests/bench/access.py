"""What safety costs: verifying a long trace, signing in, and a list behind row-level security."""

import asyncio
import os
from collections.abc import Iterator
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.passwords import hash_password, verify_password
from backend.access.trace.verify import verify
from backend.database.embedded import embedded_server
from backend.database.engine import make_engine
from backend.database.migrate import upgrade
from tests.bench.figure import Figure
from tests.conftest import open_folder

#: The goal is set for ten million; a quarter of them tells as much, since each entry costs the same.
ENTRIES = int(os.environ.get("BENCH_TRACE_ENTRIES", "2500000"))
GOAL_SECONDS_PER_TEN_MILLION = 60
SIGN_INS = 20
#: Filled and sealed so many at a time, as the service does it: notes that are sealed give way to the next.
PORTION = 1_000_000

#: Filled by SQL, sealed by the very function of the service.
_FILL = text("""
    INSERT INTO trace_note (action, subject, subject_id, enterprise_id, before, after)
    SELECT 'update', 'enterprise', i::text, i, jsonb_build_object('name', '泰州第' || i || '有限公司', 'park', ''),
        jsonb_build_object('name', '泰州新' || i || '有限公司', 'park', '海陵工业园区')
    FROM generate_series(CAST(:first AS bigint), :last) AS i
""")


def figures() -> Iterator[Figure]:
    """A chain verified whole, reckoned up to ten million entries; sign-ins a second as milliseconds each."""
    with open_folder() as folder, embedded_server(folder, durable=False) as server:
        sealing, verifying = asyncio.run(_trace(server.url()))
    ten_million = 10_000_000 / ENTRIES
    yield Figure(f"{ENTRIES:,} entries of the trace sealed", sealing, "s")
    yield Figure(
        f"{ENTRIES:,} entries of the trace verified", verifying, "s", GOAL_SECONDS_PER_TEN_MILLION / ten_million
    )
    yield Figure("a sign-in's argon2, two at once", asyncio.run(_passwords()) * 1000, "ms", 200)


async def _trace(url: str) -> tuple[float, float]:
    engine = make_engine(url)
    await upgrade(engine)
    sealing = 0.0
    for first in range(1, ENTRIES + 1, PORTION):
        async with engine.begin() as connection:
            await connection.execute(_FILL, {"first": first, "last": min(first + PORTION - 1, ENTRIES)})
        sealing += await _seal(engine)
    await _vacuum(engine, "trace_entry")
    start = perf_counter()
    verdict = await verify(engine)
    end = perf_counter()
    assert verdict.is_whole
    assert verdict.entries == ENTRIES
    await engine.dispose()
    return sealing, end - start


async def _seal(engine: AsyncEngine) -> float:
    """Seconds for all that is noted."""
    start, sealed = perf_counter(), 1
    while sealed:
        async with engine.begin() as connection:
            sealed = await connection.scalar(text("SELECT seal_trace(200000)"))
    end = perf_counter()
    await _vacuum(engine, "trace_note")
    return end - start


async def _vacuum(engine: AsyncEngine, table: str) -> None:
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text(f"VACUUM ANALYZE {table}"))


async def _passwords() -> float:
    """Seconds for one of them where two cores check two at a time; at most 200 ms is at least five a second."""
    held = await hash_password("correct horse battery staple")
    start = perf_counter()
    for _ in range(SIGN_INS // 2):
        await asyncio.gather(*(verify_password("correct horse battery staple", held) for _ in range(2)))
    return (perf_counter() - start) / SIGN_INS
