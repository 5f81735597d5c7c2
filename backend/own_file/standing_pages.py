"""What an enterprise could be by what the registry holds: every programme, one in full, and the report to print.

In every language of the door; nothing here is for officers, and nothing is typed. Works without JavaScript.
"""

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import EnterpriseAccount
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.enterprise_file import EnterpriseFile, enterprise_file
from backend.enterprises.labels import Names
from backend.enterprises.queries import find
from backend.own_file.bureau_side import own_id
from backend.own_file.standing import Standing, standing_in
from backend.self_check.report import pdf
from backend.web.dependencies import OwnWork
from backend.web.errors import NotFound
from backend.web.responses import download
from backend.web.templates import render
from rules.evaluate import Answer
from rules.library import library
from rules.translation import marked, say

PROGRAMMES: Final = "/me/enterprise/programmes"
router = APIRouter(prefix=PROGRAMMES)
_TITLE: Final = marked("资格与成长路线")


async def own_file(session: AsyncSession, person: PersonSignedIn) -> EnterpriseFile:
    """The file of the enterprise whose account it is, as of today. Raises NotFound."""
    row = await find(session, str(own_id(person)))
    if row is None:
        raise NotFound(say("库里没有您的企业，可能已经合并或撤销登记。请联系科技部门。"))
    return await enterprise_file(session, row, library(), today())


@router.get("", response_class=HTMLResponse)
async def own_programmes(request: Request, session: OwnWork, person: EnterpriseAccount) -> HTMLResponse:
    """Every programme open to the enterprise, the nearest first, and the growth path."""
    standing = Standing(await own_file(session, person), library())
    return render(
        request, "own_file/programmes.html", page_title=say(_TITLE), standing=standing, base=PROGRAMMES,
        state=standing.state, on=standing.file.on,
    )  # fmt: skip


@router.get("/{programme}", response_class=HTMLResponse)
async def own_programme(request: Request, session: OwnWork, person: EnterpriseAccount, programme: str) -> HTMLResponse:
    """One programme: the verdict with its reasons, what would settle or mend it, and where it stands on the path."""
    standing, answer = await _asked(session, person, programme)
    name = answer.version.programme.name.said
    return render(
        request, "own_file/programme.html", page_title=name, standing=standing, programme_id=programme, base=PROGRAMMES,
        one=standing.explained(answer), names=Names(library()), state=standing.state, on=standing.file.on,
        breadcrumb=[(say(_TITLE), PROGRAMMES), (name, None)],
    )  # fmt: skip


@router.get("/{programme}/report", response_class=HTMLResponse)
async def own_report(request: Request, session: OwnWork, person: EnterpriseAccount, programme: str) -> HTMLResponse:
    """The report for printing."""
    standing, answer = await _asked(session, person, programme)
    here, name = f"{PROGRAMMES}/{programme}", answer.version.programme.name.said
    content = standing.report(programme)
    return render(
        request, "own_file/programme_report.html", page_title=content["title"], report=content, here=here,
        breadcrumb=[(say(_TITLE), PROGRAMMES), (name, here), (content["title"], None)],
    )  # fmt: skip


@router.get("/{programme}/report.pdf")
async def own_report_file(session: OwnWork, person: EnterpriseAccount, programme: str) -> Response:
    """The report as a PDF of two pages."""
    standing, _ = await _asked(session, person, programme)
    made = await asyncio.to_thread(pdf, standing.report(programme))
    return download(made, say("登记数据测算报告_{day}.pdf", day=standing.file.on), "application/pdf")


async def _asked(session: AsyncSession, person: PersonSignedIn, programme: str) -> tuple[Standing, Answer]:
    found = standing_in(await own_file(session, person), library(), programme)
    if found is None:
        raise NotFound(say("没有这个认定项目，或今天没有对贵单位所在地施行的规则。请从“资格与成长路线”进入。"))
    return found
