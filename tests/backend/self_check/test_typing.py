"""What people type: read as what it is, or told with what to type instead; nothing is converted in silence."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from backend.self_check.entries import take
from backend.self_check.hints import hints
from backend.self_check.sheet import Sheet
from backend.self_check.typed import TypedProblem, read_typed
from rules.library import library

ON = date(2026, 7, 15)


def indicator(name: str) -> Any:
    return library().catalogue.by_name[name]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("sales_revenue", "１２００．５", Decimal("1200.5")),
        ("sales_revenue", "1,200,000", 1_200_000),
        ("sales_revenue", "1200 万元", 1200),
        ("sales_revenue", "-30", -30),
        ("debt_ratio", "62.5％", Decimal("62.5")),
        ("ip_class1_count", "3 件", 3),
        ("employee_total", "120.5人", Decimal("120.5")),
        ("established_on", "2018年5月8日", "2018-05-08"),
        ("established_on", "20180508", "2018-05-08"),
        ("registered_in_mainland", "是", True),
    ],
)
def test_what_is_meant_is_read(name: str, text: str, value: Any) -> None:
    assert read_typed(indicator(name), text) == value


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("sales_revenue", "约3000", "不是数字"),
        ("sales_revenue", "abc", "不是数字"),
        ("sales_revenue", "1e9", "不是数字"),
        ("sales_revenue", "∞", "不是数字"),
        ("sales_revenue", "15%", "不是百分比"),
        ("sales_revenue", "12345678元", "请改填 1234.5678"),
        ("sales_revenue", "2亿元", "请改填 20000"),
        ("sales_revenue", "12,34", "千分位逗号位置不对"),
        ("ip_class1_count", "1.5", "应为整数"),
        ("established_on", "2018-05", "完整日期"),
        ("registered_in_mainland", "也许", "请选“是”或“否”"),
        ("listing_board", "火星板", "请从列出的选项中选择"),
        ("enterprise_name", "长" * 201, "太长"),
    ],
)
def test_what_cannot_be_meant_is_told_with_what_to_type(name: str, text: str, told: str) -> None:
    with pytest.raises(TypedProblem, match=told):
        read_typed(indicator(name), text)


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("f.sales_revenue.2025", "-30", "“销售收入”2025 年"),
        ("f.employee_total.2025", "-1", "不应小于 0"),
        ("f.sales_revenue.2025", "99999999999", "数值过大"),
        ("f.sales_revenue.2025", "0.1234567", "最多六位小数"),
        ("f.sales_revenue.2031", "5", "晚于测评日"),
        ("f.established_on", "2018-02-30", "不是存在的日期"),
        ("f.established_on", "0018-02-03", "应在 1800 至 2999 年之间"),
    ],
)
def test_a_figure_that_cannot_be_true_is_refused_and_the_sheet_stays(field: str, text: str, told: str) -> None:
    taken = take([(field, text)], Sheet("hnte", ON, {"enterprise_name": "甲"}), library())
    assert field in taken.errors
    assert told.replace("“销售收入”2025 年", "2025 年") in taken.errors[field]
    assert taken.typed == {field: text}
    assert taken.sheet.facts == {"enterprise_name": "甲"}


def doubts(facts: dict[str, Any]) -> list[str]:
    taken = take([], Sheet("hnte", ON, facts), library())
    return [one["message"] for one in hints(taken, taken.sheet.read(library()), library())]


def test_yuan_typed_for_wan_is_asked_about_and_left_as_it_is() -> None:
    facts = {"sales_revenue": {"2024": 4000, "2025": 48_000_000}, "rd_expense_hnte": {"2025": 300}}
    (said,) = [one for one in doubts(facts) if "元当成了万元" in one]
    assert "应填 4,800" in said


def test_ordinary_figures_of_very_different_size_raise_no_doubt() -> None:
    facts = {
        "sales_revenue": {"2024": 4000, "2025": 4800},
        "non_taxable_income": {"2025": 1},
        "rd_expense_hnte": {"2025": 300},
    }
    assert doubts(facts) == []


def test_a_share_typed_as_a_fraction_is_asked_about() -> None:
    assert any("应填 62.5" in one for one in doubts({"debt_ratio": {"2025": Decimal("0.625")}}))


def test_figures_that_contradict_each_other_are_told() -> None:
    facts = {"rd_expense_hnte": {"2025": 5000}, "sales_revenue": {"2025": 4000}}
    assert any(one.startswith("2025 年高企研发费用大于销售收入") for one in doubts(facts))


def test_a_field_left_empty_takes_its_answer_back() -> None:
    sheet = Sheet("hnte", ON, {"sales_revenue": {"2024": 1, "2025": 2}})
    assert take([("f.sales_revenue.2025", " ")], sheet, library()).sheet.facts == {"sales_revenue": {"2024": 1}}


def test_records_come_row_by_row_and_none_is_said_by_a_tick() -> None:
    rows = [("r.hnte_certificates.1.issued_on", "2023/11/6"), ("r.hnte_certificates.2.issued_on", "")]
    taken = take(rows, Sheet("hnte", ON), library())
    assert taken.sheet.facts["hnte_certificates"] == [{"issued_on": "2023-11-06"}]
    none = take([("none.hnte_certificates", "on"), rows[1]], taken.sheet, library())
    assert none.sheet.facts["hnte_certificates"] == []


def test_a_wrong_record_is_told_with_its_row() -> None:
    taken = take([("r.hnte_certificates.2.issued_on", "去年")], Sheet("hnte", ON), library())
    assert "第 2 条的“发证日期”" in next(iter(taken.errors.values()))


@pytest.mark.parametrize(
    "name", ["f.no_such", "f.sales_revenue", "f.sales_revenue.abc", "f.employee_total.20255", "x", "r.a.b.c"]
)
def test_fields_that_nobody_offered_are_passed_over(name: str) -> None:
    taken = take([(name, "5")], Sheet("hnte", ON), library())
    assert (taken.sheet.facts, taken.errors) == ({}, {})
