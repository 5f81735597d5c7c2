"""The way to the database: the embedded server, or the one that was named."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from urllib.parse import quote, urlencode

import asyncpg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backend.database.embedded import embedded_server
from backend.database.errors import DatabaseUnreachable
from backend.settings import Settings


@contextmanager
def running_database(settings: Settings) -> Generator[str]:
    """The database's address; the embedded server, if it is that, runs until the block ends.

    Raises EmbeddedServerFailed.
    """
    if settings.database_url:
        yield settings.database_url
        return
    with embedded_server(settings.data) as server:
        yield server.url()


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncGenerator[AsyncEngine]:
    """An engine on the running database. Raises EmbeddedServerFailed, DatabaseUnreachable."""
    # Starting and stopping the server waits for files and processes, so it is kept off the event loop.
    with ExitStack() as held:
        url = await asyncio.to_thread(held.enter_context, running_database(settings))
        engine = make_engine(url, settings)
        try:
            await _reach(engine)
            yield engine
        finally:
            await engine.dispose()


def make_engine(url: str, settings: Settings | None = None) -> AsyncEngine:
    """An engine whose sessions think in China's time, whatever the server's own zone is."""
    chosen = settings or Settings()
    return create_async_engine(
        url,
        pool_size=chosen.database_connections,
        pool_timeout=chosen.database_patience_seconds,
        pool_pre_ping=True,
        connect_args={
            "timeout": chosen.database_patience_seconds,
            "server_settings": {"timezone": "Asia/Shanghai", "application_name": "tidu", "jit": "off"},
        },
    )


async def _reach(engine: AsyncEngine) -> None:
    try:
        async with engine.connect():
            pass
    except (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError) as problem:
        address = engine.url.render_as_string(hide_password=True)
        raise DatabaseUnreachable(
            f"数据库 {address} 连接不上：{problem or type(problem).__name__}。"
            "请检查 TIDU_DATABASE_URL 的主机、端口、用户和口令，以及数据库是否已启动。"
        ) from problem


def libpq_url(url: str) -> str:
    """The same address for programs built on libpq: ADBC, pg_dump, psql."""
    parts = make_url(url).set(drivername="postgresql")
    query = {"sslmode" if name == "ssl" else name: value for name, value in parts.query.items()}
    where = f"?{urlencode(query, quote_via=quote)}" if query else ""  # libpq takes a plus for a plus
    return f"{parts.set(query={}).render_as_string(hide_password=False)}{where}"
