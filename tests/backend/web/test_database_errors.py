"""What the database says of itself and of values, and how it is told."""

import pytest
from asyncpg.exceptions import CannotConnectNowError, CharacterNotInRepertoireError, UndefinedTableError
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from sqlalchemy.exc import DBAPIError

from backend.web.errors import install_error_handlers


class Said(Exception):
    """As SQLAlchemy hands on what asyncpg said."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


async def status_of(error: Exception) -> int:
    app = FastAPI()
    install_error_handlers(app)

    @app.get("/api/v1/thing")
    def thing() -> None:
        raise error

    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://tidu.test") as client:
        return (await client.get("/api/v1/thing")).status_code


@pytest.mark.parametrize("sqlstate", ["57P01", "57P02", CannotConnectNowError.sqlstate, "08006"])
async def test_a_server_that_goes_or_comes_is_told_as_away(sqlstate: str | None):
    assert await status_of(DBAPIError("SELECT 1", {}, Said(sqlstate or ""))) == 503


async def test_a_connection_that_was_cut_off_is_told_as_away():
    assert await status_of(DBAPIError("SELECT 1", {}, Said(""), connection_invalidated=True)) == 503
    assert await status_of(CannotConnectNowError("the database system is starting up")) == 503
    assert await status_of(TimeoutError()) == 503


async def test_a_value_without_room_is_the_senders_and_a_missing_table_is_ours():
    assert await status_of(DBAPIError("SELECT 1", {}, Said(CharacterNotInRepertoireError.sqlstate or ""))) == 422
    assert await status_of(DBAPIError("SELECT 1", {}, Said(UndefinedTableError.sqlstate or ""))) == 500
