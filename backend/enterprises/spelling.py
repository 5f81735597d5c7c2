"""What somebody means who types names in full pinyin: “taizhou” or “kang hui chen” for 泰州, 康汇辰.

Names are kept with their initials alone (`naming.py`). What is typed in full is read as syllables, and looked for as the
characters that can be read so: two that stand side by side have an index, the others are compared. Readings that a
character has elsewhere count too, so that 重 is found as zhong and as chong.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice, pairwise, product
from typing import Final
from unicodedata import normalize

from pypinyin.constants import PINYIN_DICT

#: One syllable says too little: “tai” is in every second name.
_LEAST: Final = 2
#: Ways to cut what was typed into syllables that are followed: xian is 鲜 and 西安.
_MOST_WAYS: Final = 4
#: Longer words are no names.
_LONGEST: Final = 60
_HAN: Final = range(0x4E00, 0xA000)
_LATIN: Final = re.compile(r"[a-z]+")
#: 嗯 and 呣 are read without one, and are in no name.
_VOWEL: Final = re.compile(r"[aeiouv]")
#: What may stand between two characters of a name and has no initial.
_BETWEEN: Final = "[（）()·\\s]*"


@dataclass(frozen=True)
class Meant:
    """One word of a search: as it is kept, or its initials if it is pinyin, and then which characters it can be."""

    word: str
    #: A regular expression; empty for a word that is no pinyin.
    pattern: str = ""
    #: The pairs of characters of which a name has one, for the two syllables that have the fewest.
    pairs: tuple[str, ...] = ()


def ways_to_read(words: tuple[str, ...]) -> list[tuple[Meant, ...]]:
    """The searches that words may stand for if those in Latin letters are pinyin; none if none of them can be.

    Args:
        words: lower case.
    """
    if all(_LATIN.fullmatch(word) for word in words) and not all(_ways(word) for word in words):
        # Syllables typed one by one.
        words = ("".join(words),)
    read = [[_meant(way) for way in _ways(word)] for word in words]
    if not any(read):
        return []
    kept = [found or [Meant(word)] for word, found in zip(words, read, strict=True)]
    return list(islice(product(*kept), _MOST_WAYS))


def _meant(syllables: tuple[str, ...]) -> Meant:
    classes = (f"[{characters()[one]}]" for one in syllables)
    beside = min(pairwise(syllables), key=lambda two: _count(*two))
    pairs = tuple(one + other for one, other in product(*(characters()[one] for one in beside)))
    return Meant("".join(one[0] for one in syllables), _BETWEEN.join(classes), pairs)


def _count(one: str, other: str) -> int:
    return len(characters()[one]) * len(characters()[other])


def _ways(word: str) -> list[tuple[str, ...]]:
    if not _LATIN.fullmatch(word) or len(word) > _LONGEST:
        return []
    return [way for way in islice(_cut(word), _MOST_WAYS) if len(way) >= _LEAST]


def _cut(word: str) -> Iterator[tuple[str, ...]]:
    """The ways to cut a word into syllables, those with long ones first."""
    if not word:
        yield ()
        return
    for end in range(min(len(word), 6), 0, -1):
        if word[:end] in characters() and _can_be_cut(word[end:]):
            for rest in _cut(word[end:]):
                yield (word[:end], *rest)


@lru_cache(maxsize=4_096)
def _can_be_cut(word: str) -> bool:
    return not word or any(
        word[:end] in characters() and _can_be_cut(word[end:]) for end in range(1, min(len(word), 6) + 1)
    )


@cache
def characters() -> Mapping[str, str]:
    """Syllable without tone, ü written v → the common characters (those of GB 2312) that can be read so."""
    found: dict[str, list[str]] = defaultdict(list)
    for code, readings in PINYIN_DICT.items():
        if code in _HAN and chr(code).encode("gb2312", "ignore"):
            for syllable in {_plain(reading) for reading in readings.split(",")}:
                if _LATIN.fullmatch(syllable) and _VOWEL.search(syllable):
                    found[syllable].append(chr(code))
    # A letter alone is no syllable that anybody types, but a, o and e.
    return {syllable: "".join(hans) for syllable, hans in found.items() if len(syllable) > 1 or syllable in "aoe"}


def _plain(reading: str) -> str:
    spread = normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(letter for letter in spread if letter.isascii())
