"""Pages of the exchange, for the city's officers: how it goes, what is stuck, on whose authorisation, the proof."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import text

from backend.access.dependencies import Officer, SignedIn
from backend.exchange import authorisations, list_pages, points_pages, queries, schedules
from backend.exchange.access import CityOfficer, OfTheCity
from backend.exchange.cli import COUNTS
from backend.exchange.connectors import connectors
from backend.exchange.feed import TYPES
from backend.exchange.mapping import load_table
from backend.exchange.webhooks import let_go, send_again
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(list_pages.router)
router.include_router(points_pages.router)

FATES: Final = {
    "unauthorised": "没有授权", "unknown_enterprise": "库中没有的企业", "unusable": "不能用", "doubtful": "已采用，有疑点",
}  # fmt: skip
STATUSES: Final = {"running": ("进行中", "open"), "done": ("完成", "good"), "failed": ("中断，将续拉", "bad")}


@router.get("/exchange", response_class=HTMLResponse)
async def exchange(request: Request, session: Work, person: OfTheCity) -> HTMLResponse:
    """Every system, its last success and its lag; runs; what is stuck; endpoints and dead letters."""
    return render(
        request, "exchange/exchange.html", page_title="数据交换", systems=[_with_lag(one) for one in await queries.systems(session)],
        runs=[_shown(run) for run in await queries.recent_runs(session)], fates=await queries.fates(session),
        unknown=await queries.unknown_fields(session), endpoints=await queries.endpoints(session),
        dead=await queries.dead_letters(session), fate_names=FATES, statuses=STATUSES, types=TYPES,
        connectors=connectors(), may_write=person.role.may_write,
    )  # fmt: skip


def _with_lag(system: Mapping[str, Any]) -> dict[str, Any]:
    """A system with how long ago it was read to the end; late is what missed its schedule by more than one turn."""
    last, every = system["last_success_at"], system["every_seconds"]
    seconds = None if last is None else (datetime.now(UTC) - last).total_seconds()
    is_late = bool(every) and not system["is_paused"] and seconds is not None and seconds > 2 * every
    told = {"lag": "—" if seconds is None else in_words(seconds), "is_late": is_late}
    return dict(system) | told | {"schedule": schedules.in_words(every, system["calendar"])}


def in_words(seconds: float) -> str:
    """How long, in the largest unit that is full: 3 天, 5 小时, 12 分钟."""
    for size, unit in ((86_400, "天"), (3_600, "小时"), (60, "分钟")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "不到 1 分钟"


def _shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run with its counts in words, those of nothing left out."""
    counts = [(word, number) for name, word in COUNTS.items() if (number := run["counts"].get(name))]
    return dict(run) | {"told": counts}


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


@router.get("/exchange/authorisations", response_class=HTMLResponse)
async def authorisation_list(request: Request, session: Work, person: SignedIn, q: str = "") -> HTMLResponse:
    """Which enterprises let the tax bureau tell us what, for what, until when."""
    return render(
        request, "exchange/authorisations.html", page_title="税务信息授权", found=await queries.authorisations(session, q[:100]),
        q=q[:100], groups=authorisations.GROUPS, bases=authorisations.LEGAL_BASES, may_write=person.role.may_write,
        breadcrumb=[("数据交换", None if person.region_code else "/exchange"), ("授权", None)],
    )  # fmt: skip


@router.get("/exchange/reconciliations", response_class=HTMLResponse)
async def reconciliations(request: Request, session: Work, person: OfTheCity) -> HTMLResponse:
    """What each comparison with the other side came to."""
    return render(
        request, "exchange/reconciliations.html", page_title="对账", found=await queries.reconciliations(session),
        fate_names=FATES | {"applied": "采用"}, breadcrumb=[("数据交换", "/exchange"), ("对账", None)],
    )  # fmt: skip


@router.post("/exchange/systems/{system}/{verb}")
async def pause(request: Request, session: Work, person: CityOfficer, system: str, verb: str) -> Response:
    """Ask a system no more, or again."""
    if verb not in ("pause", "resume"):
        raise NotFound("没有这个操作。")
    found = await session.execute(
        text("UPDATE exchange_system SET is_paused = :paused, open_until = NULL WHERE id = :id RETURNING 1"),
        {"paused": verb == "pause", "id": system},
    )
    if found.scalar_one_or_none() is None:
        raise NotFound(f"没有系统“{system[:40]}”。")
    return redirect(request, "/exchange")


@router.post("/exchange/deliveries/{number}/{verb}")
async def deliver_again(request: Request, session: Work, person: CityOfficer, number: int, verb: str) -> Response:
    """Send a dead letter again, or let it go so that those behind it are sent."""
    done = await (
        send_again(session, number) if verb == "again" else let_go(session, number) if verb == "let-go" else _no()
    )
    if not done:
        raise NotFound("这条推送已不在死信中，可能已由他人处理。请刷新页面。")
    return redirect(request, "/exchange#dead")


async def _no() -> bool:
    return False


@router.post("/exchange/authorisations/{number}/withdraw")
async def withdraw(request: Request, session: Work, person: Officer, number: int) -> Response:
    """Let an authorisation count no more, from this moment."""
    await authorisations.withdraw(session, number)
    return redirect(request, "/exchange/authorisations")
