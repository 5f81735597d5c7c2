"""What forms about figures share: a value as typed, a value as shown, why one was refused."""

import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.enterprises.forms import Errors
from backend.web.filters import figure
from rules.catalogue import Indicator, Type
from rules.facts import FactProblem
from rules.language import FEN_PER_WAN
from rules.translation import say, sentences


def typed_value(
    indicator: Indicator, typed: str, errors: Errors, *, is_none: bool = False, field: str = "value"
) -> Any:
    """What was typed, as a filing holds it; what is wrong is noted by the field."""
    if is_none:
        return "none"
    written = unicodedata.normalize("NFKC", typed).strip()
    if not written:
        errors[field] = "请填写数值。不清楚的不要填 0，留着不填即为待补。"
        return None
    if indicator.type is Type.BOOLEAN:
        return {"yes": True, "no": False}.get(written, written)
    if indicator.type in (Type.DATE, Type.CHOICE, Type.TEXT):
        return written
    try:
        return Decimal(written.replace(",", "").replace(" ", ""))
    except InvalidOperation:
        errors[field] = f"“{typed}”不是数字，请改为数字，如 3000。"
        return None


def told(problems: Sequence[FactProblem]) -> str:
    """Why a filing was refused, as one sentence."""
    return sentences(dict.fromkeys(problem.message for problem in problems)) + say("。")


def shown_value(indicator: Indicator | None, value: Any) -> object:
    """A filed value in words people use: choices by their names, numbers with thousands parted."""
    if indicator is not None and isinstance(value, str):
        return indicator.choices.get(value, figure(value))
    return figure(value)


def shown_column(indicator: Indicator | None, stored: Any) -> object:
    """A value of the projection in the unit of the official forms: money stands there in fen."""
    is_amount = isinstance(stored, int | float | Decimal) and not isinstance(stored, bool)
    if is_amount and indicator is not None and indicator.type is Type.MONEY:
        return figure(Decimal(str(stored)) / FEN_PER_WAN)
    return shown_value(indicator, stored)


def unit_of(indicator: Indicator | None) -> str:
    """The unit in which an indicator is reported."""
    return "" if indicator is None else indicator.unit or (say("万元") if indicator.type is Type.MONEY else "")
