"""REST for other systems: tokens; filings, recognitions and events in."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import unquote_plus

from fastapi import APIRouter, Form, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exact_json import exact_json
from backend.exchange import feed_api, list_api, registered_api, tally_api
from backend.exchange.bodies import MOST_ITEMS, BodyRefused
from backend.exchange.clients import Caller, TokenRefused, issue_token
from backend.exchange.described import body_of
from backend.exchange.doors import EventWriter, FilingWriter, RecognitionWriter, Work, take
from backend.exchange.events import EventItem, take_events
from backend.exchange.intake import BatchResult, take_filings, take_recognitions
from backend.exchange.items import FilingItem, RecognitionItem
from backend.web.dependencies import Engine, reached
from rules.library import Library, library

router = APIRouter(tags=["exchange"])
router.include_router(feed_api.router)
router.include_router(list_api.router)
router.include_router(registered_api.router)
router.include_router(tally_api.router)

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


#: RFC 6749 has a form of its own for refusing.
_REFUSED_SHAPE = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
_TOKEN_REFUSED: dict[str, Any] = {
    "description": "RFC 6749 section 5.2", "content": {"application/json": {"schema": _REFUSED_SHAPE}},
}  # fmt: skip


@router.post("/oauth/token", responses={400: _TOKEN_REFUSED, 401: _TOKEN_REFUSED})
async def token(
    request: Request,
    engine: Engine,
    grant_type: Annotated[str, Form()] = "",
    scope: Annotated[str, Form()] = "",
    client_id: Annotated[str, Form()] = "",
    client_secret: Annotated[str, Form()] = "",
) -> Response:
    """Trade a client's id and secret for an access token of 15 minutes (RFC 6749, client credentials)."""
    if grant_type != "client_credentials":
        return _token_error(400, "unsupported_grant_type" if grant_type else "invalid_request")
    basic = _basic(request.headers.get("Authorization", ""))
    name, secret = basic or (client_id, client_secret)
    try:
        async with reached(owner_unit_of_work(engine)) as session:
            issued = await issue_token(session, name, secret, scope.split())
    except TokenRefused as refusal:
        return _token_error(401 if refusal.error == "invalid_client" else 400, refusal.error)
    answer = {
        "access_token": issued.token, "token_type": "Bearer", "expires_in": issued.expires_in,
        "scope": " ".join(issued.scopes),
    }  # fmt: skip
    return JSONResponse(answer, headers=_NO_STORE)


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret of HTTP Basic, each form-encoded before (RFC 6749 section 2.3.1)."""
    kind, _, written = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(written, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)


def _token_error(status: int, error: str) -> Response:
    headers = _NO_STORE | ({"WWW-Authenticate": 'Basic realm="tidu"'} if status == 401 else {})
    return JSONResponse({"error": error}, status, headers)


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    201: {"model": BatchResult, "description": "The one item was recorded."}
}


@router.post(
    "/filings", response_model=BatchResult, responses=_ANSWERS, openapi_extra=body_of("FilingItem", FilingItem)
)
async def post_filings(request: Request, engine: Engine, caller: FilingWriter) -> Response:
    """Record what a source says of enterprises: an object for one, an array for up to 1,000.

    Every item is answered by itself; the good ones are recorded. Money is in 万元.
    """
    return await take(request, engine, caller, _work(take_filings, caller))


@router.post(
    "/recognitions/batch", response_model=BatchResult, responses=_ANSWERS,
    openapi_extra=body_of("RecognitionItem", RecognitionItem),
)  # fmt: skip
async def post_recognitions(request: Request, engine: Engine, caller: RecognitionWriter) -> Response:
    """Record titles as their authority's system states them: an object for one, an array for up to 1,000."""
    return await take(request, engine, caller, _work(take_recognitions, caller))


@router.post("/events", response_model=BatchResult, responses=_ANSWERS, openapi_extra=body_of("EventItem", EventItem))
async def post_events(request: Request, engine: Engine, caller: EventWriter) -> Response:
    """Tell what happened to enterprises: renamed, moved, cancelled, entered into a list, a title taken back.

    Each event counts from its own day, so they may come late and in any order; `id` is the sender's own number of it.
    """
    return await take(request, engine, caller, _work(take_events, caller))


Taking = Callable[[AsyncSession, Caller, Sequence[Any], Library, date, str], Awaitable[BatchResult]]


def _work(taking: Taking, caller: Caller) -> Work:
    async def work(session: AsyncSession, content: Any) -> tuple[int, bytes]:
        return _told(content, await taking(session, caller, _items(content), library(), today(), _place(content)))

    return work


def _items(content: Any) -> list[Any]:
    """The items of a request: an array's, or the one object. Raises BodyRefused."""
    items: list[Any] = content if isinstance(content, list) else [content]  # type: ignore[reportUnknownVariableType]
    if len(items) > MOST_ITEMS:
        raise BodyRefused(
            413, "too-many-items", f"一批最多 {MOST_ITEMS} 条，实为 {len(items)} 条。", "请分批发送。", f"/{MOST_ITEMS}"
        )
    if not items:
        raise BodyRefused(400, "no-items", "数组是空的。", "没有可报送的内容时不必发送。")
    return items


def _place(content: Any) -> str:
    return "/{}" if isinstance(content, list) else ""


def _told(content: Any, result: BatchResult) -> tuple[int, bytes]:
    """A batch is answered 200 whatever became of its items; a single one by what became of it."""
    one = result.items[0]
    status = 200 if isinstance(content, list) or one.status == "unchanged" else 201 if one.status == "recorded" else 422
    if status != 422:
        return status, result.model_dump_json(exclude_defaults=True).encode()
    problem = {
        "type": "/problems/validation", "title": "填写有误", "status": 422, "detail": "这一条没有保存，请按 errors 逐项改正后重发。",
        "errors": [one.model_dump() for one in one.problems],
    }  # fmt: skip
    return status, exact_json(problem).encode()
