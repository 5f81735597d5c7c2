"""Importing files in tests, and counting what the registry holds afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession
from typer.testing import CliRunner, Result

from backend.cli import app
from backend.database.engine import make_engine
from backend.spreadsheets.fates import Importer, Report, RowFate
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult
from backend.spreadsheets.service import dry_run, run_import
from rules.library import library
from tests.backend.spreadsheets.conftest import Rows, make_workbook
from tests.conftest import fresh_database

#: The day on which the invented lists were made.
TODAY = date(2026, 11, 20)


def importer(**differing: Any) -> Importer:
    """A city's officer on the lists' day."""
    return replace(Importer(library().catalogue, library(), TODAY), **differing)


def read(source: Path | bytes | Rows, file_name: str = "测试.xlsx", **options: Any) -> ReadResult:
    """A file, a workbook's bytes, or rows of one."""
    content = source if isinstance(source, Path | bytes) else make_workbook(source)
    name = source.name if isinstance(source, Path) else file_name
    options.setdefault("within", "321200")
    return read_file(content, library().catalogue, ReadOptions(**options), name)


async def take(
    session: AsyncSession,
    source: Path | bytes | Rows,
    *,
    good_rows_only: bool = True,
    by: Importer | None = None,
    **options: Any,
) -> Report:
    """Import a file; unless told otherwise, its good rows."""
    return await run_import(session, read(source, **options), by or importer(), good_rows_only=good_rows_only)


async def try_out(
    session: AsyncSession, source: Path | bytes | Rows, by: Importer | None = None, **options: Any
) -> Report:
    """A dry run."""
    return await dry_run(session, read(source, **options), by or importer())


@asynccontextmanager
async def registry_of(server_url: str, template: str) -> AsyncGenerator[AsyncEngine]:
    """A database that a whole module of tests looks at."""
    async with fresh_database(server_url, template) as url:
        engine = make_engine(url)
        yield engine
        await engine.dispose()


async def rows_written(session: AsyncSession) -> Mapping[str, int]:
    """How much stands in each table, and the revisions of the enterprises: equal where nothing was written."""
    tables = (
        "enterprise", "enterprise_name", "enterprise_region", "enterprise_chain", "enterprise_identifier", "filing",
        "fact_yearly", "fact_current", "recognition",
    )  # fmt: skip
    counts = {name: await scalar(session, f"SELECT count(*) FROM {name}") for name in tables}
    return counts | {"revisions": await scalar(session, "SELECT coalesce(sum(revision), 0) FROM enterprise")}


async def scalar(session: AsyncSession, query: str, **values: Any) -> Any:
    """One value."""
    return (await session.execute(text(query), values)).scalar()


async def column(session: AsyncSession, query: str, **values: Any) -> list[Any]:
    """One column."""
    return list((await session.execute(text(query), values)).scalars())


def reasons(fate: RowFate) -> str:
    """All that is said of a row."""
    return "".join(problem.text for problem in fate.problems)


async def hand_in(client: AsyncClient, content: bytes, file_name: str = "测试.xlsx", **entered: str) -> Response:
    """Hand a file in by the page's form; the answer is the way to its report, or the form with what is wrong."""
    return await client.post("/imports", files={"file": (file_name, content)}, data=entered)


async def report_of(client: AsyncClient, content: bytes, file_name: str = "测试.xlsx", **entered: str) -> Response:
    """The page of the report."""
    answer = await hand_in(client, content, file_name, **entered)
    assert answer.status_code == 303, answer.text
    return await client.get(answer.headers["location"])


async def tidu(database_url: str, *words: str | Path) -> Result:
    """Run a command against a database."""
    # A command has a loop of its own, and so needs a thread of its own.
    return await asyncio.to_thread(
        CliRunner().invoke, app, [str(word) for word in words], env={"TIDU_DATABASE_URL": database_url}
    )
