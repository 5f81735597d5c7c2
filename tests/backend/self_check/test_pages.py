"""The self-check, walked through as a finance manager does: with forms, without an account, without JavaScript."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

from httpx import AsyncClient, Response

from rules.answers import answer_line
from rules.cases import baseline
from rules.library import library
from tests.backend.self_check.walking import begin, fields, send

CASES = Path("tests/rules/cases")


def facts_of(version: str) -> dict[str, Any]:
    return baseline(CASES / f"{version}.yaml")["facts"]


def text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def typed(asked: str, facts: dict[str, Any]) -> dict[str, str]:
    """What somebody who knows these facts types into the fields asked."""
    filled: dict[str, str] = {}
    for name in asked.split():
        _, indicator, *year = name.split(".")
        value = facts.get(indicator)
        value = value.get(year[0]) if year and isinstance(value, dict) else value
        if value == [] or value == "none":
            filled[f"none.{indicator}"] = "on"
        elif value is not None:
            filled[name] = text(value)
    return filled


async def walk(browser: AsyncClient, target: str, facts: dict[str, Any]) -> tuple[Response, int]:
    """Answer question after question until none is asked; the answer's page and how many there were."""
    page, asked = await begin(browser, target), 0
    while "/check/question" in page.text and 'name="asked"' in page.text:
        filled = typed(fields(page, "/check/question")["asked"], facts)
        page = await send(browser, page, "/check/question", filled, button="" if filled else "decline=1")
        asked += 1
        assert page.status_code == 200, page.text
        assert asked < 60
    return page, asked


def outcomes(page: Response) -> list[str]:
    return re.findall(r'class="badge outcome-(\w+)"', page.text)


async def test_nobody_has_to_sign_in(browser: AsyncClient) -> None:
    page = await browser.get("/check")
    assert page.status_code == 200
    assert "资格自测" in page.text


async def test_questions_end_in_a_settled_answer_after_no_more_than_was_said(browser: AsyncClient) -> None:
    said = re.search(r'id="left">(\d+)<', (await begin(browser, "hnte")).text)
    page, asked = await walk(browser, "hnte", facts_of("hnte@2016"))
    assert outcomes(page)[0] == "eligible"
    assert said is not None
    assert asked <= int(said[1]) == 18


async def test_what_cannot_be_given_is_gone_round(browser: AsyncClient) -> None:
    # The enterprise of the legal cases knows its figures, but not whether it is an SME.
    page, _ = await walk(browser, "srdi_sme", facts_of("srdi_sme@2026"))
    assert outcomes(page)[0] == "eligible"


async def test_asking_stops_when_one_criterion_has_failed(browser: AsyncClient) -> None:
    facts = facts_of("hnte@2016") | {"established_on": "2026-05-01"}
    page, asked = await walk(browser, "hnte", facts)
    assert outcomes(page)[0] == "ineligible"
    assert asked == 1


async def test_a_question_names_years_unit_definition_and_what_waits_for_it(browser: AsyncClient) -> None:
    page = await begin(browser, "hnte")
    page = await send(browser, page, "/check/question", {"f.established_on": "2018-05-10"})
    page = await send(browser, page, "/check/question", {"f.hnte_field_code": "2.1"})
    for words in (
        "2023 年",
        "2024 年",
        "2025 年",
        "万元",
        "近三年研发费用占销售收入比例",
        library().catalogue.by_name["rd_expense_hnte"].definition,
    ):
        assert words in page.text


async def test_what_one_does_not_know_is_passed_over(browser: AsyncClient) -> None:
    page = await begin(browser, "hnte")
    first = fields(page, "/check/question")["asked"]
    page = await send(browser, page, "/check/question", {}, button="decline=1")
    assert fields(page, "/check/question")["asked"] != first
    assert first.removeprefix("f.") in json.loads(fields(page, "/check/question")["state"])["declined"]


async def test_a_question_left_empty_is_asked_again_with_a_word(browser: AsyncClient) -> None:
    page = await begin(browser, "hnte")
    again = await send(browser, page, "/check/question", {})
    assert again.status_code == 422
    assert "不清楚，先跳过" in again.text
    assert fields(again, "/check/question")["asked"] == fields(page, "/check/question")["asked"]


async def test_everything_can_be_filled_in_any_order(browser: AsyncClient) -> None:
    facts = facts_of("hnte@2016")
    page = await begin(browser, "hnte", whole=True)
    names = fields(page, "/check/answer")
    filled = typed(" ".join(reversed([name for name in names if name.startswith("f.")])), facts)
    filled |= {f"none.{name}": "on" for name in ("hnte_certificates", "major_incidents")}
    page = await send(browser, page, "/check/answer", filled)
    assert outcomes(page)[0] == "eligible"


async def test_the_page_says_what_the_command_line_says(browser: AsyncClient) -> None:
    page, _ = await walk(browser, "hnte", facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}})
    saved = await browser.post("/check/save", data={"state": fields(page, "/check/answer")["state"]})
    line = answer_line(saved.text, library())
    assert line["outcome"] == outcomes(page)[0]
    assert "filename*=UTF-8''" in saved.headers["content-disposition"]


async def test_a_saved_file_is_loaded_as_it_was(browser: AsyncClient) -> None:
    page, _ = await walk(browser, "hnte", facts_of("hnte@2016"))
    state = fields(page, "/check/answer")["state"]
    saved = await browser.post("/check/save", data={"state": state})
    loaded = await browser.post("/check/load", files={"file": ("自测.json", saved.content)})
    assert loaded.status_code == 200
    assert json.loads(fields(loaded, "/check/answer")["state"]) == json.loads(state)


async def test_an_answer_names_figure_threshold_gap_and_article(browser: AsyncClient) -> None:
    facts = {"sci_tech_staff": {"2025": 8}, "employee_total": {"2025": 100}}
    page = await _answer_of(browser, "hnte", facts)
    row = re.search(r"<tr class=\"reason[^>]*>(?:(?!</tr>).)*科技人员占比.*?</tr>", page.text, re.DOTALL)
    assert row is not None
    for words in ("8 %", "≥ 10 %", "2 %", "认定管理办法 第十一条（四）"):
        assert words in row[0]


async def test_an_open_answer_says_what_would_settle_it(browser: AsyncClient) -> None:
    facts = facts_of("hnte@2016")
    del facts["innovation_score_total"]
    page = await _answer_of(browser, "hnte", facts)
    assert outcomes(page)[0] == "undetermined"
    assert "补齐哪些数据即可判定" in page.text
    assert library().catalogue.by_name["innovation_score_total"].name in page.text


async def test_a_gap_of_time_has_its_unit_and_the_day_on_which_it_is_closed(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "hnte", facts_of("hnte@2016") | {"established_on": "2026-01-01"})
    assert "<strong>170 天</strong>" in page.text
    assert "只有时间或相应资格能补上" in page.text and "到 2027-01-01 即可满足" in page.text


async def test_who_could_give_nothing_is_told_what_to_look_for(browser: AsyncClient) -> None:
    page, asked = await walk(browser, "hnte", {})
    assert asked > 5
    assert "补齐哪些数据即可判定" in page.text
    refused = await browser.post("/check/answer", data={"state": "garbage"})
    assert (refused.status_code, 'href="/check">回到资格自测' in refused.text) == (400, True)


async def test_a_remedy_tried_flips_the_criterion(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "hnte", facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}})
    remedy = re.search(r'name="remedy" value="([^"]+)"', page.text)
    assert remedy is not None
    form = fields(page, "/check/try#what-if")
    tried = await browser.post("/check/try", data=form | {"remedy": remedy[1]})
    flips = tried.text.partition('id="trial"')[2].partition('id="path"')[0]
    assert re.search(r"国家高新技术企业.*?outcome-ineligible.*?outcome-eligible", flips, re.DOTALL)


async def test_a_changed_figure_is_tried_without_being_taken_over(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "hnte", facts_of("hnte@2016"))
    form = fields(page, "/check/try")
    tried = await browser.post("/check/try", data=form | {"f.sci_tech_staff.2025": "5"}, headers={"HX-Request": "true"})
    assert "<html" not in tried.text
    assert outcomes(tried) == ["eligible", "ineligible", "met", "failed"]
    full = await browser.post("/check/try", data=form | {"f.sci_tech_staff.2025": "5"})
    assert json.loads(fields(full, "/check/answer")["state"])["facts"]["sci_tech_staff"] == {"2025": 30}


async def test_what_only_time_mends_says_the_day(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "hnte", facts_of("hnte@2016") | {"established_on": "2026-01-10"})
    assert "到 2027-01-10 即可满足" in page.text


async def test_what_work_and_time_mend_together_is_told_with_both(browser: AsyncClient) -> None:
    facts = facts_of("hnte@2016") | {"established_on": "2026-01-10", "sci_tech_staff": {"2025": 10}}
    page = (await _answer_of(browser, "hnte", facts)).text.partition("一次补齐")[2]
    assert "还差 10 人科技人员数（2025 年）：由 10 增至 20；并等到 2027-01-10" in page


async def test_everything_one_could_be_is_answered_at_once(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "all", facts_of("hnte@2016"))
    for name in ("国家高新技术企业", "科技型中小企业", "专精特新中小企业"):
        assert name in page.text
    assert "南京市瞪羚企业" not in page.text


async def test_a_rung_asks_about_its_programmes(browser: AsyncClient) -> None:
    page = await begin(browser, "rung:srdi")
    assert "梯级：专精特新" in page.text
    page = await send(browser, page, "/check/question", {}, to="/check/answer")
    assert "专精特新“小巨人”企业" in page.text.replace("&#34;", "”")


async def test_the_growth_path_names_what_each_rung_asks(browser: AsyncClient) -> None:
    page = await _answer_of(browser, "hnte", facts_of("hnte@2016") | {"sci_tech_staff": {"2025": 10}})
    path = page.text.partition('id="path"')[2]
    assert "科技人员占比（现 5%，须 ≥ 10%，差 5%）" in path
    assert path.index("科技型中小企业") < path.index("高新技术企业") < path.index("专精特新")


async def test_a_programme_that_is_not_in_force_on_the_day_says_so(browser: AsyncClient) -> None:
    page = await begin(browser, "star.s5", "2018-01-01", whole=True)
    assert "没有现行的科创板上市标准五标准" in page.text


async def test_a_step_opened_by_its_address_begins_again(browser: AsyncClient) -> None:
    answer = await browser.get("/check/answer")
    assert (answer.status_code, answer.headers["location"]) == (303, "/check")


async def test_a_step_without_answers_says_where_to_begin(browser: AsyncClient) -> None:
    answer = await browser.post("/check/answer", data={"f.sales_revenue.2025": "1"})
    assert answer.status_code == 400
    assert "重新开始" in answer.text


async def _answer_of(browser: AsyncClient, target: str, facts: dict[str, Any]) -> Response:
    line = json.dumps({"programme": target, "target": target, "as_of": date(2026, 7, 15).isoformat(), "facts": facts})
    page = await browser.post("/check/answer", data={"state": line})
    assert page.status_code == 200, page.text
    return page


async def test_ten_figures_lead_to_a_settled_answer_in_the_fewest_questions_there_are(browser: AsyncClient) -> None:
    known = facts_of("hnte@2016")
    ten = {name: value for name, value in known.items() if isinstance(value, dict | int) and value is not True}
    ten = dict(list(ten.items())[:10])
    state = json.dumps({"target": "hnte", "as_of": "2026-07-15", "facts": ten}, default=str)
    page = await browser.post("/check/question", data={"state": state})
    said = re.search(r'<b id="left">(\d+)</b>', page.text)
    assert len(ten) == 10 and said is not None
    asked = 0
    while 'name="asked"' in page.text:
        filled = typed(fields(page, "/check/question")["asked"], known)
        page = await send(browser, page, "/check/question", filled, button="" if filled else "decline=1")
        asked += 1
    # As many as the engine had proved at the start to be the least.
    assert asked == int(said[1])
    assert outcomes(page)[0] == "eligible"


async def test_doubtful_figures_are_asked_about_and_left_as_typed(browser: AsyncClient) -> None:
    form = await begin(browser, "hnte", whole=True)
    filled = {
        "f.sales_revenue.2025": "４８，０００，０００", "f.sales_revenue.2024": "4,000", "f.employee_total.2025": "20人",
        "f.sci_tech_staff.2025": "３０", "f.total_assets_year_end.2025": "5000",
    }  # fmt: skip
    filled = {name: value for name, value in filled.items() if name in fields(form, "/check/answer")}
    page = await send(browser, form, "/check/answer", filled)
    assert page.status_code == 200
    doubts = page.text.partition("hint-list")[2].partition("</ul>")[0]
    assert "是否把元当成了万元？如是，应填 4,800" in doubts  # a factor of ten thousand
    assert "科技人员多于职工总数" in doubts
    kept = json.loads(fields(page, "/check/answer")["state"])["facts"]
    assert kept["sales_revenue"] == {"2025": 48_000_000, "2024": 4000}
    assert (kept["sci_tech_staff"], kept["employee_total"]) == ({"2025": 30}, {"2025": 20})
