"""Workbooks as clumsy or hostile hands make them: nothing is lost without a word, and what is said names the place."""

import io
import re
import zipfile
from collections.abc import Callable

import pytest
import xlsxwriter

from backend.spreadsheets.records import ReadResult
from backend.spreadsheets.workbook import BrokenWorkbook, OversizedWorkbook, Workbook, open_workbook
from tests.backend.spreadsheets.conftest import Read, make_workbook
from tests.factories import make_code

HEAD = ["企业名称", "统一社会信用代码", "2025年营业收入（万元）"]
CODES = [make_code() for _ in range(4)]
ROWS = [["泰州甲有限公司", CODES[0], 5], ["泰州乙有限公司", CODES[1], 6]]
SHEET = "xl/worksheets/sheet1.xml"


def changed(content: bytes, change: Callable[[str], str], part: str = SHEET) -> bytes:
    """A workbook of which one part is written otherwise."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(made, "w") as target:
        for one in source.infolist():
            body = source.read(one.filename)
            target.writestr(one.filename, change(body.decode()).encode() if one.filename == part else body)
    return made.getvalue()


def said(result: ReadResult) -> list[str]:
    return [problem.text for row in result.rows for problem in row.problems]


def noted(result: ReadResult) -> str:
    return " ".join(note.text for note in result.notes)


# Two tables side by side ------------------------------------------------------------------------------


def test_of_two_lists_side_by_side_the_right_one_is_not_lost_without_a_word(read: Read):
    rows = [
        ["序号", "企业名称", "序号", "企业名称"],
        [1, "泰州甲有限公司", 3, "泰州丙有限公司"],
        [2, "泰州乙有限公司", "", ""],
    ]
    (told,) = said(read(rows, programme="hnte"))
    assert told == (
        "第 2 行“企业名称”填的是“泰州丙有限公司”，与 B 列的“企业名称”不同，"
        "一行只能有一家企业：左右并排的两张表，请改成上下相接的一张。"
    )


def test_a_name_that_merely_stands_twice_is_no_second_table(read: Read):
    assert said(read([[*HEAD, "企业名称"], *([*row, row[0]] for row in ROWS)])) == []


def test_a_second_column_of_the_same_kind_is_named(read: Read):
    rows = [
        ["企业名称", "统一社会信用代码", "注册地址", "注册地址"],
        ["泰州甲有限公司", CODES[0], "东路1号", "西路2号"],
    ]
    assert "“注册地址”（D 列）与“注册地址”（C 列）是同一项，只导入后者。" in noted(read(rows))


# Merged and wide --------------------------------------------------------------------------------------


def test_an_amount_merged_over_two_rows_is_the_first_ones_and_that_is_said(read: Read):
    result = read([HEAD, ROWS[0], [*ROWS[1][:2], None]], merges=["C2:C3"])
    assert [len(row.figures) for row in result.rows] == [1, 0]
    assert "下面的行没有取值：C2:C3“2025年营业收入（万元）”" in noted(result)


def test_a_ledger_of_three_hundred_columns_is_read_by_the_few_that_are_known(read: Read):
    wide = [f"附{number}" for number in range(300)]
    head = [*HEAD, "成立日期", *wide]
    result = read([head, *([*row, "2019-03-04", *range(300)] for row in ROWS)])
    assert [row.enterprise.credit_code for row in result.rows] == CODES[:2]


def test_columns_further_right_than_are_read_are_told(read: Read):
    head = [*HEAD, "成立日期", *(f"附{number}" for number in range(450))]
    assert "OK 列起右边的列没有读（最多 400 列）" in noted(read([head, [*ROWS[0], "2019-03-04"]]))


def test_merged_regions_that_lie_over_each_other_are_refused_before_they_are_laid_out():
    regions = '<mergeCell ref="A1:C3"/>' * 5_000
    content = changed(
        make_workbook([HEAD, *ROWS]),
        lambda xml: xml.replace("</sheetData>", f"</sheetData><mergeCells>{regions}</mergeCells>"),
    )
    with pytest.raises(BrokenWorkbook, match="已损坏"):
        open_workbook(content)


# Characters and numbers that are none -----------------------------------------------------------------


def test_control_characters_are_taken_out_of_every_cell():
    content = changed(
        make_workbook([["泰州甲有限公司"]]),
        lambda xml: xml.replace("有限", "_x0000_有限_x0007_"),
        "xl/sharedStrings.xml",
    )
    assert open_workbook(content).sheets[0].rows == [["泰州甲有限公司"]]
    assert (
        open_workbook("企业名称,地址\r\n泰州甲\x07有限公司,东路\r\n".encode()).sheets[0].rows[1][0] == "泰州甲有限公司"
    )


@pytest.mark.parametrize("number", ["NaN", "INF", "1E999"])
def test_a_number_that_is_none_has_lost_its_value(read: Read, number: str):
    content = changed(make_workbook([HEAD, *ROWS]), lambda xml: xml.replace("<v>5</v>", f"<v>{number}</v>"))
    assert any("第 2 行“2025年营业收入（万元）”填的是" in told and "没有结果" in told for told in said(read(content)))


def test_a_number_beyond_all_floats_is_left_to_the_usual_reader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("backend.spreadsheets.plain_sheet.LARGE", 0)
    content = changed(make_workbook([HEAD, *ROWS]), lambda xml: xml.replace("<v>5</v>", "<v>1E999</v>"))
    assert open_workbook(content).sheets[0].rows[1][2] == "inf"


# Text files -------------------------------------------------------------------------------------------

LINES = [
    "企业名称,统一社会信用代码,注册地址",
    *(f"泰州{name}有限公司,{code},东路" for name, code in zip("甲乙丙丁", CODES, strict=True)),
]


def opened(text: str) -> Workbook:
    return open_workbook(text.encode(), "表.csv")


def test_a_quote_that_nobody_closed_is_told_with_its_line():
    with pytest.raises(BrokenWorkbook, match="第 3 行有一个引号"):
        opened("\r\n".join([*LINES[:2], LINES[2].replace("东路", '"东路'), *LINES[3:]]))


def test_two_stray_quotes_do_not_swallow_the_rows_between_them():
    lines = [*LINES[:2], LINES[2].replace("东路", '"东路'), LINES[3], LINES[4].replace("东路", '东路"')]
    with pytest.raises(BrokenWorkbook, match="第 3 行有一个引号"):
        opened("\r\n".join(lines))


def test_a_cell_of_several_lines_in_quotes_stays_one():
    rows = opened("\n".join([*LINES[:2], LINES[2].replace("东路", '"东路\n5号, 3楼\n后门"'), LINES[3]])).sheets[0].rows
    assert [len(row) for row in rows] == [3, 3, 3, 3]
    assert rows[2][2] == "东路\n5号, 3楼\n后门"


def test_text_in_utf_32_is_read(read: Read):
    assert len(read("\r\n".join(LINES).encode("utf-32"), "表.csv").rows) == 4


# Hostile archives -------------------------------------------------------------------------------------


def test_an_archive_that_lies_about_its_size_is_no_way_into_the_memory():
    content = bytearray(
        changed(make_workbook([HEAD]), lambda xml: xml.replace("</sheetData>", " " * 90_000 + "</sheetData>"))
    )
    name = SHEET.encode()
    for match in re.finditer(rb"PK\x01\x02", bytes(content)):
        if bytes(content[match.start() + 46 :][: len(name)]) == name:
            content[match.start() + 24 : match.start() + 28] = (100).to_bytes(4, "little")
    with pytest.raises(BrokenWorkbook):
        open_workbook(bytes(content))


def test_a_sheet_whose_last_cell_is_the_last_of_all_is_refused_without_laying_it_out():
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    with pytest.raises(OversizedWorkbook, match="第 1,048,576 行、XFD 列"):
        open_workbook(changed(make_workbook([HEAD, *ROWS]), lambda xml: xml.replace("</sheetData>", far)))


def test_dates_counted_from_1904_mean_the_same_days(read: Read):
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "date_1904": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["企业名称", "统一社会信用代码", "成立日期"])
        sheet.write_row(1, 0, ["泰州甲有限公司", CODES[0], 42066], book.add_format({"num_format": "yyyy-mm-dd"}))
    (row,) = read(made.getvalue()).rows
    assert str(row.enterprise.established_on) == "2019-03-04"
