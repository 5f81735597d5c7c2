"""REST of the service files: steps, visits, needs and problems, policies; what can change is changed by its state."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.clock import today
from backend.cultivation import actions
from backend.cultivation.actions import ActionDraft, PolicyDraft, StepDraft, VisitDraft
from backend.cultivation.api_parts import (
    Cursor,
    EntryThere,
    Limit,
    demand_none,
    enterprise_of,
    page_of,
    place_of,
    shown_entry,
    who,
)
from backend.cultivation.checking import (
    faults_of_action,
    faults_of_answer,
    faults_of_policy,
    faults_of_step,
    faults_of_visit,
    values_of,
)
from backend.cultivation.schemas import ActionBody, ActionChange, PolicyBody, StepBody, StepChange, VisitBody
from backend.cultivation.service_file import service_file, thing_of, things_by_id
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.idempotency import Once
from backend.web.rest import USUAL_LIMIT, demand_match, etag_of, stated
from rules.language import FEN_PER_WAN

router = APIRouter(tags=["cultivation"])


@router.get("/enterprises/{code}/service-file")
async def whole_file(session: Work, person: SignedIn, code: str) -> dict[str, Any]:
    """All that was done for an enterprise: entries, moves, steps, visits, needs and problems, policies."""
    row = await enterprise_of(session, code)
    found = await service_file(session, row["id"], today())
    return {
        "enterprise": {"id": row["id"], "credit_code": row["credit_code"], "name": row["name"]},
        "entries": [shown_entry(one) for one in found.entries], "moves": found.moves, "steps": found.steps,
        "visits": found.standing_visits, "actions": found.actions, "policies": found.policies,
    }  # fmt: skip


@router.post("/enterprises/{code}/visits", status_code=201)
async def add_visit(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: VisitBody
) -> Response:
    """Note a visit; a correction names the visit that it puts right."""

    async def work() -> Response:
        row = await enterprise_of(session, code)
        draft = VisitDraft(
            body.visited_on, body.form, body.visitors, body.met, body.content, body.follow_up, body.corrects_id
        )
        demand_none(faults_of_visit(draft))
        number = await actions.note_visit(session, row["id"], draft, by=person.id)
        return stated(request, {"id": number, **body.model_dump()}, etag_of("service_visit", number), 201)

    return await once.answer(work)


@router.post("/enterprises/{code}/policies", status_code=201)
async def add_policy(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: PolicyBody
) -> Response:
    """Note a policy that an enterprise has enjoyed."""

    async def work() -> Response:
        row = await enterprise_of(session, code)
        amount = None if body.amount is None else int(body.amount * FEN_PER_WAN)
        draft = PolicyDraft(body.policy, body.document, body.enjoyed_on, amount, body.note)
        demand_none(faults_of_policy(draft))
        number = await actions.note_policy(session, row["id"], draft, by=person.id)
        return stated(request, {"id": number, **body.model_dump()}, etag_of("policy_enjoyed", number), 201)

    return await once.answer(work)


@router.delete("/enterprises/{code}/policies/{policy_id}", status_code=204)
async def withdraw_policy(session: Work, person: Officer, code: str, policy_id: int) -> Response:
    """Take a policy off the file that was noted by mistake; who did so stays known there."""
    row = await enterprise_of(session, code)
    await actions.withdraw_policy(session, row["id"], policy_id, by=person.id)
    return Response(status_code=204)


@router.get("/service-actions")
async def service_actions(
    request: Request, session: Work, person: SignedIn, enterprise: str = "",
    status: Literal["", "open", "in_progress", "referred", "solved", "unsolvable"] = "", cursor: Cursor = "",
    limit: Limit = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """Needs and problems in the order in which they were entered; `enterprise` is a credit code."""
    return await _things(request, session, "action", enterprise, status, limit)


@router.get("/service-actions/{action_id}")
async def service_action(request: Request, session: Work, person: SignedIn, action_id: int) -> Response:
    """One need or problem; its ETag names the state for If-Match."""
    return _stated_thing(request, "action", await _thing(session, "action", action_id))


@router.post("/enterprises/{code}/service-actions", status_code=201)
async def add_action(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: ActionBody
) -> Response:
    """Take up a need or a problem."""

    async def work() -> Response:
        row = await enterprise_of(session, code)
        draft = ActionDraft(body.kind, body.topic, body.content, body.raised_on, body.owner, body.due_on)
        demand_none(faults_of_action(draft))
        number = await actions.open_action(session, row["id"], draft, by=person.id)
        return _stated_thing(request, "action", await _thing(session, "action", number), 201)

    return await once.answer(work)


@router.patch("/service-actions/{action_id}")
async def change_action(
    request: Request, session: Work, person: Officer, once: Once, action_id: int, body: ActionChange
) -> Response:
    """Answer a need or problem, or change who answers until when. If-Match names the state that the sender saw."""

    async def work() -> Response:
        row = await _thing(session, "action", action_id)
        demand_match(request, _thing_etag("action", row))
        # Only a day can be taken away again; of the rest nothing says that it stays as it is.
        given = body.model_dump(exclude_unset=True)
        values = {name: value for name, value in given.items() if value is not None or name == "due_on"}
        demand_none(faults_of_answer(row, values))
        await actions.save_action(session, row["enterprise_id"], action_id, row["revision"], values, by=person.id)
        return _stated_thing(request, "action", await _thing(session, "action", action_id))

    return await once.answer(work)


@router.get("/service-steps")
async def service_steps(
    request: Request, session: Work, person: SignedIn, enterprise: str = "",
    status: Literal["", "open", "done", "dropped"] = "", cursor: Cursor = "", limit: Limit = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """Steps of cultivation plans in the order in which they were entered; `enterprise` is a credit code."""
    return await _things(request, session, "step", enterprise, status, limit)


@router.get("/service-steps/{step_id}")
async def service_step(request: Request, session: Work, person: SignedIn, step_id: int) -> Response:
    """One step; its ETag names the state for If-Match."""
    return _stated_thing(request, "step", await _thing(session, "step", step_id))


@router.post("/enterprises/{code}/service-steps", status_code=201)
async def add_step(request: Request, session: Work, person: Officer, once: Once, code: str, body: StepBody) -> Response:
    """Put a step into the plan of an enterprise."""

    async def work() -> Response:
        row = await enterprise_of(session, code)
        draft = StepDraft(body.title, body.due_on, body.programme, officer_id=body.officer_id)
        demand_none(await faults_of_step(session, row["id"], values_of(draft)))
        made = await actions.plan_steps(session, row["id"], [draft], by=person.id)
        if not made:
            raise EntryThere("计划里已有同样的待办步骤，没有重复登记。")
        return _stated_thing(request, "step", await _thing(session, "step", made[0]), 201)

    return await once.answer(work)


@router.patch("/service-steps/{step_id}")
async def change_step(
    request: Request, session: Work, person: Officer, once: Once, step_id: int, body: StepChange
) -> Response:
    """Change a step. If-Match names the state that the sender saw."""

    async def work() -> Response:
        row = await _thing(session, "step", step_id)
        demand_match(request, _thing_etag("step", row))
        given = body.model_dump(exclude_unset=True)
        values = {name: value for name, value in given.items() if value is not None}
        if "officer_id" in values:
            values["officer_id"] = values["officer_id"] or None
        demand_none(await faults_of_step(session, row["enterprise_id"], values))
        await actions.save_step(session, row["enterprise_id"], step_id, row["revision"], values, by=person.id)
        return _stated_thing(request, "step", await _thing(session, "step", step_id))

    return await once.answer(work)


async def _things(
    request: Request, session: AsyncSession, thing: str, enterprise: str, status: str, limit: int
) -> Response:
    number = (await enterprise_of(session, enterprise))["id"] if enterprise else None
    rows = await things_by_id(session, thing, number, status, place_of(request), limit + 1)
    return page_of(request, rows, limit, _shown)


async def _thing(session: AsyncSession, thing: str, number: int) -> Mapping[str, Any]:
    row = await thing_of(session, thing, number)
    if row is None:
        raise NotFound(f"没有第 {number} 号，或者它不在您的区域。")
    return row


def _thing_etag(thing: str, row: Mapping[str, Any]) -> str:
    return etag_of(f"service_{thing}", row["id"], row["revision"])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("enterprise_id", "credit_code", "name", "created_by", "revision")
    return {name: value for name, value in row.items() if name not in hidden} | {"enterprise": who(row)}


def _stated_thing(request: Request, thing: str, row: Mapping[str, Any], status_code: int = 200) -> Response:
    location = f"/api/v1/service-{thing}s/{row['id']}"
    return stated(request, _shown(row), _thing_etag(thing, row), status_code, location)
