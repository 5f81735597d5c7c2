"""How values look on a page. Templates show values already decided; these only write them out.

What is not known is a dash, never 0.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from markupsafe import Markup

from rules.translation import enumerated, language, marked, marked_of, say, say_of, sentences

NOTHING: Final = "—"
FEN_PER_WAN: Final = 1_000_000

Figure = int | float | Decimal | Fraction

#: China keeps one time and has no summer time.
_BEIJING: Final = timezone(timedelta(hours=8))

OUTCOMES: Final[dict[str, str]] = {
    "eligible": marked_of("eligible", "符合"),
    "likely": marked_of("likely", "基本符合"),
    "undetermined": marked_of("undetermined", "待定"),
    "ineligible": marked_of("ineligible", "不符合"),
    "not_in_force": marked_of("not_in_force", "未施行"),
    "met": marked_of("met", "符合"),
    "failed": marked_of("failed", "不符合"),
    "unknown": marked_of("unknown", "待补数据"),
    "not_applicable": marked_of("not_applicable", "不适用"),
}

#: The ladder from below; a rung that is not here is shown under its own name.
RUNGS: Final[dict[str, str]] = {
    "none": marked("未入梯队"),
    "private_tech": marked("民营科技企业"),
    "tech_sme": marked("科技型中小企业"),
    "hnte_pool": marked("高企培育库"),
    "high_tech": marked("高新技术企业"),
    "innovative_sme": marked("创新型中小企业"),
    "srdi": marked("专精特新"),
    "specialized": marked("专精特新"),
    "srdi_sme": marked("专精特新中小企业"),
    "little_giant": marked("专精特新“小巨人”"),
    "single_champion": marked("制造业单项冠军"),
    "gazelle": marked("瞪羚"),
    "potential_unicorn": marked("潜在独角兽"),
    "unicorn": marked("独角兽"),
    "leading": marked("科技领军企业"),
    "listed": marked("上市"),
}

ROLES: Final[dict[str, str]] = {
    "administrator": marked("系统管理员"),
    "city_officer": marked("市级工作人员"),
    "district_officer": marked("市（区）工作人员"),
    "park_officer": marked("园区工作人员"),
    "reviewer": marked("复核人员"),
    "viewer": marked("领导（查看）"),
    "auditor": marked("审计员"),
    "enterprise": marked("企业用户"),
}


def wan(fen: int | None, digits: int = 2) -> str:
    """Whole fen as 万元 with thousands parted: 1234500000 → `1,234.5`. At most `digits` decimals, no idle zeros."""
    return NOTHING if fen is None else number(Fraction(fen, FEN_PER_WAN), digits)


def number(value: Figure | None, digits: int = 2) -> str:
    """A figure with thousands parted and at most `digits` decimals: 12345 → `12,345`, 0.50 → `0.5`."""
    if value is None:
        return NOTHING
    text = f"{_rounded(value, digits):,f}"
    return _signed(text.rstrip("0").rstrip(".") if "." in text else text)


def percent(ratio: Figure | None, digits: int = 1) -> str:
    """A ratio as a percentage: 0.634 → `63.4%`.

    What falls short of the whole is never shown as 100 %: that is the one edge everybody reads as “reached”.
    """
    if ratio is None:
        return NOTHING
    value = _rounded(_exact(ratio) * 100, digits)
    if value >= 100 and _exact(ratio) < 1:
        value = _decimal(_exact(ratio) * 100).quantize(Decimal(1).scaleb(-digits), ROUND_DOWN)
    return _signed(f"{value:,f}") + "%"


def points(ratio: Figure | None, digits: int = 1) -> str:
    """A difference of two ratios in percentage points: -0.012 → `-1.2 个百分点`."""
    if ratio is None:
        return NOTHING
    sign = "+" if ratio > 0 else ""
    return f"{sign}{_signed(f'{_rounded(_exact(ratio) * 100, digits):,f}')} 个百分点"


def day(value: date | datetime | None) -> str:
    """A day as tables show it: `2026-11-20`; of a moment the day in Beijing."""
    if value is None:
        return NOTHING
    return (_in_beijing(value) if isinstance(value, datetime) else value).strftime("%Y-%m-%d")


def long_day(value: date | None) -> str:
    """A day in a sentence: `2026年11月20日`."""
    return (
        NOTHING if value is None else say("{year}年{month}月{day}日", year=value.year, month=value.month, day=value.day)
    )


def moment(value: datetime | None) -> str:
    """A moment in Beijing's time, to the minute: `2026-11-20 09:05`."""
    return NOTHING if value is None else _in_beijing(value).strftime("%Y-%m-%d %H:%M")


def outcome(value: str | None) -> str:
    """The Chinese word for the outcome of a programme or a criterion."""
    return NOTHING if value is None else say_of(str(value), OUTCOMES.get(str(value), str(value)))


def rung(value: str | None) -> str:
    """The Chinese name of a rung; without one the enterprise stands on none."""
    key = str(value or "none")
    return say(RUNGS.get(key, key))


def role(value: str | None) -> str:
    """The name of a role."""
    return NOTHING if value is None else say(ROLES.get(str(value), str(value)))


def or_dash(value: object) -> object:
    """The value, or a dash where there is none; 0 and False are values."""
    return NOTHING if value is None or value == "" else value


def chinese(value: object) -> object:
    """What stays Chinese in every language, such as a name in the registry: said to be so where the page is not."""
    if language() == "zh" or not value:
        return value
    return Markup('<span lang="zh-CN">{}</span>').format(value)


def bar_width(share: Figure) -> str:
    """A share as a place on a bar 100 wide; what is more than the whole stays on the bar."""
    return f"{float(min(max(share, 0), 1)) * 100:.1f}"


def pages_around(page: int, pages: int) -> list[int | None]:
    """The pages to offer: the first, the last, those beside this one; None is a gap."""
    offered = sorted({1, pages, *range(max(1, page - 2), min(pages, page + 2) + 1)})
    shown: list[int | None] = []
    for place in offered:
        last = shown[-1] if shown else None
        if last is not None and place > last + 1:
            shown.append(None)
        shown.append(place)
    return shown


def spark_lines(values: Sequence[Figure | None]) -> list[str]:
    """The points of a line 88 by 24; a missing value parts it in two."""
    lines: list[list[str]] = [[]]
    for spot in _spots(values):
        if spot is None:
            lines.append([])
        else:
            lines[-1].append(f"{spot[0]:.1f},{spot[1]:.1f}")
    return [" ".join(line) for line in lines if line]


def spark_end(values: Sequence[Figure | None]) -> tuple[str, str] | None:
    """Where the newest value of such a line lies."""
    spots = [spot for spot in _spots(values) if spot is not None]
    return (f"{spots[-1][0]:.1f}", f"{spots[-1][1]:.1f}") if spots else None


def figure(value: object) -> object:
    """A fact of any kind as a cell shows it: numbers with thousands parted, truth in words, a dash for nothing."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return say("是") if value else say("否")
    if isinstance(value, int | float | Fraction | Decimal):
        return number(value, 4)
    if isinstance(value, list):
        return say("{n} 条记录", n=len(value)) if value else say("无")
    return say("无") if value == "none" else value


def pairs(values: Sequence[str]) -> list[tuple[str, str]]:
    """Choices that are called what they are."""
    return [(value, value) for value in values]


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "wan": wan,
    "number": number,
    "percent": percent,
    "points": points,
    "day": day,
    "long_day": long_day,
    "moment": moment,
    "outcome": outcome,
    "rung": rung,
    "role": role,
    "or_dash": or_dash,
    "chinese": chinese,
    "figure": figure,
    "pairs": pairs,
    "enumerated": enumerated,
    "sentences": sentences,
    "bar_width": bar_width,
    "pages_around": pages_around,
    "spark_lines": spark_lines,
    "spark_end": spark_end,
}


def _spots(values: Sequence[Figure | None]) -> list[tuple[float, float] | None]:
    known = [float(value) for value in values if value is not None]
    low, span = (min(known), max(known) - min(known)) if known else (0.0, 0.0)
    step = 84 / max(len(values) - 1, 1)
    return [
        None if value is None else (2 + place * step, 21 - 18 * (float(value) - low) / span if span else 12.0)
        for place, value in enumerate(values)
    ]


def _exact(value: Figure) -> Fraction:
    return Fraction(str(value)) if isinstance(value, float) else Fraction(value)


def _decimal(value: Fraction) -> Decimal:
    # Two divisions of integers keep every digit that a page can show; Decimal's own would round to 28.
    whole, rest = divmod(abs(value.numerator), value.denominator)
    digits = Decimal(whole) + Decimal(rest * 10**12 // value.denominator).scaleb(-12)
    return digits if value >= 0 else -digits


def _rounded(value: Figure, digits: int) -> Decimal:
    return _decimal(_exact(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _signed(text: str) -> str:
    return text.removeprefix("-") if not text.strip("-0.,") else text


def _in_beijing(value: datetime) -> datetime:
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(_BEIJING)
