"""A bulletin as Word and as Excel: the same tables and sentences as on the page."""

from io import BytesIO
from typing import Any

import docx
import xlsxwriter

from backend.plans.bulletin import Bulletin
from backend.plans.bulletin_tables import (
    DISTRICT_HEADS,
    TARGET_HEADS,
    behind_by_district,
    district_tables,
    target_table,
)
from backend.plans.bulletin_texts import SECTIONS
from backend.plans.paper import add_sheet, add_table, caption, heading, paragraph, set_up
from backend.web.filters import number


def as_word(content: Bulletin) -> bytes:
    """The bulletin as a Word file, A4 across."""
    paper: Any = docx.Document()
    set_up(paper)
    heading(paper, content.title, 18, centred=True)
    paragraph(paper, f"（{content.quarter.name}，{content.report.territory.name}）", centred=True)
    _written(paper, content, "opening")
    for sentence in content.sentences:
        paragraph(paper, sentence, indent=True)
    heading(paper, "一、目标完成情况", 14)
    add_table(paper, TARGET_HEADS, target_table(content))
    tables = district_tables(content)
    if tables:
        heading(paper, "二、分市（区）情况", 14)
    for target, rows in tables:
        caption(paper, f"{target.name}（{target.unit}）")
        add_table(paper, DISTRICT_HEADS, rows)
    _behind(paper, content, "三" if tables else "二")
    if content.corrections:
        heading(paper, "上期数更正", 14)
        for one in content.corrections:
            paragraph(
                paper, f"{one.target.name}：上期通报 {number(one.then)}，现为 {number(one.now)} {one.target.unit}。"
            )
    _written(paper, content, "next_steps")
    heading(paper, "说明", 14)
    for place, note in enumerate(content.notes, 1):
        paragraph(paper, f"{place}. {note}")
    for finding in content.findings:
        paragraph(paper, f"规划核对：{finding.title}。{finding.explanation}")
    target_file = BytesIO()
    paper.save(target_file)
    return target_file.getvalue()


def _behind(paper: Any, content: Bulletin, place: str) -> None:
    heading(paper, f"{place}、滞后目标", 14)
    if not content.behind:
        paragraph(paper, "本季度没有滞后的目标。", indent=True)
    for line in content.behind:
        paragraph(paper, f"{line.target.id} {line.target.name}：{line.progress.reason}", indent=True)
    districts = behind_by_district(content)
    if districts:
        heading(paper, "滞后市（区）", 12)
    for words in districts:
        paragraph(paper, words, indent=True)
    _written(paper, content, "causes")


def _written(paper: Any, content: Bulletin, section: str) -> None:
    """What people wrote, under its name, a paragraph for each of their lines."""
    lines = [line.strip() for line in content.texts.get(section, "").splitlines() if line.strip()]
    if lines:
        heading(paper, SECTIONS[section], 12)
    for line in lines:
        paragraph(paper, line, indent=True)


def as_workbook(content: Bulletin) -> bytes:
    """The bulletin's tables as a workbook: targets, districts, what is behind, notes."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
        titled = (f"{content.title}（{content.quarter.name}，{content.report.territory.name}）", head)
        add_sheet(book, "目标", titled, TARGET_HEADS, target_table(content))
        districts = [(one.name, *row) for one, rows in district_tables(content) for row in rows]
        add_sheet(book, "分市（区）", titled, ("指标", *DISTRICT_HEADS), districts)
        behind = [(line.target.id, line.target.name, line.progress.reason) for line in content.behind]
        add_sheet(book, "滞后", titled, ("编号", "指标", "原因"), behind)
        add_sheet(book, "滞后市（区）", titled, ("情况",), [(words,) for words in behind_by_district(content)])
        corrections = [(one.target.name, number(one.then), number(one.now)) for one in content.corrections]
        add_sheet(book, "上期更正", titled, ("指标", "上期通报", "现为"), corrections)
        add_sheet(book, "说明", titled, ("说明",), [(words,) for words in (*content.sentences, *content.notes)])
        written = [(SECTIONS[name], body) for name in SECTIONS if (body := content.texts.get(name))]
        add_sheet(book, "文字", titled, ("项目", "内容"), written)
    return target.getvalue()
