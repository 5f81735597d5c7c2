"""What officers do with enterprises' own accounts: codes, what came in, messages. Works without JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.access.sign_on.provider import own_address
from backend.clock import today
from backend.cultivation.stages import ACTION_KINDS, TOPICS
from backend.enterprises.forms import ChosenEnterprise, address_of
from backend.enterprises.labels import Names
from backend.filings.attachments import attachments_of
from backend.own_file.activation import (
    MOST_DAYS,
    USUAL_DAYS,
    NotIssued,
    accounts_of,
    codes_of,
    end_account,
    issue,
    revoke,
)
from backend.own_file.applications import STATES, application_of, decide
from backend.own_file.in_tray import in_tray
from backend.own_file.letter import NAMES as LETTER_LANGUAGES
from backend.own_file.letter import letters
from backend.own_file.schemas import DecisionForm, ThreadForm
from backend.own_file.threads import (
    MessageRefused,
    NoSuchThread,
    Writer,
    mark_read,
    messages_in,
    open_thread,
    thread_of,
    threads_of,
    write,
)
from backend.web.dependencies import CurrentSettings, OwnerWork, Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
_DONE: Final = {
    "revoked": "激活码已作废。",
    "ended": "账号已停用，正在登录的浏览器已全部退出。",
    "accepted": "已受理，企业进入培育库“发现”阶段。",
    "refused": "已答复企业不予受理。",
    "sent": "消息已发出。",
}


def _good(done: str) -> list[tuple[str, str]]:
    return [("good", _DONE[done])] if done in _DONE else []


def _trail(row: Mapping[str, Any], *steps: tuple[str, str | None]) -> list[tuple[str, str | None]]:
    return [("企业", "/enterprises"), (row["name"], address_of(row)), *steps]


# Accounts ------------------------------------------------------------------------------------------------------------


@router.get("/enterprises/{code}/accounts", response_class=HTMLResponse)
async def accounts(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, owner: OwnerWork, done: str = ""
) -> HTMLResponse:
    """The enterprise's own accounts, and the codes that were issued for it."""
    return render(
        request, "own_file/accounts.html", page_title="企业账号", row=row, address=address_of(row), on=today(),
        breadcrumb=_trail(row, ("企业账号", None)), accounts=await accounts_of(owner, row["id"]),
        codes=await codes_of(session, row["id"]), may_write=person.role.may_write, usual_days=USUAL_DAYS, letter_languages=LETTER_LANGUAGES,
        most_days=MOST_DAYS, messages=_good(done),
    )  # fmt: skip


@router.post("/enterprises/{code}/activation-codes", response_class=HTMLResponse)
async def issue_code(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, settings: CurrentSettings,
    days: Annotated[str, Form()] = "", language: Annotated[str, Form()] = "zh",
) -> HTMLResponse:  # fmt: skip
    """Issue a code: the letter to print, which is the only place where the code stands."""
    if not row["credit_code"]:
        raise NotIssued("这家企业还没有登记统一社会信用代码，不能发放激活码。请先在“修改”中补登记。")
    asked = int(days) if days.isascii() and days.isdecimal() and len(days) < 6 else (0 if days else USUAL_DAYS)
    issued = await issue(session, row["id"], by=person.id, on=today(), days=asked)
    drawn = letters(
        language, row=row, issued=issued, on=today(), opens_at=f"{own_address(request, settings)}/activate",
        bureau=f"{person.region_name or Names(library()).region(row['region_code'])}科技局",
    )  # fmt: skip
    return render(request, "own_file/letter.html", page_title="企业账号激活函", letters=drawn, address=address_of(row))


@router.post("/enterprises/{code}/activation-codes/{code_id}/revoke")
async def revoke_code(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, code_id: int
) -> Response:
    """Let a code work no more."""
    await revoke(session, row["id"], code_id, by=person.id)
    return redirect(request, f"{address_of(row)}/accounts?done=revoked")


@router.post("/enterprises/{code}/accounts/{person_id}/end")
async def end(request: Request, person: Officer, row: ChosenEnterprise, owner: OwnerWork, person_id: int) -> Response:
    """Let an account of the enterprise sign in no more."""
    await end_account(owner, row["id"], person_id)
    return redirect(request, f"{address_of(row)}/accounts?done=ended")


# What came in --------------------------------------------------------------------------------------------------------


@router.get("/from-enterprises", response_class=HTMLResponse)
async def came_in(request: Request, session: Work, person: SignedIn, done: str = "") -> HTMLResponse:
    """What waits: applications, messages, contradictions, needs."""
    return render(
        request, "own_file/in_tray.html", page_title="企业来件", tray=await in_tray(session), names=Names(library()),
        kinds=ACTION_KINDS, topics=TOPICS, messages=_good(done), may_write=person.role.may_write,
    )  # fmt: skip


@router.get("/applications/{application_id}", response_class=HTMLResponse)
async def application(request: Request, session: Work, person: SignedIn, application_id: int) -> HTMLResponse:
    """One application, its papers, and the form to decide it."""
    return await _application_page(request, session, person, application_id)


@router.post("/applications/{application_id}/{state}")
async def decide_application(
    request: Request, session: Work, person: Officer, application_id: int, state: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:  # fmt: skip
    """Accept it into the pool, or refuse it with a reason that the enterprise sees."""
    if state not in ("accepted", "refused"):
        raise NotFound("没有这种办理方式。请从申请页面办理。")
    await decide(session, application_id, form.revision, state, form.reason, by=person.id)
    return redirect(request, f"/from-enterprises?done={state}")


async def _application_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, application_id: int
) -> HTMLResponse:
    row = await application_of(session, application_id)
    if row is None:
        raise NotFound("没有这份申请，或它不属于您的区域。请从“企业来件”进入。")
    papers = [one for one in await attachments_of(session, row["enterprise_id"]) if one["id"] in row["attachment_ids"]]
    return render(
        request, "own_file/application.html", page_title="入库申请", application=row, papers=papers, states=STATES,
        address=f"/enterprises/{row['credit_code'] or row['enterprise_id']}", names=Names(library()),
        may_write=person.role.may_write, breadcrumb=[("企业来件", "/from-enterprises"), (row["name"], None)],
    )  # fmt: skip


# Messages ------------------------------------------------------------------------------------------------------------


@router.get("/enterprises/{code}/messages", response_class=HTMLResponse)
async def threads(request: Request, session: Work, person: SignedIn, row: ChosenEnterprise) -> HTMLResponse:
    """The threads of an enterprise, and the form to open one."""
    return await _threads_page(request, session, person, row, ThreadForm(), "")


@router.post("/enterprises/{code}/messages")
async def open_for_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[ThreadForm, Form()]
) -> Response:
    """Begin a matter."""
    try:
        thread = await open_thread(session, row["id"], form.subject, form.words, Writer(person))
    except MessageRefused as refusal:
        return await _threads_page(request, session, person, row, form, str(refusal))
    return redirect(request, f"{address_of(row)}/messages/{thread}?done=sent")


async def _threads_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Mapping[str, Any], form: ThreadForm, refused: str
) -> HTMLResponse:  # fmt: skip
    return render(
        request, "own_file/bureau_threads.html", status_code=422 if refused else 200, page_title="与企业的消息", row=row,
        address=address_of(row), threads=await threads_of(session, row["id"], Writer(person)), form=form,
        breadcrumb=_trail(row, ("消息", None)), may_write=person.role.may_write,
        errors=[{"field": "words", "message": refused}] if refused else [],
    )  # fmt: skip


@router.get("/enterprises/{code}/messages/{thread_id}", response_class=HTMLResponse)
async def thread(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, thread_id: int, done: str = ""
) -> HTMLResponse:
    """One matter; an officer who opens it has read it."""
    return await _thread_page(request, session, person, row, thread_id, "", "", _good(done))


@router.post("/enterprises/{code}/messages/{thread_id}")
async def write_to_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, thread_id: int,
    words: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Write on."""
    if (await thread_of(session, thread_id, Writer(person)))["enterprise_id"] != row["id"]:
        raise NoSuchThread
    try:
        await write(session, thread_id, words, Writer(person))
    except MessageRefused as refusal:
        return await _thread_page(request, session, person, row, thread_id, words, str(refusal), [])
    return redirect(request, f"{address_of(row)}/messages/{thread_id}?done=sent")


async def _thread_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Mapping[str, Any], thread_id: int, words: str,
    refused: str, messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    found = await thread_of(session, thread_id, Writer(person))
    if found["enterprise_id"] != row["id"]:
        raise NoSuchThread
    said = await messages_in(session, thread_id)
    if person.role.may_write:
        await mark_read(session, thread_id, Writer(person))
    return render(
        request, "own_file/thread.html", status_code=422 if refused else 200, page_title=found["subject"], thread=found,
        said=said, words=words, messages=messages, action=f"{address_of(row)}/messages/{thread_id}", is_enterprise=False,
        may_write=person.role.may_write, errors=[{"field": "words", "message": refused}] if refused else [],
        breadcrumb=_trail(row, ("消息", f"{address_of(row)}/messages"), (found["subject"], None)),
    )  # fmt: skip
