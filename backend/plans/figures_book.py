"""The figures of a quarter as a workbook: out as a form to fill in, and back in. All lines are good or none is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from anyio import to_thread
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans import service
from backend.plans.documents import UnknownTarget, target_named
from backend.plans.sets import is_countable
from backend.plans.territory import territory_of
from backend.subregisters.layouts import Column, a_day, a_number, words, write_sheet, yes
from backend.subregisters.sheets import Line, Trouble, read_sheet
from rules.plan import Plan, Reported, Target

TARGET = Column("target", "编号", words, required=True, width=12, fills=True)
UNIT = Column("unit", "单位", words, width=10, fills=True)
REGION = Column("region", "区域", words, ("市（区）", "县区"), width=14, fills=True)
PERIOD = Column("period_end", "数据截止日", a_day, ("截止日期", "季度末"), required=True, fills=True)
VALUE = Column("value", "数值", a_number, ("现值", "完成数"))
SOURCE = Column("source", "数据来源", words, ("来源", "发布单位"), width=24, fills=True)
RELEASED = Column("released_on", "发布日期", a_day, fills=True)
REVISION = Column("is_revision", "修订", yes, ("是否修订",), width=8)
NOTE = Column("note", "说明", words, ("备注",), width=30)
COLUMNS = (
    TARGET, Column("name", "指标", words, width=40, fills=True), UNIT, REGION, PERIOD, VALUE, SOURCE,
    RELEASED, REVISION, NOTE,
)  # fmt: skip


@dataclass(frozen=True)
class QuarterFigure:
    """What stands of a target at the end of a quarter; nothing where nobody reported."""

    target: Target
    value: Decimal | None = None
    source: str = ""
    released_on: date | None = None
    revisions: int = 0

    @property
    def publisher(self) -> str:
        """Who usually publishes it."""
        return self.target.count.reported_by if isinstance(self.target.count, Reported) else ""


def reportable(plan: Plan) -> list[Target]:
    """The targets whose figures are reported: what the registry cannot count, and the lines of the annex."""
    return [one for one in (*plan.targets, *plan.chain_targets) if one.count is not None and not is_countable(one)]


async def figures_of_quarter(
    session: AsyncSession, plan: Plan, period_end: date, region: str = ""
) -> list[QuarterFigure]:
    """Every reportable target of a plan with its last word for the end of a quarter.

    Args:
        region: empty for the plan's own territory.
    """
    targets = reportable(plan)
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (target) target, value, source, released_on, count(*) OVER (PARTITION BY target) - 1"
            " FROM reported_figure WHERE target = ANY(CAST(:targets AS text[])) AND region_code = :region"
            " AND period_end = :period_end ORDER BY target, recorded_at DESC, id DESC"
        ),
        {"targets": [one.id for one in targets], "region": region, "period_end": period_end},
    )
    standing = {target: given for target, *given in found}
    return [QuarterFigure(one, *standing.get(one.id, ())) for one in targets]


def figures_workbook(plan: Plan, period_end: date, region: str, figures: Sequence[QuarterFigure]) -> bytes:
    """The form for a quarter, with what stands already."""
    place = territory_of(region).name if region else ""
    rows = [
        (
            one.target.id, one.target.name, one.target.unit, place, period_end, one.value, one.source or one.publisher,
            one.released_on, "", "",
        )
        for one in figures
    ]  # fmt: skip
    note = (
        f"{plan.named}{period_end} 止的数据。填“数值”“数据来源”“发布日期”；没有数的行留空；"
        "更正已报的数，在“修订”填“是”。区域留空为规划全部范围。"
    )
    return write_sheet("填报数据", note, COLUMNS, rows)


@dataclass
class FiguresTaken:
    """What became of a workbook's lines."""

    written: int = 0
    #: Lines that say what stands already.
    unchanged: int = 0
    empty: int = 0
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_trial: bool = False


async def take_figures(
    session: AsyncSession,
    plan: Plan,
    content: bytes,
    file_name: str,
    *,
    today: date,
    own_region: str = "",
    recorded_by: int | None = None,
    is_trial: bool = False,
) -> FiguresTaken:
    """Read a workbook of figures and write them down; with a trouble anywhere, or as a trial, nothing is written.

    Args:
        own_region: the district of who hands it in; empty for the whole city.

    Raises:
        SheetRefused: the file as a whole cannot be read.
    """
    read = await to_thread.run_sync(read_sheet, content, file_name, COLUMNS)
    taken = FiguresTaken(troubles=list(read.troubles), unknown=read.unknown, notes=read.notes, is_trial=is_trial)
    wrong = {one.row for one in read.troubles}
    seen: dict[tuple[str, str, date], int] = {}
    savepoint = await session.begin_nested()
    for line in read.lines:
        if line.row in wrong:
            continue
        if line.values["value"] is None:
            taken.empty += 1
            continue
        trouble = await _take(session, plan, line, seen, taken, today, own_region, recorded_by)
        if trouble is not None:
            taken.troubles.append(trouble)
    if taken.troubles or is_trial:
        await savepoint.rollback()
    taken.troubles.sort(key=lambda one: one.row)
    return taken


async def _take(
    session: AsyncSession,
    plan: Plan,
    line: Line,
    seen: dict[tuple[str, str, date], int],
    taken: FiguresTaken,
    today: date,
    own_region: str,
    recorded_by: int | None,
) -> Trouble | None:
    values = line.values
    target = _target(plan, values["target"])
    if target is None:
        return line.trouble(TARGET, f"不是{plan.named}（{plan.id}）的目标编号，请核对。")
    if values["unit"] not in (None, target.unit):
        return line.trouble(UNIT, f"这项指标的单位是“{target.unit}”，请换算好数值，把单位改回“{target.unit}”。")
    region = _region(plan, values["region"] or "", own_region)
    if region is None:
        return line.trouble(REGION, f"不在{territory_of(own_region or plan.territory.code).name}范围内，请改正。")
    key = (target.id, region, values["period_end"])
    if (first := seen.setdefault(key, line.row)) != line.row:
        return line.trouble(TARGET, f"与第 {first} 行重复：同一指标、区域、截止日只填一行。")
    draft = service.FigureDraft(
        values["period_end"], values["value"], values["source"] or "", values["released_on"], values["note"] or "",
        region, bool(values["is_revision"]),
    )  # fmt: skip
    try:
        if await service.stands_already(session, target, draft):
            taken.unchanged += 1
            return None
        await service.report_figure(session, target, draft, today=today, recorded_by=recorded_by)
    except service.FigureRefused as problem:
        column = next((one for one in COLUMNS if one.name == problem.field), VALUE)
        return line.trouble(column, f"：{problem}" if line.values.get(column.name) is None else str(problem))
    taken.written += 1
    return None


def _target(plan: Plan, written: str) -> Target | None:
    try:
        of_plan, target = target_named(written)
    except UnknownTarget:
        return None
    return target if of_plan.id == plan.id else None


def _region(plan: Plan, written: str, own_region: str) -> str | None:
    """The region under which a figure is kept; None where it is not the plan's, or not that of who hands it in."""
    whole = territory_of(plan.territory.code)
    if not written:
        return "" if own_region == whole.code else own_region
    found = whole.regions.by_name(written, within=f"{plan.territory.code[:4]}00")
    if found is None or (own_region and found.code != own_region):
        return None
    if found.code == whole.code:
        return ""
    return found.code if any(found.code == one.code for one in whole.districts) else None
