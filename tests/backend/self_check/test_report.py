"""The report: page and PDF say the same, on two pages, and say what they are not."""

import html
import io
import json
import re
from typing import Any

import pytest
from httpx import AsyncClient
from pypdf import PdfReader

from backend.self_check.report import STATEMENT
from rules.answers import answer_request
from rules.library import library
from tests.backend.self_check.test_pages import facts_of

ON = "2026-07-15"


def state(target: str, facts: dict[str, Any]) -> dict[str, str]:
    return {"state": json.dumps({"target": target, "as_of": ON, "facts": facts}, ensure_ascii=False)}


def squeezed(text: str) -> str:
    """Without blanks and line breaks, which typesetting moves."""
    return re.sub(r"\s", "", text)


async def pdf_of(browser: AsyncClient, sent: dict[str, str]) -> PdfReader:
    answer = await browser.post("/check/report.pdf", data=sent)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    return PdfReader(io.BytesIO(answer.content))


async def test_every_line_of_the_page_stands_in_the_pdf(browser: AsyncClient) -> None:
    sent = state("hnte", facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}, "enterprise_name": "甲乙丙有限公司"})
    page = (
        (await browser.post("/check/report", data=sent))
        .text.partition('<div class="report">')[2]
        .partition("</main>")[0]
    )
    printed = squeezed("".join(one.extract_text() for one in (await pdf_of(browser, sent)).pages))
    cells = re.findall(r"<(?:th|td|dt|dd|h2|li|p)\b[^>]*>(.*?)</(?:th|td|dt|dd|h2|li|p)>", page, re.DOTALL)
    texts = [squeezed(html.unescape(re.sub(r"<[^>]+>", "", cell))) for cell in cells]
    assert len(texts) > 80
    assert [one for one in texts if one not in printed] == []


async def test_the_report_names_day_versions_receipt_and_that_it_decides_nothing(browser: AsyncClient) -> None:
    facts = facts_of("hnte@2016")
    answer = answer_request({"programme": "hnte", "as_of": ON, "facts": facts}, library())
    printed = squeezed("".join(one.extract_text() for one in (await pdf_of(browser, state("hnte", facts))).pages))
    for words in (
        ON,
        "hnte@2016",
        answer["receipt"]["rule"],
        answer["receipt"]["facts"],
        STATEMENT,
        "符合",
        "认定管理办法第十一条（五）",
    ):
        assert squeezed(words) in printed


@pytest.mark.parametrize("target", ["hnte", "srdi_sme", "little_giant", "all", "rung:listed"])
async def test_the_report_has_two_pages(browser: AsyncClient, target: str) -> None:
    facts = facts_of("srdi_sme@2026") | facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}}
    assert len((await pdf_of(browser, state(target, facts))).pages) <= 2


async def test_the_glyphs_are_embedded(browser: AsyncClient) -> None:
    reader = await pdf_of(browser, state("hnte", {}))
    fonts = reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    (descendant, *_) = [one.get_object()["/DescendantFonts"][0].get_object() for one in fonts.values()]  # type: ignore[union-attr]
    assert "NotoSans" in str(descendant["/BaseFont"])
    assert "/FontFile3" in descendant["/FontDescriptor"].get_object()


async def test_words_that_look_like_markup_stay_words(browser: AsyncClient) -> None:
    name = "#let *x* = _y_ $z$ <b>甲</b>"
    printed = squeezed((await pdf_of(browser, state("hnte", {"enterprise_name": name}))).pages[0].extract_text())
    assert squeezed(name) in printed
