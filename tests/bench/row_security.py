"""What row-level security costs on list pages: the same list as requests' own role reads it, and as the owner does."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import product
from statistics import median
from time import perf_counter

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.search import Filters, search
from backend.web.memory import Memory
from rules.library import library
from tests.bench.figure import Figure
from tests.bench.large_registry import loaded

#: Each list is read so often either way, in turns, so that both find the machine alike.
TIMES = 9
GOAL_PERCENT = 20
DISTRICT = "321282"
LISTS = (
    Filters(), Filters(sort="rung"), Filters(sort="established", page=12), Filters(rung="high_tech"),
    Filters(rung="none", sort="code"), Filters(industry=("27",), sort="rung"), Filters(chain="高端装备"),
    Filters(programme="hnte", outcome="candidate"), Filters(programme="hnte", outcome="held"), Filters(q="新材料"),
)  # fmt: skip
Opening = Callable[[], AbstractAsyncContextManager[AsyncSession]]


def figures() -> Iterator[Figure]:
    """By reader: all lists together, so that one of a few milliseconds does not decide."""
    for (reader, is_page), (own, owners) in loaded(measure_lists).items():
        what = "list pages" if is_page else "lists with all their counts"
        yield Figure(f"{len(LISTS)} {what} as the owner, {reader}'s rows", owners, "ms")
        goal = GOAL_PERCENT if is_page else None
        yield Figure(f"row-level security on {what}, {reader}", (own / owners - 1) * 100, "%", goal)


async def measure_lists(engine: AsyncEngine) -> dict[tuple[str, bool], tuple[float, float]]:
    """Milliseconds of all lists within the reader's scope, and as the owner narrowed to the same rows.

    As pages have them, which leave the counts that take longer for later, and with these.
    """
    readers = {"city officer": (Scope.city(), ""), "district officer": (Scope.district(DISTRICT), DISTRICT)}
    found: dict[tuple[str, bool], tuple[float, float]] = {}
    for (reader, (scope, within)), is_page in product(readers.items(), (True, False)):
        own = owners = 0.0
        for asked in LISTS:
            wanted, opened = replace(asked, within=within), _scoped(engine, scope)
            one, other = await _in_turns(opened, lambda: owner_unit_of_work(engine), wanted, is_page=is_page)
            own, owners = own + one, owners + other
        found[reader, is_page] = (own, owners)
    return found


def _scoped(engine: AsyncEngine, scope: Scope) -> Opening:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncSession]:
        async with unit_of_work(engine, scope) as session:
            yield session

    return opened


async def _in_turns(own: Opening, owners: Opening, asked: Filters, *, is_page: bool) -> tuple[float, float]:
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(TIMES + 2):
        for place, opening in enumerate((own, owners)):
            async with opening() as session:
                start = perf_counter()
                # A memory of its own: nothing is counted yet, as after a change.
                await search(session, asked, today(), library(), Memory(), is_counted_later=is_page)
                if number > 1:  # the first ones warm up
                    taken[place].append((perf_counter() - start) * 1000)
    return median(taken[0]), median(taken[1])
