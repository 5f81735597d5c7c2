"""Every text of the public door and of the rules is translated, and says the same."""

import re
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

from rules.library import library
from rules.translation import LANGUAGES, speaking
from tests.write_translations import ROOT, Text, catalogues, has_han, known, written

CATALOGUES = [
    (Path(str(place).format(language=wanted)), texts) for wanted in list(LANGUAGES)[1:] for place, texts in catalogues().items()
]  # fmt: skip
HELD = {path: known(path) for path, _ in CATALOGUES}
PAIRS = [(one, HELD[path].get(one, "")) for path, texts in CATALOGUES for one in texts]

#: Chinese in an English text is the number of a document: 国科发火〔2016〕32号, and 63号 where it is named again.
DOCUMENT = re.compile(r"[\u4e00-\u9fff]*〔\d{4}〕\d+号|\d+号")
_SCALES = {"万": 10**4, "亿": 10**8, "万亿": 10**12, "million": 10**6, "billion": 10**9}
_NUMBER = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*(?:(万亿|万|亿|million|billion)(?![a-z]))?")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@pytest.mark.parametrize(("path", "texts"), CATALOGUES, ids=[str(path.relative_to(ROOT)) for path, _ in CATALOGUES])
def test_the_catalogue_holds_exactly_the_texts_of_today(path: Path, texts: list[Text]) -> None:
    held, needed = set(HELD[path]), set(texts)
    assert (needed - held, held - needed) == (set(), set()), (
        "run `python -m tests.write_translations` and translate what is new"
    )
    assert path.read_bytes() == written(texts, HELD[path]), "run `python -m tests.write_translations`"


def test_every_text_has_a_translation() -> None:
    assert [text for text, said in PAIRS if not said.strip() and text[1].strip("，、；： ")] == []
    assert not any("fuzzy" in path.read_text(encoding="utf-8") for path, _ in CATALOGUES)


def test_a_translation_has_the_places_of_its_text() -> None:
    assert [(text, said) for (_, text), said in PAIRS if _places(text) != _places(said)] == []


def test_a_translation_has_the_numbers_of_its_text() -> None:
    wrong = [(text, said) for (_, text), said in PAIRS if _numbers(text) - _numbers(said)]
    assert wrong == []


def test_an_english_text_holds_nothing_chinese_but_numbers_of_documents() -> None:
    assert [said for _, said in PAIRS if has_han(DOCUMENT.sub("", said))] == []


def test_indicators_have_english_names_of_their_own() -> None:
    # A column of the batch workbook is found again by its name.
    with speaking("en"):
        names = Counter(one.name for one in library().catalogue.indicators)
    assert [name for name, times in names.items() if times > 1 or ";" in name] == []


def test_names_of_documents_keep_their_numbers() -> None:
    numbers = re.compile(r"〔\d{4}〕\d+号")
    assert [text for (_, text), said in PAIRS if set(numbers.findall(text)) - set(numbers.findall(said))] == []


def _places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def _numbers(text: str) -> Counter[float]:
    """The numbers of a text, in ones: 2 亿元 and 200 million yuan are the same."""
    text = re.sub(r"\{[^}]*\}", "", text)
    for place, month in enumerate(_MONTHS, start=1):
        text = re.sub(rf"\b{month}\b", f"{place}", text)
    # 1—10 亿 is 1 亿 to 10 亿, and so is "between 200 and 400 million".
    text = re.sub(r"(\d+)(?:[—–]| and )(\d+) (亿|million)", r"\1 \3 \2 \3", text)
    found = _NUMBER.findall(text)
    return Counter(float(number.replace(",", "")) * _SCALES.get(scale, 1) for number, scale in found)
