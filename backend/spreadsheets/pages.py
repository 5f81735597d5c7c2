"""Pages of imports: hand in a file, look at every row's fate, then import it or not."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.schemas import PersonSignedIn
from backend.clock import CHINA, today
from backend.database.session import reached, unit_of_work
from backend.enterprises.labels import programme_choices
from backend.settings import Settings
from backend.spreadsheets import decision_pages, template_pages
from backend.spreadsheets.column_choices import NoSuchMeaning, columns_to_explain, meaning_of, meanings, remember
from backend.spreadsheets.columns import vocabulary_of
from backend.spreadsheets.decision_queries import decision_counts, waiting_rows
from backend.spreadsheets.keeping import ImportDone, ask_to_stop, bad_rows, begin_run, claim, claim_undoing, forget_run
from backend.spreadsheets.pasted import MOST_CHARACTERS, table_of
from backend.spreadsheets.problems_workbook import problems_workbook
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.proposing import is_large, is_waiting, propose_undoing
from backend.spreadsheets.queries import (
    content_of,
    import_rows,
    kept_by_undoing,
    recent_imports,
    refused_rows,
)
from backend.spreadsheets.reading import read_file
from backend.spreadsheets.running import Run, check, undo, write
from backend.spreadsheets.service import digest
from backend.spreadsheets.starting import WrongEntry, found_run, importer_of, options_of, patiently, run_of
from backend.spreadsheets.workbook import WorkbookError
from backend.web.dependencies import CurrentSettings, Engine, Work, scope_of
from backend.web.responses import download, is_htmx, redirect
from backend.web.templates import render
from rules.library import library


class PasteForm(BaseModel):
    """A pasted table, and what is said of it."""

    pasted: str = ""
    list_title: str = ""
    list_layout: str = ""
    list_programme: str = ""
    list_dated_on: str = ""
    list_batch: str = ""
    list_year: str = ""


router = APIRouter()
router.include_router(template_pages.router)
# Before the pages of one import: “waiting” is no number of one.
router.include_router(decision_pages.router)

LAYOUTS = (
    ("ledger", "台账（多表、合并表头）"), ("notice", "公示公告名单"), ("enterprises", "企业名单"), ("figures", "逐年数据"),
    ("recognitions", "认定清单"),
)  # fmt: skip


@router.get("/imports", response_class=HTMLResponse)
async def imports(request: Request, session: Work, person: Officer, settings: CurrentSettings) -> HTMLResponse:
    """The form to hand in a file, and the imports so far."""
    return await _form(request, session, settings, {}, "")


async def _form(
    request: Request,
    session: AsyncSession,
    settings: Settings,
    entered: Mapping[str, str],
    problem: str,
    status: int = 200,
) -> HTMLResponse:
    return render(
        request, "imports/imports.html", status_code=status, page_title="导入台账", runs=await recent_imports(session),
        entered=entered, problem=problem, layouts=LAYOUTS, programmes=programme_choices(library()),
        listed=template_pages.listed_programmes(), last_year=today().year - 1, most_megabytes=settings.upload_megabytes,
        most_characters=MOST_CHARACTERS, waiting=(await waiting_rows(session)).total,
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
    take = _Taking(request, session, person, engine, settings)
    return await _take(take, await file.read(), file.filename or "上传的文件", entered)


@router.post("/imports/pasted", response_class=HTMLResponse)
async def paste(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings,
    form: Annotated[PasteForm, Form()],
) -> Response:  # fmt: skip
    """Take a table pasted from Excel or a web page like a file of it."""
    entered = {name.removeprefix("list_"): value for name, value in form.model_dump().items()}
    pasted, title = entered.pop("pasted"), " ".join(entered.pop("title").split())[:120]
    try:
        content = await to_thread.run_sync(table_of, pasted)
    except WorkbookError as error:
        return await _form(
            request, session, settings, {**entered, "title": title, "pasted": pasted[:20_000]}, str(error), 422
        )
    take = _Taking(request, session, person, engine, settings)
    return await _take(take, content, f"{title or _name_of_paste()}.csv", entered, {"title": title, "pasted": pasted})


def _name_of_paste() -> str:
    # Without a year: the reader takes one in a file's name for the figures'.
    return f"粘贴的表格 {datetime.now(CHINA):%m-%d %H.%M}"


class _Taking(NamedTuple):
    """Who hands a table in, and where."""

    request: Request
    session: AsyncSession
    person: PersonSignedIn
    engine: AsyncEngine
    settings: Settings


async def _take(
    take: _Taking, content: bytes, name: str, entered: Mapping[str, str], typed: Mapping[str, str] | None = None
) -> Response:
    """Keep a table and try its import out; one that cannot be read brings the form back with what was `typed` there."""
    request, session, person, engine, settings = take
    scope, importer, shown = scope_of(person), importer_of(person), {**entered, **(typed or {})}
    try:
        options = options_of(entered, person, settings.upload_megabytes)
    except WrongEntry as error:
        return await _form(request, session, settings, shown, str(error), 422)
    async with reached(unit_of_work(engine, scope)) as own:
        number = await begin_run(own, name, content, digest(content), entered, importer, "checking")
    try:
        await patiently(
            check(engine, settings, Run(number, name, options, entered, importer, scope, size=len(content)))
        )
    except WorkbookError as error:
        async with reached(unit_of_work(engine, scope)) as own:
            await forget_run(own, number)
        return await _form(request, session, settings, shown, str(error), 422)
    return redirect(request, f"/imports/{number}")


@router.get("/imports/{import_id}", response_class=HTMLResponse)
async def one_import(
    request: Request, session: Work, person: Officer, import_id: int, fate: str = "", problem: str = "", page: int = 1
) -> HTMLResponse:
    """The report of one import: every row's fate and every problem."""
    return await _report(request, session, person, import_id, _Look(fate, problem, page))


class _Look(NamedTuple):
    """What of a report is looked at."""

    fate: str = ""
    problem: str = ""
    page: int = 1


async def _report(
    request: Request, session: AsyncSession, person: PersonSignedIn, import_id: int, look: _Look,
    entered: Mapping[str, str] | None = None, refused: NoSuchMeaning | None = None,
) -> HTMLResponse:  # fmt: skip
    """The page of an import; with what was `entered` of its columns where that was refused."""
    run = await found_run(session, import_id)
    chosen = look.fate if look.fate in _FATES else ""
    kind = int(look.problem) if look.problem.isdecimal() and len(look.problem) < 4 else None
    found = await import_rows(session, import_id, chosen, kind, look.page)
    query = urlencode([(name, value) for name, value in (("fate", chosen), ("problem", look.problem)) if value])
    return render(
        request, "imports/import.html", status_code=422 if refused else 200, page_title=run["file_name"], breadcrumb=[("导入", "/imports"), (run["file_name"], None)],
        run=run, report=run["report"], kept=await kept_by_undoing(session, import_id) if run["undone_at"] else [], found=found, fate=chosen, kind=kind, fates=_FATES, query=query,
        unknown=await columns_to_explain(session, run["report"], person.region_code, library().catalogue), entered=entered or {}, refused=refused,
        meanings=meanings(library().catalogue), stage=_stage(run), doubts=await decision_counts(session, import_id), is_reported=bool(run["report"].get("counts")),
        undoing=await is_waiting(session, import_id),
    )  # fmt: skip


_FATES = {
    "new": "新增企业", "changed": "更新", "unchanged": "无变化", "noted": "只作提示", "refused": "有问题",
}  # fmt: skip


@router.get("/imports/{import_id}/progress")
async def progress(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """How far it is; once it is done, the page is to be loaded anew."""
    run = await found_run(session, import_id)
    if run["status"] not in _BUSY or not is_htmx(request):
        return redirect(request, f"/imports/{import_id}")
    return render(request, "imports/import.html", "progress", run=run, stage=_stage(run))


_BUSY = ("checking", "writing", "undoing")


def _stage(run: Mapping[str, Any]) -> str:
    return Stage(run["stage"]).chinese if run["stage"] else "等待开始"


@router.post("/imports/{import_id}/stop")
async def stop(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Ask for an import to stop; nothing will have been written."""
    await found_run(session, import_id)
    if not await ask_to_stop(session, import_id):
        raise ImportDone
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/check")
async def check_again(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Try out again what was stopped or interrupted."""
    run = await run_of(session, person, settings, import_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim(own, import_id, "checking")
    with suppress(WorkbookError):
        await patiently(check(engine, settings, run))
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/columns")
async def columns(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Say what unknown columns mean: remembered for the layout, and the file is tried out again with it."""
    found = await found_run(session, import_id)
    catalogue = library().catalogue
    entered = {name: str(value).strip() for name, value in (await request.form()).items()}
    vocabulary = vocabulary_of(catalogue)
    try:
        choices = {
            one.stem: meaning_of(said, one.title, vocabulary)
            for one in await columns_to_explain(session, found["report"], person.region_code, catalogue)
            if (said := entered.get(f"column:{one.stem}", ""))
        }
    except NoSuchMeaning as problem:
        return await _report(request, session, person, import_id, _Look(), entered, problem)
    options = {**found["report"]["options"], "columns": {**found["report"]["options"].get("columns", {}), **choices}}
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await remember(own, found["layout"], choices, person.region_code, person.id)
        await claim(own, import_id, "checking", options)
    with suppress(WorkbookError):
        await patiently(check(engine, settings, await run_of(session, person, settings, import_id)))
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
    run = await run_of(session, person, settings, import_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim(own, import_id, "writing")
    await patiently(write(engine, settings, replace(run, good_rows_only=bool(good_rows_only))))
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/undo")
async def undo_it(
    request: Request, session: Work, person: Officer, engine: Engine, settings: CurrentSettings, import_id: int
) -> Response:
    """Undo an import whole; what was changed since stays and is listed."""
    found = await found_run(session, import_id)
    if is_large(request, found):
        await propose_undoing(session, found, person.id)
        return redirect(request, f"/imports/{import_id}")
    run = await run_of(session, person, settings, import_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await claim_undoing(own, import_id)
    await patiently(undo(engine, settings, run))
    return redirect(request, f"/imports/{import_id}")


@router.get("/imports/{import_id}/problems")
async def problems(
    request: Request, session: Work, person: Officer, settings: CurrentSettings, import_id: int
) -> Response:
    """The rows with problems as a workbook with the reasons beside them, to be corrected and handed in again."""
    run = await run_of(session, person, settings, import_id)
    content = await content_of(session, import_id)
    result = await to_thread.run_sync(read_file, content, run.importer.catalogue, run.options, run.file_name)
    wrong = bad_rows(result, await refused_rows(session, import_id))
    workbook = await to_thread.run_sync(problems_workbook, result, wrong)
    name = run.file_name.rsplit(".", 1)[0]
    return download(workbook, f"{name}-有问题的行.xlsx")
