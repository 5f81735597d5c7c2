"""A token with the one scope that an address asks for does all that is done there: the database opens what that needs."""

from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.clients import SCOPES
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.exchange.test_events import HISTORY, PAST, SELF, event, statuses
from tests.backend.exchange.test_inbound import REVENUE, codes, filing, found
from tests.backend.exchange.test_lists import consenting, rows_of
from tests.factories import column, make_filing


async def with_only(app: FastAPI, scope: str, **given: Any) -> CallingSystem:
    return await calling_system(app, "narrow-client", scopes=(scope,), **given)


async def test_filings_are_recorded_held_against_others_and_evaluated(app: FastAPI, engine: AsyncEngine):
    system, some = await with_only(app, "filing:write"), await codes(engine, 5)
    answer = await system.send("/filings", [filing(one) for one in some])
    assert {one["status"] for one in answer.json()["items"]} == {"recorded"}
    assert len(await found(engine, REVENUE)) == 5
    assert await found(engine, "SELECT count(DISTINCT enterprise_id) FROM eligibility") == [5]
    assert (await system.send("/filings", filing(some[0], values={"operating_revenue": 4000}))).status_code == 201
    assert 4000 in {int(one) // 1_000_000 for one in await found(engine, REVENUE)}


async def test_titles_are_recorded_counted_and_evaluated(app: FastAPI, engine: AsyncEngine):
    system, some = await with_only(app, "recognition:write"), await codes(engine, 5)
    titles = [{"credit_code": one, "programme": "hnte", "granted_on": "2025-11-19"} for one in some]
    async with owner_unit_of_work(engine) as session:
        for number in await column(session, "SELECT id FROM enterprise"):
            await make_filing(session, number, {"operating_revenue": 3000})
    answer = await system.send("/recognitions/batch", titles)
    assert {one["status"] for one in answer.json()["items"]} == {"recorded"}
    assert await found(engine, "SELECT count(*) FROM recognition WHERE valid_to = '2028-11-18'") == [5]
    assert await found(engine, "SELECT count(DISTINCT enterprise_id) FROM eligibility") == [5]
    assert (await system.send("/recognitions/batch", titles[0])).json()["unchanged"] == 1


async def test_events_change_who_an_enterprise_is(app: FastAPI, engine: AsyncEngine):
    register = await with_only(app, "event:write", source="market_register")
    (one,) = await codes(engine, 1, name="泰州起初试验有限公司")
    told = [event(one, number, kind, on, **more) for number, kind, on, more in HISTORY]
    assert await statuses(register, told) == ["recorded"] * 6
    assert await found(engine, SELF, code=one) == ["泰州如今试验有限公司321282active"]
    assert len(await found(engine, PAST, code=one)) == 2


async def test_a_list_is_told_and_noted(app: FastAPI, engine: AsyncEngine):
    bank = await with_only(app, "list:read", source="self_declared", lists=("points-loan",))
    await consenting(engine)
    assert len(await rows_of(bank)) == 1
    assert await found(engine, "SELECT count(*) FROM disclosure") == [1]


@pytest.mark.parametrize("scope", ["enterprise:read", "change:read"])
async def test_who_an_enterprise_is_and_that_it_changed_is_told(app: FastAPI, engine: AsyncEngine, scope: str):
    system, (one,) = await with_only(app, scope), await codes(engine, 1)
    path = {"enterprise:read": f"/api/v1/registered/{one}", "change:read": "/api/v1/changes"}[scope]
    answer = await system.http.get(path)
    assert answer.status_code == 200
    assert one in answer.text


async def test_no_scope_is_left_out_here():
    named = {"filing:write", "recognition:write", "event:write", "list:read", "enterprise:read", "change:read"}
    assert set(SCOPES) - named == {"event:subscribe"}, "what is subscribed to is the exchange's own book-keeping"
