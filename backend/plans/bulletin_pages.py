"""Pages of the quarterly bulletin: to read, to print, to download and to write in."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans.asking import DOCX, XLSX, plan_asked, regions_of
from backend.plans.bulletin import SECTIONS, Bulletin, Quarter, last_quarter, quarter_of, write_texts
from backend.plans.bulletin import bulletin as read_bulletin
from backend.plans.bulletin_files import as_word
from backend.plans.bulletin_files import as_workbook as bulletin_workbook
from backend.plans.bulletin_tables import (
    DISTRICT_HEADS,
    TARGET_HEADS,
    behind_by_district,
    district_tables,
    target_table,
)
from backend.plans.knowing import KNOWING
from backend.plans.progress import last_quarter_end
from backend.plans.schemas import moment_of
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render

router = APIRouter(dependencies=[KNOWING])
#: How many quarters back one may choose: three years.
QUARTERS_TO_CHOOSE = 12


class BulletinForm(BaseModel):
    """What an officer writes in a bulletin."""

    opening: str = ""
    causes: str = ""
    next_steps: str = ""


class BulletinAsked(BaseModel):
    """The query string of a bulletin."""

    quarter: str = ""
    region: str = ""
    known_at: str = ""


@router.get("/plans/{plan_id}/bulletin", response_class=HTMLResponse)
async def bulletin(
    request: Request, session: Work, person: SignedIn, plan_id: str, asked: Annotated[BulletinAsked, Query()]
) -> HTMLResponse:
    """The bulletin of a quarter, to read, to print and to add words to."""
    content = await _bulletin(session, person, plan_id, asked)
    chosen = {
        "quarter": content.quarter.code,
        "region": "" if person.region_code else asked.region,
        "known_at": asked.known_at,
    }
    return render(
        request, "plans/bulletin.html", page_title=content.title,
        breadcrumb=[("规划目标", "/plans"), (content.plan.id, f"/plans/{content.plan.id}"), ("季度通报", None)],
        content=content, sections=SECTIONS, target_heads=TARGET_HEADS, targets=target_table(content), district_heads=DISTRICT_HEADS,
        districts=district_tables(content), behind_by_district=behind_by_district(content), quarters=quarters_to_choose(content.quarter), regions=regions_of(content.plan, person), asked=chosen,
        query=urlencode({name: value for name, value in chosen.items() if value}), may_write=person.role.may_write,
    )  # fmt: skip


@router.get("/plans/{plan_id}/bulletin.{kind}")
async def bulletin_file(
    session: Work, person: SignedIn, plan_id: str, kind: str, asked: Annotated[BulletinAsked, Query()]
) -> Response:
    """The bulletin as Word or as Excel."""
    content = await _bulletin(session, person, plan_id, asked)
    place = "" if content.report.is_whole else f"-{content.report.territory.name}"
    name = f"{content.plan.id}{place}-{content.quarter.code}-季度通报.{kind}"
    if kind == "docx":
        return download(as_word(content), name, DOCX)
    if kind == "xlsx":
        return download(bulletin_workbook(content), name, XLSX)
    raise NotFound("通报可下载为 docx 或 xlsx。")


@router.post("/plans/{plan_id}/bulletin", response_class=HTMLResponse)
async def write_bulletin(
    request: Request,
    session: Work,
    person: Officer,
    plan_id: str,
    asked: Annotated[BulletinAsked, Query()],
    form: Annotated[BulletinForm, Form()],
) -> Response:
    """Keep what an officer wrote beside the numbers."""
    content = await _bulletin(session, person, plan_id, asked)
    await write_texts(session, content, form.model_dump(), recorded_by=person.id)
    chosen = urlencode({name: value for name, value in asked.model_dump().items() if value})
    return redirect(request, f"/plans/{content.plan.id}/bulletin?{chosen}")


async def _bulletin(session: AsyncSession, person: PersonSignedIn, plan_id: str, asked: BulletinAsked) -> Bulletin:
    quarter = quarter_of(asked.quarter) if asked.quarter.strip() else last_quarter(today())
    return await read_bulletin(
        session,
        plan_asked(plan_id, person),
        quarter,
        today=today(),
        region=person.region_code or asked.region.strip() or None,
        known_at=moment_of(asked.known_at),
    )


def quarters_to_choose(chosen: Quarter) -> list[tuple[str, str]]:
    """The quarters one may choose: the last three years, and the one that is shown."""
    end, found = last_quarter_end(today()), [chosen]
    for _ in range(QUARTERS_TO_CHOOSE):
        found.append(Quarter(end.year, end.month // 3))
        end = last_quarter_end(end)
    return [(one.code, one.name) for one in sorted(set(found), key=lambda one: one.last_day, reverse=True)]
