"""A yearly assessment as Word and as Excel: the same tables and sentences as on the page."""

from io import BytesIO
from typing import Any

import docx
import xlsxwriter

from backend.plans.assessment import (
    BODY_HEADS,
    DISTRICT_HEADS,
    SUMMARY_HEADS,
    Assessment,
    body_table,
    district_table,
    summary_table,
)
from backend.plans.bulletin_tables import TARGET_HEADS, target_table
from backend.plans.paper import add_sheet, add_table, heading, paragraph, set_up


def as_word(content: Assessment) -> bytes:
    """The assessment as a Word file, A4 across."""
    paper: Any = docx.Document()
    set_up(paper)
    heading(paper, content.title, 18, centred=True)
    for sentence in content.sentences:
        paragraph(paper, sentence, indent=True)
    parts = [
        ("全部目标", TARGET_HEADS, target_table(content.content)),
        ("市（区）综合排位", SUMMARY_HEADS, summary_table(content)),
        ("市（区）分项完成情况", DISTRICT_HEADS, district_table(content)),
        ("责任单位任务完成情况", BODY_HEADS, body_table(content)),
    ]
    for place, (words, heads, rows) in zip("一二三四", [part for part in parts if part[2]], strict=False):
        heading(paper, f"{place}、{words}", 14)
        add_table(paper, heads, rows)
    heading(paper, "说明", 14)
    for place, note in enumerate(content.notes, 1):
        paragraph(paper, f"{place}. {note}")
    target = BytesIO()
    paper.save(target)
    return target.getvalue()


def as_workbook(content: Assessment) -> bytes:
    """The assessment's tables as a workbook."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
        titled = (content.title, head)
        add_sheet(book, "市（区）排位", titled, SUMMARY_HEADS, summary_table(content))
        add_sheet(book, "市（区）分项", titled, DISTRICT_HEADS, district_table(content))
        add_sheet(book, "全部目标", titled, TARGET_HEADS, target_table(content.content))
        add_sheet(book, "责任单位", titled, BODY_HEADS, body_table(content))
        add_sheet(book, "说明", titled, ("说明",), [(words,) for words in (*content.sentences, *content.notes)])
    return target.getvalue()
