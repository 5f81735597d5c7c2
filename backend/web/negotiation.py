"""What any client of HTTP may rely on: HEAD wherever GET is, and 406 where nothing that it accepts can be sent (RFC 9110)."""

from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.errors import Refusal
from rules.translation import marked, say

#: All that operations under /api/v1 answer with.
_JSON: Final = "application/json"


class HeadLikeGet:
    """ASGI middleware: HEAD is answered as GET would be, without the body (RFC 9110, 9.3.2).

    The framework lets routes answer the methods that they name, and nothing else. They see a GET, so that one who asks
    in this way meets the same permissions and leaves the same trace; whoever stands before sees the HEAD that came.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}

        async def send_without_body(message: Message) -> None:
            # The route that was found is told to those who stand before.
            scope.update({**asked, "method": "HEAD"})
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app(asked, receive, send_without_body)


class NotAcceptable(Refusal):
    """The client accepts nothing that the operation could answer with."""

    status = 406
    slug = "not-acceptable"
    title = marked("没有可接受的格式")

    def __init__(self) -> None:
        super().__init__(
            say("这个接口只返回 {kind}，请求的 Accept 不接受它，没有处理。请改为 Accept: {kind} 后重发。", kind=_JSON)
        )


async def demand_acceptable(request: Request) -> None:
    """Before every operation of the API, so that nothing is done of which the client could not read the answer.

    Raises NotAcceptable.
    """
    if not accepts(_JSON, ",".join(request.headers.getlist("accept"))):
        raise NotAcceptable


def accepts(kind: str, accept: str) -> bool:
    """Whether a header Accept lets an answer be of a media type: the range that names it most exactly decides.

    A header without any media range says nothing, and lets everything be.
    """
    ranges = [one for part in accept.split(",") if (one := _range(part)) is not None]
    whole = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    for name in whole:
        weights = [weight for named, weight in ranges if named == name]
        if weights:
            return max(weights) > 0
    return not ranges


def _range(part: str) -> tuple[str, float] | None:
    """`text/html; q=0.8` as its name and weight; None for what is no media range. Other parameters narrow nothing here."""
    name, *parameters = (one.strip().lower() for one in part.split(";"))
    if "/" not in name:
        return None
    weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return name, float(weight)
    except ValueError:
        return name, 1.0
