"""How often somebody without an account may ask: a bucket for each address, which fills again with time.

Kept in the process: with several, each grants its share. It keeps a single machine from guessing passwords or wearing the
service out (ASVS 2.4.1, 6.3.1); against many machines there is the lock-out of accounts, and the proxy.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

#: Each of these makes us ask the single sign-on, and so weighs as much as a password.
_ASKS_ELSEWHERE: Final = "/login/sso"
#: Addresses remembered; one that has not asked for longest is forgotten, and begins with a full bucket.
MOST: Final = 10_000
#: Of these each costs a hash, or tries out a secret.
_COSTLY: Final = ("/login", "/invitations/", "/activate", "/api/v1/oauth/token")
_FREE: Final = ("/assets/", "/healthz", "/readyz", "/metrics")


class Buckets:
    """So many at once, and so many a minute in the long run."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = monotonic) -> None:
        self._most = float(a_minute)
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, whose: str) -> float:
        """Seconds to wait; 0 where one was taken."""
        now = self._clock()
        left, since = self._held.pop(whose, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        granted = left >= 1
        self._held[whose] = (left - 1 if granted else left, now)
        while len(self._held) > MOST:
            self._held.popitem(last=False)
        return 0 if granted else (1 - left) * 60 / self._most


class RateLimit:
    """ASGI middleware: 429 with Retry-After for who asks too often without being signed in."""

    def __init__(self, app: ASGIApp, public: int, sign_in: int, answer: Callable[[Request, float], Response]) -> None:
        self.app = app
        self._public = Buckets(public)
        self._sign_in = Buckets(sign_in)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = self._wait(scope) if scope["type"] == "http" else 0
        if wait:
            await self._answer(Request(scope, receive), wait)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        path, client = scope["path"], scope.get("client")
        address = client[0] if client else ""
        if path.startswith(_FREE):
            return 0
        if path.startswith(_ASKS_ELSEWHERE) or (scope["method"] == "POST" and path.startswith(_COSTLY)):
            return self._sign_in.take(address)
        # Who is signed in has a cookie, systems a token and a quota; that neither is made up, others find out.
        headers = Headers(scope=scope)
        if "tidu-session=" in headers.get("cookie", "") or "authorization" in headers:
            return 0
        return self._public.take(address)
