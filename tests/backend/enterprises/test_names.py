"""Names: which spellings are one, and which stay apart."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.enterprises.names import match_key, normalise_name, parse_name, similarity, split_former_names
from tests.shared_data import shared_data


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("锡渠科车辆部件(江苏)有限公司", "锡渠科车辆部件（江苏）有限公司"),
        ("江苏鲲锋中\n药有限公司", "江苏鲲锋中药有限公司"),
        ("\u3000泰州 荃序\u00a0纺织有限公司 ", "泰州荃序纺织有限公司"),
        ("泰州霁釜材料有限公司*", "泰州霁釜材料有限公司"),
        ("ＡＢＢ（中国）有限公司", "ABB（中国）有限公司"),
        ("ABB  Robotics 中国有限公司", "ABB Robotics中国有限公司"),
        ("泰州\u200b荃序有限公司", "泰州荃序有限公司"),
    ],
)
def test_a_name_is_kept_with_full_width_brackets_and_without_stray_blanks(text: str, kept: str):
    assert normalise_name(text) == kept


@pytest.mark.parametrize(
    ("text", "name", "former"),
    [
        ("甲有限公司（原乙有限公司）", "甲有限公司", ("乙有限公司",)),
        ("甲有限公司(原名称：乙有限公司)", "甲有限公司", ("乙有限公司",)),
        ("甲有限公司（曾用名:乙有限公司、丙厂）", "甲有限公司", ("乙有限公司", "丙厂")),
        ("甲有限公司（原乙（集团）有限公司）", "甲有限公司", ("乙（集团）有限公司",)),
        ("甲（江苏）有限公司", "甲（江苏）有限公司", ()),
        ("（原乙厂）", "（原乙厂）", ()),
    ],
)
def test_former_names_behind_a_name_are_taken_off(text: str, name: str, former: tuple[str, ...]):
    assert split_former_names(text) == (name, former)


@pytest.mark.parametrize(
    "other",
    [
        "甲（江苏）有限公司",
        "甲(江苏)有限公司",
        "甲 （江苏） 有限公司",
        "甲【江苏】有限公司（原乙厂）",
        "“甲”（江苏）有限公司",
    ],
)
def test_spellings_of_one_name_have_one_key(other: str):
    assert match_key(other) == match_key("甲（江苏）有限公司")


@pytest.mark.parametrize(
    "other",
    [
        "甲有限责任公司",
        "甲股份有限公司",
        "江苏甲有限公司",
        "泰州甲有限公司",
        "甲（江苏）有限公司",
        "乙有限公司",
    ],
)
def test_other_legal_forms_and_other_places_are_other_names(other: str):
    assert match_key(other) != match_key("甲有限公司")


def test_a_name_falls_into_places_stem_and_legal_form():
    parts = parse_name("江苏省泰州市海陵区砚谷瑞精密机械股份有限公司")
    assert parts.regions == ("江苏省", "泰州市", "海陵区")
    assert (parts.stem, parts.legal_form) == ("砚谷瑞精密机械", "股份有限公司")


def test_a_place_in_brackets_is_no_part_of_the_stem():
    parts = parse_name("锡渠科车辆部件(江苏)有限公司")
    assert (parts.regions, parts.stem, parts.legal_form) == (("江苏",), "锡渠科车辆部件", "有限公司")


def test_a_partnership_keeps_its_bracket_in_the_legal_form():
    assert parse_name("泰州砚谷合伙企业(有限合伙)").legal_form == "合伙企业（有限合伙）"


def test_a_name_that_is_only_a_place_keeps_a_stem():
    assert parse_name("泰州").stem == "泰州"


def test_only_spellings_of_one_name_are_wholly_alike():
    assert similarity("甲(江苏)有限公司", "甲（江苏）有限公司") == 1.0
    assert similarity("鲲锋中药有限公司", "鲲锋中药有限责任公司") < 1.0


def test_one_wrong_character_is_more_alike_than_another_enterprise():
    name = "江苏鲲锋中药有限公司"
    assert similarity(name, "江苏鲲峰中药有限公司") > 0.7
    assert similarity(name, "江苏霁釜纺织有限公司") < 0.5


@given(st.text(max_size=30), st.text(max_size=30))
def test_being_alike_goes_both_ways_and_stays_between_0_and_1(one: str, other: str):
    assert 0 <= similarity(one, other) == similarity(other, one) <= 1


@given(st.text(max_size=40))
def test_the_key_of_the_name_kept_is_the_key_of_the_text(text: str):
    assert match_key(normalise_name(text)) == match_key(text)


@pytest.mark.parametrize(
    ("file", "column"), [("hnte_announcement_truth", "raw_name"), ("list_layout_srdi_batch_truth", "raw")]
)
def test_every_printed_name_of_official_looking_lists_is_read_as_meant(file: str, column: str):
    with shared_data(f"made-up-lists/{file}.csv").open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            assert normalise_name(row[column].replace("\\n", "\n")) == row["enterprise_name"]


def test_no_two_of_the_invented_enterprises_share_a_key():
    with shared_data("made-up-lists/enterprises.csv").open(encoding="utf-8", newline="") as lines:
        names = [row["name"] for row in csv.DictReader(lines)]
    assert len({match_key(name) for name in names}) == len(set(names))


@given(st.text(alphabet="泰州原曾用名（）(集团)公司*· A", max_size=14))
def test_a_name_that_is_its_own_key_has_it_by_the_long_way_too(name: str):
    # A blank before it counts for nothing, but makes a closer look necessary.
    assert match_key(name) == match_key(f" {name}")
