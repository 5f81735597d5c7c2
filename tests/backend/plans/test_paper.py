"""Papers as Word sets them: columns fit their words, nothing is torn, sheets are numbered."""

from io import BytesIO
from typing import Any

import docx
import pytest
import xlsxwriter
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn

from backend.plans.paper import add_sheet, add_table, caption, heading, set_up
from tests.backend.spreadsheets.filling_in import part_of

HEADS = ("序号", "指标", "现值", "备注")
ROWS = [
    ("1", "省科技领军企业、独角兽企业、瞪羚企业（合计）", "824", ""),
    ("2", "高层次人才", "未报", "由人社部门发布"),
    ("3", "实验室", "—", ""),
]


@pytest.fixture
def paper() -> Any:
    made = docx.Document()
    set_up(made)
    return made


def test_a_column_is_as_wide_as_its_words_for_programs_that_go_by_columns_too(paper: Any):
    add_table(paper, HEADS, ROWS)
    (table,) = paper.tables
    widths = [column.width.cm for column in table.columns]
    assert sum(widths) == pytest.approx(26.1, abs=0.05)
    assert widths[1] > 4 * widths[0]
    assert [cell.width.cm for cell in table.rows[1].cells] == pytest.approx(widths)


def test_columns_of_figures_stay_whole_where_long_texts_need_the_room(paper: Any):
    add_table(paper, ("完成率",) * 8 + ("原因",) * 5, [("100.0%",) * 8 + ("很长的原因" * 9,) * 5])
    assert min(column.width.cm for column in list(paper.tables[0].columns)[:8]) > 1.4


def test_figures_stand_to_the_right_also_where_one_is_not_reported(paper: Any):
    add_table(paper, HEADS, ROWS)
    sides = [cell.paragraphs[0].alignment for cell in paper.tables[0].rows[2].cells]
    right, left = WD_ALIGN_PARAGRAPH.RIGHT, WD_ALIGN_PARAGRAPH.LEFT
    assert sides == [right, left, right, left]


def test_no_row_is_torn_and_a_small_table_stays_with_its_caption(paper: Any):
    caption(paper, "高新技术企业（家）")
    add_table(paper, HEADS, ROWS)
    rows = paper.tables[0].rows
    assert all(row._tr.trPr.find(qn("w:cantSplit")) is not None for row in rows)
    held = [row.cells[0].paragraphs[0].paragraph_format.keep_with_next for row in rows]
    assert [paper.paragraphs[-1].paragraph_format.keep_with_next, *held] == [True, True, True, True, False]


def test_a_heading_is_never_the_last_line_of_a_sheet(paper: Any):
    heading(paper, "一、目标完成情况", 14)
    assert paper.paragraphs[-1].paragraph_format.keep_with_next is True


def test_sheets_are_numbered_and_punctuation_is_set_as_on_the_mainland(paper: Any):
    assert "PAGE" in paper.sections[0].footer._element.xml
    assert 'w:eastAsia="zh-CN"' in paper.styles["Normal"].element.xml


def test_a_workbooks_sheet_is_filtered_and_printed_on_one_paper_across_with_its_head():
    made = BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        add_sheet(book, "目标", ("通报", book.add_format()), HEADS, ROWS)
    sheet = part_of(made.getvalue(), "xl/worksheets/sheet1.xml")
    assert '<autoFilter ref="A2:D5"/>' in sheet
    assert 'orientation="landscape"' in sheet
    assert 'fitToHeight="0"' in sheet
    assert "$2:$2" in part_of(made.getvalue(), "xl/workbook.xml")
