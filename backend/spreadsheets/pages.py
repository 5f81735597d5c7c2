"""Pages of imports: hand in a file, look at every row's fate, then import it or not."""

from collections.abc import Mapping
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
from backend.eligibility.service import evaluate_touched
from backend.enterprises.labels import programme_choices
from backend.spreadsheets import template_pages
from backend.spreadsheets.fates import Importer
from backend.spreadsheets.keeping import bad_rows, claim, keep_outcome, keep_run
from backend.spreadsheets.problems_workbook import problems_workbook
from backend.spreadsheets.queries import (
    content_of,
    import_rows,
    import_run,
    kept_by_undoing,
    recent_imports,
    refused_rows,
)
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult
from backend.spreadsheets.service import digest, dry_run, run_import
from backend.spreadsheets.undoing import undo_import
from backend.spreadsheets.workbook import WorkbookError
from backend.web.dependencies import CurrentSettings, Work
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(template_pages.router)

LAYOUTS = (
    ("ledger", "台账（多表、合并表头）"), ("notice", "公示公告名单"), ("enterprises", "企业名单"), ("figures", "逐年数据"),
    ("recognitions", "认定清单"),
)  # fmt: skip


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
    content = await file.read()
    try:
        options = _options(entered, person, settings.upload_megabytes)
        result = await _read(content, options, file.filename or "上传的文件")
    except (WorkbookError, WrongEntry) as error:
        return _form(request, await recent_imports(session), entered, str(error), status=422)
    importer = _importer(person)
    report = await dry_run(session, result, importer)
    number = await keep_run(session, report, content, digest(content), entered, importer)
    return redirect(request, f"/imports/{number}")


async def _read(content: bytes, options: ReadOptions, file_name: str) -> ReadResult:
    """Reading takes seconds of reckoning, during which all others are to be served."""
    return await to_thread.run_sync(read_file, content, library().catalogue, options, file_name)


def _options(entered: Mapping[str, str], person: PersonSignedIn, limit_megabytes: int) -> ReadOptions:
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
    )  # fmt: skip


def _importer(person: PersonSignedIn, import_id: int | None = None) -> Importer:
    return Importer(library().catalogue, library(), today(), person.id, person.region_code, import_id)


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
    )  # fmt: skip


_FATES = {
    "new": "新增企业", "changed": "更新", "unchanged": "无变化", "noted": "只作提示", "refused": "有问题",
}  # fmt: skip


async def _found(session: AsyncSession, import_id: int) -> Mapping[str, Any]:
    run = await import_run(session, import_id)
    if run is None:
        raise NotFound("没有这次导入，或者它不属于您的区域。")
    return run


@router.post("/imports/{import_id}/commit")
async def commit(
    request: Request,
    session: Work,
    person: Officer,
    settings: CurrentSettings,
    import_id: int,
    good_rows_only: Annotated[str, Form()] = "",
) -> Response:
    """Carry the import out: all rows, or the good ones."""
    run = await _found(session, import_id)
    await claim(session, import_id)
    result = await _read_again(session, run, person, settings.upload_megabytes)
    report = await run_import(session, result, _importer(person, import_id), good_rows_only=bool(good_rows_only))
    if report.touched:
        await evaluate_touched(session, report.touched, library(), today())
    await keep_outcome(session, import_id, report, run["report"]["options"])
    return redirect(request, f"/imports/{import_id}")


@router.post("/imports/{import_id}/undo")
async def undo(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """Undo an import whole; what was changed since stays and is listed."""
    await _found(session, import_id)
    await undo_import(session, import_id, library(), today(), undone_by=person.id)
    return redirect(request, f"/imports/{import_id}")


async def _read_again(
    session: AsyncSession, run: Mapping[str, Any], person: PersonSignedIn, limit_megabytes: int
) -> ReadResult:
    options = _options(run["report"]["options"], person, limit_megabytes)
    return await _read(await content_of(session, run["id"]), options, run["file_name"])


@router.get("/imports/{import_id}/problems")
async def problems(
    request: Request, session: Work, person: Officer, settings: CurrentSettings, import_id: int
) -> Response:
    """The rows with problems as a workbook with the reasons beside them, to be corrected and handed in again."""
    run = await _found(session, import_id)
    result = await _read_again(session, run, person, settings.upload_megabytes)
    wrong = bad_rows(result, await refused_rows(session, import_id))
    workbook = await to_thread.run_sync(problems_workbook, result, wrong)
    name = run["file_name"].rsplit(".", 1)[0]
    return download(workbook, f"{name}-有问题的行.xlsx")
