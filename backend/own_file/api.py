"""REST: applications to pools and messages with enterprises, for the systems that officers work in."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.enterprises.queries import find
from backend.own_file.applications import STATES, application_of, decide, list_applications
from backend.own_file.schemas import ApplicationChange, MessageBody, ThreadBody
from backend.own_file.threads import Writer, messages_in, open_thread, thread_of, threads_by_id, threads_of, write
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.idempotency import Once
from backend.web.rest import (
    USUAL_LIMIT,
    RestRefused,
    demand_match,
    etag_of,
    limit_of,
    page_by_cursor,
    read_cursor,
    stated,
)

router = APIRouter(tags=["own file"])


class StateUnknown(RestRefused):
    """A filter names no state."""

    status = 400
    slug = "state-unknown"
    title = "状态无效"


async def _enterprise(session: AsyncSession, code: str) -> Mapping[str, Any]:
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码。")
    return row


def _who(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": row["enterprise_id"], "credit_code": row["credit_code"], "name": row["name"]}


# Applications --------------------------------------------------------------------------------------------------------


@router.get("/applications")
async def applications(
    request: Request, session: Work, person: SignedIn, state: str = "", programme: str = "", cursor: str = "",
    limit: int = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """Applications to pools in the order in which they came, a page at a time."""
    if state and state not in STATES:
        raise StateUnknown(f"没有状态“{state}”，可用的有 {'、'.join(STATES)}。")
    place, most = read_cursor(request, 1), limit_of(limit)
    rows = await list_applications(session, state, programme, place[0] if place else 0, most + 1)
    following = [rows[most - 1]["id"]] if len(rows) > most else None
    return page_by_cursor(request, [_application(row) for row in rows[:most]], following)


@router.get("/applications/{application_id}")
async def application(request: Request, session: Work, person: SignedIn, application_id: int) -> Response:
    """One application; its ETag names the state for If-Match."""
    return _stated(request, await _one(session, application_id))


@router.patch("/applications/{application_id}")
async def change_application(
    request: Request, session: Work, person: Officer, once: Once, application_id: int, body: ApplicationChange
) -> Response:
    """Accept an application into the pool, or refuse it with a reason. If-Match names the state that the sender saw."""

    async def work() -> Response:
        row = await _one(session, application_id)
        demand_match(request, _etag(row))
        await decide(session, application_id, row["revision"], body.state, body.reason, by=person.id)
        return _stated(request, await _one(session, application_id))

    return await once.answer(work)


async def _one(session: AsyncSession, application_id: int) -> Mapping[str, Any]:
    row = await application_of(session, application_id)
    if row is None:
        raise NotFound(f"没有第 {application_id} 号申请，或者它不在您的区域。")
    return row


def _etag(row: Mapping[str, Any]) -> str:
    return etag_of("pool_application", row["id"], row["revision"])


def _stated(request: Request, row: Mapping[str, Any]) -> Response:
    return stated(request, _application(row), _etag(row), location=f"/api/v1/applications/{row['id']}")


_APPLICATION = ("id", "programme", "year", "words", "attachment_ids", "state", "reason", "applied_at", "decided_at")


def _application(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _APPLICATION} | {"enterprise": _who(row)}


# Messages ------------------------------------------------------------------------------------------------------------


@router.get("/threads")
async def threads(
    request: Request, session: Work, person: SignedIn, unread: bool = False, cursor: str = "", limit: int = USUAL_LIMIT
) -> Response:
    """Threads in the order in which they were opened; `unread` for those with something the bureau has not read."""
    place, most = read_cursor(request, 1), limit_of(limit)
    rows = await threads_by_id(
        session, Writer(person), only_unread=unread, after=place[0] if place else 0, limit=most + 1
    )
    following = [rows[most - 1]["id"]] if len(rows) > most else None
    return page_by_cursor(request, [_thread(row) for row in rows[:most]], following)


@router.get("/enterprises/{code}/threads")
async def threads_with(session: Work, person: SignedIn, code: str) -> dict[str, Any]:
    """The threads with one enterprise, the latest first."""
    row = await _enterprise(session, code)
    return {"items": [_thread(one) for one in await threads_of(session, row["id"], Writer(person))]}


@router.post("/enterprises/{code}/threads", status_code=201)
async def open_with(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: ThreadBody
) -> Response:
    """Open a thread with its first message."""

    async def work() -> Response:
        row = await _enterprise(session, code)
        number = await open_thread(session, row["id"], body.subject, body.words, Writer(person))
        return await _whole_thread(request, session, person, number, 201)

    return await once.answer(work)


@router.get("/threads/{thread_id}")
async def thread(request: Request, session: Work, person: SignedIn, thread_id: int) -> Response:
    """One thread with its messages. Reading over REST marks nothing as read: a person does that on the page."""
    return await _whole_thread(request, session, person, thread_id)


@router.post("/threads/{thread_id}/messages", status_code=201)
async def write_on(
    request: Request, session: Work, person: Officer, once: Once, thread_id: int, body: MessageBody
) -> Response:
    """Write another message to the enterprise."""

    async def work() -> Response:
        await write(session, thread_id, body.words, Writer(person))
        return await _whole_thread(request, session, person, thread_id, 201)

    return await once.answer(work)


async def _whole_thread(
    request: Request, session: AsyncSession, person: SignedIn, thread_id: int, status_code: int = 200
) -> Response:
    row = await thread_of(session, thread_id, Writer(person))
    said = await messages_in(session, thread_id)
    read = sum(one["read_at"] is not None for one in said)
    etag = etag_of("message_thread", row["id"], row["messages"], read)
    return stated(request, _thread(row) | {"items": said}, etag, status_code, f"/api/v1/threads/{row['id']}")


_THREAD = ("id", "subject", "opened_at", "latest_at", "messages", "unread")


def _thread(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _THREAD} | {"enterprise": _who(row)}
