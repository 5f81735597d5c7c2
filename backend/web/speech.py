"""Which language the door of enterprises speaks: what was asked for by `?lang=`, else the cookie of that choice, else what the
browser prefers.

What enterprises open has a second language: the self-check, the rules explorer, and their REST; signing in, one's own
account, and the pages of an enterprise's own file. Officers' pages stay Chinese.
Addresses stay the same in every language, and so do the machine values of answers.
"""

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.web.assets import ROOT
from rules.translation import FOLDERS, LANGUAGES, language, speaking

COOKIE: Final = "tidu-language"
_A_YEAR: Final = 365 * 24 * 3600
_DOOR: Final = (
    "/check", "/rules", "/api/v1/checks", "/api/v1/rules", "/api/v1/indicators",
    "/login", "/invitations", "/activate", "/me",
)  # fmt: skip
#: What the languages call themselves.
NAMES: Final = {"zh": "中文", "en": "English"}
#: In an address to which a form is sent: only the language is to be another one, and nothing is to be done.
_AGAIN: Final = "again"
#: Where one begins again in another language, when what was posted holds nothing that was typed.
_SHOWN_AT: Final = {"/me/password": "/me", "/me/role": "/me", "/me/second-factor/off": "/me/second-factor"}
_FRONTS: Final = ("/me/enterprise", "/check")

FOLDERS.append(ROOT / "backend" / "translations")


class Spoken:
    """ASGI middleware: the language of each request to this door; elsewhere it stays Chinese."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not has_languages(scope["path"]):
            await self.app(scope, receive, send)
            return
        asked = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("lang", "")
        chosen = chosen_language(asked, Headers(scope=scope))

        async def send_in_language(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Language"] = LANGUAGES[chosen]
                headers.add_vary_header("Accept-Language")
                if asked in LANGUAGES:
                    headers.append("Set-Cookie", f"{COOKIE}={asked}; Max-Age={_A_YEAR}; Path=/; HttpOnly; SameSite=Lax")
            await send(message)

        with speaking(chosen):
            await self.app(scope, receive, send_in_language)


def has_languages(path: str) -> bool:
    """Whether an address belongs to the door of enterprises."""
    return any(path == one or path.startswith(f"{one}/") for one in _DOOR)


def chosen_language(asked: str, headers: Headers) -> str:
    """The language of a request: a key of `LANGUAGES`; Chinese where nothing else is wished for."""
    if asked in LANGUAGES:
        return asked
    kept = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    if kept in LANGUAGES:
        return kept
    wished = (one.partition("-")[0].lower() for one in _by_preference(headers.get("accept-language", "")))
    return next((one for one in wished if one in LANGUAGES), "zh")


def _by_preference(header: str) -> list[str]:
    """The languages of an `Accept-Language`, the most preferred first (RFC 9110 12.5.4)."""
    found: list[tuple[float, str]] = []
    for part in header.split(","):
        name, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        if name and weight > 0:
            found.append((weight, name.strip()))
    return [name for _, name in sorted(found, key=lambda one: -one[0])]


def choices(path: str, query: Sequence[tuple[str, str]], method: str) -> Iterator[dict[str, str | bool]]:
    """The languages that a page offers, each with the address of the same page in it; none outside this door.

    A page that answers a form has no address of its own: `address` is then where one begins again, and what was typed
    is sent once more to where `query` is put behind.
    """
    if not has_languages(path):
        return
    kept = [f"{quote(name)}={quote(value)}" for name, value in query if name not in ("lang", _AGAIN)]
    is_posted = method == "POST"
    shown_at = _shown_at(path) if is_posted else path
    for one, name in NAMES.items():
        address = f"{shown_at}?{'&'.join([*([] if is_posted else kept), f'lang={one}'])}"
        again = "&".join([*kept, f"lang={one}", f"{_AGAIN}=1"])
        yield {"name": name, "tag": LANGUAGES[one], "address": address, "query": again, "is_spoken": one == language()}


def _shown_at(path: str) -> str:
    front = next((one for one in _FRONTS if path == one or path.startswith(f"{one}/")), path)
    return _SHOWN_AT.get(front, front)


def is_said_again(request: Request) -> bool:
    """Whether a form was sent only to have its page in another language: then nothing of it is done."""
    return _AGAIN in request.query_params
