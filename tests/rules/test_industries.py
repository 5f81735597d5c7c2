"""Industries of GB/T 4754-2017."""

import csv
from datetime import date

import pytest

from rules.facts import read_facts
from rules.industries import SECTIONS, Industries, IndustryError, industry_name, parse_industry, read_industry_digits
from rules.library import library
from tests.shared_data import shared_data

INDUSTRIES = Industries.load()


def test_the_standard_has_20_sections_and_97_divisions():
    assert "".join(INDUSTRIES.sections) == "ABCDEFGHIJKLMNOPQRST"
    assert list(INDUSTRIES.divisions) == [f"{number:02d}" for number in range(1, 98)]


@pytest.mark.parametrize(
    ("text", "code", "level", "name"),
    [
        ("C3484", "C3484", "class", "通用设备制造业"),
        ("3484", "C3484", "class", "通用设备制造业"),
        ("348", "C348", "group", "通用设备制造业"),
        ("34", "C34", "division", "通用设备制造业"),
        ("C", "C", "section", "制造业"),
        ("c", "C", "section", "制造业"),
        ("Ｃ３４８４", "C3484", "class", "通用设备制造业"),
        (" C 3484 ", "C3484", "class", "通用设备制造业"),
        ("3484.0", "C3484", "class", "通用设备制造业"),
        ("0111", "A0111", "class", "农业"),
        ("C34 通用设备制造业", "C34", "division", "通用设备制造业"),
        ("（C3484）机械零部件加工", "C3484", "class", "通用设备制造业"),
        ("通用设备制造业", "C34", "division", "通用设备制造业"),
        ("教育", "P", "section", "教育"),
        ("6511", "I6511", "class", "软件和信息技术服务业"),
    ],
)
def test_a_code_is_read_as_staff_write_it(text: str, code: str, level: str, name: str):
    industry = parse_industry(text)
    assert (industry.code, industry.level, industry.name) == (code, level, name)


@pytest.mark.parametrize(("text", "digits"), [("C3484", "3484"), ("c34", "34"), ("3484", "3484"), ("A0111", "0111")])
def test_figures_keep_an_industry_by_its_digits(text: str, digits: str):
    assert read_industry_digits(text) == digits


def test_a_section_alone_is_too_little_for_a_figure():
    with pytest.raises(IndustryError, match="只到门类"):
        read_industry_digits("C")


@pytest.mark.parametrize("written", ["C3484", "3484", "Ｃ３４８４"])
def test_a_check_reads_an_industry_with_or_without_its_letter(written: str):
    facts = read_facts({"industry_code": written}, library().catalogue, date(2026, 3, 1))
    assert facts.current == {"industry_code": "3484"}


@pytest.mark.parametrize(
    ("written", "told"), [("A3484", "请改为“C3484”或核对数字，"), ("ZZ", "不是国民经济行业代码"), ("C", "只到门类")]
)
def test_a_check_counts_a_letter_of_another_division_as_missing_and_says_so(written: str, told: str):
    facts = read_facts({"industry_code": written}, library().catalogue, date(2026, 3, 1))
    assert facts.current == {}
    assert told in facts.dropped[0].message


def test_an_industry_knows_its_section_and_the_year_of_the_standard():
    industry = parse_industry("2710")
    assert (industry.section_name, industry.division, industry.is_manufacturing) == ("制造业", "27", True)
    assert industry.standard_year == 2017


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "行业代码没有填写，请填写 GB/T 4754-2017 的代码，如 C3484。"),
        ("9810", "行业代码“9810”不存在：GB/T 4754-2017 没有大类“98”（大类为 01 至 97），请核对。"),
        ("U", "行业代码“U”不存在：GB/T 4754-2017 的门类为 A 至 T，请核对。"),
        (
            "I3484",
            "行业代码“I3484”前后不符：大类 34（通用设备制造业）属于门类 C（制造业），请改为“C3484”或核对数字。",
        ),
        ("机械", "“机械”不是国民经济行业代码，请填写 GB/T 4754-2017 的代码，如 C3484 或 3484。"),
        ("34841", "“34841”不是国民经济行业代码，请填写 GB/T 4754-2017 的代码，如 C3484 或 3484。"),
    ],
)
def test_what_is_no_industry_is_refused_with_the_reason(text: str, message: str):
    with pytest.raises(IndustryError) as caught:
        parse_industry(text)
    assert str(caught.value) == message


def test_section_and_division_are_found_from_any_code():
    assert (INDUSTRIES.section_of("3484"), INDUSTRIES.division_of("C3484")) == ("C", "34")
    assert (INDUSTRIES.section_of("C"), INDUSTRIES.division_of("C")) == ("C", None)
    assert (INDUSTRIES.section_of("99"), INDUSTRIES.division_of("99")) == (None, None)


def test_every_division_may_be_chosen_under_one_section():
    assert [digits for section in SECTIONS for digits in section.divisions] == list(INDUSTRIES.divisions)


def test_an_unknown_code_is_shown_as_it_is():
    assert (industry_name("C3484"), industry_name("9999")) == ("通用设备制造业", "9999")


def test_the_divisions_of_a_section_come_in_order():
    assert INDUSTRIES.divisions_of("F") == (("51", "批发业"), ("52", "零售业"))


def test_every_code_of_the_standard_is_read_into_its_section():
    with shared_data("industry-codes/gbt4754_2017.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1971
    for row in rows:
        industry = parse_industry(row["code"])
        assert (industry.section, industry.code) == (row["section"], row["full_code"])
        if row["level"] in {"门类", "大类"}:
            assert industry.name.startswith(row["name"])
