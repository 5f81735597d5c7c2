"""The figures of a row in little room.

A ledger of 200,000 rows has five million figures: as objects they would take a gigabyte. All rows of a table have the same
columns, so a row keeps its numbers alone, as one text, and says which columns they stand in once for all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import overload

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
