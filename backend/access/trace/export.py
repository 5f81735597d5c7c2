"""The trace as a file for the auditor's own tools. Nothing in it is ever a formula."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Final

import xlsxwriter

from backend.access.trace.schemas import Entry
from backend.clock import CHINA
from backend.exact_json import exact_json

#: So many entries go into one file; whoever needs more narrows the days.
MOST: Final = 100_000
HEADS: Final = (
    ("位置", 10), ("时间", 24), ("账号", 18), ("姓名", 12), ("身份", 16), ("来源地址", 18), ("请求编号", 34), ("操作", 20),
    ("对象编号", 22), ("企业", 34), ("结果", 10), ("事由", 30), ("之前", 50), ("之后", 50),
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def trace_csv(entries: Sequence[Entry]) -> bytes:
    """With the mark that lets Excel read it as UTF-8; texts that look like formulas are quoted with an apostrophe."""
    target = StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow([head for head, _ in HEADS])
    writer.writerows([inert(text) for text in _texts(one)] for one in entries)
    return target.getvalue().encode("utf-8-sig")


def trace_workbook(entries: Sequence[Entry]) -> bytes:
    """The same as a workbook: every cell a text."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("操作留痕")
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1})
        for column, (title, width) in enumerate(HEADS):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, title, head)
        for line, one in enumerate(entries, start=1):
            for column, value in enumerate(_texts(one)):
                # Excel takes 32,767 signs a cell.
                sheet.write_string(line, column, value[:32_000])
        sheet.freeze_panes(1, 2)
        sheet.autofilter(0, 0, max(1, len(entries)), len(HEADS) - 1)
    return target.getvalue()


def inert(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _texts(one: Entry) -> tuple[str, ...]:
    return (
        str(one.position), one.at.astimezone(CHINA).isoformat(sep=" ", timespec="milliseconds"), one.actor,
        one.person_name or "", one.role, one.address, one.request_id, one.deed, one.subject_id, one.enterprise_name or "",
        one.outcome, one.reason, _json(one.before), _json(one.after),
    )  # fmt: skip


def _json(values: object) -> str:
    return "" if values is None else exact_json(values)
