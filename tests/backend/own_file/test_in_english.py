"""An enterprise's own account in English: complete, and what the bureau keeps of it stays Chinese."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.cultivation.service import enter
from backend.database.session import owner_unit_of_work
from backend.main import create_app
from backend.recognitions.renewal import HOW, shipped
from backend.settings import Settings
from rules.translation import speaking, texts_of
from tests.backend.own_file.conftest import PDF, YEAR, EnterpriseClient, Two
from tests.backend.own_file.test_activation import activate
from tests.backend.speech.reading import chinese_in
from tests.factories import column, make_recognition

ENGLISH = {"accept-language": "en"}
HOME = "/me/enterprise"
FACT = f"{HOME}/facts/sales_revenue?year={YEAR}"
#: Names stay what they are.
NAMES = ("靖江本企业有限公司", "王敏")
PAPER = ("evidence.pdf", PDF, "application/pdf")


def in_chinese(page: Response | str) -> Sequence[str]:
    text = page if isinstance(page, str) else page.text
    for name in NAMES:
        text = text.replace(name, "")
    return chinese_in(text)


@pytest.fixture
def app(engine: AsyncEngine, tmp_path: Path) -> FastAPI:
    return create_app(Settings(four_eyes=False, data=tmp_path), engine)


@pytest.fixture
async def reader(account_of: EnterpriseClient, engine: AsyncEngine, two: Two) -> AsyncClient:
    """An account that reads English, of an enterprise of which there is something to show on every page."""
    client = await account_of(two.own)
    client.headers.update(ENGLISH)
    async with owner_unit_of_work(engine) as session:
        await make_recognition(session, two.own, "hnte", date(today().year - 3, 12, 1), number=f"GR{two.own}")
        by = (await column(session, "SELECT max(id) FROM person"))[0]
        await enter(session, "srdi_sme", today().year, [two.own], by=by, reason="发现")
    figures = {f"f.sales_revenue.{YEAR - 2}": "6000"}
    await client.post(f"{HOME}/figures/{YEAR - 2}/submit", data=figures)
    await client.post(f"{HOME}/figures/{YEAR - 1}/draft", data={f"f.sales_revenue.{YEAR - 1}": "50 thousand"})
    said = {f"f.sales_revenue.{YEAR}": "6000", "reason": "see line 1", "kind": "tax_return"}
    await client.post(FACT, data=said, files={"file": PAPER})
    await client.post(f"{HOME}/pool", data={"programme": "hnte", "words": "We ask"}, files={"papers": PAPER})
    await client.post(f"{HOME}/messages", data={"subject": "Please", "words": "A word"})
    await client.post(f"{HOME}/needs", data={"kind": "need", "topic": "finance", "content": "A loan"})
    return client


async def test_every_page_of_the_own_file_is_english_throughout(
    reader: AsyncClient, engine: AsyncEngine, two: Two
) -> None:
    async with owner_unit_of_work(engine) as session:
        receipts = await column(session, "SELECT id FROM receipt WHERE enterprise_id = :id", id=two.own)
        threads = await column(session, "SELECT id FROM message_thread WHERE enterprise_id = :id", id=two.own)
    places = [
        "",
        "/facts",
        "/facts?done=contradicted",
        "/figures",
        f"/figures/{YEAR}",
        f"/figures/{YEAR - 1}?done=saved",
    ]
    places += ["/pool", "/messages", "/needs?done=raised", *[f"/receipts/{one}" for one in receipts]]
    places += [f"/messages/{one}" for one in threads]
    assert len(receipts) == 2 and len(threads) == 1
    for place in (*[f"{HOME}{one}" for one in places], FACT, "/me", "/me?done=password", "/me/second-factor"):
        page = await reader.get(place)
        assert (page.status_code, in_chinese(page)) == (200, []), place
        assert '<html lang="en"' in page.text and 'hreflang="zh-CN"' in page.text, place


async def test_what_is_refused_there_is_told_in_english(reader: AsyncClient) -> None:
    refused = [
        await reader.post(FACT, data={}),
        await reader.post(FACT, data={f"f.sales_revenue.{YEAR}": "7", "reason": "x"}, files={"file": ("a.pdf", b"x")}),
        await reader.post(f"{HOME}/figures/{YEAR}/submit", data={f"f.sales_revenue.{YEAR}": "many"}),
        await reader.post(f"{HOME}/figures/{YEAR}/submit", data={}),
        await reader.post(f"{HOME}/figures/{YEAR - 2}/submit", data={f"f.sales_revenue.{YEAR - 2}": "6000"}),
        await reader.get(f"{HOME}/figures/{today().year}"),
        await reader.get(f"{HOME}/figures/1999"),
        await reader.post(f"{HOME}/pool", data={"programme": "hnte"}),
        await reader.post(f"{HOME}/pool", data={"programme": "srdi_sme"}),
        await reader.post(f"{HOME}/pool/999999/withdraw"),
        await reader.post(f"{HOME}/messages", data={}),
        await reader.get(f"{HOME}/messages/999999"),
        await reader.post(f"{HOME}/needs", data={"kind": "x"}),
        await reader.get(f"{HOME}/receipts/999999"),
        await reader.get(f"{HOME}/facts/nothing"),
        await reader.get(f"{HOME}/papers/999999"),
        await reader.post("/me/password", data={"current": "x", "new": "y", "again": "z"}),
        await reader.post("/me/second-factor", data={"code": "1"}),
    ]
    for page in refused:
        assert page.status_code >= 400
        assert in_chinese(page) == [], page.url


async def test_what_the_bureau_keeps_of_it_is_chinese(reader: AsyncClient, engine: AsyncEngine, two: Two) -> None:
    async with owner_unit_of_work(engine) as session:
        papers = await column(session, "SELECT about FROM attachment WHERE enterprise_id = :id ORDER BY id", id=two.own)
        notes = await column(
            session, "SELECT note FROM filing WHERE enterprise_id = :id AND source = 'self_declared'", id=two.own
        )
    assert papers == ["对“销售收入”提出异议", f"申请入库：国家高新技术企业 {today().year}"]
    assert set(notes) == {f"企业账号报送 {YEAR - 2} 年度数据", "企业提出异议：see line 1"}


async def test_the_ways_in_are_english(browser: AsyncClient) -> None:
    browser.headers.update(ENGLISH)
    proof = re.search(r'name="csrf_token" value="([^"]+)"', (await browser.get("/login")).text)
    assert proof is not None
    typed = {"login_name": "nobody", "password": "x", "csrf_token": proof[1]}
    pages = [await browser.get("/login"), await browser.post("/login", data=typed), await browser.get("/activate")]
    pages += [await browser.get("/invitations/nothing"), await browser.get("/login/sso")]
    for page in pages:
        assert in_chinese(page) == [], page.url
    status, told = await activate(browser, "91320000000000000X", "wrong")
    assert (status, in_chinese(told)) == (422, [])


async def test_the_language_is_switched_on_the_page_and_kept(account_of: EnterpriseClient, two: Two) -> None:
    client = await account_of(two.own)
    assert f'href="{HOME}/figures?lang=en"' in (await client.get(f"{HOME}/figures")).text
    await client.get(f"{HOME}/figures?lang=en")
    assert "Yearly figures" in (await client.get(HOME)).text
    await client.get(f"{HOME}?lang=zh")
    assert "年度填报" in (await client.get(HOME)).text


def test_every_shipped_way_of_renewal_has_an_english_name() -> None:
    with speaking("en"):
        known = texts_of("en")
    assert {one.how for one in shipped().values() if one.how} | set(HOW) <= known.keys()
