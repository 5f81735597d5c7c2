"""Fill in a workbook as it was handed out: rows are put into its own sheet, everything else stays as it is."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from backend.spreadsheets.workbook import column_letter

SHEET = "xl/worksheets/sheet1.xml"


def filled_in(
    content: bytes, rows: Sequence[Sequence[Any]], first: int, lines: Mapping[str, str] | None = None
) -> bytes:
    """The workbook with rows from Excel's row `first` on; `lines` replaces texts, such as a title's."""
    made = io.BytesIO()
    written = "".join(
        f'<row r="{number}">{"".join(_cell(number, place, cell) for place, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, start=first)
    )
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            body = source.read(part).decode() if part.filename.endswith(".xml") else source.read(part)
            if part.filename == SHEET and isinstance(body, str):
                body = body.replace("</sheetData>", f"{written}</sheetData>")
            if part.filename == "xl/sharedStrings.xml" and isinstance(body, str):
                for old, new in (lines or {}).items():
                    assert escape(old) in body
                    body = body.replace(escape(old), escape(new))
            target.writestr(part, body)
    return made.getvalue()


def _cell(row: int, place: int, cell: Any) -> str:
    where = f"{column_letter(place)}{row}"
    if cell is None or cell == "":
        return ""
    if isinstance(cell, int | float):
        return f'<c r="{where}"><v>{cell}</v></c>'
    return f'<c r="{where}" t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>'


def part_of(content: bytes, name: str) -> str:
    """A part of the workbook as text."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(name).decode()


def formats_of_columns(content: bytes) -> dict[int, str]:
    """Column → the number format that holds for all of it."""
    styles = part_of(content, "xl/styles.xml")
    own = dict(re.findall(r'<numFmt numFmtId="(\d+)" formatCode="([^"]*)"', styles))
    used = re.findall(r'<xf numFmtId="(\d+)"', styles.split("<cellXfs")[1].split("</cellXfs>")[0])
    found: dict[int, str] = {}
    for first, last, style in re.findall(r'<col min="(\d+)" max="(\d+)"[^>]*style="(\d+)"', part_of(content, SHEET)):
        number = used[int(style)]
        found |= {
            place: "@" if number == "49" else own.get(number, number) for place in range(int(first) - 1, int(last))
        }
    return found
