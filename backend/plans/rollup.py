"""Every plan target's value, on any days, as known at any moment, for any region; and the list behind each value.

Enterprises are counted where they were registered on the day, each once. What the registry cannot count is taken from
the figures reported; what nobody reported stays unreported, and a placeholder stays not set. Nothing turns into 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.plans.asked_days import Asked
from backend.plans.counting import Tallies, count_targets
from backend.plans.documents import registers
from backend.plans.register_sets import kept_types, things, wanted_of
from backend.plans.territory import Division, Territory, territory_of
from backend.subregisters.queries import declarations, kept_register_types
from rules.plan import (
    Basis,
    CountInstitutions,
    CountRegister,
    CountZones,
    GrowthOfCount,
    Mode,
    MultipleOfCount,
    Reported,
    ShareOfEnterprises,
    ShareOfRegions,
    Target,
    plain,
)


class State(StrEnum):
    """Where a value comes from, or why there is none."""

    COUNTED = "counted"
    REPORTED = "reported"
    NOT_REPORTED = "not_reported"
    NOT_COMPUTABLE = "not_computable"
    NARRATIVE = "narrative"

    @property
    def label(self) -> str:
        """The state as a page shows it."""
        return {
            State.COUNTED: "系统统计",
            State.REPORTED: "填报",
            State.NOT_REPORTED: "未报",
            State.NOT_COMPUTABLE: "不可计算",
            State.NARRATIVE: "定性事项",
        }[self]


@dataclass(frozen=True)
class Figure:
    """The value of a target on one day, in the target's unit, or the reason why there is none."""

    state: State
    value: Fraction | None = None
    #: Why there is no value, or what to know about it; Chinese, for a page.
    reason: str = ""
    #: The number of enterprises on the target's list; for a ratio the upper of the two numbers.
    counted: int | None = None
    #: For a ratio: of how many, and of how many of these the answer is known at all.
    whole: int | None = None
    answered: int | None = None
    #: For a reported figure: what it is for, who published it and when, and how often it was revised.
    period_end: date | None = None
    source: str = ""
    released_on: date | None = None
    revisions: int = 0


@dataclass(frozen=True)
class RolledUp:
    """The figures of some targets: by target, day and region; "" is the whole territory."""

    days: tuple[date, ...]
    figures: Mapping[tuple[str, date, str], Figure]
    #: Enterprises on a target's list in the territory whose district is not known, on the last day.
    unplaced: Mapping[str, int] = field(default_factory=dict[str, int])

    def of(self, target: Target, day: date, region: str = "") -> Figure:
        """The figure of a target on one of the days."""
        return self.figures[target.id, day, region]


@reckons
async def roll_up(
    session: AsyncSession,
    targets: Sequence[Target],
    days: Iterable[date],
    *,
    region: str | None = None,
    known_at: datetime | None = None,
    modes: Mapping[str, Mode] | None = None,
    division: Division = Division.THEN,
) -> RolledUp:
    """The figures of targets on days, for a territory and each of its districts.

    Args:
        targets: of one plan or of several.
        days: at most 30.
        region: the territory's code; None is each target's own.
        known_at: the moment whose knowledge answers; None is now.
        modes: by target id, where another way of counting holders is wanted than the plan's.
        division: as then, by the districts of the last of the days; or as now.
    """
    asked = Asked(tuple(sorted(set(days))), known_at, division)
    counts = await count_targets(session, targets, asked, modes or {})
    in_registers = await _count_things(session, targets, asked)
    counts |= in_registers
    reported = await _reported(session, [one.id for one in targets if _may_be_reported(one, counts)], known_at)
    declared = frozenset(await declarations(session, known_at)) if in_registers else frozenset[str]()
    figures: dict[tuple[str, date, str], Figure] = {}
    unplaced: dict[str, int] = {}
    for target in targets:
        territory = territory_of(region or target.region, asked.placed_on)
        tallies = counts.get(target.id)
        for place in ("", *(district.code for district in territory.districts)):
            for number, day in enumerate(asked.days):
                # Figures of the plan's own territory are kept without a region.
                where = place or ("" if territory.code == target.region else territory.code)
                reports = reported.get((target.id, where), ())
                if target.id in in_registers and tallies is not None:
                    figure = _of_register(target, tallies, territory, place, number, reports, day, declared)
                elif tallies is not None:
                    figure = _counted(target, tallies, territory, place, number)
                else:
                    figure = _from_reports(target, reports, day)
                figures[target.id, day, place] = figure
        if tallies is not None:
            unplaced[target.id] = tallies.in_no_district(territory, len(asked.days) - 1)
    return RolledUp(asked.days, figures, unplaced)


# --- Figures out of counts --------------------------------------------------------------------------------


def _may_be_reported(target: Target, counts: Mapping[str, object]) -> bool:
    return target.id not in counts or wanted_of(target) is not None


async def _count_things(session: AsyncSession, targets: Sequence[Target], asked: Asked) -> dict[str, Tallies]:
    """The tallies of targets that a sub-register counts, where what they count is kept there at all."""
    asking = {target.id: (target, wanted) for target in targets if (wanted := wanted_of(target)) is not None}
    if not asking:
        return {}
    kept = await kept_register_types(session, asked.known_at)
    declared = await declarations(session, asked.known_at)
    parts = [
        (name, things(asked, wanted, target.window, target.since))
        for name, (target, wanted) in asking.items()
        if kept_types(kept, wanted) or wanted.register in declared
    ]
    tallies = {name: Tallies() for name, _ in parts}
    if not parts:
        return tallies
    union = " UNION ALL ".join(f"SELECT {number} AS part, x.* FROM ({sql}) x" for number, (_, sql) in enumerate(parts))
    found = await session.execute(
        text(
            f"SELECT s.part, s.region_code, s.days, count(*) FROM ({union}) s WHERE s.days <> 0"
            " GROUP BY s.part, s.region_code, s.days"
        ),
        asked.parameters,
    )
    for number, region, days, many in found:
        tallies[parts[number][0]].add("counted", (), region, days, many)
    return tallies


def _of_register(
    target: Target,
    tallies: Tallies,
    territory: Territory,
    place: str,
    number: int,
    reports: Sequence["_Report"],
    day: date,
    declared: frozenset[str],
) -> Figure:
    """A figure out of a register, with what to know about it; what was reported besides is said and not used."""
    wanted = wanted_of(target)
    assert wanted is not None
    counted = tallies.count("counted", territory, place, number)
    told = [f"由“{registers().by_id[wanted.register].name}”台账统计"]
    if wanted.register not in declared:
        told.append("台账尚未声明完整")
    if (said := _from_reports(target, reports, day)).value is not None:
        told.append(f"另有填报数 {plain_fraction(said.value)}（{said.source}，{said.period_end} 止），未采用")
    reason = "；".join(told) + "。"
    if wanted.by_district:
        districts = [one.code for one in territory.districts] if not place else []
        places = districts or [place or territory.code]
        having = sum(
            1 for one in places if tallies.count("counted", territory, one if districts or place else "", number)
        )
        return Figure(State.COUNTED, Fraction(having * 100, len(places)), reason, having, len(places), len(places))
    if target.basis is Basis.AVG_ANNUAL:
        return _average(target, counted, day, reason)
    return Figure(State.COUNTED, Fraction(counted), reason, counted=counted)


def _average(target: Target, counted: int, day: date, reason: str) -> Figure:
    """Counted a year since the first day of the accumulation; without one there is no average."""
    if target.since is None:
        told = f"原文未印起算日，不能算年均；台账累计 {counted} {target.unit.partition('/')[0]}。"
        return Figure(State.NOT_COMPUTABLE, reason=told, counted=counted)
    years = Fraction((day - target.since).days + 1, 365)
    return Figure(State.COUNTED, counted / max(years, Fraction(1)), reason, counted=counted)


def _counted(target: Target, tallies: Tallies, territory: Territory, place: str, number: int) -> Figure:
    counted = tallies.count("counted", territory, place, number)
    if not isinstance(target.count, ShareOfEnterprises):
        return Figure(State.COUNTED, Fraction(counted), counted=counted)
    whole = tallies.count("whole", territory, place, number)
    answered = tallies.count("answered", territory, place, number)
    if not whole:
        reason = "没有符合分母条件的企业：请先登记企业的产业链和规模以上名录。"
        return Figure(State.NOT_COMPUTABLE, reason=reason, counted=0, whole=0, answered=0)
    if not answered:
        reason = f"分母 {whole} 家企业都没有研发机构资料：请先导入研发机构台账。"
        return Figure(State.NOT_COMPUTABLE, reason=reason, counted=0, whole=whole, answered=0)
    reason = f"其中 {whole - answered} 家没有研发机构资料，按未建计。" if answered < whole else ""
    return Figure(State.COUNTED, Fraction(counted * 100, whole), reason, counted, whole, answered)


# --- What was reported -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Report:
    period_end: date
    value: Fraction
    source: str
    released_on: date | None
    revisions: int


async def _reported(
    session: AsyncSession, targets: Sequence[str], known_at: datetime | None
) -> dict[tuple[str, str], list[_Report]]:
    """The last word on each period that was known at the moment, the latest period first."""
    if not targets:
        return {}
    known = "" if known_at is None else " AND recorded_at <= :known_at"
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (target, region_code, period_end) target, region_code, period_end, value, source,"
            " released_on, count(*) OVER (PARTITION BY target, region_code, period_end) - 1 AS revisions"
            f" FROM reported_figure WHERE target = ANY(CAST(:targets AS text[])){known}"
            " ORDER BY target, region_code, period_end DESC, recorded_at DESC, id DESC"
        ),
        {"targets": list(targets)} | ({} if known_at is None else {"known_at": known_at}),
    )
    reports: dict[tuple[str, str], list[_Report]] = {}
    for target, region, period_end, value, source, released_on, revisions in found:
        report = _Report(period_end, Fraction(value), source, released_on, revisions)
        reports.setdefault((target, region), []).append(report)
    return reports


def _from_reports(target: Target, reports: Sequence[_Report], day: date) -> Figure:
    """The latest period over by the day; a yearly number of another year says nothing about this one."""
    for report in reports:
        if report.period_end > day:
            continue
        if target.basis is Basis.ANNUAL and report.period_end.year != day.year:
            break
        return Figure(
            State.REPORTED,
            report.value,
            f"{report.period_end} 止的数据",
            period_end=report.period_end,
            source=report.source,
            released_on=report.released_on,
            revisions=report.revisions,
        )
    return _nothing(target)


def _nothing(target: Target) -> Figure:
    """Why there is no value, and what would bring one."""
    match target.count:
        case None:
            return Figure(State.NARRATIVE, reason="原文没有数字，按事项跟踪。")
        case GrowthOfCount() | MultipleOfCount():
            reason = "原文未印基期，无法由登记的认定推算；可按发布数填报。"
            return Figure(State.NOT_COMPUTABLE, reason=reason)
        case CountZones() | ShareOfRegions() | CountInstitutions() | CountRegister():
            wanted = wanted_of(target)
            assert wanted is not None
            name = registers().by_id[wanted.register].name
            return Figure(State.NOT_REPORTED, reason=f"“{name}”台账里还没有这类记录，可登记台账，也可先填报。")
        case Reported(reported_by=publisher):
            return Figure(State.NOT_REPORTED, reason=f"尚未填报，通常由{publisher}发布。")
        case _:
            return Figure(State.NOT_REPORTED, reason="尚未填报。")


def plain_fraction(value: Fraction) -> str:
    """A fraction as people write it."""
    return plain(Decimal(value.numerator) / Decimal(value.denominator))
