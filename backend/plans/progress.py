"""How far a target is: attained, gap, time-proportional progress, change, rank and light. Pure arithmetic, exact.

Stocks, ratios, ranks and indices are never set against the share of time gone by: 2197 of 2700 says nothing about the
schedule. They are held against the target itself, and before it is due against where the last year's pace leads.
"""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from backend.plans.rollup import Figure, State
from rules.plan import Basis, Op, Target

#: How far behind schedule a target may be and still be amber, as a share of the target.
NEARLY_ON_SCHEDULE = Fraction(1, 10)
#: A pace needs a year to be seen: recognitions come in batches late in the year.
QUARTERS_OF_PACE = 4


class Light(StrEnum):
    """The light of a target; grey is no judgement."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"

    @property
    def tone(self) -> str:
        """The colour's name on a page."""
        return {"green": "good", "amber": "open", "red": "bad", "grey": "idle"}[self.value]


#: The rule of the lights, as printed beside them.
LIGHT_RULES = (
    (Light.GREEN, "已达到目标值；或年度、累计类目标完成率不低于序时进度。"),
    (
        Light.AMBER,
        "年度、累计类：落后序时进度不超过 10 个百分点。有效数类：未到期，按近一年增势到期可达。"
        "比重、规模类：未到期且未达到。",
    ),
    (Light.RED, "年度、累计类：落后序时进度超过 10 个百分点。有效数类：按近一年增势到期仍达不到。各类：到期未达到。"),
    (Light.GREY, "未设目标、未报、不可计算、定性事项，或“左右”类目标没有设定容差：只列数，不评判。"),
)


# --- Time ------------------------------------------------------------------------------------------------


def months_gone(day: date) -> Fraction:
    """Months since the year 0 at the end of a day: the end of March is exactly three months into the year."""
    return day.year * 12 + day.month - 1 + Fraction(day.day, monthrange(day.year, day.month)[1])


def elapsed(target: Target, on: date) -> Fraction | None:
    """The share of a target's time that is gone at the end of a day; None where it is not prorated."""
    if not target.proportional:
        return None
    if target.basis is Basis.ANNUAL:
        if target.due_on is not None and on > target.due_on:
            return None  # the years in which it was asked for are over
        return (months_gone(on) - on.year * 12) / 12
    if target.since is None or target.due_on is None:
        return None
    start, end = months_gone(target.since - timedelta(days=1)), months_gone(target.due_on)
    return min(max((months_gone(on) - start) / (end - start), Fraction(0)), Fraction(1))


def end_of_quarter(day: date) -> date:
    """The last day of the quarter that a day lies in."""
    month = (day.month + 2) // 3 * 3
    return date(day.year, month, monthrange(day.year, month)[1])


def last_quarter_end(on: date) -> date:
    """The last day of the quarter before the one that a day lies in."""
    return date(on.year, (on.month - 1) // 3 * 3 + 1, 1) - timedelta(days=1)


def quarter_ends(on: date, quarters: int) -> tuple[date, ...]:
    """The ends of the last quarters that are over at the end of a day, the oldest first."""
    day = on if end_of_quarter(on) == on else last_quarter_end(on)
    ends = [day]
    while len(ends) < quarters:
        ends.append(last_quarter_end(ends[-1]))
    return tuple(reversed(ends))


# --- The judgement ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """All that is said of a target on a day."""

    target: Target
    on: date
    figure: Figure
    #: Whether the value reaches the target; None where that cannot be said.
    is_met: bool | None
    #: The value as a share of the target, 1 = reached.
    share: Fraction | None
    #: What is missing, in the target's unit; 0 when reached. For a rank the places still to climb.
    gap: Fraction | None
    #: The share of time gone by, for targets that are prorated.
    elapsed: Fraction | None
    #: Since the end of the last quarter; None where either value is not there.
    change: Fraction | None
    #: (day, value) at the ends of the last quarters, the oldest first.
    trend: tuple[tuple[date, Fraction | None], ...]
    #: Where the last year's pace leads by the day the target is due; for stocks that are not yet reached.
    expected: Fraction | None
    light: Light
    #: Why the light is what it is, in one sentence.
    reason: str

    @property
    def schedule_gap(self) -> Fraction | None:
        """Attained less due by now, as a share of the target: negative is behind schedule."""
        if self.share is None or self.elapsed is None:
            return None
        return self.share - self.elapsed

    @property
    def progress(self) -> Fraction | None:
        """Time-proportional progress: attained as a share of what is due by now; 1 is on schedule."""
        if self.share is None or not self.elapsed:
            return None
        return self.share / self.elapsed

    @property
    def value(self) -> Fraction | None:
        return self.figure.value

    @property
    def trend_values(self) -> list[Fraction | None]:
        """The values of the trend, for a line the size of a word."""
        return [value for _, value in self.trend]

    @property
    def has_trend(self) -> bool:
        """Whether there are two values to draw a line between."""
        return sum(value is not None for _, value in self.trend) > 1

    @property
    def bar_state(self) -> str:
        """What the bar looks like."""
        if self.is_met:
            return "reached"
        return {Light.GREEN: "on-track", Light.AMBER: "behind", Light.RED: "far-behind"}.get(self.light, "on-track")

    @property
    def word(self) -> str:
        """The light in a word, for who cannot see its colour."""
        if self.light is Light.GREY:
            if self.target.placeholder:
                return "未设目标"
            return self.figure.state.label if self.figure.value is None else "只列数"
        if self.is_met:
            return "已达到"
        if self.elapsed is not None:
            return {Light.GREEN: "达序时", Light.AMBER: "略滞后", Light.RED: "滞后"}[self.light]
        if self.light is Light.RED:
            return "到期未达" if self.is_overdue else "预计不达"
        return "未到期" if self.target.due_on is not None else "未达到"

    @property
    def is_overdue(self) -> bool:
        """Whether the day by which it should be reached is over."""
        due = self.target.due_on
        return due is not None and self.on > due

    @property
    def status(self) -> str:
        """In one word: met, behind, open, not_reported, not_set or unjudged."""
        if self.target.placeholder:
            return "not_set"
        if self.figure.value is None:
            return "unjudged" if self.figure.state is State.NARRATIVE else "not_reported"
        if self.is_met:
            return "met"
        if self.light is Light.GREY:
            return "unjudged"
        return "behind" if self.light is Light.RED else "open"


def judge(
    target: Target, on: date, figure: Figure, before: Figure | None, trend: Sequence[tuple[date, Figure]]
) -> Progress:
    """What is said of a target.

    Args:
        figure: the value on the day.
        before: the value at the end of the last quarter.
        trend: the values at the ends of the last quarters, the oldest first.
    """
    value = figure.value
    is_met = None if value is None else target.is_met(value)
    share = None if value is None else target.share(value)
    gone = elapsed(target, on)
    expected = _expected(target, on, value, trend) if is_met is False else None
    light, reason = _light(target, on, figure, is_met, share, gone, expected)
    return Progress(
        target, on, figure, is_met, share, _gap(target, value), gone, _change(target, on, figure, before),
        tuple((day, one.value) for day, one in trend), expected, light, reason,
    )  # fmt: skip


def _gap(target: Target, value: Fraction | None) -> Fraction | None:
    if value is None or target.value is None or not target.has_number:
        return None
    wanted = Fraction(target.value)
    if target.op is Op.RANK:
        return max(value - wanted, Fraction(0))
    if target.op is Op.MORE_THAN and value.denominator == 1 and wanted.denominator == 1:
        # To go beyond a whole number takes one more.
        wanted += 1
    return max(wanted - value, Fraction(0))


def _change(target: Target, on: date, figure: Figure, before: Figure | None) -> Fraction | None:
    if figure.value is None:
        return None
    if target.basis is Basis.ANNUAL and last_quarter_end(on).year < on.year:
        return figure.value  # the year begins anew
    if before is None or before.value is None:
        return None
    if figure.period_end is not None and figure.period_end == before.period_end:
        return None  # nothing new was reported
    return figure.value - before.value


def _expected(
    target: Target, on: date, value: Fraction | None, trend: Sequence[tuple[date, Figure]]
) -> Fraction | None:
    """The value at the due day if the pace of the last four quarters goes on; stocks and open accumulations only."""
    if value is None or target.due_on is None or on >= target.due_on:
        return None
    if target.basis not in (Basis.STOCK, Basis.CUMULATIVE) or target.proportional:
        return None
    year_ago = trend[-1 - QUARTERS_OF_PACE] if len(trend) > QUARTERS_OF_PACE else None
    if year_ago is None or year_ago[1].value is None or figure_is_still(year_ago[1], trend):
        return None
    months = months_gone(on) - months_gone(year_ago[0])
    pace = (value - year_ago[1].value) / months
    return max(value + pace * (months_gone(target.due_on) - months_gone(on)), Fraction(0))


def figure_is_still(year_ago: Figure, trend: Sequence[tuple[date, Figure]]) -> bool:
    """Whether nothing was reported for a year, so that there is no pace to see."""
    latest = trend[-1][1]
    return year_ago.state is State.REPORTED and year_ago.period_end == latest.period_end


def _light(
    target: Target,
    on: date,
    figure: Figure,
    is_met: bool | None,
    share: Fraction | None,
    gone: Fraction | None,
    expected: Fraction | None,
) -> tuple[Light, str]:
    if target.placeholder:
        return Light.GREY, "原文印作 X，未设目标，不计进度。"
    if figure.value is None:
        return Light.GREY, figure.reason
    if is_met is None:
        why = "“左右”没有印容差，也没有设定，只列数和差距。" if target.op is Op.ABOUT else "没有可比的目标值，只列数。"
        return Light.GREY, why
    if is_met:
        return Light.GREEN, "已达到目标值。"
    if gone is not None and share is not None:
        return _against_schedule(share, gone)
    if target.basis is Basis.ANNUAL and target.due_on is not None and on > target.due_on:
        return Light.GREY, f"要求到 {target.year} 年为止，本年只列数。"
    if target.due_on is not None and on >= target.due_on:
        return Light.RED, f"{target.due_on} 到期，未达到。"
    if expected is not None:
        reaches = target.is_met(expected)
        told = f"按近一年增势，到期约 {round(float(expected)):,} {target.unit}，"
        return (Light.AMBER, told + "可达。") if reaches else (Light.RED, told + "达不到。")
    return Light.AMBER, "未达到，尚未到期。" if target.due_on is not None else "未达到。"


def _against_schedule(share: Fraction, gone: Fraction) -> tuple[Light, str]:
    behind = gone - share
    if behind <= 0:
        return Light.GREEN, "完成率不低于序时进度。"
    told = f"落后序时进度 {float(behind * 100):.1f} 个百分点。"
    return (Light.AMBER if behind <= NEARLY_ON_SCHEDULE else Light.RED), told


# --- Ranks -----------------------------------------------------------------------------------------------


def ranks(values: Mapping[str, Fraction | None], *, smaller_is_better: bool = False) -> dict[str, int]:
    """Places by value; equal values share a place (1, 2, 2, 4), and whoever has no value has no place."""
    present = {name: value for name, value in values.items() if value is not None}
    sign = -1 if smaller_is_better else 1
    return {
        name: 1 + sum(1 for other in present.values() if other * sign > value * sign) for name, value in present.items()
    }
