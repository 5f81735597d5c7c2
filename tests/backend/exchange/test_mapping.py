"""What an outside system sends becomes what the catalogue means by it, and nothing is dropped in silence."""

from decimal import Decimal
from typing import Any

import pytest

from backend.exchange.mapping import (
    FieldRow,
    Form,
    Incoming,
    Mapped,
    MappingTable,
    faults_of,
    load_table,
    map_in,
    map_out,
)
from backend.exchange.wire import canonical
from rules.library import library

CATALOGUE = library().catalogue
TAX = load_table("tax", CATALOGUE)


def mapped(form: str, layout: str, fields: dict[str, Any], year: int | None = 2025) -> Mapped:
    return map_in(TAX.by_form[form], Incoming(form, layout, year, fields), CATALOGUE)


@pytest.mark.parametrize("system", ["tax", "credit", "register", "lists", "ip"])
def test_every_table_agrees_with_the_catalogue(system: str):
    assert faults_of(load_table(system, CATALOGUE), CATALOGUE) == []


def test_yuan_with_cents_become_exact_wan():
    assert mapped("A100000", "2025", {"1": "12345678.91"}).values == {
        2025: {"operating_revenue": Decimal("1234.567891")}
    }


@pytest.mark.parametrize(("layout", "line"), [("2017", "13"), ("2025", "18")])
def test_total_profit_moved_down_five_lines_in_2025(layout: str, line: str):
    assert mapped("A100000", layout, {line: "-50000.00"}).values == {2025: {"total_profit": -5}}


def test_line_13_of_2025_is_not_taken_for_the_profit_of_2017():
    found = mapped("A100000", "2025", {"13": "1000.00"})
    assert (found.values, found.unknown) == ({}, {"13": "1000.00"})


@pytest.mark.parametrize(("layout", "line"), [("52", "40"), ("53", "41")])
def test_the_deduction_return_is_offset_by_one_line(layout: str, line: str):
    assert mapped("A107012", layout, {line: "3000000.00"}).values == {2025: {"rd_expense_deduction": 300}}


def test_accounting_expense_has_a_line_of_its_own_only_since_2025():
    assert "cit_rd_expense_accounting" not in mapped("A100000", "2017", {"6": "1.00"}).values.get(2025, {})


def test_domestic_expense_counts_entrusted_work_at_80_percent():
    found = mapped("A107041", "2017", {"16.1": "1000000.00", "26.1": "500000.00"})
    assert found.values[2025]["rd_expense_hnte_domestic"] == 140


def test_half_of_a_sum_gives_no_sum():
    assert "rd_expense_hnte_domestic" not in mapped("A107041", "2017", {"16.1": "1000000.00"}).values.get(2025, {})


def test_a_field_that_holds_now_has_no_year():
    assert mapped("A107041", "2025", {"2": "2.3"}).values == {None: {"hnte_field_code": "2.3"}}


def test_a_known_field_without_an_indicator_is_not_reported():
    assert mapped("A100000", "2025", {"33": "5.00"}).unknown == {}


def test_an_unknown_field_is_kept_as_it_was_sent():
    assert mapped("A100000", "2025", {"99": ["anything"]}).unknown == {"99": ["anything"]}


def test_a_text_for_an_amount_is_told_and_the_rest_taken():
    found = mapped("A100000", "2025", {"1": "约三千万", "18": "10000.00"})
    assert found.values == {2025: {"total_profit": 1}}
    assert "营业收入" in found.unusable["1"] and "约三千万" in found.unusable["1"]


def test_a_code_that_nobody_agreed_on_is_told():
    assert "定额征收" in mapped("registration", "1", {"collection_method": "定额征收"}).unusable["collection_method"]


def test_a_total_that_does_not_add_up_is_flagged_and_taken_as_filed():
    found = mapped("A107041", "2025", {"4": "700.00", "5": "300.00", "6": "300.00"})
    assert found.values[2025]["hightech_product_revenue"] == Decimal("0.07")
    assert found.doubts == ["第4栏为 700.00，按第5栏、第6栏应为 600.00"]


def test_a_total_off_by_a_cent_is_not_flagged():
    assert mapped("A107041", "2025", {"4": "600.01", "5": "300.00", "6": "300.00"}).doubts == []


def test_no_violation_is_known_to_be_none():
    assert mapped("major_violation", "1", {"periods": []}, None).values == {None: {"major_tax_violation_periods": []}}


def test_a_period_of_a_violation_keeps_its_days():
    found = mapped(
        "major_violation", "1", {"periods": [{"from": "2025-09-15", "to": None, "reason": "虚开发票"}]}, None
    )
    assert found.values[None]["major_tax_violation_periods"] == [{"from_on": "2025-09-15", "reason": "虚开发票"}]


def test_only_the_reference_issuers_points_become_the_indicator():
    credit = load_table("credit", CATALOGUE)
    said = {"total": 101.5, "base": 90, "bonus": 11.5}
    by_issuer = [
        map_in(credit.by_form["points"], Incoming("points", issuer, 2025, said), CATALOGUE).values
        for issuer in ("most_2_0", "miit_torch")
    ]
    assert by_issuer == [{2025: {"innovation_credit_score": Decimal("101.5")}}, {}]


def test_facts_go_out_in_the_other_sides_units():
    facts = load_table("credit", CATALOGUE).by_form["facts"]
    told = map_out(
        facts, "most_2024", {"operating_revenue": Decimal("1234.5"), "return_on_net_assets": 12, "graduates_hired": 3}
    )
    assert told == {
        "operating_revenue": Decimal(12345000),
        "return_on_net_assets": Decimal("0.12"),
        "graduates_hired": 3,
    }


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"to": "no_such_indicator", "unit": "元"}, "不在目录中"),
        ({"to": "employee_total", "unit": "元"}, "不能成为"),
        ({"to": "operating_revenue", "unit": "元", "period": "current"}, "期间"),
        ({"to": "rd_expense_stat", "unit": "元"}, "不采信来源 tax"),
        ({"to": "tax_credit_level", "unit": "代码", "codes": {"E": "E"}}, "没有的选项 E"),
        ({"to": "operating_revenue", "unit": "里"}, "单位“里”"),
    ],
)
def test_a_row_against_the_catalogue_is_refused_with_its_reason(row: dict[str, Any], fault: str):
    form = Form(id="F", name="试", group="detail", fields=(FieldRow.model_validate({"from": "1", "name": "栏"} | row),))
    assert fault in "".join(faults_of(MappingTable(system="x", name="x", source="tax", forms=(form,)), CATALOGUE))


def test_a_row_without_indicator_must_say_why():
    with pytest.raises(ValueError, match="为何不采用"):
        FieldRow.model_validate({"from": "1", "name": "栏"})


@pytest.mark.parametrize("flat", [{}, {"b": "1.50", "a": None, "ä": True, "10": 7, "9": "“甲”\n"}, {"x": 10**30}])
def test_a_flat_record_is_written_as_any_other(flat: dict[str, Any]):
    # The nested one takes the long way.
    assert canonical({"in": flat}) == f'{{"in": {canonical(flat)}}}'
