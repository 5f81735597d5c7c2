"""A pull in which either side is killed with SIGKILL ends where one does that nobody disturbs."""

import asyncio
import os
import signal
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import libpq_url
from backend.database.session import owner_unit_of_work
from backend.exchange.client import Patience, Unreachable
from backend.exchange.simulation import PRACTICE_KEY, Simulator
from tests.backend.exchange.conftest import faulty
from tests.backend.exchange.test_killed_couriers import process
from tests.backend.exchange.test_pulling import PullOf, forget, found, pull_of, registry, state
from tests.backend.exchange.test_receipts import carry, set_up
from tests.shared_data import REPOSITORY

__all__ = ["pull_of", "registry"]


async def test_a_puller_that_is_killed_twice_ends_in_the_same_state(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url, all_forms=True)
    await pull.run()
    sound = await state(pull.engine)
    await forget(pull.engine)
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(
            text("UPDATE exchange_system SET url = :url, key = :key"), {"url": tax_url, "key": PRACTICE_KEY}
        )
    tax.behave(faulty(latency_ms=150))
    for _ in range(2):
        await _pull_and_kill(pull.engine)
    assert await found(pull.engine, "SELECT status FROM exchange_run") == ["running"]
    tax.behave(faulty())
    await pull.run()
    assert await state(pull.engine) == sound
    assert await found(pull.engine, "SELECT status FROM exchange_run") == ["done"]


async def _pull_and_kill(engine: AsyncEngine) -> None:
    """Run `tidu exchange pull tax` until it has stored a page, then kill it."""
    pages = "SELECT coalesce(max((counts->>'pages')::int), 0) FROM exchange_run"
    before = (await found(engine, pages))[0]
    environment = os.environ | {"TIDU_DATABASE_URL": libpq_url(engine.url.render_as_string(hide_password=False))}
    puller = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "backend.cli", "exchange", "pull", "tax", cwd=REPOSITORY, env=environment,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    while (await found(engine, pages))[0] <= before:
        assert puller.returncode is None, "it ended by itself"
        await asyncio.sleep(0.05)
    puller.send_signal(signal.SIGKILL)
    assert await puller.wait() == -signal.SIGKILL
    # The server learns that nobody is there when it has done what it was at; until then the pull is taken.
    held = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"
        " AND (classid::bigint << 32) | objid::bigint = hashtextextended('pull tax', 0)"
    )
    for _ in range(1_200):
        if not await found(engine, held):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the pull of somebody who was killed is still taken")


SERVER = """
import sys
from datetime import date
import uvicorn
from backend.exchange.simulation import Faults, simulator_app
from backend.exchange.tax.fake import tax_simulator

simulator = tax_simulator(5, date(2026, 6, 30))
simulator.behave(Faults(latency_ms=int(sys.argv[2])))
uvicorn.run(simulator_app(simulator), port=int(sys.argv[1]), log_level="critical")
"""


async def test_when_the_other_side_is_killed_the_run_is_gone_on_with_and_it_is_told(
    tax: Simulator, tax_url: str, pull_of: PullOf, unused_tcp_port: int
):
    pull = pull_of(tax_url, all_forms=True)
    await pull.run()
    sound = await state(pull.engine)
    await forget(pull.engine)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    await set_up(pull.engine, url)
    async with process("-c", SERVER, str(unused_tcp_port), "100"):
        await until_it_answers(unused_tcp_port)
        running = asyncio.create_task(pull_of(url, all_forms=True, patience=Patience(attempts=1)).run())
        while not await found(pull.engine, "SELECT 1 FROM exchange_run WHERE (counts->>'pages')::int > 1"):
            assert not running.done()
            await asyncio.sleep(0.02)
    with pytest.raises(Unreachable):
        await running
    async with process("-c", SERVER, str(unused_tcp_port), "0"):
        await until_it_answers(unused_tcp_port)
        await pull_of(url, all_forms=True).run()
        await carry(pull.engine)
    assert await state(pull.engine) == sound
    # Whoever was killed has forgotten what it sent; it was told all the same, and says that it cannot compare.
    assert await found(pull.engine, "SELECT concat(status, ' ', answer->>'agrees') FROM exchange_receipt") == ["told "]


async def until_it_answers(port: int) -> None:
    for _ in range(600):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise AssertionError("nobody listens")
