"""The rows of a large file, laid down (`scratch`) and made again as they are asked for.

As objects 200,000 rows take several hundred megabytes. Here each is a line of JSON that is not held in memory; what all
rows of a table share is told once. The same lines are kept in the database (`staging`).
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple, overload

from backend.spreadsheets.packed import FigureColumn, PackedFigures
from backend.spreadsheets.records import (
    EnterpriseRecord,
    Figure,
    FigureValue,
    FormerName,
    LaidDown,
    OldNumber,
    ReadRow,
    RecognitionEvent,
    RecognitionRecord,
    RowProblem,
    Severity,
)
from backend.spreadsheets.scratch import Scratch


class Named(NamedTuple):
    """Where a row stands and whom it names."""

    sheet: str
    row: int
    name: str
    credit_code: str | None


class KeptRows(LaidDown):
    """Rows that are not held in memory. Each is made anew whenever it is asked for."""

    def __init__(self, shared: Mapping[str, Any] | None = None) -> None:
        told = shared or {}
        self._sheets, self._layouts = _Places(told.get("sheets", ())), _Places(told.get("layouts", ()))
        self._columns = _Places([tuple(FigureColumn(*one) for one in several) for several in told.get("columns", ())])
        self._scratch = Scratch()
        self._starts, self._lengths = array("Q"), array("I")
        #: Rows that speak of the same enterprise, by their places; whoever stands in none of them stands alone.
        self.together: list[list[int]] = [list(group) for group in told.get("together", ())]

    @classmethod
    def of(cls, rows: Iterable[ReadRow]) -> "KeptRows":
        """Some rows, laid down."""
        kept = cls()
        for row in rows:
            kept.add(row)
        return kept

    # Laying down -------------------------------------------------------------------------------------

    def add(self, row: ReadRow) -> None:
        """Lay a row down behind all others."""
        self.add_line(self._line(row))

    def add_line(self, line: bytes) -> None:
        """A row as `lines` gave it."""
        self._starts.append(self._scratch.append(line))
        self._lengths.append(len(line))

    def put(self, place: int, row: ReadRow) -> None:
        """Put a row in the place of another."""
        line = self._line(row)
        self._starts[place], self._lengths[place] = self._scratch.append(line), len(line)

    def leave_out(self, places: Iterable[int]) -> None:
        """Leave some rows out; those behind them move up, and nothing is said of who stands together."""
        out = set(places)
        if out:
            for name in ("_starts", "_lengths"):
                held: array[int] = getattr(self, name)
                left = (value for place, value in enumerate(held) if place not in out)
                setattr(self, name, array(held.typecode, left))
            self.together = []

    def _line(self, row: ReadRow) -> bytes:
        held = row.figures
        packed = isinstance(held, PackedFigures)
        who = {name: value for name in _ENTERPRISE if (value := getattr(row.enterprise, name)) != _UNSAID[name]}
        told = [
            self._sheets.of(row.sheet), row.row, who, self._layouts.of(row.layout), row.is_hidden,
            [self._columns.of(held.columns), held.packed] if packed else None,
            [] if packed else [[one.indicator, one.year, _told(one.value), one.column, one.as_of] for one in held],
            [values_of(one) for one in row.recognitions], [values_of(one) for one in row.problems],
        ]  # fmt: skip
        return _TO_JSON(told).encode()

    @property
    def shared(self) -> dict[str, Any]:
        """What the lines refer to, as the constructor takes it."""
        return {
            "sheets": self._sheets.things, "layouts": self._layouts.things,
            "columns": [[values_of(one) for one in several] for several in self._columns.things],
            "together": self.together,
        }  # fmt: skip

    # Asking ------------------------------------------------------------------------------------------

    def lines(self, places: range) -> list[bytes]:
        """Rows one after the other as they lie there."""
        return [self._read(place) for place in places]

    def named(self, place: int) -> Named:
        """Whom a row names, without making a row of it."""
        told = json.loads(self._read(place).decode())
        return Named(self._sheets.things[told[0]], told[1], told[2].get("name", ""), told[2].get("credit_code"))

    def troubled(self) -> Iterator[ReadRow]:
        """The rows with problems; these stand last in a line."""
        return (self[place] for place in range(len(self)) if not self._read(place).endswith(b",[]]"))

    def _read(self, place: int) -> bytes:
        return self._scratch.read(self._starts[place], self._lengths[place])

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[ReadRow]:
        return (self[place] for place in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> ReadRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ReadRow]: ...
    def __getitem__(self, index: int | slice) -> ReadRow | Sequence[ReadRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        sheet, number, who, layout, is_hidden, packed, figures, recognitions, problems = json.loads(
            self._read(index).decode()
        )
        held: Sequence[Figure] = (
            PackedFigures.of(self._columns.things[packed[0]], packed[1])
            if packed
            else tuple([Figure(one[0], one[1], _value(one[2]), one[3], one[4]) for one in figures])
        )
        return ReadRow(
            self._sheets.things[sheet], number, _who(who), held,
            tuple(map(_recognition, recognitions)) if recognitions else (), (),
            tuple(map(_problem, problems)) if problems else (), is_hidden, self._layouts.things[layout],
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)  # type: ignore[reportUnknownArgumentType]

    __hash__ = None  # type: ignore[assignment]


class _Places:
    """Things that many rows share, each told once, by its place."""

    def __init__(self, things: Iterable[Any] = ()) -> None:
        self.things: list[Any] = list(things)
        # By identity: the columns of a table take long to be compared with themselves for each row.
        self._place = {id(thing): place for place, thing in enumerate(self.things)}

    def of(self, thing: Any) -> int:
        place = self._place.get(id(thing))
        if place is None:
            place = self._place[id(thing)] = len(self.things)
            self.things.append(thing)
        return place


# As JSON ---------------------------------------------------------------------------------------------


def values_of(thing: Any) -> list[Any]:
    """The fields of a record in their order."""
    return [getattr(thing, name) for name in names_of(type(thing))]


def names_of(kind: type) -> tuple[str, ...]:
    """The names of a record's fields."""
    names = _NAMES.get(kind)
    if names is None:
        names = _NAMES[kind] = tuple(one.name for one in fields(kind))
    return names


def as_json(value: Any) -> Any:
    """What JSON has no form for: days as texts, records as their fields."""
    return value.isoformat() if isinstance(value, date) else values_of(value)


_NAMES: dict[type, tuple[str, ...]] = {}
_TO_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=as_json).encode
_ENTERPRISE: Final = names_of(EnterpriseRecord)
_UNSAID: Final = {name: getattr(EnterpriseRecord(), name) for name in _ENTERPRISE}
_RECOGNITION: Final = names_of(RecognitionRecord)
_DAYS_OF_TITLES: Final = frozenset({"dated_on", "valid_from", "valid_to"})
_PROBLEM: Final = names_of(RowProblem)


def _told(value: FigureValue) -> Any:
    """A value with what it is: a number and a day are texts in JSON."""
    match value:
        case Decimal():
            return ["n", str(value)]
        case date():
            return ["d", value.isoformat()]
        case _:
            return value


def _value(told: Any) -> FigureValue:
    if not isinstance(told, list):
        return told
    kind, value = told  # type: ignore[reportUnknownVariableType]
    return Decimal(value) if kind == "n" else date.fromisoformat(value)  # type: ignore[reportUnknownArgumentType]


def _day(told: str | None) -> date | None:
    return None if told is None else date.fromisoformat(told)


def _who(told: dict[str, Any]) -> EnterpriseRecord:
    if numbers := told.get("other_numbers"):
        told["other_numbers"] = tuple(OldNumber(*one) for one in numbers)
    if former := told.get("former_names"):
        told["former_names"] = tuple(FormerName(name, _day(used_to)) for name, used_to in former)
    if chains := told.get("chains"):
        told["chains"] = tuple(chains)
    if established := told.get("established_on"):
        told["established_on"] = date.fromisoformat(established)
    return EnterpriseRecord(**told)


def _recognition(told: list[Any]) -> RecognitionRecord:
    named: dict[str, Any] = dict(zip(_RECOGNITION, told, strict=True))
    named |= {name: _day(named[name]) for name in _DAYS_OF_TITLES}
    named["event"] = RecognitionEvent(named["event"])
    return RecognitionRecord(**named)


def _problem(told: list[Any]) -> RowProblem:
    named: dict[str, Any] = dict(zip(_PROBLEM, told, strict=True))
    named["severity"] = Severity(named["severity"])
    return RowProblem(**named)
