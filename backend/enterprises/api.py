"""REST: enterprises."""

from dataclasses import replace
from datetime import date
from typing import Any

from fastapi import APIRouter, Request

from backend.access.dependencies import SignedIn
from backend.clock import end_of_day, today
from backend.enterprises import life_api
from backend.enterprises.asking import place_asked, read_filters
from backend.enterprises.paging import place_of
from backend.enterprises.queries import find
from backend.enterprises.search import PAGE_SIZE, search
from backend.enterprises.telling import tell
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.memory import memory_of
from backend.web.rest import write_cursor
from rules.library import library

#: What only the page's own order is made of.
_INNER = frozenset({"titles", "rung_order", "part", "figure", "figure_order"})
#: What is told of enterprises as it is registered now, whatever the knowledge asked for.
_AS_REGISTERED_NOW = ("credit_code", "name", "town", "established_on")

router = APIRouter(tags=["enterprises"])
router.include_router(life_api.router)


@router.get("/enterprises")
async def enterprises(
    request: Request, session: Work, person: SignedIn, on: date | None = None, known_at: date | None = None
) -> dict[str, Any]:
    """One page of enterprises as they were on a day, with the knowledge of a day.

    The filters are those of the page: q, rung, region, industry, chain, park, programme, outcome, officer, sort, page. `next` is
    the cursor that leads on, however deep; without one, `page` counts off the rows before.
    `sort=sales_revenue.2025` has the highest of that year first, `sort=sales_revenue.2025.up` the lowest; unknown ones are last.
    Where `is_more`, there are more than `total`; `counted=out` counts them all.
    `known_at` asks for what was known at the end of a day: who was registered by then and lived, on which rung, with which
    titles, in which region, park, chain and industry; corrections entered later are undone. From today on it is what is
    known now. Names, codes, towns and days of founding are as registered now (`as_registered_now`), and of results, missing
    facts, officers, the latest changes and orders by figures nothing else is kept: to ask for them is refused with 422.
    """
    chosen = read_filters(request.query_params, person)
    place = place_asked(request, chosen)
    chosen = replace(chosen, after=tuple(place)) if place else chosen
    found = await search(session, chosen, on or today(), library(), memory_of(request))
    left_out = _INNER if chosen.known_at is None else _INNER | {"updated_at"}
    rows = [
        {
            **{name: value for name, value in row.items() if name not in left_out},
            "titles": [one["programme"] for one in row["titles"]],
        }
        for row in found.rows
    ]
    following = write_cursor(request, place_of(chosen.sort, found.rows[-1])) if len(rows) == PAGE_SIZE else None
    told = {} if chosen.known_at is None else {"known_at": known_at, "as_registered_now": _AS_REGISTERED_NOW}
    return told | {
        "total": found.total, "is_more": found.is_more, "page": found.page, "pages": found.pages, "enterprises": rows, "next": following,
    }  # fmt: skip


@router.get("/enterprises/{code}")
async def enterprise(
    session: Work, person: SignedIn, code: str, on: date | None = None, known_at: date | None = None
) -> dict[str, Any]:
    """The file of one enterprise on a day, with the knowledge of a day.

    Asked for by what named a file that is part of another now, it is that other's, and `instead_of` says so; with the
    knowledge of a day before the merge it is the file's own.
    """
    known = end_of_day(known_at) if known_at is not None else None
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。")
    return await tell(session, code, row, library(), on or today(), known)
