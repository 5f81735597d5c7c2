"""Authorisations of tax figures on their pages: recorded from the paper, extended, ended at once, each with its trace."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.exchange.authorisations import allowed
from backend.exchange.connector import CULTIVATION
from tests.backend.conftest import ClientAs
from tests.backend.exchange.test_inbound import found
from tests.backend.own_file.conftest import PDF
from tests.factories import make_code, make_enterprise

ADDRESS = "/exchange/authorisations"
PAPER = {"evidence": ("授权书.pdf", PDF, "application/pdf")}


def form(code: str, **given: Any) -> dict[str, Any]:
    year = today().year
    return {
        "code": code, "groups": ["status", "detail"], "legal_basis": "enterprise_consent", "signed_by": "王敏",
        "first_year": str(year - 3), "last_year": str(year - 1), "valid_from": f"{today()}",
        "valid_to": f"{today() + timedelta(days=30)}",
    } | given  # fmt: skip


@pytest.fixture
async def officer(app: FastAPI, client_as: ClientAs) -> AsyncClient:
    return await client_as("district_officer", region="321281")


@pytest.fixture
async def code(engine: AsyncEngine) -> str:
    written = make_code()
    async with owner_unit_of_work(engine) as session:
        await make_enterprise(session, credit_code=written, name="泰州授权试验有限公司", region_code="321281")
    return written


async def may_come_in(engine: AsyncEngine, year: int) -> bool:
    async with owner_unit_of_work(engine) as session:
        return (await allowed(session, [1], CULTIVATION)).covers(1, "detail", year)


async def test_an_authorisation_is_recorded_with_its_paper_and_lets_figures_in(
    officer: AsyncClient, engine: AsyncEngine, code: str
):
    answer = await officer.post(ADDRESS, data=form(code), files=PAPER)
    assert answer.headers["location"] == f"{ADDRESS}/1?done=recorded"
    shown = (await officer.get(f"{ADDRESS}/1")).text
    for words in ("泰州授权试验有限公司", "明细（金额）", CULTIVATION, "王敏", "授权书.pdf", 'href="/papers/1"'):
        assert words in shown
    assert (await officer.get("/papers/1")).content == PDF
    assert [await may_come_in(engine, today().year - back) for back in (1, 4)] == [True, False]
    noted = "SELECT action || ' ' || subject_id FROM trace_note WHERE subject = 'tax_authorisation' ORDER BY id DESC LIMIT 1"
    assert await found(engine, noted) == ["insert 1"]


async def test_an_extension_adds_to_what_was_signed_and_ends_with_it(
    officer: AsyncClient, engine: AsyncEngine, code: str
):
    await officer.post(ADDRESS, data=form(code), files=PAPER)
    later = {"valid_to": f"{today() + timedelta(days=400)}", "last_year": str(today().year), "signed_by": "李强"}
    extended = await officer.post(f"{ADDRESS}/1/extend", data=later, files=PAPER)
    assert extended.headers["location"] == f"{ADDRESS}/2?done=extended"
    shown = (await officer.get(f"{ADDRESS}/2")).text
    assert "延第 1 号" in shown and f"{today().year - 3}—{today().year}" in shown
    assert await may_come_in(engine, today().year)
    ended = await officer.post(f"{ADDRESS}/1/withdraw", data={"reason": "企业来函"})
    assert ended.headers["location"] == f"{ADDRESS}/1?done=withdrawn"
    assert not await may_come_in(engine, today().year)
    shown = (await officer.get(f"{ADDRESS}/2")).text
    assert shown.count("：企业来函") == 2 and "/withdraw" not in shown
    refused = await officer.post(f"{ADDRESS}/2/extend", data=later, files=PAPER)
    assert (refused.status_code, "已经撤回" in refused.text) == (422, True)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"code": "9132"}, "没有代码为“9132”的企业"), ({"groups": []}, "至少一项"), ({"first_year": "去年"}, "应写四位年份"),
        ({"valid_to": "明年"}, "授权到“明年”应写作"), ({"valid_to": "2020-01-01"}, "请核对"), ({"signed_by": " "}, "须写明签署人"),
    ],
)  # fmt: skip
async def test_what_cannot_be_recorded_is_told_and_nothing_is_kept(
    officer: AsyncClient, engine: AsyncEngine, code: str, given: dict[str, Any], told: str
):
    answer = await officer.post(ADDRESS, data=form(**({"code": code} | given)), files=PAPER)
    assert (answer.status_code, told in answer.text) == (422, True)
    assert await found(engine, "SELECT count(*) FROM tax_authorisation UNION ALL SELECT count(*) FROM attachment") == [
        0,
        0,
    ]


async def test_without_its_paper_no_enterprises_authorisation_is_recorded(officer: AsyncClient, code: str):
    answer = await officer.post(ADDRESS, data=form(code))
    assert (answer.status_code, "请附上企业签署的授权书" in answer.text) == (422, True)
    forged = {"evidence": ("授权书.pdf", b"MZ\x90", "application/pdf")}
    assert "不是可收的类型" in (await officer.post(ADDRESS, data=form(code), files=forged)).text
    shared = await officer.post(ADDRESS, data=form(code, legal_basis="statutory_sharing", signed_by=""))
    assert shared.status_code == 303


async def test_another_districts_authorisations_are_not_there(officer: AsyncClient, engine: AsyncEngine, code: str):
    async with owner_unit_of_work(engine) as session:
        await session.execute(text("UPDATE enterprise SET region_code = '321282'"))
    answer = await officer.post(ADDRESS, data=form(code), files=PAPER)
    assert (answer.status_code, "不在您的区域" in answer.text) == (422, True)
    assert (await officer.get(f"{ADDRESS}/1")).status_code == 404


async def test_nobody_changes_what_was_signed_and_no_enterprise_signs_for_the_tax_bureau(
    officer: AsyncClient, engine: AsyncEngine, code: str
):
    from asyncpg.exceptions import InsufficientPrivilegeError
    from sqlalchemy.exc import DBAPIError

    await officer.post(ADDRESS, data=form(code), files=PAPER)
    insert = (
        "INSERT INTO tax_authorisation (enterprise_id, purpose, first_year, last_year, valid_from, valid_to)"
        f" VALUES (1, '{CULTIVATION}', 2020, 2025, '2020-01-01', '2090-01-01')"
    )
    for scope, statement in (
        (Scope.city(), "UPDATE tax_authorisation SET last_year = 2099"),
        (Scope.city(), "DELETE FROM tax_authorisation"),
        (Scope.enterprise(1), insert),
    ):
        with pytest.raises(DBAPIError) as refused:
            async with unit_of_work(engine, scope) as session:
                await session.execute(text(statement))
        assert isinstance(refused.value.orig.__cause__, InsufficientPrivilegeError)  # type: ignore[union-attr]
