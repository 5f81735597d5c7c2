"""Lists of enterprises as workbooks: the columns chosen, the code before the name as in the bureau's own ledgers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from backend.clock import CHINA
from backend.enterprises.columns import Column
from backend.enterprises.labels import Names
from backend.exports.book import Head, Kind, Limits, ListBook
from backend.exports.folder import export_folder
from backend.web.filters import rung
from rules.catalogue import Indicator, Type

_NAME: Final = Head("企业名称", 40)
_KINDS: Final[Mapping[Type, Kind]] = {
    Type.MONEY: "money", Type.PERCENT: "share", Type.COUNT: "count", Type.HEADCOUNT: "count", Type.NUMBER: "number",
    Type.DATE: "day",
}  # fmt: skip


def enterprises_workbook(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    names: Names,
    on: date,
    known_at: datetime | None = None,
) -> bytes:
    """A list of enterprises, their names and the columns chosen, with the titles in force on a day; one file.

    As known at a moment; None is now.
    """
    with export_folder() as folder:
        book = enterprises_book(folder, columns, on, Limits(sheets_a_file=1_000), known_at)
        for row in rows:
            book.add(cells_of(row, columns, names))
        return book.close()[0].path.read_bytes()


def enterprises_book(
    folder: Path, columns: Sequence[Column], on: date, limits: Limits | None = None, known_at: datetime | None = None
) -> ListBook:
    """An empty list of enterprises with its heads."""
    shown = _shown(columns)
    heads = [Head(one.label, one.width, _kind(one.indicator)) if one is not None else _NAME for one in shown]
    return ListBook(folder, "企业名单", heads, frozen=shown.index(None) + 1, note=_note(on, known_at), limits=limits)


def _note(on: date, known_at: datetime | None) -> str:
    if known_at is None:
        return f"截至 {on}"
    return f"截至 {on}，按 {known_at.astimezone(CHINA).date()} 掌握的数据；名称和代码按现在的登记"


def cells_of(row: Mapping[str, Any], columns: Sequence[Column], names: Names) -> list[Any]:
    """The cells of an enterprise."""
    return [row["name"] if one is None else _value(one, row, names) for one in _shown(columns)]


def _shown(columns: Sequence[Column]) -> list[Column | None]:
    """The columns in their order; None is the name's."""
    return [*(one for one in columns if one.id == "code"), None, *(one for one in columns if one.id != "code")]


def _kind(indicator: Indicator | None) -> Kind:
    return _KINDS.get(indicator.type, "text") if indicator is not None else "text"


def _value(column: Column, row: Mapping[str, Any], names: Names) -> Any:
    value = column.of(row, names)
    return rung(str(value or "")) if column.kind == "rung" else value
