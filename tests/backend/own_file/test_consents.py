"""An enterprise consents and withdraws in its own account, and what is told follows at once."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.exchange.agreements import agreements
from backend.exchange.authorisations import NewAuthorisation, allowed, authorise
from backend.exchange.connector import CULTIVATION
from backend.exchange.consents import who_consented
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.own_file.conftest import EnterpriseClient, Two
from tests.backend.own_file.test_in_english import in_chinese
from tests.factories import column

PAGE = "/me/enterprise/consents"
LIST = "points-loan"
UNTIL = f"{today() + timedelta(days=30)}"
CHOSEN = {"fields": ["points_total", "revenue_band"], "until": UNTIL, "confirmed": "on"}

Rows = Callable[[], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
async def told(app: FastAPI, two: Two) -> Rows:
    """What a bank reads of the enterprise."""
    bank: CallingSystem = await calling_system(app, f"bank-{two.own}", source="self_declared", lists=(LIST,))

    async def read() -> list[dict[str, Any]]:
        rows = (await bank.http.get(f"/api/v1/lists/{LIST}?limit=1000")).json()["rows"]
        return [one for one in rows if one["credit_code"] == two.code]

    return read


async def live(engine: AsyncEngine, two: Two) -> list[int]:
    found = "SELECT id FROM disclosure_consent WHERE enterprise_id = :id AND withdrawn_at IS NULL"
    async with owner_unit_of_work(engine) as session:
        return list(await column(session, found, id=two.own))


async def test_only_the_fields_chosen_are_told_and_nothing_after_the_withdrawal(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two, told: Rows
):
    client = await account_of(two.own)
    assert await told() == []
    assert (await client.post(f"{PAGE}/{LIST}", data=CHOSEN)).headers["location"] == f"{PAGE}?done=consented"
    assert [set(one) for one in await told()] == [{"credit_code", "name", "points_total", "revenue_band"}]
    shown = (await client.get(f"{PAGE}?done=consented")).text
    for words in ("合作银行", "创新积分贷授信参考", f"至 {UNTIL}", "在本账号中同意", "最近一次提供", f"bank-{two.own}"):
        assert words in shown
    number = (await live(engine, two))[0]
    assert (await client.post(f"{PAGE}/{number}/withdraw")).status_code == 303
    assert await told() == []
    assert "撤回" in (await client.get(PAGE)).text and "，自 " in (await client.get(PAGE)).text


async def test_a_consent_given_anew_takes_the_place_of_the_one_before(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two, told: Rows
):
    client = await account_of(two.own)
    await client.post(f"{PAGE}/{LIST}", data=CHOSEN)
    await client.post(f"{PAGE}/{LIST}", data=CHOSEN | {"fields": ["points_total"]})
    assert len(await live(engine, two)) == 1
    assert [set(one) for one in await told()] == [{"credit_code", "name", "points_total"}]


async def test_a_withdrawal_waits_for_a_telling_under_way_and_counts_for_the_next(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    import asyncio

    client = await account_of(two.own)
    await client.post(f"{PAGE}/{LIST}", data=CHOSEN)
    number = (await live(engine, two))[0]
    async with owner_unit_of_work(engine) as session:
        assert two.own in await who_consented(session, agreements()[LIST], two.own - 1, 1, today())
        withdrawing = asyncio.create_task(client.post(f"{PAGE}/{number}/withdraw"))
        _, waiting = await asyncio.wait([withdrawing], timeout=0.5)
        assert waiting
    assert (await withdrawing).status_code == 303
    async with owner_unit_of_work(engine) as session:
        assert two.own not in await who_consented(session, agreements()[LIST], two.own - 1, 1, today())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"confirmed": ""}, "请勾选确认"), ({"fields": []}, "请至少选择一个字段"), ({"until": "明年"}, "应写作"),
        ({"until": "2020-01-01"}, "晚于止"),
    ],
)  # fmt: skip
async def test_what_is_no_consent_is_told_and_nothing_is_told_to_others(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two, given: dict[str, Any], words: str
):
    client = await account_of(two.own)
    answer = await client.post(f"{PAGE}/{LIST}", data=CHOSEN | given)
    assert (answer.status_code, words in answer.text, await live(engine, two)) == (422, True, [])


async def test_tax_figures_come_in_no_more_once_the_enterprise_ends_it(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    async with owner_unit_of_work(engine) as session:
        span = (2020, 2090, today(), today())
        mine = await authorise(
            session, NewAuthorisation(two.own, ("detail",), CULTIVATION, *span, signed_by="王敏"), None
        )
        shared = await authorise(
            session, NewAuthorisation(two.own, ("status",), CULTIVATION, *span, legal_basis="statutory_sharing"), None
        )
    client = await account_of(two.own)
    assert "科技企业梯度培育测算" in (await client.get(PAGE)).text
    ended = await client.post(f"/me/enterprise/authorisations/{mine}/withdraw")
    assert ended.headers["location"] == f"{PAGE}?done=ended#tax"
    assert (await client.post(f"/me/enterprise/authorisations/{shared}/withdraw")).status_code == 422
    async with owner_unit_of_work(engine) as session:
        may = await allowed(session, [two.own], CULTIVATION)
    assert (may.covers(two.own, "detail", 2024), may.covers(two.own, "status", 2024)) == (False, True)


async def test_no_enterprise_touches_anothers_and_no_officer_speaks_for_one(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    await (await account_of(two.own)).post(f"{PAGE}/{LIST}", data=CHOSEN)
    other = await account_of(two.other)
    number = (await live(engine, two))[0]
    assert (await other.post(f"{PAGE}/{number}/withdraw")).status_code == 422
    assert await live(engine, two) == [number]
    with pytest.raises(DBAPIError, match="row-level security"):
        async with unit_of_work(engine, Scope.city()) as session:
            await session.execute(
                text(
                    "INSERT INTO disclosure_consent (enterprise_id, list_id, signed_by, valid_from, valid_to,"
                    f" is_from_enterprise) VALUES ({two.own}, '{LIST}', '王敏', '2020-01-01', '2090-01-01', true)"
                )
            )


async def test_the_page_is_english_throughout(account_of: EnterpriseClient, engine: AsyncEngine, two: Two):
    client: AsyncClient = await account_of(two.own)
    client.headers["accept-language"] = "en"
    async with owner_unit_of_work(engine) as session:
        given = NewAuthorisation(
            two.own, ("detail", "status"), CULTIVATION, 2020, 2025, today(), today(), signed_by="王敏"
        )
        await authorise(session, given)
    await client.post(f"{PAGE}/{LIST}", data=CHOSEN)
    person = "SELECT name FROM person WHERE enterprise_id = :id"
    async with owner_unit_of_work(engine) as session:
        names = await column(session, person, id=two.own)
    pages = [await client.get(f"{PAGE}?done={done}") for done in ("consented", "withdrawn", "ended")]
    pages += [
        await client.post(f"{PAGE}/{LIST}", data={}),
        await client.post(f"{PAGE}/{LIST}", data={"confirmed": "on"}),
    ]
    pages += [await client.post(f"{PAGE}/none", data=CHOSEN), await client.post(f"{PAGE}/999999/withdraw")]
    for page in pages:
        text_of = page.text
        for name in names:
            text_of = text_of.replace(name, "")
        assert in_chinese(text_of) == [], page.url
