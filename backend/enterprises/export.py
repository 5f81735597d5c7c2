"""Lists of enterprises as workbooks, as staff expect them: frozen head, filters, codes as text, formulas inert."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter

from backend.enterprises.columns import Column
from backend.enterprises.labels import Names
from backend.web.filters import rung

_NAME_WIDTH = 40


def enterprises_workbook(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], names: Names, on: date) -> bytes:
    """A list of enterprises, their names and the columns chosen, with the titles in force on a day."""
    target = BytesIO()
    # Texts that look like formulas stay texts: they come from other people's files.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("企业名单")
        head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        # The code goes before the name, as in the bureau's own ledgers.
        shown: list[Column | None] = [*(one for one in columns if one.id == "code"), None]
        shown += [one for one in columns if one.id != "code"]
        for place, column in enumerate(shown):
            sheet.set_column(place, place, column.width if column else _NAME_WIDTH)
            sheet.write_string(0, place, column.label if column else "企业名称", head)
        for line, row in enumerate(rows, start=1):
            for place, column in enumerate(shown):
                _write(sheet, line, place, _shown(column, row, names) if column else row["name"], day)
        sheet.freeze_panes(1, shown.index(None) + 1)
        sheet.autofilter(0, 0, max(1, len(rows)), len(shown) - 1)
        sheet.write_comment(0, 0, f"截至 {on}")
    return target.getvalue()


def _shown(column: Column, row: Mapping[str, Any], names: Names) -> Any:
    value = column.of(row, names)
    return rung(str(value or "")) if column.kind == "rung" else value


def _write(sheet: Any, line: int, place: int, value: Any, day: Any) -> None:
    if isinstance(value, date):
        sheet.write_datetime(line, place, value, day)
    elif isinstance(value, Decimal | int | float):
        sheet.write_number(line, place, value)
    elif value:
        sheet.write_string(line, place, value)
