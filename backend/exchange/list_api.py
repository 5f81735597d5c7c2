"""REST for those whom lists were agreed with: of whom something may be told, page by page."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from backend.clock import today
from backend.database.session import enter_scope, owner_unit_of_work
from backend.exact_json import exact_json
from backend.exchange.agreements import Agreement, agreements
from backend.exchange.bodies import BodyRefused
from backend.exchange.clients import Caller
from backend.exchange.disclosing import MOST_ROWS, ListPage, disclose
from backend.exchange.doors import ListReader, Turned, as_turned, leave_scope, scope_of
from backend.exchange.feed import cursor_of, position_of
from backend.exchange.logged import LoggedRoute
from backend.exchange.messages import log_message
from backend.exchange.models import ExchangeMessage
from backend.web.dependencies import Engine, reached
from rules.library import library

router = APIRouter(route_class=LoggedRoute)


class ListField(BaseModel):
    """One column of a list."""

    id: str = Field(examples=["points_total"])
    name: str = Field(examples=["创新积分总分"])


class AgreedList(BaseModel):
    """A list that was agreed with the client, and for what it may be used."""

    id: str = Field(examples=["points-loan"])
    name: str = Field(examples=["创新积分贷"])
    purpose: str
    fields: list[ListField]


class DisclosedPage(BaseModel):
    """Rows of a list: of each enterprise only the fields that it consented to."""

    id: str = Field(examples=["points-loan"])
    purpose: str
    as_of: str = Field(examples=["2026-11-22"])
    rows: list[dict[str, Any]] = Field(
        examples=[
            [{"credit_code": "91321283DEM000014X", "name": "江苏景云达模具科技有限公司（演示）", "points_total": 86.4}]
        ]
    )
    next: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")


@router.get("/lists")
async def lists(caller: ListReader) -> list[AgreedList]:
    """The lists that were agreed with the client."""
    return [_shown(agreements()[one]) for one in caller.lists if one in agreements()]


def _shown(one: Agreement) -> AgreedList:
    fields = [ListField(id=field.id, name=field.name) for field in one.fields]
    return AgreedList(id=one.id, name=one.name, purpose=one.purpose, fields=fields)


@router.get("/lists/{list_id}", response_model=DisclosedPage)
async def list_rows(
    request: Request, engine: Engine, caller: ListReader, list_id: str,
    cursor: Annotated[str, Query(max_length=60)] = "", limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 200,
) -> Response:  # fmt: skip
    """Of whoever consented and consents today: what was agreed. Every row is noted with its consent.

    Ask anew when you decide: a consent that was withdrawn is gone with the next answer.
    """
    agreed = agreements().get(list_id) if list_id in caller.lists else None
    if agreed is None:
        raise Turned(404, "not-found", "没有找到", f"没有与您约定名单“{list_id[:40]}”。")
    started_at = datetime.now(UTC)
    try:
        after = position_of(cursor, "cursor")
    except BodyRefused as refusal:
        raise as_turned(refusal) from refusal
    on = today()
    async with reached(owner_unit_of_work(engine)) as session:
        await enter_scope(session, scope_of(caller))
        page = await disclose(session, agreed, library().catalogue, on, caller.client_id, after, limit)
        await leave_scope(session)
        body = exact_json(_page(agreed, page, on.isoformat())).encode()
        await log_message(session, _message(request, caller, agreed, body, started_at))
    request.state.is_logged = True
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _page(agreed: Agreement, page: ListPage, on: str) -> dict[str, Any]:
    following = cursor_of(page.following) if page.following else None
    return {"id": agreed.id, "purpose": agreed.purpose, "as_of": on, "rows": page.rows, "next": following}


def _message(request: Request, caller: Caller, agreed: Agreement, body: bytes, started_at: datetime) -> ExchangeMessage:
    return ExchangeMessage(
        direction="in", peer=caller.client_id, method="GET", endpoint=request.url.path[:300],
        request_id=(request.headers.get("X-Request-ID") or uuid4().hex)[:64], purpose=agreed.purpose[:200],
        request_digest=sha256(request.url.query.encode()).hexdigest(), status=200, answer_digest=sha256(body).hexdigest(),
        started_at=started_at, finished_at=datetime.now(UTC),
    )  # fmt: skip
