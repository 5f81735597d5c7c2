"""Official papers: how they are set in Word, and their tables in Excel."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from unicodedata import east_asian_width

from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

#: What official documents are set in; where a machine lacks them it takes its own Song.
BODY_FONT = "仿宋"
HEADING_FONT = "黑体"


#: No XML may hold them; a name or a note that was pasted may.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


#: A number, a share, a change of either.
_FIGURE = re.compile(r"[+-]?[\d,]+(?:\.\d+)?%?(?: ?个百分点)?")
#: Between the margins, in centimetres.
_USABLE = 26.1
#: Of half a Chinese character in 9 points, and of what a cell keeps free beside its words.
_HALF, _BESIDE = 0.175, 0.45
#: Centimetres of a column of figures or a few words, in which nothing is to be broken.
_SHORT = 2.5
#: Halves of characters from which on a column's words go on in the next line.
_WIDEST = 30
#: The same in a workbook.
_WIDEST_OF_SHEET = 30
#: A table of so few rows stays together on one sheet.
_TOGETHER = 12


def set_up(paper: Any) -> None:
    """A4 across, set like an official document, with numbered sheets."""
    section = paper.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Cm(29.7), Cm(21.0)
    section.left_margin = section.right_margin = Cm(1.8)
    section.top_margin = section.bottom_margin = Cm(2.0)
    _font(paper.styles["Normal"], BODY_FONT, 12)
    spacing = paper.styles["Normal"].paragraph_format
    spacing.space_before, spacing.space_after, spacing.line_spacing = Pt(0), Pt(4), 1.25
    # Else punctuation is set as in Taiwan or Japan, in the middle of its square.
    language = paper.styles["Normal"].element.get_or_add_rPr()
    language.append(_element("w:lang", {"w:val": "en-US", "w:eastAsia": "zh-CN"}))
    _number_sheets(section.footer.paragraphs[0])


def _element(tag: str, attributes: Mapping[str, str]) -> Any:
    made: Any = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(name), value)
    return made


def _number_sheets(line: Any) -> None:
    """— 1 —, as under every official document."""
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _run(line, "— ", BODY_FONT, 10.5)
    run = line.add_run()
    for kind in ("begin", "", "end"):
        if kind:
            run._element.append(_element("w:fldChar", {"w:fldCharType": kind}))
        else:
            words = _element("w:instrText", {})
            words.text = "PAGE"
            run._element.append(words)
    _run(line, " —", BODY_FONT, 10.5)


def _font(style: Any, name: str, size: float) -> None:
    style.font.name = name
    style.font.size = Pt(size)
    # Word keeps a font of its own for Chinese characters.
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)


def _run(place: Any, words: str, font: str, size: float, *, bold: bool = False) -> None:
    # On paper the sign stands close to its number (GB/T 15835).
    run = place.add_run(_UNPRINTABLE.sub("", words).replace(" %", "%"))
    run.font.name, run.font.size, run.bold = font, Pt(size), bold
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), font)


def heading(paper: Any, words: str, size: float, *, centred: bool = False) -> None:
    """A heading of a size in points; it never stands alone at the foot of a sheet."""
    words_on = paper.add_paragraph()
    _run(words_on, words, HEADING_FONT, size, bold=True)
    words_on.paragraph_format.space_before = Pt(8)
    words_on.paragraph_format.keep_with_next = True
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


def caption(paper: Any, words: str) -> None:
    """What stands over a table, on the same sheet."""
    words_on = paper.add_paragraph()
    _run(words_on, words, BODY_FONT, 12)
    words_on.paragraph_format.space_before = Pt(10)
    words_on.paragraph_format.keep_with_next = True


def add_table(paper: Any, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose head stands on every sheet that it goes on to; its columns are as wide as their words need."""
    table = paper.add_table(rows=1, cols=len(heads), style="Table Grid")
    table.autofit = False
    widths = _widths(heads, rows)
    # Word goes by the cells' widths, other programs by the columns'.
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
    # Among figures may stand a word or two, such as 未报.
    figures = [_holds_figures([row[place] for row in rows]) for place in range(len(heads))]
    head = table.rows[0]
    _fill(head, heads, widths, [WD_ALIGN_PARAGRAPH.CENTER] * len(heads), bold=True, is_held=True)
    head._tr.get_or_add_trPr().append(_element("w:tblHeader", {}))
    sides = [WD_ALIGN_PARAGRAPH.RIGHT if one else WD_ALIGN_PARAGRAPH.LEFT for one in figures]
    for number, row in enumerate(rows, 1):
        _fill(table.add_row(), row, widths, sides, is_held=number < len(rows) <= _TOGETHER)


def _widths(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[float]:
    """Centimetres of each column: what its words need; where that is too much, the columns of long texts give way."""
    wanted = [
        min(max(_halves(words) for words in (heads[place], *(row[place] for row in rows))), _WIDEST) * _HALF + _BESIDE
        for place in range(len(heads))
    ]
    short = sum(one for one in wanted if one <= _SHORT)
    long = sum(wanted) - short
    if long and _USABLE / 3 < _USABLE - short < long:
        return [one if one <= _SHORT else one * (_USABLE - short) / long for one in wanted]
    return [one * _USABLE / sum(wanted) for one in wanted]


def _halves(words: str) -> int:
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in words)


def _holds_figures(column: Sequence[str]) -> bool:
    said = [words for words in column if words]
    figures = sum(not words.strip("—") or _FIGURE.fullmatch(words) is not None for words in said)
    return figures * 2 > len(said)


def _fill(
    row: Any, words: Sequence[str], widths: Sequence[float], sides: Sequence[Any], *, bold: bool = False, is_held: bool
) -> None:
    """Write a row that is not torn in two; held, it stays on the sheet of the next."""
    row._tr.get_or_add_trPr().append(_element("w:cantSplit", {}))
    for place, cell in enumerate(row.cells):
        cell.width = Cm(widths[place])
        cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
        line = cell.paragraphs[0]
        line.alignment = sides[place]
        spacing = line.paragraph_format
        spacing.space_before, spacing.space_after, spacing.line_spacing = Pt(2), Pt(2), 1.0
        spacing.keep_with_next = is_held
        _run(line, words[place], BODY_FONT, 9, bold=bold)


def add_sheet(
    book: Any, name: str, titled: tuple[str, Any], heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """A sheet with a title, a head and its rows; numbers are numbers."""
    sheet = book.add_worksheet(name)
    title, head = titled
    shares, none = book.add_format({"num_format": "0.0%"}), book.add_format({"align": "right"})
    broken = book.add_format({"text_wrap": True, "valign": "vcenter"})
    sheet.write_string(0, 0, title)
    for column, words in enumerate(heads):
        longest = max(_halves(one) for one in (words, *(row[column] for row in rows)))
        sheet.set_column(column, column, min(max(longest + 2, 6), _WIDEST_OF_SHEET))
        sheet.write_string(1, column, words, head)
    for line, row in enumerate(rows, 2):
        for column, words in enumerate(row):
            if _halves(words) > _WIDEST_OF_SHEET:
                sheet.write_string(line, column, words, broken)
            else:
                _cell(sheet, line, column, words, shares, none)
    sheet.freeze_panes(2, 0)
    sheet.autofilter(1, 0, 1 + len(rows), len(heads) - 1)
    to_print(sheet)


def to_print(sheet: Any, head: int = 1) -> None:
    """A4 across, all columns on one sheet of paper, the head (0-based row) on each."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head)
    sheet.set_footer("&C— &P —")


def _cell(sheet: Any, line: int, column: int, words: str, shares: Any, none: Any) -> None:
    """Numbers and shares as numbers, so that they can be reckoned with; everything else as it stands."""
    plain = words.replace(",", "").removeprefix("+")
    amount = plain.removesuffix("%")
    if words == "—":
        sheet.write_string(line, column, words, none)
    elif not amount.removeprefix("-").replace(".", "", 1).isdecimal():
        sheet.write_string(line, column, words)
    elif amount == plain:
        sheet.write_number(line, column, float(plain))
    else:
        sheet.write_number(line, column, float(Decimal(amount) / 100), shares)
