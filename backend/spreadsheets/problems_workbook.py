"""Hand the bad rows back as a workbook: the user's own columns, and behind them what is wrong and where it stood.

What comes back can be corrected and uploaded again: title lines, heads and notes are kept, so that it is read as the
original was. Nothing in it is ever a formula, and numbers that name something stay text.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from backend.spreadsheets.records import ReadResult, ReadRow, Severity, TableRead
from backend.spreadsheets.workbook import Cell, PercentCell, column_index

#: Both are ignored when the workbook is read again.
ROW_TITLE: Final = "原表行号"
PROBLEM_TITLE: Final = "问题说明"
_MOST_ROWS: Final = 1_048_576
_WIDTHS: Final = {ROW_TITLE: 9, PROBLEM_TITLE: 70}


@dataclass(frozen=True)
class _Formats:
    title: Format
    head: Format
    text: Format
    day: Format
    percent: Format
    wrong: Format
    problem: Format


def problems_workbook(result: ReadResult, rows: Sequence[ReadRow] | None = None) -> bytes:
    """The bad rows of a file as .xlsx.

    Args:
        result: the file as read.
        rows: other rows than the bad ones, for instance those the registry refused.
    """
    wanted = list(result.bad_rows if rows is None else rows)
    content = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(content, options) as book:
        formats = _formats(book)
        names: set[str] = set()
        for table in result.tables:
            own = [row for row in wanted if row.sheet == table.sheet and _belongs(row, table, result.tables)]
            if own:
                sheet = book.add_worksheet(_sheet_name(table.sheet, names))
                _write_table(sheet, table, own, formats)
        if not names:
            book.add_worksheet("没有问题").write_string(0, 0, "没有需要改正的行。", formats.text)
    return content.getvalue()


def _formats(book: xlsxwriter.Workbook) -> _Formats:
    def made(**properties: Any) -> Format:
        return book.add_format({"font_name": "宋体", "font_size": 11, "valign": "top", **properties})

    return _Formats(
        title=made(bold=True),
        head=made(bold=True, text_wrap=True, bg_color="#DDEBF7", border=1, valign="vcenter"),
        text=made(num_format="@"),
        day=made(num_format="yyyy-mm-dd"),
        percent=made(num_format="0.00%"),
        wrong=made(num_format="@", bg_color="#FFF2CC"),
        problem=made(text_wrap=True, font_color="#9C0006"),
    )


def _belongs(row: ReadRow, table: TableRead, tables: Iterable[TableRead]) -> bool:
    """Whether a row stands below this table's head and above the next one's."""
    later = [other.head_rows[0] for other in tables if other.sheet == table.sheet and other.head_rows > table.head_rows]
    return table.head_rows[-1] < row.row < min(later, default=_MOST_ROWS + 1)


def _sheet_name(wanted: str, taken: set[str]) -> str:
    """A name Excel accepts, unique regardless of case; the district a sheet is called by must survive."""
    clean = "".join("_" if character in "[]:*?/\\" else character for character in wanted).strip("' ")[:31] or "表"
    name, number = clean, 2
    while name.casefold() in taken:
        name = f"{clean[:27]}({number})"
        number += 1
    taken.add(name.casefold())
    return name


def _write_table(sheet: Worksheet, table: TableRead, rows: Sequence[ReadRow], formats: _Formats) -> None:
    columns = {column_index(letter): title for letter, title in table.titles.items()}
    width = max(columns, default=-1) + 1
    line = 0
    for text in table.lines:
        sheet.write_string(line, 0, text, formats.title)
        line += 1
    for index, title in columns.items():
        sheet.write_string(line, index, title, formats.head)
        sheet.set_column(index, index, max(10, min(40, 2 * len(title) + 4)))
    for offset, title in enumerate((ROW_TITLE, PROBLEM_TITLE)):
        sheet.write_string(line, width + offset, title, formats.head)
        sheet.set_column(width + offset, width + offset, _WIDTHS[title])
    sheet.freeze_panes(line + 1, 0)
    for number, row in enumerate(rows, start=line + 1):
        _write_row(sheet, number, row, columns, formats)
        sheet.write_number(number, width, row.row, formats.text)
        sheet.write_string(number, width + 1, _reasons(row), formats.problem)
    _write_notes(sheet, line + len(rows) + 1, table, formats)


def _write_row(sheet: Worksheet, number: int, row: ReadRow, columns: dict[int, str], formats: _Formats) -> None:
    wrong = {column_index(problem.column) for problem in row.problems if problem.column}
    for index in columns:
        cell = row.cells[index] if index < len(row.cells) else ""
        _write_cell(sheet, number, index, cell, formats.wrong if index in wrong else None, formats)


def _write_cell(sheet: Worksheet, row: int, column: int, cell: Cell, mark: Format | None, formats: _Formats) -> None:
    if isinstance(cell, bool):
        sheet.write_string(row, column, "是" if cell else "否", mark or formats.text)
    elif isinstance(cell, PercentCell):
        sheet.write_number(row, column, float(cell), formats.percent)
    elif isinstance(cell, int | float):
        # Fifteen digits are all that Excel keeps; a longer number names something and was damaged already.
        if abs(cell) < 1e15:
            sheet.write_number(row, column, cell, mark if mark and abs(cell) < 1e11 else None)
        else:
            sheet.write_string(row, column, f"{cell:.15g}", mark or formats.text)
    elif isinstance(cell, date):
        moment = cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        sheet.write_datetime(row, column, moment, formats.day)
    elif isinstance(cell, time | timedelta):
        sheet.write_string(row, column, str(cell), mark or formats.text)
    elif cell or mark:
        sheet.write_string(row, column, str(cell)[:32767], mark or formats.text)


def _reasons(row: ReadRow) -> str:
    ordered = sorted(row.problems, key=lambda problem: problem.severity is not Severity.ERROR)
    return "\n".join(
        problem.text if problem.severity is Severity.ERROR else f"（提示）{problem.text}" for problem in ordered
    )[:32767]


def _write_notes(sheet: Worksheet, line: int, table: TableRead, formats: _Formats) -> None:
    """Notes may say what a mark behind a name means, so they go along."""
    for offset, text in enumerate(table.notes):
        if text.startswith(("注", "备注", "说明", "附注")):
            sheet.write_string(line + offset, 0, text, formats.title)
