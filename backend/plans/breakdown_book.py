"""A plan's breakdown as a workbook: a line a target, year and place. All lines are good or none is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from anyio import to_thread
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import Breakdown, BreakdownRefused, Kind, split
from backend.plans.territory import territory_of
from backend.spreadsheets.cells import read_year
from backend.subregisters.layouts import Column, a_number, one_of, words, write_sheet
from backend.subregisters.sheets import Line, Trouble, read_sheet
from rules.plan import Plan

KINDS = {kind.value: kind.label for kind in Kind}
TARGET = Column("target", "编号", words, required=True, width=12, fills=True)
UNIT = Column("unit", "单位", words, width=8, fills=True)
YEAR = Column("year", "年度", read_year, required=True, width=8, fills=True)
KIND = Column("kind", "分解类别", one_of(KINDS), ("类别",), width=12, fills=True)
PLACE = Column("place", "分解对象", words, ("市（区）", "对象", "单位", "园区"), required=True, width=24)
VALUE = Column("value", "分解值", a_number, ("目标值", "数值"))
REASON = Column("reason", "差额说明", words, width=30, fills=True)
COLUMNS = (TARGET, Column("name", "指标", words, width=40, fills=True), UNIT, YEAR, KIND, PLACE, VALUE, REASON)
#: The place of a line that sets a year's whole.
OF_THE_WHOLE = "总数"


@dataclass
class BreakdownTaken:
    """What became of a workbook's lines."""

    written: int = 0
    unchanged: int = 0
    empty: int = 0
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_trial: bool = False


def breakdown_workbook(plan: Plan, found: Sequence[Breakdown]) -> bytes:
    """The shares as a form that can be handed in again."""
    rows = [
        (
            one.target.id, one.target.name, one.target.unit, one.year, one.kind.label, share.name, share.value,
            one.acknowledged.reason if one.acknowledged is not None else "",
        )
        for one in found
        for share in one.shares
    ]  # fmt: skip
    note = f"{plan.named}任务分解。合计与总数不同的，在任一行“差额说明”写明原因；分解对象填“{OF_THE_WHOLE}”为该年总数。"
    return write_sheet("任务分解", note, COLUMNS, rows)


async def take_breakdown(
    session: AsyncSession,
    plan: Plan,
    content: bytes,
    file_name: str,
    *,
    recorded_by: int | None = None,
    is_trial: bool = False,
) -> BreakdownTaken:
    """Read a workbook of shares and write them down; with a trouble anywhere, or as a trial, nothing is written.

    Raises:
        SheetRefused: the file as a whole cannot be read.
    """
    read = await to_thread.run_sync(read_sheet, content, file_name, COLUMNS)
    taken = BreakdownTaken(troubles=list(read.troubles), unknown=read.unknown, notes=read.notes, is_trial=is_trial)
    wrong = {one.row for one in read.troubles}
    groups: dict[tuple[str, int, str], list[Line]] = {}
    for line in read.lines:
        if line.row not in wrong:
            key = (line.values["target"].strip(), line.values["year"], line.values["kind"] or Kind.DISTRICT.value)
            groups.setdefault(key, []).append(line)
    savepoint = await session.begin_nested()
    for (target_id, year, kind), lines in groups.items():
        trouble = await _take(session, plan, target_id, year, Kind(kind), lines, taken, recorded_by)
        if trouble is not None:
            taken.troubles.append(trouble)
    if taken.troubles or is_trial:
        await savepoint.rollback()
    taken.troubles.sort(key=lambda one: one.row)
    return taken


async def _take(
    session: AsyncSession,
    plan: Plan,
    target_id: str,
    year: int,
    kind: Kind,
    lines: Sequence[Line],
    taken: BreakdownTaken,
    recorded_by: int | None,
) -> Trouble | None:
    target = plan.by_id.get(target_id)
    if target is None:
        return lines[0].trouble(TARGET, f"不是{plan.named}（{plan.id}）的目标编号，请核对。")
    values: dict[str, Decimal | None] = {}
    whole: Decimal | None = None
    for line in lines:
        if line.values["unit"] not in (None, target.unit):
            return line.trouble(UNIT, f"这项指标的单位是“{target.unit}”，请换算好数值，把单位改回“{target.unit}”。")
        written: str = line.values["place"]
        if written == OF_THE_WHOLE:
            whole = line.values["value"]
            continue
        place = _place(plan, kind, written)
        if place is None:
            return line.trouble(PLACE, f"不是{plan.territory.name}的市（区）。")
        if place in values:
            return line.trouble(PLACE, f"在 {target_id} {year} 年的分解中出现两次。")
        values[place] = line.values["value"]
    reason = next((line.values["reason"] for line in lines if line.values["reason"]), "")
    try:
        await split(session, plan, target, year, kind, values, whole=whole, reason=reason, recorded_by=recorded_by)
    except BreakdownRefused as problem:
        return Trouble(lines[0].row, "", "", f"：{problem}")
    given = sum(1 for value in values.values() if value is not None)
    taken.written += given
    taken.empty += len(values) - given
    return None


def _place(plan: Plan, kind: Kind, written: str) -> str | None:
    if kind is not Kind.DISTRICT:
        return written
    territory = territory_of(plan.territory.code)
    found = territory.regions.by_name(written, within=f"{plan.territory.code[:4]}00")
    return found.code if found is not None and any(found.code == one.code for one in territory.districts) else None
