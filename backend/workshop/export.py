"""Scenarios compared, as a workbook: the totals side by side, the groups, and every enterprise that enters or leaves."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import xlsxwriter

from backend.workshop.scenarios import Outcome, as_yaml, compared

_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
GROUPS = (("region", "市（区）"), ("industry", "行业"), ("size", "规模"), ("deciding", "决定条件"))


def outcomes_workbook(outcomes: Sequence[Outcome]) -> bytes:
    """All scenarios in one workbook."""
    content = BytesIO()
    with xlsxwriter.Workbook(content, _OPTIONS) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
        totals = (
            (_title(number, one), one.run.simulation.before.id, one.run.simulation.size, one.run.simulation.eligible_before,
             one.run.simulation.eligible_after, one.entering, one.leaving, as_yaml(one.patch))
            for number, one in enumerate(outcomes, start=1)
        )  # fmt: skip
        heads = ("方案", "现行版本", "企业数", "现行符合", "方案符合", "新进", "退出", "补丁")
        _write(book.add_worksheet("比较"), heads, totals, head)
        moves = [f"方案{number} {word}" for number in range(1, len(outcomes) + 1) for word in ("新进", "退出")]
        beside = (
            (label, row.name, *(count for pair in row.moves for count in pair))
            for group, label in GROUPS
            for row in compared(outcomes, group)
        )
        _write(book.add_worksheet("对照"), ("分类", "名称", *moves), beside, head)
        for number, one in enumerate(outcomes, start=1):
            rows = (
                ("新进" if moved.enters else "退出", moved.name, moved.credit_code, moved.region, moved.industry, moved.size,
                 "；".join(one.criterion(name) for name in moved.deciding))
                for moved in one.moved
            )  # fmt: skip
            names = ("变化", "企业名称", "统一社会信用代码", "市（区）", "行业", "规模", "决定条件")
            _write(book.add_worksheet(f"方案{number} 企业"), names, rows, head)
    return content.getvalue()


def _title(number: int, outcome: Outcome) -> str:
    return f"方案{number}" + (f"：{outcome.patch.note}" if outcome.patch.note else "")


def _write(sheet: Any, heads: Sequence[str], rows: Iterable[Sequence[Any]], head: Any) -> None:
    for column, title in enumerate(heads):
        sheet.set_column(column, column, 22)
        sheet.write_string(0, column, title, head)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, int):
                sheet.write_number(line, column, value)
            else:
                sheet.write_string(line, column, value)
    sheet.freeze_panes(1, 0)
