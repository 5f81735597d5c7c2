"""What those who run the service see of its requests: a line in the log for each, and counts for Prometheus.

A line has the request's number, which the page, the trace and every other line of the log have too; the path without
what was asked (ASVS 14.2.1: a search may hold a name), and who asked by number. No header, no body.
"""

from time import perf_counter
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.route_address import route_address

log: Final = structlog.stdlib.get_logger(__name__)

REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Counter("tidu_requests_total", "Requests answered.", ("method", "route", "status"), registry=REGISTRY)
SECONDS: Final = Histogram(
    "tidu_request_seconds", "Seconds from a request to the end of its answer.", ("route",), registry=REGISTRY,
    buckets=(0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
RUNNING: Final = Gauge("tidu_requests_running", "Requests being answered at this moment.", registry=REGISTRY)
REFUSED: Final = Counter(
    "tidu_refused_total", "Requests refused: 401, 403 and 429 in bursts are an attack.", ("status",), registry=REGISTRY
)
WAITING_NOTES: Final = Gauge("tidu_trace_waiting", "Notes of the trace not yet sealed.", registry=REGISTRY)
#: Asked every few seconds by machines; a line for each would hide the others.
_UNTOLD: Final = ("/healthz", "/readyz", "/metrics", "/assets/")


class Watched:
    """ASGI middleware: tells and counts every request, however it ends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        start = perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        number = scope.get("state", {}).get("trace_id", "")
        with RUNNING.track_inprogress(), structlog.contextvars.bound_contextvars(request_id=number):
            try:
                await self.app(scope, receive, send_and_note)
            finally:
                _tell(scope, status, perf_counter() - start)


def _tell(scope: Scope, status: int, seconds: float) -> None:
    # The route and not the path: a label for each enterprise would fill the memory.
    route = route_address(scope) or "none"
    REQUESTS.labels(scope["method"] if scope["method"] in _METHODS else "other", route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)
    if status in (401, 403, 429):
        REFUSED.labels(str(status)).inc()
    if not scope["path"].startswith(_UNTOLD):
        visitor = scope.get("state", {}).get("visitor")
        log.info(
            "request", method=scope["method"], path=_told(scope["path"]), status=status, ms=round(seconds * 1000, 1),
            person_id=getattr(visitor, "id", None),
        )  # fmt: skip


def _told(path: str) -> str:
    """The path without what opens something for whoever knows it."""
    return f"{_INVITATIONS}…" if path.startswith(_INVITATIONS) else path


_INVITATIONS: Final = "/invitations/"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
