"""Fields of the self-check: what each asks for, and what was typed into them.

f.<indicator>  f.<indicator>.<year>      a value
none.<indicator>                         ticked: known not to exist, and for records: looked, there are none
r.<indicator>.<row>.<field>              one field of one record
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from backend.self_check.sheet import Sheet, usable
from backend.self_check.typed import TypedProblem, read_typed
from rules.catalogue import Indicator, Period, RecordField, Type
from rules.library import Library
from rules.translation import say, sentences
from rules.values import FactKey
from rules.wording import fact_name, unit_of_indicator, yes_or_no

#: Records that a form offers rooms for beyond those that are there; a saved file may hold more.
_ROOM = 2
_MOST_RECORDS = 60
#: What may be known not to exist: a day on which something ended, a certificate that was never issued.
_MAY_BE_NONE = frozenset({Type.DATE, Type.TEXT, Type.CHOICE, Type.LIST})
_KINDS = {Type.BOOLEAN: "choice", Type.CHOICE: "choice", Type.DATE: "date", Type.TEXT: "text", Type.LIST: "records"}


@dataclass(frozen=True)
class Entry:
    """One field, or a table of fields for records, as a template draws it."""

    key: FactKey
    indicator: Indicator
    #: `number`, `choice`, `date`, `text` or `records`.
    kind: str
    text: str = ""
    is_none: bool = False
    options: Sequence[tuple[str, str]] = ()
    #: Of records: a row of texts for each, by field; the last ones are empty.
    rows: Sequence[Mapping[str, str]] = ()
    error: str = ""

    @property
    def name(self) -> str:
        """The field's name in the form."""
        return name_of(self.key)

    @property
    def label(self) -> str:
        """The indicator, with its year by number."""
        return fact_name(self.key, self.indicator)

    @property
    def unit(self) -> str:
        """The unit of the official form."""
        return unit_of_indicator(self.indicator)

    @property
    def may_be_none(self) -> bool:
        """Whether the form offers to say that there is none."""
        return self.indicator.type in _MAY_BE_NONE and "none" not in self.indicator.choices


@dataclass(frozen=True)
class Taken:
    """A sheet with what a form brought, and the fields that could not be read, with what was typed there."""

    sheet: Sheet
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    typed: Mapping[str, str] = field(default_factory=dict[str, str])


def name_of(key: FactKey) -> str:
    """The name of the field for a fact."""
    return f"f.{key.indicator}" + (f".{key.year}" if key.year is not None else "")


def take(form: Iterable[tuple[str, str]], sheet: Sheet, library: Library) -> Taken:
    """Lay what was typed over a sheet; what cannot be read leaves the sheet as it was.

    A field left blank takes its answer back.
    """
    texts = {name: text.strip() for name, text in form}
    errors: dict[str, str] = {}
    for name, text in texts.items():
        if (key := _key_in(name, library)) is not None:
            sheet = _take_one(key, name, text, texts, sheet, library, errors)
    listed = {name.split(".")[1] for name in texts if name.startswith("r.") and name.count(".") == 3}
    ticked = {name.removeprefix("none.") for name in texts if name.startswith("none.")}
    for name in sorted(listed | ticked):
        indicator = library.catalogue.indicator(name)
        if indicator is not None and indicator.type is Type.LIST:
            sheet = _take_records(indicator, texts, sheet, library, errors)
    return Taken(sheet, errors, {name: texts[name] for name in errors if name in texts})


def _key_in(name: str, library: Library) -> FactKey | None:
    parts = name.split(".")
    if parts[0] != "f" or not 2 <= len(parts) <= 3:
        return None
    indicator = library.catalogue.indicator(parts[1])
    if indicator is None or (indicator.period is Period.YEARLY) != (len(parts) == 3):
        return None
    if len(parts) == 2:
        return FactKey(indicator.id)
    return FactKey(indicator.id, int(parts[2])) if parts[2].isdecimal() and len(parts[2]) == 4 else None


def _take_one(
    key: FactKey,
    name: str,
    text: str,
    texts: Mapping[str, str],
    sheet: Sheet,
    library: Library,
    errors: dict[str, str],
) -> Sheet:
    indicator = library.catalogue.by_name[key.indicator]
    if f"none.{key.indicator}" in texts and key.year is None:
        return sheet.with_value(key, "none")
    if not text:
        return sheet.with_value(key, None)
    try:
        value = read_typed(indicator, text)
    except TypedProblem as problem:
        errors[name] = say("“{name}”：{problem}", name=fact_name(key, indicator), problem=problem)
        return sheet
    whole = {str(key.year): value} if key.year is not None else value
    _, wrong = usable(indicator, whole, library, sheet.as_of)
    if wrong:
        errors[name] = sentences(wrong)
        return sheet
    return sheet.with_value(key, value)


def _take_records(
    indicator: Indicator, texts: Mapping[str, str], sheet: Sheet, library: Library, errors: dict[str, str]
) -> Sheet:
    key = FactKey(indicator.id)
    rows = _rows_in(indicator, texts)
    if not rows:
        return sheet.with_value(key, [] if f"none.{indicator.id}" in texts else None)
    records: list[dict[str, Any]] = []
    for number, row in rows:
        record: dict[str, Any] = {}
        for one in indicator.fields:
            if row.get(one.id):
                name = f"r.{indicator.id}.{number}.{one.id}"
                try:
                    record[one.id] = read_typed(one, row[one.id])
                except TypedProblem as problem:
                    errors[name] = say(
                        "“{name}”第 {number} 条的“{field}”：{problem}",
                        name=indicator.name, number=number, field=one.name, problem=problem,
                    )  # fmt: skip
        records.append(record)
    if any(name.startswith(f"r.{indicator.id}.") for name in errors):
        return sheet
    _, wrong = usable(indicator, records, library, sheet.as_of)
    if wrong:
        errors[f"r.{indicator.id}.{rows[0][0]}.{indicator.fields[0].id}"] = sentences(wrong)
        return sheet
    return sheet.with_value(key, records)


def _rows_in(indicator: Indicator, texts: Mapping[str, str]) -> list[tuple[int, dict[str, str]]]:
    rows: dict[int, dict[str, str]] = {}
    for name, text in texts.items():
        parts = name.split(".")
        if len(parts) == 4 and parts[:2] == ["r", indicator.id] and parts[2].isdecimal() and text:
            rows.setdefault(int(parts[2]), {})[parts[3]] = text
    return sorted(rows.items())[:_MOST_RECORDS]


def entry(key: FactKey, sheet: Sheet, library: Library, taken: Taken | None = None) -> Entry:
    """The field for a fact, filled with what is known, or with what was typed and could not be read."""
    indicator = library.catalogue.by_name[key.indicator]
    value = sheet.value(key)
    name = name_of(key)
    errors, typed = (taken.errors, taken.typed) if taken is not None else ({}, {})
    rows: list[dict[str, str]] = []
    error = errors.get(name, "")
    if indicator.type is Type.LIST:
        rows = [{one.id: text_of(one, record.get(one.id)) for one in indicator.fields} for record in value or []]
        rows += [{one.id: "" for one in indicator.fields} for _ in range(_ROOM)]
        _lay_typed(indicator, rows, typed)
        error = sentences(text for place, text in errors.items() if place.startswith(f"r.{indicator.id}."))
    return Entry(
        key, indicator, _KINDS.get(indicator.type, "number"),
        text=typed.get(name) or text_of(indicator, value),
        is_none=value == "none" or value == [],
        options=_options(indicator), rows=rows, error=error,
    )  # fmt: skip


def _lay_typed(indicator: Indicator, rows: list[dict[str, str]], typed: Mapping[str, str]) -> None:
    for name, text in typed.items():
        parts = name.split(".")
        if len(parts) == 4 and parts[1] == indicator.id and 1 <= int(parts[2]) <= len(rows):
            rows[int(parts[2]) - 1][parts[3]] = text


def _options(what: Indicator | RecordField) -> list[tuple[str, str]]:
    if what.type is Type.BOOLEAN:
        return [("true", yes_or_no(True)), ("false", yes_or_no(False))]
    return list(what.choices.items())


def field_options(what: RecordField) -> list[tuple[str, str]]:
    """The choices of a record's field; none where one types."""
    return _options(what)


def text_of(what: Indicator | RecordField, value: Any) -> str:
    """A value as it stands in its field."""
    if value is None or value == "none" or isinstance(value, list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
