"""What the tests of reading share: the catalogue, and a way to make a workbook in one line."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any

import pytest
import xlsxwriter

from backend.spreadsheets import starting
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult
from rules.catalogue import Catalogue, load_catalogue

Rows = Sequence[Sequence[Any]]


@cache
def the_catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return the_catalogue()


def make_workbook(
    sheets: Mapping[str, Rows] | Rows,
    merges: Sequence[str] = (),
    hidden: Sequence[str] = (),
    hidden_rows: Sequence[int] = (),
    percent: Sequence[str] = (),
) -> bytes:
    """An .xlsx of rows of cells; `merges` such as `A4:A5` are made on every sheet."""
    content = io.BytesIO()
    named = sheets if isinstance(sheets, Mapping) else {"Sheet1": sheets}
    with xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False}) as book:
        day, share = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "0.0%"})
        for name, rows in named.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(number, column, datetime.combine(cell, time()), day)
                    elif isinstance(cell, str):
                        sheet.write_string(number, column, cell) if cell else None
                    elif cell is not None:
                        is_share = f"{chr(65 + column)}{number + 1}" in percent
                        sheet.write(number, column, cell, share if is_share else None)
            for merge in merges:
                first = merge.split(":")[0]
                value = rows[int(first[1:]) - 1][ord(first[0]) - 65]
                sheet.merge_range(merge, value)
            for number in hidden_rows:
                sheet.set_row(number - 1, None, None, {"hidden": True})
            if name in hidden:
                sheet.hide()
    return content.getvalue()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request waits for its import however busy the machine is; what happens otherwise is tested by itself."""
    monkeypatch.setattr(starting, "PATIENCE_SECONDS", 60)


Read = Callable[..., ReadResult]


@pytest.fixture
def read(catalogue: Catalogue) -> Read:
    """Read rows, sheets of rows, or bytes; keywords are those of `make_workbook` and `ReadOptions`."""

    def read_it(source: Any, file_name: str = "测试.xlsx", **keywords: Any) -> ReadResult:
        making = {key: keywords.pop(key) for key in ("merges", "hidden", "hidden_rows", "percent") if key in keywords}
        content = source if isinstance(source, bytes) else make_workbook(source, **making)
        return read_file(content, catalogue, ReadOptions(**keywords), file_name)

    return read_it
