"""Pages of one outside system: when it is asked by itself, when next, how it went; the schedule is set here."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exchange import queries, schedules
from backend.exchange.access import CityOfficer, OfTheCity
from backend.exchange.cli import COUNTS
from backend.exchange.connectors import connectors
from backend.exchange.receipt_pages import told_of
from backend.exchange.schedules import ScheduleRefused, Turn, read_turn
from backend.exchange.systems import SystemRefused, calendar_of, set_system
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render

router = APIRouter(prefix="/exchange/systems/{system}")
STATUSES: Final = {"running": ("进行中", "open"), "done": ("完成", "good"), "failed": ("中断，将续拉", "bad")}
KINDS: Final = {"monthly": "每月", "quarterly": "每季首月（1、4、7、10 月）", "yearly": "每年"}
UNITS: Final = {"0": "不按间隔", "60": "分钟", "3600": "小时", "86400": "天"}
#: More turns than that nobody looks through.
_MOST_TURNS: Final = 24
#: Seconds: oftener a system is not asked, and a year later nobody remembers why.
_LEAST_EVERY, _MOST_EVERY = 60, 366 * 86_400


@router.get("", response_class=HTMLResponse)
async def one_system(request: Request, session: Work, person: OfTheCity, system: str) -> HTMLResponse:
    """When a system is asked, and how that went."""
    return await _page(request, session, system, may_write=person.role.may_write)


async def _page(
    request: Request, session: AsyncSession, system: str, *, may_write: bool, error: str = "",
    typed: Mapping[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    one = await _known(session, system)
    every, calendar = one["every_seconds"], one["calendar"]
    unit = next((size for size in ("86400", "3600", "60") if every and every % int(size) == 0), "0")
    usual = connectors()[system].calendar
    return render(
        request, "exchange/system.html", page_title=f"拉取计划：{one['name']}", one=one, error=error, may_write=may_write,
        turns=[(written, read_turn(written).in_words) for written in calendar], schedule=schedules.in_words(every, calendar),
        upcoming=[] if one["is_paused"] else schedules.upcoming(every, calendar, schedules.now()),
        usual=schedules.in_words(0, usual), is_usual=list(usual) == list(calendar), kinds=list(KINDS.items()),
        units=list(UNITS.items()), runs=[shown(run) for run in await queries.recent_runs(session, system)], statuses=STATUSES,
        typed={"every": str(every // int(unit)) if unit != "0" else "", "unit": unit, "kind": "monthly"} | dict(typed or {}),
        status_code=422 if error else 200,
        breadcrumb=[("数据交换", "/exchange"), (one["name"], None)],
    )  # fmt: skip


async def _known(session: AsyncSession, system: str) -> Mapping[str, Any]:
    one = await queries.system(session, system)
    if one is None or system not in connectors():
        raise NotFound(f"没有设置系统“{system[:40]}”。由系统管理员在“外部系统”页面设置。")
    return one


def shown(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run with its counts in words, those of nothing left out."""
    counts = [(word, number) for name, word in COUNTS.items() if (number := run["counts"].get(name))]
    return dict(run) | {"told": counts, "receipt": told_of(run)}


# The schedule --------------------------------------------------------------------------------------------------------


@router.post("/turns")
async def add_turn(
    request: Request, session: Work, person: CityOfficer, system: str, kind: Annotated[str, Form()] = "",
    month: Annotated[str, Form()] = "", day: Annotated[str, Form()] = "", hour: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Ask the system on another day of the calendar, too."""
    calendar = list((await _known(session, system))["calendar"])
    typed = {"kind": kind[:20], "month": month[:2], "day": day[:2], "hour": hour[:2]}
    try:
        if kind not in KINDS:
            raise ScheduleRefused("请选择每月、每季首月或每年。")
        turn = _turn(kind, month, day, hour)
        if turn.written in calendar:
            raise ScheduleRefused(f"已经有“{turn.in_words}”。")
        if len(calendar) >= _MOST_TURNS:
            raise ScheduleRefused(f"最多 {_MOST_TURNS} 个时间，请先删去不用的。")
        await set_system(session, system, calendar=[*calendar, turn.written])
    except (ScheduleRefused, SystemRefused) as refusal:
        return await _page(request, session, system, may_write=True, error=str(refusal), typed=typed)
    return redirect(request, f"/exchange/systems/{system}#schedule")


def _turn(kind: str, month: str, day: str, hour: str) -> Turn:
    on = f"{month.zfill(2)}-{day.zfill(2)}" if kind == "yearly" else day.zfill(2)
    try:
        return read_turn(f"{kind}:{on}T{hour.zfill(2)}")
    except ScheduleRefused as refusal:
        asked = f"{month} 月 {day} 日" if kind == "yearly" else f"{day} 日"
        raise ScheduleRefused(
            f"没有“{asked} {hour} 时”这个时间：日请填 1 至 31，时请填 0 至 23，每年的还要填月份。"
        ) from refusal


@router.post("/turns/{turn}/drop")
async def drop_turn(request: Request, session: Work, person: CityOfficer, system: str, turn: str) -> Response:
    """Ask the system on a day of the calendar no more."""
    calendar = list((await _known(session, system))["calendar"])
    if turn not in calendar:
        raise NotFound("计划里没有这个时间，可能已由他人删去。请刷新页面。")
    await set_system(session, system, calendar=[one for one in calendar if one != turn])
    return redirect(request, f"/exchange/systems/{system}#schedule")


@router.post("/usual")
async def set_usual(request: Request, session: Work, person: CityOfficer, system: str) -> Response:
    """Ask the system when it is usually asked."""
    await _known(session, system)
    await set_system(session, system, calendar=calendar_of(system, ("usual",)))
    return redirect(request, f"/exchange/systems/{system}#schedule")


@router.post("/every")
async def set_every(
    request: Request, session: Work, person: CityOfficer, system: str, every: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Ask the system every so often, or not by an interval; the first time at once."""
    await _known(session, system)
    written = every.strip()
    seconds = (
        int(written) * int(unit)
        if written.isascii() and written.isdigit() and len(written) < 6 and unit in UNITS
        else -1
    )
    if unit == "0":
        seconds = 0
    elif not _LEAST_EVERY <= seconds <= _MOST_EVERY:
        refused = f"间隔“{every[:10]}”应为整数，一分钟到一年之间。"
        return await _page(
            request, session, system, may_write=True, error=refused, typed={"every": every[:10], "unit": unit[:5]}
        )
    await set_system(session, system, every_seconds=seconds)
    return redirect(request, f"/exchange/systems/{system}#schedule")


@router.post("/now")
async def ask_now(request: Request, session: Work, person: CityOfficer, system: str) -> Response:
    """Ask the system at once: the worker does, at its next look."""
    one = await _known(session, system)
    if one["is_paused"] or not one["url"]:
        refused = (
            "已暂停，请先恢复再拉取。" if one["is_paused"] else "还没有设置地址，请系统管理员在“外部系统”页面设置。"
        )
        return await _page(request, session, system, may_write=True, error=refused)
    await session.execute(
        text("UPDATE exchange_system SET next_due_at = now(), open_until = NULL WHERE id = :id"), {"id": system}
    )
    return redirect(request, f"/exchange/systems/{system}")


@router.post("/{verb}")
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
