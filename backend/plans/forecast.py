"""Where a count of holders will be on the day its target is due, as an interval, with a back-test beside it.

From today's holders take those whose titles end before the day; of them the share comes back that came back in the
registry's own past; add as many new ones a year as came in the past. The past is three years, year by year. What the
same method would have said a year ago stands beside what came, so that everybody sees how far to trust it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import sqrt
from statistics import fmean, variance
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.plans.cohorts import Found, Look, Year, look_back
from backend.plans.progress import months_gone
from backend.plans.territory import territory_of
from rules.plan import CountHolders, Mode, Target, Window

YEARS_OF_HISTORY = 3
#: A thin history is drawn towards three quarters, as if twenty titles had been seen besides.
USUAL_RENEWAL, SEEN_BESIDES = 0.75, 20
#: Eight times out of ten the count should come to lie in the interval.
WIDTH = 1.2816


@dataclass(frozen=True)
class Title:
    """The days a title counts, and the day it was granted."""

    granted_on: date
    first: date
    last: date


@dataclass(frozen=True)
class Step:
    """One year of history: who could have dropped out, who came back, who came new."""

    until: date
    ending: int
    renewed: int
    newcomers: int


@dataclass(frozen=True)
class Assumptions:
    """What a forecast rests on; a reader may set either number."""

    renewal: float
    newcomers_a_year: float


@dataclass(frozen=True)
class Outlook:
    """The count expected on a day: eight times out of ten between low and high."""

    on: date
    due_on: date
    today: int
    #: Holders whose titles reach beyond the day, and those whose titles end before it.
    lasting: int
    ending: int
    assumptions: Assumptions
    history: tuple[Step, ...]
    low: int
    middle: int
    high: int


@dataclass(frozen=True)
class BackTest:
    """What the same method would have said a year ago, and what came."""

    said: Outlook
    came: int

    @property
    def is_within(self) -> bool:
        """Whether what came lay in the interval."""
        return self.said.low <= self.came <= self.said.high


@dataclass(frozen=True)
class Forecast:
    """A forecast with its back-test; None where the registry does not reach back far enough."""

    target: Target
    outlook: Outlook
    back_test: BackTest | None

    @property
    def will_be_met(self) -> bool | None:
        """True or False where the whole interval says so, None where the target lies inside it."""
        low, high = self.target.is_met(self.outlook.low), self.target.is_met(self.outlook.high)
        return low if low == high else None

    @property
    def sentences(self) -> tuple[str, ...]:
        """The forecast and what it rests on, for a page."""
        return _sentences(self)


def can_be_forecast(target: Target, on: date) -> bool:
    """Whether the method fits: a stock of holders with printed days, due in the future."""
    count = target.count
    return (
        isinstance(count, CountHolders)
        and count.mode is Mode.IN_FORCE
        and target.window is Window.ON_DAY
        and target.due_on is not None
        and target.due_on > on
    )


@reckons
async def forecast(
    session: AsyncSession,
    target: Target,
    on: date,
    *,
    region: str | None = None,
    known_at: datetime | None = None,
    renewal: float | None = None,
    newcomers_a_year: float | None = None,
) -> Forecast | None:
    """Where the count will be on the target's day; None where the method does not fit the target.

    Args:
        renewal: the share of ending titles that come back, instead of the past's.
        newcomers_a_year: new holders a year, instead of the past's.
    """
    if not can_be_forecast(target, on) or target.due_on is None:
        return None
    assert isinstance(target.count, CountHolders)
    year_ago = years_before(on, 1)
    looks = (Look(on, target.due_on, _years(on)), Look(year_ago, on, _years(year_ago), granted_by=year_ago))
    territory = territory_of(region or target.region)
    now, then = await look_back(session, target.count.holds, on, territory, known_at, looks)
    found = _seen(looks[0], now)
    chosen = Assumptions(
        found.assumptions.renewal if renewal is None else renewal,
        found.assumptions.newcomers_a_year if newcomers_a_year is None else newcomers_a_year,
    )
    if chosen != found.assumptions:
        found = _expect(replace(found, assumptions=chosen))
    return Forecast(target, found, _tested(_seen(looks[1], then), now.counting))


def _years(on: date) -> tuple[Year, ...]:
    """The years of history before a day, the earliest first."""
    ends = [years_before(on, years) for years in range(YEARS_OF_HISTORY - 1, -1, -1)]
    return tuple(Year(years_before(until, 1), until) for until in ends)


def _seen(look: Look, found: Found) -> Outlook:
    steps = [Step(year.until, *counts) for year, counts in zip(look.years, found.years, strict=True)]
    return _outlook(look.on, look.reaching, found.counting, found.reaching, steps)


def back_test(holders: Sequence[Sequence[Title]], on: date) -> BackTest | None:
    """The method, a year ago, with only the titles granted by then."""
    year_ago = years_before(on, 1)
    known = [[title for title in titles if title.granted_on <= year_ago] for titles in holders]
    return _tested(outlook(known, year_ago, on), count_on(holders, on))


def _tested(said: Outlook, came: int) -> BackTest | None:
    if not said.today or not any(step.ending for step in said.history):
        return None
    return BackTest(said, came)


def outlook(holders: Sequence[Sequence[Title]], on: date, due_on: date) -> Outlook:
    """The forecast from what is known of each enterprise's titles."""
    standing = [titles for titles in holders if _counts(titles, on)]
    lasting = sum(1 for titles in standing if max(title.last for title in titles) >= due_on)
    return _outlook(on, due_on, len(standing), lasting, [_step(holders, year) for year in _years(on)])


def _outlook(on: date, due_on: date, count: int, lasting: int, steps: Sequence[Step]) -> Outlook:
    ending = sum(step.ending for step in steps)
    renewed = sum(step.renewed for step in steps)
    assumptions = Assumptions(
        (renewed + USUAL_RENEWAL * SEEN_BESIDES) / (ending + SEEN_BESIDES), fmean(step.newcomers for step in steps)
    )
    return _expect(Outlook(on, due_on, count, lasting, count - lasting, assumptions, tuple(steps), 0, 0, 0))


def _expect(given: Outlook) -> Outlook:
    years = float(months_gone(given.due_on) - months_gone(given.on)) / 12
    rate, pace = given.assumptions.renewal, given.assumptions.newcomers_a_year
    middle = given.lasting + given.ending * rate + pace * years
    spread = WIDTH * sqrt(_variance_of_renewal(given, rate) + _variance_of_newcomers(given, pace, years))
    return replace(
        given, low=max(given.lasting, round(middle - spread)), middle=round(middle), high=round(middle + spread)
    )


def _variance_of_renewal(given: Outlook, rate: float) -> float:
    """By chance for each title, and because years differ."""
    rates = [step.renewed / step.ending for step in given.history if step.ending]
    between = variance(rates) / len(rates) if len(rates) > 1 else 0.0
    return given.ending * rate * (1 - rate) + given.ending**2 * between


def _variance_of_newcomers(given: Outlook, pace: float, years: float) -> float:
    """By chance for each newcomer, because years differ, and because three years tell the pace only roughly."""
    between = variance([step.newcomers for step in given.history])
    return max(pace * years, between * years) + years**2 * between / len(given.history)


def _step(holders: Sequence[Sequence[Title]], year: Year) -> Step:
    """What happened in a year."""
    start, until = year.start, year.until
    ending = renewed = newcomers = 0
    for titles in holders:
        known = [title for title in titles if title.granted_on <= start]
        counts_now = _counts(titles, until)
        if _counts(known, start):
            if max(title.last for title in known) < until:
                ending += 1
                renewed += counts_now
        elif counts_now:
            newcomers += 1
    return Step(until, ending, renewed, newcomers)


def count_on(holders: Iterable[Sequence[Title]], day: date) -> int:
    """How many enterprises count on a day."""
    return sum(1 for titles in holders if _counts(titles, day))


def _counts(titles: Sequence[Title], day: date) -> bool:
    return any(title.first <= day <= title.last for title in titles)


def years_before(day: date, years: int) -> date:
    """The same day some years earlier; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _sentences(given: Forecast) -> tuple[str, ...]:
    found, unit = given.outlook, given.target.unit
    verdict = {True: "，目标可达", False: "，目标达不到", None: "，目标值在区间之内，能否达到尚不能断定"}[
        given.will_be_met
    ]
    history = "；".join(
        f"{step.until} 止一年：到期 {step.ending}，其中续上 {step.renewed}，新增 {step.newcomers}"
        for step in found.history
    )
    told = [
        f"{found.due_on} 预计 {found.middle:,} {unit}，八成把握在 {found.low:,} 到 {found.high:,} {unit}之间{verdict}。",
        f"{found.on} 有 {found.today:,} {unit}：{found.lasting:,} {unit}的认定到期日在目标日或以后，"
        f"{found.ending:,} {unit}在此之前到期。",
        f"假定到期的有 {found.assumptions.renewal:.1%} 续上，每年新增 {found.assumptions.newcomers_a_year:,.1f} {unit}。",
        f"依据（{history}）；历史单薄时续上比例向 {USUAL_RENEWAL:.0%} 靠拢。不含政策和申报组织的变化。",
    ]
    if given.back_test is not None:
        said = given.back_test.said
        told.append(
            f"回测：一年前（{said.on}）按同样方法会预计 {said.middle:,}（{said.low:,}—{said.high:,}），"
            f"实际 {given.back_test.came:,}，{'在区间之内' if given.back_test.is_within else '在区间之外'}。"
        )
    else:
        told.append("登记的历史不足，无法回测，请谨慎使用。")
    return tuple(told)


def as_json(given: Forecast) -> dict[str, Any]:
    """A forecast for programs."""
    found = given.outlook
    return {
        "target": given.target.id,
        "on": found.on.isoformat(),
        "due_on": found.due_on.isoformat(),
        "today": found.today,
        "low": found.low,
        "middle": found.middle,
        "high": found.high,
        "met": given.will_be_met,
        "lasting": found.lasting,
        "ending": found.ending,
        "renewal": round(found.assumptions.renewal, 4),
        "newcomers_a_year": round(found.assumptions.newcomers_a_year, 2),
        "history": [
            {"until": one.until.isoformat(), "ending": one.ending, "renewed": one.renewed, "newcomers": one.newcomers}
            for one in found.history
        ],
        "back_test": None
        if given.back_test is None
        else {
            "on": given.back_test.said.on.isoformat(),
            "low": given.back_test.said.low,
            "middle": given.back_test.said.middle,
            "high": given.back_test.said.high,
            "came": given.back_test.came,
            "within": given.back_test.is_within,
        },
    }
