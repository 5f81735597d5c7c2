"""Names of enterprises: the spelling kept, the key that shows two spellings to be one, and how alike two are.

A name never identifies an enterprise; these functions find candidates. 有限公司 and 有限责任公司 stay apart,
and so do 江苏某某 and 泰州某某: real registers hold such pairs of different enterprises.
"""

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from backend.enterprises.regions import Regions

#: Legal forms at the end of a name, the longer ones first.
LEGAL_FORMS: Final = (
    "农民专业合作社联合社",
    "股份有限责任公司",
    "股份合作公司",
    "合伙企业（有限合伙）",
    "合伙企业（普通合伙）",
    "（特殊普通合伙）",
    "（有限合伙）",
    "（普通合伙）",
    "（个人独资）",
    "（集团）股份有限公司",
    "（集团）有限责任公司",
    "（集团）有限公司",
    "集团股份有限公司",
    "集团有限责任公司",
    "集团有限公司",
    "股份有限公司",
    "有限责任公司",
    "农民专业合作社",
    "专业合作社",
    "有限公司",
    "集团公司",
    "总公司",
    "分公司",
    "办事处",
    "研究院",
    "事务所",
    "公司",
    "集团",
    "总厂",
    "厂",
)

_FORMER = re.compile(r"（(?:原名称?|曾用名|原|曾名)[:：为]?([^（）]*(?:（[^（）]*）[^（）]*)*)）$")
#: Chinese characters and brackets without a former name in them.
_IS_KEY = re.compile(r"(?!.*（[原曾])[\u4e00-\u9fff（）]+")
_MARKS_BEHIND = re.compile(r"[*＊#★☆△▲※]+$")
_QUOTES = str.maketrans("", "", "\"'`“”‘’「」『』《》")


@dataclass(frozen=True, slots=True)
class NameParts:
    """A name taken apart. `regions` are the places it names, `stem` is what is left of it: 字号 and trade."""

    name: str
    regions: tuple[str, ...]
    stem: str
    legal_form: str


def normalise_name(text: str) -> str:
    """The spelling to keep: full-width brackets, no line breaks or stray spaces, no remark on a former name.

    A blank between two Latin words stays, one only.
    """
    return split_former_names(text)[0]


def split_former_names(text: str) -> tuple[str, tuple[str, ...]]:
    """The name and the former names printed behind it: `甲公司（原乙公司）` → (`甲公司`, (`乙公司`,))."""
    name = _tidy(text)
    former: tuple[str, ...] = ()
    # The whole text in brackets would leave no name, so something must stand before them.
    while (match := _FORMER.search(name)) and match.start() > 0:
        old_names = (_tidy(part) for part in re.split(r"[、，,；;]", match[1]))
        former = (*(old for old in old_names if old), *former)
        name = name[: match.start()]
    return name, former


def match_key(name: str) -> str:
    """Equal for two spellings of one name. Width, blanks, case, quotes, dots and hyphens do not count."""
    # Most names are their own key. A large file asks for each of its names a dozen times.
    return name if _IS_KEY.fullmatch(name) else _match_key(name)


@lru_cache(maxsize=65536)
def _match_key(name: str) -> str:
    key = normalise_name(name).translate(_QUOTES).casefold()
    key = re.sub(r"[·•‧・∙．.]", "·", key)
    return re.sub(r"[\s\-‐‑–—_]+", "", key)


@lru_cache(maxsize=65536)
def parse_name(name: str) -> NameParts:
    """Take a name apart into places, stem and legal form."""
    kept = normalise_name(name)
    legal_form = next((form for form in LEGAL_FORMS if kept.endswith(form) and kept != form), "")
    stem = kept.removesuffix(legal_form) if legal_form else kept
    regions: list[str] = []
    while (place := _place_at_the_front(stem)) and len(stem) > len(place) + 1:
        regions.append(place)
        stem = stem[len(place) :]
    for match in re.finditer(r"（([^（）]+)）", stem):
        if match[1] in _place_names():
            regions.append(match[1])
            stem = stem.replace(match[0], "")
    return NameParts(kept, tuple(regions), stem, legal_form)


def similarity(one: str, other: str) -> float:
    """How alike two names are, 0 to 1; 1 only for equal keys.

    The stems weigh more, since every name ends in 有限公司. For a list of doubtful matches a person looks
    at, never for merging: names one character apart are mostly different enterprises.
    """
    if match_key(one) == match_key(other):
        return 1.0
    whole = _alike(match_key(one), match_key(other))
    stems = _alike(match_key(parse_name(one).stem), match_key(parse_name(other).stem))
    return min(0.99, 0.3 * whole + 0.7 * stems)


#: Letters, digits and brackets that no rule of `_tidy` touches.
_TIDY = re.compile(r"[\u4e00-\u9fff（）A-Za-z0-9]+")


def _tidy(text: str) -> str:
    if _TIDY.fullmatch(text):
        return text
    name = unicodedata.normalize("NFKC", text)
    # Invisible characters and loose accents; what they parted may belong together afterwards.
    name = "".join(c for c in name if unicodedata.category(c) not in {"Cf", "Cc", "Mn"} or c.isspace())
    name = unicodedata.normalize("NFKC", name)
    name = re.sub(r"\s+", " ", name).strip()
    # A blank means something between Latin words only (ABB Robotics), never beside a Chinese character.
    name = re.sub(r"(?<![A-Za-z0-9&.,]) | (?![A-Za-z0-9&])", "", name)
    name = name.translate(str.maketrans("()[]【】〔〕", "（）（）（）（）"))
    return _MARKS_BEHIND.sub("", name).strip(" ,，;；。、")


@lru_cache(maxsize=1)
def _place_names() -> frozenset[str]:
    labels = {label for region in Regions.load() for label in (region.name, region.short_name)}
    return frozenset(labels | {"中国"})


def _place_at_the_front(text: str) -> str:
    return next((text[:end] for end in range(min(8, len(text)), 1, -1) if text[:end] in _place_names()), "")


def _alike(one: str, other: str) -> float:
    # SequenceMatcher depends on the order of its arguments; being alike does not.
    return SequenceMatcher(None, *sorted((one, other)), autojunk=False).ratio()
