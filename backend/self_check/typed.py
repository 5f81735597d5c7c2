"""What people type into fields, as values of a check. Nothing is guessed and nothing is converted in silence.

Full-width digits, thousands separators and the field's own unit are read as what they are. A figure in another unit,
a percent sign where none belongs, letters: each is told, with what to type instead.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Any

from rules.catalogue import Indicator, RecordField, Type
from rules.translation import say

#: Longer texts are no answer to any question of the catalogue.
_LONGEST = 200
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d+)?")
_DAY = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_MONEY = re.compile(r"(.*?)(亿元|亿|万元|万|千元|元)$")
#: How many 万元 one of a unit is.
_IN_WAN = {"亿元": Decimal(10_000), "亿": Decimal(10_000), "千元": Decimal("0.1"), "元": Decimal("0.0001")}
_COUNTERS = ("人", "件", "项", "家", "个", "年", "月", "分", "台", "次", "倍", "股", "户", "名", "平方米")


class TypedProblem(ValueError):
    """What was typed is no value of this field; the text says what to type instead."""


def read_typed(what: Indicator | RecordField, text: str) -> Any:
    """A value as `tidu check` takes it.

    Args:
        what: the indicator, or the field of a record, that is asked for; money is asked for in 万元.
        text: as typed; not blank.

    Raises:
        TypedProblem: with the Chinese reason.
    """
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if len(text) > _LONGEST:
        raise TypedProblem(
            say("填写的内容太长（{length} 字），请缩短到 {most} 字以内", length=len(text), most=_LONGEST)
        )
    match what.type:
        case Type.MONEY:
            return _money(text)
        case Type.PERCENT:
            return _number(text.removesuffix("%").rstrip(), text)
        case Type.NUMBER | Type.HEADCOUNT:
            return _number(_without_counter(text, what), text)
        case Type.COUNT | Type.YEAR:
            return _whole(_number(_without_counter(text, what), text), text)
        case Type.BOOLEAN:
            return _truth(text)
        case Type.DATE:
            return _day(text)
        case Type.CHOICE:
            return _choice(what, text)
        case _:
            return text


def _money(text: str) -> int | Decimal:
    found = _MONEY.fullmatch(text)
    if found is None or found[2] in ("万元", "万"):
        return _number(found[1].rstrip() if found else text, text)
    amount = _number(found[1].rstrip(), text)
    meant = format((amount * _IN_WAN[found[2]]).normalize(), "f")
    raise TypedProblem(say("此处单位是万元，您填的是“{text}”；如数额无误，请改填 {meant}", text=text, meant=meant))


def _number(text: str, whole: str) -> int | Decimal:
    if text.endswith("%"):
        raise TypedProblem(say("此处不是百分比，您填的是“{text}”；请填数值本身，不带百分号", text=whole))
    if not text or not _NUMBER.fullmatch(text) or not any(character.isdecimal() for character in text):
        if "," in text and re.fullmatch(r"[+-]?[\d,]+(\.\d+)?", text):
            raise TypedProblem(say("“{text}”的千分位逗号位置不对，请去掉逗号重新填写", text=whole))
        raise TypedProblem(say("“{text}”不是数字，请只填数字，如 1200 或 1200.5；不清楚的请留空", text=whole))
    value = Decimal(text.replace(",", ""))
    return int(value) if value == value.to_integral_value() else value


def _whole(value: int | Decimal, text: str) -> int:
    if not isinstance(value, int):
        raise TypedProblem(say("应为整数，您填的是“{text}”", text=text))
    return value


def _without_counter(text: str, what: Indicator | RecordField) -> str:
    unit = what.unit if isinstance(what, Indicator) else ""
    for one in (unit, *_COUNTERS):
        if one and one != "%" and text.endswith(one):
            return text.removesuffix(one).rstrip()
    return text


def _truth(text: str) -> bool:
    if text in ("true", "是") or text.casefold() == "yes":
        return True
    if text in ("false", "否") or text.casefold() == "no":
        return False
    raise TypedProblem(say("请选“是”或“否”，您填的是“{text}”", text=text))


def _day(text: str) -> str:
    found = _DAY.fullmatch(text) or re.fullmatch(r"(\d{4})(\d{2})(\d{2})", text)
    if found is None:
        raise TypedProblem(say("请填完整日期，如 2020-05-08，您填的是“{text}”", text=text))
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"


def _choice(what: Indicator | RecordField, text: str) -> str:
    for code, name in what.choices.items():
        if text in (code, name):
            return code
    raise TypedProblem(say("请从列出的选项中选择，您填的是“{text}”", text=text))
