"""Pages about enterprises: the list, one enterprise, the export of what is shown."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.enterprise_file import ORDER, EnterpriseFile, enterprise_file
from backend.enterprises.export import enterprises_workbook
from backend.enterprises.industries import Industries
from backend.enterprises.queries import chains_in_use, find, parks_in_use
from backend.enterprises.regions import Regions
from backend.enterprises.search import Filters, Sort, all_found, search
from backend.recognitions.ladder import RUNGS
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download, is_htmx
from backend.web.templates import render
from rules.answers import show, unit_of
from rules.evaluate import Answer, Outcome, Reason
from rules.library import Library, library
from rules.remedy import Advice, remedies, settling_sets
from rules.values import FactKey, Growth, Unknown

router = APIRouter()

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Indicators that a chart and the head of the yearly table show first.
CHARTED = ("sales_revenue", "rd_expense_hnte", "employee_total", "net_assets_year_end")


@router.get("/enterprises", response_class=HTMLResponse)
async def enterprises(request: Request, session: Work, person: SignedIn) -> HTMLResponse:
    """The list of enterprises, narrowed by what is asked for."""
    chosen = read_filters(dict(request.query_params))
    rules = library()
    found = await search(session, chosen, today(), rules)
    return render(
        request, "enterprises/enterprises.html", block="results" if is_htmx(request) else None, page_title="企业", found=found,
        filters=chosen, regions=region_choices(person), rung_choices=[("none", "未入梯队"), *((one.id, one.name) for one in RUNGS)], sections=Industries.load().sections, chains=await chains_in_use(session),
        parks=await parks_in_use(session), programmes=programme_choices(rules), query=query_of(request), names=Names(rules),
    )  # fmt: skip


@router.get("/enterprises/export")
async def export(request: Request, session: Work, person: SignedIn) -> Response:
    """The list that is shown, as a workbook."""
    rows = await all_found(session, read_filters(dict(request.query_params)), today(), library())
    content = enterprises_workbook(rows, Names(library()), today())
    return download(content, f"企业名单-{today():%Y%m%d}.xlsx", XLSX)


@router.get("/enterprises/{code}", response_class=HTMLResponse)
async def enterprise(
    request: Request, session: Work, person: SignedIn, code: str, on: str = "", programme: str = ""
) -> HTMLResponse:
    """The file of one enterprise, on a day; with the full explanation of one programme."""
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码，或在企业列表中查找。")
    day = _day(on) or today()
    rules = library()
    file = await enterprise_file(session, row, rules, day)
    titles = [one for one in file.answers if one.version.programme.sort == "title"]
    shown = file.answer(programme) or _nearest(titles)
    return render(
        request, "enterprises/enterprise.html", page_title=row["name"], breadcrumb=[("企业", "/enterprises"), (row["name"], None)],
        file=file, row=row, on=day, names=Names(rules), answers=sorted(titles, key=lambda one: ORDER[one.outcome]),
        standards=[one for one in file.answers if one.version.programme.sort == "standard" and _is_spoken_of(one)],
        shown=shown, explanation=[explain(reason, file, rules) for reason in shown.reasons] if shown else [],
        advice=_advice(file, shown, rules), settling=[sorted(one, key=str) for one in settling_sets(shown)] if shown else [],
        charts=_charts(file), timeline=_timeline(file, Names(rules)), figures=_figures(file),
    )  # fmt: skip


def read_filters(raw: Mapping[str, str]) -> Filters:
    """Filters out of a query string; what is not understood narrows nothing."""
    industry = raw.get("industry", "")[:2]
    divisions = tuple(digits for digits, _ in Industries.load().divisions_of(industry)) or (
        (industry,) if industry else ()
    )
    sorts: dict[str, Sort] = {one: one for one in ("name", "code", "established", "region", "rung", "updated")}
    page = raw.get("page", "1")
    return Filters(
        q=raw.get("q", "")[:100], rung=raw.get("rung", ""), region=raw.get("region", ""),
        industry=divisions,
        chain=raw.get("chain", ""), park=raw.get("park", ""), programme=raw.get("programme", ""), outcome=raw.get("outcome", ""),
        sort=sorts.get(raw.get("sort", ""), "name"), page=int(page) if page.isdecimal() and len(page) < 7 else 1,
    )  # fmt: skip


def query_of(request: Request) -> str:
    """The query string without its page, for links to other pages and to the export."""
    return urlencode([(name, value) for name, value in request.query_params.items() if name != "page" and value])


def region_choices(person: PersonSignedIn) -> list[tuple[str, str]]:
    """The regions somebody may choose from: all districts of the cities served, or only the own one."""
    regions = Regions.load()
    if person.region_code:
        return [(person.region_code, person.region_name or person.region_code)]
    return [(one.code, one.name) for city in ("3212", "3207") for one in regions.children(f"{city}00")]


def programme_choices(rules: Library) -> list[tuple[str, str]]:
    """The titles one can filter by."""
    return [
        (name, one.source.name.zh)
        for name, one in rules.programmes.items()
        if one.source.sort == "title" and one.source.rung and one.source.status != "empty"
    ]


class Names:
    """Chinese names of what codes stand for, for templates."""

    def __init__(self, rules: Library) -> None:
        self._rules = rules
        self._regions = Regions.load()

    def programme(self, programme: str) -> str:
        """The name of a programme."""
        held = self._rules.by_name.get(programme)
        return held.source.name.zh if held is not None else programme

    def region(self, code: str) -> str:
        """The name of a region."""
        found = self._regions.find(code)
        return found.name if found is not None else code

    def indicator(self, name: str) -> str:
        """The name of an indicator."""
        found = self._rules.catalogue.indicator(name)
        return found.name if found is not None else name

    def fact(self, key: FactKey) -> str:
        """A fact in words: the indicator, with its year."""
        return self.indicator(key.indicator) + (f"（{key.year} 年）" if key.year is not None else "")

    def source(self, source: str) -> str:
        """The name of a source."""
        return next((one.name for one in self._rules.catalogue.sources if one.id == source), source)

    def industry(self, code: str) -> str:
        """The name of an industry's division."""
        return Industries.load().divisions.get(code[:2], code)


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if written else None
    except ValueError:
        return None


def _advice(file: EnterpriseFile, shown: Answer | None, rules: Library) -> list[tuple[str, list[Advice]]]:
    """What would meet each criterion that is not met, in words; proven by replaying it."""
    if shown is None or shown.outcome is not Outcome.INELIGIBLE:
        return []
    names = {one.criterion.id: one.criterion.name for one in shown.reasons}
    found = remedies(rules.evaluator(shown.version), file.facts, file.on)
    return [(names.get(name) or name, advices[:4]) for name, advices in found.items()]


def _is_spoken_of(answer: Answer) -> bool:
    """A standard about which at least one figure is known is worth a line."""
    return answer.outcome is not Outcome.UNDETERMINED or bool(answer.failed)


def _nearest(answers: list[Answer]) -> Answer | None:
    """The programme to explain first: HNTE where it is asked about most, else the first."""
    by_name = {one.version.source.programme: one for one in answers}
    return by_name.get("hnte") or next(iter(answers), None)


def explain(reason: Reason, file: EnterpriseFile, rules: Library) -> dict[str, Any]:
    """One criterion for the page: outcome, figure, threshold, gap, citation, facts with their sources."""
    criterion = reason.criterion
    unit = unit_of(criterion.shown)
    return {
        "id": criterion.id, "name": criterion.name or _title(reason, Names(rules)), "outcome": str(reason.outcome), "cite": criterion.cite,
        "certainty": str(criterion.certainty), "form": criterion.form, "op": _OPERATORS.get(reason.op, ""), "unit": unit,
        "is_route_choice": criterion.is_route_choice, "has_figure": _has_figure(reason),
        "figure": _shown(reason.figure, criterion.shown), "threshold": _shown(reason.threshold, criterion.shown),
        "gap": show(reason.gap, criterion.shown) if reason.gap is not None else None, "note": reason.note,
        "missing": [Names(rules).fact(key) for key in sorted(reason.missing, key=str)],
        "facts": _facts_used(reason, file, rules),
        "items": [(_measure_name(name, file, reason), _shown(value, "number")) for name, value in reason.items],
        "children": [
            explain(child, file, rules)
            for child in reason.children
            if child.outcome is not Outcome.NOT_APPLICABLE or child.criterion.name
        ],
    }  # fmt: skip


_OPERATORS = {">=": "≥", ">": "＞", "<=": "≤", "<": "＜", "==": "＝", "!=": "≠"}


def _title(reason: Reason, names: "Names") -> str:
    form = reason.criterion.form
    if form in ("any_of", "all_of", "at_least"):
        return {"any_of": "满足其一", "all_of": "同时满足"}.get(form, f"满足其中 {reason.criterion.n} 项")
    if form == "score":
        return "综合得分"
    return "、".join(dict.fromkeys(names.indicator(key.indicator) for key, _ in reason.facts)) or reason.criterion.expression


def _has_figure(reason: Reason) -> bool:
    return bool(reason.op) and not isinstance(reason.threshold, bool | str) and reason.threshold is not None


def _shown(value: Any, shown: str) -> Any:
    if isinstance(value, Unknown):
        if value.lo is not None and value.hi is not None:
            return f"{show(value.lo, shown)} – {show(value.hi, shown)}"
        return None
    return show(value, shown) if not isinstance(value, Growth) else show(value, "percent")


def _facts_used(reason: Reason, file: EnterpriseFile, rules: Library) -> list[dict[str, Any]]:
    """The facts that a criterion read, each once, with value, unit and where it comes from."""
    used: dict[FactKey, dict[str, Any]] = {}
    origins = _origins(file)
    for key, value in reason.facts:
        indicator = rules.catalogue.by_name[key.indicator]
        used[key] = {
            "name": Names(rules).fact(key), "value": _plain(value, indicator.type), "unit": indicator.unit,
            "is_missing": isinstance(value, Unknown), "source": origins.get(key, ""),
        }  # fmt: skip
    return list(used.values())


def _origins(file: EnterpriseFile) -> dict[FactKey, str]:
    found = {FactKey(one.indicator.id): one.said[0].source for one in file.current if one.said}
    for figure in file.yearly:
        found |= {FactKey(figure.indicator.id, year): said[0].source for year, said in figure.said.items() if said}
    return found


def _plain(value: Any, kind: str) -> Any:
    if isinstance(value, Unknown):
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return f"{len(value)} 条记录" if value else "无"
    if value is None:
        return "无"
    return show(value, "money" if kind == "money" else "number")


def _measure_name(name: str, file: EnterpriseFile, reason: Reason) -> str:
    for answer in file.answers:
        for measure in answer.version.measures:
            if measure.id == name and reason.criterion in answer.version.criteria:
                return measure.name
    return next((m.name for a in file.answers for m in a.version.measures if m.id == name), name)


def _figures(file: EnterpriseFile) -> list[dict[str, Any]]:
    """The yearly table: a row per indicator, a cell per year with its value, sources and whether they disagree."""
    return [
        {
            "name": one.indicator.name, "unit": one.indicator.unit or ("万元" if one.indicator.type == "money" else ""),
            "definition": one.indicator.definition, "values": [one.values.get(year) for year in reversed(file.years)],
            "cells": [
                {"value": one.values.get(year), "said": one.said.get(year, ()), "disagrees": one.disagrees(year)}
                for year in file.years
            ],
        }
        for one in file.yearly
    ]  # fmt: skip


def _charts(file: EnterpriseFile) -> list[dict[str, Any]]:
    years = list(reversed(file.years))
    by_id = {one.indicator.id: one for one in file.yearly}
    charts: list[dict[str, Any]] = []
    for name in CHARTED:
        figure = by_id.get(name)
        if figure is None or len(figure.values) < 2:
            continue
        unit = figure.indicator.unit or ("万元" if figure.indicator.type == "money" else "")
        series = [{"name": figure.indicator.name, "values": [figure.values.get(year) for year in years]}]
        charts.append(
            {"label": f"{figure.indicator.name}（{unit}）",
             "spec": {"kind": "bar", "unit": unit, "categories": [str(year) for year in years], "series": series}}
        )  # fmt: skip
    return charts


def _timeline(file: EnterpriseFile, names: Names) -> list[dict[str, Any]]:
    """Titles, names and moves in one line of time, the newest first."""
    events: list[dict[str, Any]] = []
    for held in file.titles:
        name = names.programme(held.programme)
        until = f"，有效至 {held.valid_to}" if held.valid_to else ""
        word = {"renewed": "重新认定", "extended": "复核通过"}.get(held.kind, "认定")
        rung = library().by_name[held.programme].source.rung if held.programme in library().by_name else ""
        events.append(
            {"day": held.granted_on, "title": f"{name}（{word}）", "text": f"{held.number}{until}".strip("，"), "rung": rung,
             "in_force": held.is_in_force(file.on)}
        )  # fmt: skip
        if held.revoked_on:
            events.append(
                {
                    "day": held.revoked_on,
                    "title": f"取消{name}资格",
                    "text": held.revocation_reason,
                    "rung": "",
                    "in_force": False,
                }
            )
        elif held.valid_to and held.valid_to < file.on:
            events.append(
                {"day": held.valid_to, "title": f"{name}到期", "text": held.number, "rung": "", "in_force": False}
            )
    for used in file.names:
        if used.used_to and used.used_to.year > 1:
            events.append(
                {"day": used.used_to, "title": "更名", "text": f"原名 {used.name}", "rung": "", "in_force": False}
            )
    for region in file.regions:
        if region["valid_from"]:
            events.append(
                {
                    "day": region["valid_from"],
                    "title": f"迁入{names.region(region['region_code'])}",
                    "text": "",
                    "rung": "",
                    "in_force": False,
                }
            )
    if file.row["established_on"]:
        events.append({"day": file.row["established_on"], "title": "成立", "text": "", "rung": "", "in_force": False})
    return sorted(events, key=lambda event: event["day"], reverse=True)
