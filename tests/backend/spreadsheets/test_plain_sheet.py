"""A large workbook that is written plainly is read row by row, and says what the usual reader says of it."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest
import xlsxwriter

from backend.spreadsheets import plain_sheet, workbook
from backend.spreadsheets.packed_rows import PackedRows
from backend.spreadsheets.workbook import OversizedWorkbook, Workbook, open_workbook
from tests.backend.spreadsheets.conftest import make_workbook
from tests.shared_data import shared_data

BOOKS = (
    "messy-excel/ledger_layout_taizhou.xlsx", "messy-excel/annual_report_staff_jiangsu.xlsx",
    "made-up-lists/hnte_announcement.xlsx", "made-up-lists/list_layout_srdi_batch.xlsx",
)  # fmt: skip


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], tuple[Workbook, Workbook]]:
    """A workbook as it is read when it is large, and as it is read otherwise."""

    def read(content: bytes) -> tuple[Workbook, Workbook]:
        monkeypatch.setattr(plain_sheet, "LARGE", 0)
        large = open_workbook(content, "台账.xlsx")
        monkeypatch.setattr(plain_sheet, "LARGE", 10**12)
        return large, open_workbook(content, "台账.xlsx")

    return read


BothWays = Callable[[bytes], tuple[Workbook, Workbook]]


def told(book: Workbook) -> list[Any]:
    """All that is told of a workbook; what a cell holds with its kind."""
    return [
        (
            one.name, one.is_hidden, one.merges, one.hidden_rows, one.hidden_columns,
            [[(type(cell).__name__, cell) for cell in row] for row in one.rows],
        )
        for one in book.sheets
    ]  # fmt: skip


def is_packed(book: Workbook) -> bool:
    return all(isinstance(one.rows, PackedRows) for one in book.sheets)


def written(*, row_by_row: bool) -> bytes:
    """What bureaus' workbooks hold, with the texts in the cells or shared."""
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"constant_memory": row_by_row, "in_memory": not row_by_row}) as book:
        formats = {
            name: book.add_format({"num_format": code})
            for name, code in {
                "day": "yyyy-mm-dd", "slashed": 14, "chinese": 'yyyy"年"m"月"d"日"', "share": "0.00%", "money": "#,##0.00",
                "wan": '0.0,"万"',
            }.items()
        }  # fmt: skip
        sheet = book.add_worksheet("台账")
        sheet.write_row(0, 1, ["A & B <公司>", '引"号', "两\n行", " 前后空格 ", "泰州ＡＢＣ"])
        sheet.write_row(3, 0, [1, -2.5, 1e-7, 123456789012345678, True, False])
        for column, name in enumerate(("day", "slashed", "chinese", "share", "money", "wan")):
            sheet.write_number(4, column, 45000, formats[name])
        sheet.write_formula(5, 0, "=A4+1", None, 2)
        results: list[Any] = ["文本", "#DIV/0!"]
        sheet.write_formula(5, 1, '=B1&"x"', None, results[0])
        sheet.write_formula(5, 2, "=1/0", None, results[1])
        sheet.write_blank(6, 3, None, formats["money"])
        sheet.set_row(3, None, None, {"hidden": True})
        sheet.set_column(2, 3, None, None, {"hidden": True})
        for row in range(7, 600):
            sheet.write_row(row, 0, [row, f"泰州第{row}有限公司", row / 7])
        if not row_by_row:
            sheet.merge_range("B1:C2", "A & B <公司>")
        book.add_worksheet("空表")
        book.add_worksheet("隐藏").hide()
    return content.getvalue()


@pytest.mark.parametrize("row_by_row", [True, False])
def test_it_says_what_the_usual_reader_says(row_by_row: bool, both_ways: BothWays):
    large, usual = both_ways(written(row_by_row=row_by_row))
    assert (is_packed(large), is_packed(usual)) == (True, False)
    assert told(large) == told(usual)


@pytest.mark.parametrize("name", BOOKS)
def test_it_says_the_same_of_lists_that_staff_made(name: str, both_ways: BothWays):
    large, usual = both_ways(shared_data(name).read_bytes())
    assert told(large) == told(usual)


def changed(content: bytes, part: str, *changes: tuple[bytes, bytes]) -> bytes:
    """A workbook with something in one of its parts written otherwise."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            text = old.read(name)
            for before, after in changes if name == part else ():
                assert before in text
                text = text.replace(before, after)
            new.writestr(name, text)
    return made.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
PLAIN = make_workbook([["企业名称", "数"], ["泰州甲有限公司", 5], ["泰州乙有限公司", 7]])


@pytest.mark.parametrize(
    "changes",
    [
        [(b"<v>5</v>", b"<v>\n5</v>")],
        [(b"<v>5</v>", b"<!-- 5 --><v>5</v>")],
        [(b"<v>5</v>", b"<v><![CDATA[5]]></v>")],
        [(b"<sheetData>", b'<x:sheetData xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'),
         (b"</sheetData>", b"</x:sheetData>")],
        [(b'<c r="B2">', b'<c r="B2" t="d">'), (b"<v>5</v>", b"<v>2024-05-01</v>")],
        [(b'<c r="B3">', b'<c r="B2">')],
        [(b'<row r="3"', b'<row r="2"')],
        [(b'<row r="3"', b'<row r="three"')],
        [(b'<row r="3"', b'<row r="' + b"9" * 5000 + b'"')],
        [(b'<c r="A3" t="s"><v>', b'<c r="A3" t="s"><v>' + b"9" * 5000)],
        [(b'<c r="B2">', b'<c r="B2" s="' + b"9" * 5000 + b'">')],
        [(b"<sheetData>", b'<cols><col min="1" max="x" hidden="1"/></cols><sheetData>')],
        [(b"<sheetData>", b'<cols><col hidden="1"/></cols><sheetData>')],
        [(b'<c r="A3" t="s"><v>', b'<c r="A3" t="s"><v>99')],
        [(b'<c r="B2">', b'<c r="B2" t="str">'), (b"<v>5</v>", b"<v>a_x000D_b</v>")],
    ],
)  # fmt: skip
def test_what_is_written_otherwise_is_left_to_the_usual_reader(
    changes: Sequence[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch
):
    content = changed(PLAIN, SHEET, *changes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert plain_sheet.plain_sheets(archive, workbook.MOST_CELLS) is None


@pytest.mark.parametrize("cell", [45413.354, 5])
def test_times_of_day_and_the_first_days_of_all_are_left_to_the_usual_reader(cell: float):
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.add_worksheet().write_number(0, 0, cell, book.add_format({"num_format": "yyyy-mm-dd"}))
    with zipfile.ZipFile(content) as archive:
        assert plain_sheet.plain_sheets(archive, workbook.MOST_CELLS) is None


def test_days_that_count_from_1904_are_left_to_the_usual_reader():
    content = changed(
        make_workbook([["日期"], [date(2024, 5, 1)]]), "xl/workbook.xml", (b"<workbookPr", b'<workbookPr date1904="1"')
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert plain_sheet.plain_sheets(archive, workbook.MOST_CELLS) is None


def test_a_cell_far_away_from_all_others_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plain_sheet, "LARGE", 0)
    far = changed(
        PLAIN, SHEET, (b'<row r="3"', b'<row r="1048576"'), (b'"A3"', b'"A1048576"'), (b'"B3"', b'"XFD1048576"')
    )
    with pytest.raises(OversizedWorkbook, match="第 1,048,576 行、XFD 列"):
        open_workbook(far, "台账.xlsx")


def test_rows_are_had_in_any_order():
    rows = PackedRows()
    for number in range(1, 1001):
        rows.add(number, [float(number)] if number % 100 else [date(2024, 1, 1), "甲"])
    rows.end()
    assert (len(rows), rows.width) == (1000, 2)
    assert [row[0] for row in rows[700:703]] == [701.0, 702.0, 703.0]
    assert (rows[99], rows[0], rows[-1]) == ([date(2024, 1, 1), "甲"], [1.0, ""], [date(2024, 1, 1), "甲"])
    assert [row[0] for row in rows[:400][150:152]] == [151.0, 152.0]
