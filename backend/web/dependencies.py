"""What routes ask for: the request's unit of work, the engine, the settings; and the guard before all of them.

One request is one transaction. `Work` opens it under row-level security in the name of whoever is signed in, and
commits once, when the route's function has ended and before its answer leaves: who is told that something was saved
may rely on it. After an error, or an answer drawn by `render(…, status_code=4xx)`, nothing is written.
A streamed answer begins after the commit and must not use the session.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import EnterpriseAccount, SignedIn
from backend.access.schemas import PersonSignedIn, Role
from backend.access.trace.reads import note_read
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, reached, unit_of_work
from backend.settings import Settings
from backend.web.csrf import SAFE_METHODS, demand_proof
from backend.web.errors import Forbidden, Refusal

_NO_RIGHT = "42501"  # insufficient_privilege: what row-level security says to a foreign row
_READ_ONLY = "25006"  # read_only_sql_transaction


def scope_of(person: PersonSignedIn) -> Scope:
    """Which rows somebody may see: those of the own region, without one the whole city's."""
    if person.role is Role.ENTERPRISE and person.enterprise_id is not None:
        return Scope.enterprise(person.enterprise_id, person.id)
    if not person.role.reads_registry:
        return Scope(user_id=person.id)
    if person.role.needs_park:
        found = Scope.of_park(person.region_code, person.park, person.id)
    else:
        found = Scope.district(person.region_code, person.id) if person.region_code else Scope.city(person.id)
    return found.reading(tax=person.role.reads_tax, unmasking=person.role.may_unmask)


def engine_of(request: Request) -> AsyncEngine:
    return request.app.state.engine


def settings_of(request: Request) -> Settings:
    return request.app.state.settings


async def _engine(request: Request) -> AsyncEngine:
    return engine_of(request)


async def _settings(request: Request) -> Settings:
    return settings_of(request)


Engine = Annotated[AsyncEngine, Depends(_engine)]
CurrentSettings = Annotated[Settings, Depends(_settings)]


async def work(request: Request, engine: Engine, person: SignedIn) -> AsyncGenerator[AsyncSession]:
    """The request's one transaction, seeing what `person` may see.

    Raises Forbidden for writing elsewhere, DatabaseUnreachable.
    """
    async with _bounded(request, engine, scope_of(person)) as session:
        if not person.role.may_write:
            await session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


@asynccontextmanager
async def read_again(request: Request, person: PersonSignedIn) -> AsyncGenerator[AsyncSession]:
    """A unit of work that outlives the request's, seeing the same and writing nothing."""
    async with unit_of_work(engine_of(request), scope_of(person)) as session:
        await session.execute(text("SET TRANSACTION READ ONLY"))
        yield session


async def own_work(request: Request, engine: Engine, person: EnterpriseAccount) -> AsyncGenerator[AsyncSession]:
    """The same for an enterprise's own pages, where it writes: it sees itself and nothing else."""
    if person.enterprise_id is None:
        raise Forbidden("您的账号还没有绑定企业。请用科技部门发的激活码激活，或联系当地科技部门。")
    async with _bounded(request, engine, scope_of(person)) as session:
        yield session


@asynccontextmanager
async def _bounded(request: Request, engine: AsyncEngine, scope: Scope) -> AsyncGenerator[AsyncSession]:
    try:
        async with reached(unit_of_work(engine, scope)) as session:
            yield session
            await _drop_if_refused(request, session)
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) in (_NO_RIGHT, _READ_ONLY):
            raise Forbidden(
                "您的账号不能修改这项内容（只能查看，或不属于您的市（区）），本次没有保存。"
                "如工作需要，请联系系统管理员。"
            ) from problem
        raise


async def owner_work(request: Request, engine: Engine) -> AsyncGenerator[AsyncSession]:
    """The same without row-level security: for people and sessions, which requests' own role cannot reach."""
    async with reached(owner_unit_of_work(engine)) as session:
        yield session
        await _drop_if_refused(request, session)


async def _drop_if_refused(request: Request, session: AsyncSession) -> None:
    if getattr(request.state, "answered_with", 200) >= 400:
        await session.rollback()


# "function": ends with the route's function, while a failed commit can still become the answer.
Work = Annotated[AsyncSession, Depends(work, scope="function")]
OwnWork = Annotated[AsyncSession, Depends(own_work, scope="function")]
OwnerWork = Annotated[AsyncSession, Depends(owner_work, scope="function")]


async def guard(request: Request) -> AsyncGenerator[None]:
    """Before every route: the session was looked up, and nothing is changed by a form of another site.

    A slice's business error, which knows its `status_code` and nothing of the web, becomes an answer here.
    """
    if problem := getattr(request.state, "session_problem", None):
        raise problem
    # Where nobody is signed in, nothing is done in anybody's name; the sign-in form has a proof of its own.
    if request.method not in SAFE_METHODS and getattr(request.state, "visitor", None) is not None:
        await demand_proof(request, request.state.csrf_token)
    try:
        yield
        await note_read(request, request.app.state.engine)
    except (HTTPException, Refusal):
        raise
    except Exception as problem:
        status = getattr(problem, "status_code", None)
        if isinstance(status, int):
            raise HTTPException(status, str(problem)) from problem
        raise
    finally:
        await request.close()


Guard = Depends(guard, scope="function")
