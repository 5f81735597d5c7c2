"""What the REST of the pool and of the service files have alike: pages by cursor, the enterprise, refused fields."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.forms import Errors
from backend.enterprises.queries import find
from backend.web.errors import NotFound, Refusal
from backend.web.rest import MOST_ITEMS, CursorUnknown, page_by_cursor, read_cursor

#: A row as programs have it.
Shown = Callable[[Mapping[str, Any]], dict[str, Any]]
#: Items a page.
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS)]
#: Where the page before ended.
Cursor = Annotated[str, Query(description="`next` of the page before.")]
#: Digits of an officer's id, or `none`.
OfficerAsked = Annotated[str, Query(pattern="^(none|[0-9]{1,9})?$")]


class FieldsRefused(Refusal):
    """What was sent is well formed and cannot be; each field that is wrong is named."""

    status = 422
    slug = "validation"
    title = "填写有误"

    def __init__(self, errors: Errors) -> None:
        self._errors = [
            {"pointer": f"/{field}", "code": "not_sensible", "detail": words} for field, words in errors.items()
        ]
        super().__init__("".join(errors.values()))

    def extra(self) -> Mapping[str, Any]:
        return {"errors": self._errors}


class EntryThere(Refusal):
    """It is there already."""

    slug = "entry-there"
    title = "已在库中"


def demand_none(errors: Errors) -> None:
    """Raises FieldsRefused if there are any."""
    if errors:
        raise FieldsRefused(errors)


async def enterprise_of(session: AsyncSession, code: str) -> Mapping[str, Any]:
    """The enterprise of a credit code. Raises NotFound."""
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码。")
    return row


def place_of(request: Request) -> int:
    """The id after which a page begins. Raises CursorUnknown."""
    place = read_cursor(request, 1)
    if place is not None and (isinstance(place[0], bool) or not isinstance(place[0], int)):
        raise CursorUnknown
    return place[0] if place else 0


def page_of(request: Request, rows: Sequence[Mapping[str, Any]], limit: int, shown: Shown) -> Response:
    """A page out of one row more than it shows."""
    following = [rows[limit - 1]["id"]] if len(rows) > limit else None
    return page_by_cursor(request, [shown(row) for row in rows[:limit]], following)


def who(row: Mapping[str, Any]) -> dict[str, Any]:
    """The enterprise of a row, as programs have it."""
    return {"id": row["enterprise_id"], "credit_code": row["credit_code"], "name": row["name"]}


_ENTRY = ("id", "programme", "year", "stage", "officer_id", "officer", "note", "entered_at", "moved_at", "checked_on",
          "outcome", "is_likely", "failed", "missing", "is_recognised")  # fmt: skip


def shown_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """A pool entry, as programs have it."""
    return {name: row[name] for name in _ENTRY} | {"enterprise": who(row)}
