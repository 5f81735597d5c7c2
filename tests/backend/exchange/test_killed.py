"""A puller that is killed with SIGKILL, again and again, ends where one does that nobody disturbs."""

import asyncio
import os
import signal
import sys

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import libpq_url
from backend.database.session import owner_unit_of_work
from backend.exchange.simulation import PRACTICE_KEY, Simulator
from tests.backend.exchange.conftest import faulty
from tests.backend.exchange.test_pulling import PullOf, forget, found, pull_of, registry, state
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
