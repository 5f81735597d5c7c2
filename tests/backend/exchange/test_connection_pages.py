"""The administrator's page of a system that we ask: address, a secret that never comes out, limits, and trying it."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.client import Patience
from backend.exchange.keys import Keys
from backend.exchange.pulling import PullRefused
from backend.exchange.simulation import PRACTICE_SECRET, Simulator
from backend.exchange.systems import pull_of, set_secret, set_system
from backend.exchange.wire import Question
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.exchange.conftest import SETTINGS, ClientOf
from tests.backend.exchange.test_inbound import found

PAGE = "/connections/tax"
ROW = "SELECT concat_ws(' ', url, key, dialect, report_path, portion, page, timeout_seconds, per_minute) FROM exchange_system"


@pytest.fixture
async def administrator(app: FastAPI, client_as: ClientAs) -> AsyncClient:
    return await client_as("administrator")


def form(url: str, **given: str) -> dict[str, str]:
    return {"url": url, "key": "bureau-app", "secret": PRACTICE_SECRET, "dialect": "city"} | given


async def test_a_system_is_set_up_and_tried_without_asking_about_anybody(
    administrator: AsyncClient, engine: AsyncEngine, tax: Simulator, tax_url: str
):
    assert "未设置" in (await administrator.get("/connections")).text
    limits = {"portion": "200", "page": "500", "timeout_seconds": "15", "per_minute": "60"}
    answer = await administrator.post(PAGE, data=form(tax_url + "/", report_path="/v1/reconciliation", **limits))
    assert answer.status_code == 303
    assert await found(engine, ROW) == [f"{tax_url} bureau-app city /v1/reconciliation 200 500 15 60"]
    assert "已连通" in (await administrator.post(f"{PAGE}/try")).text
    assert tax.asked == []
    assert await found(engine, "SELECT concat_ws(' ', peer, endpoint, status) FROM exchange_message") == [
        "tax /v1/registration/totals 200"
    ]


async def test_the_secret_is_kept_sealed_and_shown_by_no_page(
    administrator: AsyncClient, engine: AsyncEngine, tax_url: str
):
    await administrator.post(PAGE, data=form(tax_url))
    (sealed,) = await found(engine, "SELECT sealed FROM exchange_secret")
    assert PRACTICE_SECRET.encode() not in bytes(sealed)
    shown = [(await administrator.get(page)).text for page in (PAGE, "/connections")]
    assert all("由管理员填写" in page and PRACTICE_SECRET not in page for page in shown)
    traced = await found(engine, "SELECT coalesce(after::text, '') FROM trace_note WHERE subject = 'exchange_secret'")
    assert traced and not any(PRACTICE_SECRET in one or bytes(sealed).hex() in one for one in traced)


async def test_a_secret_that_is_not_typed_stays_and_our_own_comes_back_by_a_tick(
    administrator: AsyncClient, engine: AsyncEngine, tax: Simulator, tax_url: str
):
    await administrator.post(PAGE, data=form(tax_url))
    await administrator.post(PAGE, data=form(tax_url, secret=""))
    assert "已连通" in (await administrator.post(f"{PAGE}/try")).text
    await administrator.post(PAGE, data=form(tax_url, own_secret="on"))
    assert await found(engine, "SELECT 1 FROM exchange_secret") == []
    assert "没有连通" in (await administrator.post(f"{PAGE}/try")).text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"secret": "wrong"}, "对方拒绝了请求（401）"), ({"url": "http://127.0.0.1:9"}, "没有完整应答"),
    ],
)  # fmt: skip
async def test_why_a_system_cannot_be_reached_is_told(
    administrator: AsyncClient, tax: Simulator, tax_url: str, given: dict[str, str], told: str
):
    await administrator.post(PAGE, data=form(tax_url) | given)
    shown = (await administrator.post(f"{PAGE}/try")).text
    assert "没有连通" in shown and told in shown


WRONG = [
    ({"url": "ftp://tax"}, "http:// 或 https:// 开头"), ({"url": "http://"}, "写明主机"), ({"url": "http://tax:x"}, "写明主机"),
    ({"url": "http://tax/?a=1"}, "不带查询参数"), ({"report_path": "v1"}, "以 / 开头的路径"), ({"dialect": "none"}, "签名方言应为"),
    ({"portion": "501"}, "“一次查询的企业”应在 1 至 500 家之间，实为 501"), ({"page": "many"}, "“一页的记录”应为整数，实为“many”"),
    ({"timeout_seconds": "0"}, "应在 1 至 120 秒之间"), ({"key": "k" * 101}, "标识最多 100 个字符"), ({"secret": "a\tb"}, "可见字符"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "told"), WRONG, ids=[f"{next(iter(one))}-{n}" for n, (one, _) in enumerate(WRONG)])
async def test_what_cannot_be_is_told_and_nothing_of_it_is_saved(
    administrator: AsyncClient, engine: AsyncEngine, given: dict[str, str], told: str
):
    answer = await administrator.post(PAGE, data=form("http://tax.test") | given)
    assert (answer.status_code, told in answer.text) == (422, True)
    assert PRACTICE_SECRET not in answer.text and await found(engine, "SELECT 1 FROM exchange_system") == []


async def test_a_pull_keeps_to_the_limits_that_were_set(
    administrator: AsyncClient, engine: AsyncEngine, tax: Simulator, tax_url: str
):
    await administrator.post(PAGE, data=form(tax_url, portion="3", page="7", timeout_seconds="9", per_minute="120"))
    async with pull_of(engine, SETTINGS, "tax", library()) as pull:
        patience = pull.client.patience
        assert (pull.connector.portion, pull.connector.page, patience.timeout, patience.between) == (3, 7, 9, 0.5)


async def test_questions_keep_their_distance(tax: Simulator, tax_url: str, client_of: ClientOf):
    client, loop = client_of(tax_url, Patience(attempts=1, between=0.1)), asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(3):
        await client.totals("A100000", None, Question(codes=[]))
    assert loop.time() - begun >= 0.2


async def test_a_secret_of_another_installation_is_told_instead_of_used(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        await set_system(session, "tax", url="http://tax.test")
        await set_secret(session, Keys(b"another master secret"), "tax", "hush", None)
    with pytest.raises(PullRefused, match="密钥解不开"):
        async with pull_of(engine, SETTINGS, "tax", library()):
            pass


async def test_a_new_address_closes_the_breaker(administrator: AsyncClient, engine: AsyncEngine):
    await administrator.post(PAGE, data=form("http://tax.test"))
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE exchange_system SET failures = 5, open_until = now() + interval '1 hour'"))
    await administrator.post(PAGE, data=form("http://tax2.test"))
    assert await found(engine, "SELECT open_until IS NULL AND failures = 0 FROM exchange_system") == [True]


async def test_only_administrators_see_connections(app: FastAPI, client_as: ClientAs):
    refused: Any = [(await (await client_as(role)).get(PAGE)).status_code for role in ("city_officer", "auditor")]
    assert refused == [403, 403]
