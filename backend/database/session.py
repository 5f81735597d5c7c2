"""The unit of work: one request, one transaction, one commit, under row-level security."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import wraps
from itertools import chain, islice
from typing import Any, Concatenate, ParamSpec, TypeVar

from asyncpg.exceptions import OperatorInterventionError, PostgresConnectionError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.actor import Actor, acting
from backend.database.errors import DatabaseUnreachable
from backend.database.roles import APP_ROLE, SYSTEM_ROLE
from backend.database.scope import Scope

# `true`: until the transaction ends, so that the connection goes back to the pool knowing nothing of us.
_SETTINGS = (
    "scope",
    "park",
    "enterprise_id",
    "may_audit",
    "reads_tax",
    "may_unmask",
    "client_scopes",
    "reckons",
    "user_id",
    "actor",
    "role",
    "address",
    "request_id",
)
_ENTER = text(
    "SELECT set_config('role', :db_role, true), "
    + ", ".join(f"set_config('tidu.{name}', :{name}, true)" for name in _SETTINGS)
)
_ACT = text(
    "SELECT "
    + ", ".join(f"set_config('tidu.{name}', :{name}, true)" for name in _SETTINGS[_SETTINGS.index("user_id") :])
)


@asynccontextmanager
async def unit_of_work(engine: AsyncEngine, scope: Scope) -> AsyncGenerator[AsyncSession]:
    """A session that sees what `scope` may see. Commits when the block ends well, else writes nothing."""
    async with _transaction(engine) as session:
        await enter_scope(session, scope)
        yield session


@asynccontextmanager
async def owner_unit_of_work(engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    """The same without row-level security: for the command line's bulk jobs and for signing in."""
    async with _transaction(engine) as session:
        if acting() is not None:
            await session.execute(_ACT, _told(None))
        yield session


_SORT_MEMORY = text("SELECT set_config('work_mem', :kilobytes, true)")


@asynccontextmanager
async def reading_a_page(session: AsyncSession) -> AsyncGenerator[None]:
    """Let policies look up the enterprise of each row that the block reads: for lists of which a page is read.

    PostgreSQL thinks of the whole list, and gathers all enterprises in scope first; it does not where it may not use the
    memory for that. Whoever counts, or reads a list to its end, is better off without.
    """
    await session.execute(_SORT_MEMORY, {"kilobytes": "64kB"})
    try:
        yield
    finally:
        # A transaction that failed reads nothing any more.
        with suppress(DBAPIError):
            await session.execute(text("SET LOCAL work_mem TO DEFAULT"))


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncSession]:
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield session


@asynccontextmanager
async def reached(opening: AbstractAsyncContextManager[AsyncSession]) -> AsyncGenerator[AsyncSession]:
    """The unit of work, with a database that does not answer, or goes away meanwhile, told as what it is.

    Raises DatabaseUnreachable.
    """
    try:
        async with AsyncExitStack() as held:
            try:
                session = await held.enter_async_context(opening)
                # Any statement would connect; here nobody else's OSError can be taken for the database's.
                await session.connection()
            except OSError as problem:
                raise DatabaseUnreachable(f"数据库连接不上：{problem}") from problem
            yield session
    except DBAPIError as problem:
        if is_cut_off(problem):
            raise DatabaseUnreachable(_CUT_OFF) from problem
        raise
    except (PostgresConnectionError, OperatorInterventionError) as problem:
        # COPY goes past SQLAlchemy, and so does what it meets.
        raise DatabaseUnreachable(_CUT_OFF) from problem


_CUT_OFF = "数据库连接中断，本次操作没有保存。"

#: What a server says that shuts down, has crashed or is not up yet; and that a connection has gone.
_AWAY = ("57P01", "57P02", "57P03", "08")


def is_cut_off(problem: DBAPIError) -> bool:
    """Whether the database went away, be it while a connection was opened, and the statement is not to blame."""
    state = str(getattr(problem.orig, "sqlstate", None) or "")
    return problem.connection_invalidated or state.startswith(_AWAY)


async def enter_scope(session: AsyncSession, scope: Scope) -> None:
    """Bind the rest of the running transaction to what `scope` may see."""
    limits = {
        "db_role": APP_ROLE if scope.client_scopes is None else SYSTEM_ROLE,
        "scope": scope.region,
        "park": scope.park,
        "enterprise_id": _written(scope.enterprise_id),
        "may_audit": "yes" if scope.may_audit else "",
        "reads_tax": "yes" if scope.reads_tax else "",
        "may_unmask": "yes" if scope.may_unmask else "",
        "client_scopes": ",".join(sorted(scope.client_scopes or ())),
        "reckons": "",
    }
    await session.execute(_ENTER, limits | _told(scope.user_id))
    session.info[_IS_MASKED] = not scope.reads_tax
    session.info[_IS_LIMITED] = not scope.reads_tax or scope.client_scopes is not None


_IS_MASKED = "is_masked"
#: Whether there is anything that reckoning has to lift.
_IS_LIMITED = "is_limited"
_RECKON = text("SELECT set_config('tidu.reads_tax', :tax, true), set_config('tidu.reckons', :reckons, true)")


@asynccontextmanager
async def reckoning(session: AsyncSession) -> AsyncGenerator[None]:
    """Let the block read figures that its reader may not, to work something out that is not any of them.

    A count, an outcome or a projection is the same whoever asks; what the block returns must not show a figure. For
    another system's transaction it also opens the tables that are worked out and those they are worked out of.
    """
    if not session.info.get(_IS_LIMITED):
        yield
        return
    is_masked_after = session.info[_IS_MASKED]
    session.info[_IS_MASKED] = session.info[_IS_LIMITED] = False
    await session.execute(_RECKON, {"tax": "yes", "reckons": "yes"})
    try:
        yield
    finally:
        session.info[_IS_MASKED], session.info[_IS_LIMITED] = is_masked_after, True
        # A transaction that failed shows nothing any more, and cannot be told anything.
        with suppress(DBAPIError):
            await session.execute(_RECKON, {"tax": "" if is_masked_after else "yes", "reckons": ""})


def is_masked(session: AsyncSession) -> bool:
    """Whether the transaction's reader may not read tax figures as such."""
    return bool(session.info.get(_IS_MASKED))


P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[AsyncSession, P], Awaitable[T]]


def reckons(work: Work[P, T]) -> Callable[Concatenate[AsyncSession, P], Coroutine[Any, Any, T]]:
    """For functions that work something out of figures which their reader may not read; see `reckoning`."""

    @wraps(work)
    async def reckoned(session: AsyncSession, *args: P.args, **named: P.kwargs) -> T:
        async with reckoning(session):
            return await work(session, *args, **named)

    return reckoned


def _told(user_id: int | None) -> dict[str, str]:
    """What the trace is told of whoever acts."""
    actor = acting() or Actor("")
    return {
        "user_id": _written(actor.person_id if user_id is None else user_id),
        "actor": actor.login,
        "role": actor.role,
        "address": actor.address,
        "request_id": actor.request_id,
    }


def _written(number: int | None) -> str:
    return "" if number is None else str(number)


async def in_the_name_of(session: AsyncSession, login: str, person_id: int | None) -> None:
    """Let the trace of the rest of the transaction name somebody who was nobody when it began: who just signed in."""
    await session.execute(
        text("SELECT set_config('tidu.actor', :login, true), set_config('tidu.user_id', :person_id, true)"),
        {"login": login, "person_id": _written(person_id)},
    )


async def because(session: AsyncSession, reason: str) -> None:
    """Let the trace of all that the transaction does from here on say why."""
    await session.execute(text("SELECT set_config('tidu.reason', :reason, true)"), {"reason": reason})


async def copy_rows(session: AsyncSession, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write many rows at once with COPY, within the session's transaction.

    Values are of the columns' own types (`date`, `datetime`, `int`, …); JSON is given as text. PostgreSQL
    refuses COPY where row-level security is in force, so the rows then go by a temporary table and are
    put before the policies one by one. A few rows go by one INSERT, which takes a tenth of the time of all that.
    """
    await session.flush()
    coming = iter(rows)
    first = list(islice(coming, _FEW_ROWS + 1))
    if len(first) <= _FEW_ROWS and len(first) * len(columns) <= _FEW_VALUES:
        await _insert_rows(session, table, columns, first)
    else:
        await _copy_rows(session, table, columns, chain(first, coming))


#: More rows than this are worth a COPY; and so are more values, whose statement would take long to read.
_FEW_ROWS = 40
_FEW_VALUES = 1_000


async def _insert_rows(session: AsyncSession, table: str, columns: Sequence[str], rows: list[Sequence[Any]]) -> None:
    if not rows:
        return
    places = iter(range(1, len(rows) * len(columns) + 1))
    lines = ", ".join("(" + ", ".join(f"${next(places)}" for _ in columns) + ")" for _ in rows)
    named = ", ".join(f'"{column}"' for column in columns)
    connection = await session.connection()
    values = tuple(value for row in rows for value in row)
    await connection.exec_driver_sql(f'INSERT INTO "{table}" ({named}) VALUES {lines}', values)


async def _copy_rows(session: AsyncSession, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    # Any statement would do: SQLAlchemy begins the transaction with the first, and COPY goes past it.
    guarded = await session.scalar(text("SELECT row_security_active(:table)"), {"table": table})
    target = f"incoming_{table}" if guarded else table
    named = ", ".join(f'"{column}"' for column in columns)
    if guarded:
        shape = f'AS SELECT {named} FROM "{table}" LIMIT 0'
        await session.execute(text(f'CREATE TEMPORARY TABLE "{target}" ON COMMIT DROP {shape}'))
    raw = await (await session.connection()).get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.copy_records_to_table(target, records=rows, columns=list(columns))
    if guarded:
        await session.execute(text(f'INSERT INTO "{table}" ({named}) SELECT {named} FROM "{target}"'))
        await session.execute(text(f'DROP TABLE "{target}"'))
