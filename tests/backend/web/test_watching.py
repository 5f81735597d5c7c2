"""How often strangers may ask, what is counted, and what the log says of a request."""

import json

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import make_engine
from backend.main import create_app
from backend.settings import Settings
from backend.web.rates import Buckets
from tests.backend.web_client import ADDRESS, anonymous_client

NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nothing"


def app_with(**given: object) -> FastAPI:
    return create_app(Settings(**given), make_engine(NOWHERE))  # type: ignore[arg-type]


async def test_a_stranger_who_asks_too_often_is_told_when_to_come_back():
    async with anonymous_client(app_with(public_requests_a_minute=3)) as browser:
        statuses = [(await browser.get("/nowhere")).status_code for _ in range(4)]
        answer = await browser.get("/nowhere", headers={"accept": "application/json"})
    assert statuses == [404, 404, 404, 429]
    assert 0 < int(answer.headers["retry-after"]) <= 20
    assert answer.json()["type"].endswith("/rate-limited")
    assert answer.headers["content-security-policy"]


async def test_trying_passwords_has_a_limit_of_its_own():
    async with anonymous_client(app_with(sign_ins_a_minute=2)) as browser:
        statuses = [(await browser.post("/login", data={"csrf_token": "x"})).status_code for _ in range(3)]
        other = await browser.get("/nowhere")
    assert statuses == [403, 403, 429]
    assert other.status_code == 404


async def test_another_address_is_not_held_back_by_it():
    app = app_with(public_requests_a_minute=1)
    for address in ("10.0.0.1", "10.0.0.2"):
        async with AsyncClient(transport=ASGITransport(app, client=(address, 1)), base_url=ADDRESS) as browser:
            assert [(await browser.get("/nowhere")).status_code for _ in range(2)] == [404, 429]


async def test_a_made_up_proxy_header_does_not_change_the_address():
    async with anonymous_client(app_with(public_requests_a_minute=1)) as browser:
        await browser.get("/nowhere", headers={"x-forwarded-for": "10.9.9.1"})
        assert (await browser.get("/nowhere", headers={"x-forwarded-for": "10.9.9.2"})).status_code == 429


def test_a_bucket_fills_again_with_time():
    now = [0.0]
    buckets = Buckets(60, lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1)
    now[0] = 1
    assert buckets.take("a") == 0


async def test_requests_are_counted_by_route_and_not_by_enterprise(engine: AsyncEngine):
    async with anonymous_client(create_app(engine=engine)) as browser:
        await browser.get("/enterprises/91321202DEM000001X")
        counts = (await browser.get("/metrics")).text
    assert 'tidu_requests_total{method="GET",route="/enterprises/{code}",status="303"}' in counts
    assert "DEM000001X" not in counts
    assert "tidu_trace_waiting 0.0" in counts


@pytest.mark.parametrize(
    ("token", "shown", "address", "status"),
    [(None, "", "127.0.0.1", 200), (None, "", "10.0.0.9", 404), ("s3cret", "", "127.0.0.1", 404),
     ("s3cret", "Bearer wrong", "127.0.0.1", 404), ("s3cret", "Bearer s3cret", "10.0.0.9", 200)],
)  # fmt: skip
async def test_counts_are_for_who_watches_only(token: str | None, shown: str, address: str, status: int):
    app = app_with(metrics_token=token)
    async with AsyncClient(transport=ASGITransport(app, client=(address, 1)), base_url=ADDRESS) as browser:
        assert (await browser.get("/metrics", headers={"authorization": shown})).status_code == status


async def test_the_log_tells_the_request_with_its_number_and_nothing_that_was_asked(capsys: pytest.CaptureFixture[str]):
    async with anonymous_client(app_with()) as browser:
        answer = await browser.get("/enterprises?q=13812345678", headers={"authorization": "Bearer s3cret"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    told = next(line for line in lines if line["event"] == "request")
    assert (told["path"], told["status"], told["request_id"]) == ("/enterprises", 303, answer.headers["x-request-id"])
    assert "13812345678" not in str(lines)
    assert "s3cret" not in str(lines)
