"""Whatever a system asks is in the log of messages, and what it was refused."""

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.backend.exchange.systems import calling_system
from tests.backend.exchange.test_inbound import codes, filing, found

LOG = "SELECT concat_ws(' ', direction, peer, method, endpoint, status) FROM exchange_message ORDER BY id"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/changes", 200), ("/changes?limit=0", 422), ("/changes?since=!!", 400), ("/lists", 200), ("/lists/none", 404),
        ("/reconciliation", 200), ("/registered/91321283DEM000014X", 404), ("/subscriptions", 200),
    ],
)  # fmt: skip
async def test_a_question_is_logged_with_its_answer(app: FastAPI, engine: AsyncEngine, path: str, status: int):
    system = await calling_system(app)
    answer = await system.http.get(f"/api/v1{path}")
    assert answer.status_code == status
    assert await found(engine, LOG) == [f"in statistics-bureau GET /api/v1{path.partition('?')[0]} {status}"]


async def test_a_write_is_logged_once_and_a_subscription_is_none_of_its_sums(app: FastAPI, engine: AsyncEngine):
    system = await calling_system(app)
    (code,) = await codes(engine, 1)
    await system.send("/filings", filing(code))
    await system.send("/subscriptions", {"url": "http://x"})
    assert await found(engine, LOG) == [
        "in statistics-bureau POST /api/v1/filings 201", "in statistics-bureau POST /api/v1/subscriptions 422",
    ]  # fmt: skip
    sums = (await system.http.get("/api/v1/reconciliation")).json()
    assert [one["endpoint"] for one in sums] == ["/api/v1/filings"]


async def test_whoever_does_not_say_who_it_is_leaves_no_message(app: FastAPI, engine: AsyncEngine):
    system = await calling_system(app)
    assert (await system.http.get("/api/v1/changes", headers={"Authorization": "Bearer x"})).status_code == 401
    assert await found(engine, LOG) == []
