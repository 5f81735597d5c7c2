"""The feed of changes and the webhooks: nothing is lost, and of an enterprise nothing is out of order."""

import asyncio
import json
import random
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.authorisations import NewAuthorisation, authorise, withdraw
from backend.exchange.feed import cursor_of, put_in_order
from backend.exchange.keys import keys_of
from backend.exchange.webhooks import (
    SCHEDULE,
    Courier,
    SubscriptionRefused,
    let_go,
    refuse_address,
    send_again,
    sign_webhook,
    turn_into_deliveries,
)
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.factories import column, make_enterprise, make_filing, make_recognition

INSIDE = ("receiver.test",)
ADDRESS = "https://receiver.test/hook"


async def write(engine: AsyncEngine, count: int = 1, **given: Any) -> list[int]:
    async with owner_unit_of_work(engine) as session:
        return [await make_enterprise(session, **given) for _ in range(count)]


async def found(engine: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with owner_unit_of_work(engine) as session:
        return await column(session, query, **values)


@pytest.fixture
async def reader(app: FastAPI) -> CallingSystem:
    return await calling_system(app, "bank", source="self_declared", scopes=("change:read", "event:subscribe"))


async def changes(reader: CallingSystem, since: str = "", **asked: Any) -> tuple[list[tuple[str, str | None]], str]:
    answer = await reader.http.get("/api/v1/changes", params={"since": since} | asked)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [(one["type"].split("registry.")[1], one["subject"]) for one in page["changes"]], page["next"]


# The feed -----------------------------------------------------------------------------------------------


async def test_every_kind_of_change_is_in_the_feed_in_its_order(reader: CallingSystem, engine: AsyncEngine):
    (number,) = await write(engine)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number)
        await make_recognition(session, number, granted_on=date(2025, 11, 6))
        permit = NewAuthorisation(
            number, ("detail",), "测算", 2023, 2025, date(2020, 1, 1), date(2090, 1, 1), signed_by="王敏"
        )
        held = await authorise(session, permit)
        await withdraw(session, held)
        code = (await column(session, "SELECT credit_code FROM enterprise"))[0]
    told, following = await changes(reader)
    assert [one for one, _ in told if one != "tier.changed.v1"] == [
        "enterprise.updated.v1", "filing.recorded.v1", "recognition.changed.v1", "authorisation.revoked.v1",
    ]  # fmt: skip
    assert {subject for _, subject in told} == {code}
    assert await changes(reader, following) == ([], following)


async def test_pages_go_on_where_the_last_one_ended(reader: CallingSystem, engine: AsyncEngine):
    await write(engine, 7)
    whole, _ = await changes(reader)
    pages: list[Any] = []
    since = ""
    while True:
        page, since = await changes(reader, since, limit=3)
        if not page:
            break
        pages += page
    assert pages == whole and len(whole) == 7


async def test_only_the_types_that_are_asked_for(reader: CallingSystem, engine: AsyncEngine):
    (number,) = await write(engine)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number)
    told, following = await changes(reader, type="filing.recorded")
    assert [one for one, _ in told] == ["filing.recorded.v1"]
    assert await changes(reader, following, type="tier.changed") == ([], following)


async def test_another_districts_changes_are_not_told(app: FastAPI, engine: AsyncEngine):
    await write(engine)
    await write(engine, region_code="321282")
    district = await calling_system(app, "jingjiang", region_code="321282")
    told, _ = await changes(district)
    assert len(told) == 1


@pytest.mark.parametrize("cursor", ["nonsense", "YzI6MQ", "YzE6LTE", cursor_of(5)[:-1] + "!"])
async def test_a_cursor_that_is_not_ours_is_refused(reader: CallingSystem, cursor: str):
    answer = await reader.http.get("/api/v1/changes", params={"since": cursor})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (400, "invalid-cursor")


async def test_who_may_not_read_is_refused(app: FastAPI):
    writer = await calling_system(app, "writer", scopes=("filing:write",))
    assert (await writer.http.get("/api/v1/changes")).status_code == 403


async def test_a_transaction_that_ends_late_is_not_missed(reader: CallingSystem, engine: AsyncEngine):
    """The trap of every feed by sequence: the lower number becomes visible after the higher one was read."""
    late = engine.connect()
    connection = await late.start()
    await connection.execute(text("INSERT INTO exchange_outbox (enterprise_id, type) SELECT 1, 'filing.recorded'"))
    number = (await write(engine))[0]
    first, since = await changes(reader)
    assert len(first) == 1 and number == 1
    await connection.commit()
    await connection.close()
    second, _ = await changes(reader, since)
    assert [one for one, _ in second] == ["filing.recorded.v1"]


async def test_a_reader_among_many_writers_misses_nothing(reader: CallingSystem, engine: AsyncEngine):
    ids = await write(engine, 4)
    _, since = await changes(reader)
    done = asyncio.Event()

    async def writer(seed: int) -> None:
        chance = random.Random(seed)
        for step in range(6):
            async with owner_unit_of_work(engine) as session:
                chosen = chance.choice(ids)
                await make_filing(session, chosen, {"sales_revenue": seed * 100 + step}, year=2020 + seed)
                await asyncio.sleep(chance.random() / 50)

    async def read() -> list[Any]:
        heard: list[Any] = []
        place = since
        while True:
            is_last = done.is_set()
            page, place = await changes(reader, place, limit=2)
            heard += page
            if is_last and not page:
                return heard

    reading = asyncio.create_task(read())
    await asyncio.gather(*(writer(seed) for seed in range(1, 4)))
    done.set()
    heard = await reading
    assert len(heard) == (await found(engine, "SELECT count(*) FROM filing"))[0] == 18


# Webhooks -----------------------------------------------------------------------------------------------


def test_the_signature_is_that_of_the_standards_vector():
    made = sign_webhook(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


class Receiver:
    """Takes webhooks as told, and remembers those that it took."""

    def __init__(self, answers: Any = None) -> None:
        self.taken: list[dict[str, Any]] = []
        self.requests: list[httpx.Request] = []
        self.answers = answers or (lambda: 200)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.answers()
        if status == 0:
            raise httpx.ConnectError("gone")
        if 200 <= status < 300 or status == 299:
            self.taken.append(json.loads(request.content))
        return httpx.Response(status, headers={"Location": "https://elsewhere.test"})


@pytest.fixture
async def courier(app: FastAPI, engine: AsyncEngine) -> AsyncGenerator[Courier]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(Receiver())) as http:
        yield Courier(engine, http, keys_of(app.state.settings), INSIDE)


async def carry(courier: Courier, receiver: Receiver, rounds: int = 1) -> None:
    """Everything that is due, with no waiting between attempts."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(receiver)) as http:
        going = Courier(courier.engine, http, courier.keys, INSIDE)
        for _ in range(rounds):
            async with owner_unit_of_work(courier.engine) as session:
                await put_in_order(session)
            async with owner_unit_of_work(courier.engine) as session:
                await turn_into_deliveries(session)
                await session.execute(
                    text("UPDATE webhook_delivery SET next_attempt_at = now() WHERE status = 'waiting'")
                )
            await going.carry()


async def subscribed(reader: CallingSystem, engine: AsyncEngine, **given: Any) -> dict[str, Any]:
    app: Any = reader.http._transport.app  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    app.state.settings = app.state.settings.model_copy(update={"exchange_hosts": INSIDE})
    answer = await reader.http.post("/api/v1/subscriptions", json={"url": ADDRESS} | given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_change_is_told_signed_and_thin(reader: CallingSystem, engine: AsyncEngine, courier: Courier):
    secret = (await subscribed(reader, engine))["secret"]
    await write(engine)
    receiver = Receiver()
    await carry(courier, receiver)
    (request,) = receiver.requests
    moment = int(request.headers["webhook-timestamp"])
    assert abs(moment - datetime.now(UTC).timestamp()) < 30
    due = sign_webhook(secret, request.headers["webhook-id"], moment, request.content)
    assert request.headers["webhook-signature"] == due
    body = receiver.taken[0]
    assert (body["specversion"], body["id"]) == ("1.0", request.headers["webhook-id"])
    assert set(body) == {
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "timestamp",
        "datacontenttype",
        "data",
    }
    assert body["data"].keys() == {"position"}


async def test_what_was_before_the_subscription_is_not_told(
    reader: CallingSystem, engine: AsyncEngine, courier: Courier
):
    await write(engine, 3)
    await subscribed(reader, engine)
    receiver = Receiver()
    await carry(courier, receiver)
    assert receiver.taken == []


async def test_only_what_was_subscribed_to_is_told(reader: CallingSystem, engine: AsyncEngine, courier: Courier):
    await subscribed(reader, engine, types=["recognition.changed"], regions=["321282"], programmes=["hnte"])
    here, there = (await write(engine, region_code="321282"))[0], (await write(engine))[0]
    async with owner_unit_of_work(engine) as session:
        for number in (here, there):
            await make_recognition(session, number)
    receiver = Receiver()
    await carry(courier, receiver)
    code = await found(engine, "SELECT credit_code FROM enterprise WHERE id = :id", id=here)
    assert [one["subject"] for one in receiver.taken] == code


async def test_whatever_the_receiver_does_nothing_is_lost_or_out_of_order(
    reader: CallingSystem, engine: AsyncEngine, courier: Courier
):
    await subscribed(reader, engine)
    ids = await write(engine, 3)
    async with owner_unit_of_work(engine) as session:
        for step in range(4):
            for number in ids:
                await make_filing(session, number, {"sales_revenue": step})
    chance = random.Random(7)
    # 200 without having understood is no case; but it may have taken it and answered an error.
    receiver = Receiver(lambda: chance.choice((200, 200, 500, 0, 429, 302, 404)))
    await carry(courier, receiver, rounds=60)
    assert await found(engine, "SELECT count(*) FROM webhook_delivery WHERE status <> 'sent'") == [0]
    by_subject: dict[str, list[int]] = {}
    for one in receiver.taken:
        by_subject.setdefault(one["subject"], []).append(one["data"]["position"])
    assert sorted(map(len, by_subject.values())) == [5, 5, 5]
    assert all(positions == sorted(positions) for positions in by_subject.values())


async def test_a_sender_that_dies_leaves_the_delivery_to_the_next(
    reader: CallingSystem, engine: AsyncEngine, courier: Courier, monkeypatch: pytest.MonkeyPatch
):
    await subscribed(reader, engine)
    await write(engine)
    receiver = Receiver()
    with monkeypatch.context() as patch:

        async def die(*_: Any) -> None:
            raise RuntimeError("killed")

        patch.setattr(Courier, "_send", die)
        with pytest.raises(RuntimeError, match="killed"):
            await carry(courier, receiver)
    assert await found(engine, "SELECT status FROM webhook_delivery") == ["waiting"]
    await carry(courier, receiver)
    assert len(receiver.taken) == 1


async def test_a_dead_delivery_holds_its_enterprise_back_until_it_is_sent_again(
    reader: CallingSystem, engine: AsyncEngine, courier: Courier
):
    await subscribed(reader, engine)
    stuck, other = await write(engine, 2)
    receiver = Receiver(lambda: 500)
    await carry(courier, receiver, rounds=len(SCHEDULE) + 1)
    assert set(await found(engine, "SELECT status FROM webhook_delivery")) == {"dead"}
    async with owner_unit_of_work(engine) as session:
        for number in (stuck, other):
            await make_filing(session, number)
    sound = Receiver()
    await carry(courier, sound, rounds=2)
    assert sound.taken == []
    dead = await found(engine, "SELECT id FROM webhook_delivery WHERE status = 'dead' ORDER BY enterprise_id")
    async with owner_unit_of_work(engine) as session:
        assert await send_again(session, dead[0])
        assert await let_go(session, dead[1])
        assert not await let_go(session, dead[1])
    await carry(courier, sound, rounds=3)
    told = [one["type"].split("registry.")[1] for one in sound.taken]
    assert sorted(told) == ["enterprise.updated.v1", "filing.recorded.v1", "filing.recorded.v1"]


async def test_gone_ends_the_subscription(reader: CallingSystem, engine: AsyncEngine, courier: Courier):
    await subscribed(reader, engine)
    await write(engine, 2)
    receiver = Receiver(lambda: 410)
    await carry(courier, receiver, rounds=3)
    assert await found(engine, "SELECT is_active FROM webhook_endpoint") == [False]
    assert len(receiver.requests) == 2  # both were on their way at once; none after


async def test_a_redirect_is_not_followed(reader: CallingSystem, engine: AsyncEngine, courier: Courier):
    await subscribed(reader, engine)
    await write(engine)
    receiver = Receiver(lambda: 302)
    await carry(courier, receiver)
    assert [str(one.url) for one in receiver.requests] == [ADDRESS]


async def test_after_a_change_of_secret_both_sign_for_a_day(
    reader: CallingSystem, engine: AsyncEngine, courier: Courier
):
    secret = (await subscribed(reader, engine))["secret"]
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE webhook_endpoint SET generation = 2, rotated_at = now()"))
    await write(engine)
    receiver = Receiver()
    await carry(courier, receiver)
    headers = receiver.requests[0].headers
    old = sign_webhook(secret, headers["webhook-id"], int(headers["webhook-timestamp"]), receiver.requests[0].content)
    assert old in headers["webhook-signature"].split(" ") and len(headers["webhook-signature"].split(" ")) == 2


async def test_addresses_of_our_own_network_are_refused(reader: CallingSystem):
    for url in (
        "https://127.0.0.1/x", "https://10.0.0.8/x", "https://169.254.169.254/latest", "https://[::1]/x", "https://localhost/x",
        "http://example.com/x", "ftp://example.com", "https://user:pass@example.com", "https:///x", "nonsense",
    ):  # fmt: skip
        with pytest.raises(SubscriptionRefused):
            await refuse_address(url, ())
    answer = await reader.http.post("/api/v1/subscriptions", json={"url": "https://127.0.0.1/x"})
    assert answer.json()["type"].endswith("/subscription-refused")


async def test_one_sees_and_ends_ones_own_subscriptions_only(app: FastAPI, reader: CallingSystem, engine: AsyncEngine):
    mine = await subscribed(reader, engine)
    other = await calling_system(app, "other-bank")
    assert (await other.http.get("/api/v1/subscriptions")).json() == []
    assert (await other.http.delete(f"/api/v1/subscriptions/{mine['id']}")).status_code == 404
    assert [one["secret"] for one in (await reader.http.get("/api/v1/subscriptions")).json()] == [None]
    assert (await reader.http.delete(f"/api/v1/subscriptions/{mine['id']}")).status_code == 204
    assert (await reader.http.get("/api/v1/subscriptions")).json()[0]["is_active"] is False


# The worker ---------------------------------------------------------------------------------------------


async def test_the_worker_evaluates_whom_a_large_batch_left(app: FastAPI, engine: AsyncEngine):
    from backend.exchange.worker import Worker
    from rules.library import library

    worker = Worker(engine, app.state.settings, library())
    await worker.evaluate()
    (number,) = await write(engine)
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, number)
        await put_in_order(session)
    assert await found(engine, "SELECT count(*) FROM eligibility") == [0]
    assert await worker.evaluate() == 1
    assert await found(engine, "SELECT count(*) > 0 FROM eligibility") == [True]
    assert await worker.evaluate() == 0
