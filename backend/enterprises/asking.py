"""What the address of a list or of a file asks: the day, the filters, the place in the list."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request

from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.figure_order import check_place, figure_order
from backend.enterprises.paging import Sort, parts_of
from backend.enterprises.saved_views import PLACE
from backend.enterprises.search import Filters
from backend.web.errors import Refusal
from backend.web.rest import CursorUnknown, read_cursor
from rules.industries import Industries, IndustryError, parse_industry
from rules.library import library

_SORTS: Mapping[str, Sort] = {
    one: one for one in ("name", "code", "established", "region", "rung", "updated")
}  # fmt: skip


class NoSuchDay(Refusal):
    """What was asked for is no day."""

    status = 422
    slug = "no-such-day"
    title = "日期不对"

    def __init__(self, written: str) -> None:
        super().__init__(f"“{written[:20]}”不是日期，请写成 2026-03-31 这样。")


class NoSuchIndustry(Refusal):
    """What was asked for is no industry; the message says what is wrong with it."""

    status = 422
    slug = "no-such-industry"
    title = "行业不对"


def read_day(written: str) -> date | None:
    """A day out of a query string; None where none was given.

    Raises:
        NoSuchDay: it is none.
    """
    if not written:
        return None
    try:
        return date.fromisoformat(written)
    except ValueError as problem:
        raise NoSuchDay(written) from problem


def asked_day(on: str = "") -> date:
    """The day asked about, today where none is given. Raises NoSuchDay."""
    return read_day(on) or today()


def asked_knowledge(known_at: str = "") -> date | None:
    """The day whose knowledge answers; None is now. Raises NoSuchDay."""
    return read_day(known_at)


OnDay = Annotated[date, Depends(asked_day)]
KnownAt = Annotated[date | None, Depends(asked_knowledge)]


def read_filters(raw: Mapping[str, str], person: PersonSignedIn) -> Filters:
    """Filters out of a query string, as somebody asks; a page or an order that is not understood is the first one."""
    divisions, industry = _industry_asked(raw.get("industry", ""))
    page = raw.get("page", "1")
    figure = figure_order(raw.get("sort", ""), library().catalogue)
    return Filters(
        q=raw.get("q", "")[:100], rung=raw.get("rung", ""), region=raw.get("region", ""),
        territory=raw.get("territory", ""),
        industry=divisions, industry_begins=industry, chain=raw.get("chain", ""), park=raw.get("park", ""),
        programme=raw.get("programme", ""), outcome=raw.get("outcome", ""), missing=raw.get("missing", ""),
        officer=str(person.id) if raw.get("officer") == "mine" else raw.get("officer", ""), within=person.region_code, sort="figure" if figure else _SORTS.get(raw.get("sort", ""), "name"),
        figure=figure,
        is_counted_out=raw.get("counted") == "out", page=int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1,
    )  # fmt: skip


def _industry_asked(written: str) -> tuple[tuple[str, ...], str]:
    """The divisions that are meant (a section is several), and the digits of a group or class within one.

    Raises:
        NoSuchIndustry: it is none.
    """
    if not written.strip():
        return (), ""
    try:
        asked = parse_industry(written)
    except IndustryError as problem:
        raise NoSuchIndustry(str(problem)) from problem
    if asked.division is None:
        return tuple(digits for digits, _ in Industries.load().divisions_of(asked.section)), ""
    return (asked.division,), asked.digits if len(asked.digits) > len(asked.division) else ""


def industry_choices(written: str) -> list[tuple[str, str]]:
    """The sections to choose from; and, in front, the division, group or class that the address asks for."""
    sections = list(Industries.load().sections.items())
    if not written.strip():
        return sections
    asked = parse_industry(written)
    return sections if asked.division is None else [(written, f"{asked.code} {asked.name}"), *sections]


def read_place(request: Request, chosen: Filters) -> Filters:
    """The filters with the place that the page begins after; one that is no longer understood is counted off instead."""
    try:
        place = place_asked(request, chosen)
    except CursorUnknown:
        return chosen
    is_backwards = request.query_params.get("back") == "1"
    return replace(chosen, after=tuple(place), is_backwards=is_backwards) if place else chosen


def place_asked(request: Request, chosen: Filters) -> list[Any] | None:
    """The place that a page begins after; None at the beginning. Raises CursorUnknown."""
    place = read_cursor(request, parts_of(chosen.sort))
    if place and chosen.figure:
        check_place(chosen.figure, place)
    return place


def query_of(request: Request) -> str:
    """The query string without its page, for links to other pages and to the export."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if value]
    return urlencode([(name, value) for name, value in kept if name not in PLACE | {"done"}])
