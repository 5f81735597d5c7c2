"""The demo's plans at work: invented figures by quarter, sub-registers, shares of districts and notes on tasks.

Written through the services that officers write through; then dated to the days on which they would have come in, so
that a past quarter's bulletin has what was known then.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.demo.population import DISTRICTS, PARKS
from backend.plans import tasks
from backend.plans.breakdown import Kind, split
from backend.plans.documents import plan_named, target_named
from backend.plans.figures_book import reportable
from backend.plans.progress import quarter_ends
from backend.plans.service import FigureDraft, report_figure
from backend.subregisters.schemas import Draft, register_named
from backend.subregisters.service import declare_complete, enter
from rules.plan import Plan, Reported, Target

SEED = 20261122
QUARTERS = 8
PLANS = ("P000", "P004")
#: Left for whoever tries the demo to report.
UNREPORTED = "T000-21"
NOTE = "演示数据，均为虚构"
FEN_PER_YI = 10_000_000_000
#: Registers that the demo keeps, with how many entries a year among many enterprises, their types, levels and names.
_KEPT: tuple[tuple[str, int, tuple[str, ...], tuple[str, ...], str], ...] = (
    ("institutions", 34, ("enterprise_technology_centre", "engineering_technology_research_centre", "engineering_research_centre"), ("provincial", "municipal", "municipal"), "{host}企业研发机构"),
    ("institutions", 2, ("key_laboratory",), ("provincial",), "{host}重点实验室"),
    ("projects", 26, ("key_sci_project",), ("",), "{host}科创项目"),
    ("projects", 4, ("major_transformation_project", "major_sci_project"), ("provincial",), "{host}成果转化项目"),
    ("platforms", 5, ("major_innovation_platform", "key_sci_platform"), ("provincial", "municipal"), "{place}产业创新平台"),
    ("carriers", 6, ("incubator", "makerspace", "accelerator"), ("provincial", "municipal", "municipal"), "{place}创新创业园"),
    ("products", 16, ("first_set_product", "new_technology_product"), ("provincial",), "{host}新产品"),
    ("contracts", 30, ("development", "service", "transfer"), ("",), "{host}技术合同"),
)  # fmt: skip
#: Parks of the demo that are zones: district, number of its park, what it is.
_ZONES = (
    ("321203", 0, "national_hntz"), ("321282", 1, "provincial_hntz"), ("321204", 1, "provincial_hntz"),
    ("321283", 1, "municipal_hntz"), ("321281", 1, "municipal_hntz"), ("321202", 1, "municipal_hntz"),
)  # fmt: skip
#: Tasks of the running plans with a note: how far, days until due (None: no deadline), what was said, its evidence.
_NOTES: tuple[tuple[str, int, tasks.Status, int | None, str, str], ...] = (
    ("P000", 0, tasks.Status.UNDER_WAY, 18, "已印发任务清单，各市（区）上报项目 42 个。", ""),
    ("P000", 1, tasks.Status.UNDER_WAY, -12, "实施方案已报审，尚未印发。", ""),
    ("P000", 2, tasks.Status.DONE, None, "年度目标已下达。", "虚构文号：科创办〔2026〕1 号（演示）"),
    ("P000", 3, tasks.Status.UNDER_WAY, 120, "已对接高校 6 所。", ""),
    ("P004", 0, tasks.Status.UNDER_WAY, 25, "30 条链的链主企业名单已摸排。", ""),
    ("P004", 1, tasks.Status.NOT_STARTED, 60, "", ""),
)


@dataclass(frozen=True)
class _Host:
    """An enterprise to which an entry belongs."""

    id: int
    name: str
    region_code: str
    park: str


async def follow_plans(session: AsyncSession, today: date) -> None:
    """Report figures, keep sub-registers, split a target and note tasks, all of them invented."""
    chance = random.Random(SEED)  # noqa: S311
    courses: dict[str, list[tuple[date, Decimal]]] = {}
    for plan in map(plan_named, PLANS):
        await _report(session, plan, today, chance, courses)
    await _keep_registers(session, await _hosts(session), today, chance)
    await _split(session)
    await _note(session, today)
    await _date_back(session)


async def _report(
    session: AsyncSession,
    plan: Plan,
    today: date,
    chance: random.Random,
    courses: dict[str, list[tuple[date, Decimal]]],
) -> None:
    """Figures that grow toward their targets, some ahead and some behind; of one statistic all plans hear the same."""
    targets = [one for one in reportable(plan) if one.value is not None and one.id != UNREPORTED]
    told = {one.id: one for one in targets if isinstance(one.count, Reported)}
    for target in told.values():
        courses[target.indicator] = courses.get(target.indicator) or list(_course(target, today, chance))
    _add_up(plan, told, courses)
    for target in told.values():
        source = target.count.reported_by if isinstance(target.count, Reported) else ""
        for period_end, value in courses[target.indicator]:
            draft = FigureDraft(period_end, value, source or "统计部门", note=NOTE)
            await report_figure(session, target, draft, today=today)


def _add_up(plan: Plan, told: Mapping[str, Target], courses: dict[str, list[tuple[date, Decimal]]]) -> None:
    """Let the text's figures of the chains be what the annex's lines make together."""
    table = plan.chain_table
    if table is None:
        return
    wholes = {sector.target: [one.id for one in table.chains if one.sector == sector.name] for sector in table.sectors}
    wholes |= {name: [one.id for one in table.chains] for name in table.total_targets.values()}
    for name, chains in wholes.items():
        lines = [courses[told[chain].indicator] for chain in chains]
        courses[told[name].indicator] = [
            (days[0][0], sum((value for _, value in days), Decimal(0))) for days in zip(*lines, strict=True)
        ]


def _course(target: Target, today: date, chance: random.Random) -> Iterator[tuple[date, Decimal]]:
    """A value for each of the past quarters."""
    reached, pace = chance.uniform(0.72, 0.96), chance.uniform(0.004, 0.02)
    ends = sorted(quarter_ends(today - timedelta(days=1), QUARTERS))
    for number, period_end in enumerate(ends):
        share = min(reached - pace * (len(ends) - 1 - number), 1.05)
        value = Decimal(str(round(float(target.value or 0) * share, 2)))
        # Annual counts begin anew each year.
        if target.unit.endswith("/年"):
            value = Decimal(round(float(value) * (period_end.month / 12)))
        yield period_end, value


async def _hosts(session: AsyncSession) -> list[_Host]:
    found = await session.execute(
        text(
            "SELECT id, replace(name, '（演示）', ''), region_code, park FROM enterprise"
            " WHERE is_above_scale AND region_code LIKE '3212%' ORDER BY id LIMIT 1200"
        )
    )
    return [_Host(*row) for row in found]


async def _keep_registers(session: AsyncSession, hosts: Sequence[_Host], today: date, chance: random.Random) -> None:
    if not hosts:
        return
    for name, a_year, types, levels, called in _KEPT:
        register = register_named(name)
        # A small demo has few enterprises to which entries could belong.
        for number in range(-(-a_year * 3 * min(len(hosts), 400) // 400)):
            host = hosts[chance.randrange(len(hosts))]
            begun = today - timedelta(days=chance.randrange(20, 1060))
            place = PARKS[host.region_code][number % 2]
            shown = called.format(host=host.name, place=place)
            draft = Draft(
                type=types[number % len(types)], level=levels[number % len(levels)], name=f"{shown}（演示 {number + 1}）",
                number=f"DEM{name[:3].upper()}{types[0][:2].upper()}{number + 1:04d}", region_code=host.region_code,
                park=host.park or place, enterprise_id=host.id, starts_on=begun, note=NOTE,
                amount=FEN_PER_YI * chance.randrange(1, 60) // 10 if register.amount else None,
            )  # fmt: skip
            await enter(session, register, draft, today=today)
    zones = register_named("zones")
    for region, number, kind in _ZONES:
        park = PARKS[region][number]
        draft = Draft(
            type=kind, name=park, region_code=region, park=park, starts_on=date(2019, 6, 30), note=NOTE,
            level=kind.partition("_")[0], host_name=f"{DISTRICTS[region][0]}人民政府（演示）",
        )  # fmt: skip
        await enter(session, zones, draft, today=today)
    for name in ("institutions", "projects", "platforms", "carriers", "products", "zones"):
        await declare_complete(session, register_named(name), today - timedelta(days=30), NOTE, today=today)


async def _split(session: AsyncSession) -> None:
    """A target over the districts and years, by their share of enterprises; the first takes what rounding leaves."""
    plan, target = target_named("T000-01")
    due = target.year or 2027
    for year, part in ((due - 2, Fraction(1, 3)), (due - 1, Fraction(2, 3)), (due, Fraction(1))):
        whole = int(Fraction(target.value or 0) * part)
        shares = {code: int(whole * share) for code, (_, share, _) in DISTRICTS.items()}
        shares[next(iter(shares))] += whole - sum(shares.values())
        values: dict[str, Decimal | None] = {code: Decimal(value) for code, value in shares.items()}
        await split(session, plan, target, year, Kind.DISTRICT, values, whole=Decimal(whole))
    _, yearly = target_named("T000-32")
    asked: dict[str, Decimal | None] = dict.fromkeys(DISTRICTS, Decimal(2))
    await split(session, plan, yearly, due - 1, Kind.DISTRICT, asked, reason="各市（区）均不少于 2 项（演示）")
    for table in ("breakdown_share", "breakdown_acknowledgement"):
        await session.execute(
            text(f"UPDATE {table} SET recorded_at = make_date(year, 1, 20) WHERE year < :due"), {"due": due}
        )


async def _note(session: AsyncSession, today: date) -> None:
    for name, number, status, days, said, evidence in _NOTES:
        plan = plan_named(name)
        item = await tasks.work_item(session, plan, plan.tasks[number].id)
        due_on = None if days is None else today + timedelta(days=days)
        await tasks.note(session, item, status=status, body=said, evidence=evidence, due_on=due_on)


async def _date_back(session: AsyncSession) -> None:
    """What the demo says came in when it would have: a month after the quarter, or after the day."""
    written: tuple[tuple[str, str], ...] = (
        ("reported_figure", "period_end"),
        ("register_entry", "coalesce(starts_on, current_date - 60)"),
        ("register_declaration", "date '2023-01-01'"),
    )
    for table, day in written:
        values: dict[str, Any] = {"note": NOTE}
        await session.execute(
            text(
                f"UPDATE {table} SET recorded_at = least((CAST({day} AS date) + 20)::timestamp AT TIME ZONE 'Asia/Shanghai',"
                " recorded_at) WHERE note = :note"
            ),
            values,
        )
