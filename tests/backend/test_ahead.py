"""The next step is done in a thread while something else goes on with what the last one gave."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import pytest

from backend.ahead import one_ahead

#: Seconds after which something that should have happened will not.
_NEVER = 20


async def steps(some: Sequence[Callable[[], int]]) -> AsyncGenerator[Callable[[], int]]:
    for one in some:
        yield one


async def test_all_that_the_steps_give_comes_in_their_order():
    async with aclosing(one_ahead(steps([partial(int, n) for n in range(5)]))) as given:
        assert [one async for one in given] == list(range(5))


async def test_of_no_steps_nothing_comes():
    assert [one async for one in one_ahead(steps([]))] == []


async def test_the_next_step_is_done_while_the_last_is_made_use_of():
    is_next_done = threading.Event()

    def second() -> int:
        is_next_done.set()
        return 2

    async with aclosing(one_ahead(steps([lambda: 1, second]))) as given:
        assert await anext(given) == 1
        assert await asyncio.to_thread(is_next_done.wait, _NEVER)


async def test_two_steps_are_never_done_at_once():
    busy, most = [0], [0]

    def step(number: int) -> int:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        threading.Event().wait(0.01)
        busy[0] -= 1
        return number

    async with aclosing(one_ahead(steps([partial(step, n) for n in range(6)]))) as given:
        assert [one async for one in given] == list(range(6))
    assert most == [1]


async def test_a_step_that_fails_is_told_to_whoever_takes_what_it_gives():
    def fails() -> int:
        raise LookupError

    async with aclosing(one_ahead(steps([lambda: 1, fails]))) as given:
        assert await anext(given) == 1
        with pytest.raises(LookupError):
            await anext(given)


async def test_a_step_that_fails_after_nobody_wants_it_any_more_is_told_to_nobody():
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, told: complaints.append(told))
    has_failed = threading.Event()

    def fails() -> int:
        has_failed.set()
        raise LookupError

    async with aclosing(one_ahead(steps([lambda: 1, fails]))) as given:
        await anext(given)
        await asyncio.to_thread(has_failed.wait, _NEVER)
        await asyncio.sleep(0.05)
    assert complaints == []
