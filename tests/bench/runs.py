"""`tidu evaluate` over a big city's registry: every enterprise for every programme, results stored."""

from collections.abc import Iterator
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.eligibility.service import evaluate_beside
from rules.library import library
from tests.bench.figure import Figure
from tests.bench.large_registry import loaded


def figures() -> Iterator[Figure]:
    """One run; it is far too long to be repeated for a median."""
    enterprises, seconds = loaded(measure_run)
    yield Figure(f"{enterprises:,} enterprises evaluated for every programme and stored", seconds, "s")


async def measure_run(engine: AsyncEngine) -> tuple[int, float]:
    """Enterprises, and the seconds from reading the facts to the last result written."""
    start = perf_counter()
    result = await evaluate_beside(engine, library(), today())
    return result.enterprises, perf_counter() - start
