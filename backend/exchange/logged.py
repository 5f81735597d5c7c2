"""Routes for systems whose every question and answer is in the log of messages, as those that write log themselves.

Who, which digests, when, with which answer: also of what was refused, once it is known who asks. What cannot be logged
is not answered.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from backend.database.session import owner_unit_of_work
from backend.exchange.clients import Caller
from backend.exchange.doors import Turned
from backend.exchange.messages import log_message
from backend.exchange.models import ExchangeMessage
from backend.web.dependencies import reached


class LoggedRoute(APIRoute):
    """A route that leaves a message, unless what it does left one in the transaction of its own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the log behind it."""
        handle = super().get_route_handler()

        async def logged(request: Request) -> Response:
            started_at = datetime.now(UTC)
            try:
                answer = await handle(request)
            except (Turned, RequestValidationError) as refusal:
                await _log(request, started_at, refusal.status if isinstance(refusal, Turned) else 422, b"")
                raise
            await _log(request, started_at, answer.status_code, bytes(answer.body))
            return answer

        return logged


async def _log(request: Request, started_at: datetime, status: int, body: bytes) -> None:
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None or getattr(request.state, "is_logged", False):
        return
    asked = request.url.query.encode() + await request.body()
    message = ExchangeMessage(
        direction="in", peer=caller.client_id, method=request.method, endpoint=request.url.path[:300],
        request_id=(request.headers.get("X-Request-ID") or uuid4().hex)[:64], request_digest=sha256(asked).hexdigest(),
        status=status, answer_digest=sha256(body).hexdigest(), started_at=started_at, finished_at=datetime.now(UTC),
    )  # fmt: skip
    async with reached(owner_unit_of_work(request.app.state.engine)) as session:
        await log_message(session, message)
