"""Where a count of holders will be on the day its target is due, as an interval, with a back-test beside it.

The arithmetic is in `outlook.py`; here the database is asked for what it rests on. What the same method would have said
a year ago stands beside what came, so that everybody sees how far to trust it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.stages import Stage
from backend.database.session import reckons
from backend.plans.cohorts import Found, Look, look_back
from backend.plans.outlook import (
    USUAL_CONVERSION,
    USUAL_RENEWAL,
    Assumptions,
    BackTest,
    Candidates,
    Outlook,
    Step,
    expect,
    outlook_of,
    tested,
    years_before,
    years_of_history,
)
from backend.plans.pool_history import CANDIDATE_STAGES, PoolDay, pool_days
from backend.plans.territory import territory_of
from rules.plan import CountHolders, Mode, Target, Window


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
    conversion: Mapping[Stage, float] | None = None,
) -> Forecast | None:
    """Where the count will be on the target's day; None where the method does not fit the target.

    Args:
        renewal: the share of ending titles that come back, instead of the past's.
        newcomers_a_year: new holders a year from outside the pool, instead of the past's.
        conversion: the share of a stage's candidates that comes within a year, instead of the past's.
    """
    if not can_be_forecast(target, on) or target.due_on is None:
        return None
    assert isinstance(target.count, CountHolders)
    year_ago = years_before(on, 1)
    looks = (
        Look(on, target.due_on, years_of_history(on)),
        Look(year_ago, on, years_of_history(year_ago), granted_by=year_ago),
    )
    territory = territory_of(region or target.region)
    now, then = await look_back(session, target.count.holds, on, territory, known_at, looks)
    days = [
        (one, years_before(one, -1), by) for by, of in ((date.max, on), (year_ago, year_ago)) for one in _starts(of)
    ]
    pools = await pool_days(session, target.count.holds, on, days, territory, known_at)
    found = _seen(looks[0], now, pools[: len(pools) // 2])
    chosen = Assumptions(
        found.assumptions.renewal if renewal is None else renewal,
        found.assumptions.newcomers_a_year if newcomers_a_year is None else newcomers_a_year,
        {stage: (conversion or {}).get(stage, rate) for stage, rate in found.assumptions.conversion.items()},
    )
    if chosen != found.assumptions:
        found = expect(replace(found, assumptions=chosen))
    return Forecast(target, found, tested(_seen(looks[1], then, pools[len(pools) // 2 :]), now.counting))


def _starts(on: date) -> list[date]:
    """The day itself, and the days on which the years of its history began, the latest first."""
    return [on, *(year.start for year in reversed(years_of_history(on)))]


def _seen(look: Look, found: Found, pools: Sequence[PoolDay]) -> Outlook:
    """`pools` are those of `_starts`."""
    before = list(reversed(pools[1:]))
    steps = [
        Step(year.until, *counts, sum(pool.came.values()) if pool.is_kept else None)
        for year, counts, pool in zip(look.years, found.years, before, strict=True)
    ]
    return outlook_of(look.on, look.reaching, found.counting, found.reaching, steps, _candidates(pools[0], before))


def _candidates(now: PoolDay, before: Sequence[PoolDay]) -> tuple[Candidates, ...]:
    if not now.is_kept:
        return ()
    return tuple(
        Candidates(
            stage,
            now.standing.get(stage, 0),
            sum(pool.standing.get(stage, 0) for pool in before),
            sum(pool.came.get(stage, 0) for pool in before),
        )
        for stage in CANDIDATE_STAGES
    )


def _sentences(given: Forecast) -> tuple[str, ...]:
    found, unit = given.outlook, given.target.unit
    verdict = (
        ""
        if not given.target.has_number
        else {True: "，目标可达", False: "，目标达不到", None: "，目标值在区间之内，能否达到尚不能断定"}[
            given.will_be_met
        ]
    )
    history = "；".join(
        f"{step.until} 止一年：到期 {step.ending}，其中续上 {step.renewed}，新增 {step.newcomers}"
        for step in found.history
    )
    told = [
        f"{found.due_on} 预计 {found.middle:,} {unit}，八成把握在 {found.low:,} 到 {found.high:,} {unit}之间{verdict}。",
        f"{found.on} 有 {found.today:,} {unit}：{found.lasting:,} {unit}的认定到期日在目标日或以后，"
        f"{found.ending:,} {unit}在此之前到期。",
        f"假定到期的有 {found.assumptions.renewal:.1%} 续上，{'培育库以外' if found.candidates else ''}"
        f"每年新增 {found.assumptions.newcomers_a_year:,.1f} {unit}。",
        *_of_the_pool(found, unit),
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


def _of_the_pool(found: Outlook, unit: str) -> list[str]:
    """What is expected of the pool, and where that is taken from."""
    if not found.candidates:
        return ["培育库里没有尚未取得认定的候选企业，新增全部按历年情况推算。"]
    rates = found.assumptions.conversion
    by_stage = "、".join(
        f"{one.name} {one.standing:,} 家（一年内 {rates[one.stage]:.1%} 取得认定）" for one in found.candidates
    )
    usual = "、".join(f"{one.name} {USUAL_CONVERSION[one.stage]:.0%}" for one in found.candidates)
    followed, came = sum(one.followed for one in found.candidates), sum(one.recognised for one in found.candidates)
    told = [
        f"培育库候选企业：{by_stage}，到期约 {found.from_pool:,.0f} {unit}。",
        f"比例依据：近三年在库满一年的 {followed:,} 家次中 {came:,} 家次取得认定；历史单薄时向 {usual} 靠拢（假定值）。",
    ]
    if any(step.from_pool is None for step in found.history):
        told.append(
            "没有建库的年份分不出哪些新增来自库内，库外新增按当年新增减去现有候选企业一年的预计数计，不重复计算。"
        )
    return told


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
        "from_pool": round(found.from_pool, 1),
        "pool": [
            {
                "stage": one.stage.value,
                "standing": one.standing,
                "followed": one.followed,
                "recognised": one.recognised,
                "rate": round(found.assumptions.conversion[one.stage], 4),
            }
            for one in found.candidates
        ],
        "history": [
            {
                "until": one.until.isoformat(),
                "ending": one.ending,
                "renewed": one.renewed,
                "newcomers": one.newcomers,
                "from_pool": one.from_pool,
            }
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
