"""The figures of a row in little room.

A ledger of 200,000 rows has five million figures: as objects they would take a gigabyte. All rows of a table have the same
columns, so a row keeps its numbers alone, as one text, and says which columns they stand in once for all of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import overload

from backend.exact_json import WrittenOut
from backend.spreadsheets.records import Figure

#: What stands between the numbers of a row.
BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """What is the same for all figures of a column: the indicator, the year, where it stands, as of when."""

    indicator: str
    year: int | None
    letter: str
    as_of: str


class PackedFigures(Sequence[Figure]):
    """Plain numbers of some columns, as figures when they are looked at; a column without one is left out."""

    __slots__ = ("columns", "packed")

    def __init__(self, columns: tuple[FigureColumn, ...], numbers: Sequence[Decimal | None]) -> None:
        self.columns = columns
        #: The numbers as one text, as `of` takes it again.
        self.packed = BETWEEN.join(["" if one is None else str(one) for one in numbers])

    @classmethod
    def of(cls, columns: tuple[FigureColumn, ...], packed: str) -> "PackedFigures":
        """Figures out of the text that they were packed into."""
        made = cls.__new__(cls)
        made.columns, made.packed = columns, packed
        return made

    def values(self) -> Iterator[tuple[FigureColumn, Decimal]]:
        """The numbers with their columns, without making figures of them."""
        for column, text in zip(self.columns, self.packed.split(BETWEEN), strict=True):
            if text:
                yield column, Decimal(text)

    def by_year(self) -> "Iterator[tuple[int | None, PackedValues]]":
        """What is said of each year, in the order of the columns, without making figures of it."""
        texts = self.packed.split(BETWEEN)
        for year, places in _columns_by_year(self.columns).items():
            said = [(name, text) for place, name in places if (text := texts[place])]
            if said:
                yield year, PackedValues(said)

    def __iter__(self) -> Iterator[Figure]:
        for column, value in self.values():
            yield Figure(column.indicator, column.year, value, column.letter, column.as_of)

    def __len__(self) -> int:
        return sum(1 for text in self.packed.split(BETWEEN) if text)

    @overload
    def __getitem__(self, index: int) -> Figure: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Figure]: ...
    def __getitem__(self, index: int | slice) -> Figure | Sequence[Figure]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)  # type: ignore[reportUnknownArgumentType]

    def __hash__(self) -> int:
        return hash((self.columns, self.packed))


class PackedValues(Mapping[str, Decimal], WrittenOut):
    """Numbers by their indicators, which mostly are only written down: then none of them is made a number."""

    def __init__(self, said: Sequence[tuple[str, str]]) -> None:
        self._said = said

    @property
    def as_json(self) -> str:
        """As `exact_json` writes the numbers."""
        return "{" + ", ".join([f"{_NAMES[name]}: {_digits(text)}" for name, text in self._said]) + "}"

    @cached_property
    def _values(self) -> dict[str, Decimal]:
        return {name: Decimal(text) for name, text in self._said}

    def __getitem__(self, name: str) -> Decimal:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class _Names(dict[str, str]):
    """Indicators' names as JSON."""

    def __missing__(self, name: str) -> str:
        written = self[name] = json.dumps(name, ensure_ascii=False)
        return written


_NAMES = _Names()


def _digits(text: str) -> str:
    return text if "E" not in text else format(Decimal(text), "f")


def _columns_by_year(columns: tuple[FigureColumn, ...]) -> dict[int | None, list[tuple[int, str]]]:
    """The places and indicators of each year's columns; all rows of a table share them, so they are told apart once."""
    if not (_LAST and _LAST[0][0] is columns):
        places: dict[int | None, list[tuple[int, str]]] = {}
        for place, column in enumerate(columns):
            places.setdefault(column.year, []).append((place, column.indicator))
        _LAST[:] = [(columns, places)]
    return _LAST[0][1]


_LAST: list[tuple[tuple[FigureColumn, ...], dict[int | None, list[tuple[int, str]]]]] = []
