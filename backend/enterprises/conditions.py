"""The conditions of a list in the words that each way of reading it needs: a page, a count, what is tallied."""

from copy import copy
from datetime import date, datetime
from typing import Any

from backend.enterprises.lineage import lives
from rules.library import Library

#: How many conditions a list has that is not narrowed.
_OF_ALL = 2
#: One of so many who fulfils a condition is soon met by asking each.
SPARSE = 12


class Conditions:
    """The WHERE clause of a list with its parameters, condition by condition."""

    def __init__(self, on: date, library: Library, *, is_kept: bool) -> None:
        self.on = on
        self.library = library
        self.is_kept = is_kept
        #: The moment whose knowledge answers; None is now. And what `known_lists` then puts in place of what is known now:
        #: the district, and a sub-query of the rungs.
        self.known_at: datetime | None = None
        self.place_then = self.standing_then = ""
        # An undone import's newcomers and files that are part of another's stay, but nobody is looking for them.
        self.parts: list[str] = ["e.status NOT IN ('withdrawn', 'merged')"]
        self.values: dict[str, Any] = {"on": on, "known_at": None}
        #: The same as `parts` in words that a count of very many is better off with.
        self.counted: list[str] = list(self.parts)
        #: Those of `parts` that are told by the index of the order, or by the ids that they name; and the others.
        self.plain: list[str] = list(self.parts)
        self.rest: list[str] = []
        #: `rest` for a walk that may be long: what the index and sets looked up once tell, and what each row must be asked.
        self.sets: list[str] = []
        self.each: list[str] = []
        #: The one of `each` that says which words a name has, and the same as a set, which takes long where they are common.
        self.words = self.words_in_set = ""
        #: Those of `each` that the row itself must be read for, which no index holds.
        self.read: list[str] = []
        #: `rest` for very many who are looked through at once, and for some whose ids are `:some`; without `read`.
        self.wholly: list[str] = []
        self.of_some: list[str] = []
        #: Ids out of which the list could be made, as SQL, with the one of `wholly` that they fulfil: those of a chain.
        self.out_of: list[tuple[str, str]] = []
        #: Who is in the list, where it is short; and how many are at least, as soon as they were gathered.
        self.gathered: list[int] | None = None
        self.at_least = 0
        #: What `listed_tally` knows of the conditions, for a guess of how many fulfil them; it counts those that live.
        self.guessing: list[str] = []
        #: Whether a row is asked about out of other tables.
        self.asks_each = False
        #: Whether few of those that are walked past can be expected to fulfil a condition.
        self.is_sparse = False
        #: Whether all who are listed are named, and nothing else is asked of them.
        self.is_only = False
        #: Those who are named, by every condition that names few.
        self.named: list[list[int]] = []
        #: What `listed_tally` knows of the conditions, though not all; None where it does not know all who are listed.
        self.bounding: list[str] | None = None
        #: Whether no index alone tells how many there are.
        self.is_dear = False
        #: The same in words of `listed_tally`, which counts enterprises `t` alike; None where that knows too little.
        self.tallied: list[str] | None = None
        #: The first of very many whom one of the `counted` conditions means, for a count that may stop early; and which.
        self.first: tuple[int, ...] = ()
        self.means_first = self.means_first_of_some = ""

    def add(
        self,
        condition: str,
        *,
        counted: str = "",
        tallied: str = "",
        in_sets: str = "",
        of_some: str = "",
        is_dear: bool = False,
        reads_row: bool = False,
        **values: Any,
    ) -> None:
        self.parts.append(condition)
        self.counted.append(counted or condition)
        if tallied:
            self.plain.append(condition)
            self.guessing.append(tallied)
        else:
            self.rest.append(condition)
            (self.sets if in_sets else self.each).append(in_sets or condition)
            if reads_row:
                self.read.append(condition)
            else:
                self.wholly.append(in_sets or (counted or condition))
                self.of_some.append(of_some or in_sets or condition)
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
        self.named = [*self.named, ids]

    def walking(self, *, past_many: bool) -> tuple[list[str], list[str]]:
        """The conditions besides `plain` of a walk that may be long: those that sets tell, and those asked of each row.

        Args:
            past_many: whether very many are walked past of whom nothing but their names is asked.
        """
        if not (past_many and self.words_in_set):
            return self.sets, self.each
        return [*self.sets, self.words_in_set], [one for one in self.each if one != self.words]

    @property
    def is_narrowed(self) -> bool:
        """Whether the list is anything but all that live."""
        return len(self.parts) > _OF_ALL

    def only(self, ids: list[int]) -> "Conditions":
        """The same of those alone whom the conditions are known to hold for."""
        few = copy(self)
        few.parts = few.counted = few.plain = ["e.id = ANY(:found)"]
        few.rest, few.sets, few.each, few.read, few.wholly, few.of_some = [], [], [], [], [], []
        few.named, few.gathered, few.is_only = [ids], ids, True
        few.values = {**self.values, "found": ids}
        return few

    def but(self, ids: list[int]) -> "Conditions":
        """The same without those who are named."""
        others = copy(self)
        others.parts, others.counted, others.plain = (
            [*words, "e.id <> ALL(:but)"] for words in (self.parts, self.counted, self.plain)
        )
        others.values = {**self.values, "but": ids}
        if self.gathered is not None:
            others.gathered = sorted(set(self.gathered) - set(ids))
        return others

    def add_many(self, condition: str, among: str, first: tuple[int, ...], of_some: str = "", **values: Any) -> None:
        """A condition that very many fulfil: asked of each row of a page, and of all at once (`among`) for a count.

        Args:
            condition: about an enterprise `e`, asking for it alone.
            among: the same, looking up all at once.
            first: the ids of some that fulfil it, in the order of ids; none if that is not known.
            of_some: the same of those alone whose ids are `:some`, where that is less than asking each.
            values: the parameters.
        """
        # Where they stand close together one is soon met, and all of them are too many to be looked up.
        is_dense = bool(first) and len(first) * SPARSE >= max(first) - min(first)
        self.add(condition, counted=among, in_sets="" if is_dense else among, of_some=of_some, is_dear=True, **values)
        self.asks_each = True
        self.is_sparse = self.is_sparse or (bool(first) and not is_dense)
        if first:
            self.first, self.means_first = first, among
            self.means_first_of_some = self.of_some[-1]
