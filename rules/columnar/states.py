"""What is known of a column, row by row: known, known not to exist, or unknown and why; and where missing facts come from.

The counterpart of `rules.values.Unknown` for many rows. A state is kept apart from the figures it speaks of, so that it
can stay when they are gone: the facts that would settle an open answer are gathered afterwards, from the answer back
to the facts, and only over the rows that are open.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from rules.columnar.masks import Mask, both, but_not, either, holds_anywhere, spread, tidy
from rules.values import FactKey

_orders = count()


class State:
    """Masks over the rows; those of reasons lie within `unknown`, and `none` lies outside it."""

    __slots__ = (
        "before_founding",
        "empty",
        "feeds",
        "key",
        "none",
        "not_computable",
        "order",
        "undecided",
        "unknown",
        "within",
    )

    def __init__(
        self,
        unknown: Mask = False,
        *,
        none: Mask = False,
        not_computable: Mask = False,
        before_founding: Mask = False,
        undecided: Mask = False,
        empty: Mask = False,
        feeds: "Sequence[tuple[State, Mask]]" = (),
        key: tuple[FactKey, Mask] | None = None,
    ) -> None:
        self.unknown = unknown
        #: Known not to exist.
        self.none = none
        self.not_computable = not_computable
        self.before_founding = before_founding
        self.undecided = undecided
        #: Unknown, and no fact would settle it.
        self.empty = empty
        #: Where the missing facts of unknown rows come from: another state, and the rows for which it counts.
        self.feeds = feeds
        #: A fact that is itself what is missing, and the rows where it is.
        self.key = key
        #: Where the rows are made of several others (the records of a list), whose facts may be missing.
        self.within: Parts | None = None
        #: A state comes after all that feed it.
        self.order = next(_orders)

    @property
    def is_plain(self) -> bool:
        """Whether all that is unknown is unknown for lack of a fact."""
        return (
            self.not_computable is False
            and self.before_founding is False
            and self.undecided is False
            and self.empty is False
        )

    @property
    def dropped(self) -> Mask:
        """Where a choice of the best leaves the value out."""
        return either(self.not_computable, self.before_founding)

    @property
    def absent(self) -> Mask:
        """Where there is no value to work with."""
        return either(self.unknown, self.none)


KNOWN = State()
NONE = State(none=True)
NOT_COMPUTABLE = State(True, not_computable=True, empty=True)
BEFORE_FOUNDING = State(True, before_founding=True, empty=True)
UNDECIDED = State(True, undecided=True, empty=True)
#: Unknown for lack of something that is no fact of the catalogue.
UNSAID = State(True, empty=True)


def merged(states: Iterable[State], unknown: Mask) -> State:
    """What is unknown of several values together, over the rows that stay unknown (`rules.values.merge`)."""
    unknown = tidy(unknown)
    if unknown is False:
        return KNOWN
    live = [state for state in states if state.unknown is not False]
    feeds = tuple((state, True) for state in live)
    if all(state.is_plain for state in live):
        return State(unknown, feeds=feeds)
    not_computable, undecided, has_missing = False, False, False
    for state in live:
        # The last reason wins, in the order of the values; a figure of a year before the founding, worked on, is
        # only not computable.
        dropped = state.dropped
        not_computable = either(but_not(not_computable, state.undecided), dropped)
        undecided = either(but_not(undecided, dropped), state.undecided)
        has_missing = either(has_missing, but_not(state.unknown, state.empty))
    return State(
        unknown,
        not_computable=tidy(both(not_computable, unknown)),
        undecided=tidy(both(but_not(undecided, has_missing), unknown)),
        empty=tidy(but_not(unknown, has_missing)),
        feeds=feeds,
    )


def by_rows(*layers: tuple[Mask, State]) -> State:
    """A state put together of several, each for its own rows; the rows must not overlap."""
    live = [(where, state) for where, state in layers if where is not False and state is not KNOWN]
    if not live:
        return KNOWN
    if len(live) == 1 and live[0][0] is True:
        return live[0][1]

    def together(name: str) -> Mask:
        found: Mask = False
        for where, state in live:
            found = either(found, both(where, getattr(state, name)))
        return tidy(found)

    unknown = together("unknown")
    return State(
        unknown,
        none=together("none"),
        not_computable=together("not_computable"),
        before_founding=together("before_founding"),
        undecided=together("undecided"),
        empty=together("empty"),
        feeds=tuple((state, where) for where, state in live if state.unknown is not False),
    )


@dataclass(frozen=True)
class Parts:
    """Rows that are made of several others, as a list is of its records."""

    state: State
    #: The row that each part belongs to.
    owners: NDArray[np.int64]
    rows: int

    def missing(self, wanted: Mask) -> dict[FactKey, Mask]:
        """What is missing of the parts, said of the rows."""
        found: dict[FactKey, Mask] = {}
        asked = wanted if isinstance(wanted, bool) else wanted[self.owners]
        for key, parts in missing_of(self.state, asked).items():
            found[key] = self.of_rows(parts)
        return found

    def of_rows(self, parts: Mask) -> Mask:
        """The rows of which at least one part is meant."""
        found = np.zeros(self.rows, dtype=np.bool_)
        found[self.owners[spread(parts, len(self.owners))]] = True
        return tidy(found)


def missing_of(root: State, wanted: Mask) -> dict[FactKey, Mask]:
    """For each fact, the rows in which it is among those that would settle the root's unknown."""
    start = tidy(both(wanted, root.unknown))
    if start is False:
        return {}
    demand: dict[int, Mask] = {root.order: start}
    waiting = [(-root.order, root)]
    found: dict[FactKey, Mask] = {}
    while waiting:
        # Latest first: by the time a state is looked at, all that ask for it have done so.
        _, state = heapq.heappop(waiting)
        rows = demand.pop(state.order)
        if state.key is not None:
            key, own = state.key
            found[key] = either(found.get(key, False), both(rows, own))
        if state.within is not None:
            for key, mask in state.within.missing(rows).items():
                found[key] = either(found.get(key, False), mask)
        for feed, where in state.feeds:
            asked = both(both(rows, where), feed.unknown)
            if not holds_anywhere(asked):
                continue
            if feed.order not in demand:
                heapq.heappush(waiting, (-feed.order, feed))
            demand[feed.order] = either(demand.get(feed.order, False), asked)
    return found
