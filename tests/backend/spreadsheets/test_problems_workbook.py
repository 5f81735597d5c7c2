"""The workbook with the bad rows: what it holds, and that it is read again once corrected."""

import io
import zipfile
from typing import Any

from backend.spreadsheets.problems_workbook import problems_workbook
from backend.spreadsheets.workbook import Cell, open_workbook
from tests.backend.spreadsheets.conftest import Read
from tests.backend.spreadsheets.test_tables import CODES, FIRMS

LEDGER: list[list[Any]] = [
    ["海陵区企业台账"],
    ["企业名称", "统一社会信用代码", "2024年营业收入（万元）", "备注"],
    [FIRMS[0], CODES[0], 5, ""],
    [FIRMS[1], CODES[1], "约3000", '=HYPERLINK("x")'],
    [FIRMS[2], "91321202141874238A", 7, "+1"],
]


def _rows(content: bytes) -> list[list[Cell]]:
    return list(open_workbook(content).sheets[0].rows)


def test_only_the_bad_rows_come_back_with_their_reasons(read: Read) -> None:
    rows = _rows(problems_workbook(read(LEDGER)))
    assert [row[0] for row in rows] == ["海陵区企业台账", "企业名称", FIRMS[1], FIRMS[2]]
    assert rows[1][-2:] == ["原表行号", "问题说明"]
    assert rows[2][-2:] == [4, "第 4 行“2024年营业收入（万元）”填的是“约3000”，请改为数字，如 3000。"]


def test_nothing_in_it_is_a_formula(read: Read) -> None:
    with zipfile.ZipFile(io.BytesIO(problems_workbook(read(LEDGER)))) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    assert _rows(problems_workbook(read(LEDGER)))[2][3] == '=HYPERLINK("x")'


def test_codes_stay_text(read: Read) -> None:
    rows = _rows(problems_workbook(read(LEDGER)))
    assert [row[1] for row in rows[2:]] == [CODES[1], "91321202141874238A"]


def test_it_is_read_again_as_the_original_was(read: Read) -> None:
    again = read(problems_workbook(read(LEDGER)))
    assert again.layout == "ledger"
    assert [(row.enterprise.name, row.is_good) for row in again.rows] == [(FIRMS[1], False), (FIRMS[2], False)]
    assert not again.tables[0].unrecognised


def test_a_two_row_head_with_years_survives_the_way_back(read: Read) -> None:
    rows = [
        ["单位：万元"],
        ["企业名称", "营业收入", ""],
        ["", "2023年", "2024年"],
        [FIRMS[0], "约5", 6],
        [FIRMS[1], 1, 2],
    ]
    again = read(problems_workbook(read(rows, merges=["A2:A3", "B2:C2"])))
    assert {(figure.indicator, figure.year) for figure in again.rows[0].figures} == {("operating_revenue", 2024)}
    assert [problem.value for problem in again.problems] == ["约5"]


def test_rows_of_several_sheets_stay_on_theirs(read: Read) -> None:
    bad = [["企业名称", "统一社会信用代码"], [FIRMS[0], "1"]]
    book = open_workbook(
        problems_workbook(read({"海陵区": bad, "姜堰区": bad, "兴化市": [bad[0], [FIRMS[1], CODES[1]]]}))
    )
    assert [sheet.name for sheet in book.sheets] == ["海陵区", "姜堰区"]


def test_without_bad_rows_it_says_so(read: Read) -> None:
    result = read([["企业名称", "统一社会信用代码"], [FIRMS[0], CODES[0]]])
    assert _rows(problems_workbook(result)) == [["没有需要改正的行。"]]
