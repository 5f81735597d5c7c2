"""Asking a system that misbehaves: nothing is believed that does not prove itself, and what can be mended is waited for."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from backend.exchange.client import Declined, Exchanged, Patience, SystemClient, Throttled, Unreachable, Untrustworthy
from backend.exchange.simulation import Simulator
from backend.exchange.wire import Question, digest_of, digest_of_all
from tests.backend.exchange.conftest import ClientOf, faulty

ONCE = Patience(attempts=1, timeout=5)
ALL = Question(limit=500)


async def everything(client: SystemClient, form: str = "A100000", limit: int = 7) -> dict[str, Any]:
    """All records of a form, page after page, the highest revision of each."""
    found: dict[str, Any] = {}
    question = Question(limit=limit)
    while True:
        page = await client.search(form, question)
        for one in page.records:
            if one["revision"] >= found.get(one["id"], one)["revision"]:
                found[one["id"]] = one
        if page.next is None:
            return found
        question = question.model_copy(update={"cursor": page.next})


def held(simulator: Simulator, form: str = "A100000") -> dict[str, int]:
    return {name: len(revisions) for name, revisions in simulator.records[form].items()}


async def test_page_after_page_brings_everything_once(tax: Simulator, tax_url: str, client_of: ClientOf):
    found = await everything(client_of(tax_url))
    assert {name: one["revision"] for name, one in found.items()} == held(tax)


@pytest.mark.parametrize(
    "fault",
    [
        {"errors": 0.4}, {"truncated": 0.4}, {"wrong_signatures": 0.4}, {"broken": 0.4}, {"latency_ms": 3},
        {"clock_skew_seconds": 3600, "skewed": 0.4}, {"duplicates": 0.5, "reordering": True},
        {"errors": 0.3, "retry_after": 0.01},
    ],
    ids=str,
)  # fmt: skip
async def test_a_faulty_system_brings_the_same_as_a_sound_one(
    fault: dict[str, Any], tax: Simulator, tax_url: str, client_of: ClientOf
):
    tax.behave(faulty(**fault))
    found = await everything(client_of(tax_url))
    assert {name: one["revision"] for name, one in found.items()} == held(tax)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"wrong_signatures": 1}, Untrustworthy), ({"clock_skew_seconds": 301}, Untrustworthy),
        ({"clock_skew_seconds": -301}, Untrustworthy), ({"broken": 1}, Unreachable), ({"truncated": 1}, Exception),
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_does_not_prove_itself_is_not_taken(
    fault: dict[str, Any], told: type[Exception], tax: Simulator, tax_url: str, client_of: ClientOf
):
    tax.behave(faulty(**fault))
    with pytest.raises(told):
        await client_of(tax_url, ONCE).search("A100000", ALL)


async def test_a_page_with_fewer_records_than_it_says_is_asked_for_again():
    async def short(request: httpx.Request) -> httpx.Response:
        from backend.exchange.gateway import CITY, Message

        body = b'{"count": 2, "records": [{}], "next": null}'
        signed = CITY.sign("k", "s", Message(request.method, request.url.path, "", body))
        return httpx.Response(200, headers=signed, content=body)

    from backend.exchange.client import Credentials

    async with httpx.AsyncClient(transport=httpx.MockTransport(short)) as http:
        with pytest.raises(Unreachable, match="应有 2 条，只到了 1 条"):
            await SystemClient(http, Credentials("http://x", "k", "s"), ONCE).search("A100000", ALL)


async def test_retry_after_is_waited_for(tax: Simulator, tax_url: str, client_of: ClientOf):
    tax.behave(faulty(errors=1, retry_after=0.1))
    start = time.monotonic()
    with pytest.raises((Throttled, Unreachable)):
        await client_of(tax_url, Patience(attempts=6, first_wait=0, longest_wait=0, jitter=0)).search("A100000", ALL)
    assert time.monotonic() - start >= 0.5  # five waits of 0.1 s before the sixth attempt gives up


async def test_a_wait_of_hours_ends_the_run_instead(tax: Simulator, tax_url: str, client_of: ClientOf):
    tax.behave(faulty(errors=1, retry_after=3600, seed=3))
    with pytest.raises((Throttled, Unreachable)):
        await client_of(tax_url).search("A100000", ALL)


async def test_a_refusal_is_not_tried_again(tax: Simulator, tax_url: str, http: httpx.AsyncClient):
    from backend.exchange.client import Credentials

    heard: list[Exchanged] = []

    async def listen(one: Exchanged) -> None:
        heard.append(one)

    with pytest.raises(Declined, match="401"):
        await SystemClient(http, Credentials(tax_url, "key", "wrong secret"), listener=listen).search("A100000", ALL)
    assert [one.status for one in heard] == [401]


async def test_nobody_answers(http: httpx.AsyncClient):
    from backend.exchange.client import Credentials

    with pytest.raises(Unreachable, match="没有完整应答"):
        await SystemClient(http, Credentials("http://127.0.0.1:9", "k", "s"), ONCE).search("A100000", ALL)


async def test_only_what_was_asked_for_comes(tax: Simulator, tax_url: str, client_of: ClientOf):
    code = next(iter(tax.records["A100000"].values()))[0]["code"]
    page = await client_of(tax_url).search("A100000", Question(codes=[code], limit=500))
    assert {one["code"] for one in page.records} == {code}


async def test_only_what_changed_since_comes(tax: Simulator, tax_url: str, client_of: ClientOf):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    page = await client_of(tax_url).search("A100000", Question(updated_since=since, limit=500))
    assert page.records and all(datetime.fromisoformat(one["updated_at"]) >= since for one in page.records)


async def test_an_unchanged_list_is_not_sent_again(credit_url: str, client_of: ClientOf):
    client = client_of(credit_url)
    first = await client.listing("points", None, 500)
    second = await client.listing("points", None, 500, first.etag)
    assert (bool(first.page.records), second.is_unchanged, second.page.records) == (True, True, [])


async def test_facts_told_twice_under_one_key_count_once(credit: Simulator, credit_url: str, client_of: ClientOf):
    client = client_of(credit_url)
    await client.tell("facts", [{"code": "A"}], "key-1")
    await client.tell("facts", [{"code": "A"}], "key-1")
    assert len(credit.told) == 1


async def test_the_totals_of_a_system_can_be_worked_out_by_us(tax: Simulator, tax_url: str, client_of: ClientOf):
    found = await everything(client_of(tax_url))
    mine = {name: digest_of(one["fields"], one["revision"]) for name, one in found.items() if one["year"] == 2025}
    totals = await client_of(tax_url).totals("A100000", 2025, Question())
    assert (totals.count, totals.digest) == (len(mine), digest_of_all(mine))


async def test_a_simulator_starts_the_same_every_time():
    from backend.exchange.tax.fake import tax_simulator
    from tests.backend.exchange.conftest import DAY

    assert tax_simulator(5, DAY).records == tax_simulator(5, DAY).records
