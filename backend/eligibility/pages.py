"""The rule library as readable pages."""

from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.web.errors import NotFound
from backend.web.templates import render
from rules.library import NotInForce, Programme, UnknownProgramme, library

router = APIRouter()


@router.get("/rules", response_class=HTMLResponse)
async def rules(request: Request, person: SignedIn) -> HTMLResponse:
    """Every programme with its versions."""
    groups: dict[str, list[Programme]] = {"title": [], "standard": [], "status": []}
    for programme in library().programmes.values():
        groups[programme.source.sort].append(programme)
    return render(
        request, "rules/rules.html", page_title="规则库", groups=groups, indicators=len(library().catalogue.indicators)
    )


@router.get("/rules/{name}", response_class=HTMLResponse)
async def rule(request: Request, person: SignedIn, name: str, on: str = "") -> HTMLResponse:
    """One version of a programme: `hnte` as in force on a day, or `hnte@2016`."""
    try:
        programme = library().programme(name.partition("@")[0])
        day = date.fromisoformat(on) if on else today()
        version = library().version(name, day) if "@" in name else _in_force(programme, day)
    except (UnknownProgramme, NotInForce) as error:
        raise NotFound(str(error)) from error
    except ValueError as error:
        raise NotFound(f"日期应写作 2026-03-31，实为 {on}。") from error
    title = programme.source.name.zh
    used = [library().catalogue.by_name[one] for one in version.indicators] if version else []
    context: dict[str, Any] = {"programme": programme, "version": version, "indicators": used, "on": day}
    return render(
        request, "rules/rule.html", page_title=title, breadcrumb=[("规则库", "/rules"), (title, None)], **context
    )


def _in_force(programme: Programme, day: date) -> Any:
    try:
        return programme.in_force(day)
    except NotInForce:
        if not programme.versions:
            raise
        return programme.versions[-1]
