"""The service in front of a database of the test's own, and browsers that are signed in to it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack
from copy import copy
from functools import cache

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import State

from backend.main import create_app
from backend.settings import Settings
from backend.web.logs import configure_logs
from tests.backend.web_client import anonymous_client, signed_in_client

ClientAs = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
def app(engine: AsyncEngine) -> Generator[FastAPI]:
    # Laying out several hundred routes takes longer than most tests do: they are shared, and nothing else is.
    made = copy(_laid_out())
    made.state, made.middleware_stack = State(), None
    made.user_middleware, made.exception_handlers = list(made.user_middleware), dict(made.exception_handlers)
    made.state.settings, made.state.engine = _settings(), engine
    configure_logs()  # to where this test's output is caught
    shared = len(made.router.routes)
    yield made
    del made.router.routes[shared:]  # what a test laid out for itself


@cache
def _laid_out() -> FastAPI:
    return create_app(_settings())


def _settings() -> Settings:
    # What a second person confirms is tested for itself, in tests/backend/access/test_proposals.py.
    return Settings(four_eyes=False)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncGenerator[AsyncClient]:
    """Nobody is signed in yet."""
    async with anonymous_client(app) as client:
        yield client


@pytest.fixture
async def client_as(app: FastAPI) -> AsyncGenerator[ClientAs]:
    """`client = await client_as("district_officer", region="321281")`"""
    async with AsyncExitStack() as held:

        async def sign_in(role: str, region: str = "", park: str = "") -> AsyncClient:
            return await held.enter_async_context(await signed_in_client(app, role, region, park))

        yield sign_in
