"""The register, the published lists and the counts of rights: as sound when the other side is faulty."""

from collections.abc import Generator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from backend.database.session import owner_unit_of_work
from backend.exchange.client import Patience
from backend.exchange.practice import SIMULATORS, simulator_of
from backend.exchange.simulate_cli import SIMULATED
from backend.exchange.simulation import Simulator
from tests.backend.exchange.conftest import DAY, Outside, faulty, served
from tests.backend.exchange.test_pulling import SIZE, PullOf, forget, found, pull_of, pulled, registry, state

__all__ = ["pull_of", "registry"]
SYSTEMS = ("register", "lists", "ip")


@pytest.fixture(scope="module", params=SYSTEMS)
def server(request: pytest.FixtureRequest) -> Generator[Outside]:
    simulator = simulator_of(request.param, SIZE, DAY)
    with served(simulator) as url:
        yield Outside(simulator, url, {form: dict(records) for form, records in simulator.records.items()})


def first(simulator: Simulator) -> dict[str, Any]:
    form = next(iter(simulator.records))
    return simulator.records[form][min(simulator.records[form])][-1]


async def test_every_fault_together_leads_to_the_state_of_none(server: Outside, pull_of: PullOf):
    simulator = server.fresh()
    late = first(simulator)
    changed = {"name": "泰州改名试验有限公司", "state": "注销"} if simulator.name == "register" else {}
    simulator.put([late | {"fields": late["fields"] | changed, "stated_on": "2026-03-01"}])
    pull = pull_of(server.url, system=simulator.name)
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("INSERT INTO exchange_system (id, name) VALUES (:id, :id)"), {"id": simulator.name})
    await pull.run()
    sound = await state(pull.engine)
    assert any(kind == "record" and one.endswith("applied") for kind, one in sound)
    await forget(pull.engine)
    simulator.behave(
        faulty(errors=0.2, duplicates=0.5, reordering=True, truncated=0.2, wrong_signatures=0.2, broken=0.2)
    )
    await pulled(
        pull_of(
            server.url, system=simulator.name, patience=Patience(attempts=2, first_wait=0, longest_wait=0, jitter=0)
        )
    )
    assert await state(pull.engine) == sound


async def test_the_register_renames_and_ends_from_the_day_it_states(pull_of: PullOf):
    simulator = simulator_of("register", SIZE, DAY)
    one = first(simulator)
    changed = one["fields"] | {"name": "泰州改名试验有限公司", "state": "注销"}
    simulator.put([one | {"fields": changed, "stated_on": "2026-03-01"}])
    with served(simulator) as url:
        pull = pull_of(url, system="register")
        async with owner_unit_of_work(pull.engine) as session:
            await session.execute(text("INSERT INTO exchange_system (id, name) VALUES ('register', '登记')"))
        run = await pull.run()
    assert run.counts["identity"] == 2
    held = f"FROM enterprise e JOIN enterprise_name n ON n.enterprise_id = e.id WHERE credit_code = '{one['code']}'"
    assert await found(pull.engine, f"SELECT e.name || e.status {held} LIMIT 1") == ["泰州改名试验有限公司cancelled"]
    assert await found(pull.engine, f"SELECT n.used_to {held} AND n.used_to IS NOT NULL") == [date(2026, 2, 28)]
    assert await found(pull.engine, "SELECT count(*) FROM fact_current WHERE registered_capital > 0") == [SIZE]


def test_every_system_that_is_asked_can_be_practised_against():
    from backend.exchange.connectors import connectors

    assert set(SIMULATORS) == set(connectors()) == set(SIMULATED)
