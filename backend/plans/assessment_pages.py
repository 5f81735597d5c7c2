"""The yearly assessment: to read, to print, to download."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans.asking import DOCX, XLSX, plan_asked
from backend.plans.assessment import (
    BODY_HEADS,
    DISTRICT_HEADS,
    SUMMARY_HEADS,
    Assessment,
    assessment,
    body_table,
    district_table,
    summary_table,
)
from backend.plans.assessment_files import as_word, as_workbook
from backend.plans.bulletin_tables import TARGET_HEADS, target_table
from backend.plans.knowing import KNOWING
from backend.plans.schemas import moment_of
from backend.web.dependencies import Work
from backend.web.errors import Forbidden, NotFound
from backend.web.responses import download
from backend.web.templates import render

router = APIRouter(dependencies=[KNOWING])
YEARS_TO_CHOOSE = 5


class YearAsked(BaseModel):
    """The query string of an assessment."""

    year: int | None = None
    known_at: str = ""


Asked = Annotated[YearAsked, Query()]


async def _content(session: AsyncSession, person: PersonSignedIn, plan_id: str, asked: YearAsked) -> Assessment:
    if person.region_code:
        raise Forbidden("年度考核比较全部市（区），由市级账号查看；本市（区）的完成情况见规划页面和季度通报。")
    year = asked.year if asked.year is not None else today().year - 1
    return await assessment(
        session, plan_asked(plan_id, person), year, today=today(), known_at=moment_of(asked.known_at)
    )


@router.get("/plans/{plan_id}/assessment", response_class=HTMLResponse)
async def yearly(request: Request, session: Work, person: SignedIn, plan_id: str, asked: Asked) -> HTMLResponse:
    """The assessment of a year."""
    found = await _content(session, person, plan_id, asked)
    years = sorted({found.year, *range(today().year - YEARS_TO_CHOOSE, today().year)}, reverse=True)
    tables = [
        ("市（区）综合排位", SUMMARY_HEADS, summary_table(found)), ("市（区）分项完成情况", DISTRICT_HEADS, district_table(found)),
        ("全部目标", TARGET_HEADS, target_table(found.content)), ("责任单位任务完成情况", BODY_HEADS, body_table(found)),
    ]  # fmt: skip
    return render(
        request, "plans/assessment.html", page_title=found.title,
        breadcrumb=[("规划目标", "/plans"), (found.plan.id, f"/plans/{found.plan.id}"), ("年度考核", None)], content=found,
        plan=found.plan, tables=[one for one in tables if one[2]], years=[(str(year), f"{year} 年") for year in years], asked=asked,
    )  # fmt: skip


@router.get("/plans/{plan_id}/assessment.{kind}")
async def yearly_file(session: Work, person: SignedIn, plan_id: str, kind: str, asked: Asked) -> Response:
    """The assessment as Word or as Excel."""
    found = await _content(session, person, plan_id, asked)
    name = f"{found.plan.id}-{found.year}-年度考核.{kind}"
    if kind == "docx":
        return download(as_word(found), name, DOCX)
    if kind == "xlsx":
        return download(as_workbook(found), name, XLSX)
    raise NotFound("年度考核可下载为 docx 或 xlsx。")
