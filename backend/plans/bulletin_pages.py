"""Pages of the quarterly bulletin: to read, to print, to download and to write in."""

from collections.abc import Mapping
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
from backend.plans.bulletin import Bulletin, Quarter, last_quarter, quarter_of
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
from backend.plans.bulletin_texts import SECTIONS, TextsRefused, write_texts
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
    #: The last word that the form knew; what came after is not written over unseen.
    seen: int = 0


class BulletinAsked(BaseModel):
    """The query string of a bulletin."""

    quarter: str = ""
    region: str = ""
    known_at: str = ""
    #: `saved` after words were kept, so that the page says so.
    done: str = ""


@router.get("/plans/{plan_id}/bulletin", response_class=HTMLResponse)
async def bulletin(
    request: Request, session: Work, person: SignedIn, plan_id: str, asked: Annotated[BulletinAsked, Query()]
) -> HTMLResponse:
    """The bulletin of a quarter, to read, to print and to add words to."""
    content = await _bulletin(session, person, plan_id, asked)
    return _page(request, content, person, asked)


def _page(
    request: Request,
    content: Bulletin,
    person: PersonSignedIn,
    asked: BulletinAsked,
    typed: BulletinForm | None = None,
    refused: TextsRefused | None = None,
) -> HTMLResponse:
    chosen = {
        "quarter": content.quarter.code,
        "region": "" if person.region_code else asked.region,
        "known_at": asked.known_at,
    }
    # A number's list is answered for the bulletin's own day, region and knowledge, so that it is as long as the number.
    behind = {
        "on": content.report.on.isoformat(),
        "region": chosen["region"],
        "known_at": asked.known_at or ("" if content.known_at is None else f"{content.known_at:%Y-%m-%d}"),
    }
    return render(
        request, "plans/bulletin.html", status_code=200 if refused is None else refused.status, page_title=content.title,
        breadcrumb=[("规划目标", "/plans"), (content.plan.id, f"/plans/{content.plan.id}"), ("季度通报", None)],
        content=content, sections=SECTIONS, target_heads=TARGET_HEADS, targets=target_table(content), district_heads=DISTRICT_HEADS,
        districts=district_tables(content), behind_by_district=behind_by_district(content), quarters=quarters_to_choose(content.quarter), regions=regions_of(content.plan, person), asked=chosen,
        query=_query(chosen), behind_query=_query(behind), may_write=person.role.may_write, typed=typed,
        messages=[("good", "文字已保存，通报已更新。")] if asked.done == "saved" and refused is None else [],
        texts=content.texts if typed is None else typed.model_dump(), refused=refused,
    )  # fmt: skip


def _query(asked: Mapping[str, str]) -> str:
    return urlencode({name: value for name, value in asked.items() if value})


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
    try:
        await write_texts(
            session, content.report, content.quarter.last_day, form.model_dump(exclude={"seen"}), seen=form.seen,
            recorded_by=person.id,
        )  # fmt: skip
    except TextsRefused as problem:
        # The form now knows what stands, so that saving again is a decision.
        return _page(request, await _bulletin(session, person, plan_id, asked), person, asked, form, problem)
    return redirect(request, f"/plans/{content.plan.id}/bulletin?{_query(asked.model_dump() | {'done': 'saved'})}#main")


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
