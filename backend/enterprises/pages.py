"""Pages about enterprises: the list, one enterprise, the export of what is shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.clock import end_of_day, today
from backend.enterprises import division_pages, editing, life_pages, list_pages, merge_pages, unsplit_pages
from backend.enterprises.asking import (
    KNOWN_OUTCOMES,
    KnownAt,
    OnDay,
    as_known,
    asked_day,
    industry_choices,
    known_of_list,
    query_of,
    read_filters,
    read_place,
)
from backend.enterprises.bulk import BulkRefused
from backend.enterprises.columns import (
    COLUMNS,
    USUAL_IN_WORKBOOK,
    Column,
    add_details,
    chosen_columns,
    figure_choices,
    figure_column,
)
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.export import enterprises_workbook
from backend.enterprises.figure_order import FigureOrder
from backend.enterprises.file_view import FileView
from backend.enterprises.forms import ChosenEnterprise
from backend.enterprises.labels import Names, programme_choices, region_choices
from backend.enterprises.lineage import ENDS, Lineage, led_here, lineage_of
from backend.enterprises.list_pages import BulkForm, told, with_figure
from backend.enterprises.officers import officers
from backend.enterprises.paging import place_of
from backend.enterprises.queries import chains_in_use, find, parks_in_use
from backend.enterprises.saved_views import PLACE, views_for
from backend.enterprises.search import Filters, all_found, search
from backend.exports.jobs import MOST_AT_ONCE, address_of
from backend.recognitions.ladder import RUNGS
from backend.web.dependencies import Work
from backend.web.memory import memory_of, seen_by
from backend.web.responses import download, is_htmx, piece_for, redirect
from backend.web.rest import write_cursor
from backend.web.templates import render
from rules.library import library

#: The media type of a workbook.
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter()
router.include_router(editing.router)
router.include_router(list_pages.router)
router.include_router(merge_pages.router)
router.include_router(life_pages.router)
router.include_router(unsplit_pages.router)
router.include_router(division_pages.router)

_RUNG_CHOICES = [("none", "未入梯队"), *((one.id, one.name) for one in RUNGS)]
_OUTCOMES = [
    ("held", "已认定（有效）"), ("not_held", "未认定"), ("candidate", "符合或基本符合，尚未认定"),
    ("newcomer", "符合或基本符合，从未认定"), ("eligible", "符合"), ("likely", "基本符合"), ("undetermined", "待定"),
    ("ineligible", "不符合"),
]  # fmt: skip
_SORT_LABELS = [
    ("name", "名称"), ("rung", "梯级"), ("region", "市（区）"), ("established", "成立日期"), ("updated", "最近更新"),
    ("code", "代码"),
]  # fmt: skip
_DONE = {
    "proposed": "已提交，由另一人在“待确认”里确认后生效。",
    "edited": "已保存。",
    "merged": "已合并。另一份档案的代码、编号和名称今后都指向这里；如有误，可在“沿革”里撤销。",
    "parted": "已撤销合并，两份档案恢复原样。",
    "ended": "已登记，自该日起不计入统计、培育库和工作清单。",
    "revived": "已恢复为存续，并重新测评了这家企业。",
    "moved": "已登记迁移，以前各天仍按原市（区）统计。",
    "split": "已登记分立，两家的档案都注明了来由。",
    "unsplit": "已撤销分立：认定回到原企业，两家恢复到分立以前。",
    "recoded": "已变更统一社会信用代码，原代码仍可查到这家企业。",
    "filed": "已登记，并按新的数据重新测评了这家企业。",
    "granted": "已登记认定，并重新测评了这家企业。",
    "revoked": "已登记取消资格，并重新测评了这家企业。",
    "withdrawn": "已撤回这条认定登记，并重新测评了这家企业。",
}


@router.get("/enterprises", response_class=HTMLResponse)
async def enterprises(request: Request, session: Work, person: SignedIn, on: OnDay, done: str = "") -> Response:
    """The list of enterprises, narrowed by what is asked for, as it was on a day and known on another."""
    if (address := with_figure(request)) is not None:
        return redirect(request, address)
    chosen = read_place(request, read_filters(request.query_params, person))
    rules, names = library(), Names(library())
    memory = memory_of(request)
    piece = piece_for(request)
    found = await search(session, chosen, on, rules, memory, is_counted_later=piece != "count")
    columns = _columns(request, chosen)
    rows = await add_details(session, found.rows, columns, on, chosen.known_at)
    known_on = known_of_list(request.query_params.get("known_at", ""))
    chains, parks = await memory.recall(
        ("choices",), (await seen_by(session)).of(("enterprise",)), lambda: _choices(session)
    )
    following = write_cursor(request, place_of(chosen.sort, found.rows[-1])) if not found.is_last else ""
    preceding = write_cursor(request, place_of(chosen.sort, found.rows[0])) if found.page > 2 else ""
    return render(
        request, "enterprises/enterprises.html", block=piece, page_title="企业",
        found=found, rows=[(row, [(one, one.of(row, names)) for one in columns]) for row in rows], columns=columns,
        all_columns=[*COLUMNS, *(one for one in columns if one.indicator)], figure_choices=figure_choices(rules.catalogue),
        years=[on.year - back for back in range(7)], officers=await officers(session, person.region_code, person.park or None), filters=chosen, on=on, known_on=known_on, on_today=on == today(), is_today=on == today() and known_on is None, then=_then(on, known_on), regions=region_choices(person),
        rung_choices=_RUNG_CHOICES, industries=industry_choices(request.query_params.get("industry", "")), chains=chains, parks=parks,
        programmes=programme_choices(rules), query=query_of(request), following=following, preceding=preceding, names=names,
        kept=[one for one in request.query_params.multi_items() if one[0] not in PLACE | {"columns", "done"} and one[1]],
        views=await views_for(session, person), may_write=person.role.may_write, outcomes=_outcomes(known_on), sorts=_sorts(columns, known_on), sort=chosen.figure.id if chosen.figure else chosen.sort, heads={} if known_on else _heads(request, columns, chosen), is_piece=is_htmx(request), is_count=piece == "count",
        messages=[("good", told(done))] if told(done) else [],
    )  # fmt: skip


def _then(on: date, known_on: date | None) -> str:
    """The day and the knowledge of a list in the address of a file, where it is known otherwise than now."""
    return "" if known_on is None else f"?on={on}&known_at={known_on}"


def _outcomes(known_on: date | None) -> list[tuple[str, str]]:
    return _OUTCOMES if known_on is None else [one for one in _OUTCOMES if one[0] in KNOWN_OUTCOMES]


def _sorts(columns: Sequence[Column], known_on: date | None) -> list[tuple[str, str]]:
    if known_on is not None:
        return [one for one in _SORT_LABELS if one[0] != "updated"]
    return [*_SORT_LABELS, *_figure_sorts(columns)]


def _columns(request: Request, chosen: Filters) -> list[Column]:
    """The columns asked for; and the figure that the list is sorted by."""
    columns = as_known(chosen_columns(request.query_params.getlist("columns")), chosen)
    sorted_by = figure_column(chosen.figure.column, library().catalogue) if chosen.figure else None
    return columns if sorted_by is None or sorted_by.id in [one.id for one in columns] else [*columns, sorted_by]


def _orders(columns: Sequence[Column]) -> list[tuple[Column, FigureOrder]]:
    return [(one, FigureOrder(one.indicator, one.year)) for one in columns if one.indicator is not None]


def _figure_sorts(columns: Sequence[Column]) -> list[tuple[str, str]]:
    return [
        (way.id, f"{one.label} {words}")
        for one, order in _orders(columns)
        for way, words in ((order, "从高到低"), (order.other, "从低到高"))
    ]


def _heads(request: Request, columns: Sequence[Column], chosen: Filters) -> dict[str, tuple[str, str]]:
    """By column of a figure, where its head leads, and in which order the list is: the highest first, then the lowest."""
    kept = [one for one in parse_qsl(query_of(request)) if one[0] != "sort"]
    heads: dict[str, tuple[str, str]] = {}
    for one, order in _orders(columns):
        is_chosen = chosen.figure is not None and chosen.figure.column == order.column
        way = order.other if is_chosen and chosen.figure == order else order
        sorted_as = ("ascending" if chosen.figure == order.other else "descending") if is_chosen else "none"
        heads[one.id] = (f"/enterprises?{urlencode([*kept, ('sort', way.id)])}", sorted_as)
    return heads


async def _choices(session: AsyncSession) -> tuple[list[str], list[str]]:
    return await chains_in_use(session), await parks_in_use(session)


@router.get("/enterprises/export")
async def export(request: Request, session: Work, person: SignedIn, on: OnDay) -> Response:
    """The list that is shown, as a workbook with the columns chosen."""
    chosen = read_filters(request.query_params, person)
    if (await search(session, replace(chosen, page=1), on, library(), memory_of(request))).total > MOST_AT_ONCE:
        return redirect(request, address_of("enterprises", query_of(request)))
    return await _workbook(session, chosen, request.query_params.getlist("columns"), on)


@router.post("/enterprises/export")
async def export_ticked(session: Work, person: SignedIn, form: Annotated[BulkForm, Form()]) -> Response:
    """Those ticked on the list, in its order and with its columns, as a workbook."""
    if not form.id:
        raise BulkRefused("还没有选中企业。请先勾选，再导出所选；要导出整个名单，请用右上角的“导出当前名单”。")
    asked = parse_qsl(form.query)
    chosen = read_filters(dict(asked), person)
    on = asked_day(dict(asked).get("on", ""))
    columns = [value for name, value in asked if name == "columns"]
    return await _workbook(session, replace(chosen, ids=tuple(form.id)), columns, on)


async def _workbook(session: AsyncSession, chosen: Filters, columns: Sequence[str], on: date) -> Response:
    shown = as_known(chosen_columns(columns, USUAL_IN_WORKBOOK), chosen)
    rows = await all_found(session, chosen, on, library())
    rows = await add_details(session, rows, shown, on, chosen.known_at)
    book = enterprises_workbook(rows, shown, Names(library()), on, chosen.known_at)
    return download(book, f"企业名单-{on:%Y%m%d}.xlsx", XLSX)


@dataclass(frozen=True)
class Shown:
    """Which parts of a file are worked out: one programme fully explained, and what is looked at less often."""

    #: Empty for the programme that is asked about most.
    programme: str = ""
    #: What would make up for the criteria that are not met.
    advice: bool = False
    #: How the enterprise stands to boards and other standards.
    standards: bool = False


@router.get("/enterprises/{code}", response_class=HTMLResponse)
async def enterprise(
    request: Request,
    session: Work,
    person: SignedIn,
    row: ChosenEnterprise,
    on: OnDay,
    known_at: KnownAt,
    asked: Annotated[Shown, Depends()],
    done: str = "",
    instead_of: str = "",
) -> Response:
    """The file of one enterprise, on a day, with the knowledge of a day; and one programme fully explained.

    Whoever comes by what named a file that is part of this one now is sent here; asked for an earlier day's knowledge,
    that file is shown as it was.
    """
    lineage = await lineage_of(session, row["id"])
    came_by = await led_here(session, request.path_params["code"], row["id"])
    key: str | int = row["credit_code"] or row["id"]
    if came_by is not None and known_at is not None and end_of_day(known_at) < came_by.merged_at:
        own = await find(session, str(came_by.id), end_of_day(known_at))
        row, key = {**(own or row), "credit_code": came_by.credit_code}, came_by.id
    elif came_by is not None:
        asks = f"&{request.url.query}" if request.url.query else ""
        return redirect(request, f"/enterprises/{key}?instead_of={came_by.id}{asks}")
    file = await enterprise_file(session, row, library(), on, end_of_day(known_at) if known_at else None)
    view = FileView(file, library())
    shown = view.shown(asked.programme)
    piece = "advice" if asked.advice else "standards" if asked.standards else None
    return render(
        request, "enterprises/enterprise.html", block=piece if is_htmx(request) else None, page_title=row["name"],
        breadcrumb=[("企业", "/enterprises"), (row["name"], None)],
        messages=[*([("good", _DONE[done])] if done in _DONE else []), *_instead(lineage, instead_of)],
        lineage=lineage, end_labels=ENDS, file=file, view=view, row=row, key=key, on=on, known_at=known_at,
        is_today=on == today() and known_at is None, names=Names(library()), shown=shown,
        explanation=view.explain(shown) if shown else [], settling=view.settling(shown) if shown else [],
        may_advise=view.may_advise(shown), show_advice=asked.advice and shown is not None,
        advice=view.advice(shown) if asked.advice and shown else [],
        show_standards=asked.standards or view.is_standard(shown), may_write=person.role.may_write,
    )  # fmt: skip


def _instead(lineage: Lineage, closed: str) -> list[tuple[str, str]]:
    """What to tell somebody who came by the number or code of a file that is part of this one now."""
    came = next((one for one in lineage.merges if str(one.id) == closed and one.undone_at is None), None)
    told = came.name if came is not None else ""
    return [("near", f"您查找的“{told}”的档案已于 {came.merged_at:%Y-%m-%d} 并入这里。")] if came is not None else []
