"""A system that we pull from is told what became of what it sent: once, whole, and without a figure."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import libpq_url
from backend.database.session import owner_unit_of_work
from backend.exchange import carrying, receipts
from backend.exchange.authorisations import withdraw
from backend.exchange.carrying import ReceiptRefused, carry_receipts, hand_over, tell_again
from backend.exchange.client import SystemClient
from backend.exchange.simulation import PRACTICE_KEY, Simulator
from backend.exchange.systems import USUAL_REPORT
from backend.exchange.wire import Receipt
from backend.exchange.worker import Worker
from rules.library import library
from tests.backend.exchange.conftest import SETTINGS, faulty
from tests.backend.exchange.test_killed_couriers import process
from tests.backend.exchange.test_pulling import PullOf, found, pull_of, pulled, registry
from tests.factories import column

__all__ = ["pull_of", "registry"]
STATUS = "SELECT status FROM exchange_receipt ORDER BY part"


async def set_up(engine: AsyncEngine, url: str, path: str = USUAL_REPORT) -> None:
    """Let the tax system be told at an address of its own."""
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text("UPDATE exchange_system SET url = :url, key = :key, report_path = :path WHERE id = 'tax'"),
            {"url": url, "key": PRACTICE_KEY, "path": path},
        )


async def carry(engine: AsyncEngine) -> int:
    return await carry_receipts(engine, SETTINGS, library())


async def let_be_due(engine: AsyncEngine) -> None:
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE exchange_receipt SET next_attempt_at = now()"))


def told(tax: Simulator) -> list[Receipt]:
    return list(tax.receipts.told.values())


class Withdrawing(SystemClient):
    """Whoever authorised withdraws after the question and before its answer is stored."""

    engine: AsyncEngine

    async def search(self, form: str, question: Any) -> Any:
        page = await super().search(form, question)
        async with owner_unit_of_work(self.engine) as session:
            for number in await column(session, "SELECT id FROM tax_authorisation WHERE withdrawn_at IS NULL"):
                await withdraw(session, number)
        return page


async def withdrawn_run(pull_of: PullOf, url: str) -> AsyncEngine:
    """A run in which everybody withdraws."""
    pull = pull_of(url)
    await set_up(pull.engine, url)
    client = Withdrawing(pull.client.http, pull.client.credentials, pull.client.patience, pull.client.listener)
    client.engine, pull.client = pull.engine, client
    await pull.run()
    return pull.engine


async def test_the_sums_of_a_run_are_those_of_what_was_sent(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    run = await pull.run()
    assert await carry(pull.engine) == 1
    (receipt,) = told(tax)
    assert (receipt.run, receipt.purpose) == (str(run.id), pull.connector.purpose)
    assert sum(one.received.count for one in receipt.forms) == run.counts["received"] > 0
    assert (receipt.refused, [one.applied.count for one in receipt.forms]) == (
        [], [one.received.count for one in receipt.forms],
    )  # fmt: skip
    assert await found(pull.engine, "SELECT answer->>'agrees' FROM exchange_receipt") == ["true"]
    assert await found(pull.engine, "SELECT count(*) FROM exchange_taken") == [0]


@pytest.mark.parametrize("seed", range(2))
async def test_both_sides_sums_agree_whatever_happened_on_the_way(
    tax: Simulator, tax_url: str, pull_of: PullOf, seed: int
):
    pull = pull_of(tax_url, all_forms=True)
    await set_up(pull.engine, tax_url)
    tax.behave(
        faulty(
            errors=0.1, duplicates=0.3, reordering=True, truncated=0.1, wrong_signatures=0.1, broken=0.1,
            changed_schema=seed == 1, seed=seed,
        )
    )  # fmt: skip
    await pulled(pull)
    while await found(pull.engine, "SELECT 1 FROM exchange_receipt WHERE status = 'waiting'"):
        await let_be_due(pull.engine)
        await carry(pull.engine)
    assert await found(pull.engine, "SELECT answer->>'agrees' FROM exchange_receipt") == ["true"]


async def test_a_refusal_for_want_of_an_authorisation_is_told_and_nothing_of_what_was_refused(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    engine = await withdrawn_run(pull_of, tax_url)
    await carry(engine)
    (receipt,) = told(tax)
    refused = [one for one in receipt.refused if one.form == "A100000"]
    (summed,) = (one for one in receipt.forms if one.form == "A100000")
    assert summed.refused == {"unauthorised": len(refused)} and summed.applied.count == 0 < len(refused)
    assert {(one.reason, one.digest) for one in refused} == {("unauthorised", "")}
    assert all(one.id in tax.records["A100000"] and one.detail and one.remedy for one in refused)
    sent = [value for one in refused for value in tax.records["A100000"][one.id][-1]["fields"].values()]
    assert not any(f'"{value}"' in receipt.model_dump_json() for value in sent)
    assert await found(engine, "SELECT answer->>'agrees' FROM exchange_receipt") == ["true"]


async def test_a_simulator_says_what_it_was_told(tax: Simulator, tax_url: str, pull_of: PullOf):
    heard: list[str] = []
    tax.receipts.listener = heard.append
    engine = await withdrawn_run(pull_of, tax_url)
    await carry(engine)
    async with httpx.AsyncClient() as http:
        (shown,) = (await http.get(f"{tax_url}/_receipts")).json()
    assert (shown["times"], len(shown["refused"])) == (1, len(told(tax)[0].refused))
    assert len(heard) == 1 and "与发送记录一致" in heard[0] and f"退回 {len(shown['refused'])}" in heard[0]


async def test_what_the_other_side_counts_otherwise_comes_back_with_its_answer(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    run = await pull.run()
    sent = tax.receipts.sent[str(run.id)]
    number = next(name for name, one in sent.items() if one["form"] == "A100000")
    sent[number] = {**sent[number], "fields": {"1": "1.00"}}
    await carry(pull.engine)
    (answer,) = await found(pull.engine, "SELECT answer FROM exchange_receipt")
    assert (answer["agrees"], [(one["form"], one["what"]) for one in answer["differences"]]) == (
        False, [("A100000", "applied")],
    )  # fmt: skip


async def test_each_telling_is_in_the_log_of_messages_under_its_key(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    await pull.run()
    await carry(pull.engine)
    (key,) = await found(pull.engine, "SELECT key FROM exchange_receipt")
    logged = await found(
        pull.engine, "SELECT concat_ws(' ', direction, peer, method, status, idempotency_key) FROM exchange_message"
        " WHERE endpoint = :path", path=USUAL_REPORT,
    )  # fmt: skip
    assert logged == [f"out tax POST 200 {key}"]


@pytest.mark.parametrize("fault", [{"errors": 1}, {"truncated": 1}, {"broken": 1}, {"wrong_signatures": 1}], ids=str)
async def test_what_the_other_side_did_not_acknowledge_is_told_again_and_counts_once(
    tax: Simulator, tax_url: str, pull_of: PullOf, fault: dict[str, float]
):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    await pull.run()
    tax.behave(faulty(**fault))
    assert await carry(pull.engine) == 1
    assert await carry(pull.engine) == 0  # not at once
    waiting = "SELECT status FROM exchange_receipt WHERE last_error <> '' AND next_attempt_at > now() + interval '4 s'"
    assert await found(pull.engine, waiting) == ["waiting"]
    tax.behave(faulty())
    await let_be_due(pull.engine)
    await carry(pull.engine)
    assert (await found(pull.engine, STATUS), len(told(tax))) == (["told"], 1)
    assert set(tax.receipts.times.values()) == {1 if "errors" in fault else 2}


async def test_who_takes_too_long_is_told_again_and_counts_once(
    tax: Simulator, tax_url: str, pull_of: PullOf, monkeypatch: pytest.MonkeyPatch
):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    await pull.run()
    tax.behave(faulty(latency_ms=1000))
    monkeypatch.setattr(carrying, "TIMEOUT", 0.3)
    await carry(pull.engine)
    assert await found(pull.engine, "SELECT last_error FROM exchange_receipt WHERE status = 'waiting'") == [
        "对方 0.3 秒内没有答完。"
    ]
    tax.behave(faulty())
    monkeypatch.undo()
    await let_be_due(pull.engine)
    await carry(pull.engine)
    for _ in range(200):  # the first one arrives as well, late
        if sum(tax.receipts.times.values()) == 2:
            break
        await asyncio.sleep(0.05)
    assert (await found(pull.engine, STATUS), list(tax.receipts.times.values())) == (["told"], [2])


async def test_a_teller_that_is_killed_before_it_is_answered_has_told_once(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    engine = await withdrawn_run(pull_of, tax_url)
    settings = {
        "TIDU_DATABASE_URL": libpq_url(engine.url.render_as_string(hide_password=False)),
        "TIDU_EXCHANGE_SECRET": "for tests only",
    }  # fmt: skip
    tax.behave(faulty(broken=1))
    async with process("-m", "backend.cli", "exchange", "work", **settings) as teller:
        while not tax.receipts.times:
            assert teller.returncode is None
            await asyncio.sleep(0.05)
    tax.behave(faulty())
    first = json.dumps([one.model_dump(mode="json") for one in told(tax)])
    await let_be_due(engine)  # as if the lease of whoever died, or the pause, were over
    await carry(engine)
    assert (await found(engine, STATUS), set(tax.receipts.times.values())) == (["told"], {2})
    assert json.dumps([one.model_dump(mode="json") for one in told(tax)]) == first


async def test_a_receipt_with_much_refused_comes_in_parts(
    tax: Simulator, tax_url: str, pull_of: PullOf, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(receipts, "PART", 2)
    engine = await withdrawn_run(pull_of, tax_url)
    parts = (await found(engine, "SELECT (count(*) + 1) / 2 FROM exchange_taken"))[0]
    assert await carry(engine) == parts > 1
    refused = [item.id for one in told(tax) for item in one.refused]
    assert len(refused) == len(set(refused)) and [one.part for one in told(tax)] == list(range(1, parts + 1))
    assert await found(engine, "SELECT answer->>'agrees' FROM exchange_receipt ORDER BY part") == [
        *[None] * (parts - 1),
        "true",
    ]


async def test_without_an_address_a_receipt_waits_and_is_told_once_there_is_one(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url, path="")
    await pull.run()
    assert (await carry(pull.engine), await found(pull.engine, STATUS)) == (0, ["waiting"])
    await set_up(pull.engine, tax_url)
    assert (await carry(pull.engine), await found(pull.engine, STATUS)) == (1, ["told"])


async def test_what_was_handed_over_is_not_told_again(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url, path="")
    run = await pull.run()
    async with owner_unit_of_work(pull.engine) as session:
        await hand_over(session, run.id, 7)
    await set_up(pull.engine, tax_url)
    assert (await carry(pull.engine), await found(pull.engine, STATUS)) == (0, ["handed_over"])
    with pytest.raises(ReceiptRefused):
        async with owner_unit_of_work(pull.engine) as session:
            await tell_again(session, run.id)


async def test_items_that_were_told_long_ago_are_let_go_and_others_stay(tax: Simulator, tax_url: str, pull_of: PullOf):
    engine = await withdrawn_run(pull_of, tax_url)
    kept = "SELECT count(*) > 0 FROM exchange_taken"
    for told_at, is_kept in (
        ("NULL", True),
        ("now() - interval '399 days'", True),
        ("now() - interval '401 days'", False),
    ):
        async with owner_unit_of_work(engine) as session:
            status = "waiting" if told_at == "NULL" else "told"
            await session.execute(text(f"UPDATE exchange_receipt SET told_at = {told_at}, status = '{status}'"))
        await Worker(engine, SETTINGS, library()).forget()
        assert await found(engine, kept) == [is_kept]


async def test_after_three_days_a_receipt_is_dead_until_somebody_sends_it_again(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)
    await set_up(pull.engine, tax_url)
    run = await pull.run()
    tax.behave(faulty(errors=1))
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE exchange_receipt SET attempts = 9"))
    await carry(pull.engine)
    assert await found(pull.engine, STATUS) == ["dead"]
    tax.behave(faulty())
    async with owner_unit_of_work(pull.engine) as session:
        await tell_again(session, run.id)
    await carry(pull.engine)
    assert await found(pull.engine, STATUS) == ["told"]


async def test_a_run_that_brought_nothing_needs_no_receipt(tax: Simulator, tax_url: str, pull_of: PullOf):
    tax.records.clear()
    await pull_of(tax_url).run()
    assert await found(pull_of(tax_url).engine, STATUS) == []


UNFIT: list[dict[str, Any]] = [
    {"revision": 2**40}, {"code": "9132\0"}, {"fields": {"1": "\ud800"}}, {"id": ""}, {"stated_on": "gestern"},
    {"fields": {"1": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}},
]  # fmt: skip


async def test_what_is_no_record_is_told_and_lets_the_rest_of_its_page_in(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)

    class Mangling(SystemClient):
        async def search(self, form: str, question: Any) -> Any:
            page = await super().search(form, question)
            if form != "A100000" or not page.records:
                return page
            bad = [{**page.records[0], "id": f"bad-{place}", **one} for place, one in enumerate(UNFIT)]
            return page.model_copy(update={"records": [*page.records, *bad]})

    pull.client = Mangling(pull.client.http, pull.client.credentials, pull.client.patience, pull.client.listener)
    run = await pull.run()
    refused = await found(
        pull.engine, "SELECT DISTINCT record_id FROM exchange_taken WHERE fate = 'malformed' ORDER BY 1"
    )
    assert [one for one in refused if one.startswith("bad-")] == [f"bad-{place}" for place in (0, 1, 2, 4, 5)]
    assert any(one.startswith("sha256-") for one in refused) and run.counts["applied"] > 0
