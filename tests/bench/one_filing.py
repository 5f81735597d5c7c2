"""One filing into a big city's registry: stored, projected, the enterprise evaluated anew for every programme."""

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
from tests.bench.figure import SEED, Figure, percentile
from tests.bench.large_registry import loaded

TIMES = 60
GOAL_MS = 50
DISTRICT = "321282"
SCOPES = {"city officer": Scope.city(), "district officer": Scope.district(DISTRICT)}


def figures() -> Iterator[Figure]:
    """As the city's officer files and as a district's does."""
    for reader, taken in loaded(measure_filings).items():
        yield Figure(f"a filing in, projected and evaluated, {reader}, p50", percentile(taken, 50), "ms")
        yield Figure(f"a filing in, projected and evaluated, {reader}, p95", percentile(taken, 95), "ms", GOAL_MS)


async def measure_filings(engine: AsyncEngine) -> dict[str, list[float]]:
    """Milliseconds of each filing, by reader; nothing of it stays."""
    library()
    async with owner_unit_of_work(engine) as session:
        found = await session.execute(
            text("SELECT id FROM enterprise WHERE region_code = :region AND status = 'active' ORDER BY id LIMIT 5000"),
            {"region": DISTRICT},
        )
        numbers = random.Random(SEED).sample(list(found.scalars()), TIMES + 3)
    return {reader: [await _file(engine, scope, one) for one in numbers][3:] for reader, scope in SCOPES.items()}


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
