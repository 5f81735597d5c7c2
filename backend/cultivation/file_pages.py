"""The service file of one enterprise (一企一策): read, write, print. Works without JavaScript."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation import actions
from backend.cultivation.actions import ActionDraft, PolicyDraft, ServiceMoved, StepDraft, VisitDraft
from backend.cultivation.growth_path import growth_path, proposed_steps
from backend.cultivation.schemas import ActionForm, PolicyForm, PoolForm, StepForm, StepsForm, VisitForm
from backend.cultivation.service import move
from backend.cultivation.service_file import service_file
from backend.cultivation.stages import (
    ACTION_KINDS,
    ACTION_STATUSES,
    STAGES,
    STEP_STATUSES,
    TOPICS,
    VISIT_FORMS,
    Stage,
)
from backend.cultivation.windows import windows_of
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.file_view import FileView
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, typed_day
from backend.enterprises.labels import Names, programme_choices
from backend.enterprises.officers import officers
from backend.filings.attachments import attachments_of
from backend.web.dependencies import CurrentSettings, Work
from backend.web.errors import Refusal
from backend.web.responses import redirect
from backend.web.templates import render
from rules.language import FEN_PER_WAN
from rules.library import library

router = APIRouter()
_DONE = {
    "planned": "已列入培育计划。", "saved": "已保存。", "visited": "已记下走访。", "opened": "已登记。", "moved": "已移动。",
    "noted": "已登记政策。",
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


@router.get("/enterprises/{code}/service", response_class=HTMLResponse)
async def file_page(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, done: str = ""
) -> HTMLResponse:
    """The service file: stages, growth path, plan, visits, needs and problems, policies, papers."""
    return await _file_page(request, session, person, row, {}, [("good", _DONE[done])] if done in _DONE else [])


async def _file_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Mapping[str, Any], errors: Errors,
    messages: list[tuple[str, str]], status: int = 422, **typed: Any,
) -> HTMLResponse:  # fmt: skip
    known = await _known(session, row)
    trail = [("企业", "/enterprises"), (row["name"], address_of(row)), ("服务档案", None)]
    return render(
        request, "cultivation/service_file.html", status_code=status if errors else 200, page_title="服务档案（一企一策）",
        breadcrumb=trail, errors=[{"field": field, "message": words} for field, words in errors.items()], error_of=errors,
        messages=messages, may_write=person.role.may_write, officers=await officers(session, row["region_code"], row["park"]),
        forms={"visit": VisitForm(visited_on=today().isoformat(), visitors=person.name), "policy": PolicyForm(),
               "action": ActionForm(raised_on=today().isoformat()), "step": StepForm()} | typed,
        papers=[one for one in await attachments_of(session, row["id"]) if one["withdrawn_at"] is None],
        programmes=programme_choices(library()), **known,
    )  # fmt: skip


async def _known(session: AsyncSession, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the page and the printout show alike."""
    on = today()
    file = await enterprise_file(session, row, library(), on)
    return {
        "row": row, "address": address_of(row), "on": on, "file": file, "service": await service_file(session, row["id"], on),
        "path": growth_path(file, library()), "names": Names(library()), "stages": STAGES, "topics": TOPICS,
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
    if form.action not in STAGES or not form.seen():
        raise NothingSaid("请选择要移动到的阶段。本次没有改动。")
    outcome = await move(
        session,
        form.seen(),
        Stage(form.action),
        form.reason,
        by=person.id,
        on=today(),
        most_days=settings.pool_check_days,
    )
    if outcome.refused:
        return await _file_page(request, session, person, row, {"action": outcome.refused[0][1]}, [], 409)
    return redirect(request, f"{address_of(row)}/service?done=moved")


# The plan ------------------------------------------------------------------------------------------------------------


@router.get("/enterprises/{code}/service/plan", response_class=HTMLResponse)
async def propose_plan(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, programme: str = "hnte"
) -> HTMLResponse:
    """The steps that the rules propose towards a programme, to be picked and dated."""
    file = await enterprise_file(session, row, library(), today())
    windows = await windows_of(session, programme, today().year)
    return render(
        request, "cultivation/plan.html", page_title="拟订培育计划", row=row, address=address_of(row), programme=programme,
        breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("服务档案", f"{address_of(row)}/service"),
                    ("拟订培育计划", None)],
        answer=file.answer(programme), proposed=proposed_steps(file, library(), programme, windows.known), windows=windows,
        programmes=programme_choices(library()), names=Names(library()), may_write=person.role.may_write,
    )  # fmt: skip


@router.post("/enterprises/{code}/service/plan")
async def plan(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[StepsForm, Form()]
) -> Response:
    """Put the steps that were picked into the plan, as corrected by hand."""
    errors: Errors = {}
    drafts: list[StepDraft] = []
    for place in form.pick:
        if place >= min(len(form.title), len(form.due_on), len(form.criterion)) or place < 0:
            continue
        due_on = typed_day(form.due_on[place], f"due_on_{place}", errors)
        title = form.title[place].strip()[:300]
        if due_on and title:
            drafts.append(StepDraft(title, due_on, form.programme[:60], form.criterion[place][:80]))
    if errors or not drafts:
        raise NothingSaid("；".join(errors.values()) or "请勾选要列入的步骤，并写明期限。本次没有保存。")
    await actions.plan_steps(session, row["id"], drafts, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=planned#plan")


@router.post("/enterprises/{code}/service/steps")
async def add_step(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[StepForm, Form()]
) -> Response:
    """A step of the officer's own."""
    errors: Errors = {}
    due_on = typed_day(form.due_on, "step_due_on", errors)
    if not form.title.strip():
        errors["step_title"] = "请写明步骤。"
    if due_on is None:
        errors.setdefault("step_due_on", "请填写期限。")
    if errors or due_on is None:
        return await _file_page(request, session, person, row, errors, [], step=form)
    draft = StepDraft(form.title.strip()[:300], due_on, form.programme[:60], officer_id=_number(form.officer))
    await actions.plan_steps(session, row["id"], [draft], by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=planned#plan")


@router.post("/enterprises/{code}/service/steps/{step_id}")
async def save_step(
    request: Request,
    session: Work,
    person: Officer,
    row: ChosenEnterprise,
    step_id: int,
    form: Annotated[StepForm, Form()],
) -> Response:
    """Change a step; refused if somebody else has saved meanwhile."""
    errors: Errors = {}
    values: dict[str, Any] = {"result": form.result.strip(), "officer_id": _number(form.officer)}
    if due_on := typed_day(form.due_on, "step_due_on", errors):
        values["due_on"] = due_on
    if form.status in STEP_STATUSES:
        values["status"] = form.status
    if not errors:
        try:
            await actions.save_step(session, row["id"], step_id, form.revision, values, by=person.id)
            return redirect(request, f"{address_of(row)}/service?done=saved#plan")
        except ServiceMoved as moved:
            errors["plan"] = f"{moved} 您填写的结果：{form.result or '（空）'}"
            return await _file_page(request, session, person, row, errors, [], 409)
    return await _file_page(request, session, person, row, errors, [])


# Visits, needs and problems, policies --------------------------------------------------------------------------------


@router.post("/enterprises/{code}/service/visits")
async def note_visit(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[VisitForm, Form()]
) -> Response:
    """Note a visit, or correct one."""
    errors: Errors = {}
    visited_on = typed_day(form.visited_on, "visited_on", errors)
    if visited_on is None:
        errors.setdefault("visited_on", "请填写走访日期。")
    elif visited_on > today():
        errors["visited_on"] = f"{visited_on} 在今天之后，请在走访后登记；计划中的走访请列为步骤。"
    for field, words in (("visitors", "请写明走访人。"), ("content", "请写明谈了什么。")):
        if not getattr(form, field).strip():
            errors[field] = words
    if errors or visited_on is None:
        return await _file_page(request, session, person, row, errors, [], visit=form)
    draft = VisitDraft(
        visited_on, form.form if form.form in VISIT_FORMS else "on_site", form.visitors.strip()[:200], form.met.strip()[:200],
        form.content.strip(), form.follow_up.strip(), _number(form.corrects),
    )  # fmt: skip
    await actions.note_visit(session, row["id"], draft, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=visited#visits")


@router.post("/enterprises/{code}/service/actions")
async def open_action(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[ActionForm, Form()]
) -> Response:
    """Take up a need or a problem."""
    errors: Errors = {}
    raised_on = typed_day(form.raised_on, "raised_on", errors) or today()
    due_on = typed_day(form.due_on, "action_due_on", errors)
    if not form.content.strip():
        errors["action_content"] = "请写明需求或问题。"
    if not form.owner.strip():
        errors["owner"] = "请写明由谁负责办理（单位或科室）。"
    if errors:
        return await _file_page(request, session, person, row, errors, [], action=form)
    draft = ActionDraft(
        form.kind if form.kind in ACTION_KINDS else "problem", form.topic if form.topic in TOPICS else "other",
        form.content.strip(), raised_on, form.owner.strip()[:100], due_on,
    )  # fmt: skip
    await actions.open_action(session, row["id"], draft, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=opened#actions")


@router.post("/enterprises/{code}/service/actions/{action_id}")
async def save_action(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, action_id: int,
    form: Annotated[ActionForm, Form()],
) -> Response:  # fmt: skip
    """Answer a need or problem, or change who answers until when; refused if somebody else has saved meanwhile."""
    errors: Errors = {}
    due_on = typed_day(form.due_on, "action_due_on", errors)
    if form.status in ("solved", "unsolvable") and not form.answer.strip():
        errors["answer"] = "办结或无法解决时，请写明答复。"
    if errors:
        return await _file_page(request, session, person, row, errors, [])
    values: dict[str, Any] = {"owner": form.owner.strip()[:100], "due_on": due_on, "answer": form.answer.strip()}
    if form.status in ACTION_STATUSES:
        values["status"] = form.status
    try:
        await actions.save_action(session, row["id"], action_id, form.revision, values, by=person.id)
    except ServiceMoved as moved:
        errors["actions"] = f"{moved} 您填写的答复：{form.answer or '（空）'}"
        return await _file_page(request, session, person, row, errors, [], 409)
    return redirect(request, f"{address_of(row)}/service?done=saved#actions")


@router.post("/enterprises/{code}/service/policies")
async def note_policy(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[PolicyForm, Form()]
) -> Response:
    """Note a policy that the enterprise has enjoyed."""
    errors: Errors = {}
    enjoyed_on = typed_day(form.enjoyed_on, "enjoyed_on", errors)
    if enjoyed_on is None:
        errors.setdefault("enjoyed_on", "请填写享受日期。")
    if not form.policy.strip():
        errors["policy"] = "请写明政策名称。"
    amount = _amount(form.amount, errors)
    if errors or enjoyed_on is None:
        return await _file_page(request, session, person, row, errors, [], policy=form)
    draft = PolicyDraft(
        form.policy.strip()[:200], form.document.strip()[:200], enjoyed_on, amount, form.note.strip()[:300]
    )
    await actions.note_policy(session, row["id"], draft, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=noted#policies")


def _amount(written: str, errors: Errors) -> int | None:
    """An amount typed in 万元, in whole fen."""
    if not written.strip():
        return None
    try:
        fen = Decimal(written.replace(",", "").strip()) * FEN_PER_WAN
    except InvalidOperation:
        errors["amount"] = f"“{written}”不是数字，请按万元填写，如 20.5。"
        return None
    if not fen.is_finite() or fen != int(fen) or fen < 0 or fen >= 10**16:
        errors["amount"] = f"“{written}”超出范围，请按万元填写，最多六位小数。"
        return None
    return int(fen)


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 10 else None
