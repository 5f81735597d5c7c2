"""Visits, needs and problems, and policies enjoyed, written into the service file by page."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from backend.access.dependencies import Officer
from backend.clock import today
from backend.cultivation import actions
from backend.cultivation.actions import (
    ActionDraft,
    NoSuchEntry,
    PolicyDraft,
    ServiceMoved,
    VisitCorrected,
    VisitDraft,
)
from backend.cultivation.checking import faults_of_action, faults_of_answer, faults_of_policy, faults_of_visit
from backend.cultivation.file_pages import Typed, file_page
from backend.cultivation.schemas import ActionForm, PolicyForm, VisitForm, as_number
from backend.cultivation.service_file import thing_of
from backend.cultivation.stages import ACTION_KINDS, ACTION_STATUSES, TOPICS, VISIT_FORMS
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, typed_day
from backend.web.dependencies import Work
from backend.web.responses import redirect
from rules.language import FEN_PER_WAN

router = APIRouter()


@router.post("/enterprises/{code}/service/visits")
async def note_visit(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[VisitForm, Form()]
) -> Response:
    """Note a visit, or correct one."""
    errors: Errors = {}
    visited_on = typed_day(form.visited_on, "visited_on", errors)
    draft = VisitDraft(
        visited_on or today(), form.form if form.form in VISIT_FORMS else "on_site", form.visitors.strip(),
        form.met.strip(), form.content.strip(), form.follow_up.strip(), as_number(form.corrects),
    )  # fmt: skip
    errors = faults_of_visit(draft) | errors
    if visited_on is None:
        errors.setdefault("visited_on", "请填写走访日期。")
    status = 422
    if not errors:
        try:
            await actions.note_visit(session, row["id"], draft, by=person.id)
            return redirect(request, f"{address_of(row)}/service?done=visited#visits")
        except VisitCorrected as corrected:
            errors, status = {"corrects": str(corrected)}, corrected.status_code
    return await file_page(request, session, person, row, errors, Typed("visit", form, status=status))


@router.post("/enterprises/{code}/service/actions")
async def open_action(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[ActionForm, Form()]
) -> Response:
    """Take up a need or a problem."""
    errors: Errors = {}
    raised_on = typed_day(form.raised_on, "raised_on", errors) or today()
    due_on = typed_day(form.due_on, "due_on", errors)
    draft = ActionDraft(
        form.kind if form.kind in ACTION_KINDS else "problem", form.topic if form.topic in TOPICS else "other",
        form.content.strip(), raised_on, form.owner.strip(), due_on,
    )  # fmt: skip
    errors = faults_of_action(draft) | errors
    if errors:
        return await file_page(request, session, person, row, errors, Typed("action", form))
    await actions.open_action(session, row["id"], draft, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=opened#actions")


@router.post("/enterprises/{code}/service/actions/{action_id}")
async def save_action(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, action_id: int,
    form: Annotated[ActionForm, Form()],
) -> Response:  # fmt: skip
    """Answer a need or problem, or change who answers until when.

    Refused if somebody else has saved meanwhile, and then what was typed stays in the form.
    """
    there = await thing_of(session, "action", action_id)
    if there is None:
        raise NoSuchEntry
    errors: Errors = {}
    due_on = typed_day(form.due_on, "due_on", errors)
    values: dict[str, Any] = {"owner": form.owner.strip(), "due_on": due_on, "answer": form.answer.strip()}
    if form.status in ACTION_STATUSES:
        values["status"] = form.status
    errors = faults_of_answer(there, values) | errors
    status = 422
    if not errors:
        try:
            await actions.save_action(session, row["id"], action_id, form.revision, values, by=person.id)
            return redirect(request, f"{address_of(row)}/service?done=answered#actions")
        except ServiceMoved as moved:
            errors, status = {"answer": str(moved)}, moved.status_code
    return await file_page(request, session, person, row, errors, Typed("action", form, action_id, status))


@router.post("/enterprises/{code}/service/policies")
async def note_policy(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[PolicyForm, Form()]
) -> Response:
    """Note a policy that the enterprise has enjoyed."""
    errors: Errors = {}
    enjoyed_on = typed_day(form.enjoyed_on, "enjoyed_on", errors)
    amount = _amount(form.amount, errors)
    draft = PolicyDraft(
        form.policy.strip(), form.document.strip(), enjoyed_on or today(), amount, form.note.strip()
    )  # fmt: skip
    errors = faults_of_policy(draft) | errors
    if enjoyed_on is None:
        errors.setdefault("enjoyed_on", "请填写享受日期。")
    if errors:
        return await file_page(request, session, person, row, errors, Typed("policy", form))
    await actions.note_policy(session, row["id"], draft, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=noted#policies")


@router.post("/enterprises/{code}/service/policies/{policy_id}/withdraw")
async def withdraw_policy(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, policy_id: int
) -> Response:
    """Take a policy off the file that was noted by mistake."""
    await actions.withdraw_policy(session, row["id"], policy_id, by=person.id)
    return redirect(request, f"{address_of(row)}/service?done=withdrawn#policies")


def _amount(written: str, errors: Errors) -> int | None:
    """An amount typed in 万元, in whole fen."""
    if not written.strip():
        return None
    try:
        fen = Decimal(written.replace(",", "").replace("，", "").strip()) * FEN_PER_WAN
    except InvalidOperation:
        errors["amount"] = f"“{written}”不是数字，请按万元填写，如 20.5。"
        return None
    if not fen.is_finite() or fen != int(fen) or fen < 0 or fen >= 10**16:
        errors["amount"] = f"“{written}”超出范围，请按万元填写，最多六位小数。"
        return None
    return int(fen)
