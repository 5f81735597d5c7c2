"""What the address of a list or of a file asks: the day, the filters, the place in the list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Depends, Request

from backend.access.schemas import PersonSignedIn
from backend.clock import end_of_day, today
from backend.enterprises.columns import BY_ID, Column, columns_then
from backend.enterprises.figure_order import check_place, figure_order
from backend.enterprises.paging import Sort, parts_of
from backend.enterprises.saved_views import PLACE
from backend.enterprises.search import Filters
from backend.web.errors import Refusal
from backend.web.rest import CursorUnknown, read_cursor
from rules.industries import Industries, IndustryError, parse_industry
from rules.library import library

#: Nothing was entered before the reform, and nobody plans for longer ahead.
FIRST_YEAR: Final = 1978
LAST_YEAR: Final = 2100
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


class DayOutOfReach(Refusal):
    """A day that nothing can be asked of."""

    status = 422
    slug = "day-out-of-reach"
    title = "日期不对"

    def __init__(self, day: date, what: str) -> None:
        super().__init__(f"{what}只能按 {FIRST_YEAR} 年到 {LAST_YEAR} 年的日子查看，{day.isoformat()} 请改正。")


class NotKnownThen(Refusal):
    """What is kept as it is now only was asked for as known on an earlier day; `what` says of each what to do."""

    status = 422
    slug = "not-known-then"
    title = "过去的数据时点查不了"

    def __init__(self, what: Sequence[str]) -> None:
        super().__init__(f"{'；'.join(what)}；或清空“数据时点”，看现在的名单。")


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


def within_reach(day: date, what: str) -> date:
    """A day that something can be asked of. Raises DayOutOfReach."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise DayOutOfReach(day, what)
    return day


def known_of_list(known_at: str) -> date | None:
    """The day whose knowledge a list is answered from; None, a day to come or today is now.

    Raises:
        NoSuchDay, DayOutOfReach: it is none, or none that anything was known on.
    """
    day = read_day(known_at)
    return None if day is None or within_reach(day, "名单") >= today() else day


def read_filters(raw: Mapping[str, str], person: PersonSignedIn) -> Filters:
    """Filters out of a query string, as somebody asks; a page or an order that is not understood is the first one.

    Raises:
        NoSuchIndustry, NoSuchDay, DayOutOfReach: something is none.
        NotKnownThen: an earlier day's knowledge cannot answer a filter, or has no such order.
    """
    divisions, industry = _industry_asked(raw.get("industry", ""))
    page = raw.get("page", "1")
    figure = figure_order(raw.get("sort", ""), library().catalogue)
    known_on = known_of_list(raw.get("known_at", ""))
    if known_on is not None:
        _demand_known(raw)
    return Filters(
        q=raw.get("q", "")[:100], rung=raw.get("rung", ""), region=raw.get("region", ""),
        territory=raw.get("territory", ""),
        industry=divisions, industry_begins=industry, chain=raw.get("chain", ""), park=raw.get("park", ""),
        programme=raw.get("programme", ""), outcome=raw.get("outcome", ""), missing=raw.get("missing", ""),
        officer=str(person.id) if raw.get("officer") == "mine" else raw.get("officer", ""), within=person.region_code, sort="figure" if figure else _SORTS.get(raw.get("sort", ""), "name"),
        figure=figure,
        is_counted_out=raw.get("counted") == "out", page=int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1,
        known_at=end_of_day(known_on) if known_on is not None else None,
    )  # fmt: skip


#: By whether somebody stands to a programme so, which titles tell as known on any day.
KNOWN_OUTCOMES: Final = ("held", "not_held")


def _demand_known(raw: Mapping[str, str]) -> None:
    """Raises NotKnownThen: of what is asked for only what holds now is kept."""
    found: list[str] = []
    if raw.get("programme") and raw.get("outcome", "") not in ("", *KNOWN_OUTCOMES):
        found.append("当时的测评结果没有保存，“测评结果”请改选“已认定（有效）”或“未认定”")
    if raw.get("missing"):
        found.append("当时差哪些数据没有保存，请去掉“差某项数据”这个条件")
    if raw.get("officer"):
        found.append("责任人只有现在的，请去掉“责任人”这个条件")
    if raw.get("sort") == "updated":
        found.append("“最近更新”只有现在的，请改为按名称、梯级、市（区）、成立日期或代码排序")
    elif figure_order(raw.get("sort", ""), library().catalogue):
        found.append("按数据排序只能按现在的数据，请改为按名称等排序；要比大小，请把这项数据选为列，导出后再排序")
    if found:
        raise NotKnownThen(found)


def as_known(columns: Sequence[Column], chosen: Filters) -> list[Column]:
    """The columns of a list as its knowledge has them.

    Raises:
        NotKnownThen: of one only what holds now is kept.
    """
    if chosen.known_at is None:
        return list(columns)
    if BY_ID["officer"] in columns:
        raise NotKnownThen(["责任人只有现在的，请在“选列”里去掉“责任人”一列"])
    return columns_then(columns)


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
