"""Workbooks of our own layouts: a head with known titles, a line a thing. All lines are good, or nothing is written.

The cells are read as everywhere (`backend.spreadsheets.cells`): nothing is guessed, and what is wrong is told with
Excel's row number, the column's title and what stands there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter

from backend.spreadsheets.cells import CellProblem, plain, read_date, read_number, read_text, says_nothing, shown
from backend.spreadsheets.workbook import Cell, Sheet, WorkbookError, open_workbook
from backend.web.errors import Refusal

#: The head stands in one of the first rows; a title and notes may stand above it.
ROWS_ABOVE = 12
_SHOWN = 30


class SheetRefused(Refusal):
    """A file of which nothing can be read."""

    status = 422
    slug = "sheet-refused"
    title = "这份文件不能导入"


@dataclass(frozen=True)
class Column:
    """A column of a layout: its key, its title, how its cells are read, other titles it goes by."""

    name: str
    title: str
    read: Callable[[Cell], Any]
    also: tuple[str, ...] = ()
    required: bool = False
    width: int = 16

    @property
    def titles(self) -> frozenset[str]:
        return frozenset(_label(one) for one in (self.title, *self.also))


@dataclass(frozen=True)
class Trouble:
    """One thing wrong in one cell or line."""

    row: int
    column: str
    value: str
    reason: str

    @property
    def text(self) -> str:
        """What a person reads."""
        where = f"第 {self.row} 行" if self.row else "整份文件"
        what = f"“{self.column}”填的是“{self.value}”，" if self.value else f"“{self.column}”" if self.column else ""
        return f"{where}{what}{self.reason}"


@dataclass(frozen=True)
class Line:
    """A line of the table with Excel's number and its values by column; what a cell does not say is None."""

    row: int
    values: Mapping[str, Any]

    def trouble(self, column: Column, reason: str) -> Trouble:
        """Something wrong with a value that was read."""
        value = self.values.get(column.name)
        return Trouble(self.row, column.title, "" if value is None else str(value), reason)


@dataclass
class SheetRead:
    """What a file says, and what in it cannot be understood."""

    lines: list[Line] = field(default_factory=list[Line])
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    #: Titles that the layout does not know; their cells are not read.
    unknown: tuple[str, ...] = ()


def read_sheet(content: bytes, file_name: str, columns: Sequence[Column]) -> SheetRead:
    """Read the first sheet that has the layout's head.

    Raises:
        SheetRefused: no workbook, no head, or nothing below it.
    """
    try:
        book = open_workbook(content, file_name)
    except WorkbookError as problem:
        raise SheetRefused(str(problem)) from problem
    for sheet in book.sheets:
        if (found := _head(sheet, columns)) is not None:
            return _read(sheet, found[0], found[1], columns, file_name)
    needed = "、".join(column.title for column in columns if column.required)
    raise SheetRefused(
        f"“{file_name}”里没有找到表头。表头应在前 {ROWS_ABOVE} 行内，并有这些列：{needed}。可先下载模板。"
    )


def _head(sheet: Sheet, columns: Sequence[Column]) -> tuple[int, dict[int, Column]] | None:
    for number, row in enumerate(sheet.rows[:ROWS_ABOVE]):
        places = _places([_label(plain(cell)) for cell in row], columns)
        if all(column in places.values() for column in columns if column.required):
            return number, places
    return None


def _places(labels: Sequence[str], columns: Sequence[Column]) -> dict[int, Column]:
    """Which column stands where: by its own title first, and only then by another it goes by."""
    places: dict[int, Column] = {}
    for titles_of in (lambda column: {_label(column.title)}, lambda column: column.titles):
        for column in columns:
            if column in places.values():
                continue
            titles = titles_of(column)
            place = next((n for n, label in enumerate(labels) if n not in places and label in titles), None)
            if place is not None:
                places[place] = column
    return places


def _label(title: str) -> str:
    return plain(title).partition("(")[0].replace(" ", "").replace("*", "")


def _read(
    sheet: Sheet, head: int, places: Mapping[int, Column], columns: Sequence[Column], file_name: str
) -> SheetRead:
    found = SheetRead(
        unknown=tuple(shown(cell) for place, cell in enumerate(sheet.rows[head]) if place not in places and shown(cell))
    )
    for number, row in enumerate(sheet.rows[head + 1 :], head + 2):
        if all(says_nothing(cell) for cell in row):
            continue
        values: dict[str, Any] = {column.name: None for column in columns}
        for place, column in places.items():
            cell = row[place] if place < len(row) else ""
            try:
                values[column.name] = None if says_nothing(cell) else column.read(cell)
            except CellProblem as problem:
                told = "，".join(part for part in (problem.reason, problem.remedy) if part)
                found.troubles.append(Trouble(number, column.title, shown(cell)[:_SHOWN], f"{told}。"))
                continue
            if column.required and values[column.name] in (None, ""):
                found.troubles.append(Trouble(number, column.title, "", "没有填写。"))
        found.lines.append(Line(number, values))
    if not found.lines:
        raise SheetRefused(f"“{file_name}”只有表头，没有数据行。请填好后重新上传。")
    return found


# --- How cells are read ----------------------------------------------------------------------------------


def words(cell: Cell) -> str | None:
    """Ordinary text."""
    return read_text(cell) or None


def a_day(cell: Cell) -> date | None:
    """A whole day.

    Raises:
        CellProblem: no day, or only a month or a year.
    """
    found = read_date(cell)
    if found is None:
        return None
    if found.day is None:
        raise CellProblem("not_a_day", "只到年或月", "请写明年月日，如 2025-11-18")
    return found.day


def a_number(cell: Cell) -> Decimal | None:
    """An exact number."""
    return read_number(cell)


def one_of(choices: Mapping[str, str]) -> Callable[[Cell], str | None]:
    """A choice by its Chinese name or its id."""

    def read(cell: Cell) -> str | None:
        said = read_text(cell)
        if not said:
            return None
        found = next((key for key, label in choices.items() if said in (key, label)), None)
        if found is None:
            raise CellProblem("unknown_choice", "", f"应为{'、'.join(choices.values())}之一")
        return found

    return read


def yes(cell: Cell) -> bool:
    """是, √ … or nothing."""
    return read_text(cell).upper() in ("是", "有", "√", "Y", "YES", "TRUE", "1")


# --- Writing them ----------------------------------------------------------------------------------------


def write_sheet(name: str, note: str, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> bytes:
    """A workbook that can be handed in again: a line on top saying what to do, the head, the lines."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet(name[:31])
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
        days = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_string(0, 0, note)
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
            sheet.write_string(1, place, column.title + ("*" if column.required else ""), head)
        for number, row in enumerate(rows, 2):
            for place, value in enumerate(row):
                _write(sheet, number, place, value, days)
        sheet.freeze_panes(2, 0)
    return target.getvalue()


def _write(sheet: Any, row: int, place: int, value: object, days: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, date):
        sheet.write_datetime(row, place, value, days)
    elif isinstance(value, bool):
        sheet.write_string(row, place, "是" if value else "")
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, place, float(value))
    else:
        sheet.write_string(row, place, str(value))
