"""Signing in and out, one's own account, and the administrator's list of people."""

import asyncio
import secrets
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from backend.access import queries, service
from backend.access.dependencies import Administrator, Authenticated
from backend.access.schemas import PasswordForm, PersonForm, PersonSignedIn, Role, SignInForm
from backend.access.service import AccessRefused, Browser, Issued
from backend.access.sessions import delete_cookie, form_cookie, session_cookie, set_cookie
from backend.database.session import owner_unit_of_work
from backend.enterprises.regions import Regions
from backend.settings import Settings
from backend.web.csrf import ForgedRequest, demand_proof
from backend.web.dependencies import CurrentSettings, Engine, OwnerWork, reached
from backend.web.filters import ROLES
from backend.web.responses import redirect, safe_next
from backend.web.templates import render

router = APIRouter()

# Hashing takes a core and 64 MB each, and a connection is held meanwhile: strangers must not take all of them.
_AT_ONCE: Final = asyncio.Semaphore(4)
_WRONG: Final = (
    f"用户名或口令不对。连续输错 {service.FAILURES_ALLOWED} 次，账号会锁定"
    f" {int(service.LOCK_OUT.total_seconds() // 60)} 分钟；如已锁定，请稍后再试，或请系统管理员重置口令。"
)
_DONE: Final = {
    "deactivated": "已停用，该用户已在所有浏览器退出。",
    "reactivated": "已恢复，该用户可以用原来的口令登录。",
    "password": "口令已修改，其他浏览器上的登录已全部退出。",
    "session": "已让那个浏览器退出登录。",
}


# Signing in and out --------------------------------------------------------------------------------


@router.get("/login")
async def login(request: Request, work: OwnerWork, next: str = "/") -> Response:  # noqa: A002
    """The sign-in page; who is signed in already goes on."""
    if getattr(request.state, "visitor", None) is not None:
        return redirect(request, safe_next(next))
    return _login_page(request, SignInForm(next=next), has_people=await queries.has_people(work))


@router.post("/login")
async def sign_in(
    request: Request, engine: Engine, settings: CurrentSettings, form: Annotated[SignInForm, Form()]
) -> Response:
    """Open a session, and go on to where one wanted to go."""
    try:
        await demand_proof(request, request.cookies.get(form_cookie(request), ""))
    except ForgedRequest:
        return _login_page(request, form, error="登录页面已过期，请重新输入后登录。", status_code=403)
    # A transaction of its own, committed in either case: a failure must be counted.
    async with _AT_ONCE, reached(owner_unit_of_work(engine)) as work:
        person = await service.sign_in(work, form.login_name, form.password)
        if person is None or person.id is None:
            token = None
        else:
            token = await service.open_session(work, person.id, _longest(settings), _browser(request))
    if token is None:
        return _login_page(request, form, error=_WRONG, status_code=401)
    response = redirect(request, safe_next(form.next))
    set_cookie(request, response, session_cookie(request), token)
    delete_cookie(request, response, form_cookie(request))
    return response


@router.post("/logout")
async def logout(request: Request, person: Authenticated, work: OwnerWork) -> Response:
    """End this browser's session."""
    await service.end_session(work, person.id, person.session_id)
    response = redirect(request, "/login")
    delete_cookie(request, response, session_cookie(request))
    return response


def _login_page(
    request: Request, form: SignInForm, *, error: str = "", has_people: bool = True, status_code: int = 200
) -> Response:
    # The same value in a cookie and in the form: another site can set neither.
    proof = request.cookies.get(form_cookie(request)) or secrets.token_urlsafe(32)
    response = render(
        request,
        "login.html",
        status_code=status_code,
        csrf_token=proof,
        login_name=form.login_name,
        next=safe_next(form.next),
        error=error,
        has_people=has_people,
        demo_logins=getattr(request.app.state, "demo_logins", ()),
    )
    set_cookie(request, response, form_cookie(request), proof)
    return response


def _browser(request: Request) -> Browser:
    return Browser(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def _longest(settings: Settings) -> timedelta:
    return timedelta(hours=settings.session_longest_hours)


# One's own account ---------------------------------------------------------------------------------


@router.get("/me")
async def me(
    request: Request, person: Authenticated, work: OwnerWork, settings: CurrentSettings, done: str = ""
) -> Response:
    """One's own account: password, and the browsers one is signed in with."""
    return await _me_page(request, person, work, settings, messages=_messages(done))


@router.post("/me/password")
async def change_password(
    request: Request,
    person: Authenticated,
    work: OwnerWork,
    settings: CurrentSettings,
    form: Annotated[PasswordForm, Form()],
) -> Response:
    """Change one's own password. Other browsers are signed out; this one gets a new session."""
    try:
        await service.change_own_password(work, person.id, form.current, form.new, form.again)
    except AccessRefused as refusal:
        return await _me_page(request, person, work, settings, refusal=refusal)
    token = await service.open_session(work, person.id, _longest(settings), _browser(request))
    response = redirect(request, "/me?done=password")
    set_cookie(request, response, session_cookie(request), token)
    return response


@router.post("/me/sessions/{session_id}/end")
async def end_session(request: Request, person: Authenticated, work: OwnerWork, session_id: str) -> Response:
    """Sign out another of one's own browsers."""
    await service.end_session(work, person.id, session_id)
    return redirect(request, "/me?done=session")


async def _me_page(
    request: Request,
    person: PersonSignedIn,
    work: OwnerWork,
    settings: Settings,
    *,
    refusal: AccessRefused | None = None,
    messages: tuple[tuple[str, str], ...] = (),
) -> Response:
    idle = timedelta(minutes=settings.session_idle_minutes)
    if person.must_change_password and refusal is None:
        messages = (("open", "这是初始口令，请先改成自己的口令，然后才能使用其他功能。"), *messages)
    return render(
        request,
        "access/me.html",
        person=person,
        sessions=await queries.sessions_of(work, person.id, idle),
        idle_minutes=settings.session_idle_minutes,
        longest_hours=settings.session_longest_hours,
        messages=messages,
        status_code=refusal.status_code if refusal else 200,
        **_errors(refusal),
    )


# People --------------------------------------------------------------------------------------------


@router.get("/people")
async def people(request: Request, _: Administrator, work: OwnerWork, done: str = "") -> Response:
    """Everybody who may sign in."""
    return render(request, "access/people.html", people=await queries.people(work), messages=_messages(done))


@router.get("/people/new")
async def new_person(request: Request, _: Administrator) -> Response:
    """The form for one more person."""
    return _new_person_page(request, PersonForm(role=Role.DISTRICT_OFFICER))


@router.post("/people/new")
async def add_person(
    request: Request, _: Administrator, work: OwnerWork, form: Annotated[PersonForm, Form()]
) -> Response:
    """Add a person; the password that was made up is shown this once."""
    try:
        issued = await service.add_person(work, form.login, form.name, form.role, form.region)
    except AccessRefused as refusal:
        return _new_person_page(request, form, refusal)
    return _issued_page(request, issued, "用户已添加")


@router.post("/people/{person_id}/password")
async def reset_password(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Give somebody a new first password, shown this once; lifts a lock-out, too."""
    return _issued_page(request, await service.reset_password(work, person_id), "口令已重置")


@router.post("/people/{person_id}/deactivate")
async def deactivate(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Let somebody sign in no more."""
    await service.deactivate(work, person_id)
    return redirect(request, "/people?done=deactivated")


@router.post("/people/{person_id}/reactivate")
async def reactivate(request: Request, _: Administrator, work: OwnerWork, person_id: int) -> Response:
    """Let somebody sign in again."""
    await service.reactivate(work, person_id)
    return redirect(request, "/people?done=reactivated")


def _new_person_page(request: Request, form: PersonForm, refusal: AccessRefused | None = None) -> Response:
    return render(
        request,
        "access/new_person.html",
        form=form,
        roles=[(role.value, ROLES[role]) for role in Role],
        districts=_districts(),
        status_code=refusal.status_code if refusal else 200,
        **_errors(refusal),
    )


def _issued_page(request: Request, issued: Issued, title: str) -> Response:
    person = issued.person
    return render(
        request,
        "access/issued_password.html",
        page_title=title,
        login=person.login,
        name=person.name,
        password=issued.password,
    )


def _districts() -> list[tuple[str, str]]:
    """Today's districts with their city's name, as a choice."""
    regions = Regions.load()
    return [
        (district.code, f"{city.name} {district.shown_as}")
        for province in regions.children()
        for city in regions.children(province.code)
        for district in regions.children(city.code)
    ]


def _errors(refusal: AccessRefused | None) -> dict[str, Any]:
    if refusal is None:
        return {"errors": [], "error_of": {}}
    return {
        "errors": [{"field": refusal.field, "message": str(refusal)}],
        "error_of": {refusal.field: str(refusal)},
    }


def _messages(done: str) -> tuple[tuple[str, str], ...]:
    return (("good", _DONE[done]),) if done in _DONE else ()
