"""What a unified social credit code is, and what is said of one that is wrong."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from backend.enterprises.credit_code import (
    ALPHABET,
    CreditCodeError,
    check_character,
    enterprise_kind,
    is_credit_code,
    normalise,
    parse_credit_code,
)
from tests.shared_data import shared_data

# Public codes; the last one has remainder 0.
REAL_CODES = [
    "914403001922038216",
    "91440300192317458F",
    "9132070070404786XB",
    "913207006083959289",
    "91320000743718216W",
    "9144030071526726XG",
    "91330100799655058B",
    "91110000802100433B",
    "91110108551385082Q",
    "91340111MA2RAD3M4R",
    "91110000710926094P",
    "91100000100003962T",
    "91440400192548256N",
    "91350900587527783P",
    "911101085923662400",
]
HUAWEI = REAL_CODES[0]


def error_of(text: str) -> CreditCodeError:
    with pytest.raises(CreditCodeError) as caught:
        parse_credit_code(text)
    return caught.value


bodies = st.builds(
    "{}{}{}".format,
    st.sampled_from(["91", "92", "93", "11", "12", "51", "52", "21", "35", "Y1", "A1", "N2"]),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=9, max_size=9),
)
codes = bodies.map(lambda body: body + check_character(body))


@pytest.mark.parametrize("code", REAL_CODES)
def test_public_codes_of_well_known_enterprises_are_accepted_without_warning(code: str):
    assert parse_credit_code(code).code == code
    assert parse_credit_code(code).warnings == ()


def test_a_code_falls_into_its_parts():
    code = parse_credit_code("91340111MA2RAD3M4R")
    assert (code.registrar, code.category, code.region_code, code.organisation_code) == (
        "9",
        "1",
        "340111",
        "MA2RAD3M4",
    )
    assert (code.registrar_name, code.category_name) == ("市场监管", "企业")


def test_remainder_zero_gives_the_check_character_zero():
    assert check_character("91110108592366240") == "0"


@pytest.mark.parametrize(
    "text",
    [
        "91340111ma2rad3m4r",
        "９１３４０１１１ＭＡ２ＲＡＤ３Ｍ４Ｒ",
        " 91340111 MA2RAD3M 4R\n",
        "91340111-MA2RAD3M4-R",
        "91340111‐MA2RAD3M4–R",
        "\ufeff91340111MA2RAD3M4R\u200b",
        "'91340111MA2RAD3M4R",
        "’91340111MA2RAD3M4R",
        "\u3000９１３４０１１１\u00a0ma2rad3m4r",
        "´91340111MA2RAD3M4R",
    ],
)
def test_width_case_blanks_hyphens_and_apostrophes_do_not_matter(text: str):
    assert parse_credit_code(text).code == "91340111MA2RAD3M4R"


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_any_text_is_either_read_or_refused_with_a_reason(text: str):
    if is_credit_code(text):
        assert parse_credit_code(text).code == normalise(text)
    else:
        assert str(error_of(text)).startswith("统一社会信用代码")


@pytest.mark.parametrize("text", ["", "   ", "—", "'"])
def test_nothing_is_named_empty(text: str):
    error = error_of(text)
    assert error.reason == "empty"
    assert str(error) == "统一社会信用代码没有填写，请填写营业执照上的 18 位代码。"


def test_a_character_too_few_is_named_with_the_length_found():
    error = error_of(HUAWEI[:-1])
    assert (error.reason, error.hint) == ("length", None)
    assert str(error) == (
        "统一社会信用代码应为 18 位，“91440300192203821”有 17 位。请对照营业执照补全或删去多余的字符。"
    )


@pytest.mark.parametrize(
    ("text", "hint", "words"),
    [
        ("321283000042188", "legacy_registration_no", "旧的工商注册号"),
        ("3212831108014", "legacy_registration_no", "旧的工商注册号"),
        ("19220382-1", "legacy_org_code", "旧的组织机构代码"),
        ("9.14403001922038E+17", "excel_scientific", "科学计数法"),
    ],
)
def test_a_number_of_another_kind_is_recognised_by_its_length(text: str, hint: str, words: str):
    error = error_of(text)
    assert (error.reason, error.hint) == ("length", hint)
    assert words in str(error)


def test_the_letter_o_is_named_with_its_place_and_never_turned_into_zero():
    error = error_of("91440300192203821O")
    assert (error.reason, error.hint, error.expected) == ("alphabet", "likely_misprint", None)
    assert str(error) == (
        "统一社会信用代码第 18 位是“O”，不是代码使用的字符（数字和大写字母，不含 I、O、S、V、Z），"
        "可能是“0”的误写。请对照营业执照核对后改正，系统不代为更改。"
    )


def test_the_letter_i_is_named_as_a_likely_one():
    assert "第 18 位是“I”" in str(error_of("91440300192203821I"))
    assert "可能是“1”的误写" in str(error_of("91440300192203821I"))


def test_a_chinese_character_is_named_without_a_guess():
    error = error_of("9144030019220382壹6")
    assert (error.reason, error.hint) == ("alphabet", None)
    assert "第 17 位是“壹”" in str(error)
    assert "误写" not in str(error)


def test_a_letter_in_the_region_is_named_with_its_place():
    error = error_of("9144A3001922038216")
    assert error.reason == "region_format"
    assert str(error) == (
        "统一社会信用代码第 3 至 8 位是登记机关的行政区划码，应全为数字，第 5 位是“A”。请对照营业执照核对后改正。"
    )


@pytest.mark.parametrize("start", ["97", "19", "Y2", "B1", "01"])
def test_only_registrars_and_categories_of_the_standard_are_accepted(start: str):
    body = start + "32120014128963X"
    code = body + check_character(body)
    if start == "19":
        assert parse_credit_code(code).category_name == "其他"
    else:
        assert error_of(code).reason == "registrar_category"
        assert f"以“{start}”开头" in str(error_of(code))


def test_a_wrong_check_character_is_refused_with_the_right_one():
    error = error_of("914403001922038215")
    assert (error.reason, error.expected) == ("check_digit", "6")
    assert str(error) == (
        "统一社会信用代码“914403001922038215”的校验码不符：第 18 位是“5”，按前 17 位应为“6”。"
        "至少有一位填错，请对照营业执照逐位核对。"
    )


def test_digits_that_excel_rounded_away_are_recognised():
    error = error_of("914403001922038000")
    assert (error.reason, error.hint) == ("check_digit", "excel_rounded")
    assert "设为“文本”" in str(error)


def test_the_first_failing_test_is_the_reason():
    assert error_of("O7A4030019220382").reason == "length"
    assert error_of("O7A403001922038216").reason == "alphabet"
    assert error_of("97A403001922038216").reason == "region_format"
    assert error_of("974403001922038215").reason == "registrar_category"


def test_an_irregular_organisation_code_is_a_warning_only():
    body = "91440300192203822"
    assert parse_credit_code(body + check_character(body)).warnings == ("org_check_digit",)


def test_a_region_that_no_authority_has_is_a_warning_only():
    body = "91990000192203821"
    assert parse_credit_code(body + check_character(body)).warnings == ("region_unknown",)
    body = "91329900192203821"
    assert parse_credit_code(body + check_character(body)).warnings == ("region_unknown",)


@pytest.mark.parametrize("region", ["100000", "320000", "321200", "321284", "321291", "440305"])
def test_national_provincial_city_zone_and_former_registrars_are_known(region: str):
    body = f"91{region}192203821"
    assert parse_credit_code(body + check_character(body)).warnings == ()


@pytest.mark.parametrize(
    ("start", "kind"),
    [("91", "enterprise"), ("92", "not_enterprise"), ("93", "not_enterprise"), ("12", "not_enterprise")],
)
def test_only_codes_of_91_are_enterprises(start: str, kind: str):
    body = start + "440300192203821"
    assert enterprise_kind(parse_credit_code(body + check_character(body))) == kind


@given(codes)
def test_every_code_built_by_the_standard_is_accepted(code: str):
    assert parse_credit_code(code).code == code


@given(codes, st.integers(0, 17), st.sampled_from(ALPHABET + "IOSVZ壹#"))
def test_every_single_wrong_character_is_refused(code: str, place: int, character: str):
    wrong = code[:place] + character + code[place + 1 :]
    assert is_credit_code(wrong) == (wrong == code)


@given(codes, st.integers(0, 16))
def test_two_neighbours_in_the_wrong_order_are_refused(code: str, place: int):
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    assert is_credit_code(swapped) == (swapped == code)


@given(
    st.builds(
        "{}{}".format,
        st.sampled_from(["91", "92", "12", "52"]),
        st.text(ALPHABET, min_size=15, max_size=17),
    )
    | codes
)
def test_python_stdnum_agrees_wherever_the_registrar_is_a_digit(text: str):
    # stdnum knows no registrars and wants digits in the first eight places, so letters there are left out.
    if text[0].isdigit():
        assert is_credit_code(text) == uscc.is_valid(text)


def test_all_real_pairs_of_name_and_code_are_read():
    with shared_data("uscc-pairs/uscc_name_pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 20
    for row in rows:
        code = parse_credit_code(row["uscc"])
        assert code.region_code == row["registration_area_code"]
        assert code.warnings == ()


@pytest.mark.parametrize("city", ["taizhou", "lianyungang", "other_11_cities"])
def test_every_real_code_of_the_register_of_jiangsu_is_read(city: str):
    with shared_data(f"jiangsu-register/{city}.csv").open(encoding="utf-8", newline="") as file:
        found = [row["统一社会信用代码"] for row in csv.DictReader(file)]
    read = [parse_credit_code(code) for code in found if len(code) == 18]
    assert len(read) > 900
    assert sum("org_check_digit" in code.warnings for code in read) <= 2
    assert not any("region_unknown" in code.warnings for code in read)
