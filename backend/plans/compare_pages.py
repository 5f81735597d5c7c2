"""The page with plans side by side."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.plans.asking import plan_asked
from backend.plans.compare import compare, short
from backend.plans.documents import plans
from backend.plans.knowing import KNOWING
from backend.plans.progress import LIGHT_RULES
from backend.plans.queries import concerns, plan_report
from backend.plans.schemas import BadQuestion, day_of, moment_of
from backend.web.dependencies import Work
from backend.web.templates import render
from rules.plan import Plan

router = APIRouter(dependencies=[KNOWING])
FEWEST, MOST = 2, 5


def _running(offered: Sequence[Plan]) -> list[str]:
    """The plans of the first one's territory that still run: those that may contradict each other."""
    running = [one for one in offered if not one.is_past(today())]
    return [one.id for one in running if one.territory == running[0].territory]


@router.get("/compare", response_class=HTMLResponse)
async def side_by_side(
    request: Request,
    session: Work,
    person: SignedIn,
    plan: Annotated[list[str] | None, Query()] = None,
    on: str = "",
    known_at: str = "",
) -> HTMLResponse:
    """Two or more plans: each indicator with every plan's number, value and light, and what does not agree."""
    offered = [one for one in plans().values() if concerns(one, person.region_code)]
    wanted = list(dict.fromkeys(plan or [])) or _running(offered)
    chosen = [plan_asked(name, person) for name in wanted]
    if plan and not FEWEST <= len(chosen) <= MOST:
        raise BadQuestion(f"请选 {FEWEST} 至 {MOST} 份规划对照，现选了 {len(chosen)} 份。")
    day, moment = day_of(on, "截至日") or today(), moment_of(known_at)
    region = person.region_code or None
    reports = [await plan_report(session, one, day, region, moment) for one in chosen]
    return render(
        request, "plans/compare.html", page_title="规划对照", breadcrumb=[("规划目标", "/plans"), ("规划对照", None)],
        found=compare(reports), offered=offered, wanted={one.id for one in chosen}, on=day, known_at=known_at, short=short,
        light_rules=LIGHT_RULES,
    )  # fmt: skip
