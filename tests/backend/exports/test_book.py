"""Lists as workbooks: split where Excel ends, inert, with the right digits; and every workbook of the program is inert."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from backend.exports.book import EXCEL_ROWS, Head, Limits, ListBook

HEADS = [Head("统一社会信用代码", 22), Head("企业名称", 40), Head("2025 销售收入（万元）", kind="money")]
BACKEND = Path(__file__).parents[3] / "backend"


def written(
    folder: Path, rows: list[list[Any]], heads: list[Head] = HEADS, **limits: int
) -> list[dict[str, list[list[Any]]]]:
    """Each file's sheets with their rows."""
    book = ListBook(folder, "企业名单", heads, frozen=2, limits=Limits(**limits))
    for row in rows:
        book.add(row)
    return [_sheets(one.path) for one in book.close()]


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_path(str(path))
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def firms(count: int) -> list[list[Any]]:
    return [[f"9132120200000{number:05}", f"泰州第{number}有限公司", number] for number in range(count)]


def test_a_list_goes_on_in_further_sheets_and_files_with_the_head_on_each(tmp_path: Path):
    files = written(tmp_path, firms(11), rows_a_sheet=4, sheets_a_file=2)
    assert [list(one) for one in files] == [["企业名单", "企业名单 2"], ["企业名单", "企业名单 2"]]
    assert [[len(rows) for rows in one.values()] for one in files] == [[4, 4], [4, 3]]
    assert {rows[0][1] for one in files for rows in one.values()} == {"企业名称"}
    names = [row[1] for one in files for rows in one.values() for row in rows[1:]]
    assert names == [row[1] for row in firms(11)]


def test_a_full_sheet_is_what_excel_can_hold():
    assert Limits().rows_a_sheet == EXCEL_ROWS == 1_048_576


def test_a_list_without_rows_is_a_head(tmp_path: Path):
    assert written(tmp_path, []) == [{"企业名单": [[head.label for head in HEADS]]}]


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", '=HYPERLINK("http://x")', "http://x.cn"]
)
def test_formulas_and_addresses_stay_text_in_cells_and_heads(tmp_path: Path, text: str):
    (sheets,) = written(tmp_path, [[text, text, text]], [Head(text), Head("b"), Head("c", kind="money")])
    assert sheets["企业名单"] == [[text, "b", "c"], [text, text, text]]
    with ZipFile(tmp_path / "1.xlsx") as archive:
        xml = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in xml
    assert b"hyperlink" not in xml


def test_codes_are_text_and_keep_every_digit(tmp_path: Path):
    (sheets,) = written(tmp_path, [["913212020000000001", "甲", 1]])
    assert sheets["企业名单"][1][0] == "913212020000000001"


def test_money_keeps_its_fen_and_shows_two_decimals_at_least(tmp_path: Path):
    (sheets,) = written(tmp_path, [["a", "b", Decimal("1234.567891")], ["a", "b", 5]])
    assert [row[2] for row in sheets["企业名单"][1:]] == [1234.567891, 5]
    with ZipFile(tmp_path / "1.xlsx") as archive:
        assert b'formatCode="#,##0.00####"' in archive.read("xl/styles.xml")


def test_a_number_that_excel_would_round_is_text(tmp_path: Path):
    (sheets,) = written(tmp_path, [["a", "b", Decimal("1234567890123456.78")]])
    assert sheets["企业名单"][1][2] == "1234567890123456.78"


def test_moments_are_those_of_the_bureaus_clock_whatever_the_databases(tmp_path: Path):
    (sheets,) = written(tmp_path, [[datetime(2026, 11, 22, 16, 36, tzinfo=UTC), "", ""]])
    assert sheets["企业名单"][1][0] == "2026-11-23 00:36"


def test_days_moments_and_truths_are_what_people_read(tmp_path: Path):
    row = [date(2026, 11, 17), datetime(2026, 11, 17, 0, 30, tzinfo=UTC), True]
    (sheets,) = written(tmp_path, [row], [Head("日", kind="day"), Head("时"), Head("是否")])
    assert sheets["企业名单"][1] == [date(2026, 11, 17), "2026-11-17 08:30", "是"]


def test_the_head_is_frozen_and_filtered_over_all_rows(tmp_path: Path):
    written(tmp_path, firms(3))
    with ZipFile(tmp_path / "1.xlsx") as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
    assert 'xSplit="2" ySplit="1"' in xml
    assert '<autoFilter ref="A1:C4"/>' in xml


def _workbooks() -> Iterator[tuple[str, str]]:
    for path in BACKEND.rglob("*.py"):
        said = path.read_text(encoding="utf-8")
        # The results of a filled workbook are written with the template's options.
        if "book_template import OPTIONS" in said:
            said += (path.parent / "book_template.py").read_text(encoding="utf-8")
        if "xlsxwriter.Workbook(" in said:
            yield str(path.relative_to(BACKEND)), said


WORKBOOKS = list(_workbooks())


@pytest.mark.parametrize(("path", "said"), WORKBOOKS, ids=[path for path, _ in WORKBOOKS])
def test_every_workbook_that_the_program_writes_leaves_formulas_and_links_as_text(path: str, said: str):
    for option in ("strings_to_formulas", "strings_to_urls", "strings_to_numbers"):
        assert re.search(rf'"{option}": False', said), f"{path} does not switch off {option}"
    assert "write_formula" not in said
