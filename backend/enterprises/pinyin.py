"""Pinyin of names, so that 泰州某某 is found by typing “tzmm” or “taizhou”."""

import re
import unicodedata
from functools import lru_cache
from itertools import chain

from pypinyin import Style, lazy_pinyin, load_phrases_dict
from pypinyin.seg.mmseg import seg
from pypinyin.seg.simpleseg import simple_seg

# Place names of the region and words of firms' names that the general dictionary reads otherwise.
_READINGS = {
    "盱眙": "xu yi",
    "睢宁": "sui ning",
    "六合区": "lu he qu",
    "南京六合": "nan jing lu he",
    "栟茶": "ben cha",
    "浒墅关": "xu shu guan",
    "甪直": "lu zhi",
    "郯城": "tan cheng",
    "乐清": "yue qing",
    "蚌埠": "beng bu",
    "厦门": "xia men",
    "重工": "zhong gong",
    "重机": "zhong ji",
    "重型": "zhong xing",
    "长三角": "chang san jiao",
    "长江": "chang jiang",
    "银行": "yin hang",
    "调味": "tiao wei",
    "行星": "xing xing",
    "曾氏": "zeng shi",
}

load_phrases_dict({word: [[syllable] for syllable in reading.split()] for word, reading in _READINGS.items()})


def initials(text: str) -> str:
    """First letters, lower case: 泰州市 → `tzs`. Latin letters and digits stay, all else falls away."""
    return "".join(_syllables(text, Style.FIRST_LETTER))


def full_pinyin(text: str) -> str:
    """Toneless pinyin in one word, lower case: 泰州市 → `taizhoushi`; ü is written v."""
    return "".join(_syllables(text, Style.NORMAL))


#: An import reads the names of some thousand rows before it registers these (`spreadsheets.looking_ahead`).
@lru_cache(maxsize=8192)
def _syllables(text: str, style: Style) -> tuple[str, ...]:
    narrow = unicodedata.normalize("NFKC", text).lower()
    # As lazy_pinyin does it, but names share most of their words, and only the words are slow.
    words = (word for part in simple_seg(narrow) for word in seg.cut(part))
    return tuple(chain.from_iterable(_syllables_of_word(word, style) for word in words))


@lru_cache(maxsize=65536)
def _syllables_of_word(word: str, style: Style) -> tuple[str, ...]:
    return tuple(syllable for syllable in lazy_pinyin(word, style=style, errors=_keep_latin) if syllable)


def _keep_latin(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text)
