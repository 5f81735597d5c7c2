"""Which route answers a request: its address as docs/who-may-do-what.md has it."""

from typing import Final

from starlette.types import Scope

API: Final = "/api/v1"


def route_address(scope: Scope) -> str:
    """`/api/v1/enterprises/{code}`; empty where no route was found.

    A route of an included router names itself with the prefix or without it, as FastAPI's version has it.
    """
    path: str = getattr(scope.get("route"), "path", "")
    is_api = str(scope.get("path", "")).startswith(f"{API}/")
    return API + path if is_api and path and not path.startswith(f"{API}/") else path
