"""The columns of a list that is exported: those chosen of those there are, in the order in which the list has them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from backend.enterprises.labels import Names
from backend.exports.book import Head, Limits, ListBook
from rules.library import library

#: Columns that stay in sight while one reads across.
_KEPT_IN_SIGHT = ("code", "name")


@dataclass(frozen=True)
class Part:
    """One column: by what it is chosen, its head, and what a row has in it."""

    id: str
    head: Head
    of: Callable[[Mapping[str, Any], Names], Any]


def held(name: str) -> Callable[[Mapping[str, Any], Names], Any]:
    """What a row has under a name."""
    return lambda row, _: row[name]


def chosen_parts(parts: Sequence[Part], ids: Sequence[str]) -> Sequence[Part]:
    """The columns that are named; all of them where none is, or none that there is."""
    return [one for one in parts if one.id in ids] or parts


def book_of(folder: Path, title: str, parts: Sequence[Part], on: date, limits: Limits) -> ListBook:
    """An empty list with its heads; who it is about stays in sight."""
    frozen = sum(one.id in _KEPT_IN_SIGHT for one in parts[:2])
    return ListBook(folder, title, [one.head for one in parts], frozen=frozen, note=f"截至 {on}", limits=limits)


def cells_of_parts(rows: Sequence[Mapping[str, Any]], parts: Sequence[Part]) -> list[list[Any]]:
    """The cells of some rows."""
    names = Names(library())
    return [[one.of(row, names) for one in parts] for row in rows]
