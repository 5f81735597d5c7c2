"""What every slice's REST has alike: a state named by its ETag, writes that demand it, pages by cursor.

@router.get("/things/{id}")
async def thing(request: Request, …) -> Response:
    return stated(request, body, etag_of(row["id"], row["revision"]))

@router.patch("/things/{id}")
async def change(request: Request, …) -> Response:
    demand_match(request, etag_of(row["id"], row["revision"]))

RestRefused
├── CursorUnknown           400, not a cursor of this very list
├── StateUnnamed            428, a change without If-Match
└── ChangedMeanwhile        412, it is no longer what the sender saw
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, Response

from backend.web.errors import Refusal

#: Items a page where nothing else is asked for, and at most.
USUAL_LIMIT: Final = 100
MOST_ITEMS: Final = 1_000
#: What in a query asks for another part of the same list.
_PLACE: Final = frozenset({"cursor", "back", "limit", "page"})


class RestRefused(Refusal):
    """What a program asked for cannot be, and it can do something about it."""


class CursorUnknown(RestRefused):
    """The cursor is not one that this list gave out, or the list is now narrowed otherwise."""

    status = 400
    slug = "cursor-unknown"
    title = "游标无效"

    def __init__(self) -> None:
        super().__init__("cursor 不是这个列表（在这些筛选条件下）给出的。请去掉 cursor，从第一页重新读取。")


class StateUnnamed(RestRefused):
    """A change that does not say which state it changes could overwrite another's."""

    status = 428
    slug = "if-match-missing"
    title = "缺少 If-Match"

    def __init__(self) -> None:
        super().__init__("修改须带 If-Match 头，值为读取时得到的 ETag，以免覆盖别人的修改。请先 GET，再带上它重试。")


class ChangedMeanwhile(RestRefused):
    """Somebody else has changed it since the sender read it; `etag` is the state that it has now."""

    status = 412
    slug = "changed-meanwhile"
    title = "已被他人修改"

    def __init__(self, etag: str) -> None:
        self.etag = etag
        super().__init__("它在您读取之后已被修改，本次没有保存。请重新 GET，核对后带上新的 ETag 重试。")

    def extra(self) -> Mapping[str, Any]:
        return {"etag": self.etag}


# States --------------------------------------------------------------------------------------------


def etag_of(*parts: object) -> str:
    """The name of a state: alike if and only if all that it is made of is alike."""
    return f'"{sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()[:24]}"'


def demand_match(request: Request, etag: str) -> None:
    """Let a change go on only if the sender saw the state that it changes.

    Raises StateUnnamed, ChangedMeanwhile.
    """
    named = _named(request, "if-match")
    if not named:
        raise StateUnnamed
    # RFC 9110 13.1.1: compared strongly, so that a weak one never matches.
    if "*" not in named and etag not in named:
        raise ChangedMeanwhile(etag)


def stated(request: Request, body: object, etag: str, status_code: int = 200, location: str = "") -> Response:
    """A body with its state; 304 without one for a reader that has it already."""
    headers = {"ETag": etag} | ({"Location": location} if location else {})
    seen = {one.removeprefix("W/") for one in _named(request, "if-none-match")}
    if request.method in ("GET", "HEAD") and (etag in seen or "*" in seen):
        return Response(status_code=304, headers=headers)
    return JSONResponse(_plain(body), status_code, headers)


def _named(request: Request, header: str) -> set[str]:
    return {one.strip() for one in request.headers.get(header, "").split(",") if one.strip()}


def _plain(body: object) -> Any:
    return jsonable_encoder(body, custom_encoder={Decimal: float})


# Pages ---------------------------------------------------------------------------------------------


def page_by_cursor(request: Request, items: Sequence[object], following: Sequence[object] | None) -> Response:
    """One page of a list: `{"items": […], "next": …}` and RFC 8288's Link.

    Args:
        request: of which the filters are kept.
        items: of this page.
        following: the place after the last item, as the list's order has it; None where nothing follows.
    """
    if following is None:
        return JSONResponse({"items": _plain(list(items)), "next": None})
    cursor = write_cursor(request, following)
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    link = f"{request.url.path}?{urlencode([*kept, ('cursor', cursor)])}"
    return JSONResponse({"items": _plain(list(items)), "next": cursor}, headers={"Link": f'<{link}>; rel="next"'})


def limit_of(limit: int) -> int:
    """So many items a page, within what is sensible."""
    return max(1, min(limit, MOST_ITEMS))


def write_cursor(request: Request, place: Sequence[object]) -> str:
    """A place in a list, for the very filters that were asked for."""
    held = [_written(value) for value in place]
    return urlsafe_b64encode(json.dumps([_asked(request), *held], ensure_ascii=False).encode()).decode().rstrip("=")


def read_cursor(request: Request, parts: int) -> list[Any] | None:
    """The place that the query's cursor names, of so many parts; None at the beginning. Days come as dates.

    Raises CursorUnknown.
    """
    cursor = request.query_params.get("cursor", "")
    if not cursor:
        return None
    try:
        held = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except ValueError as problem:
        raise CursorUnknown from problem
    if not isinstance(held, list) or len(held) != parts + 1 or held[0] != _asked(request):
        raise CursorUnknown
    try:
        return [_read(value) for value in held[1:]]
    except (KeyError, TypeError, ValueError) as problem:
        raise CursorUnknown from problem


def _asked(request: Request) -> str:
    filters = sorted(item for item in request.query_params.multi_items() if item[0] not in _PLACE and item[1])
    return sha256(json.dumps([request.url.path, filters]).encode()).hexdigest()[:12]


def _written(value: object) -> object:
    return {"on": value.isoformat()} if isinstance(value, date | datetime) else value


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    written = str(value["on"])
    return datetime.fromisoformat(written) if "T" in written else date.fromisoformat(written)
