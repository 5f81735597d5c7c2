"""Simulated systems on the loopback interface, and clients that ask them without waiting long."""

import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import make_engine
from backend.database.session import owner_unit_of_work
from backend.exchange.client import Credentials, Patience, SystemClient
from backend.exchange.credit.fake import credit_simulator
from backend.exchange.simulated_receipts import Receipts
from backend.exchange.simulation import PRACTICE_KEY, PRACTICE_SECRET, Faults, Simulator, simulator_app
from backend.exchange.tax.fake import tax_simulator
from backend.main import create_app
from backend.settings import Settings
from tests.conftest import fresh_database

DAY = date(2026, 6, 30)
#: Patient enough for every fault of a test, and quick about it.
QUICK = Patience(attempts=60, timeout=5, first_wait=0.001, longest_wait=0.01, jitter=0.005)
SETTINGS = Settings(exchange_secret="for tests only")  # pyright: ignore[reportArgumentType]
CLEARED = (
    "enterprise", "exchange_client", "exchange_system", "exchange_answered", "exchange_nonce", "exchange_used",
    "exchange_cursor", "exchange_unknown_field", "exchange_message", "exchange_seal", "exchange_outbox", "exchange_change",
)  # fmt: skip
ClientOf = Callable[..., SystemClient]


@contextmanager
def served(simulator: Simulator) -> Generator[str]:
    """The simulator as a server of its own thread; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(simulator_app(simulator), log_config=None, lifespan="off", server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="session")
async def exchange_engine(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    """One database for all tests of the exchange: what they commit is cleared away before the next."""
    async with fresh_database(server_url, migrated_template) as url:
        engine = make_engine(url)
        yield engine
        await engine.dispose()


# Row by row: to truncate half a hundred tables takes longer than most tests.
CLEAR = f"""
DO $$
DECLARE
    name text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN
        WITH RECURSIVE hanging (id) AS (
            SELECT unnest('{{{",".join(CLEARED)}}}'::regclass[])::oid
            UNION SELECT conrelid FROM pg_constraint JOIN hanging ON confrelid = id WHERE contype = 'f'
        )
        SELECT id::regclass::text FROM hanging
    LOOP
        EXECUTE 'DELETE FROM ' || name;
        PERFORM setval(objid::regclass, 1, false) FROM pg_depend
        WHERE refobjid = name::regclass AND objid IN (SELECT oid FROM pg_class WHERE relkind = 'S');
    END LOOP;
END $$
"""


@pytest.fixture
async def engine(exchange_engine: AsyncEngine) -> AsyncEngine:
    async with owner_unit_of_work(exchange_engine) as session:
        await session.execute(text(CLEAR))
    return exchange_engine


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    return create_app(SETTINGS, engine)


@dataclass
class Outside:
    """A simulator that serves for the whole run; each test gets it as new."""

    simulator: Simulator
    url: str
    records: dict[str, dict[str, list[dict[str, Any]]]]

    def fresh(self) -> Simulator:
        self.simulator.behave(Faults())
        self.simulator.records = deepcopy(self.records)
        self.simulator.told, self.simulator.asked, self.simulator.receipts = {}, [], Receipts()
        return self.simulator


@pytest.fixture(scope="session")
def tax_server() -> Generator[Outside]:
    simulator = tax_simulator(5, DAY)
    with served(simulator) as url:
        yield Outside(simulator, url, deepcopy(simulator.records))


@pytest.fixture(scope="session")
def credit_server() -> Generator[Outside]:
    simulator = credit_simulator(5, DAY)
    with served(simulator) as url:
        yield Outside(simulator, url, deepcopy(simulator.records))


@pytest.fixture
def tax(tax_server: Outside) -> Simulator:
    return tax_server.fresh()


@pytest.fixture
def tax_url(tax_server: Outside) -> str:
    return tax_server.url


@pytest.fixture
def credit(credit_server: Outside) -> Simulator:
    return credit_server.fresh()


@pytest.fixture
def credit_url(credit_server: Outside) -> str:
    return credit_server.url


@pytest.fixture
async def http() -> AsyncGenerator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
def client_of(http: httpx.AsyncClient) -> ClientOf:
    def make(url: str, patience: Patience = QUICK) -> SystemClient:
        return SystemClient(http, Credentials(url, PRACTICE_KEY, PRACTICE_SECRET), patience)

    return make


def faulty(**given: object) -> Faults:
    return Faults.model_validate(given)
