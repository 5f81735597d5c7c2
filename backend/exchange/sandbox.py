"""The demo's exchange: a client that everybody may use, simulated systems that are really asked, and a worker.

Everything in it is invented, so its secret may be known, as the demo's logins are.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Final

import structlog
import uvicorn
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.agreements import agreements
from backend.exchange.authorisations import NewAuthorisation, authorise
from backend.exchange.clients import SCOPES, hash_of
from backend.exchange.connector import CULTIVATION
from backend.exchange.consents import NewConsent, record_consent
from backend.exchange.models import Client
from backend.exchange.practice import SIMULATORS, simulator_of
from backend.exchange.simulation import PRACTICE_KEY, Simulator, simulator_app
from backend.exchange.systems import USUAL_REPORT, set_system
from backend.exchange.worker import Worker
from backend.settings import Settings
from rules.library import library

log: Final = structlog.stdlib.get_logger(__name__)

CLIENT_ID: Final = "sandbox"
SECRET: Final = "Meihua-2026-Sandbox"  # noqa: S105
#: So many of the invented enterprises let the tax bureau tell us, and us tell others.
_AUTHORISED: Final = 40
#: How many the simulated systems know.
_SIMULATED: Final = 60
#: Seconds until the first pull, so that the first page is not waited for.
_FIRST_PULL: Final = 5
_EVERY: Final = 3600
_TOLD_ON_PAPER: Final = "lists"


async def open_sandbox(engine: AsyncEngine) -> None:
    """Let the sandbox's client in, and record authorisations and consents; what is there already stays."""
    async with owner_unit_of_work(engine) as session:
        if await session.scalar(
            text("SELECT EXISTS (SELECT FROM exchange_client WHERE client_id = :id)"), {"id": CLIENT_ID}
        ):
            return
        session.add(
            Client(
                client_id=CLIENT_ID, name="演示接入方", source="statistics", scopes=sorted(SCOPES),
                secret_hashes=[hash_of(SECRET)], lists=sorted(agreements()),
            )
        )  # fmt: skip
        await session.flush()
        await _let_tell(session)


async def _let_tell(session: AsyncSession) -> None:
    found = await session.execute(
        text("SELECT id FROM enterprise WHERE credit_code IS NOT NULL ORDER BY id LIMIT :size"), {"size": _AUTHORISED}
    )
    day = today()
    begin, until = day - timedelta(days=30), day + timedelta(days=700)
    for number in found.scalars().all():
        given = NewAuthorisation(
            number, ("status", "detail"), CULTIVATION, day.year - 5, day.year, begin, until, signed_by="演示签署人"
        )
        await authorise(session, given)
        for name in agreements():
            await record_consent(session, NewConsent(number, name, "演示签署人", begin, until))


@asynccontextmanager
async def practising(engine: AsyncEngine, settings: Settings) -> AsyncGenerator[None]:
    """Simulated systems on this machine and a worker that asks them, for as long as the block runs."""
    task = asyncio.create_task(_practise(engine, settings))
    task.add_done_callback(_tell_end)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tell_end(task: asyncio.Task[None]) -> None:
    """The service goes on without its practice; that it ended must not go unseen."""
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("practice_ended", exc_info=problem)


async def _practise(engine: AsyncEngine, settings: Settings) -> None:
    await asyncio.sleep(_FIRST_PULL)
    async with AsyncExitStack() as held:
        for system in SIMULATORS:
            simulator = await asyncio.to_thread(simulator_of, system, _SIMULATED, today())
            url = await held.enter_async_context(_serving(simulator))
            async with owner_unit_of_work(engine) as session:
                # One of them has no address for receipts, as most have today: its own are handed over.
                path = "" if system == _TOLD_ON_PAPER else USUAL_REPORT
                await set_system(session, system, url=url, key=PRACTICE_KEY, report_path=path, every_seconds=_EVERY)
        await Worker(engine, settings, library()).run()


@asynccontextmanager
async def _serving(simulator: Simulator) -> AsyncGenerator[str]:
    """The simulator as a server within this process; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(simulator_app(simulator), log_config=None, lifespan="off", server_header=False)
        server = Quiet(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await task


class Quiet(uvicorn.Server):
    """A server beside the real one, which alone hears the signals."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
