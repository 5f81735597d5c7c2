"""The list behind a number as a file: CSV and workbook, codes as text, formulas inert."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any

import xlsxwriter

from backend.plans.members import Member
from backend.plans.schemas import region_name

HEADS = ("统一社会信用代码", "企业名称", "市（区）", "认定", "证书或登记编号", "起", "止")
_WIDTHS = (22, 40, 18, 24, 24, 12, 12)


def rows_of(
    members: Iterable[Member], titles: Mapping[int, Sequence[Mapping[str, Any]]], names: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """A row per enterprise, with its latest title of those the target counts."""
    rows: list[tuple[str, ...]] = []
    for member in members:
        held = titles.get(member.id, ())
        last: Mapping[str, Any] = held[-1] if held else {}
        rows.append(
            (
                member.credit_code or "",
                member.name,
                region_name(member.region_code),
                "、".join(dict.fromkeys(names.get(one["programme"], one["programme"]) for one in held)),
                str(last.get("number") or ""),
                str(last.get("valid_from") or ""),
                str(last.get("valid_to") or ""),
            )
        )
    return rows


def as_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """With the mark by which Excel knows UTF-8."""
    target = StringIO()
    writer = csv.writer(target)
    writer.writerow(HEADS)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    return target.getvalue().encode("utf-8-sig")


def as_workbook(rows: Sequence[Sequence[str]], title: str) -> bytes:
    """A sheet with a line on top that says what is counted, and on which day."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("名单")
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1})
        sheet.write_string(0, 0, title, book.add_format({"bold": True}))
        for column, (name, width) in enumerate(zip(HEADS, _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(1, column, name, head)
        for line, row in enumerate(rows, start=2):
            for column, value in enumerate(row):
                sheet.write_string(line, column, value)
        sheet.freeze_panes(2, 2)
        sheet.autofilter(1, 0, max(2, len(rows) + 1), len(HEADS) - 1)
    return target.getvalue()


def _inert(cell: str) -> str:
    """Excel would run a cell of a CSV that begins like a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
