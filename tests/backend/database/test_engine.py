"""The way to the database, and what is said when there is none."""

import asyncio
from pathlib import Path

import asyncpg
import polars as pl
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.engine import libpq_url, make_engine, open_engine
from backend.database.errors import DatabaseUnreachable
from backend.database.session import owner_unit_of_work, reached
from backend.settings import Settings


async def test_without_an_address_the_embedded_server_answers(data_folder: Path):
    async with open_engine(Settings(data=data_folder)) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_named_database_is_used_as_it_is(database_url: str, data_folder: Path):
    settings = Settings(database_url=database_url, data=data_folder / "untouched")
    async with open_engine(settings) as engine, engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
    assert not (data_folder / "untouched").exists()


async def test_a_database_that_does_not_answer_is_reported_without_its_password():
    settings = Settings(database_url="postgresql://tidu:geheim@127.0.0.1:1/tidu")
    with pytest.raises(DatabaseUnreachable, match="连接不上") as caught:
        async with open_engine(settings):
            pass
    assert "geheim" not in str(caught.value)


async def test_a_database_that_goes_away_while_it_is_dialled_is_told_as_that():
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # whether it speaks TLS
        writer.write(b"N")
        await reader.read(1024)  # who is there
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = make_engine(f"postgresql+asyncpg://tidu@127.0.0.1:{port}/tidu")
    async with server:
        with pytest.raises(DatabaseUnreachable):
            async with reached(owner_unit_of_work(engine)):
                pass
    await engine.dispose()


async def test_days_are_those_of_china(engine: AsyncEngine):
    async with engine.connect() as connection:
        assert await connection.scalar(text("SHOW timezone")) == "Asia/Shanghai"


async def test_programs_on_libpq_reach_the_same_database(database_url: str):
    connection = await asyncpg.connect(libpq_url(database_url))
    name = await connection.fetchval("SELECT current_database()")
    await connection.close()
    assert database_url.split("/")[3].startswith(name)


def test_polars_reads_through_adbc(database_url: str):
    frame = pl.read_database_uri("SELECT 7::bigint AS n, '泰州' AS name", libpq_url(database_url), engine="adbc")
    assert frame.rows() == [(7, "泰州")]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql+asyncpg://u:p%40%2F@db:5433/d", "postgresql://u:p%40%2F@db:5433/d"),
        ("postgresql+asyncpg://u@db/d?ssl=require", "postgresql://u@db/d?sslmode=require"),
        ("postgresql+asyncpg://u@/d?host=%2Fa%20b&port=5432", "postgresql://u@/d?host=%2Fa%20b&port=5432"),
    ],
)
def test_an_address_keeps_its_parts_for_libpq(url: str, expected: str):
    assert libpq_url(url) == expected
