"""A plan's targets as a workbook: out to be worked on, and in to make the next version. All lines are good or none is taken.

What is counted follows from the indicator: a line that names one of an existing target is counted in the same way; one
that names none is a figure to be reported. So nobody has to write a counting rule to enter a plan.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

from backend.plans.documents import plans
from backend.plans.versions import Document
from backend.spreadsheets.cells import CellProblem, read_number, read_text, read_year
from backend.spreadsheets.workbook import Cell
from backend.subregisters.layouts import Column, a_day, a_number, one_of, words, write_sheet
from backend.subregisters.sheets import Line, Trouble, read_sheet
from rules.plan import Basis, CountByFigure, Numerator, Op, Plan, ShareOfEnterprises, Target, TargetClass, plain

NOT_SET = "not_set"
#: How a target is compared, as people write it. A placeholder X is a way of comparing too: with nothing.
OPS: Mapping[str, str] = {
    Op.AT_LEAST: "≥", Op.MORE_THAN: "＞", Op.ABOUT: "≈", Op.RANGE: "区间", Op.RANK: "位次", Op.NARRATIVE: "定性", NOT_SET: "未设（X）",
}  # fmt: skip
#: Other spellings of the signs.
_SPELLINGS = {">=": Op.AT_LEAST, "≥": Op.AT_LEAST, "以上": Op.AT_LEAST, "达到": Op.AT_LEAST, ">": Op.MORE_THAN, "超过": Op.MORE_THAN,
              "~": Op.ABOUT, "左右": Op.ABOUT, "X": NOT_SET, "x": NOT_SET, "未设": NOT_SET}  # fmt: skip
BASES: Mapping[str, str] = {one.value: one.label for one in Basis}
NUMERATORS: Mapping[str, str] = {one.value: one.label for one in Numerator}
SOFT_WORDS = {"力争": "力争", "争创": "争创"}


def _op(cell: Cell) -> str | None:
    said = read_text(cell)
    if not said:
        return None
    found = _SPELLINGS.get(said) or next((key for key, label in OPS.items() if said in (key, label)), None)
    if found is None:
        raise CellProblem("unknown_op", "", f"应为{'、'.join(OPS.values())}之一")
    return str(found)


def _value(cell: Cell) -> Decimal | str | None:
    """A number, or X for what the plan leaves open."""
    return "X" if read_text(cell).upper() in ("X", "未设") else read_number(cell)


ID = Column("id", "编号", words, width=12)
NAME = Column("name", "指标", words, ("指标名称", "目标"), required=True, width=36)
PRINTED = Column("printed", "原文", words, ("原文表述",), required=True, width=44, fills=True)
VALUE = Column("value", "目标值", _value, ("数值",))
INDICATOR = Column("indicator", "统计指标", words, ("指标代码",), width=26)
NUMERATOR = Column("numerator", "分子口径", one_of(NUMERATORS), width=16)
TOLERANCE = Column("tolerance", "容差", a_number, width=8)
UPPER = Column("upper", "上限", a_number, width=8)
COLUMNS = (
    ID, NAME, PRINTED, Column("cite", "条款", words, ("章节", "出处"), required=True, width=20, fills=True), INDICATOR,
    Column("op", "比较", _op, width=8), VALUE, UPPER, Column("unit", "单位", words, width=8, fills=True),
    Column("year", "目标年", read_year, ("年份", "年度"), width=8, fills=True), Column("basis", "口径", one_of(BASES), required=True, width=10, fills=True),
    Column("since", "累计起算日", a_day, width=12), Column("soft_word", "软词", one_of(SOFT_WORDS), width=8),
    Column("bodies", "责任单位", words, width=36, fills=True), Column("reported_by", "发布单位", words, width=18, fills=True),
    NUMERATOR, TOLERANCE, Column("note", "备注", words, ("说明",), width=30),
)  # fmt: skip
#: How long a text may be: what is longer is no name of an indicator, and no page could show it.
_MOST = {"name": 200, "printed": 1000, "cite": 200, "unit": 20, "bodies": 500, "reported_by": 100, "note": 1000}
_MOST_REMARKED = 300
_BY_NAME = {column.name: column for column in COLUMNS}


def targets_workbook(plan: Plan) -> bytes:
    """A plan's targets as a workbook that can be handed in again."""
    rows = [[_cell(one, column.name) for column in COLUMNS] for one in plan.targets]
    note = (
        f"{plan.named}的目标。“统计指标”填已有指标的代码或名称，即按同样办法统计；留空的为填报数据。"
        "原文是 X 的，“比较”填“未设（X）”。责任单位用顿号分开，牵头单位前加△。"
    )
    return write_sheet("目标", note, COLUMNS, rows)


def _cell(target: Target, column: str) -> object:
    match column:
        case "op":
            return OPS[NOT_SET] if target.placeholder else OPS[target.op]
        case "value":
            return "X" if target.placeholder else target.value
        case "basis":
            return target.basis.label
        case "bodies":
            return "、".join(f"{'△' if body.lead else ''}{body.full_name}" for body in target.bodies)
        case "reported_by":
            return getattr(target.count, "reported_by", "")
        case "numerator":
            return target.count.numerator.label if isinstance(target.count, ShareOfEnterprises) else ""
        case _:
            return getattr(target, column)


@dataclass
class TargetsRead:
    """What a workbook makes of a plan's targets."""

    targets: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """What was left out or read in another way than it stands there, for the version's note; mostly nothing."""
        left = f"没有读的列：{'、'.join(self.unknown)}。" if self.unknown else ""
        return "".join((left, *self.notes))[:_MOST_REMARKED]


def read_targets(content: bytes, file_name: str, plan_id: str, before: Document | None = None) -> TargetsRead:
    """Read a workbook of targets into the form of a plan file.

    Args:
        before: the document that is revised; what the workbook has no column for stays as it was there.

    Raises:
        SheetRefused: the file as a whole cannot be read.
    """
    read = read_sheet(content, file_name, COLUMNS)
    found = TargetsRead(troubles=list(read.troubles), unknown=read.unknown, notes=read.notes)
    wrong = {one.row for one in read.troubles}
    standing = {one["id"]: one for one in (before or {}).get("targets", [])}
    seen: dict[str, int] = {}
    number = 0
    for line in read.lines:
        number += 1
        if line.row in wrong:
            continue
        made = target_of(line, plan_id, number, standing)
        if isinstance(made, Trouble):
            found.troubles.append(made)
            continue
        if (first := seen.setdefault(made["id"], line.row)) != line.row:
            found.troubles.append(line.trouble(ID, f"与第 {first} 行的编号相同，请改其一。"))
            continue
        found.targets.append(made)
    found.troubles.sort(key=lambda one: one.row)
    return found


def target_of(
    line: Line, plan_id: str, number: int, standing: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | Trouble:
    """A target in the form of a plan file, out of a line of the workbook or of a form."""
    said = line.values
    for name, most in _MOST.items():
        if len(said[name] or "") > most:
            told = f"共 {len(said[name])} 个字，最多 {most} 个字，请精简。"
            return Trouble(line.row, _BY_NAME[name].title, f"{said[name][:20]}……", told)
    target_id = said["id"] or f"T{plan_id[1:]}-{number:02d}"
    before = standing.get(target_id, {})
    made: dict[str, Any] = {**before, "id": target_id}
    for name in ("name", "printed", "cite", "year", "basis", "since", "soft_word", "note", "upper"):
        _set(made, name, said[name])
    made["unit"] = said["unit"] or before.get("unit") or "—"
    made.setdefault("scope", "city")
    if (trouble := _number(line, made)) is not None:
        return trouble
    if said["year"] is None:
        made["year_note"] = before.get("year_note") or ("每年" if said["basis"] == Basis.ANNUAL else "原文未印年份")
    if said["bodies"] != _bodies_text(before):
        _set(made, "bodies", said["bodies"])
        made.pop("inherited_bodies", None)
    counted = _counted(line, made, before, number)
    return counted if isinstance(counted, Trouble) else _settled(line, counted)


def _settled(line: Line, made: dict[str, Any]) -> dict[str, Any] | Trouble:
    """What the print leaves open and staff settle: whose word the numerator takes, how near is 左右."""
    numerator, tolerance = line.values[NUMERATOR.name], line.values[TOLERANCE.name]
    count = made.get("count")
    if numerator is not None:
        if not isinstance(count, dict) or "share_of" not in count:
            return line.trouble(NUMERATOR, "只用于研发机构覆盖率类目标，其他目标请留空。")
        made["count"] = {**cast("dict[str, Any]", count), "numerator": numerator}
    if tolerance is not None and made.get("op") not in (Op.ABOUT, Op.ABOUT.code):
        return line.trouble(TOLERANCE, "只用于“左右”（≈）类目标，其他目标请留空。")
    _set(made, "tolerance", tolerance)
    return made


def _set(made: dict[str, Any], name: str, value: Any) -> None:
    if value in (None, ""):
        made.pop(name, None)
    else:
        made[name] = value


def _bodies_text(before: Mapping[str, Any]) -> str | None:
    printed = before.get("bodies") or before.get("inherited_bodies")
    return printed if isinstance(printed, str) else None


def _number(line: Line, made: dict[str, Any]) -> Trouble | None:
    """Put the number and how it is compared in their places."""
    said = line.values
    op, value = said["op"], said["value"]
    if value == "X" or op == NOT_SET:
        if isinstance(value, Decimal):
            return line.trouble(VALUE, "“比较”填了未设（X），目标值应留空。")
        made.update({"placeholder": True, "class": TargetClass.NOT_SET.value})
        made.pop("value", None)
        if op not in (None, NOT_SET):
            made["op"] = op
        return None
    made.pop("placeholder", None)
    if op == Op.NARRATIVE:
        made["op"] = op
        made.pop("value", None)
        return None if value is None else line.trouble(VALUE, "定性目标不填目标值。")
    if value is None:
        return line.trouble(VALUE, "没有填写：请填数字；原文是 X 的填“X”，没有数字的在“比较”填“定性”。")
    if op == Op.RANGE and said["upper"] is None:
        return line.trouble(UPPER, "没有填写：区间目标须填上限。")
    if op not in (None, Op.RANGE) and said["upper"] is not None:
        return line.trouble(UPPER, "只用于区间目标，其他目标请留空。")
    made["op"] = op or (Op.RANGE.value if said["upper"] is not None else Op.AT_LEAST.value)
    made["op_inferred"] = op is None or bool(made.get("op_inferred"))
    made["value"] = value
    return None


def _counted(line: Line, made: dict[str, Any], before: Mapping[str, Any], number: int) -> dict[str, Any] | Trouble:
    """How the value comes about: as with an existing target of the same indicator, or by being reported."""
    wanted = line.values["indicator"] or ""
    narrative, unset = made.get("op") == Op.NARRATIVE, bool(made.get("placeholder"))
    if before and wanted in ("", before.get("indicator")):
        had_no_number = before.get("placeholder") or before.get("op") == Op.NARRATIVE
        if not unset and not narrative and had_no_number:
            made["class"] = _class_of(made.get("count"))
            made.setdefault("count", {"reported_by": line.values["reported_by"] or "统计部门"})
        made["class"] = "X" if unset else "N" if narrative else made["class"]
        return made
    alike = next((one for one in _existing() if wanted in (one.indicator, one.name)), None) if wanted else None
    if wanted and alike is None and not wanted.isascii():
        return line.trouble(INDICATOR, "不是已有的指标。请填已有指标的代码或名称，或留空按填报数据处理。")
    made["indicator"] = alike.indicator if alike is not None else wanted or f"own_{line_id(made['id'])}"
    made["count"] = {"reported_by": line.values["reported_by"] or "统计部门"}
    made["class"] = TargetClass.ENTERED.value
    if alike is not None and alike.count is not None:
        made["count"] = alike.count.model_dump(by_alias=True, mode="json", exclude_defaults=True)
        if isinstance(alike.count, CountByFigure):
            made["count"]["at_least"] = f"{alike.count.at_least // 100}元"
        made["class"] = _class_of(made["count"])
    if unset or narrative:
        made["class"] = "X" if unset else "N"
    return made


def line_id(target_id: str) -> str:
    """A target's id as part of an indicator's."""
    return target_id.lower().replace("-", "_")


def _class_of(count: object) -> str:
    keys: set[str] = {str(key) for key in count} if isinstance(count, dict) else set()
    if "reported_by" in keys or not keys:
        return TargetClass.ENTERED.value
    if keys & {"institutions", "register"}:
        return TargetClass.SUBREGISTER.value
    return TargetClass.REGISTRY.value


def _existing() -> Sequence[Target]:
    return [target for plan in plans().values() for target in plan.targets if target.count is not None]


def line_of_form(typed: Mapping[str, str]) -> Line | list[Trouble]:
    """A form's fields as a line, or what is wrong with them."""
    values: dict[str, Any] = {}
    troubles: list[Trouble] = []
    for column in COLUMNS:
        written = typed.get(column.name, "").strip()
        read: Callable[[Cell], Any] = column.read
        try:
            values[column.name] = read(written) if written else None
        except CellProblem as problem:
            told = "，".join(part for part in (problem.reason, problem.remedy) if part)
            troubles.append(Trouble(0, column.name, written, told))
            continue
        if column.required and values[column.name] in (None, ""):
            troubles.append(Trouble(0, column.name, "", "没有填写"))
    return troubles or Line(0, values)


def form_of(target: Target) -> dict[str, str]:
    """A target as the fields of its form."""
    found = {column.name: _cell(target, column.name) for column in COLUMNS}
    found["basis"] = target.basis.value
    found["op"] = NOT_SET if target.placeholder else target.op.value
    found["numerator"] = target.count.numerator.value if isinstance(target.count, ShareOfEnterprises) else ""
    return {
        name: plain(value) if isinstance(value, Decimal) else "" if value is None else str(value)
        for name, value in found.items()
    }
