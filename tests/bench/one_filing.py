"""One filing into a big city's registry: stored, projected, the enterprise evaluated anew for every programme.

Each reader files for enterprises of its own that nobody has looked at for long, so that their rows and their places in
the indexes have to be fetched first; and then for the same ones again, as when a district's returns are being gone through.
"""

import random
from collections.abc import Iterator
from decimal import Decimal
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.eligibility.service import evaluate
from backend.filings.service import FilingDraft, file
from rules.library import library
from tests.bench.figure import Figure, percentile
from tests.bench.large_registry import loaded

TIMES = 60
#: Filings before those that are measured, so that the connection has planned its statements.
FIRST_ONES = 8
GOAL_MS = 50
DISTRICT = "321282"
SCOPES = {"city officer": Scope.city(), "district officer": Scope.district(DISTRICT)}


def figures() -> Iterator[Figure]:
    """As the city's officer files and as a district's does."""
    for name, taken in loaded(measure_filings).items():
        yield Figure(f"a filing in, projected and evaluated, {name}, p50", percentile(taken, 50), "ms")
        yield Figure(f"a filing in, projected and evaluated, {name}, p95", percentile(taken, 95), "ms", GOAL_MS)


async def measure_filings(engine: AsyncEngine) -> dict[str, list[float]]:
    """Milliseconds of each filing, by reader and by whether the enterprise was looked at before; nothing of it stays."""
    library()
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT id FROM enterprise WHERE region_code = :region AND status = 'active'"), {"region": DISTRICT}
        )
        everybody = list(found.scalars())
    # Not the same ones each time: a registry that is kept still has those of the last measurement at hand.
    chosen = random.sample(everybody, (TIMES + FIRST_ONES) * len(SCOPES))
    taken: dict[str, list[float]] = {}
    for place, (reader, scope) in enumerate(SCOPES.items()):
        own = chosen[place :: len(SCOPES)]
        for name in (reader, f"{reader}, the same enterprise again"):
            taken[name] = [await _file(engine, scope, one) for one in own][FIRST_ONES:]
    return taken


async def _file(engine: AsyncEngine, scope: Scope, enterprise: int) -> float:
    async with unit_of_work(engine, scope) as session:
        start = perf_counter()
        await file_and_evaluate(session, enterprise)
        taken = (perf_counter() - start) * 1000
        await session.rollback()
    return taken


async def file_and_evaluate(session: AsyncSession, enterprise: int) -> None:
    """What an officer's filing does in its request."""
    year = today().year - 1
    values = {"sales_revenue": Decimal("3210.55"), "rd_expense_hnte": Decimal("190.5"), "employee_total": 61}
    draft = FilingDraft(enterprise, "officer", year, values, today(), "测量")
    await file(session, [draft], library().catalogue)
    await evaluate(session, [enterprise], library(), today())
