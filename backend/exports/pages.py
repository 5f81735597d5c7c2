"""Pages of exports: ask for a list as files, see how far it is, fetch the files, throw them away."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.dependencies import SignedIn
from backend.database.scope import Scope
from backend.database.session import reached, unit_of_work
from backend.enterprises.asking import asked_day
from backend.exports.book import Limits
from backend.exports.folder import export_folder
from backend.exports.jobs import ADDRESSES, KINDS, PARTS, portions, wanted
from backend.exports.running import Job, begin
from backend.exports.service import (
    KEPT_DAYS,
    ExportGone,
    ask,
    ask_to_stop,
    forget,
    own_export,
    own_exports,
    piece_of,
    written_scope,
)
from backend.web.dependencies import CurrentSettings, Engine, Work, scope_of
from backend.web.errors import NotFound
from backend.web.responses import download, is_htmx, redirect
from backend.web.templates import render

router = APIRouter()
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_BUSY: Final = ("waiting", "working")
#: Rows of a list that one waits for.
MOST_WHILE_WAITING: Final = 2_000


class ExportForm(BaseModel):
    """A list that is wanted: its kind, its own query string, and the columns chosen for it here."""

    kind: str = ""
    query: str = ""
    columns: list[str] = []

    @property
    def whole(self) -> str:
        """The query string with the columns in it."""
        if not self.columns:
            return self.query
        kept = [one for one in parse_qsl(self.query) if one[0] != "columns"]
        return urlencode([*kept, *(("columns", one) for one in self.columns)])


@router.get("/exports", response_class=HTMLResponse)
async def exports(
    request: Request, session: Work, person: SignedIn, kind: str = "", query: str = "", too_long: int = 0
) -> HTMLResponse:
    """One's own exports; with a list named, the form to have it exported with the columns chosen."""
    found = await own_exports(session)
    return render(
        request, "exports/exports.html", page_title="导出", exports=found, kinds=KINDS, kept_days=KEPT_DAYS,
        kind=kind if kind in KINDS else "", query=query[:2000], is_busy=any(one["status"] in _BUSY for one in found),
        parts=PARTS.get(kind, ()), chosen=[value for name, value in parse_qsl(query) if name == "columns"],
        back=ADDRESSES.get(kind, ""), too_long=too_long, most=MOST_WHILE_WAITING,
    )  # fmt: skip


@router.get("/exports/file")
async def at_once(request: Request, session: Work, person: SignedIn, asked: Annotated[ExportForm, Query()]) -> Response:
    """A list that is not long, while one waits; a long one is for the background, and the page says so."""
    if asked.kind not in PARTS:
        raise NotFound("没有这种名单可以导出。请从列表页导出。")
    on = asked_day(_day(asked.query))
    one = wanted(asked.kind, asked.whole, person, on)
    ids = await one.ids(session)
    if len(ids) > MOST_WHILE_WAITING:
        where = {"kind": asked.kind, "query": asked.whole, "too_long": len(ids)}
        return redirect(request, f"/exports?{urlencode(where)}")
    with export_folder() as folder:
        book = one.book(folder, Limits(sheets_a_file=1_000))
        async for rows in portions(session, one, ids):
            for row in rows:
                book.add(row)
        content = book.close()[0].path.read_bytes()
    return download(content, f"{KINDS[asked.kind]}-{on:%Y%m%d}.xlsx", _XLSX)


@router.get("/exports/progress")
async def progress(request: Request, session: Work, person: SignedIn) -> Response:
    """How far they are; the list of exports alone."""
    if not is_htmx(request):
        return redirect(request, "/exports")
    found = await own_exports(session)
    return render(
        request, "exports/exports.html", "list", exports=found, kinds=KINDS, kept_days=KEPT_DAYS,
        is_busy=any(one["status"] in _BUSY for one in found),
    )  # fmt: skip


@router.post("/exports")
async def make(
    request: Request, session: Work, person: SignedIn, engine: Engine, settings: CurrentSettings,
    form: Annotated[ExportForm, Form()],
) -> Response:  # fmt: skip
    """Have a list exported in the background. What its owner may not see does not come into it."""
    if form.kind not in KINDS:
        raise NotFound("没有这种名单可以导出。请从企业或认定的列表页导出。")
    scope, on = scope_of(person), asked_day(_day(form.query))
    one = wanted(form.kind, form.whole, person, on)
    name = f"{KINDS[form.kind]}-{on:%Y%m%d}"
    async with reached(unit_of_work(engine, scope)) as own:
        number = await ask(own, scope, form.kind, name, form.whole, on, 0)
    begin(engine, settings, Job(number, name, one, scope))
    return redirect(request, "/exports")


def _day(query: str) -> str:
    return next((part.removeprefix("on=") for part in query.split("&") if part.startswith("on=")), "")


@router.post("/exports/{export_id}/stop")
async def stop(request: Request, session: Work, person: SignedIn, engine: Engine, export_id: int) -> Response:
    """Ask for an export to stop."""
    await _own(engine, scope_of(person), export_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await ask_to_stop(own, export_id)
    return redirect(request, "/exports")


@router.post("/exports/{export_id}/again")
async def again(
    request: Request, session: Work, person: SignedIn, engine: Engine, settings: CurrentSettings, export_id: int
) -> Response:
    """Make an export anew that was stopped, failed or interrupted: with today's rows."""
    found = await _own(engine, scope_of(person), export_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await forget(own, export_id)
    return await make(request, session, person, engine, settings, ExportForm(kind=found["kind"], query=found["query"]))


@router.post("/exports/{export_id}/delete")
async def delete(request: Request, session: Work, person: SignedIn, engine: Engine, export_id: int) -> Response:
    """Throw an export away with its files."""
    await _own(engine, scope_of(person), export_id)
    async with reached(unit_of_work(engine, scope_of(person))) as own:
        await forget(own, export_id)
    return redirect(request, "/exports")


@router.get("/exports/{export_id}/files/{number}")
async def file(
    request: Request, session: Work, person: SignedIn, engine: Engine, export_id: int, number: int
) -> Response:
    """One of the files; only for whoever asked for it, and only while they may still see what is in it."""
    found = await _own(engine, scope_of(person), export_id)
    if found["status"] != "ready" or not 0 <= number < len(found["files"]):
        raise ExportGone("这个文件还没有准备好，或已经删除。请回到“导出”页面查看。")
    if found["scope"] != written_scope(scope_of(person)):
        raise ExportGone("您的数据范围在导出之后有变化，这个文件不能再下载。请重新导出。")
    told = found["files"][number]
    headers = {
        "Content-Disposition": f"attachment; filename=\"export-{export_id}.xlsx\"; filename*=UTF-8''{quote(told['name'], safe='')}",
        "Content-Length": str(told["bytes"]),
    }
    return StreamingResponse(_pieces(engine, scope_of(person), export_id, number), media_type=_XLSX, headers=headers)


async def _pieces(engine: AsyncEngine, scope: Scope, export_id: int, number: int) -> AsyncGenerator[bytes]:
    piece = 0
    while True:
        async with reached(unit_of_work(engine, scope)) as own:
            content = await piece_of(own, export_id, number, piece)
        if content is None:
            return
        yield content
        piece += 1


async def _own(engine: AsyncEngine, scope: Scope, export_id: int) -> dict[str, Any]:
    async with reached(unit_of_work(engine, scope)) as own:
        found = await own_export(own, export_id)
    if found is None:
        raise NotFound("没有这个导出，或已过保存期限。请重新导出。")
    return found
