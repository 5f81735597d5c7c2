"""The arithmetic of the forecast: what is expected of today's titles, of the pool's candidates and of others, and how surely.

From today's holders take those whose titles end before the day; of them the share comes back that came back in the
registry's own past; of the pool's candidates at each stage as large a share comes as came before; add as many new ones
from outside the pool a year as came in the past. The past is three years, year by year.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import sqrt
from statistics import fmean, variance

from backend.cultivation.stages import STAGES, Stage
from backend.plans.cohorts import Year
from backend.plans.progress import months_gone

YEARS_OF_HISTORY = 3
#: A thin history is drawn towards three quarters, as if twenty titles had been seen besides.
USUAL_RENEWAL, SEEN_BESIDES = 0.75, 20
#: The same for the candidates of the pool who hold the title a year later, by stage: an assumption, said on the page.
USUAL_CONVERSION = {Stage.DISCOVERED: 0.10, Stage.CULTIVATED: 0.25, Stage.RECOMMENDED: 0.60}
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
    #: Of the newcomers, who stood in the pool when the year began; None where no pool was kept then.
    from_pool: int | None = None


@dataclass(frozen=True)
class Candidates:
    """The pool's candidates at a stage: how many today, and of those who stood there before how many came in a year."""

    stage: Stage
    standing: int
    followed: int
    recognised: int

    @property
    def name(self) -> str:
        return STAGES[self.stage]

    @property
    def rate(self) -> float:
        """The share that comes within a year; a thin past is drawn towards what is usual."""
        return (self.recognised + USUAL_CONVERSION[self.stage] * SEEN_BESIDES) / (self.followed + SEEN_BESIDES)


@dataclass(frozen=True)
class Assumptions:
    """What a forecast rests on; a reader may set each of the numbers."""

    renewal: float
    #: From outside the pool.
    newcomers_a_year: float
    #: The share of the candidates at each stage of the pool that comes within a year; empty without candidates.
    conversion: Mapping[Stage, float] = field(default_factory=dict[Stage, float])


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
    candidates: tuple[Candidates, ...] = ()

    @property
    def years(self) -> float:
        """From the day to the day of the target."""
        return float(months_gone(self.due_on) - months_gone(self.on)) / 12

    def coming(self, stage: Stage) -> float:
        """The share of a stage's candidates that comes by the day of the target."""
        return 1 - (1 - self.assumptions.conversion.get(stage, 0.0)) ** self.years

    @property
    def from_pool(self) -> float:
        """How many candidates of the pool are expected to come by the day of the target."""
        return sum(one.standing * self.coming(one.stage) for one in self.candidates)


@dataclass(frozen=True)
class BackTest:
    """What the same method would have said a year ago, and what came."""

    said: Outlook
    came: int

    @property
    def is_within(self) -> bool:
        """Whether what came lay in the interval."""
        return self.said.low <= self.came <= self.said.high


def years_of_history(on: date) -> tuple[Year, ...]:
    """The years of history before a day, the earliest first."""
    ends = [years_before(on, years) for years in range(YEARS_OF_HISTORY - 1, -1, -1)]
    return tuple(Year(years_before(until, 1), until) for until in ends)


def back_test(holders: Sequence[Sequence[Title]], on: date) -> BackTest | None:
    """The method, a year ago, with only the titles granted by then."""
    year_ago = years_before(on, 1)
    known = [[title for title in titles if title.granted_on <= year_ago] for titles in holders]
    return tested(outlook(known, year_ago, on), count_on(holders, on))


def tested(said: Outlook, came: int) -> BackTest | None:
    """The back-test; None where the registry does not reach back far enough."""
    if not said.today or not any(step.ending for step in said.history):
        return None
    return BackTest(said, came)


def outlook(
    holders: Sequence[Sequence[Title]], on: date, due_on: date, candidates: Sequence[Candidates] = ()
) -> Outlook:
    """The forecast from what is known of each enterprise's titles, and of the pool's candidates."""
    standing = [titles for titles in holders if _counts(titles, on)]
    lasting = sum(1 for titles in standing if max(title.last for title in titles) >= due_on)
    return outlook_of(
        on, due_on, len(standing), lasting, [_step(holders, year) for year in years_of_history(on)], candidates
    )


def outlook_of(
    on: date, due_on: date, count: int, lasting: int, steps: Sequence[Step], candidates: Sequence[Candidates]
) -> Outlook:
    """The forecast from counts."""
    ending = sum(step.ending for step in steps)
    renewed = sum(step.renewed for step in steps)
    conversion = {one.stage: one.rate for one in candidates}
    assumptions = Assumptions(
        (renewed + USUAL_RENEWAL * SEEN_BESIDES) / (ending + SEEN_BESIDES),
        fmean(_from_outside(steps, candidates)),
        conversion,
    )
    given = Outlook(on, due_on, count, lasting, count - lasting, assumptions, tuple(steps), 0, 0, 0, tuple(candidates))
    return expect(given)


def _from_outside(steps: Sequence[Step], candidates: Sequence[Candidates]) -> list[float]:
    """The newcomers of each year that did not come out of the pool.

    Of a year without a pool it cannot be said who would have been in it: what today's candidates bring in a year is
    taken off, so that nobody is expected twice.
    """
    in_a_year = sum(one.standing * one.rate for one in candidates)
    return [max(step.newcomers - (in_a_year if step.from_pool is None else step.from_pool), 0.0) for step in steps]


def expect(given: Outlook) -> Outlook:
    """The interval, out of the counts and the assumptions."""
    rate, pace = given.assumptions.renewal, given.assumptions.newcomers_a_year
    middle = given.lasting + given.ending * rate + given.from_pool + pace * given.years
    spread = WIDTH * sqrt(
        _variance_of_renewal(given, rate) + _variance_of_pool(given) + _variance_of_newcomers(given, pace)
    )
    return replace(
        given, low=max(given.lasting, round(middle - spread)), middle=round(middle), high=round(middle + spread)
    )


def _variance_of_renewal(given: Outlook, rate: float) -> float:
    """By chance for each title, and because years differ."""
    rates = [step.renewed / step.ending for step in given.history if step.ending]
    between = variance(rates) / len(rates) if len(rates) > 1 else 0.0
    return given.ending * rate * (1 - rate) + given.ending**2 * between


def _variance_of_pool(given: Outlook) -> float:
    """By chance for each candidate, and because the past tells a stage's rate only roughly."""
    found = 0.0
    for one in given.candidates:
        rate, comes = given.assumptions.conversion.get(one.stage, 0.0), given.coming(one.stage)
        slope = given.years * (1 - rate) ** (given.years - 1) if rate < 1 else 0.0
        of_rate = rate * (1 - rate) / (one.followed + SEEN_BESIDES)
        found += one.standing * comes * (1 - comes) + (one.standing * slope) ** 2 * of_rate
    return found


def _variance_of_newcomers(given: Outlook, pace: float) -> float:
    """By chance for each newcomer, because years differ, and because three years tell the pace only roughly."""
    years, between = given.years, variance(_from_outside(given.history, given.candidates))
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
