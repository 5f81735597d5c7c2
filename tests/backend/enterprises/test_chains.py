"""Industry chains as staff write them."""

import pytest

from backend.enterprises.chains import chain_name, parse_chains

PLAN = ("化学药", "医疗器械", "新能源（智能网联）汽车", "锂电")


@pytest.mark.parametrize("separator", ["、", "，", ",", "；", ";", "/", "\n"])
def test_chains_may_be_parted_in_any_usual_way(separator: str):
    assert parse_chains(f"化学药{separator}锂电").chains == ("化学药", "锂电")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1.化学药", "化学药"),
        ("（2）锂电产业链", "锂电"),
        ("锂电链", "锂电"),
        ("新能源(智能网联)汽车", "新能源（智能网联）汽车"),
        (" 医疗 器械 ", "医疗器械"),
    ],
)
def test_a_chain_is_named_as_the_plan_prints_it(text: str, name: str):
    assert chain_name(text) == name


def test_a_chain_written_twice_counts_once():
    assert parse_chains("锂电、锂电产业链").chains == ("锂电",)


def test_what_the_plan_does_not_name_is_told_apart():
    parsed = parse_chains("化学药；人形机器人", known=PLAN)
    assert (parsed.chains, parsed.unknown) == (("化学药",), ("人形机器人",))


@pytest.mark.parametrize("text", ["", "无", "—", "/"])
def test_an_empty_cell_names_no_chain(text: str):
    assert parse_chains(text, known=PLAN).chains == parse_chains(text, known=PLAN).unknown == ()
