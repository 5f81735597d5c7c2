"""What all answers share: headers that protect the page, a number to find it in the log, redirects, downloads."""

import json
import uuid
from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: No inline script and no style attribute anywhere, nothing from elsewhere. `data:` images are Tabler's form marks.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Pages hold what only their reader may see; the back button must not show it after signing out.
    "Cache-Control": "no-store",
}


class ResponseHeaders:
    """ASGI middleware: security headers on every answer, `X-Request-ID`, and pages that no cache keeps.

    The number stands in `request.state.trace_id` for the log and for error pages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace_id = uuid.uuid4().hex
        scope.setdefault("state", {})["trace_id"] = trace_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                protect(MutableHeaders(scope=message), trace_id)
            await send(message)

        await self.app(scope, receive, send_with_headers)


def protect(headers: MutableHeaders, trace_id: str) -> None:
    """Set what every answer carries, where it is not set already."""
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("X-Request-ID", trace_id)


def trace_id(request: Request) -> str:
    """The request's number in the log."""
    return getattr(request.state, "trace_id", "")


def is_htmx(request: Request) -> bool:
    """Whether htmx asks for a piece of a page (and not for a page it will swap in whole)."""
    return request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true"


def piece_for(request: Request) -> str | None:
    """Which block of a list's page htmx asks for: its count, which comes after the rows, or all of it; None: the page."""
    if not is_htmx(request):
        return None
    return "count" if request.headers.get("hx-target") == "count" else "results"


def wants_json(request: Request) -> bool:
    """Whether the answer goes to a program: every address of the API, and who accepts JSON but no page."""
    accept = request.headers.get("accept", "")
    return request.url.path.startswith("/api/") or ("json" in accept and "text/html" not in accept)


def redirect(request: Request, url: str) -> Response:
    """Go on to another page after something was done; htmx is told in its own way."""
    if is_htmx(request):
        return Response(status_code=204, headers={"HX-Redirect": url})
    return RedirectResponse(url, status_code=303)


def safe_next(url: str | None, default: str = "/") -> str:
    """Where to go after signing in: a path of this very site, or the default."""
    if not url or not url.startswith("/") or url.startswith(("//", "/\\")) or any(c < " " for c in url):
        return default
    parts = urlsplit(url)
    return default if parts.scheme or parts.netloc else url


_MEDIA_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def download(content: bytes, file_name: str, media_type: str | None = None) -> Response:
    """A file to save, under a Chinese name if need be; its type follows from the name's ending."""
    ending = file_name.rpartition(".")[2].lower()
    media_type = media_type or _MEDIA_TYPES.get(ending, "application/octet-stream")
    ascii_name = file_name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    disposition = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file_name, safe='')}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})


def paper_download(file_name: str, media_type: str, content: bytes) -> Response:
    """A paper that somebody handed in: to be saved, and shown by no browser as a page of ours."""
    answer = download(content, file_name, media_type)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


class FaithfulJson(JSONResponse):
    """JSON that repeats what was sent: half a character, which no UTF-8 can hold, stays written as `\\ud800`."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
            errors="backslashreplace"
        )
