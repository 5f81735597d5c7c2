"""What the programmes are called in titles and columns, so that a list says of itself what it lists.

Only recognitions that appear in lists stand here. The more exact words come first: 科技型中小企业 is not every
中小企业, and a 培育库 of a title is not the title.
"""

import re
import unicodedata
from typing import Final

from backend.spreadsheets.records import RecognitionEvent

_WORDS: Final[tuple[tuple[str, str], ...]] = (
    (r"高新技术企业培育库|高企培育库|培育库入库", "js_hnte_pool"),
    (r"科技小巨人", "js_tech_little_giant_2018"),
    (r"小巨人", "little_giant"),
    (r"单项冠军", "single_champion"),
    (r"专精特新", "srdi_sme"),
    (r"创新型中小企业", "innovative_sme"),
    (r"科技型中小企业|(?<!\w)科小(?!\w)|科技中小", "tech_sme"),
    (r"潜在独角兽", "js_potential_unicorn"),
    (r"种子独角兽", "cz_seed_unicorn"),
    (r"准独角兽", "wx_quasi_unicorn"),
    (r"独角兽", "js_unicorn"),
    (r"瞪羚", "js_gazelle"),
    (r"科技领军企业|创新型领军企业", "js_leading"),
    (r"民营科技企业", "js_private_tech"),
    (r"企业技术中心", "js_enterprise_tech_centre"),
    (r"高新技术企业|高企", "hnte"),
)
#: Names that sound like a programme's, of which no document at hand says that they mean it: a person decides, row by row.
_UNCLEAR: Final[tuple[tuple[re.Pattern[str], str, str], ...]] = (
    (
        # Other cities and zones keep gazelle lists of their own; the province's is that of its high-tech zones (苏生力).
        re.compile(
            r"^(?!.*省(?:级|高新区|高新技术产业开发区|重点)*瞪羚)(?=.*瞪羚)"
            r".*(?:瞪羚(?:计划|培育)|(?:南京|无锡|徐州|常州|苏州|南通|淮安|盐城|扬州|镇江|宿迁|工业园区).*瞪羚|国家高新区瞪羚)"
        ),
        "可能是市级或园区的瞪羚名单，不能当作江苏省瞪羚企业",
        "请核对原名单：确属江苏省瞪羚企业的，此格改填 js_gazelle 再导入；不是的请删去这一行",
    ),
    (
        # Given along with 科技小巨人 up to 2020; what became of it in today's ladder no document says.
        re.compile(r"专精特新产品"),
        "是早年的“专精特新产品”称号，不能当作专精特新中小企业",
        "请核对原名单：确已转为专精特新中小企业的，此格改填 srdi_sme 再导入；不是的请删去这一行",
    ),
)
_PATTERNS: Final = tuple((re.compile(pattern), programme) for pattern, programme in _WORDS)
#: 国家高新技术企业证书编号, 省瞪羚企业认定时间.
_LEVEL_BEFORE: Final = re.compile(r"^(?:国家级?|江苏省级?|省级?|市级)")
_IDS: Final = frozenset(programme for _, programme in _WORDS)

#: Titles that are renewed as whole lists: of each enterprise only the newest edition counts.
BY_EDITION: Final = frozenset(
    {"js_gazelle", "js_unicorn", "js_potential_unicorn", "cz_seed_unicorn", "wx_quasi_unicorn"}
)

_EVENTS: Final[tuple[tuple[str, RecognitionEvent], ...]] = (
    (r"更名|名称变更|变更名称|简单更名", RecognitionEvent.RENAMED),
    (r"取消|撤销|注销|吊销|收回", RecognitionEvent.REVOKED),
    (r"拟认定|拟入库|拟通过|拟推荐|拟备案|公示|拟入选|拟确定", RecognitionEvent.PUBLICITY),
    (r"搬迁|整体迁移|资格继续有效", RecognitionEvent.MOVED),
    (r"复核通过|通过复核|复核|复审通过|通过复审", RecognitionEvent.REVIEW_PASSED),
    (r"重新认定|再次认定|重认", RecognitionEvent.RENEWED),
    (r"认定|入库|公布|公告|备案|名单|新增|授予|入选|新认定|首次", RecognitionEvent.GRANTED),
)
_EVENT_PATTERNS: Final = tuple((re.compile(pattern), event) for pattern, event in _EVENTS)


def find_programme(text: str) -> str:
    """The programme a text speaks of, by its id or in words; empty where it names none."""
    plain = _plain(text)
    if plain.lower() in _IDS:
        return plain.lower()
    if why_unclear(text) is not None:
        return ""
    return next((programme for pattern, programme in _PATTERNS if pattern.search(plain)), "")


def why_unclear(text: str) -> tuple[str, str] | None:
    """What a name may be besides the programme that it sounds like, and what to do; None where nothing speaks for that."""
    plain = _plain(text)
    return next(((reason, remedy) for pattern, reason, remedy in _UNCLEAR if pattern.search(plain)), None)


def _plain(text: str) -> str:
    return re.sub(r"[\s“”\"'「」]+", "", unicodedata.normalize("NFKC", text))


def without_programme(text: str) -> tuple[str, str]:
    """(programme, rest) of a column's title such as 高企证书编号; ("", text) where it begins with none."""
    own = _LEVEL_BEFORE.sub("", text)
    for pattern, programme in _PATTERNS:
        match = pattern.match(own)
        if match and match.end() < len(own):
            return programme, own[match.end() :]
    return "", text


def is_programme_id(text: str) -> bool:
    """Whether a text has the form of a programme's id rather than of a name."""
    return re.fullmatch(r"[a-z]+(?:[._][a-z0-9]+)*(?:@\d{4})?", text) is not None


def find_event(text: str) -> RecognitionEvent | None:
    """What a text says happened to a title: the id of an event or the words of a notice."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    if plain.lower() in {event.value for event in RecognitionEvent}:
        return RecognitionEvent(plain.lower())
    return next((event for pattern, event in _EVENT_PATTERNS if pattern.search(plain)), None)


def find_level(text: str) -> str:
    """national, provincial, municipal or district; empty where the text names no level."""
    for word, level in (
        ("国家", "national"),
        ("省", "provincial"),
        ("市级", "municipal"),
        ("区级", "district"),
        ("县级", "district"),
    ):
        if word in text:
            return level
    return text if text in ("national", "provincial", "municipal", "district") else ""
