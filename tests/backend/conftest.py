"""The service in front of a database of the test's own, and browsers that are signed in to it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.main import create_app
from backend.settings import Settings
from tests.backend.web_client import anonymous_client, signed_in_client

ClientAs = Callable[..., Awaitable[AsyncClient]]


@pytest.fixture
def app(engine: AsyncEngine) -> FastAPI:
    # What a second person confirms is tested for itself, in tests/backend/access/test_proposals.py.
    return create_app(Settings(four_eyes=False), engine)


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
