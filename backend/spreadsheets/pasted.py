"""A table pasted from Excel, a web page or a document, as the CSV that the reader of files takes.

Excel and browsers put a table on the clipboard as lines with tabs between the cells; a cell with a line break in it
stands in quotes. Whoever copies the source of a web page pastes its markup, of which only the cells count.

    PasteRefused      nothing can be made of it; `str()` says what was pasted and what to do
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

from backend.spreadsheets.workbook import WorkbookError

#: Some 20,000 rows; whoever has more has them in a file.
MOST_CHARACTERS: Final = 3_000_000
_OTHERS: Final = (",", "，", ";", "；", "|", "｜")
_MARKUP: Final = re.compile(r"<t[dhr][\s>]", re.IGNORECASE)
_LONE_HEADS: Final = frozenset({"企业名称", "单位名称", "公司名称", "统一社会信用代码"})
#: A quote that is not closed would swallow the rest of the table; no cell has so many lines.
_MOST_LINES_IN_CELL: Final = 30
_ROWS_NAMED: Final = 5


class PasteRefused(WorkbookError):
    """What was pasted is no table, or too much."""


def table_of(pasted: str) -> bytes:
    """The pasted table as CSV, its lines as they were pasted.

    Raises:
        PasteRefused: it is empty, too long, or not parted into columns in one way.
    """
    if not pasted.strip(" \t\r\n\u3000\xa0\u200b\ufeff"):
        raise PasteRefused("没有粘贴任何内容。请在 Excel 或网页中选中整个表格（连同表头）复制，再粘贴到这里。")
    if len(pasted) > MOST_CHARACTERS:
        raise PasteRefused(
            f"粘贴的内容有 {len(pasted):,} 个字符，超过上限 {MOST_CHARACTERS:,} 个。请存成 Excel 文件后从“选择文件”上传。"
        )
    text = pasted.replace("\xa0", " ").replace("\r\n", "\n").replace("\r", "\n")
    rows = _cells_of_markup(text) if _MARKUP.search(text) else _cells(text)
    target = io.StringIO(newline="")
    width = max(map(len, rows))
    # Every line has as many cells as the widest, so that nothing else can look like the separator.
    csv.writer(target, delimiter="\t").writerows([*row, *[""] * (width - len(row))] for row in rows)
    return target.getvalue().encode()


def _cells(text: str) -> list[list[str]]:
    lines = text.strip("\n").split("\n")
    if "\t" in text:
        _refuse_mixture(lines)
        return _parted(text.strip("\n"), "\t")
    separator = _separator_of([line for line in lines if line.strip()])
    return _parted(text.strip("\n"), separator) if separator else [[line] for line in lines]


def _parted(text: str, separator: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    if any(cell.count("\n") >= _MOST_LINES_IN_CELL for row in rows for cell in row):
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=csv.QUOTE_NONE))
    return rows


def _separator_of(lines: Sequence[str]) -> str:
    """What parts the cells of a text without tabs; empty where it is a list of one column.

    Raises:
        PasteRefused: the lines are parted in no way, or in several.
    """
    if lines[0].strip() in _LONE_HEADS and not any(one in line for line in lines for one in _OTHERS):
        return ""
    counts = {one: [line.count(one) for line in lines] for one in _OTHERS}
    steady = {
        one: Counter(number for number in found if number).most_common(1)[0]
        for one, found in counts.items()
        if any(found)
    }
    best = max(steady, key=lambda one: (steady[one][1], steady[one][0]), default="")
    if best and len(lines) > 1 and steady[best][1] * 2 > len(lines):
        others = [number for number, line in enumerate(lines, 1) if best not in line and _uses_another(line, best)]
        if others:
            raise _mixed(others, f"“{best}”")
        return best
    raise PasteRefused(
        "粘贴的内容只有一列，分不出企业名称和代码等各列。请在 Excel 或网页中选中整个表格复制（不要只复制文字），再粘贴；"
        "如只有名称，第一行请写“企业名称”。"
    )


def _uses_another(line: str, separator: str) -> bool:
    return any(line.count(one) >= 2 for one in _OTHERS if one != separator)


def _refuse_mixture(lines: Sequence[str]) -> None:
    """Lines with tabs among which some are parted by commas were put together by hand, and would lose their cells."""
    widths = Counter(line.count("\t") for line in lines if "\t" in line)
    width = widths.most_common(1)[0][0]
    others = [
        number
        for number, line in enumerate(lines, 1)
        if "\t" not in line and any(line.count(one) == width for one in _OTHERS) and not _reads_as_sentence(line)
    ]
    if others and width >= 1:
        raise _mixed(others, "制表符")


def _reads_as_sentence(line: str) -> bool:
    return "。" in line or "：" in line or line.strip().endswith(("）", ")"))


def _mixed(lines: Sequence[int], usual: str) -> PasteRefused:
    named = "、".join(map(str, lines[:_ROWS_NAMED])) + (f" 等 {len(lines)} 行" if len(lines) > _ROWS_NAMED else " 行")
    return PasteRefused(
        f"粘贴的内容分列不一致：多数行用{usual}分列，第 {named}不是。请在 Excel 中整理成一张表，再整体复制粘贴。"
    )


# Markup ----------------------------------------------------------------------------------------------


def _cells_of_markup(text: str) -> list[list[str]]:
    reader = _TableMarkup()
    reader.feed(text)
    reader.close()
    if not reader.rows:
        raise PasteRefused("粘贴的是网页代码，其中没有表格。请在网页上选中表格复制，再粘贴。")
    return reader.rows


class _TableMarkup(HTMLParser):
    """The cells of all tables in some markup, row by row; an empty row between two tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._spans: int = 1
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table" and self.rows:
            self.rows.append([""])
        elif tag == "tr":
            self._end_cell()
            self.rows.append([])
        elif tag in ("td", "th"):
            self._end_cell()
            if not self.rows:
                self.rows.append([])
            spans = dict(attrs).get("colspan") or "1"
            self._cell, self._spans = [], int(spans) if spans.isdecimal() and len(spans) < 3 else 1
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")
        elif tag in ("script", "style"):
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr", "table"):
            self._end_cell()
        elif tag in ("script", "style"):
            self._silent = max(0, self._silent - 1)

    def handle_data(self, data: str) -> None:
        if self._cell is not None and not self._silent:
            self._cell.append(data)

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        said = re.sub(r"[ \t\r\f\v]+", " ", "".join(self._cell)).strip()
        self.rows[-1] += [said, *[""] * (max(1, self._spans) - 1)]
        self._cell = None

    def close(self) -> None:
        super().close()
        self._end_cell()
        self.rows = [row or [""] for row in self.rows]
