"""Where webhooks go: to the very address that was looked at, and into no network of ours; and how long changes are kept."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.feed import KEPT, cursor_of, forget_old, put_in_order
from backend.exchange.keys import Keys
from backend.exchange.webhooks import Courier, SubscriptionRefused, refuse_address, turn_into_deliveries
from tests.backend.exchange.systems import calling_system
from tests.backend.exchange.test_inbound import codes, found

PUBLIC, PUBLIC6 = "93.184.216.34", "2606:2800:220:1::1"


@pytest.fixture
def leads_to(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`leads_to("10.0.0.1")`: from now on every name leads there."""

    def lead(*addresses: str) -> None:
        async def answer(*_given: Any, **_more: Any) -> list[Any]:
            return [(0, 0, 0, "", (one, 443)) for one in addresses]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", answer, raising=False)

    return lead


@pytest.mark.parametrize(
    ("address", "url"), [(PUBLIC, f"https://{PUBLIC}:443/hook"), (PUBLIC6, f"https://[{PUBLIC6}]:443/hook")]
)
async def test_the_connection_goes_to_the_address_that_was_looked_at(leads_to: Any, address: str, url: str):
    leads_to(address)
    to = await refuse_address("https://bank.test/hook", [])
    assert (to.url, to.headers, to.extensions) == (url, {"Host": "bank.test"}, {"sni_hostname": "bank.test"})


@pytest.mark.parametrize(
    "addresses",
    [("10.0.0.1",), (PUBLIC, "192.168.1.9"), ("127.0.0.1",), ("::1",), ("169.254.169.254",), ("::ffff:10.0.0.1",)],
)
async def test_a_name_that_leads_into_a_private_network_is_refused(leads_to: Any, addresses: tuple[str, ...]):
    leads_to(*addresses)
    with pytest.raises(SubscriptionRefused, match="内网"):
        await refuse_address("https://bank.test/hook", [])


async def test_a_host_that_was_let_in_is_told_as_it_is_named():
    assert (await refuse_address("http://10.0.0.1:8080/hook", ["10.0.0.1"])).url == "http://10.0.0.1:8080/hook"


async def test_a_name_that_leads_elsewhere_by_the_time_of_sending_is_not_told(
    app: FastAPI, engine: AsyncEngine, leads_to: Any
):
    leads_to(PUBLIC)
    reader = await calling_system(app, "bank")
    assert (await reader.http.post("/api/v1/subscriptions", json={"url": "https://bank.test/hook"})).status_code == 201
    await codes(engine, 1)
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        courier = Courier(engine, http, Keys(b"x" * 32))
        for _ in range(2):
            async with owner_unit_of_work(engine) as session:
                await put_in_order(session)
                await turn_into_deliveries(session)
        leads_to("10.0.0.7")
        await courier.carry()
        assert asked == []
        async with owner_unit_of_work(engine) as session:
            await session.execute(text("UPDATE webhook_delivery SET next_attempt_at = now()"))
        leads_to(PUBLIC)
        await courier.carry()
    assert [(one.url.host, one.headers["Host"]) for one in asked] == [(PUBLIC, "bank.test")]
    # Both attempts are in the log: the one that went nowhere, and the one that was taken.
    assert await found(engine, "SELECT status FROM exchange_message WHERE direction = 'out' ORDER BY id") == [0, 204]


async def test_changes_are_let_go_after_their_time_and_a_cursor_from_before_is_told_so(
    app: FastAPI, engine: AsyncEngine
):
    reader = await calling_system(app, "reader")
    await codes(engine, 3)
    page = (await reader.http.get("/api/v1/changes?limit=1000")).json()
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text(
                "UPDATE exchange_change SET noted_at = now() - interval '401 days' WHERE position < (SELECT max(position) FROM exchange_change)"
            )
        )
        assert await forget_old(session, KEPT) == len(page["changes"]) - 1
        assert await forget_old(session, timedelta(days=4000)) == 0
    old = await reader.http.get(f"/api/v1/changes?since={cursor_of(1)}")
    assert (old.status_code, old.json()["type"].rpartition("/")[2]) == (410, "cursor-too-old")
    assert len((await reader.http.get("/api/v1/changes")).json()["changes"]) == 1
    assert (await reader.http.get(f"/api/v1/changes?since={page['next']}")).status_code == 200


async def test_a_change_that_somebody_is_still_to_be_told_of_stays(app: FastAPI, engine: AsyncEngine, leads_to: Any):
    leads_to(PUBLIC)
    reader = await calling_system(app, "bank")
    await reader.http.post("/api/v1/subscriptions", json={"url": "https://bank.test/hook"})
    await codes(engine, 1)
    async with owner_unit_of_work(engine) as session:
        await put_in_order(session)
        await session.execute(text("UPDATE exchange_change SET noted_at = now() - interval '401 days'"))
        assert await forget_old(session, KEPT) == 0


async def test_what_is_turned_away_is_in_the_log(app: FastAPI, engine: AsyncEngine):
    system = await calling_system(app)
    await system.send("/filings", b"{")
    await system.send("/filings", [])
    logged = "SELECT status FROM exchange_message WHERE direction = 'in' AND peer = 'statistics-bureau' ORDER BY id"
    assert await found(engine, logged) == [400, 400]
