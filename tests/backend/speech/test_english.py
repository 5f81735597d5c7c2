"""The public door in English: complete, at the same addresses, with the same figures."""

import io
import json
import re
from typing import Any

import pytest
from httpx import AsyncClient
from pypdf import PdfReader

from backend.self_check.book_reading import read_book
from backend.self_check.book_template import template
from rules.facts import read_date
from rules.library import library
from rules.translation import speaking
from tests.backend.self_check.test_pages import facts_of
from tests.backend.self_check.walking import begin, fields, send
from tests.backend.speech.reading import chinese_in

ENGLISH = {"accept-language": "en"}
ON = "2026-07-15"
SHORT_OF_STAFF = facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}}


@pytest.fixture
def reader(browser: AsyncClient) -> AsyncClient:
    browser.headers.update(ENGLISH)
    return browser


def state(facts: dict[str, Any], target: str = "hnte") -> dict[str, str]:
    return {"state": json.dumps({"target": target, "as_of": ON, "facts": facts}, ensure_ascii=False, default=str)}


async def test_every_page_of_the_explorer_is_english_throughout(reader: AsyncClient) -> None:
    versions = [version for programme in library().programmes.values() for version in programme.versions]
    criterion = library().programme("srdi_sme").versions[0].criteria[0].id
    addresses = ["/rules", "/rules?q=staff", f"/rules/srdi_sme@2022/{criterion}", "/rules/indicators/uscc"]
    addresses += [f"/rules/{one.id}" for one in versions]
    # A piece of a page is read once: nothing of it may stay in the language of its first reader.
    await reader.get(f"/rules/srdi_sme@2022/{criterion}", headers={"Accept-Language": "zh-CN"})
    for address in addresses:
        page = await reader.get(address)
        assert (page.status_code, chinese_in(page.text)) == (200, []), address


async def test_every_step_of_the_self_check_is_english_throughout(reader: AsyncClient) -> None:
    steps = [
        await reader.get("/check"),
        await reader.get("/check/batch"),
        await begin(reader, "all"),
        await begin(reader, "hnte", whole=True),
    ]
    steps += [await reader.post(f"/check/{step}", data=state(SHORT_OF_STAFF)) for step in ("answer", "form", "report")]
    steps.append(await reader.post("/check/answer", data=state({}, "all")))
    steps.append(await reader.post("/check/try", data=state(SHORT_OF_STAFF) | {"f.sci_tech_staff.2025": "60"}))
    for page in steps:
        assert (page.status_code, chinese_in(page.text)) == (200, [])
        assert '<html lang="en"' in page.text and page.headers["content-language"] == "en"


async def test_what_is_wrong_is_told_in_english(reader: AsyncClient) -> None:
    form = await begin(reader, "hnte", whole=True)
    wrong = {
        "f.sales_revenue.2025": "30000000元", "f.sales_revenue.2024": "about 3000", "f.employee_total.2025": "12%",
        "f.established_on": "tomorrow", "f.sci_tech_staff.2025": "-3",
    }  # fmt: skip
    told = await send(reader, form, "/check/answer", wrong)
    assert (told.status_code, [one for one in chinese_in(told.text) if "元" not in one]) == (422, [])
    assert "the unit here is 10,000 yuan" in told.text and "put 3000 instead" in told.text
    for page in (
        await reader.get("/rules/nothing"),
        await reader.get("/rules/hnte@1999"),
        await reader.post("/check/answer", data={}),
        await reader.post("/check/load", files={"file": ("a.json", b"{]")}),
        await reader.post("/check/batch", files={"file": ("a.xlsx", b"no workbook")}),
    ):
        assert page.status_code >= 400
        assert [one for one in chinese_in(page.text) if "Excel" not in one] == []


async def test_the_report_is_english_on_paper_too(reader: AsyncClient) -> None:
    made = await reader.post("/check/report.pdf", data=state(SHORT_OF_STAFF))
    paper = PdfReader(io.BytesIO(made.content))
    text = "".join(page.extract_text() for page in paper.pages)
    assert len(paper.pages) <= 2
    for words in (
        "Self-check report",
        "Science and technology staff's share",
        "What would mend it",
        "no decision of any authority",
    ):
        assert words in " ".join(text.split())
    text = "".join(text.split())
    assert re.findall(r"[\u4e00-\u9fff]+", re.sub(r"[\u4e00-\u9fff]*〔\d{4}〕\d+号", "", text)) == []


async def test_the_same_facts_come_to_the_same_in_either_language(browser: AsyncClient) -> None:
    check = {"id": 1, "programme": "hnte", "as_of": ON, "facts": SHORT_OF_STAFF}
    chinese = (await browser.post("/api/v1/checks", json=check)).json()
    answered = await browser.post("/api/v1/checks", json=check, headers=ENGLISH)
    english = answered.json()
    assert english["criteria"][3]["name"] != chinese["criteria"][3]["name"]
    assert _machine(english) == _machine(chinese)
    assert answered.headers["content-language"] == "en" and "Accept-Language" in answered.headers["vary"]


async def test_rest_tells_problems_and_names_in_english(browser: AsyncClient) -> None:
    missing = (await browser.get("/api/v1/rules/nothing", headers=ENGLISH)).json()
    assert missing["title"] == "Not found" and missing["detail"].isascii() is False  # its quotation marks are curly
    assert chinese_in(missing["detail"]) == []
    unknown = (
        await browser.post(
            "/api/v1/checks", json={"programme": "hnte", "as_of": ON, "facts": {"x": 1}}, headers=ENGLISH
        )
    ).json()
    assert unknown["error"].startswith("The catalogue has no indicator “x”")
    first = (await browser.get("/api/v1/indicators", headers=ENGLISH)).json()[0]
    assert (first["id"], first["name"]) == ("uscc", "Unified social credit code")
    named = (await browser.get("/api/v1/rules", headers=ENGLISH)).json()
    assert next(one for one in named if one["programme"] == "hnte")["name"]["zh"] == "国家高新技术企业"


async def test_the_choice_of_a_language_is_kept_and_can_be_taken_back(browser: AsyncClient) -> None:
    assert 'lang="zh-CN"' in (await browser.get("/check")).text
    chosen = await browser.get("/rules/hnte?lang=en&on=2026-07-15")
    assert "High and New Technology Enterprise" in chosen.text
    assert 'href="/rules/hnte?on=2026-07-15&amp;lang=zh"' in chosen.text
    assert "Self-check" in (await browser.get("/check", headers={"accept-language": "zh-CN"})).text
    assert "资格自测" in (await browser.get("/check?lang=zh", headers=ENGLISH)).text


async def test_a_step_goes_on_in_another_language_with_its_answers(browser: AsyncClient) -> None:
    answered = await browser.post("/check/answer", data=state(SHORT_OF_STAFF))
    assert 'form="typed" formaction="/check/try?lang=en&amp;again=1"' in answered.text
    english = await browser.post("/check/try?lang=en&again=1", data=fields(answered, "/check/try"))
    assert english.status_code == 200 and "High and New Technology Enterprise" in english.text
    assert chinese_in(english.text) == []
    printed = await browser.post("/check/report", data=fields(answered, "/check/answer"))
    again = await browser.post("/check/report?lang=zh&again=1", data=fields(printed, "/check/report"))
    assert "资格自测报告" in again.text and "5 %" in again.text


@pytest.mark.parametrize(
    ("wished", "spoken"),
    [("en-GB,en;q=0.8", "en"), ("fr, en;q=0.3, zh;q=0.9", "zh-CN"), ("de", "zh-CN"), ("en;q=0", "zh-CN"), ("en;q=x", "zh-CN"), ("", "zh-CN")],
)  # fmt: skip
async def test_what_the_browser_prefers_is_spoken(browser: AsyncClient, wished: str, spoken: str) -> None:
    assert (await browser.get("/rules", headers={"accept-language": wished})).headers["content-language"] == spoken


async def test_pages_behind_the_door_stay_chinese(reader: AsyncClient) -> None:
    page = await reader.get("/plans", headers={"accept": "application/json"})
    assert page.json()["title"] == "请先登录" and "content-language" not in page.headers


def test_an_english_template_is_read_as_it_was_made() -> None:
    with speaking("en"):
        made = template("hnte", read_date(ON), library())
    with pytest.raises(Exception, match="fill in one row"):
        read_book(made, "a.xlsx")  # nothing is filled in, and that is all that is wrong with it


def _machine(answer: Any) -> Any:
    """An answer without the words in it."""
    words = {"name", "cite", "note", "unit", "warnings", "error"}
    if isinstance(answer, dict):
        return {name: _machine(value) for name, value in answer.items() if name not in words}
    return [_machine(one) for one in answer] if isinstance(answer, list) else answer
