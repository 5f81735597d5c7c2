"""Plans with a big city's registry behind them: all targets by district on a past day, a list, a forecast, a bulletin.

Each time another past day is asked about, so that nobody is answered out of what was just read.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import date, timedelta
from itertools import count
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day, today
from backend.database.scope import Scope
from backend.database.session import unit_of_work
from backend.plans.bulletin import bulletin, last_quarter
from backend.plans.bulletin_files import as_word
from backend.plans.documents import plan_named, target_named
from backend.plans.forecast import forecast
from backend.plans.members import members
from backend.plans.queries import plan_report, workbench_plans
from backend.plans.rollup import roll_up
from tests.bench.figure import Figure, percentile
from tests.bench.large_registry import loaded
from tests.bench.plan_lists import figures_of, measure_lists

TIMES = 20


def figures() -> Iterator[Figure]:
    """The goals of the plans."""
    found = loaded(measure_plans)
    for name, goal in GOALS.items():
        yield Figure(f"{name}, p95", percentile(found[name], 95), "ms", goal)
    yield from figures_of(loaded(measure_lists))


GOALS = {
    "33 targets of a plan by district, two years of quarters, on a past day": 1_000.0,
    "the same as known on that day": 1_000.0,
    "the list behind a count": 500.0,
    "the list behind a count as known on that day": 500.0,
    "a count on a past knowledge date": 2_000.0,
    "the plans on the workbench": 100.0,
    "a forecast with its back-test": 10_000.0,
    "a bulletin in Word": 20_000.0,
}


async def measure_plans(engine: AsyncEngine) -> dict[str, list[float]]:
    """Milliseconds of each, by name."""
    plan, latest = plan_named("P000"), date(today().year - 1, 11, 30)
    days = (latest - timedelta(days=7 * number) for number in count())
    _, target = target_named("T000-01")

    async def report(session: AsyncSession) -> None:
        await plan_report(session, plan, next(days))

    async def report_then(session: AsyncSession) -> None:
        past = next(days)
        await plan_report(session, plan, past, known_at=end_of_day(past))

    async def listed(session: AsyncSession) -> None:
        await members(session, target, next(days), limit=50)

    async def listed_then(session: AsyncSession) -> None:
        past = next(days)
        await members(session, target, past, limit=50, known_at=end_of_day(past))

    async def known_then(session: AsyncSession) -> None:
        past = next(days)
        await roll_up(session, [target], [past], known_at=end_of_day(past))

    async def foreseen(session: AsyncSession) -> None:
        found = await forecast(session, target, today())
        if found is None or found.back_test is None:
            raise AssertionError("there is no forecast to measure")

    async def workbench(session: AsyncSession) -> None:
        await workbench_plans(session, today())

    async def written(session: AsyncSession) -> None:
        as_word(await bulletin(session, plan, last_quarter(today()), today=today()))

    works = (report, report_then, listed, listed_then, known_then, workbench, foreseen, written)
    times = (TIMES, TIMES, TIMES, TIMES, TIMES, TIMES, 5, 3)
    return {name: await _time(engine, work, count) for name, work, count in zip(GOALS, works, times, strict=True)}


async def _time(engine: AsyncEngine, work: Callable[[AsyncSession], Awaitable[None]], times: int) -> list[float]:
    taken: list[float] = []
    for number in range(times + 1):
        start = perf_counter()
        async with unit_of_work(engine, Scope.city()) as session:
            await work(session)
        if number:  # the first one warms up
            taken.append((perf_counter() - start) * 1000)
    return taken
