"""Keep what was read of a file when it was tried out, so that it need not be read again when the import is carried out.

Reading a file of 200,000 rows takes longer than writing it. What was read are values with their types already: they go by
parts of some thousand rows, so that neither side holds all of them twice. What was kept is used only for the same
choices by the same reader; else the file is read again.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from backend.spreadsheets.packed import FigureColumn, PackedFigures
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.reading import ReadOptions
from backend.spreadsheets.records import (
    EnterpriseRecord,
    Figure,
    FigureValue,
    FormerName,
    OldNumber,
    ReadResult,
    ReadRow,
    RecognitionEvent,
    RecognitionRecord,
    RowProblem,
    Severity,
    SkippedRow,
    SkippedSheet,
    SkipReason,
    TableNote,
    TableRead,
)

#: Whoever changes what a reader finds, or how it is kept here, counts this up: what an older reader found is read anew.
_READER: Final = 1
_ROWS_A_PART: Final = 2_000
#: What is kept is read once: little time matters more than little room.
_COMPRESSION: Final = 1
#: What of the options changes nothing of what is read.
_NO_MATTER: Final = frozenset({"progress", "keeps_cells", "limit_megabytes"})


async def keep_reading(session: AsyncSession, import_id: int, result: ReadResult, options: ReadOptions) -> None:
    """Keep what was read, in place of what was kept before."""
    await forget_reading(session, import_id)
    parts = ((import_id, number, part) for number, part in enumerate(_parts(result, options)))
    await copy_rows(session, "import_reading", ("import_id", "part", "content"), parts)


async def forget_reading(session: AsyncSession, import_id: int) -> None:
    """Nobody will carry the import out any more, or somebody has."""
    await session.execute(text("DELETE FROM import_reading WHERE import_id = :id"), {"id": import_id})


async def kept_reading(session: AsyncSession, import_id: int, options: ReadOptions) -> ReadResult | None:
    """What was read of the file with the same options; None where that was not kept."""
    first = await _part(session, import_id, 0)
    if first is None or (head := _unpacked(first))["asked"] != _asked(options):
        return None
    rows: list[ReadRow] = []
    reader = _Reader(head)
    for number in range(1, head["parts"] + 1):
        options.progress.tell(Stage.READING, len(rows), head["rows"])
        part = await _part(session, import_id, number)
        if part is None:
            return None
        rows += map(reader.row, _unpacked(part))
    return _result(head, rows)


async def _part(session: AsyncSession, import_id: int, number: int) -> bytes | None:
    return await session.scalar(
        text("SELECT content FROM import_reading WHERE import_id = :id AND part = :part"),
        {"id": import_id, "part": number},
    )


def _asked(options: ReadOptions) -> str:
    """The options by which a file was read, and the reader."""
    said = {one.name: getattr(options, one.name) for one in fields(options) if one.name not in _NO_MATTER}
    return f"{_READER} {sorted((name, repr(value)) for name, value in said.items())}"


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), _COMPRESSION)


def _unpacked(content: bytes) -> Any:
    return json.loads(zlib.decompress(content))


# Writing down ----------------------------------------------------------------------------------------


class _Places:
    """Things that many rows share, each told once, by its place."""

    def __init__(self) -> None:
        # By identity: the columns of a table take long to be compared with themselves for each row.
        self._place: dict[int, int] = {}
        self.things: list[Any] = []

    def of(self, thing: Any) -> int:
        place = self._place.get(id(thing))
        if place is None:
            place = self._place[id(thing)] = len(self.things)
            self.things.append(thing)
        return place


def _parts(result: ReadResult, options: ReadOptions) -> Iterable[bytes]:
    sheets, layouts, columns = _Places(), _Places(), _Places()
    for row in result.rows:
        sheets.of(row.sheet)
        layouts.of(row.layout)
        if isinstance(row.figures, PackedFigures):
            columns.of(row.figures.columns)
    starts = range(0, len(result.rows), _ROWS_A_PART)
    yield _packed(
        {
            "asked": _asked(options), "rows": len(result.rows), "parts": len(starts), "file_name": result.file_name,
            "layout": result.layout, "sheets": sheets.things, "layouts": layouts.things,
            "columns": [[_values(one) for one in several] for several in columns.things],
            "skipped_rows": [_values(one) for one in result.skipped_rows],
            "skipped_sheets": [_values(one) for one in result.skipped_sheets],
            "tables": [_values(one) for one in result.tables], "notes": [_values(one) for one in result.notes],
        }
    )  # fmt: skip
    for start in starts:
        some = result.rows[start : start + _ROWS_A_PART]
        yield _packed([_row(row, sheets, layouts, columns) for row in some])


def _row(row: ReadRow, sheets: _Places, layouts: _Places, columns: _Places) -> list[Any]:
    held = row.figures
    packed = isinstance(held, PackedFigures)
    return [
        sheets.of(row.sheet), row.row, layouts.of(row.layout), row.is_hidden, _enterprise(row.enterprise),
        [columns.of(held.columns), held.packed] if packed else None,
        [] if packed else [[one.indicator, one.year, _told(one.value), one.column, one.as_of] for one in held],
        [_values(one) for one in row.recognitions], [_values(one) for one in row.problems],
    ]  # fmt: skip


def _values(thing: Any) -> list[Any]:
    """The fields of a record in their order; days as texts, words of a list as they are written."""
    return [_plain(getattr(thing, name)) for name in _names(type(thing))]


def _names(kind: type) -> tuple[str, ...]:
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(one.name for one in fields(kind))
    return names


_NAMES: dict[type, tuple[str, ...]] = {}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _enterprise(who: EnterpriseRecord) -> list[Any]:
    told = _values(who)
    told[_NUMBERS] = [_values(one) for one in who.other_numbers]
    told[_FORMER] = [_values(one) for one in who.former_names]
    return told


_ENTERPRISE: Final = _names(EnterpriseRecord)
_NUMBERS, _FORMER, _CHAINS, _ESTABLISHED = (
    _ENTERPRISE.index(name) for name in ("other_numbers", "former_names", "chains", "established_on")
)


def _told(value: FigureValue) -> Any:
    """A value with what it is: a number and a day are texts in JSON."""
    match value:
        case Decimal():
            return ["n", str(value)]
        case date():
            return ["d", value.isoformat()]
        case _:
            return value


# Reading back ----------------------------------------------------------------------------------------


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


class _Reader:
    """Rows again as they were read, by what all of them share."""

    def __init__(self, head: Any) -> None:
        self._sheets: list[str] = head["sheets"]
        self._layouts: list[str] = head["layouts"]
        self._columns = [tuple(FigureColumn(*one) for one in several) for several in head["columns"]]

    def row(self, told: Any) -> ReadRow:
        """One row."""
        sheet, number, layout, is_hidden, who, packed, figures, recognitions, problems = told
        held: Sequence[Figure] = (
            PackedFigures.of(self._columns[packed[0]], packed[1])
            if packed
            else tuple(Figure(one[0], one[1], _value(one[2]), one[3], one[4]) for one in figures)
        )
        return ReadRow(
            self._sheets[sheet], number, _who(who), held, tuple(map(_recognition, recognitions)), (),
            tuple(map(_problem, problems)), is_hidden, self._layouts[layout],
        )  # fmt: skip


def _who(told: list[Any]) -> EnterpriseRecord:
    told[_NUMBERS] = tuple(OldNumber(*one) for one in told[_NUMBERS])
    told[_FORMER] = tuple(FormerName(name, _day(used_to)) for name, used_to in told[_FORMER])
    told[_CHAINS] = tuple(told[_CHAINS])
    told[_ESTABLISHED] = _day(told[_ESTABLISHED])
    return EnterpriseRecord(*told)


def _value(told: Any) -> FigureValue:
    if not isinstance(told, list):
        return told
    kind, value = told  # type: ignore[reportUnknownVariableType]
    return Decimal(value) if kind == "n" else date.fromisoformat(value)  # type: ignore[reportUnknownArgumentType]


_RECOGNITION: Final = _names(RecognitionRecord)
_DAYS_OF_TITLES: Final = frozenset({"dated_on", "valid_from", "valid_to"})


def _recognition(told: list[Any]) -> RecognitionRecord:
    named: dict[str, Any] = dict(zip(_RECOGNITION, told, strict=True))
    named |= {name: _day(named[name]) for name in _DAYS_OF_TITLES}
    named["event"] = RecognitionEvent(named["event"])
    return RecognitionRecord(**named)


_PROBLEM: Final = _names(RowProblem)


def _problem(told: list[Any]) -> RowProblem:
    named: dict[str, Any] = dict(zip(_PROBLEM, told, strict=True))
    named["severity"] = Severity(named["severity"])
    return RowProblem(**named)


def _result(head: Any, rows: list[ReadRow]) -> ReadResult:
    return ReadResult(
        head["file_name"], head["layout"], tuple(rows),
        tuple(SkippedRow(sheet, row, SkipReason(reason), said) for sheet, row, reason, said in head["skipped_rows"]),
        tuple(SkippedSheet(*one) for one in head["skipped_sheets"]),
        tuple(_table(one) for one in head["tables"]), tuple(TableNote(*one) for one in head["notes"]),
    )  # fmt: skip


def _table(told: list[Any]) -> TableRead:
    named: dict[str, Any] = dict(zip(_names(TableRead), told, strict=True))
    named |= {name: tuple(named[name]) for name in ("head_rows", "lines", "notes")}
    return TableRead(**named)
