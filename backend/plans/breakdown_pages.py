"""Pages of the breakdown: all of a plan's targets by place, one target's shares to be set, a workbook out and in."""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.access.proposals import needs_second_person
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans.asking import XLSX, plan_asked, target_asked
from backend.plans.breakdown import (
    Breakdown,
    BreakdownRefused,
    Kind,
    ShareWrong,
    breakdown,
    breakdowns,
    can_be_split,
    split,
    years_of,
)
from backend.plans.breakdown_book import BreakdownTaken, breakdown_workbook, take_breakdown
from backend.plans.knowing import KNOWING
from backend.plans.moved_shares import CHANGE, left_behind, move_shares, propose_move
from backend.plans.permissions import CityOfficer
from backend.plans.progress import ranks
from backend.plans.queries import plan_report
from backend.plans.reporting_pages import decimal_of
from backend.plans.schemas import BadQuestion, moment_of
from backend.subregisters.sheets import SheetRefused
from backend.web.dependencies import Work
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.plan import Plan, Target

router = APIRouter(dependencies=[KNOWING])
#: Empty lines that are offered for parks and bodies.
SPARE_LINES = 3


class SplitAsked(BaseModel):
    """Which year, and over what."""

    year: int | None = None
    kind: str = Kind.DISTRICT.value
    known_at: str = ""
    done: str = ""

    @property
    def over(self) -> Kind:
        """Raises BadQuestion."""
        if self.kind not in list(Kind):
            raise BadQuestion(f"分解类别写的是“{self.kind}”，应为 {'、'.join(Kind)} 之一。")
        return Kind(self.kind)


Asked = Annotated[SplitAsked, Query()]


def _year(plan: Plan, asked: SplitAsked) -> int:
    if asked.year is None:
        last = max((one.year for one in plan.targets if one.year is not None and one.has_number), default=today().year)
        return min(max(today().year, last - 2), last)
    if not 2000 <= asked.year <= 2100:
        raise BadQuestion(f"年度写的是 {asked.year}，请改为 2027 这样的年份。")
    return asked.year


def _years(plan: Plan, chosen: int) -> list[tuple[str, str]]:
    found = {year for one in plan.targets for year in years_of(one, today()) if can_be_split(one)} | {chosen}
    return [(str(year), f"{year} 年") for year in sorted(found)]


@router.get("/plans/{plan_id}/breakdown", response_class=HTMLResponse)
async def plan_breakdown(request: Request, session: Work, person: SignedIn, plan_id: str, asked: Asked) -> HTMLResponse:
    """All targets of a plan by place, and where a sum differs from the whole."""
    return await _overview(request, session, plan_asked(plan_id, person), person, asked)


async def _overview(
    request: Request,
    session: AsyncSession,
    plan: Plan,
    person: PersonSignedIn,
    asked: SplitAsked,
    taken: BreakdownTaken | None = None,
    refused: str = "",
    status_code: int = 200,
) -> HTMLResponse:
    year, kind = _year(plan, asked), asked.over
    targets = [one for one in plan.targets if can_be_split(one)]
    found = await breakdowns(session, plan, targets, year, kind, moment_of(asked.known_at))
    left = await left_behind(session, plan)
    begun = [one for one in found if one.is_begun]
    shown = found if kind is Kind.DISTRICT else begun
    return render(
        request, "plans/breakdown.html", status_code=status_code, page_title="任务分解",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("任务分解", None)], plan=plan, year=year, kind=kind,
        rows=shown, places=shown[0].shares if shown and kind is Kind.DISTRICT else (), begun=len(begun), kinds=_KINDS,
        left=left, messages=[("good", _DONE[asked.done])] if asked.done in _DONE else [],
        open=[one for one in begun if one.is_open], years=_years(plan, year), asked=asked, taken=taken, refused=refused,
        query=urlencode({"year": year, "kind": kind.value}), may_write=person.role.may_write and not person.region_code,
    )  # fmt: skip


_DONE = {
    "proposed": "已提交，等待另一人在“待确认”里办理；确认之前任务数仍记在原区划名下。",
    "moved": "已并入新区划，合计不变。",
}


@router.post("/plans/{plan_id}/breakdown/moves")
async def move_over(
    request: Request, session: Work, person: CityOfficer, plan_id: str, place: Annotated[str, Form()]
) -> Response:
    """Move the shares of a district that is no more over to its successor, or propose it where that takes two."""
    plan = plan_asked(plan_id, person)
    if needs_second_person(request, CHANGE):
        await propose_move(session, plan, place, person.id)
        return redirect(request, f"/plans/{plan.id}/breakdown?done=proposed")
    await move_shares(session, plan, place, person.id)
    return redirect(request, f"/plans/{plan.id}/breakdown?done=moved")


_KINDS = [(kind.value, kind.label) for kind in Kind]


@router.get("/plans/{plan_id}/breakdown.xlsx")
async def breakdown_file(session: Work, person: SignedIn, plan_id: str, asked: Asked) -> Response:
    """A year's shares as a workbook that can be handed in again."""
    plan = plan_asked(plan_id, person)
    targets = [one for one in plan.targets if one.has_number]
    found = await breakdowns(session, plan, targets, _year(plan, asked), asked.over)
    return download(breakdown_workbook(plan, found), f"{plan.id}-{_year(plan, asked)}-任务分解.xlsx", XLSX)


@router.post("/plans/{plan_id}/breakdown", response_class=HTMLResponse)
async def take_in(
    request: Request,
    session: Work,
    person: CityOfficer,
    plan_id: str,
    asked: Asked,
    file: Annotated[UploadFile, File()],
    trial: Annotated[str, Form()] = "",
) -> Response:
    """Take in a workbook of shares: all of its lines, or none and what is wrong with them."""
    plan = plan_asked(plan_id, person)
    try:
        taken = await take_breakdown(
            session, plan, await file.read(), file.filename or "上传的文件", recorded_by=person.id, is_trial=bool(trial)
        )
    except SheetRefused as problem:
        return await _overview(request, session, plan, person, asked, refused=str(problem), status_code=422)
    return await _overview(request, session, plan, person, asked, taken, status_code=422 if taken.troubles else 200)


# --- One target ------------------------------------------------------------------------------------------


@router.get("/plans/{plan_id}/targets/{target_id}/breakdown", response_class=HTMLResponse)
async def target_breakdown(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asked
) -> HTMLResponse:
    """One target's shares, how far each place is, and the form to set them."""
    plan, target = target_asked(plan_id, target_id, person)
    found = await breakdown(session, plan, target, _year_of(target, asked), asked.over, moment_of(asked.known_at))
    return await _target_page(request, session, plan, target, person, found)


def _year_of(target: Target, asked: SplitAsked) -> int:
    years = years_of(target, today())
    return asked.year if asked.year is not None else min(max(today().year, years[0]), years[-1])


async def _target_page(
    request: Request,
    session: AsyncSession,
    plan: Plan,
    target: Target,
    person: PersonSignedIn,
    found: Breakdown,
    typed: dict[str, str] | None = None,
    problem: str = "",
) -> HTMLResponse:
    attained = {}
    if found.kind is Kind.DISTRICT and not person.region_code:
        report = await plan_report(session, plan, today(), targets=[target])
        attained = {one.code: one.figure.value for one in report.rows[0].districts}
    shares = {
        place: value / Fraction(share)
        for place, value in attained.items()
        if value is not None and (share := found.share_of(place))
    }
    return render(
        request, "plans/target_breakdown.html", status_code=422 if problem else 200, page_title=f"任务分解：{target.name}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), (target.id, f"/plans/{plan.id}/targets/{target.id}"), ("任务分解", None)],
        plan=plan, target=target, found=found, kinds=_KINDS, years=[(str(y), f"{y} 年") for y in sorted({*years_of(target, today()), found.year})],
        attained=attained, completion=shares, ranks=ranks(shares), typed=typed or {}, problem=problem,
        spare=range(SPARE_LINES if found.kind is not Kind.DISTRICT else 0), on=today(),
        may_write=person.role.may_write and not person.region_code and can_be_split(target),
    )  # fmt: skip


@router.post("/plans/{plan_id}/targets/{target_id}/breakdown", response_class=HTMLResponse)
async def split_target(
    request: Request, session: Work, person: CityOfficer, plan_id: str, target_id: str, asked: Asked
) -> Response:
    """Take in a target's shares, or show the form again with what is wrong."""
    plan, target = target_asked(plan_id, target_id, person)
    year, kind = _year_of(target, asked), asked.over
    typed = {name: str(value) for name, value in (await request.form()).items()}
    try:
        values = _values(typed)
        whole = _amount(typed.get("whole", ""), "总数")
        await split(
            session,
            plan,
            target,
            year,
            kind,
            values,
            whole=whole,
            reason=typed.get("reason", ""),
            recorded_by=person.id,
        )
    except BreakdownRefused as problem:
        # What was written before the sum was looked at goes with the answer that refuses.
        found = await breakdown(session, plan, target, year, kind)
        return await _target_page(request, session, plan, target, person, found, typed, str(problem))
    query = urlencode({"year": year, "kind": kind.value})
    return redirect(request, f"/plans/{plan.id}/targets/{target.id}/breakdown?{query}")


def _values(typed: dict[str, str]) -> dict[str, Decimal | None]:
    """The form's shares: `place-N` names a place, `value-N` says what it is to reach."""
    values: dict[str, Decimal | None] = {}
    for name, place in typed.items():
        prefix, _, number = name.partition("-")
        if prefix == "place" and place.strip():
            if place in values:
                raise ShareWrong(f"“{place}”出现两次，请合并。", place)
            values[place] = _amount(typed.get(f"value-{number}", ""), place)
    return values


def _amount(written: str, place: str) -> Decimal | None:
    if not written.strip():
        return None
    value = decimal_of(written)
    if value is None:
        raise ShareWrong(f"“{place}”填的是“{written}”，请改为数字，如 450。", place)
    return value
