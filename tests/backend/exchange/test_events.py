"""Events by REST: each counts from its own day, once, in whatever order they come."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.enterprises.schemas import FORMER_CODE
from backend.exchange.events import periods_of
from tests.backend.exchange.systems import CallingSystem, calling_system
from tests.backend.exchange.test_inbound import code, codes, found
from tests.factories import make_code, make_recognition

__all__ = ["code"]


@pytest.fixture
async def register(app: FastAPI) -> CallingSystem:
    return await calling_system(app, "market-register", name="市场监管局", source="market_register")


def event(code: str, number: int, kind: str, on: str, **given: Any) -> dict[str, Any]:
    return {"id": f"e{number}", "type": kind, "credit_code": code, "on": on} | given


async def statuses(system: CallingSystem, events: list[dict[str, Any]]) -> list[str]:
    answer = await system.send("/events", events)
    assert answer.status_code == 200, answer.text
    return [one["status"] for one in answer.json()["items"]]


HISTORY = (
    (1, "renamed", "2024-03-01", {"name": "泰州先前试验有限公司"}),
    (2, "renamed", "2025-03-01", {"name": "泰州如今试验有限公司"}),
    (3, "moved", "2024-06-01", {"region_code": "321281"}),
    (4, "moved", "2025-06-01", {"region_code": "321282"}),
    (5, "cancelled", "2025-09-01", {}),
    (6, "restored", "2025-10-01", {}),
)
SELF = "SELECT name || region_code || status FROM enterprise WHERE credit_code = :code"
PAST = (
    "SELECT n.name || n.used_from || coalesce(n.used_to::text, '') FROM enterprise_name n JOIN enterprise e"
    " ON e.id = n.enterprise_id WHERE credit_code = :code AND n.used_from >= '2024-03-01' ORDER BY n.used_from"
)
STAYS = (
    "SELECT r.region_code || coalesce(r.valid_from::text, '') || coalesce(r.valid_to::text, '') FROM enterprise_region r"
    " JOIN enterprise e ON e.id = r.enterprise_id WHERE e.credit_code = :code ORDER BY r.valid_from NULLS FIRST"
)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (3, 1, 5, 0, 4, 2)])
async def test_events_in_any_order_end_in_the_same_state(
    register: CallingSystem, engine: AsyncEngine, order: tuple[int, ...]
):
    one = (await codes(engine, 1, name="泰州起初试验有限公司"))[0]
    for place in order:
        number, kind, on, given = HISTORY[place]
        assert await statuses(register, [event(one, number, kind, on, **given)]) == ["recorded"]
    assert await found(engine, SELF, code=one) == ["泰州如今试验有限公司321282active"]
    assert await found(engine, PAST, code=one) == [
        "泰州先前试验有限公司2024-03-012025-02-28", "泰州如今试验有限公司2025-03-01",
    ]  # fmt: skip
    assert await found(engine, STAYS, code=one) == [
        "3212022024-05-31", "3212812024-06-012025-05-31", "3212822025-06-01",
    ]  # fmt: skip


async def test_an_event_sent_twice_counts_once_and_another_under_its_id_is_refused(
    register: CallingSystem, engine: AsyncEngine, code: str
):
    said = event(code, 1, "cancelled", "2025-09-01")
    assert await statuses(register, [said]) == ["recorded"]
    assert await statuses(register, [said, said | {"on": "2025-09-02"}]) == ["unchanged", "refused"]
    assert await found(engine, "SELECT status FROM enterprise") == ["cancelled"]


async def test_who_was_cancelled_is_told_of_in_the_feed(register: CallingSystem, code: str):
    since = (await register.http.get("/api/v1/changes?limit=1000")).json()["next"]
    await statuses(register, [event(code, 1, "cancelled", "2025-09-01")])
    told = (await register.http.get(f"/api/v1/changes?since={since}")).json()["changes"]
    assert {one["type"] for one in told} == {"cn.gov.sti.registry.enterprise.updated.v1"}


async def test_lists_are_entered_and_left(register: CallingSystem, engine: AsyncEngine, code: str):
    entered = event(code, 1, "list_entered", "2024-07-08", list="abnormal", reason="未公示年报", authority="海陵区局")
    left = event(code, 2, "list_left", "2025-01-09", list="abnormal")
    assert await statuses(register, [left]) == ["recorded"]
    assert await statuses(register, [entered]) == ["recorded"]
    assert await found(engine, "SELECT abnormal_list_periods FROM fact_current") == [
        [{"from_on": "2024-07-08", "reason": "未公示年报", "authority": "海陵区局", "to_on": "2025-01-09"}]
    ]


def test_the_periods_of_a_list_do_not_depend_on_the_order_of_what_is_said():
    said = [
        {"type": "list_entered", "on": "2024-01-01", "reason": "", "authority": ""}, {"type": "list_left", "on": "2024-05-01"},
        {"type": "list_entered", "on": "2025-01-01", "reason": "", "authority": ""}, {"type": "list_left", "on": "2025-02-01"},
    ]  # fmt: skip
    due = [{"from_on": "2024-01-01", "to_on": "2024-05-01"}, {"from_on": "2025-01-01", "to_on": "2025-02-01"}]
    for order in permutations(range(4)):
        held: list[dict[str, Any]] = []
        for upto in range(1, 5):
            known = sorted((said[place] for place in order[:upto]), key=lambda one: one["on"])
            held = periods_of(known, held)
        assert held == due, order


async def test_a_title_is_taken_back_from_its_day(register: CallingSystem, engine: AsyncEngine, code: str):
    async with owner_unit_of_work(engine) as session:
        number = (await found(engine, "SELECT id FROM enterprise"))[0]
        await make_recognition(session, number, "hnte", date(2024, 11, 6))
    taken = event(code, 1, "recognition_revoked", "2025-05-01", programme="hnte", reason="复核不通过")
    early = event(code, 2, "recognition_revoked", "2023-05-01", programme="hnte", reason="复核不通过")
    assert await statuses(register, [taken, early]) == ["recorded", "refused"]
    assert await found(engine, "SELECT revoked_on FROM recognition WHERE superseded_at IS NULL") == [date(2025, 5, 1)]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "vanished"}, "/type", "unknown-type"), ({"type": 7}, "/type", "unknown-type"),
    ({"id": ""}, "/id", "wrong-length"), ({"id": 7}, "/id", "wrong-type"), ({"on": "2999-01-01"}, "/on", "out-of-range"),
    ({"on": "2025-02-30"}, "/on", "not-a-day"), ({"name": "x"}, "/name", "wrong-length"), ({"name": None}, "/name", "wrong-type"),
    ({"list": "abnormal"}, "/list", "unknown-field"), ({"credit_code": "9132120"}, "/credit_code", "uscc-invalid"),
    ({"type": "moved"}, "/region_code", "missing"), ({"type": "list_left", "list": "black"}, "/list", "wrong-type"),
]  # fmt: skip


async def test_what_is_wrong_with_each_event_is_named(register: CallingSystem, engine: AsyncEngine, code: str):
    sent = [event(code, 1, "renamed", "2025-01-01", name="泰州新名试验有限公司") | given for given, _, _ in WRONG]
    answer = await register.send("/events", [*sent, 7, event(code, 2, "moved", "2025-01-01", region_code="999999")])
    results = answer.json()["items"]
    told = [(one["problems"][0]["pointer"], one["problems"][0]["code"]) for one in results[: len(WRONG)]]
    assert told == [(f"/{n}{pointer}", word) for n, (_, pointer, word) in enumerate(WRONG)]
    assert [one["problems"][0]["code"] for one in results[len(WRONG) :]] == ["not-an-object", "unknown-region"]
    assert await found(engine, "SELECT count(*) FROM exchange_record") == [0]


async def test_another_districts_enterprise_is_as_unknown(app: FastAPI, code: str):
    district = await calling_system(app, "jingjiang", source="market_register", region_code="321282")
    answer = await district.send("/events", event(code, 1, "cancelled", "2025-09-01"))
    assert answer.json()["errors"][0]["code"] == "unknown-enterprise"


async def test_a_district_does_not_move_an_enterprise_out_of_its_sight(app: FastAPI, engine: AsyncEngine):
    own = (await codes(engine, 1, region_code="321282"))[0]
    district = await calling_system(app, "jingjiang", source="market_register", region_code="321282")
    answer = await district.send("/events", event(own, 1, "moved", "2025-09-01", region_code="321281"))
    assert answer.json()["errors"][0]["code"] == "beyond-region"


async def test_an_event_under_a_former_code_finds_todays_enterprise(
    register: CallingSystem, engine: AsyncEngine, code: str
):
    former = make_code()
    async with owner_unit_of_work(engine) as session:
        held = "INSERT INTO enterprise_identifier (enterprise_id, kind, value) SELECT id, :kind, :code FROM enterprise"
        await session.execute(text(held), {"kind": FORMER_CODE, "code": former})
    assert await statuses(register, [event(former, 1, "cancelled", "2025-09-01")]) == ["recorded"]
    assert await found(engine, "SELECT status FROM enterprise WHERE credit_code = :code", code=code) == ["cancelled"]
