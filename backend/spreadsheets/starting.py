"""What the pages of imports share: find a run, take its options together again, wait a little for it to be done."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import date
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.settings import Settings
from backend.spreadsheets.deciding import choices_of
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.queries import import_run, size_of
from backend.spreadsheets.reading import ReadOptions
from backend.spreadsheets.running import Run
from backend.web.dependencies import scope_of
from backend.web.errors import NotFound
from rules.library import library

#: Seconds that a request waits for its import before the page shows how far it is.
PATIENCE_SECONDS: Final = 2.0


class WrongEntry(Exception):
    """What was entered beside the file cannot be; the text says what to enter instead."""


async def found_run(session: AsyncSession, import_id: int) -> Mapping[str, Any]:
    """An import with the head of its report. Raises NotFound."""
    run = await import_run(session, import_id)
    if run is None:
        raise NotFound("没有这次导入，或者它不属于您的区域。")
    return run


async def run_of(session: AsyncSession, person: PersonSignedIn, settings: Settings, import_id: int) -> Run:
    """An import that is to be worked on once more, with all that was said of it so far. Raises NotFound."""
    found = await found_run(session, import_id)
    entered = found["report"]["options"]
    options = options_of(entered, person, settings.upload_megabytes)
    importer = replace(importer_of(person), choices=await choices_of(session, import_id))
    size = await size_of(session, import_id)
    return Run(import_id, found["file_name"], options, entered, importer, scope_of(person), size=size)


def options_of(entered: Mapping[str, Any], person: PersonSignedIn, limit_megabytes: int) -> ReadOptions:
    """What was entered beside a file, as its reader takes it.

    Raises:
        WrongEntry: a day or a year is none.
    """
    try:
        day = date.fromisoformat(entered["dated_on"]) if entered["dated_on"] else None
    except ValueError as error:
        raise WrongEntry(f"“名单日期”填的是“{entered['dated_on']}”，请改为 2025-12-19 这样的日期。") from error
    year = entered["year"].strip()
    if year and not (year.isdecimal() and 1990 <= int(year) <= today().year):
        raise WrongEntry(f"“年度”填的是“{year}”，请改为 1990 至 {today().year} 之间的年份。")
    city = f"{person.region_code[:4]}00" if person.region_code else "321200"
    return ReadOptions(
        layout=entered["layout"] or None, programme=entered["programme"], dated_on=day, batch=entered["batch"][:120],
        year=int(year) if year else None, within=city, limit_megabytes=limit_megabytes,
        columns=entered.get("columns") or {},
    )  # fmt: skip


def importer_of(person: PersonSignedIn) -> Importer:
    """Somebody who imports, in today's knowledge."""
    return Importer(library().catalogue, library(), today(), person.id, person.region_code)


async def patiently(done: "Future[None]") -> None:
    """Small files are done at once; for large ones the page shows how far they are."""
    waiting = asyncio.wrap_future(done)
    finished, _ = await asyncio.wait({waiting}, timeout=PATIENCE_SECONDS)
    if finished:
        waiting.result()
    else:
        waiting.add_done_callback(lambda late: late.cancelled() or late.exception())
