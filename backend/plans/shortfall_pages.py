"""The page that says what a target still takes: how many, who is nearest, by district; and the list as a workbook."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.labels import Names
from backend.plans.asking import XLSX, regions_of, target_asked
from backend.plans.knowing import KNOWING
from backend.plans.schemas import region_name
from backend.plans.shortfall import Candidate, Nearness, Shortfall, can_be_worked_on, shortfall
from backend.subregisters.layouts import Column, words, write_sheet
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download
from backend.web.templates import render
from rules.library import library
from rules.plan import Plan, Target

router = APIRouter(dependencies=[KNOWING])
CANDIDATES_A_PAGE = 50


class ShortfallAsked(BaseModel):
    """Which candidates are wanted."""

    region: str = ""
    nearness: str = ""
    page: int = 1

    def query(self, **more: Any) -> str:
        """The same question again, perhaps with more to it."""
        said = {"region": self.region, "nearness": self.nearness}
        return urlencode({name: value for name, value in {**said, **more}.items() if value})


Asking = Annotated[ShortfallAsked, Query()]


async def _found(
    session: AsyncSession, person: PersonSignedIn, plan: Plan, target: Target, asked: ShortfallAsked, limit: int | None
) -> Shortfall:
    if not can_be_worked_on(target):
        raise NotFound(f"{target.id} {target.name}不按企业认定计数，没有可推荐的企业名单。")
    region = person.region_code or asked.region.strip() or None
    nearness = asked.nearness if asked.nearness in list(Nearness) else ""
    offset = (max(asked.page, 1) - 1) * (limit or 0)
    return await shortfall(session, plan, target, today(), region=region, nearness=nearness, limit=limit, offset=offset)


@router.get("/plans/{plan_id}/targets/{target_id}/shortfall", response_class=HTMLResponse)
async def target_shortfall(
    request: Request, session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking
) -> HTMLResponse:
    """What a target still takes."""
    plan, target = target_asked(plan_id, target_id, person)
    found = await _found(session, person, plan, target, asked, CANDIDATES_A_PAGE)
    here = f"/plans/{plan.id}/targets/{target.id}"
    return render(
        request, "plans/shortfall.html", page_title=f"还差多少：{target.name}",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), (target.id, here), ("还差多少", None)], plan=plan, target=target,
        found=found, asked=asked, here=here, kinds=list(Nearness), names=Names(library()), region_name=region_name, regions=regions_of(plan, person),
        steps=[_steps(one) for one in found.candidates], page=max(asked.page, 1), pages=-(-found.total // CANDIDATES_A_PAGE), on=today(),
    )  # fmt: skip


def _steps(candidate: Candidate) -> str:
    """What stands between an enterprise and the title, in words."""
    names = Names(library())
    if candidate.nearness is Nearness.FAILING:
        return "未符合：" + "、".join(names.criterion(candidate.programme, one) for one in candidate.failed)
    if candidate.missing:
        facts = list(dict.fromkeys(names.indicator(one.partition("[")[0]) for one in candidate.missing))
        return "待补：" + "、".join(facts)
    return "可组织申报" if candidate.nearness is Nearness.ELIGIBLE else "待人工确认"


_COLUMNS = (
    Column("code", "统一社会信用代码", words, width=22), Column("name", "企业名称", words, width=40), Column("region", "市（区）", words),
    Column("programme", "认定项目", words, width=22), Column("nearness", "差距", words, width=22), Column("steps", "还需要", words, width=60),
    Column("as_of", "测算日期", words, width=12),
)  # fmt: skip


@router.get("/plans/{plan_id}/targets/{target_id}/shortfall.xlsx")
async def shortfall_file(session: Work, person: SignedIn, plan_id: str, target_id: str, asked: Asking) -> Response:
    """The list to work through."""
    plan, target = target_asked(plan_id, target_id, person)
    found = await _found(session, person, plan, target, asked, None)
    names = Names(library())
    rows = [
        (
            one.enterprise.credit_code, one.enterprise.name, region_name(one.enterprise.region_code), names.programme(one.programme),
            one.nearness.label, _steps(one), one.as_of,
        )
        for one in found.candidates
    ]  # fmt: skip
    note = f"{target.id} {target.name} 截至 {today()} 的工作名单，共 {found.total} 家，由近到远"
    return download(write_sheet("工作名单", note, _COLUMNS, rows), f"{target.id}-工作名单-{today():%Y%m%d}.xlsx", XLSX)
