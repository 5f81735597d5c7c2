"""The older numbers of enterprises."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_10

from backend.enterprises.identifiers import classify, registration_check_digit
from tests.shared_data import shared_data


def test_a_credit_code_is_recognised_with_its_organisation_code():
    found = classify("9132 0700 70404786XB")
    assert (found.kind, found.value, found.is_valid) == ("credit_code", "9132070070404786XB", True)
    assert (found.region_code, found.organisation_code) == ("320700", "70404786X")


def test_a_credit_code_with_a_wrong_check_character_keeps_its_kind_and_says_why():
    found = classify("914403001922038215")
    assert found.kind == "credit_code"
    assert found.problem is not None
    assert "应为“6”" in found.problem


def test_a_registration_number_of_15_digits_is_checked():
    found = classify("321283000042188")
    assert (found.kind, found.region_code, found.problem) == ("registration_number", "321283", None)


def test_a_wrong_registration_number_of_15_digits_is_named_with_the_right_digit():
    found = classify("321283000042187")
    assert found.kind == "registration_number"
    assert found.problem == ("15 位注册号“321283000042187”的校验码不符：末位是“7”，按前 14 位应为“8”，请核对。")


def test_a_registration_number_of_13_digits_has_no_check_digit():
    found = classify("3212831108014")
    assert (found.kind, found.region_code, found.is_valid) == ("registration_number", "321283", True)


@pytest.mark.parametrize("text", ["企合苏总字第000174", "企合苏总字第000174号", "企独苏苏办字第0037"])
def test_permits_of_foreign_invested_enterprises_are_registration_numbers(text: str):
    found = classify(text)
    assert (found.kind, found.is_valid) == ("registration_number", True)


@pytest.mark.parametrize("text", ["13830295-X", "19220382-1", "192203821", "ＭＡ２ＲＡＤ３Ｍ４"])
def test_an_organisation_code_is_recognised_with_and_without_hyphen(text: str):
    found = classify(text)
    assert (found.kind, found.is_valid) == ("organisation_code", True)
    assert found.organisation_code == found.value


def test_a_wrong_organisation_code_is_named_with_the_right_character():
    assert classify("13830295-1").problem == (
        "组织机构代码“138302951”的校验码不符：末位是“1”，按前 8 位应为“X”，请核对。"
    )


def test_an_old_taxpayer_number_holds_the_organisation_code():
    found = classify("32070070404786X")
    assert (found.kind, found.organisation_code) == ("taxpayer_number", "70404786X")


@pytest.mark.parametrize("text", ["", "无", "12345", "ABCDEFGHIJKLMNO"])
def test_what_is_no_number_is_unrecognised_with_a_reason(text: str):
    found = classify(text)
    assert found.kind == "unrecognised"
    assert found.problem


@given(st.text())
def test_any_text_gets_an_answer(text: str):
    found = classify(text)
    assert found.is_valid == (found.problem is None)


@given(st.text("0123456789", min_size=14, max_size=14))
def test_the_check_digit_of_registration_numbers_is_iso_7064_mod_11_10(body: str):
    assert registration_check_digit(body) == mod_11_10.calc_check_digit(body)


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(0, 14), st.integers(1, 9))
def test_a_wrong_digit_in_a_registration_number_is_found(body: str, place: int, shift: int):
    number = body + registration_check_digit(body)
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert registration_check_digit(wrong[:14]) != wrong[14]


def test_every_old_number_of_the_register_of_jiangsu_is_recognised():
    with shared_data("jiangsu-register/anomalies.csv").open(encoding="utf-8", newline="") as file:
        old = [row["统一社会信用代码"] for row in csv.DictReader(file)]
    found = [classify(number) for number in old if len(number) != 18]
    assert len(found) > 100
    assert [number.value for number in found if not number.is_valid] == []
