"""The exchange as officers see it, and the comparison with the other side."""

from datetime import date
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from backend.exchange.connectors import connectors
from backend.exchange.pages import in_words
from backend.exchange.reconciling import reconcile
from backend.exchange.simulation import Simulator
from tests.backend.conftest import ClientAs
from tests.backend.exchange.conftest import faulty
from tests.backend.exchange.test_pulling import PullOf, found, pull_of, registry
from tests.factories import column, make_enterprise

__all__ = ["pull_of", "registry"]


async def stuck(engine: AsyncEngine) -> None:
    """A system with a failed run, records put aside, a dead letter and one that waits behind it."""
    async with owner_unit_of_work(engine) as session:
        number = await make_enterprise(session, name="泰州卡住试验有限公司")
        for statement in (
            "INSERT INTO exchange_system (id, name, failures, last_error) VALUES ('tax', '税务', 1, '对方系统出错（500）')",
            "INSERT INTO exchange_run (system, status, counts, error) VALUES ('tax', 'failed', '{\"received\": 7}', '断了')",
            "INSERT INTO exchange_record (system, record_id, enterprise_id, code, form, year, revision, fate, reason) VALUES"
            f" ('tax', 'r1', {number}, 'X', 'A100000', 2025, 1, 'unusable', '2025 年尚未结束')",
            "INSERT INTO exchange_unknown_field (system, form, layout, label) VALUES ('tax', 'A100000', '2025', '99')",
            "INSERT INTO exchange_client (client_id, name, source) VALUES ('bank', '银行', 'self_declared')",
            "INSERT INTO webhook_endpoint (client_id, url) VALUES ('bank', 'https://bank.test/hook')",
            "INSERT INTO webhook_delivery (endpoint_id, position, enterprise_id, type, noted_at, status, attempts) SELECT 1, p,"
            f" {number}, 'filing.recorded', now(), s, 10 FROM (VALUES (901, 'dead'), (902, 'waiting')) AS v (p, s)",
        ):
            await session.execute(text(statement))


async def page_text(client: Any, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


async def test_the_overview_tells_what_is_stuck_and_why(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    await stuck(engine)
    shown = await page_text(await client_as("city_officer"), "/exchange")
    for words in (
        "失败 1 次",
        "对方系统出错（500）",
        "中断，将续拉",
        "收到 7",
        "不能用",
        "99",
        "https://bank.test/hook",
        "再次发送",
    ):
        assert words in shown
    assert "2025 年尚未结束" in await page_text(
        await client_as("city_officer"), "/exchange/records?system=tax&fate=unusable"
    )


async def test_a_dead_letter_is_sent_again_by_a_button(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    await stuck(engine)
    client = await client_as("city_officer")
    answer = await client.post("/exchange/deliveries/1/again")
    assert answer.status_code == 303
    assert await found(engine, "SELECT status || attempts FROM webhook_delivery ORDER BY position") == [
        "waiting0",
        "waiting10",
    ]
    assert (await client.post("/exchange/deliveries/1/again")).status_code == 404
    assert (await client.post("/exchange/deliveries/2/other")).status_code == 404


async def test_all_dead_letters_of_an_endpoint_are_sent_again_by_one_button(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    await stuck(engine)
    client = await client_as("city_officer")
    assert "全部再次发送" in await page_text(client, "/exchange")
    assert [(await client.post("/exchange/endpoints/1/again")).status_code for _ in range(2)] == [303, 404]
    assert await found(engine, "SELECT DISTINCT status FROM webhook_delivery") == ["waiting"]
    shown = await page_text(client, "/exchange/reconciliations")
    assert "bank" in shown and "全部再次发送" not in await page_text(client, "/exchange")


async def test_a_system_is_paused_by_a_button(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    await stuck(engine)
    client = await client_as("city_officer")
    assert (await client.post("/exchange/systems/tax/pause")).status_code == 303
    assert await found(engine, "SELECT is_paused FROM exchange_system") == [True]
    assert "已暂停" in await page_text(client, "/exchange")


async def test_districts_and_viewers_touch_nothing(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    await stuck(engine)
    district, viewer = await client_as("district_officer", region="321281"), await client_as("viewer")
    assert (await district.get("/exchange")).status_code == 403
    assert "/exchange/deliveries/" not in await page_text(viewer, "/exchange")
    for path in ("/exchange/deliveries/1/again", "/exchange/systems/tax/pause"):
        assert [(await one.post(path)).status_code for one in (district, viewer)] == [403, 403]
    assert await found(engine, "SELECT status FROM webhook_delivery WHERE id = 1") == ["dead"]


async def test_every_mapping_is_a_page(app: FastAPI, client_as: ClientAs):
    client = await client_as("city_officer")
    for system in connectors():
        assert "依据" in await page_text(client, f"/exchange/mappings/{system}")
    assert "A107041 第15行第1列" in await page_text(client, "/exchange/mappings/tax")
    assert (await client.get("/exchange/mappings/none")).status_code == 404


async def test_a_district_withdraws_for_its_own_enterprises_only(
    app: FastAPI, engine: AsyncEngine, client_as: ClientAs
):
    from backend.exchange.authorisations import NewAuthorisation, authorise

    async with owner_unit_of_work(engine) as session:
        for region in ("321281", "321282"):
            number = await make_enterprise(session, region_code=region, name=f"泰州{region}试验有限公司")
            permit = NewAuthorisation(
                number, ("detail",), "测算", 2023, 2025, date(2020, 1, 1), date(2090, 1, 1), signed_by="王敏"
            )
            await authorise(session, permit)
    client = await client_as("district_officer", region="321281")
    shown = await page_text(client, "/exchange/authorisations")
    assert ("泰州321281" in shown, "泰州321282" in shown) == (True, False)
    assert [(await client.post(f"/exchange/authorisations/{number}/withdraw")).status_code for number in (1, 2)] == [
        303,
        422,
    ]
    assert await found(engine, "SELECT withdrawn_at IS NOT NULL FROM tax_authorisation ORDER BY id") == [True, False]


# Reconciliation -----------------------------------------------------------------------------------------


async def test_after_a_sound_pull_both_sides_agree(tax: Simulator, tax_url: str, pull_of: PullOf):
    pull = pull_of(tax_url)
    await pull.run()
    compared = await reconcile(pull, "A100000", 2025)
    assert (compared.theirs, compared.ours, compared.differing) == (4, 4, [])


@pytest.mark.parametrize("harm", ["DELETE FROM exchange_record", "UPDATE exchange_record SET digest = repeat('0', 64)"])
async def test_a_record_that_is_missing_or_differs_is_found_by_its_enterprise(
    tax: Simulator, tax_url: str, pull_of: PullOf, harm: str
):
    pull = pull_of(tax_url)
    await pull.run()
    async with owner_unit_of_work(pull.engine) as session:
        code = (await column(session, "SELECT code FROM exchange_record WHERE form = 'A100000' ORDER BY code LIMIT 1"))[
            0
        ]
        await session.execute(text(f"{harm} WHERE form = 'A100000' AND year = 2025 AND code = :code"), {"code": code})
    assert (await reconcile(pull, "A100000", 2025)).differing == [code]


async def test_the_comparison_is_kept_and_shown(tax: Simulator, tax_url: str, pull_of: PullOf, client_as: ClientAs):
    pull = pull_of(tax_url)
    await pull.run()
    tax.behave(faulty(errors=0.3))
    await reconcile(pull, "A100000", 2025)
    shown = await page_text(await client_as("city_officer"), "/exchange/reconciliations")
    assert "一致" in shown and "A100000" in shown


def test_how_long_ago_is_told_in_the_largest_full_unit():
    assert [in_words(one) for one in (59, 60, 7199, 3 * 86_400 + 5)] == ["不到 1 分钟", "1 分钟", "1 小时", "3 天"]


async def test_a_system_that_missed_its_turn_is_marked(app: FastAPI, engine: AsyncEngine, client_as: ClientAs):
    async with owner_unit_of_work(engine) as session:
        await session.execute(
            text(
                "INSERT INTO exchange_system (id, name, every_seconds, last_success_at) VALUES"
                " ('tax', '税务', 3600, now() - interval '5 hours'), ('ip', '知识产权', 86400, now() - interval '5 hours')"
            )
        )
    shown = await page_text(await client_as("city_officer"), "/exchange")
    assert shown.count("5 小时") == 2 and shown.count('<span class="badge tone-open">5 小时') == 1
