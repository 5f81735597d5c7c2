"""The work list of figures: where sources disagree, what does not fit together. Works without JavaScript."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from backend.access.dependencies import Officer, SignedIn
from backend.enterprises.forms import ChosenEnterprise, address_of
from backend.enterprises.labels import Names, region_choices
from backend.enterprises.pages import query_of
from backend.filings.conflicts import NO_YEAR
from backend.filings.forms import shown_column, shown_value, unit_of
from backend.filings.schemas import FlagForm
from backend.filings.settling import answer_flag
from backend.filings.worklist import WorkFilters, count_conflicts, count_flags, flags_of, open_conflicts, open_flags
from backend.web.dependencies import Work
from backend.web.errors import Refusal
from backend.web.responses import is_htmx, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
#: How large a difference one may ask for, in percent.
SIZES = (10, 20, 50, 90)


class NoReason(Refusal):
    """Whoever says that a flagged figure is right must say why."""

    status = 422
    slug = "no-reason"
    title = "请写明理由"


@router.get("/conflicts", response_class=HTMLResponse)
async def conflicts(
    request: Request, session: Work, person: SignedIn, view: str = "sources", region: str = "", subject: str = "",
    at_least: str = "", page: int = 1,
) -> HTMLResponse:  # fmt: skip
    """Figures that wait for somebody to look at them, by region, indicator and size."""
    size = int(at_least) if at_least.isascii() and at_least.isdecimal() and len(at_least) < 4 else 0
    asked = WorkFilters(region, subject, size, max(1, min(page, 1_000_000)))
    is_flags = view == "flags"
    if is_flags:
        found, flagged = await open_flags(session, asked)
        conflicting = await count_conflicts(session)
    else:
        found, conflicting = await open_conflicts(session, asked)
        flagged = await count_flags(session)
    rows = [_flag(dict(row)) if is_flags else _conflict(dict(row)) for row in found.rows]
    return render(
        request, "filings/conflicts.html", block="results" if is_htmx(request) else None, page_title="数据核对",
        found=found, rows=rows, is_flags=is_flags, asked=asked, conflicting=conflicting, flagged=flagged, sizes=SIZES,
        regions=region_choices(person), subjects=_subjects(is_flags=is_flags), names=Names(library()), query=query_of(request),
    )  # fmt: skip


def _subjects(*, is_flags: bool) -> list[tuple[str, str]]:
    catalogue = library().catalogue
    if is_flags:
        return [(one.id, one.name) for one in (*catalogue.consistency, *catalogue.jumps)]
    return [(one.id, one.name) for one in catalogue.indicators if len(one.sources) > 1 and one.type != "list"]


def _conflict(row: dict[str, Any]) -> dict[str, Any]:
    indicator = library().catalogue.indicator(row["indicator"])
    said = [one | {"shown": shown_value(indicator, one["value"])} for one in row["said"]]
    return row | {
        "address": address_of({"credit_code": row["credit_code"], "id": row["enterprise_id"]}),
        "fact": indicator.name if indicator else row["indicator"], "unit": unit_of(indicator), "said": said,
        "year": row["year"] or None, "smells_of": smells_of(row["ratio"]),
    }  # fmt: skip


def smells_of(ratio: Any) -> str:
    """What a ratio between two sources hints at, in the words of the catalogue's jumps; empty for nothing."""
    reached = [jump for jump in library().catalogue.jumps if ratio is not None and ratio >= jump.at_least]
    if not reached:
        return ""
    return "疑似元、万元混用" if max(jump.at_least for jump in reached) >= 1000 else "疑似差一位数"


def _flag(row: dict[str, Any]) -> dict[str, Any]:
    return told_flag(row) | {"address": address_of({"credit_code": row["credit_code"], "id": row["enterprise_id"]})}


def told_flag(row: dict[str, Any]) -> dict[str, Any]:
    """A flag in words: what is wrong, with which figures, what to look at."""
    catalogue = library().catalogue
    rule = next((one for one in (*catalogue.consistency, *catalogue.jumps) if one.id == row["rule"]), None)
    jumped = catalogue.indicator(row["indicator"]) if row["indicator"] else None
    if jumped is not None:
        years = ((f"{row['year']} 年", "this"), (f"{row['year'] - 1} 年", "before"))
        figures = [(f"{jumped.name}（{label}）", shown_column(jumped, row["figures"][key])) for label, key in years]
    else:
        known = [(catalogue.indicator(name), value) for name, value in row["figures"].items()]
        figures = [(one.name, shown_column(one, value)) for one, value in known if one is not None]
    return row | {
        "title": rule.name if rule else row["rule"], "hint": rule.hint if rule else "", "shown": figures,
        "year": row["year"] or None,
    }  # fmt: skip


@router.post("/enterprises/{code}/flags")
async def answer(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[FlagForm, Form()]
) -> Response:
    """Note that figures which look wrong are right, with the reason."""
    if not form.reason.strip():
        raise NoReason("请写明理由：看了什么材料，为什么这组数据属实。本次没有保存。")
    flags = await flags_of(session, row["id"])
    wanted = (form.rule, form.indicator, form.year or NO_YEAR)
    flag = next((one for one in flags if (one["rule"], one["indicator"], one["year"]) == wanted), None)
    if flag is None or str(flag["noted_at"].timestamp()) != form.noted:
        raise Refusal("这组数据已经变动或已有人说明，您的说明没有保存。请刷新后再看。")
    await answer_flag(session, flag, form.reason.strip(), answered_by=person.id)
    return redirect(request, f"{address_of(row)}/check?done=answered")
