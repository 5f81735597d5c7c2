"""Official papers: how they are set in Word, and their tables in Excel."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

#: What official documents are set in; where a machine lacks them it takes its own Song.
BODY_FONT = "仿宋"
HEADING_FONT = "黑体"


#: No XML may hold them; a name or a note that was pasted may.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def set_up(paper: Any) -> None:
    """A4 across, set like an official document."""
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


def _run(place: Any, words: str, font: str, size: float, *, bold: bool = False) -> None:
    run = place.add_run(_UNPRINTABLE.sub("", words))
    run.font.name, run.font.size, run.bold = font, Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def heading(paper: Any, words: str, size: float, *, centred: bool = False) -> None:
    """A heading of a size in points."""
    words_on = paper.add_paragraph()
    _run(words_on, words, HEADING_FONT, size, bold=True)
    if centred:
        words_on.alignment = WD_ALIGN_PARAGRAPH.CENTER


def paragraph(paper: Any, words: str, *, centred: bool = False, indent: bool = False) -> None:
    """A paragraph of ordinary text."""
    words_on = paper.add_paragraph()
    _run(words_on, words, BODY_FONT, 12)
    if centred:
        words_on.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if indent:
        words_on.paragraph_format.first_line_indent = Pt(24)


def add_table(paper: Any, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float] = ()) -> None:
    """A table whose head stands on every sheet that it goes on to; widths in centimetres."""
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


def add_sheet(
    book: Any, name: str, titled: tuple[str, Any], heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """A sheet with a title, a head and its rows; numbers are numbers."""
    sheet = book.add_worksheet(name)
    title, head = titled
    shares = book.add_format({"num_format": "0.0%"})
    sheet.write_string(0, 0, title)
    for column, words in enumerate(heads):
        longest = max([len(words), *(len(row[column]) for row in rows)])
        sheet.set_column(column, column, min(max(longest * 2, 8), 60))
        sheet.write_string(1, column, words, head)
    for line, row in enumerate(rows, 2):
        for column, words in enumerate(row):
            _cell(sheet, line, column, words, shares)
    sheet.freeze_panes(2, 0)


def _cell(sheet: Any, line: int, column: int, words: str, shares: Any) -> None:
    """Numbers and shares as numbers, so that they can be reckoned with; everything else as it stands."""
    plain = words.replace(",", "").removeprefix("+")
    amount = plain.removesuffix("%")
    if not amount.removeprefix("-").replace(".", "", 1).isdecimal():
        sheet.write_string(line, column, words)
    elif amount == plain:
        sheet.write_number(line, column, float(plain))
    else:
        sheet.write_number(line, column, float(Decimal(amount) / 100), shares)
