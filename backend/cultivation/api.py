"""REST: pool entries and what is done for enterprises, read by cursor, changed by nobody who did not see the state."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.clock import today
from backend.cultivation import actions
from backend.cultivation.actions import ActionDraft, StepDraft, VisitDraft
from backend.cultivation.pages import read_filters
from backend.cultivation.queries import PoolFilters, entry_of, list_by_id
from backend.cultivation.schemas import (
    ActionBody,
    ActionChange,
    EntryBody,
    EntryChange,
    StepBody,
    StepChange,
    VisitBody,
)
from backend.cultivation.service import Done, PoolRefused, Seen, assign, enter, move
from backend.cultivation.service_file import service_file, thing_of, things_by_id
from backend.cultivation.stages import TOPICS, Stage
from backend.enterprises.labels import programme_choices
from backend.enterprises.queries import find
from backend.web.dependencies import CurrentSettings, Work
from backend.web.errors import NotFound, Refusal
from backend.web.idempotency import Once
from backend.web.rest import USUAL_LIMIT, demand_match, etag_of, limit_of, page_by_cursor, read_cursor, stated
from rules.library import library

router = APIRouter(tags=["cultivation"])


class MoveRefused(Refusal):
    """The entry lacks what the stage asks for."""

    status = 422
    slug = "move-refused"
    title = "不能移动"


class EntryThere(Refusal):
    """The enterprise is in that pool already."""

    slug = "entry-there"
    title = "已在库中"


async def _enterprise(session: AsyncSession, code: str) -> Mapping[str, Any]:
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码。")
    return row


# Pool entries ------------------------------------------------------------------------------------------------------


@router.get("/pool")
async def entries(
    request: Request, session: Work, person: SignedIn, programme: str, year: int = 0, region: str = "",
    stage: str = "", officer: str = "", cursor: str = "", limit: int = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """The entries of a pool in the order in which they were entered, a page at a time; of this year unless said."""
    _demand_pool(programme)
    asked: PoolFilters = read_filters(programme, year, region, stage, officer)
    place, most = read_cursor(request, 1), limit_of(limit)
    rows = await list_by_id(session, asked, today(), place[0] if place else 0, most + 1)
    shown = rows[:most]
    following = [shown[-1]["id"]] if len(rows) > most else None
    return page_by_cursor(request, [_entry(row) for row in shown], following)


@router.get("/pool/{entry_id}")
async def entry(request: Request, session: Work, person: SignedIn, entry_id: int) -> Response:
    """One entry; its ETag names the state for If-Match."""
    return _stated_entry(request, await _one(session, entry_id))


@router.post("/pool", status_code=201)
async def add_entry(request: Request, session: Work, person: Officer, once: Once, body: EntryBody) -> Response:
    """Put an enterprise into a pool as discovered."""

    async def work() -> Response:
        _demand_pool(body.programme)
        row = await _enterprise(session, body.enterprise)
        made = await enter(
            session,
            body.programme,
            body.year,
            [row["id"]],
            by=person.id,
            officer_id=body.officer_id,
            reason=body.reason,
        )
        if not made:
            raise EntryThere(f"{row['name']}已在 {body.year} 年的这个库里。请读取 /api/v1/pool 后修改它的阶段。")
        return _stated_entry(request, await _one(session, made[0]), 201)

    return await once.answer(work)


@router.patch("/pool/{entry_id}")
async def change_entry(
    request: Request, session: Work, person: Officer, once: Once, settings: CurrentSettings, entry_id: int,
    body: EntryChange,
) -> Response:  # fmt: skip
    """Move an entry, give it to another officer, or both. If-Match names the state that the sender saw."""

    async def work() -> Response:
        row = await _one(session, entry_id)
        demand_match(request, _etag(row))
        if body.officer_id is not None:
            seen = [Seen(entry_id, row["revision"])]
            _demand(await assign(session, seen, body.officer_id or None, by=person.id, on=today()))
            row = await _one(session, entry_id)
        if body.stage is not None and body.stage != row["stage"]:
            seen = [Seen(entry_id, row["revision"])]
            days = settings.pool_check_days
            _demand(await move(session, seen, Stage(body.stage), body.reason, by=person.id, on=today(), most_days=days))
        return _stated_entry(request, await _one(session, entry_id))

    return await once.answer(work)


def _demand_pool(programme: str) -> None:
    known = dict(programme_choices(library()))
    if programme not in known:
        raise PoolRefused(f"没有认定项目“{programme}”的培育库，可用的有 {'、'.join(known)}。")


def _demand(done: Done) -> None:
    if done.refused:
        raise MoveRefused(done.refused[0][1])


async def _one(session: AsyncSession, entry_id: int) -> dict[str, Any]:
    row = await entry_of(session, entry_id, today())
    if row is None:
        raise NotFound(f"培育库里没有第 {entry_id} 号，或者它不在您的区域。")
    return row


def _etag(row: Mapping[str, Any]) -> str:
    return etag_of("pool_entry", row["id"], row["revision"])


def _stated_entry(request: Request, row: Mapping[str, Any], status_code: int = 200) -> Response:
    return stated(request, _entry(row), _etag(row), status_code, f"/api/v1/pool/{row['id']}")


_ENTRY = ("id", "programme", "year", "stage", "officer_id", "officer", "note", "entered_at", "moved_at", "checked_on",
          "outcome", "is_likely", "failed", "missing", "is_recognised")  # fmt: skip


def _entry(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _ENTRY} | {"enterprise": _who(row)}


def _who(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["enterprise_id"], "credit_code": row["credit_code"], "name": row["name"]}


# The service file ----------------------------------------------------------------------------------------------------


@router.get("/enterprises/{code}/service-file")
async def whole_file(session: Work, person: SignedIn, code: str) -> dict[str, Any]:
    """All that was done for an enterprise: entries, moves, steps, visits, needs and problems, policies."""
    row = await _enterprise(session, code)
    found = await service_file(session, row["id"], today())
    return {
        "enterprise": {"id": row["id"], "credit_code": row["credit_code"], "name": row["name"]},
        "entries": [_entry(one) for one in found.entries], "moves": found.moves, "steps": found.steps,
        "visits": found.standing_visits, "actions": found.actions, "policies": found.policies,
    }  # fmt: skip


@router.post("/enterprises/{code}/visits", status_code=201)
async def add_visit(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: VisitBody
) -> Response:
    """Note a visit; a correction names the visit that it puts right."""

    async def work() -> Response:
        if body.visited_on > today():
            raise PoolRefused(f"{body.visited_on} 在今天之后，请在走访后登记。")
        row = await _enterprise(session, code)
        draft = VisitDraft(
            body.visited_on, body.form, body.visitors, body.met, body.content, body.follow_up, body.corrects_id
        )
        number = await actions.note_visit(session, row["id"], draft, by=person.id)
        return stated(request, {"id": number, **body.model_dump()}, etag_of("service_visit", number), 201)

    return await once.answer(work)


@router.get("/service-actions")
async def service_actions(
    request: Request, session: Work, person: SignedIn, enterprise: str = "", status: str = "", cursor: str = "",
    limit: int = USUAL_LIMIT,
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
        if body.topic not in TOPICS:
            raise PoolRefused(f"没有类别“{body.topic}”，可用的有 {'、'.join(TOPICS)}。")
        row = await _enterprise(session, code)
        draft = ActionDraft(body.kind, body.topic, body.content, body.raised_on, body.owner, body.due_on)
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
        is_closed = body.status in ("solved", "unsolvable")
        if is_closed and not (row["answer"] if body.answer is None else body.answer).strip():
            raise PoolRefused("办结或无法解决时，请在 answer 里写明答复。")
        # Only a day can be taken away again; of the rest nothing says that it stays as it is.
        given = body.model_dump(exclude_unset=True)
        values = {name: value for name, value in given.items() if value is not None or name == "due_on"}
        await actions.save_action(session, row["enterprise_id"], action_id, row["revision"], values, by=person.id)
        return _stated_thing(request, "action", await _thing(session, "action", action_id))

    return await once.answer(work)


@router.get("/service-steps")
async def service_steps(
    request: Request, session: Work, person: SignedIn, enterprise: str = "", status: str = "", cursor: str = "",
    limit: int = USUAL_LIMIT,
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
        row = await _enterprise(session, code)
        draft = StepDraft(body.title, body.due_on, body.programme, officer_id=body.officer_id)
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
        values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
        await actions.save_step(session, row["enterprise_id"], step_id, row["revision"], values, by=person.id)
        return _stated_thing(request, "step", await _thing(session, "step", step_id))

    return await once.answer(work)


async def _things(
    request: Request, session: AsyncSession, thing: str, enterprise: str, status: str, limit: int
) -> Response:
    number = (await _enterprise(session, enterprise))["id"] if enterprise else None
    place, most = read_cursor(request, 1), limit_of(limit)
    rows = await things_by_id(session, thing, number, status, place[0] if place else 0, most + 1)
    shown = rows[:most]
    following = [shown[-1]["id"]] if len(rows) > most else None
    return page_by_cursor(request, [_shown(row) for row in shown], following)


async def _thing(session: AsyncSession, thing: str, number: int) -> Mapping[str, Any]:
    row = await thing_of(session, thing, number)
    if row is None:
        raise NotFound(f"没有第 {number} 号，或者它不在您的区域。")
    return row


def _thing_etag(thing: str, row: Mapping[str, Any]) -> str:
    return etag_of(f"service_{thing}", row["id"], row["revision"])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("enterprise_id", "credit_code", "name", "created_by", "revision")
    return {name: value for name, value in row.items() if name not in hidden} | {"enterprise": _who(row)}


def _stated_thing(request: Request, thing: str, row: Mapping[str, Any], status_code: int = 200) -> Response:
    location = f"/api/v1/service-{thing}s/{row['id']}"
    return stated(request, _shown(row), _thing_etag(thing, row), status_code, location)
