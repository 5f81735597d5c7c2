"""Pages of high-tech zones: all of them against the plans' 8 and 2, and one with its conditions, figures and targets."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from backend.access.dependencies import Officer, SignedIn
from backend.clock import today
from backend.plans.documents import target_named
from backend.plans.knowing import KNOWING
from backend.plans.queries import plan_report
from backend.plans.reporting_pages import decimal_of
from backend.plans.schemas import day_of, moment_of
from backend.web.dependencies import Work
from backend.web.responses import redirect
from backend.web.templates import render
from backend.zones import queries, service
from backend.zones.counting import HAVING, HOLDING

router = APIRouter(dependencies=[KNOWING])
#: The targets that count zones: 8 municipal, 2 provincial, every district covered.
COUNTING = ("T002-01", "T002-02", "T002-03")


class ZoneForm(BaseModel):
    """A zone's figure, or what a person confirms of it, as the form has it."""

    indicator: str = ""
    year: str = ""
    value: str = ""
    source: str = ""
    #: What is confirmed: yes, no, or empty for what is open again.
    item: str = ""
    holds: str = ""


@router.get("/zones", response_class=HTMLResponse)
async def zones(request: Request, session: Work, person: SignedIn, on: str = "") -> HTMLResponse:
    """The zones in being on a day, and the targets that count them."""
    day = day_of(on, "截至日") or today()
    found = await queries.zones(session, day)
    plan, _ = target_named(COUNTING[0])
    report = await plan_report(
        session, plan, day, person.region_code or None, targets=[target_named(name)[1] for name in COUNTING]
    )
    return render(
        request, "zones/zones.html", page_title="高新区", breadcrumb=[("规划目标", "/plans"), ("高新区", None)], on=day,
        zones=[await queries.zone(session, one.thing_id, day) for one in found], rows=report.rows, plan=plan,
    )  # fmt: skip


@router.get("/zones/{thing_id}", response_class=HTMLResponse)
async def zone(
    request: Request, session: Work, person: SignedIn, thing_id: int, on: str = "", known_at: str = ""
) -> HTMLResponse:
    """One zone: the municipal conditions, its figures, and the targets that it must reach by itself."""
    day = day_of(on, "截至日") or today()
    found = await queries.zone(session, thing_id, day, moment_of(known_at), has_institutions=True)
    # The list of enterprises knows the ends of days, and no moments.
    behind = {HOLDING: _holders(found, known_at)} if len(known_at) <= len("2026-03-31") else {}
    behind |= {HAVING: "#institutions"} if found.institutions else {}
    return _page(request, found, ZoneForm(), {}, may_write=person.role.may_write, behind=behind)


def _holders(found: queries.Zone, known_at: str) -> str:
    asked = {"park": found.entry.draft.name, "programme": "hnte", "on": found.on.isoformat()}
    asked |= {"known_at": known_at} if known_at else {}
    return f"/enterprises?{urlencode(asked)}"


def _page(
    request: Request, found: queries.Zone, form: ZoneForm, errors: dict[str, str], *, may_write: bool,
    behind: Mapping[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    return render(
        request, "zones/zone.html", status_code=422 if errors else 200, page_title=found.entry.draft.name,
        breadcrumb=[("规划目标", "/plans"), ("高新区", "/zones"), (found.entry.draft.name, None)], zone=found, on=found.on, form=form,
        errors=[{"field": name, "message": told} for name, told in errors.items()], error_of=errors, may_write=may_write,
        reportable=[(name, f"{words}（{unit}）") for name, words, unit in service.reportable()], attestations=queries.attestations(),
        counted=queries.COUNTED, behind=behind or {}, words={name: words for name, words, _ in service.reportable()} | dict(queries.attestations()),
        years=[(str(year), f"{year} 年") for year in range(today().year - 1, today().year - 12, -1)],
    )  # fmt: skip


@router.post("/zones/{thing_id}/figures", response_class=HTMLResponse)
async def report(
    request: Request, session: Work, person: Officer, thing_id: int, form: Annotated[ZoneForm, Form()]
) -> Response:
    """Take in a zone's figure of a year."""
    found = await queries.zone(session, thing_id, today(), has_institutions=True)
    value = decimal_of(form.value)
    try:
        if value is None:
            raise service.ZoneFigureRefused(f"数值填的是“{form.value}”，请改为数字，如 120.5。")
        year = int(form.year) if form.year.isdecimal() else 0
        await service.report(
            session, thing_id, form.indicator, year, value, form.source, today=today(), recorded_by=person.id
        )
    except service.ZoneFigureRefused as problem:
        return _page(request, found, form, {problem.field: str(problem)}, may_write=True)
    return redirect(request, f"/zones/{thing_id}")


@router.post("/zones/{thing_id}/attestations", response_class=HTMLResponse)
async def attest(
    request: Request, session: Work, person: Officer, thing_id: int, form: Annotated[ZoneForm, Form()]
) -> Response:
    """Take in what a person confirmed of a zone."""
    found = await queries.zone(session, thing_id, today(), has_institutions=True)
    holds = {"yes": True, "no": False}.get(form.holds)
    try:
        await service.attest(session, thing_id, form.item, holds, recorded_by=person.id)
    except service.ZoneFigureRefused as problem:
        return _page(request, found, form, {problem.field: str(problem)}, may_write=True)
    return redirect(request, f"/zones/{thing_id}")
