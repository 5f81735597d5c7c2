"""Read a large .xlsx row by row, where it is written as nearly every program writes one.

The usual reader lays a sheet out as a whole grid: of 200,000 rows and 30 columns that is half a gigabyte, after another
pass that has measured it. Here the XML goes by in pieces, and rows are kept packed (`PackedRows`).

Each row must match, from its first character to its last, what is known to be written: a cell with its place, at most a
style, a type and a formula, and one plain value. Whatever is written otherwise (a prefix, rich text in a cell, a time of
day, a date since 1904 …) makes `plain_sheets` answer None, and the usual reader reads the workbook.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from backend.spreadsheets.cell_types import Cell, LostValue, PercentCell
from backend.spreadsheets.packed_rows import PackedRows
from backend.spreadsheets.sheet_xml import (
    CHUNK,
    Style,
    cell_styles,
    counts_from_1904,
    described_sheets,
    index_of_column,
    shared_texts,
)

#: Bytes of a sheet's XML from which on it is read so: some ten thousand rows of thirty columns.
LARGE: Final = 8_000_000


class NotPlain(Exception):
    """Something is written otherwise than is known here."""


class TooMany(Exception):
    """A cell lies so far away that the grid up to it would fill the machine's memory."""

    def __init__(self, sheet: str, rows: int, columns: int) -> None:
        self.sheet, self.rows, self.columns = sheet, rows, columns
        super().__init__(sheet)


@dataclass
class PlainSheet:
    """One sheet, as `workbook.Sheet` has it."""

    name: str
    is_hidden: bool
    rows: PackedRows
    hidden_rows: set[int] = field(default_factory=set[int])
    #: First and last of hidden columns, 1-based.
    hidden_columns: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: Top, left, bottom and right of merged regions, 0-based.
    merges: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])


def is_large(archive: zipfile.ZipFile) -> bool:
    """Whether a sheet is worth reading so."""
    return any(
        part.file_size >= LARGE for part in archive.infolist() if part.filename.lower().startswith("xl/worksheets/")
    )


def plain_sheets(archive: zipfile.ZipFile, most_cells: int) -> list[PlainSheet] | None:
    """The sheets of a workbook; None where something in it is written otherwise than is known here.

    Raises:
        TooMany: the grid of a sheet has more than `most_cells`.
        UnreadableXml, zipfile.BadZipFile: the workbook is damaged.
    """
    styles = cell_styles(archive)
    if counts_from_1904(archive):
        styles = [Style.UNKNOWN if style is Style.DAY else style for style in styles]
    try:
        texts = shared_texts(archive)
        described = described_sheets(archive)
        if len({one.name for one in described}) < len(described):
            return None
        return [
            _Reading(PlainSheet(one.name, one.is_hidden, PackedRows()), styles, texts, most_cells).read(
                archive, one.part
            )
            for one in described
        ]
    except (NotPlain, UnicodeDecodeError):
        return None


# What is known ---------------------------------------------------------------------------------------

#: No character that XML forbids, and no line end that a parser would change.
_TEXT = rb"[^<\x00-\x08\x0b-\x1f]*+"
_ATTRIBUTES = rb'(?: [A-Za-z:0-9]+="[^"<]*+")*+'
_FORMULA = rb"(?:<f" + _ATTRIBUTES + rb"(?:/>|>" + _TEXT + rb"</f>))?+"
_INLINE = rb'<is><t(?: xml:space="preserve")?+>(' + _TEXT + rb")</t></is>"
#: Of so few digits that it cannot be more than a float holds.
_NUMERAL = rb"-?\d{1,40}+(?:\.\d{1,40}+)?+(?:[Ee][+-]?\d{1,2}+)?+"
_VALUE = rb"(?:<v>(" + _NUMERAL + rb")</v>|<v>(" + _TEXT + rb")</v>|<v ?/>|" + _INLINE + rb")?+"
#: Letters, number, style, type, formula, numeral, other value, text.
_CELL_TEXT = (
    rb'<c r="([A-Z]{1,3}+)(\d{1,7}+)"(?: s="(\d{1,7}+)")?+(?: t="(\w++)")?+'
    rb"(?:/>|>(" + _FORMULA + rb")" + _VALUE + rb"</c>)"
)
_CELL: Final = re.compile(_CELL_TEXT)
_IS_NUMERAL: Final = re.compile(_NUMERAL)
_ROW: Final = re.compile(
    rb"(?:\s*+<row" + _ATTRIBUTES + rb" ?/>)*+\s*+<row(" + _ATTRIBUTES + rb") ?>((?:"
    + re.sub(rb"\((?!\?)", rb"(?:", _CELL_TEXT) + rb")*+)"
)  # fmt: skip
_EMPTY_ROWS: Final = re.compile(rb"(?:\s*+<row" + _ATTRIBUTES + rb" ?/>)*+\s*+")
_ATTRIBUTE: Final = re.compile(rb' ([A-Za-z:0-9]+)="([^"<]*)"')
_COLUMN: Final = re.compile(rb"<col(" + _ATTRIBUTES + rb") ?/>")
_MERGE: Final = re.compile(rb'<mergeCell ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})" ?/>')
_REFERENCE: Final = re.compile(r"&(?:(amp|lt|gt|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6}));|&")
_NAMED: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
#: A sheet has 1,048,576 rows.
_MOST_DIGITS: Final = 7
_TRUE: Final = frozenset({b"1", b"true"})
#: Day 0 of Excel's count; from day 61 on it counts as everybody does.
_DAY_0: Final = date(1899, 12, 30)
_FIRST_SURE_DAY: Final = 61
_LAST_DAY: Final = 2_958_465


@dataclass
class _Reading:
    """A sheet on the way."""

    sheet: PlainSheet
    styles: list[Style]
    texts: Sequence[str]
    most_cells: int
    _columns: dict[bytes, int] = field(default_factory=dict[bytes, int])

    def __post_init__(self) -> None:
        self._plain = {b"", *(b"%d" % number for number, one in enumerate(self.styles) if one is Style.PLAIN)}

    def read(self, archive: zipfile.ZipFile, part: str) -> PlainSheet:
        """All of it."""
        pieces = _pieces(archive, part)
        self._before(next(pieces)[0])
        for piece, is_row in pieces:
            if is_row:
                self._row(piece)
            else:
                self._after(piece)
        self.sheet.rows.end()
        return self.sheet

    def _before(self, head: bytes) -> None:
        if b"<!" in head or not _is_utf8(head):
            raise NotPlain
        for match in _COLUMN.finditer(head):
            said = dict(_ATTRIBUTE.findall(match[1]))
            if said.get(b"hidden", b"").lower() in _TRUE:
                self.sheet.hidden_columns.append((_whole(said.get(b"min")), _whole(said.get(b"max"))))
        if len(_COLUMN.findall(head)) != head.count(b"<col "):
            raise NotPlain

    def _after(self, tail: bytes) -> None:
        rest, _, behind = tail.partition(b"</sheetData>")
        if not _EMPTY_ROWS.fullmatch(rest) or b"<!" in behind:
            raise NotPlain
        for left, top, right, bottom in _MERGE.findall(behind):
            self.sheet.merges.append((int(top) - 1, self._column(left), int(bottom) - 1, self._column(right)))
        if len(self.sheet.merges) != behind.count(b"<mergeCell "):
            raise NotPlain

    def _row(self, piece: bytes) -> None:
        match = _ROW.fullmatch(piece)
        if match is None:
            raise NotPlain
        said = dict(_ATTRIBUTE.findall(match[1]))
        place = said.get(b"r", b"0")
        number = _whole(place)
        if number <= self.sheet.rows.last:
            raise NotPlain
        if said.get(b"hidden", b"").lower() in _TRUE:
            self.sheet.hidden_rows.add(number)
        cells = self._cells(match[2], place)
        rows = self.sheet.rows
        if cells and number * (width := max(rows.width, len(cells))) > self.most_cells:
            raise TooMany(self.sheet.name, number, width)
        rows.add(number, cells)

    def _cells(self, row: bytes, place: bytes) -> list[Cell]:
        cells: list[Cell] = []
        columns, plain = self._columns, self._plain
        for letters, its_row, style, kind, formula, numeral, value, text in _CELL.findall(row):
            if its_row != place:
                raise NotPlain
            if not (numeral or value or text or formula):
                continue
            column = columns.get(letters)
            if column is None:
                column = self._column(letters)
            if column != len(cells):
                if column < len(cells):
                    raise NotPlain
                cells += [""] * (column - len(cells))
            if numeral and style in plain and (not kind or kind == b"n"):
                cells.append(float(numeral))
            else:
                cells.append(self._cell(style, kind, formula, numeral or value, text))
        return cells

    def _column(self, letters: bytes) -> int:
        column = self._columns[letters] = index_of_column(letters.decode())
        return column

    def _cell(self, style: bytes, kind: bytes, formula: bytes, value: bytes, text: bytes) -> Cell:
        if kind in (b"", b"n"):
            return self._number(style, value) if value else _lost(formula, text)
        if kind == b"inlineStr" and not value:
            return _text(text)
        if text:
            raise NotPlain
        if kind == b"s" and (place := _whole(value)) < len(self.texts):
            return self.texts[place]
        if kind == b"str":
            return _text(value)
        if kind == b"b" and value in (b"0", b"1"):
            return value == b"1"
        if kind == b"e" and value:
            return LostValue(_text(value).strip() or "#N/A")
        raise NotPlain

    def _number(self, style: bytes, value: bytes) -> Cell:
        if not _IS_NUMERAL.fullmatch(value):
            raise NotPlain
        number = float(value)
        shown = self.styles[int(style)] if style and int(style) < len(self.styles) else Style.PLAIN
        if shown is Style.PLAIN:
            return number
        if shown is Style.PERCENT:
            return PercentCell(number)
        if shown is Style.DAY and number.is_integer() and _FIRST_SURE_DAY <= number <= _LAST_DAY:
            return _DAY_0 + timedelta(int(number))
        raise NotPlain


def _whole(written: bytes | None) -> int:
    """The number of a row or column."""
    if written is None or not written.isdigit() or len(written) > _MOST_DIGITS:
        raise NotPlain
    return int(written)


def _lost(formula: bytes, text: bytes) -> Cell:
    if text or not formula:
        raise NotPlain
    return LostValue("（公式未计算）")


def _text(written: bytes) -> str:
    text = written.decode()
    # Some programs write characters as _x000D_; what that means is for the usual reader to say.
    if "_x" in text:
        raise NotPlain
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(match: "re.Match[str]") -> str:
    named, decimal, hexadecimal = match.groups()
    if named:
        return _NAMED[named]
    number = int(decimal) if decimal else int(hexadecimal or "0", 16)
    if number in (9, 10) or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000:
        return chr(number)
    raise NotPlain


def _is_utf8(head: bytes) -> bool:
    declared = re.match(rb"<\?xml [^>]*?encoding=[\"']([^\"']*)[\"']", head)
    return head.startswith(b"<") and (declared is None or declared[1].lower() == b"utf-8")


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[bytes, bool]]:
    """What stands before the rows, then each row without its end tag (True), then what stands behind the last."""
    with archive.open(part) as stream:
        held = b""
        while b"<sheetData>" not in held:
            if not (chunk := stream.read(CHUNK)):
                yield from _without_rows(held)
                return
            held += chunk
        head, _, held = held.partition(b"<sheetData>")
        yield head, False
        while chunk := stream.read(CHUNK):
            *rows, held = (held + chunk).split(b"</row>")
            for row in rows:
                yield row, True
        *rows, held = held.split(b"</row>")
        for row in rows:
            yield row, True
        yield held, False


def _without_rows(held: bytes) -> Iterator[tuple[bytes, bool]]:
    head, found, behind = held.partition(b"<sheetData/>")
    if not found:
        # Written with a prefix, perhaps.
        raise NotPlain
    yield head, False
    yield b"</sheetData>" + behind, False


def merged_regions(sheet: PlainSheet) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Merged regions as the usual reader tells them: ((top, left), (bottom, right))."""
    for top, left, bottom, right in sheet.merges:
        yield (top, left), (bottom, right)
