"""The cultivation plan by page: steps that the rules propose, those of the officer's own, and what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation import actions
from backend.cultivation.actions import ServiceMoved, StepDraft
from backend.cultivation.checking import faults_of_step, values_of
from backend.cultivation.file_pages import Typed, file_page
from backend.cultivation.growth_path import growth_path, proposed_steps
from backend.cultivation.queries import entries_of
from backend.cultivation.schemas import StepForm, StepsForm, as_number
from backend.cultivation.stages import STEP_STATUSES, Stage
from backend.cultivation.windows import windows_of
from backend.enterprises.enterprise_file import EnterpriseFile, enterprise_file
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, typed_day
from backend.enterprises.labels import Names, programme_choices
from backend.enterprises.officers import officers
from backend.web.dependencies import Work
from backend.web.responses import redirect
from backend.web.templates import render
from rules.evaluate import Outcome
from rules.library import library

router = APIRouter()
#: The programme that is planned for where none is named and nothing is lacking.
_USUAL = "hnte"
_UNDER_WAY = (Stage.DISCOVERED, Stage.CULTIVATED)


@dataclass(frozen=True)
class Line:
    """A step on the form of the plan, as proposed or as typed since."""

    title: str
    due_on: str
    criterion: str
    is_picked: bool


@router.get("/enterprises/{code}/service/plan", response_class=HTMLResponse)
async def propose_plan(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, programme: str = ""
) -> HTMLResponse:
    """The steps that the rules propose towards a programme, to be picked and dated."""
    return await _plan_page(request, session, person, row, programme, {})


async def _plan_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Any, programme: str, errors: Errors,
    form: StepsForm | None = None,
) -> HTMLResponse:  # fmt: skip
    file = await enterprise_file(session, row, library(), today())
    chosen = programme if programme in library().by_name else await _next_programme(session, file)
    windows = await windows_of(session, chosen, today().year)
    proposed = proposed_steps(file, library(), chosen, windows.known)
    lines = _typed(form) if form else [
        Line(one.title, one.due_on.isoformat(), one.criterion, is_picked=True) for one in proposed
    ]  # fmt: skip
    return render(
        request, "cultivation/plan.html", status_code=422 if errors else 200, page_title="拟订培育计划", row=row,
        address=address_of(row), programme=chosen, answer=file.answer(chosen), lines=lines, windows=windows,
        breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("服务档案", f"{address_of(row)}/service"),
                    ("拟订培育计划", None)],
        criteria={one.criterion: one.criterion_name for one in proposed}, programmes=programme_choices(library()),
        errors=[{"field": field, "message": words} for field, words in errors.items()], error_of=errors,
        officers=await officers(session, row["region_code"], row["park"]), officer=form.officer if form else "",
        names=Names(library()), may_write=person.role.may_write, on=today(),
        deadline=windows.next_deadline(today()),
    )  # fmt: skip


async def _next_programme(session: AsyncSession, file: EnterpriseFile) -> str:
    """What is planned for where nothing is chosen: a pool the enterprise is cultivated in and falls short of, a title
    that a review would cost, the next rung; of those the first."""
    entries = await entries_of(session, file.row["id"], file.on)
    wanted = [one["programme"] for one in entries if one["year"] == file.on.year and one["stage"] in _UNDER_WAY]
    path = growth_path(file, library())
    wanted += [one.programme for one in path if one.is_held] + [one.programme for one in path if not one.is_held]
    offered = {name for name, _ in programme_choices(library())}
    for name in wanted:
        answer = file.answer(name) if name in offered else None
        if name and answer is not None and answer.outcome is not Outcome.ELIGIBLE and not answer.is_likely:
            return name
    return _USUAL


def _typed(form: StepsForm) -> list[Line]:
    return [
        Line(title, due_on, criterion, is_picked=place in form.pick)
        for place, (title, due_on, criterion) in enumerate(zip(form.title, form.due_on, form.criterion, strict=False))
    ]


@router.post("/enterprises/{code}/service/plan")
async def plan(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[StepsForm, Form()]
) -> Response:
    """Put the steps that were picked into the plan, as corrected by hand: all of them, or none if one is wrong."""
    errors: Errors = {}
    drafts = await _drafts(session, row["id"], form, _typed(form), errors)
    if not drafts and not errors:
        errors["pick-0"] = "请勾选要列入的步骤，并写明期限。本次没有保存。"
    if errors:
        return await _plan_page(request, session, person, row, form.programme, errors, form)
    await actions.plan_steps(session, row["id"], drafts, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=planned#plan")


async def _drafts(
    session: AsyncSession, enterprise_id: int, form: StepsForm, lines: Sequence[Line], errors: Errors
) -> list[StepDraft]:
    drafts: list[StepDraft] = []
    for place, one in enumerate(lines):
        if not one.is_picked:
            continue
        due_on = typed_day(one.due_on, f"due_on-{place}", errors)
        if due_on is None:
            errors.setdefault(f"due_on-{place}", f"第 {place + 1} 步没有期限，请填写，或不勾选。")
            continue
        draft = StepDraft(
            one.title.strip(), due_on, form.programme[:60], one.criterion[:80], as_number(form.officer)
        )  # fmt: skip
        for field, words in (await faults_of_step(session, enterprise_id, values_of(draft))).items():
            errors["officer" if field == "officer_id" else f"{field}-{place}"] = words
        drafts.append(draft)
    return drafts


@router.post("/enterprises/{code}/service/steps")
async def add_step(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[StepForm, Form()]
) -> Response:
    """A step of the officer's own."""
    errors: Errors = {}
    due_on = typed_day(form.due_on, "due_on", errors)
    draft = StepDraft(
        form.title.strip(), due_on or today(), form.programme[:60], officer_id=as_number(form.officer)
    )  # fmt: skip
    errors = await faults_of_step(session, row["id"], values_of(draft)) | errors
    if due_on is None:
        errors.setdefault("due_on", "请填写期限。")
    if errors:
        return await file_page(request, session, person, row, errors, Typed("step", form))
    await actions.plan_steps(session, row["id"], [draft], by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=planned#plan")


@router.post("/enterprises/{code}/service/steps/{step_id}")
async def save_step(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, step_id: int,
    form: Annotated[StepForm, Form()],
) -> Response:  # fmt: skip
    """Change a step; refused if somebody else has saved meanwhile, and then what was typed stays in the form."""
    errors: Errors = {}
    values: dict[str, Any] = {"result": form.result.strip(), "officer_id": as_number(form.officer)}
    if due_on := typed_day(form.due_on, "due_on", errors):
        values["due_on"] = due_on
    if form.title.strip():
        values["title"] = form.title.strip()
    if form.status in STEP_STATUSES:
        values["status"] = form.status
    errors = await faults_of_step(session, row["id"], values) | errors
    status = 422
    if not errors:
        try:
            await actions.save_step(session, row["id"], step_id, form.revision, values, by=person.id)
            return redirect(request, f"{address_of(row)}/service?done=updated#plan")
        except ServiceMoved as moved:
            errors, status = {"result": str(moved)}, moved.status_code
    return await file_page(request, session, person, row, errors, Typed("step", form, step_id, status))
