"""`tidu evaluate` over a big city's registry: every enterprise for every programme, results stored."""

from collections.abc import Iterator
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.eligibility.service import evaluate_registry
from rules.library import library
from tests.bench.figure import Figure
from tests.bench.large_registry import loaded


def figures() -> Iterator[Figure]:
    """One run; it is far too long to be repeated for a median."""
    enterprises, seconds = loaded(measure_run)
    yield Figure(f"{enterprises:,} enterprises evaluated for every programme and stored", seconds, "s")


async def measure_run(engine: AsyncEngine) -> tuple[int, float]:
    """Enterprises, and the seconds from reading the facts to the end of the transaction."""
    start = perf_counter()
    async with owner_unit_of_work(engine) as session:
        result = await evaluate_registry(session, library(), today())
    return result.enterprises, perf_counter() - start
