"""Webhooks when either side is killed with SIGKILL: none is lost, and an enterprise's come in their order."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import libpq_url
from backend.database.session import owner_unit_of_work
from backend.exchange.clients import Caller
from backend.exchange.feed import put_in_order
from backend.exchange.webhooks import subscribe
from tests.backend.exchange.systems import calling_system
from tests.backend.exchange.test_inbound import codes, found
from tests.factories import make_filing
from tests.shared_data import REPOSITORY

RECEIVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # Written and flushed before it is answered: what was acknowledged is there, whatever happens then.
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps([body["subject"], body["data"]["position"]]) + "\\n")
            file.flush()
            os.fsync(file.fileno())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

HTTPServer.allow_reuse_address = True
HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
"""


@asynccontextmanager
async def process(*words: str, **environment: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    """A process of its own, killed at the end."""
    started = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=REPOSITORY, env=os.environ | environment, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield started
    finally:
        with suppress(ProcessLookupError):
            started.send_signal(signal.SIGKILL)
        await started.wait()


def received(file: Path) -> list[tuple[str, int]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [(one[0], one[1]) for one in map(json.loads, lines)]


async def until(file: Path, count: int) -> None:
    for _ in range(1200):
        if len(set(received(file))) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {len(set(received(file)))} of {count} arrived")


async def changes(engine: AsyncEngine, years: range) -> None:
    async with owner_unit_of_work(engine) as session:
        for number in await found(engine, "SELECT id FROM enterprise ORDER BY id"):
            for year in years:
                await make_filing(session, number, {"operating_revenue": year}, year=year)
    async with owner_unit_of_work(engine) as session:
        await put_in_order(session)
        await session.execute(text("UPDATE webhook_delivery SET next_attempt_at = now() WHERE status = 'waiting'"))


async def test_no_webhook_is_lost_or_out_of_order_when_either_side_is_killed(
    app: FastAPI, engine: AsyncEngine, tmp_path: Path, unused_tcp_port: int
):
    await codes(engine, 4)
    await calling_system(app, "listener")
    caller = Caller("listener", "", "statistics", "", frozenset(), "none", "", 1, 1)
    async with owner_unit_of_work(engine) as session:
        await put_in_order(session)
        url = f"http://127.0.0.1:{unused_tcp_port}/"
        await subscribe(session, caller, url, ["127.0.0.1"], types=["filing.recorded"])
    settings = {
        "TIDU_DATABASE_URL": libpq_url(engine.url.render_as_string(hide_password=False)),
        "TIDU_EXCHANGE_HOSTS": '["127.0.0.1"]', "TIDU_EXCHANGE_SECRET": "for tests only",
    }  # fmt: skip
    log = tmp_path / "received.ndjson"
    receiving = ("-c", RECEIVER, str(unused_tcp_port), str(log))
    working = ("-m", "backend.cli", "exchange", "work")
    await changes(engine, range(2010, 2016))
    async with process(*receiving), process(*working, **settings):
        await until(log, 3)
    # Both are dead. More happens; the sender comes back first, to nobody, and is killed again.
    await changes(engine, range(2016, 2018))
    async with process(*working, **settings) as sender:
        while not await found(engine, "SELECT 1 FROM webhook_delivery WHERE status = 'waiting' AND last_error <> ''"):
            assert sender.returncode is None
            await asyncio.sleep(0.1)
    async with owner_unit_of_work(engine) as session:  # as if the wait, and the lease of whoever died, were over
        await session.execute(
            text("UPDATE webhook_delivery SET next_attempt_at = now(), attempts = 0 WHERE status = 'waiting'")
        )
    due = await found(engine, "SELECT position FROM exchange_change WHERE type = 'filing.recorded' ORDER BY position")
    async with process(*receiving), process(*working, **settings):
        await until(log, len(due))
    first = dict.fromkeys(received(log))
    by_enterprise: dict[str, list[int]] = {}
    for subject, position in first:
        by_enterprise.setdefault(subject, []).append(position)
    assert {position for _, position in first} == set(due)
    assert len(first) == len(due) == 4 * 8
    assert all(positions == sorted(positions) for positions in by_enterprise.values())
