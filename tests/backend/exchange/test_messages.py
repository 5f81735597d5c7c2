"""The log of messages proves itself, without the service and without the database."""

import base64
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.exchange.keys import Keys
from backend.exchange.messages import exported, faults_of_log, log_message, seal_messages
from backend.exchange.models import ExchangeMessage

KEYS = Keys(b"1" * 32)


@pytest.fixture
async def lines(engine: AsyncEngine) -> list[str]:
    """A sealed log of five messages, in two portions."""
    for portion in (3, 2):
        async with owner_unit_of_work(engine) as session:
            for number in range(portion):
                now = datetime.now(UTC)
                await log_message(
                    session,
                    ExchangeMessage(
                        direction="in", peer="tax-bureau", method="POST", endpoint="/api/v1/filings", request_id=f"r{number}",
                        request_digest="a" * 64, status=200, started_at=now, finished_at=now,
                    ),
                )  # fmt: skip
        async with owner_unit_of_work(engine) as session:
            assert await seal_messages(session, KEYS) == portion
    async with owner_unit_of_work(engine) as session:
        return await exported(session, KEYS)


def key(lines: list[str]) -> str:
    return json.loads(lines[0])["public_key"]


async def test_an_untouched_log_is_proven(lines: list[str]):
    assert len(lines) == 6
    assert list(faults_of_log(lines, key(lines))) == []


async def test_whatever_is_done_to_the_log_is_found_out(lines: list[str]):
    public = key(lines)
    changed = [*lines[:3], lines[3].replace("r2", "r9"), *lines[4:]]
    assert "第 4 行" in next(faults_of_log(changed, public))
    removed = [*lines[:2], *lines[3:]]
    assert "第 3 行" in next(faults_of_log(removed, public))
    swapped = [*lines[:2], lines[3], lines[2], *lines[4:]]
    assert next(faults_of_log(swapped, public))
    cut = lines[:-1]
    assert list(faults_of_log(cut, public)) == ["最后一行没有签名：后面有行被删去。"]


async def test_a_log_made_anew_with_another_key_is_not_ours(lines: list[str], engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        forged = await exported(session, Keys(b"2" * 32))
    assert "公钥" in next(faults_of_log(forged, key(lines)))
    own = base64.b64encode(b"3" * 32).decode()
    assert next(faults_of_log([json.dumps({"public_key": own}), *lines[1:]], key(lines)))


async def test_a_forged_signature_is_named(lines: list[str]):
    last = json.loads(lines[-1])
    last["sealed"] = base64.b64encode(b"0" * 64).decode()
    found = list(faults_of_log([*lines[:-1], json.dumps(last)], key(lines)))
    assert "第 6 行的签名不符。" in found


@pytest.mark.parametrize("statement", ["UPDATE exchange_message SET status = 500", "DELETE FROM exchange_message"])
async def test_not_even_the_owner_changes_a_message(lines: list[str], engine: AsyncEngine, statement: str):
    with pytest.raises(DBAPIError, match="kept as they were written"):
        async with owner_unit_of_work(engine) as session:
            await session.execute(text(statement))


async def test_a_district_sees_no_messages(lines: list[str], engine: AsyncEngine):
    async with unit_of_work(engine, Scope.district("321282")) as session:
        assert (await session.execute(text("SELECT count(*) FROM exchange_message"))).scalar_one() == 0
    async with unit_of_work(engine, Scope.city()) as session:
        assert (await session.execute(text("SELECT count(*) FROM exchange_message"))).scalar_one() == 5


async def test_what_comes_long_after_the_last_seal_is_chained_too(lines: list[str], engine: AsyncEngine):
    now = datetime.now(UTC)
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE exchange_seal SET sealed_at = sealed_at - interval '3 days'"))
    async with owner_unit_of_work(engine) as session:
        late = ExchangeMessage(
            direction="in", peer="tax-bureau", method="POST", endpoint="/api/v1/events", request_id="late",
            request_digest="b" * 64, status=200, started_at=now, finished_at=now,
        )  # fmt: skip
        await log_message(session, late)
    async with owner_unit_of_work(engine) as session:
        assert [await seal_messages(session, KEYS) for _ in range(2)] == [1, 0]
    async with owner_unit_of_work(engine) as session:
        whole = await exported(session, KEYS)
    assert len(whole) == len(lines) + 1
    assert list(faults_of_log(whole, json.loads(whole[0])["public_key"])) == []
