"""Operations of the API that will be taken away: announced for half a year, in every answer and in the OpenAPI.

RFC 9745 (`Deprecation`: since when), RFC 8594 (`Sunset`: until when), RFC 5829 (the link to what is used instead).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property
from re import Pattern
from typing import Any, Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.clock import CHINA

#: So long an operation is answered after it was announced: six months, as docs/exchange.md promises.
SHORTEST: Final = timedelta(days=184)


@dataclass(frozen=True)
class Deprecated:
    """An operation that will be taken away."""

    method: str
    #: As the route says it, `/api/v1/enterprises/{code}`.
    path: str
    since_on: date
    #: The first day on which it need not answer any more.
    until_on: date
    #: Where it is told what to use instead: an address of this service.
    instead: str

    def __post_init__(self) -> None:
        if self.until_on - self.since_on < SHORTEST:
            raise ValueError(f"{self.method} {self.path} must answer until {self.since_on + SHORTEST} at least")

    @cached_property
    def headers(self) -> dict[str, str]:
        """What every answer of the operation carries."""
        sunset = _midnight(self.until_on).astimezone(UTC)
        return {
            "Deprecation": f"@{int(_midnight(self.since_on).timestamp())}",
            "Sunset": format_datetime(sunset, usegmt=True),
            "Link": f'<{self.instead}>; rel="successor-version"',
        }

    @cached_property
    def pattern(self) -> Pattern[str]:
        return compile_path(self.path)[0]

    def is_asked(self, method: str, path: str) -> bool:
        """Whether a request is for this operation; HEAD asks what GET does."""
        return self.method == ("GET" if method == "HEAD" else method) and self.pattern.fullmatch(path) is not None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


#: Every operation that is on its way out; nothing is, now.
DEPRECATED: Final[tuple[Deprecated, ...]] = ()


class Deprecations:
    """ASGI middleware: `Deprecation`, `Sunset` and `Link` on the answers of operations that will be taken away."""

    def __init__(self, app: ASGIApp, table: Sequence[Deprecated]) -> None:
        self.app = app
        self.table = table

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = next((one for one in self.table if _asks(scope, one)), None)
        if found is None:
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in found.headers.items():
                    headers.append(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _asks(scope: Scope, one: Deprecated) -> bool:
    return scope["type"] == "http" and one.is_asked(scope["method"], scope["path"])


def describe_deprecated(app: FastAPI, table: Sequence[Deprecated]) -> None:
    """Mark the operations in the OpenAPI. Raises LookupError, at its first use, for one that the service lacks."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        for one in table:
            operation = schema["paths"].get(one.path, {}).get(one.method.lower())
            if operation is None:
                raise LookupError(f"no operation {one.method} {one.path} to be taken away")
            operation["deprecated"] = True
        return schema

    app.openapi = openapi
