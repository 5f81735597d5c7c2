"""What an enterprise could be by what the registry holds: as officers see it, in both languages, and to be tried on."""

import html
import io
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pypdf import PdfReader
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.enterprises.enterprise_file import EnterpriseFile, enterprise_file
from backend.enterprises.queries import find
from backend.main import create_app
from backend.own_file.standing import Standing
from backend.self_check.checking import SelfCheck
from backend.self_check.sheet import load
from backend.settings import Settings
from backend.web.speech import has_languages
from rules.evaluate import Answer
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.backend.own_file.conftest import YEAR, EnterpriseClient, Two
from tests.backend.own_file.test_in_english import in_chinese
from tests.backend.self_check.test_pages import facts_of, outcomes
from tests.backend.self_check.walking import fields
from tests.factories import make_filing, make_recognition

PROGRAMMES = "/me/enterprise/programmes"
#: What the registry knows by itself, and nobody files.
KNOWN = ("hnte_certificates", "established_on", "registered_in_mainland")
HNTE = f"{PROGRAMMES}/hnte"


@pytest.fixture
def app(engine: AsyncEngine, tmp_path: Path) -> FastAPI:
    return create_app(Settings(data=tmp_path), engine)


@pytest.fixture
async def reader(account_of: EnterpriseClient, engine: AsyncEngine, two: Two) -> AsyncClient:
    """An account of an enterprise of which the registry holds yearly figures, choices, records and titles."""
    said = {name: value for name, value in facts_of("hnte@2016").items() if not isinstance(value, dict)}
    held = {name: value for name, value in said.items() if name not in KNOWN}
    async with owner_unit_of_work(engine) as session:
        await make_filing(session, two.own, {"hightech_product_revenue": Decimal("123.456789")}, year=YEAR)
        await make_filing(session, two.own, {"sci_tech_staff": 5}, year=YEAR, source="officer")
        await make_filing(session, two.own, held, year=None)
        await make_recognition(session, two.own, "hnte", date(YEAR - 1, 12, 1), number=f"GR{two.own}")
        await make_recognition(session, two.own, "single_champion", date(YEAR - 1, 12, 1))
    return await account_of(two.own)


async def file_of(engine: AsyncEngine, number: int) -> EnterpriseFile:
    async with owner_unit_of_work(engine) as session:
        row = await find(session, str(number))
        assert row is not None
        return await enterprise_file(session, row, library(), today())


def told(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.version.id,
        answer.outcome,
        answer.score,
        [(one.outcome, one.figure, one.gap) for one in answer.reasons],
    )


async def test_each_criterion_has_figure_threshold_gap_article_and_source(reader: AsyncClient) -> None:
    page = (await reader.get(HNTE)).text
    row = next(one for one in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if "H4" in one)
    words = html.unescape(re.sub(r"<[^>]+>|\s+", " ", row))
    told_there = (
        "科技人员占比",
        "不符合",
        "5 %",
        "≥ 10 %",
        "第十一条（四）",
        f"科技人员数（{YEAR} 年）：5 人（人工确认）",
    )
    assert [one for one in (*told_there, "100 人（税务）") if one not in words] == []
    assert "还差 5 人科技人员数" in page
    assert 'id="path"' in page


async def test_officers_are_told_the_same(reader: AsyncClient, client_as: ClientAs, two: Two) -> None:
    officer = await client_as("district_officer", "321282")
    for programme in ("hnte", "tech_sme", "srdi_sme", "little_giant"):
        own = await reader.get(f"{PROGRAMMES}/{programme}")
        theirs = (await officer.get(f"/enterprises/{two.code}?programme={programme}")).text.partition(
            'id="explanation"'
        )[2]
        shown = re.findall(r'class="badge outcome-(\w+)"', theirs)
        assert outcomes(own)[: len(shown)] == shown, programme
        assert len(shown) > 5


async def test_taken_into_the_self_check_the_registered_data_give_the_same_answers(
    reader: AsyncClient, engine: AsyncEngine, two: Two
) -> None:
    standing = Standing(await file_of(engine, two.own), library())
    loaded = load(standing.state, library(), today())
    assert loaded.problems == ()
    typed = SelfCheck(loaded.sheet, library())
    assert [told(one) for one in typed.answers] == [told(one) for one in standing.check.answers]
    assert len(typed.answers) > 10


async def test_a_remedy_is_tried_on_with_one_click(reader: AsyncClient) -> None:
    page = await reader.get(HNTE)
    remedy = re.search(r'name="remedy" value="(sci_tech_staff[^"]+)"', page.text)
    assert remedy is not None
    tried = await reader.post("/check/try", data=fields(page, "/check/try#what-if") | {"remedy": remedy[1]})
    assert "由 5 改为 10" in tried.text
    assert outcomes(tried)[0] == "ineligible"
    saved = await reader.post("/check/save", data=fields(page, "/check/answer"))
    assert saved.json()["facts"]["hightech_product_revenue"] == {str(YEAR): 123.456789}


async def test_the_report_says_on_whose_word_and_the_pdf_says_the_same(reader: AsyncClient) -> None:
    page = (await reader.get(f"{HNTE}/report")).text.partition('<div class="report">')[2].partition("</main>")[0]
    answer = await reader.get(f"{HNTE}/report.pdf")
    pages = PdfReader(io.BytesIO(answer.content)).pages
    printed = re.sub(r"\s", "", "".join(one.extract_text() for one in pages))
    cells = re.findall(r"<(?:th|td|dt|dd|h2|li|p)\b[^>]*>(.*?)</(?:th|td|dt|dd|h2|li|p)>", page, re.DOTALL)
    texts = [re.sub(r"\s", "", html.unescape(re.sub(r"<[^>]+>", "", cell))) for cell in cells]
    assert [one for one in texts if one not in printed] == []
    assert len(pages) <= 2
    for words in ("按科技部门库中登记的数据", "靖江本企业有限公司", "5人（人工确认）", "hnte@2016:"):
        assert words in printed


async def test_every_link_of_the_account_leads_to_a_page_in_the_language_chosen(reader: AsyncClient) -> None:
    reader.headers["accept-language"] = "en"
    waiting, seen = ["/me/enterprise", HNTE, f"{PROGRAMMES}/srdi_sme"], set[str]()
    while waiting:
        address = waiting.pop().partition("#")[0]
        path = address.partition("?")[0]
        if address in seen or path.startswith(("/static/", "/assets/", "/rules/")):
            continue
        seen.add(address)
        assert path == "/" or has_languages(path), address
        if "lang=" in address or path in ("/", "/rules") or len(seen) > 40:
            continue
        page = await reader.get(address)
        assert page.status_code == 200, address
        if "text/html" in page.headers["content-type"]:
            assert in_chinese(page) == [], address
            waiting += html.unescape(" ".join(re.findall(r'<a [^>]*href="(/[^"]*)"', page.text))).split()
    assert len(seen) > 30


async def test_what_does_not_apply_is_told_and_nobody_else_comes_here(reader: AsyncClient, client_as: ClientAs) -> None:
    answer = await reader.get(f"{PROGRAMMES}/nothing")
    assert (answer.status_code, "没有这个认定项目" in answer.text) == (404, True)
    officer = await client_as("city_officer")
    assert (await officer.get(HNTE)).status_code == 403


async def test_the_first_page_says_by_how_much_a_title_would_fail_its_renewal_today(
    account_of: EnterpriseClient, engine: AsyncEngine, two: Two
):
    async with owner_unit_of_work(engine) as session:
        # A tenth of the staff must be in science; here 8 of 100.
        await make_filing(session, two.own, {"sci_tech_staff": 8}, year=YEAR, source="officer")
        title = await make_recognition(session, two.own, "hnte", date(YEAR - 1, 12, 1), number=f"GR{two.own}")
    page = (await (await account_of(two.own)).get("/me/enterprise")).text
    held = page[page.index(f'id="title-{title}"') :].partition("</div>")[0]
    assert "按登记的数据，现在重新认定" in held
    assert "不符合" in held
    assert re.search(r"<li>科技人员占比（差 2(\.0*)? 个百分点）</li>", held), held
