"""The rules explorer, for everybody: each programme as a readable page, each criterion under an address that lasts."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.clock import today
from backend.exact_json import exact_json
from backend.handbook import queries
from backend.web.errors import NotFound
from backend.web.templates import render
from rules.examples import example
from rules.explanation import explain
from rules.facts import read_date, read_facts
from rules.library import NotInForce, Programme, UnknownProgramme, library
from rules.programme import Version
from rules.translation import say

router = APIRouter(prefix="/rules")


@router.get("", response_class=HTMLResponse)
async def rules(request: Request, q: str = "") -> HTMLResponse:
    """Every programme with its versions, and a search over criteria and indicators."""
    groups: dict[str, list[Programme]] = {"title": [], "standard": [], "status": []}
    for programme in library().programmes.values():
        groups[programme.source.sort].append(programme)
    criteria, indicators = queries.search(q[:100], library())
    return render(
        request, "handbook/rules.html", page_title=say("规则库"), groups=groups, q=q[:100], criteria=criteria,
        found_indicators=indicators, indicators=len(library().catalogue.indicators),
    )  # fmt: skip


@router.get("/indicators/{name}", response_class=HTMLResponse)
async def indicator(request: Request, name: str) -> HTMLResponse:
    """One indicator: what it means, where it stands on the official form, who reads it."""
    found = library().catalogue.indicator(name)
    if found is None:
        raise NotFound(say("目录中没有指标“{name}”。请从规则库搜索进入。", name=name))
    names = {one.id: one.name for one in library().catalogue.sources}
    return render(
        request, "handbook/indicator.html", page_title=found.name, indicator=found,
        sources=[names[one] for one in found.sources],
        readers=queries.readers_of(found, library()), breadcrumb=[(say("规则库"), "/rules"), (found.name, None)],
    )  # fmt: skip


@router.get("/{name}", response_class=HTMLResponse)
async def rule(request: Request, name: str, on: str = "") -> HTMLResponse:
    """One version of a programme: `hnte` as in force on a day, or `hnte@2016` for ever."""
    programme, version, day = _found(name, on)
    title = programme.source.name.said
    context: dict[str, Any] = {"programme": programme, "version": version, "not_in_force": _why_not(name, day)}
    if version is not None:
        context |= {
            "criteria": queries.criteria_of(version), "measures": queries.measures_of(version),
            "indicators": [library().catalogue.by_name[one] for one in version.indicators], "worked": _worked(version),
        }  # fmt: skip
    return render(
        request, "handbook/rule.html", page_title=title, breadcrumb=[(say("规则库"), "/rules"), (title, None)],
        changes=queries.changes_of(programme), **context,
    )  # fmt: skip


@router.get("/{name}/{criterion:path}", response_class=HTMLResponse)
async def criterion(request: Request, name: str, criterion: str) -> HTMLResponse:
    """One criterion of a version, with what it was in other versions."""
    programme, version, _ = _found(name, "")
    view = queries.criterion_of(version, criterion) if version is not None else None
    if version is None or view is None:
        raise NotFound(say("{programme} 中没有编号为“{id}”的条件。请从规则库搜索进入。", programme=name, id=criterion))
    title = f"{criterion} {view.criterion.name}"
    return render(
        request, "handbook/criterion.html", page_title=title, programme=programme, version=version, view=view,
        indicators=queries.indicators_of(view.criterion, version, library()),
        history=[(one, other) for one, other in queries.history_of(programme, criterion) if one.id != version.id],
        breadcrumb=[(say("规则库"), "/rules"), (programme.source.name.said, f"/rules/{version.id}"), (criterion, None)],
    )  # fmt: skip


def _found(name: str, on: str) -> tuple[Programme, Version | None, date]:
    """Raises NotFound."""
    try:
        programme = library().programme(name.partition("@")[0])
        day = read_date(on) if on else today()
        return programme, library().version(name, day) if "@" in name else _in_force(programme, day), day
    except (UnknownProgramme, NotInForce) as error:
        raise NotFound(str(error)) from error
    except ValueError as error:
        raise NotFound(say("日期应写作 2026-03-31，实为 {seen}。", seen=on)) from error


def _in_force(programme: Programme, day: date) -> Version | None:
    try:
        return programme.in_force(day)
    except NotInForce:
        return programme.versions[-1] if programme.versions else None


def _why_not(name: str, day: date) -> str:
    """Why what is shown answers for no enterprise on the day; empty where it does, or where a version was asked for."""
    try:
        library().version(name, day)
    except NotInForce as problem:
        return str(problem)
    return ""


def _worked(version: Version) -> dict[str, Any] | None:
    """The version's example, computed, and as what the self-check is opened with."""
    request = example(version)
    if request is None:
        return None
    as_of = read_date(request["as_of"])
    facts = read_facts(request["facts"], library().catalogue, as_of)
    answer = library().evaluator(version).answer(facts, as_of)
    return {
        "answer": answer, "as_of": as_of, "reasons": explain(answer, library()),
        "state": exact_json({"target": version.id, **request}),
    }  # fmt: skip
