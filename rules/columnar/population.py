"""Many enterprises' facts as columns: what the engine reads.

The frames are those of the projection: `current` has a row per enterprise and a column per indicator, `yearly` a row per
enterprise and year. Money and counts are whole numbers (money in fen), shares and the like decimals, lists JSON text.
Null means unknown. What is known not to exist is written as the day `NONE_DAY`, or as the text `NONE_TEXT` where that is
no choice of its own.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.catalogue import Catalogue, Indicator, Period, RecordField, Type
from rules.columnar.columns import EPOCH, RecordTable, Words
from rules.columnar.masks import Rows
from rules.facts import Facts
from rules.values import RecordValue, Value, simple

NONE_DAY = date(1, 1, 1)
NONE_TEXT = "none"

#: How a row without a value is written in columns of whole numbers: unknown, or known not to exist.
UNKNOWN, NONE = -1, -2
_DAY_OFFSET = 1_000_000  # days before 1970 stay above the marks

_NUMBERS = {Type.MONEY, Type.NUMBER, Type.COUNT, Type.HEADCOUNT, Type.PERCENT, Type.YEAR}
_ABSENT: Any = object()


@dataclass(frozen=True)
class Stored:
    """One column for all rows, and a last row that stands for “no such row” (position -1).

    `values` are 1 and 0, days, places of texts or of lists with `UNKNOWN` and `NONE` for what is not there; or figures
    with NaN for what is unknown. Figures of a frame stay in it, and are read portion by portion.
    """

    type: Type
    values: NDArray[Any] | None
    none: NDArray[np.bool_] | None = None
    #: Digits behind the point of figures.
    decimals: int = 0
    words: Words | None = None
    table: RecordTable | None = None
    #: The column as it was given.
    given: pl.Series | None = None

    def at(self, rows: Rows) -> NDArray[Any]:
        """The values of some rows."""
        if self.values is not None:
            return self.values[:-1][rows] if isinstance(rows, slice) else self.values[rows]
        assert self.given is not None
        if isinstance(rows, slice):
            given = self.given[rows]
        elif _is_run(rows):
            given = self.given[int(rows[0]) : int(rows[-1]) + 1]
        else:
            places = pl.Series(rows)
            given = self.given.gather(places.set(places < 0, None) if (rows < 0).any() else places)
        return given.cast(pl.Float64).to_numpy()


def _is_run(rows: NDArray[np.int64]) -> bool:
    """Whether they stand one after another, as those of a year do where every enterprise reports."""
    return len(rows) > 0 and rows[0] >= 0 and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all())


def day_number(day: date) -> int:
    """A day as a column of days holds it."""
    return (day - EPOCH).days + _DAY_OFFSET


def days_of(values: NDArray[Any]) -> NDArray[np.int64]:
    """Days counted from 1970-01-01, of a column of days; those of rows without a day mean nothing."""
    return values.astype(np.int64) - _DAY_OFFSET


@dataclass
class Population:
    """Facts of many enterprises.

    Rows are numbered from 0 in the order of `ids`.
    """

    catalogue: Catalogue
    ids: NDArray[np.int64]
    current: Mapping[str, Stored]
    yearly: Mapping[str, Stored]
    #: For each year where each enterprise's row of `yearly` is; -1 where it has none.
    years: Mapping[int, NDArray[np.int64]]
    #: Facts as they were given, where the population was made of them.
    given: Sequence[Facts] | None = None
    #: Answers about the different lists, remembered for all rows (see `compiling.py`).
    about_lists: dict[Any, Any] = field(default_factory=dict[Any, Any])

    @property
    def size(self) -> int:
        return len(self.ids)

    def facts(self, row: int, only: Collection[str] | None = None) -> Facts:
        """The facts of one enterprise as the reference reads them; of some indicators only, where that is asked."""
        if self.given is not None:
            return self.given[row]
        facts = Facts()
        for name, stored in _chosen(self.current, only):
            value = self._value(name, stored, row)
            if value is not _ABSENT:
                facts.current[name] = value
        for year, places in self.years.items():
            place = int(places[row])
            for name, stored in _chosen(self.yearly, only) if place >= 0 else ():
                value = self._value(name, stored, place)
                if value is not _ABSENT:
                    facts.yearly.setdefault(name, {})[year] = value
        return facts

    def _value(self, name: str, stored: Stored, place: int) -> Value:
        given = stored.given[place] if stored.given is not None else None
        if given is None:
            return _ABSENT
        if stored.table is not None and stored.values is not None:
            return stored.table.lists[int(stored.values[place])]
        if stored.words is not None and stored.values is not None and int(stored.values[place]) == NONE:
            return None
        return _exact(stored.type, given)

    def is_known(self, indicators: Iterable[str]) -> NDArray[np.bool_]:
        """The enterprises of which at least one of some indicators is known, in any year."""
        known = np.zeros(self.size, dtype=np.bool_)
        for name in indicators:
            if name in self.current:
                known |= _has_value(self.current[name])[:-1]
            elif name in self.yearly:
                there = _has_value(self.yearly[name])
                for places in self.years.values():
                    known |= there[places]
        return known


def _chosen(columns: Mapping[str, Stored], only: Collection[str] | None) -> Iterable[tuple[str, Stored]]:
    return columns.items() if only is None else ((name, columns[name]) for name in only if name in columns)


def _has_value(stored: Stored) -> NDArray[np.bool_]:
    if stored.values is None:
        assert stored.given is not None
        return np.append(stored.given.is_not_null().to_numpy(), False)
    if stored.type not in _NUMBERS:
        return stored.values != UNKNOWN
    known = ~np.isnan(stored.values)
    return known if stored.none is None else known | stored.none


def _exact(kind: Type, value: Any) -> Value:
    if kind is Type.DATE:
        return None if value == NONE_DAY else value
    return simple(Fraction(value)) if kind in _NUMBERS else value


def from_frames(
    ids: Sequence[int] | NDArray[np.int64], current: pl.DataFrame, yearly: pl.DataFrame, catalogue: Catalogue
) -> Population:
    """A population out of the projection's two frames.

    Args:
        ids: the enterprises, one row each; the frames may have fewer, and in any order.
        current: `enterprise_id` and a column per indicator that is not yearly.
        yearly: `enterprise_id`, `year` and a column per yearly indicator.
        catalogue: says what each column is; columns that it does not know are passed over.
    """
    order = pl.DataFrame({"enterprise_id": pl.Series(np.asarray(ids, dtype=np.int64))})
    if not current["enterprise_id"].equals(order["enterprise_id"]):
        current = order.join(current, on="enterprise_id", how="left", maintain_order="left")
    known = catalogue.by_name
    return Population(
        catalogue,
        np.asarray(ids, dtype=np.int64),
        {name: stored(known[name], current[name]) for name in _known(current, known)},
        {name: stored(known[name], yearly[name]) for name in _known(yearly, known)},
        _places_of_years(order, yearly.select("enterprise_id", "year")),
    )


def _known(frame: pl.DataFrame, known: Mapping[str, Indicator]) -> list[str]:
    return [name for name in frame.columns if name in known]


def _places_of_years(order: pl.DataFrame, yearly: pl.DataFrame) -> dict[int, NDArray[np.int64]]:
    numbered = yearly.with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
    places: dict[int, NDArray[np.int64]] = {}
    for (year,), rows in numbered.partition_by("year", as_dict=True).items():
        joined = order.join(
            rows.select("enterprise_id", "place"), on="enterprise_id", how="left", maintain_order="left"
        )
        places[int(year)] = joined["place"].fill_null(-1).to_numpy()
    return places


def stored(indicator: Indicator, series: pl.Series) -> Stored:
    """A column of a frame.

    Raises:
        TypeError: the column is not of the indicator's type.
    """
    kind = indicator.type
    if kind in _NUMBERS:
        return _stored_numbers(kind, series)
    if kind is Type.BOOLEAN:
        flags = series.cast(pl.Int8).fill_null(UNKNOWN).to_numpy()
        return Stored(kind, np.append(flags, np.int8(UNKNOWN)), given=series)
    if kind is Type.DATE:
        days = (series.cast(pl.Date).to_physical().cast(pl.Int32) + _DAY_OFFSET).fill_null(UNKNOWN).to_numpy().copy()
        days[days == day_number(NONE_DAY)] = NONE
        return Stored(kind, np.append(days, np.int32(UNKNOWN)), given=series)
    places, texts = _encoded(series.cast(pl.String))
    if kind is Type.LIST:
        return Stored(kind, places, table=record_table(indicator, _records(indicator, texts)), given=series)
    if NONE_TEXT in texts and NONE_TEXT not in indicator.choices:
        places[places == texts.index(NONE_TEXT)] = NONE
    return Stored(kind, places, words=Words(texts), given=series)


def _stored_numbers(kind: Type, series: pl.Series) -> Stored:
    decimals = 0
    if isinstance(series.dtype, pl.Decimal):
        decimals = series.dtype.scale
    elif not series.dtype.is_integer() and series.dtype != pl.Null:
        raise TypeError(f"{series.name} is {series.dtype}; figures must be whole numbers or decimals to be exact")
    # Decimals are slow to turn into floats, and read many times; whole numbers are as quick to turn as to read.
    figures = np.append(series.cast(pl.Float64).to_numpy(), np.nan) if decimals else None
    return Stored(kind, figures, decimals=decimals, given=series)


def _encoded(series: pl.Series) -> tuple[NDArray[np.int32], list[str]]:
    """Places of texts among the different ones, and these."""
    different = series.drop_nulls().unique().sort()
    texts: list[str] = different.to_list()
    places = series.cast(pl.Enum(different)).to_physical().cast(pl.Int32).fill_null(UNKNOWN) if texts else None
    array = np.full(len(series), UNKNOWN, dtype=np.int32) if places is None else places.to_numpy()
    return np.append(array, np.int32(UNKNOWN)), texts


def record_table(indicator: Indicator, lists: Sequence[list[RecordValue]]) -> RecordTable:
    """The records of some lists, one after another."""
    owners = np.repeat(np.arange(len(lists), dtype=np.int64), [len(one) for one in lists])
    return RecordTable(indicator, lists, owners, [record for one in lists for record in one])


def _records(indicator: Indicator, texts: Iterable[str]) -> list[list[RecordValue]]:
    """The lists that some texts write down: there are very many of them, and few kinds of fields to restore."""
    days = [one.id for one in indicator.fields if one.type is Type.DATE]
    exact = [one.id for one in indicator.fields if one.type in (Type.NUMBER, Type.PERCENT, Type.HEADCOUNT)]
    lists: list[list[RecordValue]] = json.loads(f"[{','.join(texts)}]")
    for record in chain.from_iterable(lists):
        for name in days:
            if isinstance(value := record.get(name), str):
                record[name] = date.fromisoformat(value)
        for name in exact:
            value = record.get(name)
            if value is not None and not isinstance(value, bool):
                record[name] = simple(Fraction(str(value)))
    return lists


def from_facts(facts: Sequence[Facts], catalogue: Catalogue, ids: Sequence[int] | None = None) -> Population:
    """A population of enterprises whose facts are at hand."""
    size = len(facts)
    by_name = catalogue.by_name
    current = sorted({name for one in facts for name in one.current})
    yearly = sorted({name for one in facts for name in one.yearly})
    years = sorted({year for one in facts for held in one.yearly.values() for year in held})
    places = {year: np.arange(number * size, (number + 1) * size) for number, year in enumerate(years)}
    return Population(
        catalogue,
        np.asarray(range(size) if ids is None else ids, dtype=np.int64),
        {name: column_of(by_name[name], [one.current.get(name, _ABSENT) for one in facts]) for name in current},
        {
            name: column_of(
                by_name[name], [one.yearly.get(name, {}).get(year, _ABSENT) for year in years for one in facts]
            )
            for name in yearly
        },
        places,
        given=facts,
    )


def field_column(described: RecordField, records: Sequence[RecordValue]) -> Stored:
    """One field of many records as a column."""
    return column_of(described, [record.get(described.id, _ABSENT) for record in records])


def column_of(described: Indicator | RecordField, values: Sequence[Any]) -> Stored:
    """A column of values as the reference has them."""
    kind = described.type
    values = [*values, _ABSENT]
    none = np.array([value is None for value in values])
    if kind in _NUMBERS:
        return _numbers_of_values(kind, values, none)
    if kind is Type.LIST:
        assert isinstance(described, Indicator)
        lists = [value for value in values if isinstance(value, list)]
        places = np.cumsum([isinstance(value, list) for value in values]) - 1
        table = record_table(described, lists)
        marked = [
            _mark(value) if not isinstance(value, list) else int(place)
            for value, place in zip(values, places, strict=True)
        ]
        return Stored(kind, np.array(marked, dtype=np.int32), table=table)
    if kind is Type.BOOLEAN:
        return Stored(kind, np.array([_mark(value, int) for value in values], dtype=np.int8))
    if kind is Type.DATE:
        return Stored(kind, np.array([_mark(value, day_number) for value in values], dtype=np.int32))
    words = Words(list(dict.fromkeys(value for value in values if isinstance(value, str))))
    return Stored(kind, np.array([_mark(value, words.place) for value in values], dtype=np.int32), words=words)


def _mark(value: Any, number: Any = None) -> int:
    if value is _ABSENT:
        return UNKNOWN
    return NONE if value is None else number(value)


def _numbers_of_values(kind: Type, values: Sequence[Any], none: NDArray[np.bool_]) -> Stored:
    figures = np.array([np.nan if value is None or value is _ABSENT else float(value) for value in values])
    digits = max((_decimals(value) for value in values if isinstance(value, Fraction)), default=0)
    return Stored(kind, figures, none if none.any() else None, decimals=digits)


def _decimals(value: Fraction) -> int:
    digits = 0
    while value.denominator != 1:
        value, digits = value * 10, digits + 1
        if digits > 40:
            raise TypeError(f"{value} is no decimal number")
    return digits


def is_yearly(indicator: Indicator) -> bool:
    return indicator.period is Period.YEARLY
