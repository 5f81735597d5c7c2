"""From the browser's cookie to the person, once at the beginning of each request."""

from datetime import timedelta
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.access import queries, service
from backend.access.passwords import Profile
from backend.access.schemas import PersonSignedIn
from backend.database.actor import Actor, acting_as
from backend.database.errors import DatabaseUnreachable
from backend.database.session import owner_unit_of_work
from backend.settings import Settings
from backend.web.dependencies import reached
from backend.web.responses import trace_id

_NOBODY_ASKED_FOR: Final = ("/assets/", "/static/", "/healthz", "/readyz")


class SignedInSession:
    """ASGI middleware: who is signed in stands in `request.state.visitor`, the proof for forms in `csrf_token`.

    It goes before all routes, so that even the page for a wrong address knows its reader.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_NOBODY_ASKED_FOR):
            request = Request(scope)
            await _recognise(request)
            with acting_as(actor_of(request, getattr(request.state, "visitor", None))):
                await self.app(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def _recognise(request: Request) -> None:
    settings: Settings = request.app.state.settings
    token = request.cookies.get(session_cookie(request))
    if not token:
        return
    token_hash = service.hash_of(token)
    engine: AsyncEngine = request.app.state.engine
    try:
        async with reached(owner_unit_of_work(engine)) as session:
            found = await queries.session_of(
                session,
                token_hash,
                timedelta(minutes=settings.session_idle_minutes),
                password_days=settings.password_days if settings.password_profile == Profile.DENGBAO else None,
            )
            if found is None:
                return
            await service.note_seen(session, token_hash, found.last_seen_at)
    except (DatabaseUnreachable, OperationalError, InterfaceError, PoolTimeout) as problem:
        # Errors become answers further inside, so there it is raised: see backend.web.dependencies.guard.
        request.state.session_problem = problem
        return
    request.state.visitor = found.person
    request.state.csrf_token = found.csrf_token


def actor_of(request: Request, person: PersonSignedIn | None) -> Actor:
    """What the trace says of whoever sends a request."""
    address = request.client.host if request.client else ""
    if person is None:
        return Actor("nobody", address=address, request_id=trace_id(request))
    return Actor(person.login, person.id, person.role, address, trace_id(request))


def is_secure(request: Request) -> bool:
    """Whether the browser came by HTTPS, to us or to the proxy before us."""
    settings: Settings = request.app.state.settings
    return settings.secure_cookies or request.url.scheme == "https"


def session_cookie(request: Request) -> str:
    """The cookie's name. `__Host-` makes browsers refuse it from any other host or without HTTPS."""
    return "__Host-tidu-session" if is_secure(request) else "tidu-session"


def form_cookie(request: Request) -> str:
    """The cookie that a form carries a copy of where nobody is signed in yet."""
    return "__Host-tidu-form" if is_secure(request) else "tidu-form"


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie that scripts cannot read, other sites cannot send, and that ends with the browser."""
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=is_secure(request), path="/")


def delete_cookie(request: Request, response: Response, name: str) -> None:
    response.delete_cookie(name, httponly=True, samesite="lax", secure=is_secure(request), path="/")
