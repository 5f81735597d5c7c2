"""Pulling from a system that misbehaves ends in the state of a run in which it does not."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.demo.population import population
from backend.exchange.authorisations import NewAuthorisation, authorise, withdraw
from backend.exchange.client import ExchangeFailed, Patience, SystemClient
from backend.exchange.connector import CULTIVATION
from backend.exchange.connectors import connectors
from backend.exchange.pulling import Pull, PullRefused, Run
from backend.exchange.rehearsal import rehearse
from backend.exchange.simulation import Simulator
from backend.exchange.storing import store_page
from rules.library import library
from tests.backend.exchange.conftest import DAY, ClientOf, faulty
from tests.factories import column, make_enterprise

SIZE = 5
PullOf = Callable[..., Pull]


@pytest.fixture
async def registry(engine: AsyncEngine) -> AsyncEngine:
    """The simulators' enterprises, registered; all but the last have authorised everything."""
    async with owner_unit_of_work(engine) as session:
        ids = [
            await make_enterprise(session, credit_code=one.code, name=one.name)
            for one, _ in zip(population(SIZE, DAY), range(SIZE), strict=False)
        ]
        await session.execute(text("INSERT INTO exchange_system (id, name) VALUES ('tax', '税务'), ('credit', '积分')"))
        for number in ids[:-1]:
            await authorise(session, consent(number))
    return engine


def consent(enterprise_id: int, **given: Any) -> NewAuthorisation:
    values: dict[str, Any] = {
        "groups": ("detail", "status"), "purpose": CULTIVATION, "first_year": 2000, "last_year": 2090,
        "valid_from": date(2020, 1, 1), "valid_to": date(2090, 1, 1), "signed_by": "王敏",
    } | given  # fmt: skip
    return NewAuthorisation(enterprise_id, **values)


@pytest.fixture
def pull_of(registry: AsyncEngine, client_of: ClientOf) -> PullOf:
    def make(url: str, system: str = "tax", *, all_forms: bool = False, **given: Any) -> Pull:
        from dataclasses import replace

        connector = replace(connectors()[system], portion=2, page=5)
        if system == "tax" and not all_forms:
            connector = replace(connector, forms=("A100000", "major_violation"))
        return Pull(registry, connector, client_of(url, **given), library())

    return make


STATE = """
    SELECT 'yearly', y::text FROM fact_yearly y UNION ALL SELECT 'current', c::text FROM fact_current c UNION ALL
    SELECT 'record', concat_ws('|', system, record_id, code, form, year, revision, digest, fate) FROM exchange_record
    UNION ALL SELECT 'points', concat_ws('|', enterprise_id, points_system, year, revision, total) FROM points_result
    UNION ALL SELECT 'outcome', concat_ws('|', enterprise_id, programme, outcome) FROM eligibility
"""


async def state(engine: AsyncEngine) -> list[tuple[str, str]]:
    """Everything that a pull leaves, but for when and how often it was tried."""
    async with owner_unit_of_work(engine) as session:
        return sorted((row[0], row[1]) for row in await session.execute(text(STATE)))


async def found(engine: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with owner_unit_of_work(engine) as session:
        return await column(session, query, **values)


async def forget(engine: AsyncEngine) -> None:
    """As if nothing had been pulled yet."""
    async with owner_unit_of_work(engine) as session:
        # Table by table: what refers to filings is much, authorisations with their papers among it.
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in (
            "exchange_record", "exchange_cursor", "exchange_run", "exchange_taken", "exchange_receipt", "exchange_unknown_field",
            "filing", "fact_yearly", "fact_current", "eligibility", "eligibility_change", "eligibility_run", "points_result", "exchange_outbox",
        ):  # fmt: skip
            await session.execute(text(f"DELETE FROM {table}"))
        await session.execute(text("UPDATE exchange_system SET failures = 0, open_until = NULL"))


async def pulled(pull: Pull) -> Run:
    """Pull until a run ends well, as a schedule would."""
    for _ in range(30):
        try:
            return await pull.run()
        except ExchangeFailed:
            async with owner_unit_of_work(pull.engine) as session:
                await session.execute(text("UPDATE exchange_system SET open_until = NULL"))
    raise AssertionError("no run ended well")


async def test_returns_become_filings_of_the_tax_source(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    run = await pull.run()
    revenue = await found(
        pull.engine, "SELECT operating_revenue FROM fact_yearly WHERE year = 2025 ORDER BY enterprise_id"
    )
    assert len(revenue) == SIZE - 1 and all(revenue)
    assert set(await found(pull.engine, "SELECT source FROM filing")) == {"tax"}
    assert run.counts["applied"] == run.counts["received"] and run.counts["evaluated"] == SIZE
    assert await found(pull.engine, "SELECT count(*) > 0 FROM eligibility") == [True]


async def test_nobody_who_did_not_authorise_is_asked_about(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    silent = (await found(pull.engine, "SELECT credit_code FROM enterprise ORDER BY id DESC LIMIT 1"))[0]
    asked = {code for form, codes in tax.asked if form != "major_violation" for code in codes or ()}
    assert len(asked) == SIZE - 1 and silent not in asked
    # What is public needs no authorisation.
    assert any(silent in (codes or ()) for form, codes in tax.asked if form == "major_violation")


async def test_pulling_again_changes_nothing(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    before = await state(pull.engine)
    again = await pull.run()
    assert (await state(pull.engine), again.counts["applied"], again.counts["filed"]) == (before, 0, 0)


async def test_every_fault_together_leads_to_the_state_of_none(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url, all_forms=True)
    await pull.run()
    sound = await state(pull.engine)
    for seed in range(6):
        await forget(pull.engine)
        tax.behave(
            faulty(
                errors=0.1, duplicates=0.3, reordering=True, truncated=0.1, clock_skew_seconds=4000, skewed=0.1,
                wrong_signatures=0.1, broken=0.1, seed=seed,
            )
        )  # fmt: skip
        await pulled(
            pull_of(tax_url, all_forms=True, patience=Patience(attempts=2, first_wait=0, longest_wait=0, jitter=0))
        )
        assert await state(pull.engine) == sound


async def test_a_changed_schema_is_reported_and_changes_no_figure(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    facts = [one for one in await state(pull.engine) if one[0] in ("yearly", "current")]
    await forget(pull.engine)
    tax.behave(faulty(changed_schema=True))
    await pull.run()
    assert [one for one in await state(pull.engine) if one[0] in ("yearly", "current")] == facts
    unknown = await found(pull.engine, "SELECT DISTINCT label FROM exchange_unknown_field ORDER BY label")
    assert unknown == ["99", "channel"]
    kept = await found(
        pull.engine, "SELECT DISTINCT kept->'unknown'->>'99' FROM exchange_record WHERE fate = 'applied'"
    )
    assert kept == ["新增栏次"]


async def test_a_correction_that_comes_late_is_read_again_within_the_window(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)
    await pull.run()
    stated = next(one[-1] for one in tax.records["A100000"].values() if one[-1]["year"] == 2025)
    # Entered before the last change that we read, and shown to us only now.
    late = stated | {
        "fields": stated["fields"] | {"1": "123.00"},
        "updated_at": datetime(2026, 6, 29, tzinfo=UTC).isoformat(),
    }
    tax.put([late])
    run = await pull.run()
    values = await found(
        pull.engine, "SELECT operating_revenue FROM fact_yearly JOIN enterprise e ON e.id = enterprise_id"
        " WHERE year = 2025 AND e.credit_code = :code", code=stated["code"],
    )  # fmt: skip
    assert (values, run.counts["applied"]) == ([12300], 1)


async def test_an_older_revision_does_not_undo_a_newer_one(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    before = await state(pull.engine)
    revisions = next(one for one in tax.records["A100000"].values() if len(one) > 1)
    revisions[:] = [revisions[0] | {"updated_at": datetime(2026, 11, 1, tzinfo=UTC).isoformat()}]
    run = await pull.run()
    assert (await state(pull.engine), run.counts["stale"]) == (before, 1)


async def test_who_authorises_later_is_asked_about_from_the_beginning(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    async with owner_unit_of_work(pull.engine) as session:
        last = (await column(session, "SELECT max(id) FROM enterprise"))[0]
        await authorise(session, consent(last))
    await pull.run()
    assert await found(pull.engine, "SELECT count(*) > 3 FROM fact_yearly WHERE enterprise_id = :id", id=last) == [True]


async def test_a_withdrawal_in_the_middle_of_a_run_stops_the_flow_at_once(
    tax: Simulator, tax_url: str, pull_of: PullOf
):
    pull = pull_of(tax_url)

    class Withdrawing(SystemClient):
        """The enterprise withdraws after it was asked about and before the answer is stored."""

        async def search(self, form: str, question: Any) -> Any:
            page = await super().search(form, question)
            async with owner_unit_of_work(pull.engine) as session:
                for number in await column(session, "SELECT id FROM tax_authorisation WHERE withdrawn_at IS NULL"):
                    await withdraw(session, number)
            return page

    pull.client = Withdrawing(pull.client.http, pull.client.credentials, pull.client.patience, pull.client.listener)
    run = await pull.run()
    assert run.counts["unauthorised"] > 0
    assert await found(pull.engine, "SELECT count(*) FROM filing WHERE values ? 'operating_revenue'") == [0]
    refused = await found(
        pull.engine, "SELECT DISTINCT concat(digest, kept) FROM exchange_record WHERE fate = 'unauthorised'"
    )
    assert refused == ["{}"]


async def test_what_was_taken_in_before_a_withdrawal_stays(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    before = await state(pull.engine)
    async with owner_unit_of_work(pull.engine) as session:
        for number in await column(session, "SELECT id FROM tax_authorisation"):
            await withdraw(session, number)
    await pull.run()
    assert await state(pull.engine) == before


async def test_a_run_that_failed_is_gone_on_with_where_it_was(tax: Simulator, tax_url: str, pull_of: PullOf):
    once = Patience(attempts=1)
    pull = pull_of(tax_url, patience=once)
    await pull.run()
    sound = await state(pull.engine)
    await forget(pull.engine)
    tax.behave(faulty(errors=0.3))
    await pulled(pull)
    assert await state(pull.engine) == sound
    runs = await found(pull.engine, "SELECT status FROM exchange_run")
    assert runs == ["done"]
    asked = await found(pull.engine, "SELECT count(*) FROM exchange_message WHERE status = 200")
    pages = await found(pull.engine, "SELECT counts->>'pages' FROM exchange_run")
    # No page that had been stored was asked for twice: the other half are those of the first, sound run.
    assert asked[0] == 2 * int(pages[0])


async def test_three_failures_in_a_row_open_the_breaker(tax: Simulator, tax_url: str, pull_of: PullOf):
    tax.behave(faulty(errors=1))
    pull = pull_of(tax_url, patience=Patience(attempts=1))
    for _ in range(3):
        with pytest.raises(ExchangeFailed):
            await pull.run()
    with pytest.raises(PullRefused, match="连续失败 3 次"):
        await pull.run()
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE exchange_system SET open_until = now()"))
    tax.behave(faulty())
    await pull.run()
    assert await found(pull.engine, "SELECT failures FROM exchange_system WHERE id = 'tax'") == [0]


async def test_two_pulls_at_once_are_one(tax: Simulator, tax_url: str, pull_of: PullOf):
    import asyncio

    tax.behave(faulty(latency_ms=5))
    results = await asyncio.gather(pull_of(tax_url).run(), pull_of(tax_url).run(), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["PullRefused", "Run"]


async def test_a_paused_system_is_not_asked(tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE exchange_system SET is_paused = true"))
    with pytest.raises(PullRefused, match="已暂停"):
        await pull.run()


async def test_points_of_several_issuers_stand_side_by_side(credit: Simulator, credit_url: str, pull_of: PullOf):
    pull = pull_of(credit_url, "credit")
    await pull.run()
    issuers = await found(
        pull.engine, "SELECT points_system FROM points_result GROUP BY 1 HAVING count(*) = :n ORDER BY 1", n=SIZE
    )
    assert issuers == ["miit_torch", "most_2_0"]
    same = await found(
        pull.engine, "SELECT bool_and(y.innovation_credit_score = p.total) FROM points_result p JOIN fact_yearly y"
        " USING (enterprise_id, year) WHERE p.points_system = 'most_2_0'",
    )  # fmt: skip
    assert same == [True]


async def test_an_unchanged_list_is_asked_for_and_not_sent(credit: Simulator, credit_url: str, pull_of: PullOf):
    pull = pull_of(credit_url, "credit")
    first, again = await pull.run(), await pull.run()
    assert (first.counts["received"] > 0, again.counts["received"]) == (True, 0)
    statuses = await found(pull.engine, "SELECT DISTINCT status FROM exchange_message ORDER BY 1")
    assert statuses == [200, 304]


async def test_a_list_is_read_again_for_whoever_was_registered_since(
    credit: Simulator, credit_url: str, pull_of: PullOf
):
    pull = pull_of(credit_url, "credit")
    async with owner_unit_of_work(pull.engine) as session:
        code = (
            await column(
                session,
                "UPDATE enterprise SET credit_code = NULL WHERE id = 3 RETURNING (SELECT credit_code FROM enterprise WHERE id = 3)",
            )
        )[0]
    await pull.run()
    assert await found(pull.engine, "SELECT DISTINCT fate FROM exchange_record WHERE code = :code", code=code) == [
        "unknown_enterprise"
    ]
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE enterprise SET credit_code = :code WHERE id = 3"), {"code": code})
    await pull.run()
    assert await found(pull.engine, "SELECT DISTINCT fate FROM exchange_record WHERE code = :code", code=code) == [
        "applied"
    ]


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    rehearsal = await rehearse(pull)
    assert await state(pull.engine) == []
    run = await pull.run()
    assert rehearsal.counts["applied"] == run.counts["applied"]
    assert any(one.indicator == "operating_revenue" and one.before is None and one.after for one in rehearsal.changes)
    assert (await rehearse(pull)).changes == []


async def test_the_other_side_works_on_the_next_page_while_one_is_stored(
    tax: Simulator, tax_url: str, pull_of: PullOf, monkeypatch: pytest.MonkeyPatch
):
    pull = pull_of(tax_url)
    asked, second, stored = list[str](), asyncio.Event(), list[int]()

    class Counting(SystemClient):
        async def search(self, form: str, question: Any) -> Any:
            asked.append(form)
            if len(asked) == 2:
                second.set()
            return await super().search(form, question)

    async def storing(*given: Any, **named: Any) -> Any:
        await asyncio.wait_for(second.wait(), 10)
        stored.append(len(asked))
        return await store_page(*given, **named)

    pull.client = Counting(pull.client.http, pull.client.credentials, pull.client.patience, pull.client.listener)
    monkeypatch.setattr("backend.exchange.pulling.store_page", storing)
    await pull.run()
    assert stored[0] == 2


async def test_a_page_that_cannot_be_stored_leaves_no_question_under_way(
    tax: Simulator, tax_url: str, pull_of: PullOf, monkeypatch: pytest.MonkeyPatch
):
    pull = pull_of(tax_url)

    async def storing(*given: Any, **named: Any) -> Any:
        raise OSError("the database is gone")

    monkeypatch.setattr("backend.exchange.pulling.store_page", storing)
    # A browser of other tests has tasks of its own.
    before = asyncio.all_tasks()
    with pytest.raises(OSError, match="gone"):
        await pull.run()
    assert asyncio.all_tasks() <= before
    monkeypatch.undo()
    assert (await pull.run()).counts["applied"] > 0
