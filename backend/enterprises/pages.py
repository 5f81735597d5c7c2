"""Pages about enterprises: the list, one enterprise, the export of what is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.clock import end_of_day, today
from backend.enterprises import editing
from backend.enterprises.enterprise_file import enterprise_file
from backend.enterprises.export import enterprises_workbook
from backend.enterprises.file_view import FileView
from backend.enterprises.forms import ChosenEnterprise
from backend.enterprises.industries import Industries
from backend.enterprises.labels import Names, programme_choices, region_choices
from backend.enterprises.queries import chains_in_use, parks_in_use
from backend.enterprises.search import Filters, Sort, all_found, search
from backend.recognitions.ladder import RUNGS
from backend.web.dependencies import Work
from backend.web.errors import Refusal
from backend.web.memory import memory_of, seen_by
from backend.web.responses import download, is_htmx
from backend.web.templates import render
from rules.library import library

#: The media type of a workbook.
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

router = APIRouter()
router.include_router(editing.router)

_SORTS: Mapping[str, Sort] = {
    one: one for one in ("name", "code", "established", "region", "rung", "updated")
}  # fmt: skip
_RUNG_CHOICES = [("none", "未入梯队"), *((one.id, one.name) for one in RUNGS)]
_DONE = {
    "proposed": "已提交，由另一人在“待确认”里确认后生效。",
    "edited": "已保存。",
    "filed": "已登记，并按新的数据重新测评了这家企业。",
    "granted": "已登记认定，并重新测评了这家企业。",
    "revoked": "已登记取消资格，并重新测评了这家企业。",
}


class NoSuchDay(Refusal):
    """What was asked for is no day."""

    status = 422
    slug = "no-such-day"
    title = "日期不对"

    def __init__(self, written: str) -> None:
        super().__init__(f"“{written[:20]}”不是日期，请写成 2026-03-31 这样。")


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


@router.get("/enterprises", response_class=HTMLResponse)
async def enterprises(request: Request, session: Work, person: SignedIn, on: OnDay) -> HTMLResponse:
    """The list of enterprises, narrowed by what is asked for, as it was on a day."""
    chosen = read_filters(request.query_params, person.region_code)
    rules = library()
    memory = memory_of(request)
    found = await search(session, chosen, on, rules, memory)
    chains, parks = await memory.recall(
        ("choices",), (await seen_by(session)).of(("enterprise",)), lambda: _choices(session)
    )
    return render(
        request, "enterprises/enterprises.html", block="results" if is_htmx(request) else None, page_title="企业",
        found=found, filters=chosen, on=on, is_today=on == today(), regions=region_choices(person),
        rung_choices=_RUNG_CHOICES, sections=Industries.load().sections, chains=chains,
        parks=parks, programmes=programme_choices(rules), query=query_of(request),
        names=Names(rules),
    )  # fmt: skip


async def _choices(session: AsyncSession) -> tuple[list[str], list[str]]:
    return await chains_in_use(session), await parks_in_use(session)


@router.get("/enterprises/export")
async def export(request: Request, session: Work, person: SignedIn, on: OnDay) -> Response:
    """The list that is shown, as a workbook."""
    chosen = read_filters(request.query_params, person.region_code)
    rows = await all_found(session, chosen, on, library())
    return download(enterprises_workbook(rows, Names(library()), on), f"企业名单-{on:%Y%m%d}.xlsx", XLSX)


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
) -> HTMLResponse:
    """The file of one enterprise, on a day, with the knowledge of a day; and one programme fully explained."""
    file = await enterprise_file(session, row, library(), on, end_of_day(known_at) if known_at else None)
    view = FileView(file, library())
    shown = view.shown(asked.programme)
    piece = "advice" if asked.advice else "standards" if asked.standards else None
    return render(
        request, "enterprises/enterprise.html", block=piece if is_htmx(request) else None, page_title=row["name"],
        breadcrumb=[("企业", "/enterprises"), (row["name"], None)], messages=[("good", _DONE[done])] if done in _DONE else [],
        file=file, view=view, row=row, key=row["credit_code"] or row["id"], on=on, known_at=known_at,
        is_today=on == today() and known_at is None, names=Names(library()), shown=shown,
        explanation=view.explain(shown) if shown else [], settling=view.settling(shown) if shown else [],
        may_advise=view.may_advise(shown), show_advice=asked.advice and shown is not None,
        advice=view.advice(shown) if asked.advice and shown else [],
        show_standards=asked.standards or view.is_standard(shown), may_write=person.role.may_write,
    )  # fmt: skip


def read_filters(raw: Mapping[str, str], within: str = "") -> Filters:
    """Filters out of a query string; a page or an order that is not understood is the first one.

    `within` is the district of whoever asks, empty for the whole city.
    """
    section = raw.get("industry", "")[:2]
    divisions = tuple(digits for digits, _ in Industries.load().divisions_of(section))
    page = raw.get("page", "1")
    return Filters(
        q=raw.get("q", "")[:100], rung=raw.get("rung", ""), region=raw.get("region", ""),
        industry=divisions or ((section,) if section else ()), chain=raw.get("chain", ""), park=raw.get("park", ""),
        programme=raw.get("programme", ""), outcome=raw.get("outcome", ""), missing=raw.get("missing", ""), within=within, sort=_SORTS.get(raw.get("sort", ""), "name"),
        page=int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1,
    )  # fmt: skip


def query_of(request: Request) -> str:
    """The query string without its page, for links to other pages and to the export."""
    kept: list[tuple[str, Any]] = [(name, value) for name, value in request.query_params.items() if value]
    return urlencode([(name, value) for name, value in kept if name != "page"])
