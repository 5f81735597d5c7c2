"""The workbench: the first page, which says what to do this week."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.eligibility.queries import most_missing, newly_eligible
from backend.enterprises.labels import Names
from backend.enterprises.regions import Regions
from backend.plans.documents import plans
from backend.plans.queries import plan_summary
from backend.recognitions.ladder import RUNGS, programmes_on_ladder
from backend.recognitions.queries import expiring, ladder_counts
from backend.web.dependencies import Work
from backend.web.templates import render
from rules.library import library

router = APIRouter()
EXPIRY_DAYS = 180
#: The plans whose horizon is not long past; the others are a click away.
SHOWN_PLANS = ("P000", "P001", "P004")


@router.get("/", response_class=HTMLResponse)
async def workbench(request: Request, session: Work, person: SignedIn) -> HTMLResponse:
    """Ladder, targets, certificates that expire, who became eligible, what is missing most."""
    day, rules = today(), library()
    counts = await ladder_counts(session, day, rules)
    ends, ending = await expiring(session, day, rules, EXPIRY_DAYS, limit=12)
    programmes = list(programmes_on_ladder(rules))
    return render(
        request, "workbench.html", page_title="工作台", on=day, names=Names(rules),
        steps=[{"rung": one.id, "name": one.name, "count": counts[one.id], "note": "", "href": f"/enterprises?rung={one.id}"} for one in RUNGS],
        total=await _total(session), expiring=ends, expiring_total=ending, days=EXPIRY_DAYS,
        newly=await newly_eligible(session, programmes, limit=12), missing=await most_missing(session, programmes, limit=10),
        plans=await _plans(session, day, person.region_code), last_run=await _last_run(session),
    )  # fmt: skip


async def _plans(session: AsyncSession, on: date, region: str) -> list[dict[str, Any]]:
    """The plans that cover somebody's region, with the targets the registry counts."""
    shown: list[dict[str, Any]] = []
    for plan in plans().values():
        if region and not Regions.load().contains(plan.territory.code, region):
            continue
        if plan.id not in SHOWN_PLANS:
            continue
        summary = await plan_summary(session, plan, on, region or None)
        if summary:
            shown.append({"plan": plan, "targets": summary})
    return shown


async def _total(session: AsyncSession) -> int:
    return (await session.execute(text("SELECT count(*) FROM enterprise"))).scalar_one()


async def _last_run(session: AsyncSession) -> Mapping[str, Any] | None:
    found = await session.execute(text("SELECT * FROM eligibility_run ORDER BY id DESC LIMIT 1"))
    row = found.mappings().first()
    return dict(row) if row is not None else None
