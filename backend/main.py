"""The application, assembled: storage, middleware, errors, routes."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import BaseRoute

from backend.access.dependencies import NotTheirPage, PasswordChangeNeeded
from backend.access.sessions import SignedInSession
from backend.access.trace.sealing import sealing
from backend.database.engine import open_engine
from backend.database.migrate import upgrade
from backend.demo.service import is_demo
from backend.enterprises.divisions import following
from backend.exchange.described import describe_bodies
from backend.exchange.doors import Turned, turn_away
from backend.exports.folder import clear_left
from backend.settings import Settings
from backend.web.assets import mount_assets
from backend.web.dependencies import Guard
from backend.web.deprecation import DEPRECATED, Deprecations, describe_deprecated
from backend.web.errors import Problem, install_error_handlers, problem_of_status, tell
from backend.web.logs import configure_logs
from backend.web.memory import Memory
from backend.web.negotiation import HeadLikeGet, demand_acceptable
from backend.web.openapi import describe_refusals
from backend.web.rates import RateLimit
from backend.web.responses import ResponseHeaders, redirect, wants_json
from backend.web.route_address import API
from backend.web.security import BodyLimit, OnlyHttps, UnexpectedErrors
from backend.web.speech import Spoken
from backend.web.warm_up import warm_up
from backend.web.watching import Watched
from rules.translation import say

#: Every module with a `router`, in the order in which addresses are tried. Those named `api` answer under /api/v1.
ROUTERS: Final = (
    "backend.web.health",
    "backend.access.pages",
    "backend.access.sign_on.pages",
    "backend.access.account_pages",
    "backend.access.people_pages",
    "backend.access.proposal_pages",
    "backend.access.protection.pages",
    "backend.access.api",
    "backend.access.trace.pages",
    "backend.web.workbench",
    "backend.own_file.pages",
    "backend.own_file.api",
    "backend.enterprises.pages",
    "backend.enterprises.api",
    "backend.filings.pages",
    "backend.filings.api",
    "backend.recognitions.pages",
    "backend.recognitions.api",
    "backend.cultivation.pages",
    "backend.cultivation.api",
    "backend.handbook.pages",
    "backend.workshop.pages",
    "backend.eligibility.api",
    "backend.self_check.pages",
    "backend.self_check.book_pages",
    "backend.plans.editor_pages",
    "backend.plans.pages",
    "backend.plans.reporting_pages",
    "backend.plans.bulletin_pages",
    "backend.plans.breakdown_pages",
    "backend.plans.tasks_pages",
    "backend.plans.shortfall_pages",
    "backend.plans.screen_pages",
    "backend.plans.compare_pages",
    "backend.plans.assessment_pages",
    "backend.plans.api",
    "backend.zones.pages",
    "backend.subregisters.pages",
    "backend.subregisters.api",
    "backend.spreadsheets.pages",
    "backend.exports.pages",
    "backend.spreadsheets.api",
    "backend.exchange.pages",
    "backend.exchange.api",
)


def create_app(settings: Settings | None = None, engine: AsyncEngine | None = None) -> FastAPI:
    """The service. Without an engine it opens the settings' database, migrates it, and closes it at the end."""
    configure_logs()
    app = FastAPI(
        title="Tidu 梯度",
        version="0.1.0",
        description="The registry with which a city's science bureau cultivates its enterprises.",
        openapi_url=f"{API}/openapi.json",
        # The usual viewers load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        # For whatever is laid out on it later; the routes below have been given theirs.
        dependencies=[Guard],
    )
    app.state.settings = settings or Settings()
    app.state.engine = engine
    _add_middleware(app, app.state.settings)
    install_error_handlers(app)
    app.add_exception_handler(PasswordChangeNeeded, _to_the_password_page)
    app.add_exception_handler(Turned, turn_away)
    app.add_exception_handler(NotTheirPage, _to_their_own_page)
    mount_assets(app)
    app.router.routes.extend(_routes())
    describe_bodies(app)
    describe_refusals(app)
    describe_deprecated(app, DEPRECATED)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with AsyncExitStack() as held:
        if app.state.engine is None:
            app.state.engine = await held.enter_async_context(open_engine(app.state.settings))
            await upgrade(app.state.engine)
        app.state.is_demo = await is_demo(app.state.engine)
        await held.enter_async_context(sealing(app.state.engine))
        await held.enter_async_context(following(app.state.engine))
        app.state.memory = Memory()
        held.push_async_callback(app.state.memory.close)
        warm_up()
        clear_left()
        yield


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    # The last one added is the first to see a request.
    app.add_middleware(HeadLikeGet)
    app.add_middleware(SignedInSession)
    app.add_middleware(UnexpectedErrors)
    app.add_middleware(BodyLimit, megabytes=settings.upload_megabytes)
    app.add_middleware(
        RateLimit, public=settings.public_requests_a_minute, sign_in=settings.sign_ins_a_minute, answer=_too_often
    )
    app.add_middleware(Deprecations, table=DEPRECATED)
    app.add_middleware(OnlyHttps, always=settings.secure_cookies)
    app.add_middleware(Watched)
    app.add_middleware(Spoken)
    app.add_middleware(ResponseHeaders)


def _too_often(request: Request, wait: float) -> Response:
    seconds = math.ceil(wait)
    told = problem_of_status(429, say("这个地址的请求过于频繁，请在 {seconds} 秒后再试。", seconds=seconds))
    return tell(request, replace(told, headers={"Retry-After": str(seconds)}))


@cache
def _routes() -> Sequence[BaseRoute]:
    """Every route. What each asks for is worked out once in a process, which takes longer than a hundred requests."""
    every = APIRouter(dependencies=[Guard])
    for module in ROUTERS:
        _include(every, module)
    return every.routes


def _include(every: APIRouter, module: str) -> None:
    package = module.rpartition(".")[0]
    if not (find_spec(package) and find_spec(module)):
        return
    router: APIRouter = import_module(module).router
    if module.endswith(".api"):
        prefix = "" if router.prefix.startswith(API) else API
        every.include_router(router, prefix=prefix, dependencies=[Depends(demand_acceptable)])
    else:
        every.include_router(router, include_in_schema=False)


async def _to_the_password_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, PasswordChangeNeeded)
    if wants_json(request):
        return tell(request, Problem(error.status, error.slug, error.title, str(error)))
    return redirect(request, error.goes_to)


async def _to_their_own_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotTheirPage)
    # Everybody's first address is "/"; any other one was asked for on purpose.
    if request.url.path == "/" and not wants_json(request):
        return redirect(request, error.home)
    return tell(request, Problem(error.status, error.slug, error.title, str(error)))
