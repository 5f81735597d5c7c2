"""REST of the pool: entries read by cursor, changed by nobody who did not see the state; what moved."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.clock import CHINA, today
from backend.cultivation import service_api
from backend.cultivation.api_parts import (
    Cursor,
    EntryThere,
    Limit,
    OfficerAsked,
    enterprise_of,
    page_of,
    place_of,
    shown_entry,
    who,
)
from backend.cultivation.queries import PoolFilters, entry_of, list_by_id, moves_by_id
from backend.cultivation.schemas import EntryBody, EntryChange
from backend.cultivation.service import Done, PoolRefused, Seen, assign, enter, move
from backend.cultivation.stages import Stage
from backend.enterprises.labels import programme_choices
from backend.web.dependencies import CurrentSettings, Work
from backend.web.errors import NotFound, Refusal
from backend.web.idempotency import Once
from backend.web.rest import USUAL_LIMIT, demand_match, etag_of, stated
from rules.library import library

router = APIRouter(tags=["cultivation"])
router.include_router(service_api.router)


class MoveRefused(Refusal):
    """The entry lacks what the stage asks for."""

    status = 422
    slug = "move-refused"
    title = "不能移动"


@router.get("/pool")
async def entries(
    request: Request, session: Work, person: SignedIn, programme: str,
    year: Annotated[int | None, Query(ge=2000, le=2100)] = None, region: str = "", stage: Stage | Literal[""] = "",
    officer: OfficerAsked = "", cursor: Cursor = "", limit: Limit = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """The entries of a pool in the order in which they were entered, a page at a time; of this year unless said."""
    _demand_pool(programme)
    asked = PoolFilters(programme, year or today().year, region, str(stage), officer)
    rows = await list_by_id(session, asked, today(), place_of(request), limit + 1)
    return page_of(request, rows, limit, shown_entry)


@router.get("/pool/moves")
async def moves(
    request: Request, session: Work, person: SignedIn, since: date | None = None, programme: str = "", region: str = "",
    cursor: Cursor = "", limit: Limit = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """What moved in the pools since a day, a week ago unless said, in the order in which it did, a page at a time."""
    if programme:
        _demand_pool(programme)
    moment = datetime.combine(since or today() - timedelta(days=7), time.min, CHINA)
    rows = await moves_by_id(session, moment, programme, region, place_of(request), limit + 1)
    return page_of(request, rows, limit, _move)


@router.get("/pool/{entry_id}")
async def entry(request: Request, session: Work, person: SignedIn, entry_id: int) -> Response:
    """One entry; its ETag names the state for If-Match."""
    return _stated_entry(request, await _one(session, entry_id))


@router.post("/pool", status_code=201)
async def add_entry(request: Request, session: Work, person: Officer, once: Once, body: EntryBody) -> Response:
    """Put an enterprise into a pool as discovered."""

    async def work() -> Response:
        _demand_pool(body.programme)
        row = await enterprise_of(session, body.enterprise)
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
    return stated(request, shown_entry(row), _etag(row), status_code, f"/api/v1/pool/{row['id']}")


_MOVE = ("id", "entry_id", "programme", "year", "from_stage", "to_stage", "officer_id", "officer", "reason", "checked_on",
         "moved_by_name", "moved_at")  # fmt: skip


def _move(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _MOVE} | {"enterprise": who(row)}
