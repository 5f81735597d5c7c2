"""Reading plans: what is said of every target of a plan on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.asked_of_part import asked_of, shares_of
from backend.plans.documents import plan_named, plans
from backend.plans.progress import Light, Progress, judge, last_quarter_end, quarter_ends, ranks
from backend.plans.rollup import Figure, RolledUp, roll_up
from backend.plans.sets import is_countable
from backend.plans.territory import Division, Territory, territory_of
from backend.plans.versions import know_plans
from backend.recognitions.queries import IN_FORCE
from backend.web.errors import Refusal
from rules.plan import CountHolders, Mode, Op, Plan, ShareOfEnterprises, Target, TargetClass

#: How far back a trend goes: two years.
QUARTERS = 8
QUARTERS_A_YEAR = 4
#: How a target may stand, in words, in the order of the pages.
STATUSES = {
    "met": "已达到", "open": "未达到、未到期", "behind": "滞后", "not_reported": "未报", "not_set": "未设目标（原文为 X）", "unjudged": "只列数",
}  # fmt: skip


class RegionOutside(Refusal):
    """The region asked about is no part of the plan's territory."""

    status = 422
    slug = "region-outside-plan"
    title = "区域不在规划范围内"

    def __init__(self, plan: Plan, region: str) -> None:
        districts = "、".join(f"{one.code} {one.shown_as}" for one in territory_of(plan.territory.code).districts)
        also = f"，或其下的 {districts}" if districts else ""
        super().__init__(
            f"区域 {region} 不在{plan.named}的范围内。请用 {plan.territory.code} {plan.territory.name}{also}。"
        )


@dataclass(frozen=True)
class District:
    """A target's figure in one district of the territory."""

    code: str
    name: str
    figure: Figure
    change: Fraction | None
    #: Place among the districts by value; equal values share one.
    rank: int | None
    #: The place at the end of the last quarter, and the value a year before the last quarter end.
    last_rank: int | None
    year_ago: Fraction | None
    #: The value at the end of the last quarter.
    last_value: Fraction | None = None


@dataclass(frozen=True)
class Row:
    """A target on a plan's page."""

    #: As the plan prints it, for its whole territory.
    target: Target
    #: Against what is asked of the territory asked about: see `asked_of`.
    progress: Progress
    districts: tuple[District, ...]
    #: Enterprises on the list whose district is not known.
    unplaced: int
    #: How holders were counted, where the plan leaves a choice.
    mode: Mode | None

    @property
    def is_split(self) -> bool:
        """Whether it is held against a district's own share of the year."""
        return self.progress.target is not self.target and self.progress.target.has_number

    @property
    def is_of_whole(self) -> bool:
        """Whether the number is the whole territory's, and nothing was asked of the part."""
        return self.progress.target is not self.target and not self.progress.target.has_number

    @property
    def asked_text(self) -> str:
        """What is asked, in words: “≥ 2700 家”, a district's share, or that the number is the whole's."""
        if self.is_of_whole:
            return f"未分解（{territory_of(self.target.region).name}目标 {self.target.target_text}）"
        return self.progress.target.target_text

    @property
    def counted_by(self) -> str:
        """The way of counting that was chosen where the plan leaves a choice, for a page; empty where it leaves none."""
        if isinstance(self.target.count, ShareOfEnterprises):
            return f"分子{self.target.count.numerator.label}"
        return self.mode.label if self.mode is not None and self.offered else ""

    @property
    def offered(self) -> tuple[Mode, ...]:
        """The ways of counting a reader may choose, where the plan does not say."""
        return self.target.count.modes if isinstance(self.target.count, CountHolders) else ()


@dataclass(frozen=True)
class Report:
    """A plan on a day: every target, in the plan's order."""

    plan: Plan
    on: date
    known_at: datetime | None
    territory: Territory
    rows: tuple[Row, ...]

    def row(self, target_id: str) -> Row:
        """The row of a target."""
        return next(row for row in self.rows if row.target.id == target_id)

    @property
    def is_whole(self) -> bool:
        """Whether it is about the plan's own territory."""
        return self.territory.code == self.plan.territory.code

    @property
    def tally(self) -> dict[str, int]:
        """How many targets are met, behind, open, not reported, not set, unjudged."""
        found: dict[str, int] = dict.fromkeys(STATUSES, 0)
        for row in self.rows:
            found[row.progress.status] += 1
        return found

    @property
    def lights(self) -> dict[str, int]:
        """How many targets have which light."""
        found = {light.value: 0 for light in Light}
        for row in self.rows:
            found[row.progress.light.value] += 1
        return found


def region_of_plan(plan: Plan, region: str | None, on: date | None = None) -> Territory:
    """The territory asked about: the plan's own, or a part of it; with a day by that day's districts.

    Raises:
        RegionOutside: the region is no part of the plan's territory.
    """
    territory = territory_of(plan.territory.code, on)
    if not region or region == territory.code:
        return territory
    if not any(district.code == region for district in territory.districts):
        raise RegionOutside(plan, region)
    return territory_of(region, on)


async def plan_report(
    session: AsyncSession,
    plan: Plan,
    on: date,
    region: str | None = None,
    known_at: datetime | None = None,
    modes: Mapping[str, Mode] | None = None,
    targets: Sequence[Target] | None = None,
    division: Division = Division.THEN,
) -> Report:
    """What is said of a plan's targets (or of some of them) on a day.

    Raises:
        RegionOutside: the region is no part of the plan's territory.
    """
    chosen = {plan.id: plan.targets if targets is None else tuple(targets)}
    return (await _reports(session, [plan], on, region, known_at, modes or {}, chosen, division=division))[0]


async def all_reports(
    session: AsyncSession,
    on: date,
    region: str | None = None,
    known_at: datetime | None = None,
    division: Division = Division.THEN,
) -> list[Report]:
    """Every plan on a day; for a district the plans of the city it is in, counted for itself."""
    chosen = [plan for plan in plans().values() if concerns(plan, region)]
    targets = {plan.id: plan.targets for plan in chosen}
    return await _reports(session, chosen, on, region, known_at, {}, targets, division=division)


def concerns(plan: Plan, region: str | None) -> bool:
    """Whether a region is the plan's territory or a district of it; without one every plan is meant."""
    territory = territory_of(plan.territory.code)
    return not region or region == territory.code or any(one.code == region for one in territory.districts)


async def _reports(
    session: AsyncSession,
    chosen: Sequence[Plan],
    on: date,
    region: str | None,
    known_at: datetime | None,
    modes: Mapping[str, Mode],
    targets: Mapping[str, Sequence[Target]],
    quarters: int = QUARTERS,
    *,
    division: Division = Division.THEN,
) -> list[Report]:
    """Reports on plans, counted together: what several plans ask for is counted once."""
    by_day = on if division is Division.THEN else None
    territories = [region_of_plan(plan, region, by_day) for plan in chosen]
    days = (*quarter_ends(on, quarters), last_quarter_end(on), on)
    shares = await shares_of(session, region, on.year, known_at) if region else {}
    wanted = [target for plan in chosen for target in targets[plan.id]]
    rolled = await roll_up(
        session, wanted, days, region=region or None, known_at=known_at, modes=modes, division=division
    )
    return [
        Report(
            plan,
            on,
            known_at,
            territory,
            tuple(
                _row(
                    target,
                    target
                    if territory.code == plan.territory.code
                    else asked_of(target, shares.get(target.id), on.year),
                    on,
                    rolled,
                    territory,
                    modes.get(target.id),
                    quarters,
                )
                for target in targets[plan.id]
            ),
        )
        for plan, territory in zip(chosen, territories, strict=True)
    ]


def _row(
    target: Target,
    asked: Target,
    on: date,
    rolled: RolledUp,
    territory: Territory,
    mode: Mode | None,
    quarters: int,
) -> Row:
    before = last_quarter_end(on)
    trend = [(day, rolled.of(target, day)) for day in quarter_ends(on, quarters)]
    progress = judge(asked, on, rolled.of(target, on), rolled.of(target, before), trend)
    if progress.value is not None and target.has_number and not asked.has_number:
        progress = replace(progress, reason="没有分解到本市（区）的任务数，只列数。")
    districts = _districts(target, on, before, rolled, territory)
    printed: Mode | None = getattr(target.count, "mode", None)
    return Row(target, progress, districts, rolled.unplaced.get(target.id, 0), mode or printed)


def _districts(target: Target, on: date, before: date, rolled: RolledUp, territory: Territory) -> tuple[District, ...]:
    figures = {one.code: rolled.of(target, on, one.code) for one in territory.districts}
    if all(figure.value is None for figure in figures.values()):
        return ()
    places, last_places = (
        _places({one.code: rolled.of(target, day, one.code).value for one in territory.districts}, target)
        for day in (on, before)
    )
    year_ago = quarter_ends(on, QUARTERS_A_YEAR + 1)[0]
    return tuple(
        District(
            one.code,
            one.shown_as,
            figures[one.code],
            judge(target, on, figures[one.code], rolled.of(target, before, one.code), ()).change,
            places.get(one.code),
            last_places.get(one.code),
            rolled.of(target, year_ago, one.code).value,
            rolled.of(target, before, one.code).value,
        )
        for one in territory.districts
    )


def _places(values: Mapping[str, Fraction | None], target: Target) -> Mapping[str, int]:
    """Who stands where; where nobody has anything, nobody is first."""
    return ranks(values, smaller_is_better=target.op is Op.RANK) if any(values.values()) else {}


async def plan_summary(
    session: AsyncSession, plan: Plan | str, on: date, region: str | None = None, most: int = 6
) -> list[Progress]:
    """The targets of a plan that the registry counts, for the workbench; those with a number only, in its order."""
    found = plan_named(plan) if isinstance(plan, str) else plan
    report = await plan_report(session, found, on, region, targets=first_counted(found, most))
    return [row.progress for row in report.rows]


def first_counted(plan: Plan, most: int) -> list[Target]:
    """Counts with a number to reach; a ratio takes longer to work out than a first page may."""
    return [
        one
        for one in plan.targets
        if one.target_class is TargetClass.REGISTRY
        and one.has_number
        and is_countable(one)
        and not isinstance(one.count, ShareOfEnterprises)
    ][:most]


async def titles_of(
    session: AsyncSession,
    enterprise_ids: Sequence[int],
    target: Target,
    on: date,
    known_at: datetime | None,
    mode: Mode | None = None,
) -> dict[int, list[Mapping[str, Any]]]:
    """The titles by which enterprises are on a target's list, the oldest first.

    Those valid on the day; where every list so far counts, all that were granted by then.
    """
    programmes = programmes_of(target)
    if not programmes or not enterprise_ids:
        return {}
    known = (
        "r.superseded_at IS NULL"
        if known_at is None
        else "r.recorded_at <= :known_at AND (r.superseded_at IS NULL OR r.superseded_at > :known_at)"
    )
    used = mode or (target.count.mode if isinstance(target.count, CountHolders) else Mode.IN_FORCE)
    valid = "r.granted_on <= :on" if used is Mode.EVER else IN_FORCE
    found = await session.execute(
        text(
            "SELECT r.enterprise_id, r.programme, r.number, r.edition, r.granted_on, r.valid_from, r.valid_to,"
            " r.revoked_on FROM recognition r WHERE r.enterprise_id = ANY(CAST(:ids AS bigint[]))"
            f" AND r.programme = ANY(CAST(:programmes AS text[])) AND {known} AND {valid} ORDER BY r.valid_from, r.id"
        ),
        {"ids": list(enterprise_ids), "programmes": list(programmes), "on": on}
        | ({} if known_at is None else {"known_at": known_at}),
    )
    titles: dict[int, list[Mapping[str, Any]]] = {}
    for row in found.mappings():
        titles.setdefault(row["enterprise_id"], []).append(dict(row))
    return titles


@dataclass(frozen=True)
class WorkbenchTarget:
    """A target as the workbench shows it."""

    id: str
    name: str
    value: Fraction | None
    reason: str
    target_text: str
    share: Fraction | None
    elapsed: Fraction | None
    state: str


@dataclass(frozen=True)
class WorkbenchPlan:
    """A plan with its first targets."""

    plan: Plan
    rows: tuple[WorkbenchTarget, ...]


async def workbench_plans(session: AsyncSession, on: date, region: str = "", most: int = 6) -> list[WorkbenchPlan]:
    """The plans that still run and of which the registry knows something, with their first counted targets."""
    await know_plans(session)
    running = [plan for plan in plans().values() if still_runs(plan, on) and concerns(plan, region)]
    targets = {plan.id: first_counted(plan, most) for plan in running}
    # A year back is enough for the pace, which is all that the bars say of the past.
    reports = await _reports(session, running, on, region, None, {}, targets, QUARTERS_A_YEAR + 1)
    return [
        WorkbenchPlan(report.plan, tuple(_for_workbench(row) for row in report.rows))
        for report in reports
        if any(row.progress.value for row in report.rows)
    ]


def still_runs(plan: Plan, on: date) -> bool:
    """Whether a target is due this year or later; the horizon may name a vision beyond them."""
    return (
        max((one.year for one in plan.targets if one.year is not None and one.has_number), default=on.year) >= on.year
    )


def _for_workbench(row: Row) -> WorkbenchTarget:
    target, progress = row.target, row.progress
    return WorkbenchTarget(
        target.id,
        target.name,
        progress.value,
        progress.figure.reason,
        row.asked_text,
        progress.share,
        progress.elapsed,
        progress.bar_state,
    )


def programmes_of(target: Target) -> tuple[str, ...]:
    """The programmes whose titles a target's list shows."""
    match target.count:
        case CountHolders(holds=programmes):
            return programmes
        case ShareOfEnterprises(share_of=population):
            return tuple(name for part in (population, *population.any_of) for name in part.holds)
        case _:
            return ()
