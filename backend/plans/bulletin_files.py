"""A bulletin as Word and as Excel: the same tables and sentences as on the page."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import docx
import xlsxwriter
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from backend.plans.bulletin import (
    DISTRICT_HEADS,
    SECTIONS,
    TARGET_HEADS,
    Bulletin,
    district_tables,
    target_table,
)
from backend.web.filters import number

#: What official documents are set in; where a machine lacks them it takes its own Song.
BODY_FONT = "仿宋"
HEADING_FONT = "黑体"
#: Widths of the first table on a landscape sheet, in centimetres.
_WIDTHS = (1.0, 4.6, 1.3, 2.3, 1.7, 1.6, 1.6, 1.6, 1.7, 1.5, 1.8, 2.6, 2.6)


def as_word(content: Bulletin) -> bytes:
    """The bulletin as a Word file, A4 across."""
    paper: Any = docx.Document()
    _set_up(paper)
    _heading(paper, content.title, 18, centred=True)
    _line(paper, f"（{content.quarter.name}，{content.report.territory.name}）", centred=True)
    for section in ("opening",):
        if content.texts.get(section):
            _line(paper, content.texts[section])
    for sentence in content.sentences:
        _line(paper, sentence, indent=True)
    _heading(paper, "一、目标完成情况", 14)
    _table(paper, TARGET_HEADS, target_table(content), _WIDTHS)
    tables = district_tables(content)
    if tables:
        _heading(paper, "二、分市（区）情况", 14)
    for target, rows in tables:
        _line(paper, f"{target.name}（{target.unit}）")
        _table(paper, DISTRICT_HEADS, rows)
    _behind(paper, content)
    if content.corrections:
        _heading(paper, "上期数更正", 14)
        for one in content.corrections:
            _line(paper, f"{one.target.name}：上期通报 {number(one.then)}，现为 {number(one.now)} {one.target.unit}。")
    if content.texts.get("next_steps"):
        _heading(paper, SECTIONS["next_steps"], 14)
        _line(paper, content.texts["next_steps"], indent=True)
    _heading(paper, "说明", 14)
    for place, note in enumerate(content.notes, 1):
        _line(paper, f"{place}. {note}")
    for finding in content.findings:
        _line(paper, f"规划核对：{finding.title}。{finding.explanation}")
    target_file = BytesIO()
    paper.save(target_file)
    return target_file.getvalue()


def _behind(paper: Any, content: Bulletin) -> None:
    _heading(paper, "三、滞后目标", 14)
    if not content.behind:
        _line(paper, "本季度没有滞后的目标。", indent=True)
    for line in content.behind:
        _line(paper, f"{line.target.id} {line.target.name}：{line.progress.reason}", indent=True)
    if content.texts.get("causes"):
        _line(paper, content.texts["causes"], indent=True)


def _set_up(paper: Any) -> None:
    section = paper.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(1.8)
    section.top_margin = section.bottom_margin = Cm(2.0)
    _font(paper.styles["Normal"], BODY_FONT, 12)


def _font(style: Any, name: str, size: float) -> None:
    style.font.name = name
    style.font.size = Pt(size)
    # Word keeps a font of its own for Chinese characters.
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)


def _run(paragraph: Any, words: str, font: str, size: float, *, bold: bool = False) -> None:
    run = paragraph.add_run(words)
    run.font.name, run.font.size, run.bold = font, Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def _heading(paper: Any, words: str, size: float, *, centred: bool = False) -> None:
    paragraph = paper.add_paragraph()
    _run(paragraph, words, HEADING_FONT, size, bold=True)
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER


def _line(paper: Any, words: str, *, centred: bool = False, indent: bool = False) -> None:
    paragraph = paper.add_paragraph()
    _run(paragraph, words, BODY_FONT, 12)
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if indent:
        paragraph.paragraph_format.first_line_indent = Pt(24)


def _table(paper: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float] = ()) -> None:
    table = paper.add_table(rows=1, cols=len(heads), style="Table Grid")
    table.autofit = not widths
    _fill(table.rows[0], heads, widths, bold=True)
    # The head stands on every sheet that the table goes on to.
    table.rows[0]._tr.get_or_add_trPr().append(table.rows[0]._tr.makeelement(qn("w:tblHeader"), {}))
    for row in rows:
        _fill(table.add_row(), row, widths)


def _fill(row: Any, words: Sequence[str], widths: Sequence[float], *, bold: bool = False) -> None:
    cells = row.cells
    for place, cell in enumerate(cells):
        if widths:
            cell.width = Cm(widths[place])
        _run(cell.paragraphs[0], words[place], BODY_FONT, 9, bold=bold)


def as_workbook(content: Bulletin) -> bytes:
    """The bulletin's tables as a workbook: targets, districts, what is behind, notes."""
    target = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "border": 1, "text_wrap": True})
        titled = (f"{content.title}（{content.quarter.name}，{content.report.territory.name}）", head)
        _sheet(book, "目标", titled, TARGET_HEADS, target_table(content))
        districts = [(one.name, *row) for one, rows in district_tables(content) for row in rows]
        _sheet(book, "分市（区）", titled, ("指标", *DISTRICT_HEADS), districts)
        behind = [(line.target.id, line.target.name, line.progress.reason) for line in content.behind]
        _sheet(book, "滞后", titled, ("编号", "指标", "原因"), behind)
        corrections = [(one.target.name, number(one.then), number(one.now)) for one in content.corrections]
        _sheet(book, "上期更正", titled, ("指标", "上期通报", "现为"), corrections)
        _sheet(book, "说明", titled, ("说明",), [(words,) for words in (*content.sentences, *content.notes)])
    return target.getvalue()


def _sheet(book: Any, name: str, titled: tuple[str, Any], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    sheet = book.add_worksheet(name)
    title, head = titled
    sheet.write_string(0, 0, title)
    for column, words in enumerate(heads):
        longest = max([len(words), *(len(row[column]) for row in rows)])
        sheet.set_column(column, column, min(max(longest * 2, 8), 60))
        sheet.write_string(1, column, words, head)
    for line, row in enumerate(rows, 2):
        for column, words in enumerate(row):
            _cell(sheet, line, column, words)
    sheet.freeze_panes(2, 0)


def _cell(sheet: Any, line: int, column: int, words: str) -> None:
    """Numbers as numbers, so that they can be added up; everything else as it stands."""
    plain = words.replace(",", "")
    if plain.removeprefix("-").replace(".", "", 1).isdecimal():
        sheet.write_number(line, column, float(plain))
    else:
        sheet.write_string(line, column, words)
