"""Pages on which figures are reported: one by one, or a quarter's with a workbook."""

import unicodedata
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans import service
from backend.plans.asking import XLSX, Asking, kept_under, plan_asked, question_of, regions_of, target_asked
from backend.plans.bulletin import Quarter, QuarterRefused, last_quarter, quarter_of
from backend.plans.bulletin_pages import quarters_to_choose
from backend.plans.figures_book import FiguresTaken, figures_of_quarter, figures_workbook, take_figures
from backend.plans.knowing import KNOWING
from backend.plans.progress import end_of_quarter, last_quarter_end, quarter_ends
from backend.plans.queries import concerns, region_of_plan
from backend.plans.rollup import State, roll_up
from backend.plans.schemas import BadQuestion, day_of
from backend.plans.sets import is_countable
from backend.plans.territory import territory_of
from backend.subregisters.sheets import SheetRefused
from backend.web.dependencies import Work
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.plan import Plan, Reported, Target

router = APIRouter(dependencies=[KNOWING])
#: How many quarters back a figure can be reported on the page.
QUARTERS_TO_REPORT = 12


class FigureForm(BaseModel):
    """A figure as it stands in the form: text, so that what is wrong comes back as it was written."""

    period_end: str = ""
    value: str = ""
    source: str = ""
    released_on: str = ""
    note: str = ""
    region: str = ""
    is_revision: str = ""


@router.get("/plans/{plan_id}/targets/{target_id}/figures/new", response_class=HTMLResponse)
async def new_figure(
    request: Request, session: Work, person: Officer, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """The form for a figure."""
    found, wanted = target_asked(plan_id, target_id, person)
    if is_countable(wanted):
        raise service.NotReportable(wanted)
    region = person.region_code or asked.region
    # Who comes from the page of a quarter reports for that quarter.
    day = min(question_of(asked, person).on, today() - timedelta(days=1))
    form = FigureForm(period_end=quarter_ends(day, 1)[0].isoformat(), region=kept_under(found, region))
    return _figure_page(request, found, wanted, person, form, [])


@router.post("/plans/{plan_id}/targets/{target_id}/figures", response_class=HTMLResponse)
async def report_figure(
    request: Request, session: Work, person: Officer, plan_id: str, target_id: str, form: Annotated[FigureForm, Form()]
) -> Response:
    """Take in a figure, or show the form again with what is wrong."""
    found, wanted = target_asked(plan_id, target_id, person)
    draft, errors = _draft(found, form, person)
    if draft is not None:
        try:
            await service.report_figure(session, wanted, draft, today=today(), recorded_by=person.id)
        except service.FigureRefused as problem:
            errors = [{"field": problem.field, "message": str(problem)}]
        else:
            place = f"&region={draft.region}" if draft.region and not person.region_code else ""
            return redirect(request, f"/plans/{found.id}/targets/{wanted.id}?on={today()}{place}#reported")
    return _figure_page(request, found, wanted, person, form, errors, status_code=422)


def _draft(
    plan: Plan, form: FigureForm, person: PersonSignedIn
) -> tuple[service.FigureDraft | None, list[dict[str, str]]]:
    errors: list[dict[str, str]] = []
    days: dict[str, date | None] = {"period_end": None, "released_on": None}
    for name, label in (("period_end", "数据截止日"), ("released_on", "发布日期")):
        try:
            days[name] = day_of(getattr(form, name), label)
        except BadQuestion as problem:
            errors.append({"field": name, "message": str(problem)})
    if days["period_end"] is None and not form.period_end:
        errors.append({"field": "period_end", "message": "请选择数据截止日（季度末）。"})
    value = decimal_of(form.value)
    if value is None:
        told = f"数值写的是“{form.value}”，请改为数字，如 2.75。" if form.value.strip() else "请填写数值。"
        errors.append({"field": "value", "message": told})
    region = kept_under(plan, person.region_code or form.region)
    if region and not concerns(plan, region):
        errors.append({"field": "region", "message": f"区域 {region} 不在规划范围内，请重新选择。"})
    end = days["period_end"]
    if errors or end is None or value is None:
        return None, errors
    return (
        service.FigureDraft(
            end, value, form.source, days["released_on"], form.note, region, is_revision=bool(form.is_revision)
        ),
        [],
    )


def decimal_of(written: str) -> Decimal | None:
    """A number with thousands parted, in full width, or with a percent sign behind it."""
    plain = unicodedata.normalize("NFKC", written).strip().replace(",", "").removesuffix("%").strip()
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _figure_page(
    request: Request,
    plan: Plan,
    target: Target,
    person: PersonSignedIn,
    form: FigureForm,
    errors: list[dict[str, str]],
    status_code: int = 200,
) -> HTMLResponse:
    ends = [last_quarter_end(today())]
    while len(ends) < QUARTERS_TO_REPORT:
        ends.append(last_quarter_end(ends[-1]))
    ends.extend(day for day in _asked_quarter(form.period_end) if day not in ends)
    return render(
        request, "plans/figure.html", status_code=status_code, page_title=f"填报：{target.name}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), (target.id, f"/plans/{plan.id}/targets/{target.id}"), ("填报", None)],
        plan=plan, target=target, form=form, errors=errors, error_of={one["field"]: one["message"] for one in errors},
        quarters=[(end.isoformat(), _quarter_in_words(end)) for end in ends],
        regions=[] if person.region_code else [(one.code, one.shown_as) for one in territory_of(plan.territory.code).districts],
        own_region=person.region_name,
        publisher=f"发布单位或公报名称，如：{target.count.reported_by}" if isinstance(target.count, Reported) else "发布单位或台账名称",
    )  # fmt: skip


def _asked_quarter(written: str) -> list[date]:
    """The end of an older quarter that was asked for, so that it can be chosen too; none where it is no quarter's end."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return []
    return [day] if day == end_of_quarter(day) and day < today() else []


def _quarter_in_words(end: date) -> str:
    return f"{end.year} 年第 {end.month // 3} 季度末（{end.isoformat()}）"


# --- The figures of a quarter ----------------------------------------------------------------------------


class QuarterAsked(BaseModel):
    """Which quarter's figures, and of which district."""

    quarter: str = ""
    region: str = ""


def _quarter(asked: QuarterAsked) -> Quarter:
    """Raises QuarterRefused: there is none, or it is not over, so that nobody can have its figures."""
    quarter = quarter_of(asked.quarter) if asked.quarter.strip() else last_quarter(today())
    if quarter.last_day >= today():
        raise QuarterRefused(f"{quarter.name}到 {quarter.last_day} 结束，在此之后才能填报。请选已经结束的季度。")
    return quarter


async def _quarter_page(
    request: Request,
    session: AsyncSession,
    plan: Plan,
    person: PersonSignedIn,
    asked: QuarterAsked,
    taken: FiguresTaken | None = None,
    refused: str = "",
    status_code: int = 200,
) -> HTMLResponse:
    quarter = _quarter(asked)
    region = kept_under(plan, person.region_code or asked.region.strip())
    region_of_plan(plan, region)
    figures = await figures_of_quarter(session, plan, quarter.last_day, region)
    # What a register of ours answers for is no gap, though it could be reported too.
    known = await roll_up(session, [one.target for one in figures], [quarter.last_day], region=region or None)
    told = {one.target.id: known.of(one.target, quarter.last_day) for one in figures if one.value is None}
    counted = {name: figure.value for name, figure in told.items() if figure.state is State.COUNTED}
    chosen = {"quarter": quarter.code, "region": "" if person.region_code else region}
    return render(
        request, "plans/figures.html", status_code=status_code, page_title="填报数据",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("填报数据", None)],
        plan=plan, quarter=quarter, figures=figures, asked=chosen, query=urlencode({k: v for k, v in chosen.items() if v}),
        quarters=quarters_to_choose(last_quarter(today())), regions=regions_of(plan, person), place=territory_of(region or plan.territory.code).name,
        taken=taken, refused=refused, may_write=person.role.may_write, counted=counted, missing=len(told) - len(counted),
    )  # fmt: skip


@router.get("/plans/{plan_id}/figures", response_class=HTMLResponse)
async def figures(
    request: Request, session: Work, person: SignedIn, plan_id: str, asked: Annotated[QuarterAsked, Query()]
) -> HTMLResponse:
    """What was reported for a quarter and what is missing; a workbook out and in."""
    return await _quarter_page(request, session, plan_asked(plan_id, person), person, asked)


@router.get("/plans/{plan_id}/figures.xlsx")
async def figures_form(
    session: Work, person: SignedIn, plan_id: str, asked: Annotated[QuarterAsked, Query()]
) -> Response:
    """The form of a quarter, to fill in."""
    plan = plan_asked(plan_id, person)
    quarter = _quarter(asked)
    region = kept_under(plan, person.region_code or asked.region.strip())
    region_of_plan(plan, region)
    found = await figures_of_quarter(session, plan, quarter.last_day, region)
    return download(
        figures_workbook(plan, quarter.last_day, region, found), f"{plan.id}-{quarter.code}-填报数据.xlsx", XLSX
    )


@router.post("/plans/{plan_id}/figures", response_class=HTMLResponse)
async def take_in(
    request: Request,
    session: Work,
    person: Officer,
    plan_id: str,
    asked: Annotated[QuarterAsked, Query()],
    file: Annotated[UploadFile, File()],
    trial: Annotated[str, Form()] = "",
) -> Response:
    """Take in a workbook of figures: all of its lines, or none and what is wrong with them."""
    plan = plan_asked(plan_id, person)
    try:
        taken = await take_figures(
            session, plan, await file.read(), file.filename or "上传的文件", today=today(), own_region=person.region_code,
            recorded_by=person.id, is_trial=bool(trial),
        )  # fmt: skip
    except SheetRefused as problem:
        return await _quarter_page(request, session, plan, person, asked, refused=str(problem), status_code=422)
    status = 422 if taken.troubles else 200
    return await _quarter_page(request, session, plan, person, asked, taken, status_code=status)
