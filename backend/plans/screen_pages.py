"""The leadership's screen as a page: everything at a glance, drawn anew every ten minutes."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.plans.knowing import KNOWING
from backend.plans.screen import HEIGHT, LEFT, RIGHT, WIDTH, choices, screen, screen_plan
from backend.plans.versions import held_at
from backend.web.dependencies import Work
from backend.web.memory import memory_of, seen_by
from backend.web.templates import render

router = APIRouter(dependencies=[KNOWING])
SECONDS_TO_NEXT = 600


class ScreenAsked(BaseModel):
    """Which plan, which target leads, and which district."""

    plan: str = ""
    target: str = ""
    region: str = ""


@router.get("/screen", response_class=HTMLResponse)
async def monitoring(
    request: Request, session: Work, person: SignedIn, asked: Annotated[ScreenAsked, Query()]
) -> HTMLResponse:
    """One screen: ladder, districts, targets with their time mark, a trend with its forecast."""
    day, region = today(), person.region_code or asked.region.strip()
    plan = screen_plan(day, region, asked.plan)
    seen = await seen_by(session)
    # A wall's screen asks for the very same again and again; a revised plan is another one.
    version = (await held_at(session, plan.id, None)).latest
    shown = await memory_of(request).recall(
        ("screen", plan.id, version, asked.target, day, region),
        seen.of(("enterprise", "recognition", "fact", "reported")),
        lambda: screen(session, plan, day, region, asked.target),
    )
    return render(
        request, "plans/screen.html", page_title="梯度培育监测", shown=shown, plan=plan, on=day, asked=asked,
        choices=choices(plan), width=WIDTH, height=HEIGHT, left=LEFT, right=WIDTH - RIGHT, headers={"Refresh": str(SECONDS_TO_NEXT)},
    )  # fmt: skip
