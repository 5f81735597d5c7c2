"""Writing what was reported of a target. A correction is a new word; the old one stays, for the days it was known.

FigureRefused
├── NotReportable      the registry counts the target itself
├── PeriodWrong        the period is no quarter, or is not over
├── AlreadyReported    the period has a figure, and this was not said to be a correction
├── SameAsBefore       a correction that changes nothing
└── ValueWrong         the value cannot be what the target measures, or its source is missing
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.progress import end_of_quarter
from backend.plans.sets import is_countable
from backend.web.errors import Refusal
from rules.plan import Basis, Op, Target, plain

#: No figure of a city has more before the point (in its own unit), nor a bulletin more behind it.
TOO_MUCH, _MOST_DECIMALS = Decimal(10) ** 12, 6
#: Characters that the table has room for.
_MOST_OF_SOURCE = 100
#: Nobody reports of a quarter before.
_FIRST_YEAR = 1990


class FigureRefused(Refusal):
    """A figure that is not written; `field` is the form's field it is about."""

    status = 422
    slug = "figure-refused"
    title = "数据没有保存"
    field: ClassVar[str] = ""


class NotReportable(FigureRefused):
    """The registry counts the target itself."""

    status = 409

    def __init__(self, target: Target) -> None:
        super().__init__(
            f"{target.id} {target.name}由系统按认定记录统计，不用填报；如数不对，请改正对应企业的认定记录。"
        )


class PeriodWrong(FigureRefused):
    """The period is no quarter, or is not over."""

    field = "period_end"


class AlreadyReported(FigureRefused):
    """The period has a figure, and this was not said to be a correction."""

    status = 409
    slug = "figure-already-reported"
    field = "is_revision"


class SameAsBefore(FigureRefused):
    """A correction that changes nothing."""

    status = 409
    field = "value"


class ValueWrong(FigureRefused):
    """The value cannot be what the target measures."""

    field = "value"


class SourceMissing(FigureRefused):
    """Nobody says who published the figure."""

    field = "source"


class ReleaseWrong(FigureRefused):
    """The day of publication does not fit."""

    field = "released_on"


@dataclass(frozen=True)
class FigureDraft:
    """A figure as an officer states it. `value` is in the target's unit; `region` is empty for the plan's territory."""

    period_end: date
    value: Decimal
    source: str
    released_on: date | None = None
    note: str = ""
    region: str = ""
    is_revision: bool = False


async def report_figure(
    session: AsyncSession, target: Target, draft: FigureDraft, *, today: date, recorded_by: int | None = None
) -> int:
    """Write down the value of a target at the end of a quarter. Returns the figure's id.

    Raises:
        FigureRefused: one of the family above, with what to do in Chinese.
    """
    _check(target, draft, today)
    # Two people who report the same period at once are to see each other's figure.
    await session.execute(text("LOCK TABLE reported_figure IN SHARE ROW EXCLUSIVE MODE"))
    before = await _standing(session, target, draft)
    if before is not None and not draft.is_revision:
        raise AlreadyReported(
            f"{target.id} {draft.period_end} 的数据已经填报：{plain(before[0])} {target.unit}（{before[1]}）。"
            "如是发布单位修订，请勾选“这是修订”后再保存，原数会保留。"
        )
    if before is not None and before == (draft.value, draft.source.strip(), draft.released_on):
        raise SameAsBefore(f"与现有数据相同（{plain(before[0])} {target.unit}），没有需要修订的内容。")
    written = await session.execute(
        text(
            "INSERT INTO reported_figure"
            " (target, region_code, period_end, value, source, released_on, note, recorded_by)"
            " VALUES (:target, :region, :period_end, :value, :source, :released_on, :note, :by) RETURNING id"
        ),
        {
            "target": target.id,
            "region": draft.region,
            "period_end": draft.period_end,
            "value": draft.value,
            "source": draft.source.strip(),
            "released_on": draft.released_on,
            "note": draft.note.strip(),
            "by": recorded_by,
        },
    )
    return written.scalar_one()


async def stands_already(session: AsyncSession, target: Target, draft: FigureDraft) -> bool:
    """Whether the very figure stands already, so that the same workbook may come twice."""
    before = await _standing(session, target, draft)
    return before is not None and before == (draft.value, draft.source.strip(), draft.released_on)


def _check(target: Target, draft: FigureDraft, today: date) -> None:
    if is_countable(target):
        raise NotReportable(target)
    if draft.period_end != end_of_quarter(draft.period_end):
        raise PeriodWrong(f"{draft.period_end} 不是季度末。请选 3 月 31 日、6 月 30 日、9 月 30 日或 12 月 31 日。")
    if draft.period_end >= today:
        raise PeriodWrong(f"{draft.period_end} 这个季度还没有结束，请在次日以后填报。")
    if draft.period_end.year < _FIRST_YEAR:
        raise PeriodWrong(f"数据截止日 {draft.period_end} 太早，请核对年份，最早为 {_FIRST_YEAR} 年。")
    _check_amount(draft.value)
    if draft.value < 0:
        raise ValueWrong(f"数值 {plain(draft.value)} 小于 0，请核对；下降幅度按正数填。")
    if target.basis is Basis.RATIO and target.unit == "%" and draft.value > 100:
        raise ValueWrong(f"{target.name}是比重，{plain(draft.value)}% 大于 100%，请核对。")
    if target.op is Op.RANK and (draft.value < 1 or draft.value != int(draft.value)):
        raise ValueWrong(f"位次应为 1、2、3 这样的整数，现为 {plain(draft.value)}。")
    if not draft.source.strip():
        raise SourceMissing("请填写数据来源：哪个部门发布，或哪份公报。")
    if len(draft.source.strip()) > _MOST_OF_SOURCE:
        raise SourceMissing(f"数据来源有 {len(draft.source.strip())} 个字，最多 {_MOST_OF_SOURCE} 个字，请精简。")
    if draft.released_on is not None and draft.released_on > today:
        raise ReleaseWrong(f"发布日期 {draft.released_on} 在今天之后，请核对。")
    if draft.released_on is not None and draft.released_on <= draft.period_end:
        raise ReleaseWrong(f"发布日期 {draft.released_on} 不晚于数据截止日 {draft.period_end}，请核对。")


def _check_amount(value: Decimal) -> None:
    """Refuse a number that is a slip of the pen; one of four hundred digits could be stored, but never drawn again.

    Raises:
        ValueWrong: it is too great, or finer than anybody publishes.
    """
    if abs(value) >= TOO_MUCH:
        raise ValueWrong(f"数值 {value:.3g} 太大，请核对数值和单位。")
    if value != round(value, _MOST_DECIMALS):
        raise ValueWrong(f"数值最多保留 {_MOST_DECIMALS} 位小数，请按发布的数填写。")


async def _standing(
    session: AsyncSession, target: Target, draft: FigureDraft
) -> tuple[Decimal, str, date | None] | None:
    found = await session.execute(
        text(
            "SELECT value, source, released_on FROM reported_figure WHERE target = :target AND region_code = :region"
            " AND period_end = :period_end ORDER BY recorded_at DESC, id DESC LIMIT 1"
        ),
        {"target": target.id, "region": draft.region, "period_end": draft.period_end},
    )
    row = found.first()
    return None if row is None else (row[0], row[1], row[2])
