"""Keep what was read of a file when it was tried out, so that it need not be read again when the import is carried out.

Reading a file of 200,000 rows takes longer than writing it. What was read are values with their types already: they go by
parts of some thousand rows, so that neither side holds all of them twice. What was kept is used only for the same
choices by the same reader; else the file is read again.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.spreadsheets.kept_rows import KeptRows, as_json, names_of, values_of
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.reading import HELD, ReadOptions
from backend.spreadsheets.records import (
    ReadResult,
    SkippedRow,
    SkippedSheet,
    SkipReason,
    TableNote,
    TableRead,
)

#: Whoever changes what a reader finds, or how it is kept here, counts this up: what an older reader found is read anew.
_READER: Final = 2
_ROWS_A_PART: Final = 2_000
#: What is kept is read once: little time matters more than little room.
_COMPRESSION: Final = 1
#: What of the options changes nothing of what is read.
_NO_MATTER: Final = frozenset({"progress", "keeps_cells", "limit_megabytes"})


async def keep_reading(session: AsyncSession, import_id: int, result: ReadResult, options: ReadOptions) -> None:
    """Keep what was read, in place of what was kept before."""
    await forget_reading(session, import_id)
    for number, part in enumerate(_parts(result, options)):
        # One at a time: a statement with all of them would hold the whole file.
        await copy_rows(session, "import_reading", ("import_id", "part", "content"), [(import_id, number, part)])


async def forget_reading(session: AsyncSession, import_id: int) -> None:
    """Nobody will carry the import out any more, or somebody has."""
    await session.execute(text("DELETE FROM import_reading WHERE import_id = :id"), {"id": import_id})


async def kept_reading(session: AsyncSession, import_id: int, options: ReadOptions) -> ReadResult | None:
    """What was read of the file with the same options; None where that was not kept."""
    first = await _part(session, import_id, 0)
    if first is None or (head := json.loads(first))["asked"] != _asked(options):
        return None
    rows = KeptRows(head)
    for number in range(1, head["parts"] + 1):
        options.progress.tell(Stage.READING, len(rows), head["rows"])
        part = await _part(session, import_id, number)
        if part is None:
            return None
        for line in part.split(b"\n"):
            rows.add_line(line)
    return _result(head, rows)


async def _part(session: AsyncSession, import_id: int, number: int) -> bytes | None:
    content = await session.scalar(
        text("SELECT content FROM import_reading WHERE import_id = :id AND part = :part"),
        {"id": import_id, "part": number},
    )
    return None if content is None else zlib.decompress(content)


def _asked(options: ReadOptions) -> str:
    """The options by which a file was read, and the reader."""
    said = {one.name: getattr(options, one.name) for one in fields(options) if one.name not in _NO_MATTER}
    return f"{_READER} {sorted((name, repr(value)) for name, value in said.items())}"


def _parts(result: ReadResult, options: ReadOptions) -> Iterable[bytes]:
    rows = result.rows if isinstance(result.rows, KeptRows) else KeptRows.of(result.rows)
    starts = range(0, len(rows), _ROWS_A_PART)
    yield _packed(
        json.dumps(
            {
                "asked": _asked(options), "rows": len(rows), "parts": len(starts), "file_name": result.file_name,
                "layout": result.layout, **rows.shared,
                "skipped_rows": [values_of(one) for one in result.skipped_rows],
                "skipped_sheets": [values_of(one) for one in result.skipped_sheets],
                "tables": [values_of(one) for one in result.tables], "notes": [values_of(one) for one in result.notes],
            },
            ensure_ascii=False, default=as_json,
        ).encode()
    )  # fmt: skip
    for start in starts:
        yield _packed(b"\n".join(rows.lines(range(start, min(start + _ROWS_A_PART, len(rows))))))


def _packed(content: bytes) -> bytes:
    return zlib.compress(content, _COMPRESSION)


def _result(head: Any, rows: KeptRows) -> ReadResult:
    return ReadResult(
        head["file_name"], head["layout"], rows if len(rows) > HELD else tuple(rows),
        tuple(SkippedRow(sheet, row, SkipReason(reason), said) for sheet, row, reason, said in head["skipped_rows"]),
        tuple(SkippedSheet(*one) for one in head["skipped_sheets"]),
        tuple(_table(one) for one in head["tables"]), tuple(TableNote(*one) for one in head["notes"]),
    )  # fmt: skip


def _table(told: list[Any]) -> TableRead:
    named: dict[str, Any] = dict(zip(names_of(TableRead), told, strict=True))
    named |= {name: tuple(named[name]) for name in ("head_rows", "lines", "notes")}
    return TableRead(**named)
