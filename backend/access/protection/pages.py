"""What is protected of an enterprise: its contacts, and whether tax figures are shown; asking to read it."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn, Unmasker
from backend.access.forms import errors_of
from backend.access.protection.contacts import KINDS, ContactDraft, add_contact, contacts_of, remove_contact
from backend.access.protection.unmasking import unmask, unmasked_until
from backend.access.schemas import PersonSignedIn
from backend.access.service import AccessRefused
from backend.database.session import reached, unit_of_work
from backend.enterprises.forms import ChosenEnterprise, address_of
from backend.enterprises.queries import find
from backend.exchange.keys import keys_of
from backend.filings.queries import hidden_facts
from backend.settings import Settings
from backend.web.dependencies import CurrentSettings, Engine, Work, scope_of
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render

router = APIRouter()

_DONE: Final = {
    "unmasked": "已获授权，本页和企业档案显示完整信息；到时自动收回。查看已留痕。",
    "added": "联系人已登记，内容加密保存。",
    "removed": "联系人已删除，不能恢复。",
}


async def asking_work(engine: Engine, person: Unmasker) -> AsyncGenerator[AsyncSession]:
    """A unit of work that writes, for somebody who perhaps only reads: that they ask is written down."""
    async with reached(unit_of_work(engine, scope_of(person))) as session:
        yield session


AskingWork = Annotated[AsyncSession, Depends(asking_work, scope="function")]


@router.get("/enterprises/{code}/protected", response_class=HTMLResponse)
async def protected(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, settings: CurrentSettings, done: str = ""
) -> HTMLResponse:
    """Contacts, masked or in clear; what is hidden, and the form to ask."""
    return await _page(request, session, person, row, settings, done=done)


@router.post("/enterprises/{code}/unmask")
async def ask(
    request: Request, session: AskingWork, person: Unmasker, code: str, settings: CurrentSettings,
    reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Read one enterprise's protected data for half an hour, having said why."""
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请从企业列表进入。")
    try:
        await unmask(session, person.id, row["id"], reason)
    except AccessRefused as refusal:
        return await _page(request, session, person, row, settings, refusal, {"reason": reason})
    return redirect(request, f"{address_of(row)}/protected?done=unmasked")


@router.post("/enterprises/{code}/contacts")
async def add(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, settings: CurrentSettings,
    kind: Annotated[str, Form()] = "", name: Annotated[str, Form()] = "", telephone: Annotated[str, Form()] = "",
    email: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep one more contact."""
    draft = ContactDraft(kind, name, telephone, email)
    try:
        await add_contact(session, keys_of(settings), row["id"], draft, person.id)
    except AccessRefused as refusal:
        typed = {"kind": kind, "name": name, "telephone": telephone, "email": email}
        return await _page(request, session, person, row, settings, refusal, typed)
    return redirect(request, f"{address_of(row)}/protected?done=added")


@router.post("/enterprises/{code}/contacts/{contact_id}/remove")
async def remove(request: Request, session: Work, person: Officer, row: ChosenEnterprise, contact_id: int) -> Response:
    """Forget a contact."""
    await remove_contact(session, row["id"], contact_id)
    return redirect(request, f"{address_of(row)}/protected?done=removed")


async def _page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Any, settings: Settings,
    refusal: AccessRefused | None = None, form: dict[str, str] | None = None, done: str = "",
) -> HTMLResponse:  # fmt: skip
    return render(
        request, "access/protected.html", page_title="受保护信息", row=row, address=address_of(row),
        breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("受保护信息", None)],
        contacts=await contacts_of(session, keys_of(settings), row["id"]), kinds=list(KINDS.items()),
        until=await unmasked_until(session, row["id"]), hidden=len(await hidden_facts(session, row["id"])),
        may_unmask=person.role.may_unmask, may_write=person.role.may_write, form=form or {},
        messages=[("good", _DONE[done])] if done in _DONE else [],
        status_code=refusal.status_code if refusal else 200, **errors_of(refusal),
    )  # fmt: skip
