"""Pages of imports: hand in a file, look at every row's fate, then import it or not."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.pages import XLSX, programme_choices
from backend.spreadsheets.fates import Importer, Report
from backend.spreadsheets.layouts import LAYOUT_IDS
from backend.spreadsheets.problems_workbook import problems_workbook
from backend.spreadsheets.queries import import_run, recent_imports
from backend.spreadsheets.reading import ReadOptions, read_file
from backend.spreadsheets.records import ReadResult
from backend.spreadsheets.service import digest, dry_run, run_import
from backend.spreadsheets.workbook import WorkbookError
from backend.web.dependencies import Work
from backend.web.errors import NotFound, Refusal
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()

LAYOUTS = (
    ("ledger", "台账（多表、合并表头）"), ("notice", "公示公告名单"), ("enterprises", "企业名单"), ("figures", "逐年数据"),
    ("recognitions", "认定清单"),
)  # fmt: skip
#: Touched enterprises that are evaluated in the same request; more wait for the next run.
MOST_EVALUATED_AT_ONCE = 3_000


class ImportDone(Refusal):
    """The import has been carried out already."""

    slug = "import-done"
    title = "已经导入过"


@router.get("/imports", response_class=HTMLResponse)
async def imports(request: Request, session: Work, person: Officer) -> HTMLResponse:
    """The form to hand in a file, and the imports so far."""
    return _form(request, await recent_imports(session), {}, "")


def _form(
    request: Request, runs: list[Mapping[str, Any]], entered: Mapping[str, str], problem: str, status: int = 200
) -> HTMLResponse:
    return render(
        request, "imports/imports.html", status_code=status, page_title="导入台账", runs=runs, entered=entered, problem=problem,
        layouts=LAYOUTS, programmes=programme_choices(library()),
    )  # fmt: skip


@router.post("/imports", response_class=HTMLResponse)
async def hand_in(
    request: Request,
    session: Work,
    person: Officer,
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
        result = read_file(content, library().catalogue, _options(entered, person), file.filename or "上传的文件")
    except (WorkbookError, ValueError) as error:
        return _form(request, await recent_imports(session), entered, str(error), status=422)
    report = await dry_run(session, result, _importer(person))
    number = await _keep(session, result, report, content, entered, person)
    return redirect(request, f"/imports/{number}")


def _options(entered: Mapping[str, str], person: PersonSignedIn) -> ReadOptions:
    try:
        day = date.fromisoformat(entered["dated_on"]) if entered["dated_on"] else None
    except ValueError as error:
        raise ValueError(f"“名单日期”填的是“{entered['dated_on']}”，请改为 2025-12-19 这样的日期。") from error
    year = entered["year"].strip()
    if year and not (year.isdecimal() and 1990 <= int(year) <= today().year):
        raise ValueError(f"“年度”填的是“{year}”，请改为 1990 至 {today().year} 之间的年份。")
    layout = entered["layout"] if entered["layout"] in LAYOUT_IDS else None
    city = f"{person.region_code[:4]}00" if person.region_code else "321200"
    return ReadOptions(
        layout=layout, programme=entered["programme"], dated_on=day, batch=entered["batch"][:120], year=int(year) if year else None,
        within=city,
    )  # fmt: skip


def _importer(person: PersonSignedIn, import_id: int | None = None) -> Importer:
    return Importer(library().catalogue, library(), today(), person.id, person.region_code, import_id)


async def _keep(
    session: AsyncSession,
    result: ReadResult,
    report: Report,
    content: bytes,
    entered: Mapping[str, str],
    person: PersonSignedIn,
) -> int:
    data = {**report.as_json(), "options": dict(entered)}
    found = await session.execute(
        text(
            "INSERT INTO import_run (file_name, digest, content, layout, status, rows, good_rows, bad_rows, created, updated,"
            " unchanged, report, uploaded_by, region_code) VALUES (:file_name, :digest, :content, :layout, 'checked', :rows, :good,"
            " :bad, :created, :updated, :unchanged, CAST(:report AS jsonb), :person, :region) RETURNING id"
        ),
        {
            "file_name": result.file_name[:255], "digest": digest(content), "content": content, "layout": result.layout,
            "rows": len(report.fates), "good": len(report.fates) - len(report.refused), "bad": len(report.refused),
            "created": report.counts["new"], "updated": report.counts["changed"], "unchanged": report.counts["unchanged"],
            "report": json.dumps(data, ensure_ascii=False), "person": person.id, "region": person.region_code,
        },
    )  # fmt: skip
    return found.scalar_one()


@router.get("/imports/{import_id}", response_class=HTMLResponse)
async def one_import(request: Request, session: Work, person: Officer, import_id: int, fate: str = "") -> HTMLResponse:
    """The report of one import: every row's fate and every problem."""
    run = await _found(session, import_id)
    report: dict[str, Any] = run["report"] if isinstance(run["report"], dict) else json.loads(run["report"])
    rows = [row for row in report["rows"] if not fate or row["fate"] == fate]
    return render(
        request, "imports/import.html", page_title=run["file_name"], breadcrumb=[("导入", "/imports"), (run["file_name"], None)],
        run=run, report=report, rows=rows[:500], shown=len(rows), fate=fate, fates=_FATES,
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
    request: Request, session: Work, person: Officer, import_id: int, good_rows_only: Annotated[str, Form()] = ""
) -> Response:
    """Carry the import out: all rows, or the good ones."""
    run = await _found(session, import_id)
    if run["status"] != "checked":
        raise ImportDone("这份文件已经导入过了，没有再次写入。")
    result, _ = _read_again(run, person)
    report = await run_import(session, result, _importer(person, import_id), good_rows_only=bool(good_rows_only))
    if len(report.touched) <= MOST_EVALUATED_AT_ONCE and report.touched:
        await evaluate(session, report.touched, library(), today())
    await session.execute(
        text(
            "UPDATE import_run SET status = :status, committed_at = now(), created = :created, updated = :updated,"
            " unchanged = :unchanged WHERE id = :id"
        ),
        {
            "status": "committed_in_part" if report.refused else "committed", "created": report.counts["new"],
            "updated": report.counts["changed"], "unchanged": report.counts["unchanged"], "id": import_id,
        },
    )  # fmt: skip
    return redirect(request, f"/imports/{import_id}")


def _read_again(run: Mapping[str, Any], person: PersonSignedIn) -> tuple[ReadResult, dict[str, Any]]:
    report: dict[str, Any] = run["report"] if isinstance(run["report"], dict) else json.loads(run["report"])
    return read_file(run["content"], library().catalogue, _options(report["options"], person), run["file_name"]), report


@router.get("/imports/{import_id}/problems")
async def problems(request: Request, session: Work, person: Officer, import_id: int) -> Response:
    """The rows with problems as a workbook with the reasons beside them, to be corrected and handed in again."""
    run = await _found(session, import_id)
    result, _ = _read_again(run, person)
    report = await dry_run(session, result, _importer(person))
    name = run["file_name"].rsplit(".", 1)[0]
    return download(problems_workbook(result, report.bad_rows), f"{name}-有问题的行.xlsx", XLSX)
