"""Lists of enterprises as workbooks, as staff expect them: frozen head, filters, codes as text, formulas inert."""

from collections.abc import Mapping, Sequence
from datetime import date
from io import BytesIO
from typing import Any, Protocol

import xlsxwriter


class NamesOf(Protocol):
    """Who can tell the Chinese name of a code."""

    def programme(self, programme: str) -> str: ...
    def region(self, code: str) -> str: ...
    def industry(self, code: str) -> str: ...


_HEADS = (
    ("统一社会信用代码", 22), ("企业名称", 40), ("市（区）", 14), ("镇街", 14), ("园区", 18), ("行业", 26), ("成立日期", 12),
    ("规上工业", 10), ("有效认定", 40),
)  # fmt: skip


def enterprises_workbook(rows: Sequence[Mapping[str, Any]], names: NamesOf, on: date) -> bytes:
    """A list of enterprises with the titles in force on a day."""
    target = BytesIO()
    # Texts that look like formulas stay texts: they come from other people's files.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("企业名单")
        head = book.add_format(
            {"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True, "valign": "vcenter"}
        )
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for column, (title, width) in enumerate(_HEADS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, head)
        for line, row in enumerate(rows, start=1):
            _write_row(sheet, line, row, names, day)
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(1, len(rows)), len(_HEADS) - 1)
        sheet.write_comment(0, 8, f"截至 {on} 有效")
    return target.getvalue()


def _write_row(sheet: Any, line: int, row: Mapping[str, Any], names: NamesOf, day: Any) -> None:
    texts = (
        row["credit_code"] or "", row["name"], names.region(row["region_code"]), row["town"], row["park"],
        names.industry(row["industry_code"]),
    )  # fmt: skip
    for column, value in enumerate(texts):
        sheet.write_string(line, column, value)
    if row["established_on"]:
        sheet.write_datetime(line, 6, row["established_on"], day)
    sheet.write_string(line, 7, {True: "是", False: "否"}.get(row["is_above_scale"], ""))
    sheet.write_string(line, 8, "、".join(names.programme(one["programme"]) for one in row["titles"]))
