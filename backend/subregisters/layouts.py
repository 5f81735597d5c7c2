"""Columns of our own layouts: what stands in them, how their cells are read, and the workbooks they make."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter

from backend.spreadsheets.cells import CellProblem, plain, read_date, read_number, read_text
from backend.spreadsheets.workbook import Cell


@dataclass(frozen=True)
class Column:
    """A column of a layout: its key, its title, how its cells are read, other titles it goes by."""

    name: str
    title: str
    read: Callable[[Cell], Any]
    also: tuple[str, ...] = ()
    required: bool = False
    width: int = 16
    #: Whether a cell merged downwards holds for every line it covers; a number or a name never does.
    fills: bool = False

    @property
    def titles(self) -> frozenset[str]:
        return frozenset(plain_title(one) for one in (self.title, *self.also))


def plain_title(title: str) -> str:
    return plain(title).partition("(")[0].replace(" ", "").replace("*", "")


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
        sheet.autofilter(1, 0, 1 + len(rows), len(columns) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(1)
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
