"""Consents in the enterprise's own account: given for a list and its fields, withdrawn at once. Works without JavaScript."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import EnterpriseAccount
from backend.access.schemas import PersonSignedIn
from backend.enterprises.labels import Names
from backend.exchange.agreements import agreements
from backend.exchange.authorisations import GROUPS, LEGAL_BASES, AuthorisationRefused
from backend.exchange.consents import ConsentRefused, withdraw_consent
from backend.own_file.bureau_side import said_by_name
from backend.own_file.consents import consent, consents_seen, end_authorisation
from backend.web.dependencies import OwnWork
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library
from rules.translation import marked, say

router = APIRouter(prefix="/me/enterprise")
_PAGE: Final = "/me/enterprise/consents"
_DONE: Final = {
    "consented": marked("已同意，从现在起按所选字段提供；随时可以撤回。"),
    "withdrawn": marked("已撤回，立即生效：接收方下一次读取时不再有贵单位。撤回前已经提供的，不能收回。"),
    "ended": marked("已撤回，立即生效：不再向税务部门查询贵单位，送来的也不保存。撤回前取得的数据照旧留存、不再更新。"),
}


@router.get("/consents", response_class=HTMLResponse)
async def own_consents(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """To whom the bureau tells what, for what, until when; who was told; what the tax bureau tells."""
    return await _page(request, session, person, "", "", done)


async def _page(
    request: Request, session: AsyncSession, person: PersonSignedIn, refused: str, list_id: str, done: str = ""
) -> HTMLResponse:
    names = Names(library())
    return render(
        request, "own_file/consents.html", status_code=422 if refused else 200, page_title=say("授权与同意"),
        seen=await consents_seen(session, person), agreed=agreements(), groups=said_by_name(GROUPS),
        bases=said_by_name(LEGAL_BASES), refused_list=list_id, names=names,
        errors=[{"field": f"until-{list_id}" if list_id else "", "message": refused}] if refused else [],
        messages=[("good", say(_DONE[done]))] if done in _DONE else [],
    )  # fmt: skip


@router.post("/consents/{list_id}")
async def give(
    request: Request, session: OwnWork, person: EnterpriseAccount, list_id: str,
    fields: Annotated[list[str] | None, Form()] = None, until: Annotated[str, Form()] = "",
    confirmed: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Consent to a list with the fields chosen, in place of what was said to it before."""
    if list_id not in agreements():
        raise NotFound(say("没有这份名单。请从“授权与同意”进入。"))
    try:
        await consent(session, person, list_id, fields or (), until, is_confirmed=confirmed == "on")
    except ConsentRefused as refusal:
        return await _page(request, session, person, str(refusal), list_id)
    return redirect(request, f"{_PAGE}?done=consented")


@router.post("/consents/{number}/withdraw")
async def take_back(request: Request, session: OwnWork, person: EnterpriseAccount, number: int) -> Response:
    """Let a consent count no more, from this moment."""
    try:
        await withdraw_consent(session, number, by=person.id)
    except ConsentRefused as refusal:
        return await _page(request, session, person, str(refusal), "")
    return redirect(request, f"{_PAGE}?done=withdrawn")


@router.post("/authorisations/{number}/withdraw")
async def end_own_authorisation(request: Request, session: OwnWork, person: EnterpriseAccount, number: int) -> Response:
    """Let an authorisation of tax figures and its extensions count no more, from this moment."""
    try:
        await end_authorisation(session, person, number)
    except AuthorisationRefused as refusal:
        return await _page(request, session, person, str(refusal), "")
    return redirect(request, f"{_PAGE}?done=ended#tax")
