"""Workbooks of the own layouts as staff really fill them in: what cannot be told is said, the rest is read."""

import io
from collections.abc import Sequence
from typing import Any

import pytest
import xlsxwriter

from backend.plans.breakdown_book import COLUMNS as SHARES
from backend.plans.plan_book import read_targets
from backend.subregisters.entries_book import columns_of
from backend.subregisters.schemas import register_named
from backend.subregisters.sheets import MOST_LINES, SheetRefused, read_sheet
from tests.backend.spreadsheets.conftest import make_workbook

HEAD = ["编号", "指标", "原文", "条款", "目标值", "目标年", "口径"]
ROWS = [
    ["T900-01", "高企数", "高企达到100家", "一、（二）", 100, 2027, "有效数"],
    ["T900-02", "科小数", "科小达到200家", "一、（二）", 200, 2027, "有效数"],
    ["T900-03", "瞪羚数", "瞪羚达到10家", "一、（三）", 10, 2027, "有效数"],
]


def merged(regions: Sequence[str], rows: Sequence[Sequence[Any]] = (HEAD, *ROWS)) -> bytes:
    """Rows of which regions are merged as Excel does it: only the first cell of each keeps what it holds."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        sheet, empty = book.add_worksheet(), book.add_format()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
        for region in regions:
            first = region.split(":")[0]
            sheet.merge_range(region, rows[int(first[1:]) - 1][ord(first[0]) - 65], empty)
    return made.getvalue()


def told(content: bytes) -> list[str]:
    return [one.text for one in read_targets(content, "目标.xlsx", "P900").troubles]


# Merged cells -----------------------------------------------------------------------------------------


def test_a_clause_merged_over_its_targets_holds_for_each_and_that_is_said():
    read = read_targets(merged(["D2:D3", "F2:F4", "G2:G4"]), "目标.xlsx", "P900")
    assert [(one["cite"], one["year"]) for one in read.targets] == [
        ("一、（二）", 2027), ("一、（二）", 2027), ("一、（三）", 2027),
    ]  # fmt: skip
    assert read.notes == ("合并的单元格按每一行都填了同样内容读取：D2:D3、F2:F4、G2:G4。",)


def test_a_number_merged_over_two_targets_is_refused_once_with_the_region():
    assert told(merged(["E2:E3"])) == [
        "第 2 行“目标值”填的是“100”，与下面的行合并成了一格（E2:E3），分不清是哪一行的。"
        "请取消合并，在第 2 到第 3 行分别填写。"
    ]  # fmt: skip


def test_cells_merged_across_columns_are_refused_with_the_region():
    (one,) = told(merged(["B3:C3"]))
    assert one.startswith("第 3 行“指标”填的是“科小数”，把 B3:C3 几列合并成了一格")


# Rows that are no lines -------------------------------------------------------------------------------


def test_a_heading_a_sum_and_a_signature_are_told_once_each():
    content = make_workbook(
        [HEAD, ["一、总体目标"], *ROWS, ["合计", "", "", "", 310], ["填报人：张三"]], merges=["A2:G2"]
    )
    assert told(content) == [
        "第 2 行只有一格“一、总体目标”，像是标题、说明或落款，不是数据。请删去这一行，或把各列填全。",
        "第 6 行像是小计、合计行。系统自己汇总，请删去这一行。",
        "第 7 行只有一格“填报人：张三”，像是标题、说明或落款，不是数据。请删去这一行，或把各列填全。",
    ]


def test_the_head_once_more_is_no_line_and_the_rows_below_it_are_read():
    read = read_targets(make_workbook([HEAD, ROWS[0], [], HEAD, *ROWS[1:]]), "目标.xlsx", "P900")
    assert (len(read.targets), read.troubles) == (3, [])
    assert read.notes == ("第 4 行是重复的表头，已略过。",)


def test_another_table_below_whose_columns_stand_otherwise_is_told_once():
    other = [list(reversed(row)) for row in (HEAD, *ROWS)]
    (one,) = told(make_workbook([HEAD, *ROWS, [], *other]))
    assert one.startswith("第 6 行又是一个表头，列与上面的不同。")


# Which sheet, which column ----------------------------------------------------------------------------


def test_two_sheets_with_lines_are_refused_by_name_instead_of_reading_the_first():
    with pytest.raises(SheetRefused, match="有 2 张工作表都填了数据：“市本级”、“海陵”"):
        read_targets(make_workbook({"市本级": [HEAD, ROWS[0]], "海陵": [HEAD, ROWS[1]]}), "目标.xlsx", "P900")


def test_a_hidden_sheet_is_not_read_in_place_of_the_one_that_is_seen():
    book = make_workbook({"封面": [["规划"]], "旧": [HEAD, ROWS[0]], "新": [HEAD, *ROWS[1:]]}, hidden=["旧"])
    read = read_targets(book, "目标.xlsx", "P900")
    assert [one["id"] for one in read.targets] == ["T900-02", "T900-03"]
    assert read.notes == ("工作表“封面”没有读：没有找到表头。", "工作表“旧”没有读：隐藏的工作表。")


def test_where_only_a_hidden_sheet_has_the_head_that_is_what_is_said():
    content = make_workbook({"说明": [["请填第二张表"]], "目标": [HEAD, *ROWS]}, hidden=["目标"])
    with pytest.raises(SheetRefused, match="工作表“目标”没有读：隐藏的工作表。如确要导入，请取消隐藏"):
        read_targets(content, "目标.xlsx", "P900")


def test_two_columns_of_one_title_that_differ_are_refused_with_their_letters():
    doubled = make_workbook([[*HEAD, "目标值"], *([*row, 999] for row in ROWS)])
    with pytest.raises(SheetRefused, match="表头“目标值”在 E 列和 H 列各有一个，内容不同"):
        read_targets(doubled, "目标.xlsx", "P900")


def test_hidden_rows_and_columns_are_read_and_said_to_be_hidden():
    read = read_targets(make_workbook([HEAD, *ROWS], hidden_rows=[3]), "目标.xlsx", "P900")
    assert len(read.targets) == 3
    assert read.notes == ("隐藏的行也已读取：第 3 行。",)


def test_a_head_in_another_unit_of_money_is_refused_before_it_is_ten_thousand_times_too_much():
    register = register_named("contracts")
    columns = columns_of(register)
    amount = next(column for column in columns if column.name == "amount")
    head = [column.title for column in columns if column.required] + [amount.title.replace("万元", "元")]
    with pytest.raises(SheetRefused, match=r"写的单位是元，这一列应以万元为单位"):
        read_sheet(make_workbook([head, ["x"] * len(head)]), "台账.xlsx", columns)


def test_more_lines_than_a_person_waits_for_are_refused():
    text = "编号,年度,分解对象,分解值\n" + "T000-01,2027,海陵区,1\n" * (MOST_LINES + 1)
    with pytest.raises(SheetRefused, match="有 20,000 行以上的数据"):
        read_sheet(text.encode(), "分解.csv", SHARES)
