"""The auditor's pages: looking for entries, taking them along, and whether the chain is whole."""

from collections.abc import AsyncGenerator
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Auditor
from backend.access.trace import queries, service
from backend.access.trace.checking import checking_of
from backend.access.trace.export import MOST, trace_csv, trace_workbook
from backend.access.trace.schemas import ACTIONS, SUBJECTS, Asked
from backend.access.trace.service import Deed
from backend.clock import today
from backend.database.scope import Scope
from backend.database.session import unit_of_work
from backend.web.dependencies import Engine, reached
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render

router = APIRouter()

#: Longer than this nobody looks at a white page.
_PATIENCE_SECONDS: Final = 5


async def trace_work(engine: Engine, person: Auditor) -> AsyncGenerator[AsyncSession]:
    """A unit of work that sees the trace and nothing else; what happened up to now is sealed before."""
    async with reached(unit_of_work(engine, Scope.trace(person.id))) as session:
        yield session


TraceWork = Annotated[AsyncSession, Depends(trace_work, scope="function")]
Asking = Annotated[Asked, Query()]


@router.get("/audit")
async def audit(request: Request, engine: Engine, session: TraceWork, asked: Asking) -> Response:
    """Entries of the trace, the latest first. Looking leaves an entry too."""
    await service.seal(engine)
    found = await queries.entries(session, asked)
    entries, last = await queries.extent(session)
    await service.note(session, Deed("read", "trace", after=_told(asked)))
    return render(
        request, "access/audit.html", page_title="操作留痕", found=found, asked=asked, entries=entries, last=last,
        actions=list(ACTIONS.items()), subjects=list(SUBJECTS.items()), query=_query(request),
        older=found[-1].position if len(found) == queries.PAGE else None,
    )  # fmt: skip


@router.get("/audit/export/{kind}")
async def export(engine: Engine, session: TraceWork, kind: str, asked: Asking) -> Response:
    """The entries asked for as .xlsx or .csv."""
    if kind not in ("xlsx", "csv"):
        raise NotFound("留痕只能导出为 xlsx 或 csv，请从页面上的按钮导出。")
    await service.seal(engine)
    found = await queries.entries(session, asked, MOST)
    await service.note(session, Deed("export", "trace", after={"rows": len(found), **_told(asked)}))
    content = trace_workbook(found) if kind == "xlsx" else trace_csv(found)
    return download(content, f"操作留痕-{today():%Y%m%d}.{kind}")


@router.get("/audit/entries/{position}")
async def one_entry(request: Request, session: TraceWork, position: int) -> Response:
    """One entry with all that was before and after."""
    found = await queries.entry(session, position)
    if found is None:
        raise NotFound(f"没有第 {position} 条留痕，或它已超过保存期限。请从列表里进入。")
    await service.note(session, Deed("read", "trace", str(position)))
    return render(request, "access/audit_entry.html", page_title=f"留痕第 {position} 条", entry=found)


@router.get("/audit/verify")
async def verdict_page(request: Request, _: Auditor) -> Response:
    """Whether the chain was whole when it was last reckoned; looking at this reckons nothing."""
    return render(request, "access/audit_verify.html", page_title="核验留痕", checking=checking_of(request))


@router.post("/audit/verify")
async def verify_chain(request: Request, engine: Engine, person: Auditor) -> Response:
    """Reckon the whole chain again, behind the scenes; a short one is done before the page comes."""
    checking = checking_of(request)
    checking.begin(engine, person.id)
    await checking.settled(_PATIENCE_SECONDS)
    return redirect(request, "/audit/verify")


def _told(asked: Asked) -> dict[str, str]:
    return {name: str(value) for name, value in asked.model_dump().items() if value not in ("", None)}


def _query(request: Request) -> str:
    """What was asked, for links to older entries and to the files."""
    return urlencode([(name, value) for name, value in request.query_params.items() if value and name != "before"])
