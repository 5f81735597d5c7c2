"""The administrator's pages of the systems that we ask: address, credentials, limits, and trying the connection.

A secret goes in and never comes out: the page says whether there is one, since when, and whose.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Administrator
from backend.exchange import queries
from backend.exchange.connectors import connectors
from backend.exchange.gateway import DIALECTS
from backend.exchange.keys import keys_of
from backend.exchange.simulation import PRACTICE_KEY
from backend.exchange.systems import (
    LIMITS,
    MOST_SECRET,
    USUAL_REPORT,
    SystemRefused,
    let_ask_again,
    set_limits,
    set_secret,
    set_system,
)
from backend.exchange.trying import Tried, try_connection
from backend.web.dependencies import CurrentSettings, Engine, OwnerWork
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter(prefix="/connections")
DIALECT_WORDS: Final = {
    "city": "城市网关（HMAC-SHA256）", "city-sm3": "城市网关（HMAC-SM3）", "national": "国家数据共享交换平台",
}  # fmt: skip
_DONE: Final = {"saved": "已保存，下次拉取时生效。可以先试连。"}


@router.get("", response_class=HTMLResponse)
async def connections(request: Request, person: Administrator, session: OwnerWork) -> HTMLResponse:
    """Every system that can be asked: where it is, how it knows us, and whether it answers."""
    held = {one["id"]: one for one in await queries.connections(session)}
    found = [_shown(name, held.get(name)) for name in connectors()]
    return render(request, "exchange/connections.html", page_title="外部系统", found=found)


@router.get("/{system}", response_class=HTMLResponse)
async def connection(
    request: Request, person: Administrator, session: OwnerWork, system: str, done: str = ""
) -> HTMLResponse:
    """One system's address, credentials and limits."""
    return await _page(request, session, system, told=[("good", _DONE[done])] if done in _DONE else [])


async def _page(
    request: Request, session: AsyncSession, system: str, *, typed: Mapping[str, str] | None = None,
    refusal: SystemRefused | None = None, told: list[tuple[str, str]] | None = None,
) -> HTMLResponse:  # fmt: skip
    one = _shown(_known(system), await queries.connection(session, system))
    errors = [{"field": refusal.field, "message": str(refusal)}] if refusal is not None else []
    return render(
        request, "exchange/connection.html", page_title=f"外部系统：{one['name']}", one=one, typed=one | dict(typed or {}),
        dialects=[(name, DIALECT_WORDS.get(name, name)) for name in DIALECTS], limits=list(LIMITS.items()), errors=errors,
        error_of={one["field"]: one["message"] for one in errors}, usual_report=USUAL_REPORT, most_secret=MOST_SECRET,
        messages=told or [], status_code=422 if errors else 200, breadcrumb=[("外部系统", "/connections"), (one["name"], None)],
    )  # fmt: skip


def _known(system: str) -> str:
    if system not in connectors():
        raise NotFound(f"没有外部系统“{system[:40]}”。请从“外部系统”页面进入。")
    return system


def _shown(system: str, held: Mapping[str, Any] | None) -> dict[str, Any]:
    """A system as it is set up, or as it would be asked if it were."""
    connector = connectors()[system]
    empty: dict[str, Any] = {
        "url": "",
        "key": "",
        "dialect": "city",
        "report_path": "",
        "secret_set_at": None,
        "is_set_up": False,
    }
    row = (
        empty
        | dict.fromkeys(LIMITS)
        | {"last_success_at": None, "last_error": "", "is_paused": False}
        | dict(held or {})
    )
    usual = {"portion": connector.portion, "page": connector.page, "timeout_seconds": 20, "per_minute": None}
    whose = "由管理员填写" if row["secret_set_at"] else "练习用" if row["key"] == PRACTICE_KEY else "由本系统生成"
    return row | {"id": system, "name": connector.name, "usual": usual, "whose_secret": whose, "asks_by": connector.by}


@router.post("/{system}")
async def set_up(
    request: Request, person: Administrator, session: OwnerWork, settings: CurrentSettings, system: str,
    url: Annotated[str, Form()] = "", key: Annotated[str, Form()] = "", dialect: Annotated[str, Form()] = "city",
    report_path: Annotated[str, Form()] = "", secret: Annotated[str, Form()] = "", own_secret: Annotated[str, Form()] = "",
    portion: Annotated[str, Form()] = "", page: Annotated[str, Form()] = "", timeout_seconds: Annotated[str, Form()] = "",
    per_minute: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Set it up. The secret stays as it is unless another one is entered, or our own is asked for."""
    _known(system)
    limits = {"portion": portion, "page": page, "timeout_seconds": timeout_seconds, "per_minute": per_minute}
    typed = {"url": url, "key": key, "dialect": dialect, "report_path": report_path, **limits}
    try:
        await set_system(
            session, system, url=url.strip(), key=key.strip(), dialect=dialect, report_path=report_path.strip()
        )
        await set_limits(session, system, {name: _number(name, written) for name, written in limits.items()})
        if secret or own_secret:
            await set_secret(session, keys_of(settings), system, "" if own_secret else secret, person.id)
    except SystemRefused as refusal:
        return await _page(
            request, session, system, typed={name: one[:300] for name, one in typed.items()}, refusal=refusal
        )
    await let_ask_again(session, system)
    return redirect(request, f"/connections/{system}?done=saved")


def _number(name: str, written: str) -> int | None:
    """A limit as it was typed. Raises SystemRefused."""
    typed = written.strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdigit() and len(typed) < 8):
        raise SystemRefused(f"“{LIMITS[name].words}”应为整数，实为“{typed[:20]}”。", name)
    return int(typed)


@router.post("/{system}/try")
async def try_it(
    request: Request, person: Administrator, engine: Engine, session: OwnerWork, settings: CurrentSettings, system: str
) -> HTMLResponse:
    """Ask the system about nobody, and say what came of it."""
    tried: Tried = await try_connection(engine, settings, _known(system), library())
    return await _page(request, session, system, told=[("good" if tried.is_good else "bad", tried.words)])
