"""Pages of the exchange, for the city's officers: how it goes, what is stuck, on whose authorisation, the proof."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from backend.exchange import (
    authorisation_pages,
    authorisations,
    connection_pages,
    list_pages,
    points_pages,
    queries,
    receipt_pages,
    reconciling_pages,
    schedules,
    system_pages,
)
from backend.exchange.access import CityOfficer, OfTheCity
from backend.exchange.connectors import connectors
from backend.exchange.fates import FATES
from backend.exchange.feed import TYPES
from backend.exchange.mapping import load_table
from backend.exchange.webhooks import let_go, send_again, send_all_again
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(list_pages.router)
router.include_router(authorisation_pages.router)
router.include_router(connection_pages.router)
router.include_router(system_pages.router)
router.include_router(reconciling_pages.router)
router.include_router(receipt_pages.router)
router.include_router(points_pages.router)


@router.get("/exchange", response_class=HTMLResponse)
async def exchange(request: Request, session: Work, person: OfTheCity) -> HTMLResponse:
    """Every system, its last success and its lag; runs; what is stuck; endpoints and dead letters."""
    return render(
        request, "exchange/exchange.html", page_title="数据交换", systems=[_with_lag(one) for one in await queries.systems(session)],
        runs=[system_pages.shown(run) for run in await queries.recent_runs(session, limit=8)], fates=await queries.fates(session),
        unknown=await queries.unknown_fields(session), endpoints=await queries.endpoints(session),
        dead=await queries.dead_letters(session), fate_names=FATES, statuses=system_pages.STATUSES, types=TYPES,
        connectors=connectors(), may_write=person.role.may_write,
    )  # fmt: skip


def _with_lag(system: Mapping[str, Any]) -> dict[str, Any]:
    """A system with how long ago it was read to the end, and whether it missed its turn."""
    last, every, calendar, moment = (
        system["last_success_at"],
        system["every_seconds"],
        system["calendar"],
        schedules.now(),
    )
    is_late = schedules.is_late(every, calendar, last, system["next_due_at"], system["failures"], moment)
    told = {
        "lag": "—" if last is None else in_words((moment - last).total_seconds()),
        "is_late": is_late and not system["is_paused"],
    }
    return dict(system) | told | {"schedule": schedules.in_words(every, calendar)}


def in_words(seconds: float) -> str:
    """How long, in the largest unit that is full: 3 天, 5 小时, 12 分钟."""
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "不到 1 分钟"


@router.get("/exchange/records", response_class=HTMLResponse)
async def records(
    request: Request, session: Work, person: OfTheCity, system: str = "tax", fate: str = "unknown_enterprise"
) -> HTMLResponse:
    """Records that were put aside, and why."""
    if fate not in FATES:
        raise NotFound(f"没有“{fate[:40]}”这一类记录。")
    found = await (
        queries.doubtful(session, system) if fate == "doubtful" else queries.put_aside(session, system, fate)
    )
    return render(
        request, "exchange/records.html", page_title=f"搁置的记录：{FATES[fate]}", found=found, fate=fate, system=system,
        breadcrumb=[("数据交换", "/exchange"), (FATES[fate], None)], fates=list(FATES.items()),
        systems=[(one.system, one.name) for one in connectors().values()],
    )  # fmt: skip


@router.get("/exchange/mappings/{system}", response_class=HTMLResponse)
async def mapping(request: Request, person: OfTheCity, system: str) -> HTMLResponse:
    """The table of a system's fields and what becomes of each."""
    if system not in connectors():
        raise NotFound(f"没有系统“{system[:40]}”。")
    catalogue = library().catalogue
    table = load_table(system, catalogue)
    names = {
        row.to: catalogue.by_name[row.to].name for form in table.forms for row in form.fields if row.to is not None
    }
    return render(
        request, "exchange/mapping.html", page_title=f"对应表：{table.name}", table=table, names=names,
        breadcrumb=[("数据交换", "/exchange"), ("对应表", None)], groups=authorisations.GROUPS | {"public": "公开，不需授权"},
        systems=connectors().values(),
    )  # fmt: skip


@router.post("/exchange/deliveries/{number}/{verb}")
async def deliver_again(request: Request, session: Work, person: CityOfficer, number: int, verb: str) -> Response:
    """Send a dead letter again, or let it go so that those behind it are sent."""
    done = await (
        send_again(session, number) if verb == "again" else let_go(session, number) if verb == "let-go" else _no()
    )
    if not done:
        raise NotFound("这条推送已不在死信中，可能已由他人处理。请刷新页面。")
    return redirect(request, "/exchange#dead")


@router.post("/exchange/endpoints/{number}/again")
async def deliver_all_again(request: Request, session: Work, person: CityOfficer, number: int) -> Response:
    """Send all dead letters of an endpoint again, as when it was away for long."""
    if not await send_all_again(session, number):
        raise NotFound("这个地址没有死信，可能已由他人处理。请刷新页面。")
    return redirect(request, "/exchange#dead")


async def _no() -> bool:
    return False
