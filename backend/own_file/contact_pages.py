"""What passes between an enterprise and the bureau, as the enterprise sees it: pools, messages, needs.

Works without JavaScript.
"""

from typing import Annotated, Final

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import EnterpriseAccount
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.stages import ACTION_KINDS, ACTION_STATUSES, TOPICS
from backend.cultivation.windows import all_windows
from backend.enterprises.labels import Names, programme_choices
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.own_file.applications import STATES, ApplicationRefused, Wanted, applications_of, apply, withdraw
from backend.own_file.bureau_side import own_id, said_by_name
from backend.own_file.home import pools_of
from backend.own_file.needs import NeedRefused, needs_of, raise_need
from backend.own_file.papers import own_papers
from backend.own_file.schemas import NeedForm, ThreadForm
from backend.own_file.submitting import Evidence
from backend.own_file.threads import (
    MessageRefused,
    Writer,
    mark_read,
    messages_in,
    open_thread,
    thread_of,
    threads_of,
    write,
)
from backend.web.dependencies import OwnWork
from backend.web.responses import redirect
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.library import library
from rules.translation import marked, say

router = APIRouter(prefix="/me/enterprise")
#: Papers that may go with one application.
MOST_PAPERS: Final = 5
_DONE: Final = {
    "applied": marked("申请已提交，科技部门受理后会在这里答复。"),
    "withdrawn": marked("申请已撤回。"),
    "sent": marked("消息已发出。"),
    "raised": marked("已提交，会列入贵单位的服务档案，办理情况在这里答复。"),
}


def _good(done: str) -> list[tuple[str, str]]:
    return [("good", say(_DONE[done]))] if done in _DONE else []


# Pools ---------------------------------------------------------------------------------------------------------------


@router.get("/pool", response_class=HTMLResponse)
async def own_pool(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """The pools one is in, how far, until when; applications, and the form for another."""
    return await _pool_page(request, session, person, {}, "", _good(done))


@router.post("/pool")
async def apply_for_pool(
    request: Request, session: OwnWork, person: EnterpriseAccount, programme: Annotated[str, Form()] = "",
    words: Annotated[str, Form()] = "", papers: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:  # fmt: skip
    """Ask to be taken into this year's pool of a programme."""
    # Browsers send a field of files that was left empty as one without a name.
    given = [one for one in papers or () if one.filename]
    typed = {"programme": programme, "words": words}
    if is_said_again(request):
        return await _pool_page(request, session, person, typed, "", [])
    if len(given) > MOST_PAPERS:
        refused = say("一次最多附 {most} 份材料，您选了 {n} 份。没有提交。", most=MOST_PAPERS, n=len(given))
        return await _pool_page(request, session, person, typed, refused, [])
    evidence = [Evidence(await one.read(MOST_BYTES + 1), one.filename or "", "other") for one in given]
    try:
        await apply(session, person, Wanted(programme, today().year, words, evidence), library())
    except (ApplicationRefused, PaperRefused) as refusal:
        return await _pool_page(request, session, person, typed, str(refusal), [])
    return redirect(request, "/me/enterprise/pool?done=applied")


@router.post("/pool/{application_id}/withdraw")
async def withdraw_application(
    request: Request, session: OwnWork, person: EnterpriseAccount, application_id: int
) -> Response:
    """Take an application back that nobody has decided."""
    await withdraw(session, person, application_id)
    return redirect(request, "/me/enterprise/pool?done=withdrawn")


async def _pool_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, typed: dict[str, str], refused: str,
    messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    on, pools = today(), await pools_of(session, person)
    mine = {one.programme for one in pools}
    windows = [one for one in await all_windows(session) if one.programme in mine and one.closes_on >= on]
    return render(
        request, "own_file/pool.html", status_code=422 if refused else 200, page_title=say("培育库"), pools=pools, on=on,
        applications=await applications_of(session, own_id(person)), states=said_by_name(STATES), names=Names(library()),
        programmes=programme_choices(library()), windows={one.programme: one for one in reversed(windows)}, typed=typed,
        errors=[{"field": "", "message": refused}] if refused else [], messages=messages, taken=say(TAKEN), endings=ENDINGS,
        most=MOST_BYTES // 1024 // 1024, most_papers=MOST_PAPERS,
        papers={one.id: one for one in await own_papers(session, own_id(person))},
    )  # fmt: skip


# Messages ------------------------------------------------------------------------------------------------------------


@router.get("/messages", response_class=HTMLResponse)
async def own_threads(request: Request, session: OwnWork, person: EnterpriseAccount, subject: str = "") -> HTMLResponse:
    """All threads, and the form to open one; `subject` fills it in."""
    return await _threads_page(request, session, person, ThreadForm(subject=subject), "")


@router.post("/messages")
async def open_own_thread(
    request: Request, session: OwnWork, person: EnterpriseAccount, form: Annotated[ThreadForm, Form()]
) -> Response:
    """Begin a matter."""
    if is_said_again(request):
        return await _threads_page(request, session, person, form, "")
    try:
        thread = await open_thread(session, own_id(person), form.subject, form.words, Writer(person))
    except MessageRefused as refusal:
        return await _threads_page(request, session, person, form, str(refusal))
    return redirect(request, f"/me/enterprise/messages/{thread}?done=sent")


async def _threads_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, form: ThreadForm, refused: str
) -> HTMLResponse:
    return render(
        request, "own_file/threads.html", status_code=422 if refused else 200, page_title=say("消息"), form=form,
        threads=await threads_of(session, own_id(person), Writer(person)),
        errors=[{"field": "words", "message": refused}] if refused else [],
    )  # fmt: skip


@router.get("/messages/{thread_id}", response_class=HTMLResponse)
async def own_thread(
    request: Request, session: OwnWork, person: EnterpriseAccount, thread_id: int, done: str = ""
) -> HTMLResponse:
    """One matter; what the bureau wrote is read by this."""
    return await _thread_page(request, session, person, thread_id, "", "", _good(done))


@router.post("/messages/{thread_id}")
async def write_own(
    request: Request, session: OwnWork, person: EnterpriseAccount, thread_id: int, words: Annotated[str, Form()] = ""
) -> Response:
    """Write on."""
    if is_said_again(request):
        return await _thread_page(request, session, person, thread_id, words, "", [])
    try:
        await write(session, thread_id, words, Writer(person))
    except MessageRefused as refusal:
        return await _thread_page(request, session, person, thread_id, words, str(refusal), [])
    return redirect(request, f"/me/enterprise/messages/{thread_id}?done=sent")


async def _thread_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, thread_id: int, words: str, refused: str,
    messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    thread = await thread_of(session, thread_id, Writer(person))
    said = await messages_in(session, thread_id)
    await mark_read(session, thread_id, Writer(person))
    return render(
        request, "own_file/thread.html", status_code=422 if refused else 200, page_title=thread["subject"], thread=thread,
        said=said, words=words, messages=messages, action=f"/me/enterprise/messages/{thread_id}", is_enterprise=True,
        may_write=True, errors=[{"field": "words", "message": refused}] if refused else [],
        breadcrumb=[(say("消息"), "/me/enterprise/messages"), (thread["subject"], None)],
    )  # fmt: skip


# Needs ---------------------------------------------------------------------------------------------------------------


@router.get("/needs", response_class=HTMLResponse)
async def own_needs(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """What the enterprise brought up, each with its answer."""
    return await _needs_page(request, session, person, NeedForm(), "", _good(done))


@router.post("/needs")
async def bring_up(
    request: Request, session: OwnWork, person: EnterpriseAccount, form: Annotated[NeedForm, Form()]
) -> Response:
    """Bring up a need or a problem."""
    if is_said_again(request):
        return await _needs_page(request, session, person, form, "", [])
    try:
        await raise_need(session, person, form.kind, form.topic, form.content, today())
    except NeedRefused as refusal:
        return await _needs_page(request, session, person, form, str(refusal), [])
    return redirect(request, "/me/enterprise/needs?done=raised")


async def _needs_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, form: NeedForm, refused: str,
    messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    return render(
        request, "own_file/needs.html", status_code=422 if refused else 200, page_title=say("需求与反馈"), form=form,
        needs=await needs_of(session, person), kinds=said_by_name(ACTION_KINDS),
        topics=said_by_name(TOPICS), statuses=said_by_name(ACTION_STATUSES),
        errors=[{"field": "content", "message": refused}] if refused else [], messages=messages,
    )  # fmt: skip
