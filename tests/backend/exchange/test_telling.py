"""Facts told to the innovation-credit platform: of whoever consented, in its fields and units, once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.client import ExchangeFailed
from backend.exchange.consents import NewConsent, record_consent
from backend.exchange.simulation import Simulator
from backend.exchange.telling import tell
from tests.backend.exchange.conftest import faulty
from tests.backend.exchange.test_inbound import found
from tests.backend.exchange.test_pulling import PullOf, pull_of, registry
from tests.factories import make_code, make_enterprise, make_filing

__all__ = ["pull_of", "registry"]


async def consenting(engine: AsyncEngine, revenue: float = 3000.25, source: str = "self_declared") -> str:
    code = make_code()
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, credit_code=code)
        await make_filing(session, number, {"operating_revenue": revenue}, source=source)
        await record_consent(session, NewConsent(number, "credit-facts", "王敏", today(), today() + timedelta(days=1)))
    return code


def told_to(simulator: Simulator) -> list[dict[str, Any]]:
    return sorted((one for batch in simulator.told.values() for one in batch), key=lambda one: one["code"])


@pytest.fixture
def pull(credit: Simulator, credit_url: str, pull_of: PullOf, engine: AsyncEngine) -> Any:
    return pull_of(credit_url, system="credit")


async def test_who_consented_is_told_of_in_yuan_and_nobody_else(credit: Simulator, pull: Any, engine: AsyncEngine):
    code = await consenting(engine)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, await make_enterprise(session), {"operating_revenue": 5})
    counts = await tell(pull, 2025)
    assert told_to(credit) == [
        {"code": code, "year": 2025, "layout": "most_2024", "fields": {"operating_revenue": "30002500"}}
    ]
    assert (counts["consented"], counts["told"]) == (1, 1)
    assert await found(engine, "SELECT recipient FROM disclosure") == ["credit"]


async def test_what_was_told_is_told_again_only_when_it_changed(credit: Simulator, pull: Any, engine: AsyncEngine):
    code = await consenting(engine)
    assert (await tell(pull, 2025))["told"] == 1
    assert (await tell(pull, 2025))["unchanged"] == 1
    async with owner_unit_of_work(engine) as session:
        number = (
            await session.execute(text("SELECT id FROM enterprise WHERE credit_code = :code"), {"code": code})
        ).scalar_one()
        await make_filing(session, number, {"operating_revenue": 3100})
    assert (await tell(pull, 2025))["told"] == 1
    assert [one["fields"]["operating_revenue"] for one in told_to(credit)] == ["30002500", "31000000"]


async def test_the_tax_bureaus_figures_are_not_told(credit: Simulator, pull: Any, engine: AsyncEngine):
    await consenting(engine, source="tax")
    assert (await tell(pull, 2025))["empty"] == 1
    assert credit.told == {}


async def test_told_through_every_fault_each_is_there_once(credit: Simulator, pull: Any, engine: AsyncEngine):
    codes = sorted([await consenting(engine, 100 + place) for place in range(5)])
    credit.behave(faulty(errors=0.4, wrong_signatures=0.2, broken=0.2, truncated=0.2))
    for _ in range(20):
        try:
            await tell(pull, 2025)
            break
        except (ExchangeFailed, httpx.HTTPError):
            continue
    assert [one["code"] for one in told_to(credit)] == codes
