"""Both sides count alike: what came in by day and reason, what was told, and where a pull's two sides differ."""

from hashlib import sha256
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.reconciling import reconcile, reconcile_what_is_due
from backend.exchange.simulation import Simulator
from tests.backend.conftest import ClientAs
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.exchange.test_inbound import found
from tests.backend.exchange.test_pulling import PullOf, pull_of, registry
from tests.factories import make_code, make_enterprise

__all__ = ["pull_of", "registry"]
PAGE = "/exchange/reconciliations"
SUMS = "/api/v1/reconciliation"
YEAR = today().year - 1


@pytest.fixture
async def code(engine: AsyncEngine) -> str:
    written = make_code()
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=written, name="泰州对账试验有限公司")
    return written


@pytest.fixture
async def sender(app: FastAPI) -> CallingSystem:
    return await calling_system(app)


def filing(code: str, **given: Any) -> dict[str, Any]:
    return {"credit_code": code, "year": YEAR, "values": {"employee_total": 30}} | given


async def test_a_sender_gets_the_very_sums_and_digest_that_it_reckons_itself(sender: CallingSystem, code: str):
    batch = [filing(code), filing(code, year=today().year), filing("9132"), {"values": 3}]
    first = await sender.send("/filings", batch, key="once")
    await sender.send("/filings", batch, key="once")
    second = await sender.send("/filings", filing(code))
    refused = await sender.send("/filings", filing(code, values={"none": 1}))
    await sender.send("/filings", b"[", key="broken")
    assert [one.status_code for one in (first, second, refused)] == [200, 200, 422]
    (day,) = (await sender.http.get(SUMS)).json()
    sums = {
        name: day[name]
        for name in ("requests", "repeated", "turned_away", "received", "recorded", "unchanged", "refused")
    }
    assert sums == {
        "requests": 5, "repeated": 1, "turned_away": 1, "received": 6, "recorded": 1, "unchanged": 1, "refused": 4,
    }  # fmt: skip
    assert day["reasons"]["year-not-over"] == day["reasons"]["uscc-invalid"] == day["reasons"]["invalid-json"] == 1
    bodies = [one.request.content for one in (first, second)]
    mine = "\n".join(sorted(sha256(one).hexdigest() for one in bodies))
    assert (day["day"], day["digest"]) == (f"{today()}", sha256(mine.encode()).hexdigest())


async def test_a_sender_sees_its_own_sums_only_and_no_more_than_a_quarter(
    app: FastAPI, sender: CallingSystem, code: str
):
    await sender.send("/filings", filing(code))
    other = await calling_system(app, "other", scopes=("change:read",))
    assert (await other.http.get(SUMS)).json() == []
    assert (await other.http.get(f"{SUMS}?from=2020-01-01&to=2026-01-01")).status_code == 422
    assert (await other.http.get(f"{SUMS}?from=2026-01-02&to=2026-01-01")).status_code == 422


async def test_what_was_refused_for_want_of_an_authorisation_is_told_to_both_sides(
    app: FastAPI, code: str, client_as: ClientAs
):
    tax = await calling_system(app, "tax-bureau", source="tax")
    answer = await tax.send("/filings", filing(code, values={"operating_revenue": 3000}))
    assert answer.status_code == 422
    assert (await tax.http.get(SUMS)).json()[0]["reasons"] == {"tax-authorisation-missing": 1}
    shown = (await (await client_as("city_officer")).get(PAGE)).text
    assert "tax-bureau" in shown and "没有授权 1" in shown


async def test_an_enterprise_that_differs_stands_in_the_work_list_with_what_to_do(
    tax: Simulator, tax_url: str, pull_of: PullOf, client_as: ClientAs
):
    pull = pull_of(tax_url)
    await pull.run()
    code = (await found(pull.engine, "SELECT code FROM exchange_record WHERE form = 'A100000' ORDER BY code LIMIT 1"))[
        0
    ]
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE exchange_cursor SET read_until = now() + interval '1 year'"))
        gone = "DELETE FROM exchange_record WHERE form = 'A100000' AND year = 2025 AND code = :code"
        await session.execute(text(gone), {"code": code})
    compared = await reconcile(pull, "A100000", 2025)
    assert compared.differences == {code: {"theirs": 1, "ours": 0}}
    officer = await client_as("city_officer")
    overview = (await officer.get(PAGE)).text
    assert "1 家不一致" in overview and "我方缺 1 条" in overview
    shown = (await officer.get(f"{PAGE}/{compared.id}")).text
    assert code in shown and "重新拉取" in shown
    # Read again from the beginning though it changed long before the window.
    await pull.run()
    assert (await reconcile(pull, "A100000", 2025)).differing == []
    assert "之后又对过一次" in (await officer.get(f"{PAGE}/{compared.id}")).text
    assert (await officer.get(f"{PAGE}/999")).status_code == 404


async def test_an_auditor_sees_what_both_sides_counted_and_no_enterprises_name(
    app: FastAPI, engine: AsyncEngine, code: str, sender: CallingSystem, client_as: ClientAs
):
    await sender.send("/filings", filing(code))
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("INSERT INTO exchange_system (id, name) VALUES ('tax', '税务')"))
        await session.execute(
            text(
                "INSERT INTO exchange_reconciliation (system, form, year, asked, theirs, ours, fates, differing, differences)"
                " VALUES ('tax', 'A100000', 2025, 9, 2, 1, '{}', ARRAY[:code],"
                " jsonb_build_object(CAST(:code AS text), jsonb_build_object('theirs', 2, 'ours', 1)))"
            ),
            {"code": code},
        )
    auditor = await client_as("auditor")
    overview = (await auditor.get(PAGE)).text
    for words in ("1 家不一致", "statistics-bureau", "tidu exchange log verify", "企业所得税年度纳税申报"):
        assert words in overview
    shown = (await auditor.get(f"{PAGE}/1")).text
    assert code in shown and "我方缺 1 条" in shown and "泰州对账试验" not in shown
    assert [(await auditor.get(path)).status_code for path in ("/exchange", "/exchange/records")] == [403, 403]


async def test_what_was_pulled_is_compared_once_a_week_by_itself(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    compared = [await reconcile_what_is_due(pull, today()) for _ in range(2)]
    assert compared == [len(pull.connector.forms), 0]
    async with owner_unit_of_work(pull.engine) as session:
        await session.execute(text("UPDATE exchange_reconciliation SET compared_at = compared_at - interval '8 days'"))
    assert await reconcile_what_is_due(pull, today()) == len(pull.connector.forms)
    assert await found(pull.engine, "SELECT DISTINCT year FROM exchange_reconciliation WHERE form = 'A100000'") == [
        YEAR
    ]
