"""The policy workshop over a city's registry: a threshold changed, until the page with who enters and leaves is there."""

from collections.abc import Iterator
from datetime import date
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.eligibility.kept import KeptFacts
from backend.workshop.scenarios import compared, run_scenarios
from rules.library import library
from rules.simulation import Patch
from tests.bench.figure import Figure, percentile
from tests.bench.large_registry import loaded

TIMES: Final = 5
#: What the goal is for; another size is measured without one.
_GOAL_AT: Final = 100_000
_GOAL: Final = 2.0
_SCENARIOS: Final = {
    "a threshold changed": [Patch(programme="tech_sme", version="2022", set={"T2b": "sales_revenue <= 5亿"})],
    # Nearly everybody moves: the size class and the industry of tens of thousands are asked for.
    "a criterion dropped that keeps most out": [Patch(programme="hnte", version="2016", drop=("H2", "H3", "H7"))],
    "four scenarios side by side": [
        Patch(programme="hnte", version="2016", set={"H4": f"sci_tech_staff / employee_total >= {share}%"})
        for share in (4, 6, 8, 12)
    ],
}


def figures() -> Iterator[Figure]:
    """The slowest of a few runs each."""
    enterprises, times = loaded(measure)
    for name, (first, seconds, moved) in times.items():
        goal = _GOAL if enterprises <= _GOAL_AT and "four" not in name else None
        yield Figure(f"workshop over {enterprises:,}: {name} ({moved:,} move)", seconds, "s", goal)
        yield Figure(
            f"workshop over {enterprises:,}: {name}, first run after a change of the registry", first, "s", goal
        )


async def measure(engine: AsyncEngine) -> tuple[int, dict[str, tuple[float, float, int]]]:
    """Enterprises; by scenario the seconds until all its tables are there, and how many enterprises move.

    The first time no facts are kept yet, as after each change of the registry; then the thresholds are tried again.
    """
    found: dict[str, tuple[float, float, int]] = {}
    await _run(engine, _SCENARIOS["a threshold changed"], today(), KeptFacts())  # warms up
    size = 0
    for name, patches in _SCENARIOS.items():
        seconds: list[float] = []
        moved = 0
        kept = KeptFacts()
        for _ in range(TIMES + 1):
            taken, size, moved = await _run(engine, patches, today(), kept)
            seconds.append(taken)
        found[name] = (seconds[0], percentile(seconds[1:], 95), moved)
    return size, found


async def _run(engine: AsyncEngine, patches: list[Patch], on: date, kept: KeptFacts) -> tuple[float, int, int]:
    start = perf_counter()
    async with owner_unit_of_work(engine) as session:
        outcomes = await run_scenarios(session, patches, library(), on, kept)
    for group in ("region", "industry", "size", "deciding"):
        compared(outcomes, group)
    return perf_counter() - start, outcomes[0].run.simulation.size, sum(len(one.moved) for one in outcomes)
