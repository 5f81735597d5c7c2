"""The service file of one enterprise (一企一策): read, printed, and its pool entries moved. Works without JavaScript."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.growth_path import growth_path
from backend.cultivation.schemas import ActionForm, PolicyForm, PoolForm, StepForm, VisitForm
from backend.cultivation.service import move
from backend.cultivation.service_file import service_file
from backend.cultivation.stages import (
    ACTION_KINDS,
    ACTION_STATUSES,
    NEXT,
    STAGES,
    STEP_STATUSES,
    TOPICS,
    VISIT_FORMS,
    Stage,
)
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.file_view import FileView
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of
from backend.enterprises.labels import Names, programme_choices
from backend.enterprises.officers import officers
from backend.filings.attachments import attachments_of
from backend.web.dependencies import CurrentSettings, Work
from backend.web.errors import Refusal
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
#: What was done → the part of the page that it is about, and the words said there.
_DONE = {
    "planned": ("plan", "已列入培育计划。"), "updated": ("plan", "已保存步骤。"), "visited": ("visits", "已记下走访。"),
    "opened": ("actions", "已登记。"), "answered": ("actions", "已保存办理情况。"), "moved": ("entries", "已移动。"),
    "noted": ("policies", "已登记政策。"), "withdrawn": ("policies", "已撤回误登的政策。"),
}  # fmt: skip
#: Figures on the printout, as far as they are known.
PRINTED = (
    "sales_revenue",
    "operating_revenue",
    "rd_expense_hnte",
    "rd_expense_deduction",
    "employee_total",
    "sci_tech_staff",
)


class NothingSaid(Refusal):
    """A form came without what it is for."""

    status = 422
    slug = "nothing-said"
    title = "没有保存"


@dataclass(frozen=True)
class Typed:
    """What somebody typed into a form that could not be saved, so that it stays there: of which form, of which thing."""

    #: step, visit, action, policy, move.
    form: str
    values: BaseModel
    #: The step, need or entry that was to be changed; None for a new one.
    number: int | None = None
    status: int = 422


@router.get("/enterprises/{code}/service", response_class=HTMLResponse)
async def show_file(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, done: str = "", write: str = ""
) -> HTMLResponse:
    """The service file: stages, growth path, plan, visits, needs and problems, policies, papers.

    `write` is the form that stands open: step, visit, action or policy.
    """
    return await file_page(request, session, person, row, {}, done=done, write=write)


async def file_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Mapping[str, Any], errors: Errors,
    typed: Typed | None = None, done: str = "", write: str = "",
) -> HTMLResponse:  # fmt: skip
    """The page of the service file; with what is wrong with a form, which then holds what was typed."""
    known = await _known(session, row)
    trail = [("企业", "/enterprises"), (row["name"], address_of(row)), ("服务档案", None)]
    forms: dict[str, BaseModel] = {
        "visit": VisitForm(visited_on=today().isoformat(), visitors=person.name), "policy": PolicyForm(),
        "action": ActionForm(raised_on=today().isoformat()), "step": StepForm(),
    }  # fmt: skip
    if typed is not None and typed.number is None:
        forms[typed.form] = typed.values
    status = typed.status if typed is not None else 422
    return render(
        request, "cultivation/service_file.html", status_code=status if errors else 200, page_title="服务档案（一企一策）",
        breadcrumb=trail, errors=[{"field": _place(typed, field), "message": words} for field, words in errors.items()],
        error_of=errors, typed=typed, write=write, may_write=person.role.may_write, told=_DONE.get(done),
        officers=await officers(session, row["region_code"], row["park"]), forms=forms,
        papers=[one for one in await attachments_of(session, row["id"]) if one["withdrawn_at"] is None],
        programmes=programme_choices(library()), **known,
    )  # fmt: skip


def _place(typed: Typed | None, field: str) -> str:
    """The element that a mistake is about: `step-12-due_on` of a step that is there, `step-due_on` of a new one."""
    if typed is None:
        return field
    return f"{typed.form}-{field}" if typed.number is None else f"{typed.form}-{typed.number}-{field}"


async def _known(session: AsyncSession, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the page and the printout show alike."""
    on = today()
    file = await enterprise_file(session, row, library(), on)
    return {
        "row": row, "address": address_of(row), "on": on, "file": file, "service": await service_file(session, row["id"], on),
        "path": growth_path(file, library()), "names": Names(library()), "stages": STAGES, "next_stages": NEXT, "topics": TOPICS,
        "kinds": ACTION_KINDS, "statuses": ACTION_STATUSES, "step_statuses": STEP_STATUSES, "visit_forms": VISIT_FORMS,
    }  # fmt: skip


@router.get("/enterprises/{code}/service/print", response_class=HTMLResponse)
async def print_page(request: Request, session: Work, person: SignedIn, row: ChosenEnterprise) -> HTMLResponse:
    """One sheet to take along on a visit."""
    known = await _known(session, row)
    figures = {one["id"]: one for one in FileView(known["file"], library()).figures}
    printed = [figures[name] for name in PRINTED if name in figures]
    told = {cell["year"] for one in printed for cell in one["cells"] if cell["value"] is not None}
    years = sorted(told, reverse=True)[:3]
    return render(
        request, "cultivation/printout.html", page_title=f"{row['name']} 走访单", figures=printed, years=years,
        visitor_name=person.name, **known,
    )  # fmt: skip


@router.post("/enterprises/{code}/service/move")
async def move_entry(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, settings: CurrentSettings,
    form: Annotated[PoolForm, Form()],
) -> Response:  # fmt: skip
    """Move an entry of this enterprise."""
    seen = form.seen()
    if form.action not in STAGES or not seen:
        raise NothingSaid("请选择要移动到的阶段。本次没有改动。")
    outcome = await move(
        session,
        seen,
        Stage(form.action),
        form.reason,
        by=person.id,
        on=today(),
        most_days=settings.pool_check_days,
    )
    if outcome.refused:
        typed = Typed("move", form, seen[0].entry_id, 409)
        return await file_page(request, session, person, row, {"action": outcome.refused[0][1]}, typed)
    return redirect(request, f"{address_of(row)}/service?done=moved#entries")
