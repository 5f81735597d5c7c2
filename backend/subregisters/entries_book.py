"""A register as a workbook: out with every entry, and in again. All lines are good or none is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from anyio import to_thread
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.labels import CITIES
from backend.enterprises.names import match_key
from backend.enterprises.regions import Regions
from backend.spreadsheets.cells import CellProblem, read_code, read_number
from backend.spreadsheets.workbook import Cell
from backend.subregisters import service
from backend.subregisters.layouts import Column, a_day, one_of, words, write_sheet
from backend.subregisters.queries import Filter, entries, host_of
from backend.subregisters.schemas import EVALUATIONS, FEN_PER_WAN, LEVELS, Draft, Entry
from backend.subregisters.sheets import Line, Trouble, read_sheet
from rules.plan import Register


def _code(cell: Cell) -> str | None:
    found = read_code(cell)
    return None if found is None else found.credit_code


def _number(cell: Cell) -> int | None:
    found = read_number(cell)
    if found is None:
        return None
    if found != int(found) or found < 1:
        raise CellProblem("not_a_number", "不是系统编号", "请保留导出时的编号，新增的行留空")
    return int(found)


def _fen(cell: Cell) -> int | None:
    amount = read_number(cell)
    if amount is None:
        return None
    fen = amount * FEN_PER_WAN
    if fen != fen.to_integral_value():
        raise CellProblem("too_exact", "小数超过六位", "请以万元为单位，最多六位小数（到分）")
    return int(fen)


def columns_of(register: Register) -> tuple[Column, ...]:
    """The columns of a register's workbook."""
    found = [
        Column("id", "系统编号", _number, width=10),
        Column("type", "类型", one_of(register.types), ("类别",), required=True, width=22, fills=True),
        Column("level", "级别", one_of(LEVELS), width=10, fills=True),
        Column("name", "名称", words, (f"{register.name}名称", "项目名称", "机构名称", "平台名称", "产品名称"), required=True, width=40),
        Column("number", "证书（项目、合同）编号", words, ("编号", "文号", "证书编号", "合同编号", "项目编号"), width=22),
        Column("region", "市（区）", words, ("区域", "所在市区", "所在区域"), width=14, fills=True),
        Column("park", "园区", words, width=18, fills=True),
        Column("host_name", "依托（承担）单位", words, ("依托单位", "承担单位", "企业名称", "单位名称"), width=36, fills=True),
        Column("credit_code", "统一社会信用代码", _code, ("信用代码",), width=22, fills=True),
        Column("starts_on", register.dated, a_day, ("认定日期", "立项日期", "登记日期", "批准日期", "起始日期"), width=16, fills=True),
        Column("ends_on", "终止日期", a_day, ("取消日期", "撤销日期"), width=14, fills=True),
        Column("evaluation", "评价结果", one_of(EVALUATIONS), width=10),
        Column("note", "备注", words, ("说明",), width=30),
    ]  # fmt: skip
    if register.amount:
        found.insert(9, Column("amount", f"{register.amount}（万元）", _fen, ("金额",), width=18))
    return tuple(found)


def entries_workbook(register: Register, rows: Sequence[Entry], title: str) -> bytes:
    """The entries as a workbook that can be handed in again; without entries a form to fill in."""
    columns = columns_of(register)
    note = f"{title}。“系统编号”是已有记录，保留不动即按该条更正；新增的行留空。级别提升另起一行，名称不变。"
    return write_sheet(register.name, note, columns, [[_value(one, column.name) for column in columns] for one in rows])


def _value(entry: Entry, column: str) -> object:
    match column:
        case "id":
            return entry.id
        case "type":
            return entry.type_name
        case "level":
            return entry.level_name
        case "region":
            return entry.region_name
        case "host_name":
            return entry.host
        case "credit_code":
            return entry.credit_code
        case "amount":
            return None if entry.draft.amount is None else Decimal(entry.draft.amount) / FEN_PER_WAN
        case "evaluation":
            return EVALUATIONS.get(entry.draft.evaluation, "")
        case _:
            return getattr(entry.draft, column)


@dataclass
class EntriesTaken:
    """What became of a workbook's lines; `written` is all that was written."""

    entered: int = 0
    promoted: int = 0
    revised: int = 0
    unchanged: int = 0
    empty: int = 0
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    is_trial: bool = False

    @property
    def written(self) -> int:
        return self.entered + self.promoted + self.revised


@dataclass
class _Taking:
    """What lines are held against while a workbook is taken in."""

    session: AsyncSession
    register: Register
    columns: dict[str, Column]
    own_region: str
    today: date
    recorded_by: int | None
    taken: EntriesTaken
    by_id: dict[int, Entry]
    by_name: dict[str, list[Entry]] = field(default_factory=dict[str, list[Entry]])
    seen: dict[tuple[object, ...], int] = field(default_factory=dict[tuple[object, ...], int])

    def know(self, entry: Entry) -> None:
        self.by_name.setdefault(match_key(entry.draft.name), []).append(entry)


async def take_entries(
    session: AsyncSession,
    register: Register,
    content: bytes,
    file_name: str,
    *,
    today: date,
    own_region: str = "",
    recorded_by: int | None = None,
    is_trial: bool = False,
) -> EntriesTaken:
    """Read a workbook of entries and write them down; with a trouble anywhere, or as a trial, nothing is written.

    A line with a system number corrects that entry; one whose name, type and level stand already corrects or repeats
    it; one whose name stands with another level promotes it; everything else is new.

    Raises:
        SheetRefused: the file as a whole cannot be read.
    """
    columns = {column.name: column for column in columns_of(register)}
    read = await to_thread.run_sync(read_sheet, content, file_name, tuple(columns.values()))
    taken = EntriesTaken(troubles=list(read.troubles), unknown=read.unknown, notes=read.notes, is_trial=is_trial)
    standing = (await entries(session, register, Filter(state="all"), today)).rows
    taking = _Taking(
        session, register, columns, own_region, today, recorded_by, taken, {one.id: one for one in standing}
    )
    for entry in standing:
        taking.know(entry)
    wrong = {one.row for one in read.troubles}
    savepoint = await session.begin_nested()
    for line in read.lines:
        if line.row not in wrong and (trouble := await _take(taking, line)) is not None:
            taken.troubles.append(trouble)
    if taken.troubles or is_trial:
        await savepoint.rollback()
    taken.troubles.sort(key=lambda one: one.row)
    return taken


async def _take(taking: _Taking, line: Line) -> Trouble | None:
    drafted = await _draft(taking, line)
    if isinstance(drafted, Trouble):
        return drafted
    key = (drafted.type, drafted.level, match_key(drafted.name), drafted.number, drafted.starts_on)
    if (first := taking.seen.setdefault(key, line.row)) != line.row:
        return line.trouble(taking.columns["name"], f"与第 {first} 行重复：名称、类型、级别、编号和日期都相同。")
    try:
        await _write(taking, line, drafted)
    except service.EntryRefused as problem:
        column = taking.columns.get({"region_code": "region"}.get(problem.field, problem.field), taking.columns["name"])
        told = str(problem)
        return line.trouble(column, told if line.values.get(column.name) is not None else f"：{told}")
    return None


async def _write(taking: _Taking, line: Line, draft: Draft) -> None:
    taken, register = taking.taken, taking.register
    alike = [one for one in _namesakes(taking, draft) if _same_title(one, draft)]
    number = line.values["id"] if line.values["id"] is not None else alike[0].id if alike else None
    today, person = taking.today, taking.recorded_by
    if number is not None:
        before = taking.by_id.get(number)
        if before is None:
            raise service.EntryGone("没有这个系统编号的有效记录，它可能已被更正或撤回。请重新导出后再改。", "id")
        if before.draft == service.check(register, draft, today):
            taken.unchanged += 1
            return
        await service.revise(taking.session, register, number, draft, today=today, recorded_by=person)
        taken.revised += 1
        return
    others = _namesakes(taking, draft)
    if others and draft.starts_on is not None:
        await service.promote(taking.session, register, others[-1].id, draft, today=today, recorded_by=person)
        taken.promoted += 1
        return
    await service.enter(taking.session, register, draft, today=today, recorded_by=person)
    taken.entered += 1


def _namesakes(taking: _Taking, draft: Draft) -> list[Entry]:
    """Standing entries that are of the same thing: the same name and type, in the same region; oldest first."""
    known = taking.by_name.get(match_key(draft.name), [])
    kinds = set(taking.register.types) if taking.register.one_level_at_a_time else {draft.type}
    return sorted(
        (
            one
            for one in known
            if one.draft.type in kinds
            and one.draft.region_code == draft.region_code
            and (
                not one.draft.number
                or not draft.number
                or one.draft.number == draft.number
                or one.draft.level != draft.level
            )
        ),
        key=lambda one: (one.draft.starts_on or date.min, one.id),
    )


def _same_title(entry: Entry, draft: Draft) -> bool:
    """Whether a line means this very title: a second one of the same level must begin after the first ended."""
    ended = entry.draft.ends_on
    is_alike = (entry.draft.type, entry.draft.level) == (draft.type, draft.level)
    return is_alike and not (ended and draft.starts_on and draft.starts_on > ended)


async def _draft(taking: _Taking, line: Line) -> Draft | Trouble:
    values: dict[str, Any] = dict(line.values)
    region = _region(values["region"] or "", taking.own_region)
    if region is None:
        told = f"只能填本市（区），现为“{values['region']}”。" if taking.own_region else "应为市（区）名称，如 海陵区。"
        return Trouble(line.row, taking.columns["region"].title, values["region"] or "", told)
    host, problem = await host_of(taking.session, values["credit_code"] or "", values["host_name"] or "")
    if problem:
        return line.trouble(taking.columns["credit_code" if values["credit_code"] else "host_name"], problem)
    return Draft(
        type=values["type"], level=values["level"] or "", name=values["name"], number=values["number"] or "", region_code=region,
        park=values["park"] or "", enterprise_id=host, host_name="" if host else values["host_name"] or "",
        amount=values.get("amount"), starts_on=values["starts_on"], ends_on=values["ends_on"],
        evaluation=values["evaluation"] or "", note=values["note"] or "",
    )  # fmt: skip


def _region(written: str, own_region: str) -> str | None:
    if not written:
        return own_region or None
    regions = Regions.load()
    found = next((one for city in ("321200", "320700") if (one := regions.by_name(written, within=city))), None)
    if found is None or found.code[:4] not in CITIES or (own_region and found.code != own_region):
        return None
    return found.code
