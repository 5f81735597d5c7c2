"""The conditions of a list in the words that each way of reading it needs: a page, a count, what is tallied."""

from copy import copy
from datetime import date
from typing import Any

from backend.enterprises.lineage import lives
from rules.library import Library

#: How many conditions a list has that is not narrowed.
_OF_ALL = 2


class Conditions:
    """The WHERE clause of a list with its parameters, condition by condition."""

    def __init__(self, on: date, library: Library, *, is_kept: bool) -> None:
        self.on = on
        self.library = library
        self.is_kept = is_kept
        # An undone import's newcomers and files that are part of another's stay, but nobody is looking for them.
        self.parts: list[str] = ["e.status NOT IN ('withdrawn', 'merged')"]
        self.values: dict[str, Any] = {"on": on, "known_at": None}
        #: The same as `parts` in words that a count of very many is better off with.
        self.counted: list[str] = list(self.parts)
        #: Those of `parts` that are told by the index of the order, or by the ids that they name; and the others.
        self.plain: list[str] = list(self.parts)
        self.rest: list[str] = []
        #: Whether a row is asked about out of other tables.
        self.asks_each = False
        #: Whether few are named.
        self.names_few = False
        #: What `listed_tally` knows of the conditions, though not all; None where it does not know all who are listed.
        self.bounding: list[str] | None = None
        #: Whether no index alone tells how many there are.
        self.is_dear = False
        #: The same in words of `listed_tally`, which counts enterprises `t` alike; None where that knows too little.
        self.tallied: list[str] | None = None
        #: The first of very many whom one of the `counted` conditions means, for a count that may stop early; and which.
        self.first: tuple[int, ...] = ()
        self.means_first = ""

    def add(
        self, condition: str, *, counted: str = "", tallied: str = "", is_dear: bool = False, **values: Any
    ) -> None:
        self.parts.append(condition)
        self.counted.append(counted or condition)
        (self.plain if tallied else self.rest).append(condition)
        if tallied and self.bounding is not None:
            self.bounding.append(tallied)
        self.tallied = [*self.tallied, tallied] if self.tallied is not None and tallied else None
        self.is_dear = self.is_dear or is_dear
        self.values |= values

    def add_all_that_live(self) -> None:
        """Whoever ended stands in no list from that day on; of the others all are tallied."""
        self.parts.append(lives())
        for words in (self.counted, self.plain):
            words.append(lives())
        self.tallied, self.bounding = [], []

    def add_few(self, name: str, ids: list[int]) -> None:
        """Those alone who are named."""
        for words in (self.parts, self.counted, self.plain):
            words.append(f"e.id = ANY(:{name})")
        self.values[name] = ids
        self.tallied = None
        self.names_few = True

    @property
    def is_narrowed(self) -> bool:
        """Whether the list is anything but all that live."""
        return len(self.parts) > _OF_ALL

    def only(self, ids: list[int]) -> "Conditions":
        """The same of those alone whom the conditions are known to hold for."""
        few = copy(self)
        few.parts = few.counted = few.plain = ["e.id = ANY(:found)"]
        few.rest = []
        few.values = {**self.values, "found": ids}
        return few

    def add_many(self, condition: str, among: str, first: tuple[int, ...], **values: Any) -> None:
        """A condition that very many fulfil: asked of each row of a page, and of all at once (`among`) for a count."""
        self.add(condition, counted=among, is_dear=True, **values)
        self.asks_each = True
        if first:
            self.first, self.means_first = first, among
