"""The administrator's page of changes of districts 区划调整: what was recorded, and taking in a list."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Administrator
from backend.clock import today
from backend.enterprises.dividing import Divided, divide, read_changes, template
from backend.enterprises.divisions import recorded
from backend.subregisters.sheets import SheetRefused
from backend.web.dependencies import OwnerWork
from backend.web.responses import download, redirect
from backend.web.templates import render

router = APIRouter()
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/divisions")
async def divisions(request: Request, _: Administrator, work: OwnerWork, done: str = "") -> Response:
    """What was recorded, and the form for a list."""
    return await _page(request, work, None, "", "已登记，统计从生效日起按新区划。" if done else "")


@router.get("/divisions/template.xlsx")
async def division_template(_: Administrator) -> Response:
    """A workbook to fill in."""
    return download(template(), "区划调整模板.xlsx", XLSX)


@router.post("/divisions")
async def take_divisions(
    request: Request,
    person: Administrator,
    work: OwnerWork,
    file: Annotated[UploadFile, File()],
    dry: Annotated[str, Form()] = "",
) -> Response:
    """Take a list of changes; with any mistake nothing is written, and each is told with its line."""
    try:
        read = read_changes(await file.read(), file.filename or "清单")
    except SheetRefused as refusal:
        return await _page(request, work, None, str(refusal), "")
    found = await divide(work, read, today(), person.id, dry=bool(dry))
    if found.troubles or dry or not found.changes:
        return await _page(request, work, found, "", "")
    return redirect(request, "/divisions?done=1")


async def _page(request: Request, work: AsyncSession, found: Divided | None, problem: str, told: str) -> Response:
    errors = [{"field": "file", "message": problem}] if problem else []
    errors += [{"field": "file", "message": one.text} for one in found.troubles] if found is not None else []
    return render(
        request, "enterprises/divisions.html", page_title="区划调整", status_code=422 if errors else 200, errors=errors,
        changes=list(reversed(await recorded(work))), found=found, messages=[("good", told)] if told else [],
    )  # fmt: skip
