"""Open what staff hand in: .xlsx, .xls or .csv, told apart by content and never by name.

    WorkbookError                 the whole file is refused; `str()` says what, where, what to do
      EmptyFile  FileTooLarge     nothing in it; more than the limit
      WrongFileType               a PDF, a web page called .xls, an archive …
      EncryptedWorkbook           opens with a password only
      BrokenWorkbook              cut off or damaged
      OversizedWorkbook           small as a file, huge when unpacked, or a cell far away from all others

A sheet keeps Excel's own row numbers and column letters, because that is what a message must name.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import IO, Final, Literal

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
    ZipError,
)

from backend.spreadsheets.cell_types import Cell, LostValue, PercentCell
from backend.spreadsheets.legacy_excel import PasswordNeeded, Unreadable, read_xls
from backend.spreadsheets.plain_sheet import TooMany, is_large, merged_regions, plain_sheets
from backend.spreadsheets.sheet_xml import SheetFacts, UnreadableXml, sheet_facts

#: Bytes in a megabyte, as Excel users count.
MEGABYTE: Final = 1024 * 1024
#: 200,000 rows of 30 columns unpack to some 250 MB; twice that is room enough.
MOST_UNPACKED: Final = 512 * MEGABYTE
#: The grid between A1 and the last cell is laid out in memory, 32 bytes a cell.
MOST_CELLS: Final = 16_000_000
MOST_PARTS: Final = 10_000
DEFAULT_LIMIT_MEGABYTES: Final = 50

Kind = Literal["xlsx", "xls", "csv"]
Source = Path | bytes | IO[bytes]


_INVISIBLE: Final = "\u200b\ufeff"
_INVISIBLE_OR_BLANK: Final = _INVISIBLE + " \t\r\n\u3000\xa0"


class WorkbookError(Exception):
    """The file is refused as a whole; nothing of it was taken."""


class EmptyFile(WorkbookError):
    """The file holds nothing."""


class FileTooLarge(WorkbookError):
    """The file is larger than the service takes."""


class WrongFileType(WorkbookError):
    """The content is no workbook that can be read."""


class EncryptedWorkbook(WorkbookError):
    """The workbook opens with a password only."""


class BrokenWorkbook(WorkbookError):
    """The file is damaged."""


class OversizedWorkbook(WorkbookError):
    """Unpacked, the workbook would fill the machine's memory."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged region, 0-based and with both ends included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def called(self) -> str:
        """The region as Excel calls it: B3:B5."""
        return f"{column_letter(self.left)}{self.top + 1}:{column_letter(self.right)}{self.bottom + 1}"


@dataclass(frozen=True)
class Sheet:
    """One sheet: `rows[0]` is Excel's row 1, and `rows[0][0]` its A1."""

    name: str
    rows: Sequence[list[Cell]]
    is_hidden: bool = False
    merges: tuple[Merge, ...] = ()
    #: 1-based numbers of rows that Excel does not show.
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether no cell holds anything."""
        return not any(not is_blank(cell) for row in self.rows for cell in row)

    def let_go(self, index: int) -> None:
        """A row, and all before it, was read and will not be asked for again."""
        if isinstance(self.rows, list):
            self.rows[index] = []


@dataclass(frozen=True)
class Workbook:
    """The sheets of a file, in its order."""

    file_name: str
    kind: Kind
    sheets: tuple[Sheet, ...]
    #: What was noticed while opening it, for the user: a guessed encoding, damaged characters.
    notes: tuple[str, ...] = ()


def is_blank(cell: Cell) -> bool:
    """Whether a cell shows nothing."""
    if not isinstance(cell, str):
        return False
    return not cell or cell.isspace() or (cell[0] in _INVISIBLE and not cell.strip(_INVISIBLE_OR_BLANK))


@cache
def column_letter(index: int) -> str:
    """The letter of a 0-based column: 0 → A, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_index(letters: str) -> int:
    """The 0-based column of a letter: A → 0."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def open_workbook(source: Source, file_name: str = "", limit_megabytes: int = DEFAULT_LIMIT_MEGABYTES) -> Workbook:
    """Open a file.

    Args:
        source: where it is, its content, or something open that can be read from any place on.
        file_name: what the user calls it; taken from the path where not given.
        limit_megabytes: the largest file taken.

    Raises:
        WorkbookError: one of the family above.
    """
    name = file_name or (source.name if isinstance(source, Path) else "上传的文件")
    with _opened(source) as stream:
        _refuse_large(stream.seek(0, io.SEEK_END), name, limit_megabytes)
        stream.seek(0)
        if stream.read(2) == b"PK":
            return _open_xlsx(stream, name)
        stream.seek(0)
        content = stream.read()
    if not content.strip(b"\x00 \t\r\n"):
        raise EmptyFile(f"“{name}”是空文件，没有任何内容。请确认文件已保存后重新上传。")
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _open_xls(content, name)
    _refuse_other_types(content, name)
    return _open_csv(content, name)


def _opened(source: Source) -> AbstractContextManager[IO[bytes]]:
    match source:
        case Path():
            return source.open("rb")
        case bytes():
            return io.BytesIO(source)
        case _:
            return nullcontext(source)


def _refuse_large(size: int, name: str, limit_megabytes: int) -> None:
    if size > limit_megabytes * MEGABYTE:
        raise FileTooLarge(
            f"“{name}”有 {size / MEGABYTE:.1f} MB，超过上限 {limit_megabytes} MB。"
            "请删去图片和多余的工作表，或拆成几个文件分别上传。"
        )


# What is not a workbook ---------------------------------------------------------------------------

_OTHER_TYPES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF", "PDF 文件"),
    (b"\x89PNG", "图片"),
    (b"\xff\xd8\xff", "图片"),
    (b"GIF8", "图片"),
    (b"BM", "图片"),
    (b"Rar!", "RAR 压缩包"),
    (b"7z\xbc\xaf", "7z 压缩包"),
    (b"\x1f\x8b", "gzip 压缩包"),
    (b"{\\rtf", "RTF 文档"),
    (b"MZ", "程序"),
    (b"\x7fELF", "程序"),
    (b"SQLite format 3", "数据库文件"),
)


def _refuse_other_types(content: bytes, name: str) -> None:
    for start, called in _OTHER_TYPES:
        if content.startswith(start) and not (start in (b"BM", b"MZ") and b"\x00" not in content[:64]):
            raise WrongFileType(f"“{name}”是{called}，不是表格。请上传 Excel 工作簿（.xlsx、.xls）或 CSV 文件。")
    head = content[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<table", b"<meta", b"<style")):
        raise WrongFileType(f"“{name}”其实是网页，只是扩展名像 Excel。请用 Excel 打开后“另存为”.xlsx，再上传。")
    if head.startswith((b"<?xml", b"<workbook")):
        raise WrongFileType(f"“{name}”是 XML 文件。请用 Excel 打开后“另存为”.xlsx，再上传。")
    if head.startswith((b"{", b"[{")):
        raise WrongFileType(f"“{name}”是 JSON 文件，不是表格。请上传 .xlsx、.xls 或 CSV 文件。")


# .xlsx --------------------------------------------------------------------------------------------


def _open_xlsx(stream: IO[bytes], name: str) -> Workbook:
    try:
        # A large file is never held as a whole: its parts are read out of it as they are wanted.
        with zipfile.ZipFile(stream) as archive:
            _refuse_other_archives(archive, name)
            _refuse_bomb(archive, name)
            plain = _plain_sheets(archive, name) if is_large(archive) else None
            if plain is not None:
                return Workbook(name, "xlsx", plain)
            facts = _measured_sheets(archive, name)
    except (
        UnreadableXml,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
    ) as error:
        raise _broken(name) from error
    except RuntimeError as error:  # zipfile has no class of its own for an archive with a password
        raise _encrypted(name) from error
    stream.seek(0)
    return Workbook(name, "xlsx", tuple(_sheets(stream.read(), name, facts)))


def _refuse_other_archives(archive: zipfile.ZipFile, name: str) -> None:
    parts = set(archive.namelist())
    if "xl/workbook.xml" in parts or any(part.lower() == "xl/workbook.xml" for part in parts):
        return
    if "EncryptedPackage" in parts:
        raise _encrypted(name)
    called = "压缩包"
    if "word/document.xml" in parts:
        called = "Word 文档"
    elif any(part.startswith("ppt/") for part in parts):
        called = "PowerPoint 文件"
    elif "xl/workbook.bin" in parts:
        called = "二进制工作簿（.xlsb）"
    elif "content.xml" in parts:
        called = "OpenDocument 文件"
    elif any(part.startswith("xl/") for part in parts):
        raise _broken(name)
    raise WrongFileType(f"“{name}”是{called}。请解压或“另存为”.xlsx 后再上传。")


def _refuse_bomb(archive: zipfile.ZipFile, name: str) -> None:
    parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED or len(parts) > MOST_PARTS:
        raise OversizedWorkbook(
            f"“{name}”解开后有 {unpacked // MEGABYTE:,} MB（{len(parts):,} 个部分），超过上限 "
            f"{MOST_UNPACKED // MEGABYTE} MB，未打开。请只保留需要的数据，拆成几个文件上传。"
        )


def _broken(name: str) -> BrokenWorkbook:
    return BrokenWorkbook(f"“{name}”已损坏或没有传完，打不开。请用 Excel 打开确认无误，另存一份后重新上传。")


def _encrypted(name: str) -> EncryptedWorkbook:
    return EncryptedWorkbook(
        f"“{name}”设有打开密码，系统无法读取。请在 Excel 中“文件—信息—保护工作簿”取消密码，保存后重新上传。"
    )


def _plain_sheets(archive: zipfile.ZipFile, name: str) -> tuple[Sheet, ...] | None:
    """The sheets of a large workbook that is written plainly, row by row; None where it is not."""
    try:
        found = plain_sheets(archive, MOST_CELLS)
    except TooMany as error:
        raise _too_wide(name, error.sheet, error.rows, error.columns) from error
    if found is None:
        return None
    return tuple(
        Sheet(
            one.name, one.rows, one.is_hidden, _merges(merged_regions(one), one.rows, name), frozenset(one.hidden_rows),
            frozenset(_letters(one.hidden_columns)),
        )
        for one in found
    )  # fmt: skip


def _too_wide(name: str, sheet: str, rows: int, columns: int) -> OversizedWorkbook:
    return OversizedWorkbook(
        f"“{name}”的工作表“{sheet}”用到了第 {rows:,} 行、{column_letter(columns - 1)} 列，"
        "多数单元格是空的。请删去数据以外的行和列（选中后“删除”），保存后重新上传。"
    )


def _measured_sheets(archive: zipfile.ZipFile, name: str) -> dict[str, SheetFacts]:
    """What each sheet's XML says; a sheet that would not fit into memory is refused here."""
    known: dict[str, SheetFacts] = {}
    for sheet, facts in sheet_facts(archive):
        if sheet in known:
            raise _broken(name)
        if facts.rows * facts.columns > MOST_CELLS:
            raise _too_wide(name, sheet, facts.rows, facts.columns)
        known[sheet] = facts
    return known


def _sheets(content: bytes, name: str, measured: Mapping[str, SheetFacts]) -> Iterator[Sheet]:
    with _calamine(content, name) as workbook:
        for described in workbook.sheets_metadata:
            if described.typ is not SheetTypeEnum.WorkSheet:
                continue
            if described.name not in measured:
                raise _broken(name)
            facts = measured[described.name]
            rows, merges = _rows_and_merges(workbook, described.name, name)
            _clean(rows)
            for (row, column), shown in facts.lost.items():
                if row < len(rows) and column < len(rows[row]):
                    rows[row][column] = LostValue(shown)
            _mark_percentages(rows, facts.percent)
            yield Sheet(
                described.name,
                rows,
                described.visible is not SheetVisibleEnum.Visible,
                merges,
                frozenset(facts.hidden_rows),
                frozenset(_letters(facts.hidden_columns)),
            )


def _letters(ranges: Iterable[tuple[int, int]]) -> Iterator[str]:
    """The letters of hidden columns; a table has no more than some hundred."""
    for first, last in ranges:
        yield from (column_letter(number - 1) for number in range(first, min(last, 1000) + 1))


def _calamine(content: bytes, name: str) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(content))
    except PasswordError as error:
        raise _encrypted(name) from error
    except (CalamineError, ZipError, OSError, ValueError) as error:
        raise _broken(name) from error
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise _broken(name) from error


def _rows_and_merges(workbook: CalamineWorkbook, sheet: str, name: str) -> tuple[list[list[Cell]], tuple[Merge, ...]]:
    try:
        opened: CalamineSheet = workbook.get_sheet_by_name(sheet)
        # Nothing above or left of the data may be cut off: row numbers are Excel's.
        rows: list[list[Cell]] = opened.to_python(skip_empty_area=False)
        merged = opened.merged_cell_ranges or ()
    except (CalamineError, OSError, ValueError) as error:
        raise _broken(name) from error
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise _broken(name) from error
    return rows, _merges(merged, rows, name)


def _merges(
    ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]], rows: Sequence[Sequence[Cell]], name: str
) -> tuple[Merge, ...]:
    """The merged regions. They cannot overlap, so together they cover no more cells than there are."""
    found = tuple(Merge(top, left, bottom, right) for (top, left), (bottom, right) in ranges)
    height, width = len(rows), max((len(row) for row in rows[:1]), default=0)
    covered = sum(
        max(min(one.bottom + 1, height) - one.top, 0) * max(min(one.right + 1, width) - one.left, 0) for one in found
    )
    if covered > height * width:
        raise _broken(name)
    return found


#: What no keyboard writes, PostgreSQL refuses in part, and nobody sees; line ends and tabs are not among them.
_CONTROLS: Final = dict.fromkeys((*range(9), *range(14, 32), 127))
_HAS_CONTROLS: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


def _clean(rows: list[list[Cell]]) -> None:
    """Take control characters out of texts; a number that is none has lost its value."""
    for row in rows:
        for place, cell in enumerate(row):
            if isinstance(cell, str):
                if not cell.isprintable():
                    row[place] = cell.translate(_CONTROLS)
            elif isinstance(cell, float) and not isfinite(cell):
                row[place] = LostValue(str(cell))


def _is_panic(error: BaseException) -> bool:
    # A damaged file may make the Rust reader panic; that is no Exception, but only the file is at fault.
    return type(error).__name__ == "PanicException"


def _mark_percentages(rows: list[list[Cell]], places: Iterable[tuple[int, int]]) -> None:
    for row, column in places:
        if row < len(rows) and column < len(rows[row]):
            cell = rows[row][column]
            if isinstance(cell, float | int) and not isinstance(cell, bool):
                rows[row][column] = PercentCell(cell)


# .xls ---------------------------------------------------------------------------------------------


def _open_xls(content: bytes, name: str) -> Workbook:
    # Names in the container's directory are UTF-16.
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise _encrypted(name)
    if not any(stream.encode("utf-16-le") in content for stream in ("Workbook", "Book")):
        is_word = "WordDocument".encode("utf-16-le") in content
        called = "Word 文档" if is_word else "其他 Office 文件"
        raise WrongFileType(f"“{name}”是{called}，不是工作簿。请上传 .xlsx、.xls 或 CSV 文件。")
    try:
        sheets = read_xls(content)
    except PasswordNeeded as error:
        raise _encrypted(name) from error
    except Unreadable as error:
        raise _broken(name) from error
    for sheet in sheets:
        _clean(sheet.rows)
    return Workbook(
        name,
        "xls",
        tuple(
            Sheet(sheet.name, sheet.rows, sheet.is_hidden, _merges(sheet.merges, sheet.rows, name)) for sheet in sheets
        ),
    )


# .csv ---------------------------------------------------------------------------------------------


def _open_csv(content: bytes, name: str) -> Workbook:
    text, notes = _decode(content, name)
    if _HAS_CONTROLS.search(text):
        text = text.translate(_CONTROLS)
    rows = _parse(text, name)
    if len(rows) * max(map(len, rows), default=0) > MOST_CELLS:
        raise OversizedWorkbook(f"“{name}”有 {len(rows):,} 行，太大，请拆成几个文件上传。")
    return Workbook(name, "csv", (Sheet(Path(name).stem, rows),), notes)


def _decode(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if content.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        return content.decode("utf-32", errors="replace"), ()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace"), ()
    if b"\x00" in content or sum(content[:4096].count(bytes([byte])) for byte in range(1, 9)) > 8:
        raise WrongFileType(
            f"“{name}”不是表格文件（内容是二进制数据）。请上传 Excel 工作簿（.xlsx、.xls）或 CSV 文件；"
            "如本是 CSV，请用 Excel 打开后另存为 .xlsx。"
        )
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        patched = content.decode("utf-8-sig", errors="replace")
    # Text in another encoding breaks at every character, damaged UTF-8 at a few only.
    if patched.count("\ufffd") * 20 < sum(1 for character in patched if character > "\x7f"):
        return patched, ("文件编码为 UTF-8，但有少数字节已损坏，所在行已单独列出。",)
    try:
        return content.decode("gb18030"), ("文件编码识别为 GB18030（简体中文 Windows 的 CSV）。",)
    except UnicodeDecodeError:
        return content.decode("gb18030", errors="replace"), (
            "文件编码识别为 GB18030，但有字节已损坏，所在行已单独列出。",
        )


_DELIMITERS: Final = (",", "\t", ";", "|", "，")


def _parse(text: str, name: str) -> list[list[Cell]]:
    head = text[:100_000]
    delimiter = max(_DELIMITERS, key=lambda one: _steadiness(head, one))
    csv.field_size_limit(MEGABYTE)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[list[Cell]] = []
    width = _steadiness(head, delimiter)[1]
    try:
        for record in reader:
            if any("\n" in value or "\r" in value for value in record):
                _refuse_swallowed(record, delimiter, width, reader.line_num, name)
            rows.append([_unwrapped(value) for value in record])
        return rows
    except csv.Error as error:
        raise BrokenWorkbook(
            f"“{name}”到第 {reader.line_num} 行时引号不成对或单元格过长，无法分列。"
            "请用 Excel 打开核对，另存为 .xlsx 后上传。"
        ) from error


def _refuse_swallowed(record: Sequence[str], delimiter: str, width: int, last: int, name: str) -> None:
    """A cell that holds whole lines of the table: the quote before them was never closed where it should be.

    Args:
        width: how many delimiters a line of the table has.
        last: the number of the record's last line.
    """
    for value in record:
        lines = value.splitlines()
        # The first and the last line of such a cell are parts of lines; those between are whole.
        if any(line.count(delimiter) >= width for line in lines[1:]) and width:
            first = last - sum(len(one.splitlines()) - 1 for one in record if one)
            raise BrokenWorkbook(
                f'“{name}”第 {max(first, 1)} 行有一个引号（"）没有成对，其后的行都连进了一格，无法分列。'
                "请删去这个引号，或用 Excel 打开核对后另存为 .xlsx，再上传。"
            )


def _steadiness(text: str, delimiter: str) -> tuple[int, int]:
    """How many of the first lines have the same number of columns, and how many columns that is."""
    lines = [line for line in text.splitlines()[:30] if line.strip()]
    counts = [line.count(delimiter) for line in lines]
    columns = max(set(counts), key=lambda one: (one > 0, counts.count(one)), default=0)
    return (counts.count(columns) if columns else 0, columns)


def _unwrapped(value: str) -> str:
    # Systems export ="9132…" so that Excel keeps it as text.
    return value[2:-1] if value.startswith('="') and value.endswith('"') else value
