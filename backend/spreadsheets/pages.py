"""Pages of imports: hand in a file, look at every row's fate, then import it or not."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.database.session import reached, unit_of_work
from backend.enterprises.labels import programme_choices
from backend.settings import Settings
from backend.spreadsheets import template_pages
from backend.spreadsheets.column_choices import meaning_of, meanings, remember, unknown_columns
from backend.spreadsheets.columns import vocabulary_of
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import ImportDone, ask_to_stop, bad_rows, begin_run, claim, forget_run
from backend.spreadsheets.problems_workbook import problems_workbook
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.queries import (
    content_of,
    import_rows,
    import_run,
    kept_by_undoing,
    recent_imports,
    refused_rows,
)
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.running import Run, check, write
from backend.spreadsheets.service import digest
from backend.spreadsheets.undoing import undo_import
from backend.spreadsheets.workbook import WorkbookError
from backend.web.dependencies import CurrentSettings, Engine, Work, scope_of
from backend.web.errors import NotFound
from backend.web.responses import download, is_htmx, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(template_pages.router)

LAYOUTS = (
    ("ledger", "台账（多表、合并表头）"), ("notice", "公示公告名单"), ("enterprises", "企业名单"), ("figures", "逐年数据"),
    ("recognitions", "认定清单"),
)  # fmt: skip

#: Seconds that a request waits for its import before the page shows how far it is.
PATIENCE_SECONDS = 2.0


class WrongEntry(Exception):
    """What was entered beside the file cannot be; the text says what to enter instead."""


@router.get("/imports", response_class=HTMLResponse)
async def imports(request: Request, session: Work, person: Officer) -> HTMLResponse:
    """The form to hand in a file, and the imports so far."""
    return _form(request, await recent_imports(session), {}, "")


def _form(
    request: Request, runs: list[Mapping[str, Any]], entered: Mapping[str, str], problem: str, status: int = 200
) -> HTMLResponse:
    return render(
        request, "imports/imports.html", status_code=status, page_title="导入台账", runs=runs, entered=entered, problem=problem,
        layouts=LAYOUTS, programmes=programme_choices(library()), listed=template_pages.listed_programmes(),
        last_year=today().year - 1,
    )  # fmt: skip


@router.post("/imports", response_class=HTMLResponse)
async def hand_in(
    request: Request,
    session: Work,
    person: Officer,
    engine: Engine,
    settings: CurrentSettings,
    file: Annotated[UploadFile, File()],
    layout: Annotated[str, Form()] = "",
    programme: Annotated[str, Form()] = "",
    dated_on: Annotated[str, Form()] = "",
    batch: Annotated[str, Form()] = "",
    year: Annotated[str, Form()] = "",
) -> Response:
    """Read the file and try the import; nothing is written but the file and its report."""
    entered = {"layout": layout, "programme": programme, "dated_on": dated_on, "batch": batch, "year": year}
    content, name = await file.read(), file.filename or "上传的文件"
    scope, importer = scope_of(person), _importer(person)
    try:
        options = _options(entered, person, settings.upload_megabytes)
    except WrongEntry as error:
        return _form(request, await recent_imports(session), entered, str(error), status=422)
    async with reached(unit_of_work(engine, scope)) as own:
        number = await begin_run(own, name, content, digest(content), entered, importer, "checking")
    try:
        await _patiently(check(engine, settings, Run(number, name, options, entered, importer, scope)))
    except WorkbookError as error:
        async with reached(unit_of_work(engine, scope)) as own:
            await forget_run(own, number)
        return _form(request, await recent_imports(session), entered, str(error), status=422)
    return redirect(request, f"/imports/{number}")


async def _patiently(done: "Future[None]") -> None:
    """Small files are done at once; for large ones the page shows how far they are."""
    waiting = asyncio.wrap_future(done)
    finished, _ = await asyncio.wait({waiting}, timeout=PATIENCE_SECONDS)
    if finished:
        waiting.result()
    else:
        waiting.add_done_callback(lambda late: late.cancelled() or late.exception())


def _options(entered: Mapping[str, Any], person: PersonSignedIn, limit_megabytes: int) -> ReadOptions:
    try:
        day = date.fromisoformat(entered["dated_on"]) if entered["dated_on"] else None
    except ValueError as error:
        raise WrongEntry(f"“名单日期”填的是“{entered['dated_on']}”，请改为 2025-12-19 这样的日期。") from error
    year = entered["year"].strip()
    if year and not (year.isdecimal() and 1990 <= int(year) <= today().year):
        raise WrongEntry(f"“年度”填的是“{year}”，请改为 1990 至 {today().year} 之间的年份。")
    city = f"{person.region_code[:4]}00" if person.region_code else "321200"
    return ReadOptions(
        layout=entered["layout"] or None, programme=entered["programme"], dated_on=day, batch=entered["batch"][:120], year=int(year) if year else None,
        within=city, limit_megabytes=limit_megabytes,
        columns=entered.get("columns") or {},
    )  # fmt: skip


def _importer(person: PersonSignedIn) -> Importer:
    return Importer(library().catalogue, library(), today(), person.id, person.region_code)


@router.get("/imports/{import_id}", response_class=HTMLResponse)
async def one_import(
    request: Request, session: Work, person: Officer, import_id: int, fate: str = "", problem: str = "", page: int = 1
) -> HTMLResponse:
    """The report of one import: every row's fate and every problem."""
    run = await _found(session, import_id)
    chosen = fate if fate in _FATES else ""
    kind = int(problem) if problem.isdecimal() and len(problem) < 4 else None
    found = await import_rows(session, import_id, chosen, kind, page)
    query = urlencode([(name, value) for name, value in (("fate", chosen), ("problem", problem)) if value])
    return render(
        request, "imports/import.html", page_title=run["file_name"], breadcrumb=[("导入", "/imports"), (run["file_name"], None)],
        run=run, report=run["report"], kept=await kept_by_undoing(session, import_id) if run["undone_at"] else [], found=found, fate=chosen, kind=kind, fates=_FATES, query=query,
        unknown=await unknown_columns(session, run["report"], person.region_code, library().catalogue),
        meanings=meanings(library().catalogue), stage=_stage(run), is_reported=bool(run["report"].get("counts")),
    )  # fmt: skip


_FATES = {
    "new": "新增企业", "changed": "更新", "unchanged": "无变化", "noted": "只作提示", "refused": "有问题",
}  # fmt: skip


async def _found(session: AsyncSession, import_id: int) -> Mapping[str, Any]:
    run = await import_run(session, import_id)
    if run is None:
        raise NotFound("没有这次导入，或者它不属于您的区域。")
    return run


@router.get("/imports/{import_id}/progress")
async def progress(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """How far it is; once it is done, the page is to be loaded anew."""
    run = await _found(session, import_id)
    if run["status"] not in _BUSY or not is_htmx(request):
        return redirect(request, f"/imports/{import_id}")
    return render(request, "imports/import.html", "progress", run=run, stage=_stage(run))


_BUSY = ("checking", "writing")


def _stage(run: Mapping[str, Any]) -> str:
    return Stage(run["stage"]).chinese if run["stage"] else "等待开始"


@router.post("/imports/{import_id}/stop")
async def stop(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Ask for an import to stop; nothing will have been written."""
    await _found(session, import_id)
    if not await ask_to_stop(session, import_id):
        raise ImportDone
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/check")
async def check_again(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Try out again what was stopped or interrupted."""
    run = await _run(session, person, settings, import_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim(own, import_id, "checking")
    with suppress(WorkbookError):
        await _patiently(check(engine, settings, run))
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/columns")
async def columns(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Say what unknown columns mean: remembered for the layout, and the file is tried out again with it."""
    found = await _found(session, import_id)
    catalogue = library().catalogue
    entered = {name: str(value).strip() for name, value in (await request.form()).items()}
    vocabulary = vocabulary_of(catalogue)
    choices = {
        one.stem: meaning_of(said, one.title, vocabulary)
        for one in await unknown_columns(session, found["report"], person.region_code, catalogue)
        if (said := entered.get(f"column:{one.stem}", ""))
    }
    options = {**found["report"]["options"], "columns": {**found["report"]["options"].get("columns", {}), **choices}}
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await remember(own, found["layout"], choices, person.region_code, person.id)
        await claim(own, import_id, "checking", options)
    with suppress(WorkbookError):
        await _patiently(check(engine, settings, await _run(session, person, settings, import_id)))
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/commit")
async def commit(
    request: Request,
    session: Work,
    person: Officer,
    engine: Engine,
    settings: CurrentSettings,
    import_id: int,
    good_rows_only: Annotated[str, Form()] = "",
) -> Response:
    """Carry the import out: all rows, or the good ones."""
    run = await _run(session, person, settings, import_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim(own, import_id, "writing")
    await _patiently(write(engine, settings, replace(run, good_rows_only=bool(good_rows_only))))
    return redirect(request, f"/imports/{import_id}")


async def _run(session: AsyncSession, person: PersonSignedIn, settings: Settings, import_id: int) -> Run:
    found = await _found(session, import_id)
    entered = found["report"]["options"]
    options = _options(entered, person, settings.upload_megabytes)
    return Run(import_id, found["file_name"], options, entered, _importer(person), scope_of(person))


@router.post("/imports/{import_id}/undo")
async def undo(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Undo an import whole; what was changed since stays and is listed."""
    await _found(session, import_id)
    await undo_import(session, import_id, library(), today(), undone_by=person.id)
    return redirect(request, f"/imports/{import_id}")


@router.get("/imports/{import_id}/problems")
async def problems(
    request: Request, session: Work, person: Officer, settings: CurrentSettings, import_id: int
) -> Response:
    """The rows with problems as a workbook with the reasons beside them, to be corrected and handed in again."""
    run = await _run(session, person, settings, import_id)
    content = await content_of(session, import_id)
    result = await to_thread.run_sync(read_file, content, run.importer.catalogue, run.options, run.file_name)
    wrong = bad_rows(result, await refused_rows(session, import_id))
    workbook = await to_thread.run_sync(problems_workbook, result, wrong)
    name = run.file_name.rsplit(".", 1)[0]
    return download(workbook, f"{name}-有问题的行.xlsx")
