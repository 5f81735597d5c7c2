"""Who may use which route, read out of the routes themselves. `python -m tests.backend.access.matrix` prints the table.

A route's permissions are the functions in its signature; each is asked here for one person of each role, just as
FastAPI asks it for whoever sends the request.
"""

import inspect
from collections.abc import Coroutine, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from backend.access import dependencies
from backend.access.schemas import PersonSignedIn, Role
from backend.exchange import access, doors
from backend.main import ROUTERS, create_app
from backend.settings import Settings
from backend.web.errors import Refusal
from backend.web.route_address import API

#: The columns, a park's officers among the districts' since they may use the same: roles of people, a system with a token, and whoever comes without an account.
READERS = (*(role for role in Role if role is not Role.PARK_OFFICER), "system", "nobody")
HEADS = ("管理员", "市级", "市（区）、园区", "复核", "领导", "审计", "企业", "系统", "公众")
YES, NO = "●", "·"
_PERMISSIONS = {
    dependencies.authenticated, dependencies.settled, dependencies.signed_in, dependencies.officer,
    dependencies.confirmer, dependencies.unmasker, dependencies.administrator, dependencies.auditor, dependencies.enterprise_account,
    access.reconciler,
}  # fmt: skip


def routes() -> Iterator[tuple[str, APIRoute]]:
    """Every route as `GET /enterprises/{code}`, in the order of the program."""
    for name in ROUTERS:
        if find_spec(name) is None:
            continue  # as the program does: a slice without this part
        router = import_module(name).router
        prefix = API if name.endswith(".api") and not router.prefix.startswith(API) else ""
        for route in _plain(router):
            for method in sorted((route.methods or set[str]()) - {"HEAD"}):
                yield f"{method} {prefix}{route.path}", route


def _plain(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _plain(route.original_router)


def marks_of(name: str, route: APIRoute) -> tuple[str, ...]:
    """For each reader whether the route lets them in."""
    return tuple(mark_of(reader, name, route) for reader in READERS)


def mark_of(reader: str, name: str, route: APIRoute) -> str:
    """Whether the route lets one of them in."""
    return YES if _is_let_in(reader, set(_calls(route.dependant)), name.partition(" ")[2]) else NO


def _calls(dependant: Dependant) -> Iterator[Any]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def _is_let_in(reader: str, asked: set[Any], path: str) -> bool:
    if doors.caller in asked:
        return reader == "system"
    wanted = asked & _PERMISSIONS
    if reader in ("system", "nobody"):
        return not wanted
    return all(_passes(permission, Role(reader), path) for permission in wanted)


def _passes(permission: Any, role: Role, path: str) -> bool:
    person = PersonSignedIn(1, "one", "某人", role, "", None, False, "", frozenset({role}), None, False)
    scope = {"type": "http", "path": path, "headers": [], "method": "GET", "app": _app(), "route": _Route(path)}
    request = Request(scope)
    request.state.visitor = person
    given: dict[str, Any] = {"request": request, "person": person}
    try:
        found = _run(permission(**{name: given[name] for name in inspect.signature(permission).parameters}))
        # A permission that rests on another is asked after it.
        if permission in (dependencies.officer, dependencies.confirmer, dependencies.unmasker):
            _run(dependencies.signed_in(request, person))
    except Refusal:
        return False
    return found is person


def _run(permission: Coroutine[Any, Any, PersonSignedIn]) -> PersonSignedIn:
    """What a permission says, which waits for nothing."""
    try:
        permission.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a permission waits for something")


class _Route:
    def __init__(self, path: str) -> None:
        self.path = path


@cache
def _app() -> FastAPI:
    return create_app(Settings(), engine=None)


def table() -> list[str]:
    """The table's lines as docs/who-may-do-what.md holds them."""
    return [f"| `{name}` | {' | '.join(marks_of(name, route))} |" for name, route in routes()]


if __name__ == "__main__":
    print(f"| 地址 | {' | '.join(HEADS)} |")  # noqa: T201
    print("|---" * (len(HEADS) + 1) + "|")  # noqa: T201
    print("\n".join(table()))  # noqa: T201
