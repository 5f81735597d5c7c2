"""Figures over very many rows, kept until something they rest on changes.

A figure is kept under what the reader sees: the scope of the transaction, and which changes of the registry are behind
it (`registry_change`). So it is never another's figure, and never an old one: whoever sees a change sees the figure
with it. Each process keeps its own.

A large registry changes all the time, and then some figures would be worked out for nearly every page that shows them.
`lately` gives what held some minutes ago, says when that was, and works it out anew behind the page.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, Final, Generic, Literal, TypeVar, cast

import structlog
from fastapi import FastAPI, Request
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

Topic = Literal["enterprise", "recognition", "fact", "eligibility", "reported"]
T = TypeVar("T")

#: Figures kept: some hundred officers' first pages.
MOST: Final = 512
#: From so many enterprises on a figure over all of them may take longer than a page.
LARGE: Final = 100_000
#: A figure that took longer than this (seconds) may be some minutes old; never older than that.
LONG: Final = 0.1
OLDEST: Final = timedelta(minutes=15)
#: So long (seconds) what is worked out behind a page waits, for the page itself is still being made.
AFTER: Final = 0.5

_logger = structlog.get_logger()

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


@dataclass(frozen=True)
class Lately(Generic[T]):
    """A figure; and when it held, where it may be another by now."""

    value: T
    held_at: datetime | None = None


@dataclass(frozen=True)
class _Last:
    """What was worked out last, whatever changed since: when, and for how long (seconds)."""

    value: object
    at: datetime
    took: float

    def may_be_shown(self, share: int) -> bool:
        return self.took * share >= LONG and datetime.now(UTC) - self.at < OLDEST

    @property
    def is_to_be_renewed(self) -> bool:
        """Not before it has stood for ten times as long as it takes: the rest of the machine is for the pages."""
        return datetime.now(UTC) - self.at > timedelta(seconds=10 * self.took)


Figuring = Callable[[AsyncSession], Awaitable[T]]
Opening = Callable[[], AbstractAsyncContextManager[AsyncSession]]


class Memory:
    """The figures that one process keeps, those not asked for longest forgotten first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[object, ...], object] = OrderedDict()
        self._last: OrderedDict[tuple[object, ...], _Last] = OrderedDict()
        self._coming: dict[tuple[object, ...], asyncio.Task[None]] = {}
        #: One at a time: of a machine with two cores the pages need the other.
        self._turn = asyncio.Lock()

    def knows(self, key: tuple[object, ...], seen: tuple[str, ...]) -> bool:
        """Whether `recall` would give it without working it out."""
        return (*key, *seen) in self._kept

    async def recall(self, key: tuple[object, ...], seen: tuple[str, ...], work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, from memory if it was worked out for the same state already."""
        place = (*key, *seen)
        if place in self._kept:
            self._kept.move_to_end(place)
            return cast("T", self._kept[place])
        # Read after the state was: what came in between is newer than said, which harms nobody.
        found = await work()
        self._keep(self._kept, place, found)
        return found

    async def lately(
        self,
        key: tuple[object, ...],
        topics: tuple[Topic, ...],
        work: Figuring[T],
        session: AsyncSession,
        again: Opening,
        *,
        seen: Seen | None = None,
        share: int = 1,
    ) -> Lately[T]:
        """The same; or, where that would hold up the page, what held some minutes ago.

        Args:
            key: what is asked for.
            topics: what it rests on.
            work: works it out in a session.
            session: the reader's.
            again: opens another one of the same reader, after the page is answered.
            seen: what the session sees, where several are asked for; read here where it is not given.
            share: as one of so many on a page, each of which may hold it up for so much less.
        """
        state = (seen or await seen_by(session)).of(topics)
        reader = (*key, state[0])
        last = self._last.get(reader)
        if self.knows(key, state) or last is None or not last.may_be_shown(share) or not await is_large(session):
            return Lately(await self.recall(key, state, lambda: self._timed(reader, work, session)))
        if reader not in self._coming and last.is_to_be_renewed:
            self._coming[reader] = asyncio.create_task(self._work_out_anew(key, topics, work, again))
            self._coming[reader].add_done_callback(lambda done: self._told(reader, done))
        return Lately(cast("T", last.value), last.at)

    def behind(self, key: tuple[object, ...], work: Callable[[], Awaitable[None]]) -> None:
        """Have something worked out behind the page that is not kept here, unless that is under way."""
        if key not in self._coming:
            self._coming[key] = asyncio.create_task(self._in_turn(work))
            self._coming[key].add_done_callback(lambda done: self._told(key, done))

    async def _in_turn(self, work: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(AFTER)
        async with self._turn:
            await work()

    async def close(self) -> None:
        """Give up what is being worked out behind the pages."""
        for task in list(self._coming.values()):
            task.cancel()
        await asyncio.gather(*self._coming.values(), return_exceptions=True)

    async def settled(self) -> None:
        """Wait until nothing is being worked out behind the pages."""
        await asyncio.gather(*self._coming.values(), return_exceptions=True)

    async def _timed(self, reader: tuple[object, ...], work: Figuring[T], session: AsyncSession) -> T:
        at, start = datetime.now(UTC), perf_counter()
        found = await work(session)
        self._keep(self._last, reader, _Last(found, at, perf_counter() - start))
        return found

    async def _work_out_anew(
        self, key: tuple[object, ...], topics: tuple[Topic, ...], work: Figuring[T], again: Opening
    ) -> None:
        await asyncio.sleep(AFTER)
        async with self._turn, again() as session:
            state = (await seen_by(session)).of(topics)
            await self.recall(key, state, lambda: self._timed((*key, state[0]), work, session))

    def _told(self, reader: tuple[object, ...], done: asyncio.Task[None]) -> None:
        self._coming.pop(reader, None)
        if not done.cancelled() and (problem := done.exception()) is not None:
            # The next page asks again; nobody waits for this one.
            _logger.warning("figures_not_renewed", figure=str(reader[0]), problem=repr(problem))

    def _keep(self, shelf: OrderedDict[tuple[object, ...], Any], place: tuple[object, ...], found: object) -> None:
        shelf[place] = found
        shelf.move_to_end(place)
        while len(shelf) > self._most:
            shelf.popitem(last=False)


async def is_large(session: AsyncSession) -> bool:
    """Whether the registry holds so many enterprises that a figure over all of them may hold up a page."""
    found = await session.scalar(text("SELECT reltuples FROM pg_class WHERE oid = 'enterprise'::regclass"))
    return (found or 0) >= LARGE


async def seen_by(session: AsyncSession) -> Seen:
    """What the session's transaction sees."""
    scope, changes = (await session.execute(_SEEN)).one()
    held: dict[str, Any] = json.loads(changes) if isinstance(changes, str) else changes or {}
    return Seen(scope, held)


def memory_of(request: Request) -> Memory:
    """The memory of the application that answers a request."""
    return memory_in(request.app)


def memory_in(app: FastAPI) -> Memory:
    """The memory of an application."""
    if not hasattr(app.state, "memory"):
        app.state.memory = Memory()
    return cast("Memory", app.state.memory)
