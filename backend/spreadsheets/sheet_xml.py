"""What the XML of an .xlsx says beside its cells' values, and how far each sheet reaches.

The reader of values lays out a sheet as a full grid: one cell in the last corner of Excel's sheet would make it ask
for hundreds of gigabytes and end the whole process. So every sheet is measured here first, by a real XML parser and
not by patterns, because a file may be written by anybody.
"""

import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from xml.parsers import expat

from backend.spreadsheets.kept_texts import KeptTexts

CHUNK: Final = 1024 * 1024
_DIGITS: Final = "0123456789"
_ABSURD: Final = 10**12
_MOST_TEXTS_USED: Final = 16_000_000
_HARMLESS: Final = 100_000
_BUILT_IN_PERCENT: Final = frozenset({"9", "10"})
_TRUE: Final = frozenset({"1", "true"})


class UnreadableXml(Exception):
    """A part of the workbook is no XML, or holds a document type, which no workbook needs."""


@dataclass
class SheetFacts:
    """One sheet: places are (row, column), 0-based; numbers of hidden rows are Excel's own."""

    hidden_rows: set[int] = field(default_factory=set[int])
    #: First and last of hidden columns, 1-based.
    hidden_columns: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    #: Cells whose value is lost, with what they show.
    lost: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    percent: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    #: How many rows and columns the grid from A1 to the last value has.
    rows: int = 0
    columns: int = 0


def sheet_facts(archive: zipfile.ZipFile) -> Iterator[tuple[str, SheetFacts]]:
    """Each sheet's name and facts.

    Raises:
        UnreadableXml, zipfile.BadZipFile: the workbook is damaged; a part that is larger than it claims, too.
    """
    parts = {part.lower(): part for part in archive.namelist()}
    if "xl/sharedstrings.xml" in parts:
        _refuse_false_counts(archive, parts["xl/sharedstrings.xml"])
    percent_styles = _percent_styles(archive, parts)
    for name, part in _sheet_parts(archive, parts):
        scanner = _SheetScanner(percent_styles)
        _parse(archive, part, scanner.parser)
        yield name, scanner.facts


# Parsing ----------------------------------------------------------------------------------------------


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.buffer_text = True
    return parser


def _refuse_doctype(*_: object) -> None:
    raise UnreadableXml


def _parse(archive: zipfile.ZipFile, part: str, parser: expat.XMLParserType) -> None:
    try:
        with archive.open(part) as stream:
            while chunk := stream.read(CHUNK):
                parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnreadableXml from error


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _elements(archive: zipfile.ZipFile, part: str, wanted: frozenset[str]) -> list[tuple[str, dict[str, str]]]:
    """The wanted elements of a small part, in order."""
    found: list[tuple[str, dict[str, str]]] = []
    parser = _parser()

    def start(name: str, attributes: dict[str, str]) -> None:
        if _local(name) in wanted:
            found.append((_local(name), attributes))

    parser.StartElementHandler = start
    _parse(archive, part, parser)
    return found


def _refuse_false_counts(archive: zipfile.ZipFile, part: str) -> None:
    """The reader of values makes room for as many texts as the part claims to have, so the claim must be true."""
    claimed = actual = 0
    parser = _parser()

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal claimed, actual
        local = _local(name)
        if local == "si":
            actual += 1
        elif local == "sst":
            claimed = max(_number(attributes.get(key), _ABSURD) for key in ("uniqueCount", "count"))

    parser.StartElementHandler = start
    _parse(archive, part, parser)
    # `count` counts the cells that use them, which are more than the texts; a sheet has no more than so many.
    if claimed > _MOST_TEXTS_USED or (claimed > _HARMLESS and not actual):
        raise UnreadableXml


def _sheet_parts(archive: zipfile.ZipFile, parts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each sheet's name and where in the archive it stands."""
    relations = parts.get("xl/_rels/workbook.xml.rels")
    targets: dict[str, str] = {}
    for _, relation in _elements(archive, relations, frozenset({"Relationship"})) if relations else ():
        path = posixpath.join("/xl", relation.get("Target", ""))
        targets[relation.get("Id", "")] = posixpath.normpath(path).lstrip("/").lower()
    for _, sheet in _elements(archive, parts["xl/workbook.xml"], frozenset({"sheet"})):
        relation_id = next((value for key, value in sheet.items() if _local(key) == "id"), "")
        part = parts.get(targets.get(relation_id, ""))
        if part:
            yield sheet.get("name", ""), part


def _percent_styles(archive: zipfile.ZipFile, parts: Mapping[str, str]) -> frozenset[str]:
    """The numbers of the cell styles that show a number as a percentage."""
    if "xl/styles.xml" not in parts:
        return frozenset()
    formats = set(_BUILT_IN_PERCENT)
    styles: set[str] = set()
    number, is_inside = 0, False
    wanted = frozenset({"numFmt", "cellXfs", "cellStyles", "dxfs", "cellStyleXfs", "xf"})
    for name, attributes in _elements(archive, parts["xl/styles.xml"], wanted):
        if name == "numFmt" and "%" in attributes.get("formatCode", ""):
            formats.add(attributes.get("numFmtId", ""))
        elif name == "xf" and is_inside:
            if attributes.get("numFmtId") in formats:
                styles.add(str(number))
            number += 1
        elif name not in ("numFmt", "xf"):
            is_inside = name == "cellXfs"
    return frozenset(styles)


class Style(Enum):
    """What a number in a cell is shown as."""

    PLAIN = "a number"
    PERCENT = "a percentage"
    DAY = "a whole day"
    UNKNOWN = "a time of day, a span, or what is not known here"


#: Numbers of formats that every program knows: numbers and texts, then days.
_BUILT_IN_PLAIN: Final = frozenset({*range(9), 11, 12, 13, *range(37, 45), 48, 49})
_BUILT_IN_DAYS: Final = frozenset({14, 15, 16, 17})
_PLAIN_FORMAT: Final = re.compile(r'(?:[0#?.,_()\-+* $¥￥;/]|"[^"%]*"|\\.|General|@)+')
_DAY_FORMAT: Final = re.compile(
    r'(?:\[\$-[0-9A-F]+\])?y{2,4}[-/.\\"年]+m{1,2}[-/.\\"月]+d{1,2}["日]*(?:;@)?', re.IGNORECASE
)


def cell_styles(archive: zipfile.ZipFile) -> list[Style]:
    """What each of a workbook's cell styles, by number, shows a number as."""
    parts = {part.lower(): part for part in archive.namelist()}
    if "xl/styles.xml" not in parts:
        return []
    formats: dict[str, str] = {}
    styles: list[Style] = []
    is_inside = False
    wanted = frozenset({"numFmt", "cellXfs", "cellStyles", "dxfs", "cellStyleXfs", "xf"})
    for name, attributes in _elements(archive, parts["xl/styles.xml"], wanted):
        if name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf":
            if is_inside:
                styles.append(_style_of(attributes.get("numFmtId", "0"), formats))
        else:
            is_inside = name == "cellXfs"
    return styles


def _style_of(number: str, formats: Mapping[str, str]) -> Style:
    code = formats.get(number)
    if code is None:
        known = int(number) if number.isascii() and number.isdigit() else -1
        if number in _BUILT_IN_PERCENT:
            return Style.PERCENT
        return Style.PLAIN if known in _BUILT_IN_PLAIN else Style.DAY if known in _BUILT_IN_DAYS else Style.UNKNOWN
    if _DAY_FORMAT.fullmatch(code):
        return Style.DAY
    if _PLAIN_FORMAT.fullmatch(code):
        return Style.PLAIN
    return Style.PERCENT if _PLAIN_FORMAT.fullmatch(code.replace("%", "")) else Style.UNKNOWN


def counts_from_1904(archive: zipfile.ZipFile) -> bool:
    """Whether the workbook's days count from 1904 on."""
    parts = {part.lower(): part for part in archive.namelist()}
    found = _elements(archive, parts["xl/workbook.xml"], frozenset({"workbookPr"}))
    return any(attributes.get("date1904", "").lower() in _TRUE for _, attributes in found)


@dataclass(frozen=True)
class DescribedSheet:
    """A sheet as the workbook lists it."""

    name: str
    part: str
    is_hidden: bool


def described_sheets(archive: zipfile.ZipFile) -> list[DescribedSheet]:
    """The sheets of cells in their order; those of charts alone are left out."""
    parts = {part.lower(): part for part in archive.namelist()}
    elements = _elements(archive, parts["xl/workbook.xml"], frozenset({"sheet"}))
    hidden = {one.get("name", "") for _, one in elements if one.get("state", "visible") != "visible"}
    return [
        DescribedSheet(name, part, name in hidden)
        for name, part in _sheet_parts(archive, parts)
        if part.lower().startswith("xl/worksheets/")
    ]


def shared_texts(archive: zipfile.ZipFile) -> KeptTexts:
    """The texts that cells share, those in several scripts put together; how they are read aloud is left out."""
    parts = {part.lower(): part for part in archive.namelist()}
    texts = KeptTexts()
    if "xl/sharedstrings.xml" in parts:
        _parse(archive, parts["xl/sharedstrings.xml"], _TextScanner(texts).parser)
    return texts


class _TextScanner:
    """Goes once through the shared texts."""

    def __init__(self, texts: KeptTexts) -> None:
        self._texts, self._pieces = texts, list[str]()
        self._is_aloud = False
        self.parser = _parser()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end

    def _start(self, name: str, _: dict[str, str]) -> None:
        local = _local(name)
        if local == "si":
            self._pieces = []
        elif local == "rPh":
            self._is_aloud = True
        elif local == "t" and not self._is_aloud:
            self.parser.CharacterDataHandler = self._pieces.append

    def _end(self, name: str) -> None:
        local = _local(name)
        if local == "t":
            self.parser.CharacterDataHandler = None
        elif local == "rPh":
            self._is_aloud = False
        elif local == "si":
            self._texts.append("".join(self._pieces))


class _SheetScanner:
    """Goes once through a sheet; a call an element, so it does as little as it can."""

    def __init__(self, percent_styles: frozenset[str]) -> None:
        self.facts = SheetFacts()
        self.parser = _parser()
        self.parser.StartElementHandler = self._start
        self._percent_styles = percent_styles
        self._kinds: dict[str, str] = {"c": "c"}
        self._columns: dict[str, int] = {}
        self._row = -1
        self._column = -1
        self._type = ""
        self._style = ""
        self._has_formula = False
        self._text: list[str] = []

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        # Without a prefix, as nearly every program writes them.
        if name == "c":
            self._start_cell(attributes)
            return
        kind = self._kinds.get(name)
        if kind is None:
            kind = self._kinds[name] = _local(name)
        if kind == "c":
            self._start_cell(attributes)
        elif kind in ("v", "is"):
            self._measure()
            if self._type == "e" or self._has_formula:
                self._watch()
        elif kind == "f":
            self._measure()
            self._has_formula = True
            # Without a `v` to come the cell has no value at all.
            self.parser.EndElementHandler = self._end
        elif kind == "row":
            self._start_row(attributes)
        elif kind == "col" and attributes.get("hidden", "").lower() in _TRUE:
            self.facts.hidden_columns.append((_number(attributes.get("min")), _number(attributes.get("max"))))

    def _start_row(self, attributes: dict[str, str]) -> None:
        number = attributes.get("r")
        self._row = _number(number) - 1 if number else self._row + 1
        self._column = -1
        if attributes.get("hidden", "").lower() in _TRUE:
            self.facts.hidden_rows.add(self._row + 1)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place:
            letters = place.rstrip(_DIGITS)
            column = self._columns.get(letters)
            if column is None:
                column = self._columns[letters] = index_of_column(letters)
            self._column = column
            self._row = int(place[len(letters) :] or 1) - 1
        else:
            self._column += 1
        self._type = attributes.get("t", "")
        self._style = attributes.get("s", "")
        self._has_formula = False

    def _measure(self) -> None:
        """Only cells with a value count: those that merely have a colour are not laid out."""
        facts = self.facts
        if self._row >= facts.rows:
            facts.rows = self._row + 1
        if self._column >= facts.columns:
            facts.columns = self._column + 1
        if self._style in self._percent_styles:
            facts.percent.add((self._row, self._column))

    def _watch(self) -> None:
        self._text = []
        self.parser.CharacterDataHandler = self._text.append
        self.parser.EndElementHandler = self._end

    def _end(self, name: str) -> None:
        kind = self._kinds.get(name)
        if kind == "v":
            self.parser.CharacterDataHandler = None
        elif kind == "c":
            self.parser.CharacterDataHandler = None
            self.parser.EndElementHandler = None
            shown = "".join(self._text).strip()
            self._text = []
            if self._type == "e":
                self.facts.lost[self._row, self._column] = shown or "#N/A"
            elif self._has_formula and not shown and self._type != "str":
                # A formula may well give an empty text; without a type and a value it was never calculated.
                self.facts.lost[self._row, self._column] = "（公式未计算）"


def _number(text: str | None, otherwise: int = 1) -> int:
    """A number as an attribute has it; `otherwise` where it is none or has more than eight digits."""
    if not text:
        return 1
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else otherwise


def index_of_column(letters: str) -> int:
    """The 0-based column of a letter as a file has it: A → 0. Raises UnreadableXml."""
    index = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z" or index > 1_000_000:
            raise UnreadableXml
        index = index * 26 + ord(letter) - 64
    return index - 1
