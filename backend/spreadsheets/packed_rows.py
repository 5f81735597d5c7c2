"""The rows of a large sheet in little room: some hundred at a time are laid out, the others lie packed elsewhere (`scratch`)."""

import marshal
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final, overload

from backend.spreadsheets.cell_types import Cell, LostValue, PercentCell
from backend.spreadsheets.scratch import Scratch

_ROWS_A_BLOCK: Final = 256
#: Without references to what was said before, which take long to be looked up.
_FORM: Final = 2
_PLAIN: Final = frozenset({str, float, bool, int})


class PackedRows(Sequence[list[Cell]]):
    """Rows from Excel's first on, all as wide as the widest. Read in order, each is laid out once."""

    def __init__(self) -> None:
        self.width = 0
        #: Excel's number of the row that was added last, also where it holds nothing.
        self.last = 0
        self._height = 0
        self._scratch = Scratch()
        #: Where each block begins there, and how long it is.
        self._blocks: list[tuple[int, int]] = []
        self._open: list[Any] = []
        self._laid_out: tuple[int, list[list[Cell]]] = (-1, [])

    def add(self, number: int, cells: list[Cell]) -> None:
        """Add a row behind all others; rows left out are empty, and so is nothing behind the last value."""
        self.last = number
        if not cells:
            return
        self.width = max(self.width, len(cells))
        for _ in range(number - 1 - self._height):
            self._append([])
        self._append(cells)

    def end(self) -> None:
        """Nothing more is added."""
        if self._open:
            self._close()

    def _append(self, cells: list[Cell]) -> None:
        self._height += 1
        self._open.append(cells if _PLAIN.issuperset(map(type, cells)) else _apart(cells))
        if len(self._open) == _ROWS_A_BLOCK:
            self._close()

    def _close(self) -> None:
        packed = marshal.dumps(self._open, _FORM)
        self._blocks.append((self._scratch.append(packed), len(packed)))
        self._open = []

    def _block(self, number: int) -> list[list[Cell]]:
        # Only what was packed here is unpacked: nobody else can put anything in between.
        rows: list[Any] = marshal.loads(self._scratch.read(*self._blocks[number]))  # noqa: S302
        for place, row in enumerate(rows):
            if type(row) is tuple:
                rows[place] = row = _together(*row)
            if len(row) < self.width:
                row += [""] * (self.width - len(row))
        return rows

    def __len__(self) -> int:
        return self._height

    def __iter__(self) -> Iterator[list[Cell]]:
        for number in range(len(self._blocks)):
            yield from self._block(number)

    @overload
    def __getitem__(self, index: int) -> list[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[list[Cell]]: ...
    def __getitem__(self, index: int | slice) -> list[Cell] | Sequence[list[Cell]]:
        if isinstance(index, slice):
            return _Some(self, range(*index.indices(self._height)))
        place = index if index >= 0 else index + self._height
        if not 0 <= place < self._height:
            raise IndexError(index)
        number, within = divmod(place, _ROWS_A_BLOCK)
        if self._laid_out[0] != number:
            self._laid_out = (number, self._block(number))
        return self._laid_out[1][within]


class _Some(Sequence[list[Cell]]):
    """Some of the rows, laid out as they are asked for."""

    def __init__(self, rows: PackedRows, places: range) -> None:
        self._rows, self._places = rows, places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> list[Cell]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[list[Cell]]: ...
    def __getitem__(self, index: int | slice) -> list[Cell] | Sequence[list[Cell]]:
        if isinstance(index, slice):
            return _Some(self._rows, self._places[index])
        return self._rows[self._places[index]]


def _apart(cells: list[Cell]) -> tuple[list[Any], list[tuple[int, str, Any]]]:
    """A row that holds more than texts and numbers: these by themselves, the rest with its places."""
    plain: list[Any] = []
    others: list[tuple[int, str, Any]] = []
    for place, cell in enumerate(cells):
        plain.append("" if type(cell) not in _PLAIN else cell)
        match cell:
            case PercentCell():
                others.append((place, "%", float(cell)))
            case LostValue():
                others.append((place, "!", str(cell)))
            case date():
                others.append((place, "d", cell.toordinal()))
            case _:
                pass
    return plain, others


def _together(plain: list[Cell], others: list[tuple[int, str, Any]]) -> list[Cell]:
    for place, kind, value in others:
        plain[place] = PercentCell(value) if kind == "%" else LostValue(value) if kind == "!" else _day(value)
    return plain


def _day(number: int) -> date:
    return date.fromordinal(number)
