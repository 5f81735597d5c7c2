"""Saved files: opened again as they were, whatever their age and whoever edited them, and told entry by entry."""

import json
from datetime import date
from decimal import Decimal

import pytest
from httpx import AsyncClient

from backend.self_check.sheet import FORMAT, Sheet, UnreadableSheet, load
from rules.answers import answer_line
from rules.library import library
from rules.values import FactKey

TODAY = date(2026, 11, 22)
SHEET = Sheet(
    "hnte", date(2026, 7, 15), {"sales_revenue": {"2025": Decimal("4800.123456")}, "major_incidents": []},
    frozenset((FactKey("score_ip_total"), FactKey("employee_total", 2025))),
)  # fmt: skip


def read(text: str) -> tuple[Sheet, str]:
    loaded = load(text, library(), TODAY)
    return loaded.sheet, "\n".join(loaded.problems)


def test_a_file_holds_everything_to_the_last_fen() -> None:
    assert load(SHEET.as_line(library()), library(), TODAY).sheet == SHEET


def test_a_file_is_a_check_that_the_command_line_answers() -> None:
    answer = answer_line(SHEET.as_line(library()), library())
    assert (answer["id"], answer["programme"], "error" in answer) == ("self-check", "hnte", False)


def test_a_plain_check_of_before_the_self_check_is_opened() -> None:
    sheet, problems = read(
        '{"id": 1, "programme": "hnte@2016", "as_of": "2026-07-15", "facts": {"revenue": {"2025": 5}}}'
    )
    assert (sheet.target, sheet.facts, problems) == ("hnte@2016", {"operating_revenue": {"2025": 5}}, "")


def test_names_that_are_gone_and_values_that_were_spoilt_are_told_and_the_rest_is_taken() -> None:
    facts = {
        "gone_figure": 1,
        "employee_total": {"2025": "一百", "2024": 90, "去年": 3},
        "established_on": "2018/5/8",
        "ip_class1_count": 2,
    }
    sheet, problems = read(json.dumps({"target": "hnte", "as_of": "2026-07-15", "facts": facts}))
    assert sheet.facts == {"employee_total": {"2024": 90}, "ip_class1_count": 2}
    for words in (
        "“gone_figure”：目录中没有这个指标",
        "2025 年的数应为数字",
        "年度“去年”应为四位年份",
        "“成立日期”应为日期",
    ):
        assert words in problems
    assert "employee_total" not in problems


def test_half_a_year_is_no_year_and_is_told() -> None:
    facts = {"sales_revenue": {"2025H1": 900, "2025": 1800}}
    sheet, problems = read(json.dumps({"target": "hnte", "as_of": "2026-07-15", "facts": facts}))
    assert sheet.facts == {"sales_revenue": {"2025": 1800}}
    assert "“2025H1”不是整年" in problems


def test_a_ratio_without_a_year_is_last_years() -> None:
    sheet, problems = read('{"target": "hnte", "as_of": "2026-07-15", "facts": {"debt_ratio": 40, "sales_revenue": 5}}')
    assert sheet.facts == {"debt_ratio": {"2025": 40}}
    assert "“销售收入”是分年度指标" in problems


def test_one_record_alone_and_the_word_for_none_are_lists() -> None:
    facts = {"hnte_certificates": {"issued_on": "2023-11-06"}, "major_incidents": "none"}
    sheet, _ = read(json.dumps({"target": "hnte", "as_of": "2026-07-15", "facts": facts}))
    assert sheet.facts == {"hnte_certificates": [{"issued_on": "2023-11-06"}], "major_incidents": []}


def test_a_programme_that_is_gone_is_told_and_everything_is_asked_about() -> None:
    sheet, problems = read('{"target": "rung:gone", "as_of": "2026-07-15", "facts": {}}')
    assert sheet.target == "all"
    assert "已不存在" in problems


def test_a_day_that_is_none_becomes_today() -> None:
    sheet, problems = read('{"target": "hnte", "as_of": "明天", "facts": {}}')
    assert sheet.as_of == TODAY
    assert "截至日" in problems


def test_a_file_that_says_neither_what_nor_when_is_opened_for_today() -> None:
    sheet, problems = read('{"facts": {"sales_revenue": {"2025": 5}}}')
    assert (sheet.target, sheet.as_of) == ("all", TODAY)
    assert "没有写测评内容" in problems and "没有写截至日" in problems and "None" not in problems


def test_a_name_given_twice_is_told() -> None:
    assert "出现了两次" in read('{"target": "hnte", "as_of": "2026-07-15", "facts": {"uscc": "a", "uscc": "b"}}')[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "不是自测保存的文件"),
        ("销售收入 3000", "不是自测保存的文件"),
        ('{"facts": {"a": 1,}}', "第 1 行第"),
        ("[1, 2]", "不是自测保存的文件"),
        ('{"target": "hnte"}', "没有企业数据"),
        (f'{{"format": {FORMAT + 1}, "facts": {{}}}}', "更新的版本保存"),
        ('{"format": "x", "facts": {}}', "格式号"),
        ("[" * 100_000, "不是自测保存的文件"),
        ("x" * 1_000_001, "文件太大"),
    ],
)
def test_what_is_no_saved_file_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(UnreadableSheet, match=told):
        load(text, library(), TODAY)


async def test_a_file_edited_by_hand_opens_with_its_problems_on_top(browser: AsyncClient) -> None:
    line = '{"target": "hnte", "as_of": "2026-07-15", "facts": {"gone": 1, "ip_class1_count": 2}}'
    page = await browser.post("/check/load", files={"file": ("x.json", line.encode())})
    assert page.status_code == 200
    assert "文件中有 1 处没有读入" in page.text
    assert 'value="2"' in page.text


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"PK\x03\x04", b"{"])
async def test_another_file_is_refused_on_the_page(browser: AsyncClient, content: bytes) -> None:
    page = await browser.post("/check/load", files={"file": ("x.json", content)})
    assert page.status_code == 422
    assert "error-summary" in page.text
