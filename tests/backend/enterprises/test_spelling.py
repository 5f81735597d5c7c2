"""Names typed in full pinyin: how a word is cut into syllables, and which characters are meant."""

import re

import pytest

from backend.enterprises.spelling import characters, ways_to_read


def words_of(*typed: str) -> list[list[str]]:
    return [[one.word for one in way] for way in ways_to_read(typed)]


@pytest.mark.parametrize(
    ("typed", "initials"),
    [
        (("taizhou",), [["tz"]]),
        (("kang", "hui", "chen"), [["khc"]]),
        (("taizhou", "wujin"), [["tz", "wj"]]),
        (("xian",), [["xa"]]),
        (("fangan",), [["fa"], ["fg"]]),
        (("taizhou", "模具"), [["tz", "模具"]]),
        (("lvse",), [["ls"]]),
    ],
)
def test_what_is_typed_is_cut_into_whole_syllables(typed: tuple[str, ...], initials: list[list[str]]):
    assert words_of(*typed) == initials


@pytest.mark.parametrize("typed", ["tz", "abb", "tai", "91321203", "kanghuic", "a" * 61, "泰州", "模具3d"])
def test_what_is_no_word_of_several_syllables_is_left_to_the_usual_search(typed: str):
    assert words_of(typed) == []


def test_a_long_word_of_many_ways_is_cut_in_few():
    assert len(ways_to_read(("xianxianxianxianxianxianxian",))) <= 4


@pytest.mark.parametrize(
    ("typed", "name", "is_meant"),
    [
        ("kanghuichen", "泰州市康汇辰新材料有限公司", True),
        ("kanghuichen", "江苏康汇川船舶装备有限公司", False),
        ("chongqing", "重庆某某", True),
        ("jingmi", "云岚（精）密", True),
    ],
)
def test_the_characters_tell_who_of_those_with_the_initials_is_meant(typed: str, name: str, *, is_meant: bool):
    ((one,),) = ways_to_read((typed,))[:1]
    assert bool(re.search(one.pattern, name)) is is_meant


def test_every_common_character_can_be_typed():
    assert {len(syllable) for syllable in characters()} <= {1, 2, 3, 4, 5, 6}
    assert all(any(han in held for held in characters().values()) for han in "泰州市靖江新能源科技有限公司绿")
