"""The quarterly bulletin 季度通报: what is said of a plan at the end of a quarter, out of that quarter's knowledge.

Its numbers are worked out anew each time and come out alike, because the day and the moment of knowledge are fixed;
what people add is kept beside them in `bulletin_texts.py`. Word and Excel are drawn from the same content in
`bulletin_files.py`.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from fractions import Fraction

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.plans.breakdown import Breakdown, Kind, breakdowns, can_be_split
from backend.plans.bulletin_texts import Texts, texts_of
from backend.plans.documents import findings_on, plan_named
from backend.plans.progress import Light, Progress, end_of_quarter, last_quarter_end, quarter_ends
from backend.plans.queries import QUARTERS_A_YEAR, Report, Row, plan_report
from backend.plans.rollup import roll_up
from backend.plans.schemas import counting_in_words
from backend.plans.versions import Held, held_at, know_plans
from backend.web.errors import Refusal
from backend.web.filters import number as shown
from backend.web.filters import percent
from rules.plan import Op, Plan, Target
from rules.plan_findings import Finding

_QUARTER = re.compile(r"(\d{4})\s*(?:年\s*(?:第)?|[-/]?\s*[Qq])\s*([1-4一二三四])\s*(?:季度?)?")
#: Nobody reports on a quarter before; it also keeps the trend of two years within the calendar.
_FIRST_YEAR = 1990
_OF_A_PART = (
    "目标值：已分解的按本市（区）年度任务数；未分解的只列数，不以全部范围的目标评判；比重、位次、增速与原文目标比较。"
)
_CHINESE_DIGITS = {"一": 1, "二": 2, "三": 3, "四": 4}


class QuarterRefused(Refusal):
    """A quarter that there is no bulletin for."""

    status = 422
    slug = "quarter-refused"
    title = "季度不对"


@dataclass(frozen=True)
class Quarter:
    """A quarter of a year."""

    year: int
    number: int

    @property
    def last_day(self) -> date:
        return end_of_quarter(date(self.year, self.number * 3, 1))

    @property
    def name(self) -> str:
        return f"{self.year} 年第{'一二三四'[self.number - 1]}季度"

    @property
    def code(self) -> str:
        return f"{self.year}Q{self.number}"

    @property
    def known_at(self) -> datetime:
        """The knowledge a quarter's bulletin is written from: the month after the quarter, in which figures come in."""
        month_later = date(self.year + self.number // 4, (self.number * 3) % 12 + 1, 1)
        last = end_of_month(month_later)
        return datetime.combine(last, time.max, CHINA)


def end_of_month(day: date) -> date:
    """The last day of a day's month."""
    return date(day.year, day.month, monthrange(day.year, day.month)[1])


def quarter_of(written: str) -> Quarter:
    """A quarter as people write it: 2026Q3, 2026-Q3, 2026年第三季度.

    Raises:
        QuarterRefused: it names no quarter.
    """
    match = _QUARTER.fullmatch(written.strip())
    if match is None:
        raise QuarterRefused(f"季度写的是“{written}”，请写成 2026Q3 这样。")
    if int(match[1]) < _FIRST_YEAR:
        raise QuarterRefused(f"季度写的是“{written}”，请核对年份，最早为 {_FIRST_YEAR} 年，如 2026Q3。")
    return Quarter(int(match[1]), _CHINESE_DIGITS.get(match[2]) or int(match[2]))


def last_quarter(today: date) -> Quarter:
    """The latest quarter that is over."""
    end = last_quarter_end(today)
    return Quarter(end.year, end.month // 3)


@dataclass(frozen=True)
class Line:
    """A target in the bulletin's first table."""

    row: Row
    #: As a share of the value a year ago; of what is in percent itself the difference in percent points.
    year_on_year: Fraction | None
    note: str

    @property
    def target(self) -> Target:
        return self.row.target

    @property
    def progress(self) -> Progress:
        return self.row.progress


@dataclass(frozen=True)
class Correction:
    """A number of the last bulletin that is known to be different now."""

    target: Target
    then: Fraction
    now: Fraction | None


@dataclass(frozen=True)
class Bulletin:
    """The content of a bulletin."""

    plan: Plan
    quarter: Quarter
    report: Report
    #: None where the registry is younger than the quarter and today's knowledge answers.
    known_at: datetime | None
    lines: tuple[Line, ...]
    corrections: tuple[Correction, ...]
    findings: tuple[Finding, ...]
    #: What people wrote beside the numbers.
    written: Texts
    #: Which version of the plan held at the moment.
    held: Held
    #: What the districts were asked for in the year of the quarter, and in that of the quarter before.
    shares: Mapping[str, Breakdown]
    last_shares: Mapping[str, Breakdown]

    @property
    def texts(self) -> Mapping[str, str]:
        """What people wrote, by section."""
        return self.written.bodies

    @property
    def title(self) -> str:
        return f"{self.plan.named}目标完成情况季度通报"

    @property
    def behind(self) -> tuple[Line, ...]:
        """What is behind schedule, missed, or will be missed at the last year's pace."""
        return tuple(line for line in self.lines if line.progress.light is Light.RED)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What stands on top of the bulletin."""
        return (_overview(self), *_highlights(self))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of days and definitions."""
        return _notes(self)


async def bulletin(
    session: AsyncSession,
    plan: Plan,
    quarter: Quarter,
    *,
    today: date,
    region: str | None = None,
    known_at: datetime | None = None,
) -> Bulletin:
    """The bulletin of a quarter.

    Args:
        known_at: the moment whose knowledge answers; None is the end of the month after the quarter.

    Raises:
        QuarterRefused: the quarter is not over.
        RegionOutside: the region is no part of the plan's territory.
    """
    on = quarter.last_day
    if on >= today:
        raise QuarterRefused(f"{quarter.name}到 {on} 结束，现在还不能通报。可先看截至今天的规划页面。")
    moment = await _knowledge(session, known_at or quarter.known_at)
    # A plan revised since is held against what it asked for then.
    await know_plans(session, moment)
    plan = plan_named(plan.id)
    report = await plan_report(session, plan, on, region, moment)
    return Bulletin(
        plan,
        quarter,
        report,
        moment,
        tuple(_line(row, on) for row in report.rows),
        await _corrections(session, report, quarter),
        tuple(one for one in findings_on(plan) if one.agrees is False),
        await texts_of(session, report, on),
        await held_at(session, plan.id, moment),
        await _shares(session, plan, on.year, moment),
        await _shares(session, plan, last_quarter_end(on).year, moment),
    )


async def _shares(session: AsyncSession, plan: Plan, year: int, moment: datetime | None) -> dict[str, Breakdown]:
    """What was asked of the districts in a year, by target; targets that nobody split are left out."""
    targets = [one for one in plan.targets if can_be_split(one)]
    found = await breakdowns(session, plan, targets, year, Kind.DISTRICT, moment)
    return {one.target.id: one for one in found if one.is_begun}


async def _knowledge(session: AsyncSession, wanted: datetime) -> datetime | None:
    """The moment asked for, or now where the registry had not begun by then: a bulletin of nothing helps nobody."""
    found = await session.execute(
        text("SELECT EXISTS (SELECT FROM recognition WHERE recorded_at <= :moment)"), {"moment": wanted}
    )
    return wanted if found.scalar_one() else None


def _line(row: Row, on: date) -> Line:
    year_ago = dict(row.progress.trend)[quarter_ends(on, QUARTERS_A_YEAR + 1)[0]]
    value = row.progress.value
    growth = year_on_year(row.target, value, year_ago)
    figure = row.progress.figure
    source = f"{figure.source}，{figure.period_end} 止" if figure.period_end is not None else ""
    parts = (source, figure.reason if figure.value is None and not row.target.placeholder else "", row.target.soft_word)
    return Line(row, growth, "；".join(part for part in parts if part))


def in_points(target: Target) -> bool:
    """Whether a target's changes are differences: a share grows by percent points, and a place is no amount."""
    return "%" in target.unit or target.op is Op.RANK


def year_on_year(target: Target, value: Fraction | None, before: Fraction | None) -> Fraction | None:
    """How a value stands to that of a year before: by what share it grew, or by how many points; None if unknown."""
    if value is None or before is None:
        return None
    if in_points(target):
        return value - before
    return (value - before) / before if before else None


def change_unit(target: Target) -> str:
    """What a change is counted in."""
    return "个百分点" if "%" in target.unit else target.unit


async def _corrections(session: AsyncSession, report: Report, quarter: Quarter) -> tuple[Correction, ...]:
    """Where the last bulletin's numbers are known to be different by now."""
    before = last_quarter_end(quarter.last_day)
    last = Quarter(before.year, before.month // 3)
    if await _knowledge(session, last.known_at) is None:
        return ()
    targets = report.plan.targets
    region = None if report.is_whole else report.territory.code
    then = await roll_up(session, targets, [before], region=region, known_at=last.known_at)
    now = await roll_up(session, targets, [before], region=region, known_at=report.known_at)
    found: list[Correction] = []
    for target in targets:
        was, is_now = then.of(target, before).value, now.of(target, before).value
        if was is not None and was != is_now:
            found.append(Correction(target, was, is_now))
    return tuple(found)


# --- Words -----------------------------------------------------------------------------------------------


def _overview(content: Bulletin) -> str:
    plan, tally = content.plan, content.report.tally
    status = "" if plan.status.value == "issued" else f"（{plan.status.label}）"
    parts = [f"已达到 {tally['met']} 项", f"未达到、未到期或达序时 {tally['open']} 项", f"滞后 {tally['behind']} 项"]
    others = [
        f"{words} {tally[name]} 项"
        for name, words in (
            ("not_reported", "尚未填报或不可计算"),
            ("not_set", "原文未设目标值"),
            ("unjudged", "只列数不评判"),
        )
        if tally[name]
    ]
    return (
        f"截至 {content.report.on.year} 年 {content.report.on.month} 月 {content.report.on.day} 日，"
        f"{content.report.territory.name}{plan.named}{status}{len(content.lines)} 项目标中，"
        f"{'，'.join(parts + others)}。"
    )


def _highlights(content: Bulletin) -> list[str]:
    """A sentence for each target that has a number and a value."""
    found: list[str] = []
    for line in content.lines:
        progress, target = line.progress, line.target
        if progress.value is None or not target.has_number:
            continue
        words = f"{target.name} {shown(progress.value)} {target.unit}{_asked(line)}"
        if progress.share is not None:
            words += f"，完成 {percent(progress.share)}"
        if progress.schedule_gap is not None:
            side = "快于" if progress.schedule_gap >= 0 else "慢于"
            words += f"，{side}序时 {abs(float(progress.schedule_gap * 100)):.1f} 个百分点"
        if progress.change:
            words += (
                f"，本季{'增加' if progress.change > 0 else '减少'} {shown(abs(progress.change))} {change_unit(target)}"
            )
        if line.year_on_year is not None:
            words += f"，同比{_grown(target, line.year_on_year)}"
        found.append(words + "。")
    return found


def _asked(line: Line) -> str:
    """In brackets, what is asked: the target, or a district's share of the year."""
    if line.row.is_of_whole:
        return "（未分解）"
    return f"（{'年度任务' if line.row.is_split else '目标'} {line.row.asked_text}）"


def _grown(target: Target, by: Fraction) -> str:
    if not by:
        return "持平"
    if in_points(target):
        return f"{'增加' if by > 0 else '减少'} {shown(abs(by))} {change_unit(target)}"
    return f"{'增长' if by > 0 else '下降'} {percent(abs(by))}"


def _notes(content: Bulletin) -> tuple[str, ...]:
    moment = content.known_at
    known = (
        f"数据时点 {moment:%Y-%m-%d}：其后登记、更正的数据不计入本通报。"
        if moment is not None
        else "系统在本季度之后才开始登记，本通报按现在掌握的数据回溯。"
    )
    counted = dict.fromkeys(words for line in content.lines if (words := counting_in_words(line.target, line.row.mode)))
    return (
        known,
        *((content.held.in_words,) if content.held.in_words else ()),
        *counted,
        "序时进度只用于年度类和印有起算日的累计类目标，第 m 月末为 m/12；有效数、比重、位次、增速直接与目标值比较。",
        "位次：有年度任务数的按完成率、没有的按数值排列，相同的并列；没有任务数或没有数值的只列不排。",
        "原文印作 X 的目标未设目标值，不计进度。",
        *(() if content.report.is_whole else (_OF_A_PART,)),
        *(_difference(one) for one in content.shares.values() if one.difference),
    )


def _difference(given: Breakdown) -> str:
    """That the shares of a target differ from the whole, and why."""
    word = given.acknowledged
    why = "尚未说明原因。" if word is None else f"说明：{word.reason}"
    return f"任务分解：{given.target.name} {given.year} 年{given.in_words}{why}"
