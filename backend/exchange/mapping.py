"""From an outside system's fields to the catalogue's indicators and back: tables, not code.

A table (`<system>/mapping.yaml`) has a row for every field that the system is known to send: what it is called there,
the indicator it becomes, its unit, the period it speaks of, the rule that turns it, and where that stands written. A
row without an indicator is a field that is known and deliberately not taken over. A field in no row is kept beside the
record and reported; nothing is ever dropped in silence.

    MappingError      a table that contradicts itself or the catalogue; names system, form and row
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from rules.catalogue import Catalogue, Indicator, Period, Record, Type
from rules.facts import read_value

FOLDER = Path(__file__).parent
#: How much a filed total may differ from what its parts add up to: a cent of the form's yuan, or a share of a ratio.
CENT, PER_TEN_THOUSAND = Decimal("0.01"), Decimal("0.0001")

#: Unit on the wire → the types of indicator it may become, and the factor into the catalogue's unit.
UNITS: dict[str, tuple[frozenset[Type], Decimal]] = {
    "元": (frozenset({Type.MONEY}), Decimal("0.0001")),
    "万元": (frozenset({Type.MONEY}), Decimal(1)),
    "人": (frozenset({Type.HEADCOUNT, Type.COUNT}), Decimal(1)),
    "件": (frozenset({Type.COUNT}), Decimal(1)),
    "个": (frozenset({Type.COUNT}), Decimal(1)),
    "项": (frozenset({Type.COUNT}), Decimal(1)),
    "分": (frozenset({Type.NUMBER}), Decimal(1)),
    "小数": (frozenset({Type.PERCENT}), Decimal(100)),
    "%": (frozenset({Type.PERCENT}), Decimal(1)),
    "代码": (frozenset({Type.CHOICE, Type.TEXT, Type.BOOLEAN}), Decimal(1)),
    "文本": (frozenset({Type.TEXT}), Decimal(1)),
    "日期": (frozenset({Type.DATE}), Decimal(1)),
    "是否": (frozenset({Type.BOOLEAN}), Decimal(1)),
    "记录": (frozenset({Type.LIST}), Decimal(1)),
}
_NUMERIC = frozenset({Type.MONEY, Type.NUMBER, Type.COUNT, Type.HEADCOUNT, Type.PERCENT})

Group = Literal["public", "status", "digest", "detail"]
Direction = Literal["in", "out", "both"]


class MappingError(Exception):
    """A mapping table cannot be used; the message says which row and what to change."""


class FieldRow(Record):
    """One row of the table: a field of a form and what becomes of it."""

    #: The field's label on the wire, the same in all layouts or by layout; empty where `terms` say what is added up.
    at: str | dict[str, str] = Field(default="", alias="from")
    name: str
    #: The indicator it becomes; none for a field that is known and not taken over.
    to: str | None = None
    unit: str = "文本"
    #: The record's own year, the year before, or what holds on the day it was stated.
    period: Literal["year", "year-1", "current"] = "year"
    #: label → factor: the indicator is the sum of several fields.
    terms: dict[str, Decimal] = {}
    #: code on the wire → choice of the indicator (or true and false).
    codes: dict[str, str | bool] = {}
    #: key of a record on the wire → field of the list indicator.
    records: dict[str, str] = {}
    direction: Direction = "in"
    cite: str = ""
    #: Why a known field is not taken over.
    note: str = ""

    @model_validator(mode="after")
    def _says_where_from(self) -> "FieldRow":
        if bool(self.at) == bool(self.terms):
            raise ValueError(f"“{self.name}”须写 from 或 terms 之一")
        if self.to is None and not self.note:
            raise ValueError(f"“{self.name}”没有对应指标，请在 note 写明为何不采用")
        return self

    @property
    def rule(self) -> str:
        """The rule in words, for the page of the table."""
        if self.terms:
            return " + ".join(
                f"{factor} × 第{label}栏" if factor != 1 else f"第{label}栏" for label, factor in self.terms.items()
            )
        if self.codes:
            return "、".join(f"{code}→{choice}" for code, choice in self.codes.items())
        return "逐条对应" if self.records else "原值"

    def label(self, layout: str) -> str | None:
        """What the field is called in a layout; None where that layout does not have it."""
        return self.at if isinstance(self.at, str) else self.at.get(layout)


class Total(Record):
    """A line of a form that must equal what its parts add up to; where it does not, the return is flagged."""

    layout: str = ""
    total: str
    terms: dict[str, Decimal] = {}
    #: Instead of a sum: numerator and denominator of a ratio.
    ratio: tuple[str, str] | None = None


@dataclass(frozen=True)
class Taken:
    """A row in one layout: what it becomes, the label it is told by, and every label that must be there."""

    row: FieldRow
    to: str
    label: str
    needs: tuple[str, ...]


class Form(Record):
    """One form or message of the system, in all its layouts."""

    id: str
    name: str
    layouts: tuple[str, ...] = ("1",)
    #: How confidential what it says is; decides which authorisation lets it in.
    group: Group
    #: The key whose presence a record may not lack, where the indicator replaces a whole list.
    fields: tuple[FieldRow, ...]
    totals: tuple[Total, ...] = ()

    @model_validator(mode="after")
    def _labels_are_unique(self) -> "Form":
        for layout in self.layouts:
            seen: set[tuple[str, str | None]] = set()
            for row in self.fields:
                label = row.label(layout)
                if label and (label, row.to) in seen:
                    raise ValueError(f"表 {self.id}（{layout}）的栏次 {label} 写了两次，请删去其一")
                seen.add((label or "", row.to))
        return self

    @cached_property
    def known(self) -> dict[str, frozenset[str]]:
        """Every label that the table knows, by layout."""
        summed = {label for row in self.fields for label in row.terms}
        return {
            layout: frozenset(summed | {label for row in self.fields if (label := row.label(layout))})
            for layout in self.layouts
        }

    @cached_property
    def taken(self) -> dict[str, tuple["Taken", ...]]:
        """The rows that come in, by layout, with where each is found."""
        return {layout: tuple(self._taken(layout)) for layout in self.layouts}

    def _taken(self, layout: str) -> Iterator["Taken"]:
        for row in self.fields:
            label = row.label(layout) if not row.terms else next(iter(row.terms))
            if row.to is not None and row.direction != "out" and label is not None:
                yield Taken(row, row.to, label, tuple(row.terms) or (label,))


class MappingTable(Record):
    """All that is known of one system's messages."""

    system: str
    name: str
    #: The catalogue's source under which it files.
    source: str
    documents: tuple[str, ...] = ()
    forms: tuple[Form, ...]

    @cached_property
    def by_form(self) -> dict[str, Form]:
        return {form.id: form for form in self.forms}


@dataclass(frozen=True)
class Incoming:
    """What was sent: one form of one enterprise, as it stood on the wire."""

    form: str
    layout: str
    year: int | None
    fields: Mapping[str, Any]


@dataclass
class Mapped:
    """What a message says in the catalogue's words, and what it says besides."""

    #: year (None for what holds now) → indicator → value in the unit of the official forms.
    values: dict[int | None, dict[str, Any]] = field(default_factory=dict[int | None, dict[str, Any]])
    #: Fields that no row speaks of, as sent.
    unknown: dict[str, Any] = field(default_factory=dict[str, Any])
    #: Field label → why it cannot be used.
    unusable: dict[str, str] = field(default_factory=dict[str, str])
    #: Totals that do not add up: told, not refused.
    doubts: list[str] = field(default_factory=list[str])


def load_table(system: str, catalogue: Catalogue) -> MappingTable:
    """Read a system's table and hold it against the catalogue.

    Raises:
        MappingError: it contradicts itself, or names what the catalogue does not have or not in that unit or period.
    """
    path = FOLDER / system / "mapping.yaml"
    try:
        table = MappingTable.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise MappingError(f"{system}/{path.name}：{error}") from error
    faults = faults_of(table, catalogue)
    if faults:
        raise MappingError(f"{system}/{path.name}：" + "；".join(faults))
    return table


def faults_of(table: MappingTable, catalogue: Catalogue) -> list[str]:
    """Everything in which a table contradicts the catalogue."""
    faults = [] if table.source in {one.id for one in catalogue.sources} else [f"目录中没有数据来源 {table.source}"]
    for form in table.forms:
        for row in form.fields:
            if row.unit not in UNITS:
                faults.append(f"表 {form.id}“{row.name}”的单位“{row.unit}”不在 {'、'.join(UNITS)} 之内")
            elif row.to is not None:
                faults += [f"表 {form.id}“{row.name}”{text}" for text in _against(row, form, table, catalogue)]
    return faults


def _against(row: FieldRow, form: Form, table: MappingTable, catalogue: Catalogue) -> list[str]:
    indicator = catalogue.indicator(row.to or "")
    if indicator is None:
        return [f"对应的指标 {row.to} 不在目录中"]
    faults: list[str] = []
    if indicator.type not in UNITS[row.unit][0]:
        faults.append(f"的单位 {row.unit} 不能成为 {indicator.type} 类指标 {indicator.id}")
    if (indicator.period is Period.YEARLY) != (row.period != "current"):
        faults.append(f"的期间 {row.period} 与指标 {indicator.id} 不符")
    if row.direction != "out" and table.source not in indicator.sources:
        faults.append(f"：指标 {indicator.id} 不采信来源 {table.source}")
    if isinstance(row.at, dict) and (strange := set(row.at) - set(form.layouts)):
        faults.append(f"写了没有的版式 {'、'.join(sorted(strange))}")
    if wrong := {str(choice) for choice in row.codes.values() if not isinstance(choice, bool)} - set(indicator.choices):
        if indicator.type is Type.CHOICE:
            faults.append(f"的代码对应到 {indicator.id} 没有的选项 {'、'.join(sorted(wrong))}")
    if wrong := set(row.records.values()) - {one.id for one in indicator.fields}:
        faults.append(f"的记录对应到 {indicator.id} 没有的项 {'、'.join(sorted(wrong))}")
    return faults


def map_in(form: Form, sent: Incoming, catalogue: Catalogue) -> Mapped:
    """What a message says, under the catalogue's names and in its units."""
    mapped = Mapped()
    for taken in form.taken[sent.layout]:
        row, label = taken.row, taken.label
        if any(sent.fields.get(one) is None for one in taken.needs):
            continue
        indicator = catalogue.by_name[taken.to]
        try:
            value = _turned(row, label, sent, indicator)
            read_value(indicator, value)  # a figure that the registry could not read is told here, not in the middle
        except (ValueError, ArithmeticError) as error:
            mapped.unusable[label] = f"第{label}栏“{row.name}”{error}"
            continue
        year = None if row.period == "current" else _year(row, sent)
        mapped.values.setdefault(year, {})[indicator.id] = value
    known = form.known[sent.layout]
    mapped.unknown = {label: value for label, value in sent.fields.items() if label not in known}
    mapped.doubts = _doubts(form, sent)
    return mapped


def map_out(form: Form, layout: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What we tell a system, in its fields and units; `values` are by indicator, in the unit of the official forms."""
    told: dict[str, Any] = {}
    for row in form.fields:
        label = row.label(layout)
        if row.to is None or row.direction == "in" or label is None or values.get(row.to) is None:
            continue
        value, factor = values[row.to], UNITS[row.unit][1]
        told[label] = (
            (Decimal(str(value)) / factor).normalize() if isinstance(value, int | Decimal) and factor != 1 else value
        )
    return told


def _year(row: FieldRow, sent: Incoming) -> int:
    if sent.year is None:
        raise MappingError(f"表 {sent.form} 没有年度，而“{row.name}”分年度")
    return sent.year - 1 if row.period == "year-1" else sent.year


def _turned(row: FieldRow, label: str, sent: Incoming, indicator: Indicator) -> Any:
    if row.terms:
        return _scaled(
            sum((number_in(sent.fields[one]) * factor for one, factor in row.terms.items()), Decimal(0)), row, indicator
        )
    value = sent.fields[label]
    if row.codes:
        if str(value) not in row.codes:
            raise ValueError(f"的代码“{value}”不在 {'、'.join(row.codes)} 之内")
        return row.codes[str(value)]
    if row.records:
        return _records(row, value)
    if indicator.type in _NUMERIC:
        return _scaled(number_in(value), row, indicator)
    return value


def _scaled(number: Decimal, row: FieldRow, indicator: Indicator) -> int | Decimal:
    scaled = number * UNITS[row.unit][1]
    if indicator.type is Type.MONEY:
        # Forms give cents; 80 % of a cent is finer than money is.
        scaled = scaled.quantize(Decimal("0.000001"))
    return int(scaled) if scaled == scaled.to_integral_value() else scaled.normalize()


def _records(row: FieldRow, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"应为记录列表，没有时为 []，实为 {value!r:.60}")
    found: list[dict[str, Any]] = []
    for item in value:  # type: ignore[reportUnknownVariableType]
        if not isinstance(item, Mapping):
            raise ValueError(f"的记录应为对象，实为 {item!r:.60}")
        found.append({row.records[name]: one for name, one in item.items() if name in row.records and one is not None})  # type: ignore[reportUnknownVariableType]
    return found


def number_in(value: Any) -> Decimal:
    """A number on the wire: JSON's own, or digits in a text, as the forms print amounts.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str | float):
        raise ValueError(f"应为数字，实为 {value!r:.60}")
    try:
        number = Decimal(str(value).replace(",", ""))
    except InvalidOperation as error:
        raise ValueError(f"应为数字，实为“{value!s:.60}”") from error
    if not number.is_finite() or (number and abs(number.adjusted()) > 30):
        raise ValueError(f"数值超出范围：{value!s:.60}")
    return number


def _doubts(form: Form, sent: Incoming) -> list[str]:
    return [doubt for one in form.totals if one.layout in ("", sent.layout) and (doubt := _doubt(one, sent.fields))]


def _doubt(one: Total, fields: Mapping[str, Any]) -> str:
    """How a total differs from its parts; empty where it does not, or where a part was not sent."""
    asked = (one.total, *(one.ratio or ()), *one.terms)
    try:
        number = {label: number_in(fields[label]) for label in asked}
    except (KeyError, ValueError):
        return ""
    if one.ratio is not None:
        numerator, denominator = one.ratio
        if not number[denominator]:
            return ""
        due, tolerance = number[numerator] / number[denominator], PER_TEN_THOUSAND
        parts = f"第{numerator}栏 ÷ 第{denominator}栏"
    else:
        due, tolerance = sum((number[label] * factor for label, factor in one.terms.items()), Decimal(0)), CENT
        parts = "、".join(f"第{label}栏" for label in one.terms)
    if abs(due - number[one.total]) <= tolerance:
        return ""
    return f"第{one.total}栏为 {number[one.total]}，按{parts}应为 {due.quantize(tolerance)}"
