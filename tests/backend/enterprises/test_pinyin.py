"""Pinyin for search."""

import pytest

from backend.enterprises.pinyin import full_pinyin, initials


@pytest.mark.parametrize(
    ("text", "letters", "pinyin"),
    [
        ("泰州", "tz", "taizhou"),
        ("连云港海州", "lyghz", "lianyunganghaizhou"),
        ("重庆", "cq", "chongqing"),
        ("江苏重工", "jszg", "jiangsuzhonggong"),
        ("长江银行", "cjyh", "changjiangyinhang"),
        ("盱眙", "xy", "xuyi"),
        ("霁釜电子", "jfdz", "jifudianzi"),
        ("绿源", "ly", "lvyuan"),
    ],
)
def test_chinese_is_read_as_people_read_it(text: str, letters: str, pinyin: str):
    assert (initials(text), full_pinyin(text)) == (letters, pinyin)


def test_latin_letters_and_digits_stay_in_lower_case():
    assert initials("ＡＢＢ（中国）3号") == "abbzg3h"


def test_punctuation_and_blanks_fall_away():
    assert full_pinyin("甲 ·（乙）") == "jiayi"


def test_nothing_gives_nothing():
    assert initials("") == ""
