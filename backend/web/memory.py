"""Figures over very many rows, kept until something they rest on changes.

A figure is kept under what the reader sees: the scope of the transaction, and which changes of the registry are behind
it (`registry_change`). So it is never another's figure, and never an old one: whoever sees a change sees the figure
with it. Each process keeps its own.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, cast

from fastapi import Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

Topic = Literal["enterprise", "recognition", "fact", "eligibility", "reported"]
T = TypeVar("T")

#: Figures kept: some hundred officers' first pages.
MOST: Final = 512

# A transaction that began long ago may be the last to end: it is seen by the number of changes, not by the latest.
_SEEN = text(
    "SELECT concat_ws('|', current_setting('role'), current_setting('tidu.scope', true), current_setting('tidu.park', true),"
    " current_setting('tidu.reads_tax', true),"
    " current_setting('tidu.enterprise_id', true)), (SELECT jsonb_object_agg(topic, seen) FROM"
    " (SELECT topic, concat(max(id), '/', count(*)) AS seen FROM (SELECT id, topic FROM registry_change"
    " ORDER BY id DESC LIMIT 5000) AS latest GROUP BY topic) AS topics)"
)


@dataclass(frozen=True)
class Seen:
    """What a transaction sees: whose rows, and after which changes, by topic."""

    scope: str
    changes: dict[str, str]

    def of(self, topics: tuple[Topic, ...]) -> tuple[str, ...]:
        """What identifies the state of some topics."""
        return (self.scope, *(self.changes.get(topic, "") for topic in topics))


class Memory:
    """The figures that one process keeps, those not asked for longest forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[object, ...], object] = OrderedDict()

    async def recall(self, key: tuple[object, ...], seen: tuple[str, ...], work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, from memory if it was worked out for the same state already."""
        place = (*key, *seen)
        if place in self._kept:
            self._kept.move_to_end(place)
            return cast("T", self._kept[place])
        # Read after the state was: what came in between is newer than said, which harms nobody.
        found = await work()
        self._kept[place] = found
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return found


async def seen_by(session: AsyncSession) -> Seen:
    """What the session's transaction sees."""
    scope, changes = (await session.execute(_SEEN)).one()
    held: dict[str, Any] = json.loads(changes) if isinstance(changes, str) else changes or {}
    return Seen(scope, held)


def memory_of(request: Request) -> Memory:
    """The memory of the application that answers a request."""
    state = request.app.state
    if not hasattr(state, "memory"):
        state.memory = Memory()
    return cast("Memory", state.memory)
