"""Work out the next thing while something else is done with the last one."""

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def one_ahead(steps: AsyncIterable[Callable[[], T]]) -> AsyncGenerator[T]:
    """What one step after the other gives. Each is done in a thread while whoever takes these goes on with the last.

    Two are never done at a time. Whoever takes no more closes this (`contextlib.aclosing`): a step that is being done then
    comes to its end, and nobody hears what it gives.
    """
    coming: Future[T] | None = None
    try:
        async for step in steps:
            given = [] if coming is None else [await coming]
            coming = asyncio.ensure_future(asyncio.to_thread(step))
            # Nothing is held here while it is made use of.
            del step
            while given:
                yield given.pop()
        if coming is not None:
            yield await coming
    finally:
        if coming is not None:
            await _give_up(coming)


async def _give_up(coming: "Future[Any]") -> None:
    if not coming.cancel():
        await asyncio.wait({coming})
        # Asked for, so that nobody complains that it was not.
        _ = coming.cancelled() or coming.exception()
