"""A real PostgreSQL for every test that asks for one, and nothing left behind.

- `session`: in a transaction that is rolled back, as the tables' owner. What most tests want.
- `app_session_factory(scope)`: units of work under row-level security, in a database of the test's own.
- `engine`, `database_url`: that database itself.
- `one_database`: one for all tests of a file.
- `data_folder`: an empty folder that the embedded server may use.
- `migrated_folder`: the same with a migrated database in it, for a service that is started on it.

Tests and fixtures may be coroutines (pytest-asyncio, one loop for the whole run).
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.embedded import embedded_server
from backend.database.engine import libpq_url, make_engine
from backend.database.migrate import upgrade
from backend.database.scope import Scope
from backend.database.session import unit_of_work
from tests.shared_data import REPOSITORY

TEMPLATE = "tidu_template"
#: Files that take longest, which begin first: one of them left to the end would keep one core busy and the others idle.
LONGEST = (
    "tests/backend/proof/test_whole_api.py",
    "tests/browser/test_every_page.py",
    "tests/browser/test_plans.py",
    "tests/browser/test_self_check.py",
    "tests/backend/plans/test_rollup.py",
    "tests/backend/proof/test_killed.py",
    "tests/backend/test_serving.py",
    "tests/backend/web/test_injections.py",
    "tests/backend/exchange/test_killed.py",
    "tests/backend/spreadsheets/test_killed.py",
    "tests/rules/test_columnar.py",
    "tests/rules/test_requests.py",
    "tests/rules/test_remedy.py",
    "tests/rules/generative/test_random_rules.py",
    "tests/rules/outside/test_zen.py",
)
_numbers = count(1)

# The settings of whoever runs the tests are not the tests' business.
for _name in [
    name
    for name in os.environ
    if name.startswith("TIDU_")
    and not name.startswith(("TIDU_SHARED", "TIDU_TEST_SERVER", "TIDU_BENCH_", "TIDU_PROOF"))
]:
    del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {REPOSITORY / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda one: places.get(one.path, len(places)))


@pytest.fixture(scope="session")
def server_url() -> Generator[str]:
    """A PostgreSQL without fsync, in a folder that vanishes; or the one that TIDU_TEST_SERVER names."""
    named = os.environ.get("TIDU_TEST_SERVER")
    if named:
        yield make_url(named).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        return
    with open_folder(_quickest()) as folder, embedded_server(folder, durable=False) as server:
        yield server.url("postgres")


@pytest.fixture(scope="session")
def migrated_template(server_url: str) -> str:
    """The name of a database with all migrations run, to be copied."""

    async def make() -> None:
        await _command(server_url, f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
        await _command(server_url, f"CREATE DATABASE {TEMPLATE}")
        await _migrated(_other_database(server_url, TEMPLATE))

    asyncio.run(make())
    return TEMPLATE


@pytest.fixture(scope="session")
async def shared_engine(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    """The database of all tests that roll back."""
    async with fresh_database(server_url, migrated_template) as url:
        engine = make_engine(url)
        yield engine
        await engine.dispose()


@pytest.fixture
async def session(shared_engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    """Whatever the test writes, or even commits, is gone afterwards."""
    async with shared_engine.connect() as connection:
        transaction = await connection.begin()
        async with AsyncSession(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as opened:
            yield opened
        await transaction.rollback()


@pytest.fixture
async def database_url(server_url: str, migrated_template: str) -> AsyncGenerator[str]:
    """A migrated database of the test's own."""
    async with fresh_database(server_url, migrated_template) as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncGenerator[AsyncEngine]:
    opened = make_engine(database_url)
    yield opened
    await opened.dispose()


@pytest.fixture(scope="module")
async def one_database(server_url: str, migrated_template: str) -> AsyncGenerator[AsyncEngine]:
    """A migrated database for all tests of a file, which see what those before them committed."""
    async with fresh_database(server_url, migrated_template) as url:
        opened = make_engine(url)
        yield opened
        await opened.dispose()


@pytest.fixture
def app_session_factory(
    engine: AsyncEngine,
) -> Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]:
    """`async with app_session_factory(Scope.city()) as session:` is one unit of work, committed."""
    return lambda scope: unit_of_work(engine, scope)


@pytest.fixture
def data_folder() -> Generator[Path]:
    with open_folder(_quickest()) as folder:
        yield folder


@pytest.fixture(scope="session")
def laid_out_folder() -> Generator[Path]:
    """A data folder with all migrations run, whose server has left; to be copied."""
    with open_folder(_quickest()) as folder:
        with embedded_server(folder, durable=False) as server:
            asyncio.run(_migrated(server.url()))
        yield folder


@pytest.fixture
def migrated_folder(laid_out_folder: Path, data_folder: Path) -> Path:
    # The server's files belong to the account that it runs under, which a copy in Python would forget.
    subprocess.run(["cp", "-a", f"{laid_out_folder}/.", str(data_folder)], check=True)
    return data_folder


async def _migrated(url: str) -> None:
    engine = make_engine(url)
    await upgrade(engine)
    await engine.dispose()


@contextmanager
def open_folder(place: str = "/tmp") -> Generator[Path]:
    """Not pytest's own `tmp_path`: root closes that to all others, and PostgreSQL does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="tidu-test-", dir=place))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _quickest() -> str:
    """In memory where there is plenty, for a database is copied there in half the time; on the disk elsewhere."""
    memory = Path("/dev/shm")
    is_plenty = memory.is_dir() and shutil.disk_usage(memory).free >= 8 * 1024**3
    return str(memory) if is_plenty else "/tmp"


@asynccontextmanager
async def fresh_database(server_url: str, template: str) -> AsyncGenerator[str]:
    """A copy of the template, dropped afterwards."""
    name = f"tidu_test_{os.getpid()}_{next(_numbers)}"
    await _command(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield _other_database(server_url, name)
    finally:
        await _command(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _command(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(libpq_url(server_url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _other_database(server_url: str, name: str) -> str:
    return make_url(server_url).set(database=name).render_as_string(hide_password=False)
