"""What is turned away before any route sees it, and what HTTPS adds."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware: a body larger than `megabytes` is refused with 413, announced or not."""

    def __init__(self, app: ASGIApp, megabytes: int) -> None:
        self.app = app
        self.megabytes = megabytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        size = 0

        async def receive_within_limit() -> Message:
            nonlocal size
            # Raised where a route reads the body, so that it is told like any other error.
            if announced.isdecimal() and self._is_too_large(int(announced)):
                raise self._refusal()
            message = await receive()
            size += len(message.get("body", b""))
            if self._is_too_large(size):
                raise self._refusal()
            return message

        await self.app(scope, receive_within_limit, send)

    def _is_too_large(self, size: int) -> bool:
        # A form has its own few lines around the file.
        return size > (self.megabytes + 1) * 1024 * 1024

    def _refusal(self) -> HTTPException:
        return HTTPException(413, f"上传的内容超过 {self.megabytes} MB。请把文件拆分后分次上传，本次没有写入任何数据。")


class OnlyHttps:
    """ASGI middleware: once here by HTTPS, browsers come by nothing else for a year."""

    def __init__(self, app: ASGIApp, *, always: bool) -> None:
        self.app = app
        self.always = always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
            await send(message)

        is_https = scope["type"] == "http" and (self.always or scope["scheme"] == "https")
        await self.app(scope, receive, send_with_header if is_https else send)


class UnexpectedErrors:
    """ASGI middleware: even the page for an error that nobody expected passes by the other middleware's headers.

    Starlette would tell it outside of them all. The error goes on from here, to be seen by the server and by tests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except Exception as problem:
            if scope["type"] == "http" and not has_begun:
                request = Request(scope, receive)
                response: Response = await request.app.exception_handlers[Exception](request, problem)
                await response(scope, receive, send)
            raise
