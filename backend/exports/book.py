"""Lists as workbooks, as staff expect them: frozen head, filters, codes as text, units in the head, formulas inert.

What does not fit into a sheet goes on in the next one, and after some sheets in the next file. Rows are written as they
come and kept nowhere, so that a list of a million needs no more memory than one of ten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from backend.clock import CHINA

#: Rows of a sheet in Excel, the head among them.
EXCEL_ROWS: Final = 1_048_576
#: More digits a number in Excel does not keep.
_MOST_DIGITS: Final = 15
_MOST_CHARACTERS: Final = 32_767

Kind = Literal["text", "day", "money", "share", "count", "number"]
#: 万元 with two decimals, and further ones down to the fen where there are any.
_FORMATS: Final[dict[Kind, str]] = {
    "text": "@", "day": "yyyy-mm-dd", "money": "#,##0.00####", "share": "0.00##", "count": "#,##0", "number": "General",
}  # fmt: skip


@dataclass(frozen=True)
class Head:
    """A column of a list: its words with the unit, its width in characters, and what stands below."""

    label: str
    width: int = 16
    kind: Kind = "text"


@dataclass(frozen=True)
class Limits:
    """How much goes into a sheet, its head included, and how many sheets into a file."""

    rows_a_sheet: int = EXCEL_ROWS
    #: Excel opens a file of several full sheets very slowly.
    sheets_a_file: int = 2


@dataclass(frozen=True)
class Written:
    """A file that was written."""

    path: Path
    rows: int


class ListBook:
    """A list that is being written, row by row, into as many sheets and files as it takes."""

    def __init__(
        self,
        folder: Path,
        title: str,
        heads: Sequence[Head],
        *,
        frozen: int = 1,
        note: str = "",
        limits: Limits | None = None,
    ) -> None:
        self.files: list[Written] = []
        self._folder, self._title, self._heads = folder, title, heads
        self._frozen, self._note, self._limits = frozen, note, limits or Limits()
        self._book: xlsxwriter.Workbook | None = None
        self._sheet: Worksheet | None = None
        self._formats: dict[str, Any] = {}
        self._line = self._sheets = self._rows = 0

    def add(self, values: Sequence[Any]) -> None:
        """Write a row: text, days, numbers; None leaves a cell empty."""
        if self._sheet is None or self._line >= self._limits.rows_a_sheet:
            self._next_sheet()
        assert self._sheet is not None
        for place, (head, value) in enumerate(zip(self._heads, values, strict=True)):
            if value is not None and value != "":
                self._write(self._sheet, place, head, value)
        self._line += 1
        self._rows += 1

    def close(self) -> list[Written]:
        """Finish the last file. Returns all files; a list without rows is one with its head."""
        if self._sheet is None and not self.files:
            self._next_sheet()
        self._end_file()
        return self.files

    # Sheets and files ----------------------------------------------------------------------------

    def _next_sheet(self) -> None:
        if self._book is not None and self._sheets >= self._limits.sheets_a_file:
            self._end_file()
        self._end_sheet()
        if self._book is None:
            self._begin_file()
        assert self._book is not None
        self._sheets += 1
        name = self._title[:24] if self._sheets == 1 else f"{self._title[:24]} {self._sheets}"
        self._sheet, self._line = self._book.add_worksheet(name), 1
        for place, head in enumerate(self._heads):
            self._sheet.set_column(place, place, head.width)
            self._sheet.write_string(0, place, head.label[:_MOST_CHARACTERS], self._formats["head"])
        self._sheet.freeze_panes(1, self._frozen)
        if self._note:
            self._sheet.write_comment(0, 0, self._note)

    def _begin_file(self) -> None:
        # Texts that look like formulas stay texts: they come from other people's files.
        options = {
            "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
            "tmpdir": str(self._folder),
        }  # fmt: skip
        self._path = self._folder / f"{len(self.files) + 1}.xlsx"
        self._book, self._sheets, self._rows = xlsxwriter.Workbook(str(self._path), options), 0, 0
        head = {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "vcenter"}
        self._formats = {"head": self._book.add_format(head)} | {
            kind: self._book.add_format({"num_format": shown}) for kind, shown in _FORMATS.items()
        }

    def _end_sheet(self) -> None:
        if self._sheet is not None:
            self._sheet.autofilter(0, 0, max(1, self._line - 1), len(self._heads) - 1)
        self._sheet = None

    def _end_file(self) -> None:
        self._end_sheet()
        if self._book is not None:
            self._book.close()
            self.files.append(Written(self._path, self._rows))
        self._book = None

    def _write(self, sheet: Worksheet, place: int, head: Head, value: Any) -> None:
        form = self._formats[head.kind]
        if isinstance(value, datetime):
            # Excel knows no time zones; the bureau's is the only one, and the database tells moments in another.
            here = value.astimezone(CHINA) if value.tzinfo is not None else value
            sheet.write_string(self._line, place, f"{here:%Y-%m-%d %H:%M}", self._formats["text"])
        elif isinstance(value, date):
            sheet.write_datetime(self._line, place, datetime.combine(value, time()), self._formats["day"])
        elif isinstance(value, bool):
            sheet.write_string(self._line, place, "是" if value else "否", self._formats["text"])
        elif isinstance(value, int | float | Decimal) and _fits(value):
            sheet.write_number(self._line, place, float(value), form)
        else:
            sheet.write_string(self._line, place, str(value)[:_MOST_CHARACTERS], self._formats["text"])


def _fits(value: float | Decimal) -> bool:
    """Whether Excel keeps all digits of a number."""
    exact = Decimal(str(value))
    return exact.is_finite() and len(exact.normalize().as_tuple().digits) <= _MOST_DIGITS
