"""Writing what a zone reports; a correction is a new word, the old one stays for the days it was known.

ZoneFigureRefused: a value that cannot be, a year that is not over, or what the registry counts itself.
"""

import json
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.service import TOO_MUCH
from backend.web.errors import Refusal
from backend.zones.counting import COUNTED
from backend.zones.queries import ADDED, YEARLY, attestations, zone_targets
from rules.plan import Basis


class ZoneFigureRefused(Refusal):
    """A figure that is not written; `field` is the form's field it is about."""

    status = 422
    slug = "zone-figure-refused"
    title = "没有保存"

    def __init__(self, message: str, field: str = "value") -> None:
        super().__init__(message)
        self.field = field


def reportable() -> list[tuple[str, str, str]]:
    """(indicator, words, unit) of what a zone reports each year: the condition's output and its plans' targets."""
    found = {YEARLY: ("园区工业总产值", "亿元")}
    for target in zone_targets():
        if target.indicator not in (*COUNTED, ADDED, "zone_hnte_growth_avg"):
            found.setdefault(target.indicator, (target.name, target.unit))
    return [(name, words, unit) for name, (words, unit) in found.items()]


async def report(
    session: AsyncSession,
    thing_id: int,
    indicator: str,
    year: int,
    value: Decimal,
    source: str,
    *,
    today: date,
    note: str = "",
    recorded_by: int | None = None,
) -> None:
    """Write down a zone's figure of a year that is over.

    Raises:
        ZoneFigureRefused: with what to do in Chinese.
    """
    if indicator in COUNTED:
        raise ZoneFigureRefused(f"{COUNTED[indicator]}由系统按园区内的企业统计，不用填报。", "indicator")
    if indicator not in {name for name, _, _ in reportable()}:
        raise ZoneFigureRefused("没有这个指标，请从列表中选择。", "indicator")
    if not 2000 <= year < today.year:
        raise ZoneFigureRefused(f"{year} 年还没有结束或年份有误，请填已结束的年度。", "year")
    growing = any(one.indicator == indicator and one.basis is Basis.AVG_ANNUAL_GROWTH for one in zone_targets())
    if abs(value) >= TOO_MUCH:
        raise ZoneFigureRefused(f"{value:.3g} 太大，请核对数值和单位。")
    if value < 0 and not growing:
        raise ZoneFigureRefused(f"{value} 小于 0，请核对。")
    if any(one.indicator == indicator and one.basis is Basis.RATIO for one in zone_targets()) and value > 100:
        raise ZoneFigureRefused(f"{value}% 大于 100%，请核对。")
    if not source.strip():
        raise ZoneFigureRefused("请填写数据来源。", "source")
    await _write(session, thing_id, indicator, year, value, source, note, recorded_by)


async def attest(
    session: AsyncSession,
    thing_id: int,
    indicator: str,
    holds: bool | None,
    *,
    source: str = "人工确认",
    note: str = "",
    recorded_by: int | None = None,
) -> None:
    """Write down what a person confirmed of a zone; None takes the word back.

    Raises:
        ZoneFigureRefused: nothing of the kind is confirmed of zones.
    """
    if indicator not in dict(attestations()):
        raise ZoneFigureRefused("没有这个确认事项，请从列表中选择。", "item")
    await _write(session, thing_id, indicator, None, holds, source, note, recorded_by)


async def _write(
    session: AsyncSession,
    thing_id: int,
    indicator: str,
    year: int | None,
    value: Any,
    source: str,
    note: str,
    recorded_by: int | None,
) -> None:
    said = format(value, "f") if isinstance(value, Decimal) else json.dumps(value)
    await session.execute(
        text(
            "INSERT INTO zone_figure (thing_id, indicator, year, value, source, note, recorded_by)"
            " VALUES (:thing, :indicator, :year, :value, :source, :note, :by)"
        ),
        {
            "thing": thing_id, "indicator": indicator, "year": year, "value": said, "source": source.strip(),
            "note": note.strip(), "by": recorded_by,
        },
    )  # fmt: skip
