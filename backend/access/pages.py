"""Signing in and out: the password, the second factor, the invitation."""

import asyncio
import secrets
from datetime import timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from backend.access import invitations, queries, second_factor, service
from backend.access.dependencies import Authenticated
from backend.access.forms import errors_of
from backend.access.passwords import Profile
from backend.access.schemas import CodeForm, PasswordForm, SignInForm
from backend.access.service import AccessRefused, Browser
from backend.access.sessions import delete_cookie, form_cookie, session_cookie, set_cookie
from backend.access.sign_on.provider import own_address, provider_of
from backend.database.session import in_the_name_of, owner_unit_of_work, reached
from backend.exchange.keys import keys_of
from backend.settings import Settings
from backend.web.csrf import ForgedRequest, demand_proof
from backend.web.dependencies import CurrentSettings, Engine, OwnerWork
from backend.web.responses import redirect, safe_next
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.translation import marked, say

router = APIRouter()

# Hashing takes a core and 64 MB each, and a connection is held meanwhile: strangers must not take all of them.
_AT_ONCE: Final = asyncio.Semaphore(4)
_WRONG: Final = marked(
    "用户名或口令不对。连续输错 {times} 次，账号会锁定 {minutes} 分钟；如已锁定，请稍后再试，或请系统管理员重置口令。"
)
_WRONG_CODE: Final = marked("动态口令不对，或已经用过。请等下一个六位数字，或用一个备用码。")


@router.get("/login")
async def login(
    request: Request, work: OwnerWork, settings: CurrentSettings, next: str = "/", done: str = ""  # noqa: A002
) -> Response:  # fmt: skip
    """The sign-in page; who is signed in already goes on."""
    if getattr(request.state, "visitor", None) is not None:
        return redirect(request, safe_next(next))
    # Another site's session goes on until it is ended there, and it asks its own questions about that.
    is_still_there = done == "sso" and settings.sso_issuer is not None
    back_to = f"{own_address(request, settings)}/login"
    sign_out_address = await provider_of(request).address_to_sign_out(back_to) if is_still_there else None
    return login_page(
        request, SignInForm(next=next), has_people=await queries.has_people(work), is_still_there=is_still_there,
        sign_out_address=sign_out_address,
    )  # fmt: skip


@router.post("/login")
async def sign_in(
    request: Request, engine: Engine, settings: CurrentSettings, form: Annotated[SignInForm, Form()]
) -> Response:
    """Open a session, and go on to where one wanted to go."""
    if is_said_again(request):
        return login_page(request, form)
    try:
        await demand_proof(request, request.cookies.get(form_cookie(request), ""))
    except ForgedRequest:
        return login_page(request, form, error=say("登录页面已过期，请重新输入后登录。"), status_code=403)
    # A transaction of its own, committed in either case: a failure must be counted.
    async with _AT_ONCE, reached(owner_unit_of_work(engine)) as work:
        person = await service.sign_in(work, form.login_name, form.password)
        if person is None or person.id is None:
            token, is_half = None, False
        else:
            is_half = person.totp_generation > 0
            longest = queries.HALF_SESSION_LIFE if is_half else longest_of(settings)
            token = await service.open_session(work, person.id, longest, browser_of(request), is_half=is_half)
    if token is None:
        minutes = int(service.LOCK_OUT.total_seconds() // 60)
        wrong = say(_WRONG, times=service.FAILURES_ALLOWED, minutes=minutes)
        return login_page(request, form, error=wrong, status_code=401)
    goes_to = safe_next(form.next)
    if is_half:
        response = redirect(request, f"/login/code?{urlencode({'next': goes_to})}")
        set_cookie(request, response, session_cookie(request), token)
        return response
    response = redirect(request, goes_to)
    set_cookie(request, response, session_cookie(request), token)
    delete_cookie(request, response, form_cookie(request))
    return response


@router.post("/logout")
async def logout(request: Request, person: Authenticated, work: OwnerWork) -> Response:
    """End this browser's session."""
    was_sign_on = await service.end_session(work, person.id, person.session_id)
    response = redirect(request, "/login?done=sso" if was_sign_on else "/login")
    delete_cookie(request, response, session_cookie(request))
    return response


def login_page(
    request: Request, form: SignInForm, *, error: str = "", has_people: bool = True, status_code: int = 200,
    is_still_there: bool = False, sign_out_address: str | None = None,
) -> Response:  # fmt: skip
    """The sign-in page, perhaps with what went wrong; `is_still_there` at the single sign-on, having left here."""
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
        sso_name=_sso_name(request),
        is_still_there=is_still_there,
        sign_out_address=sign_out_address,
    )
    set_cookie(request, response, form_cookie(request), proof)
    return response


def _sso_name(request: Request) -> str:
    """What the single sign-on is called; empty where there is none."""
    settings: Settings = request.app.state.settings
    # The usual name has a translation; what else a city calls it stays as it is.
    return say(settings.sso_name) if settings.sso_issuer and settings.sso_client_id else ""


def browser_of(request: Request) -> Browser:
    """What the person is shown of the browser."""
    return Browser(request.client.host if request.client else "", request.headers.get("user-agent", ""))


def longest_of(settings: Settings) -> timedelta:
    """How long a session lasts at most."""
    return timedelta(hours=settings.session_longest_hours)


# The second factor ---------------------------------------------------------------------------------


@router.get("/login/code")
async def code_page(request: Request, work: OwnerWork, next: str = "/") -> Response:  # noqa: A002
    """Asks for the code of somebody whose password was right."""
    if await queries.half_session_of(work, _token_hash(request)) is None:
        return redirect(request, "/login")
    return _code_page(request, CodeForm(next=next))


@router.post("/login/code")
async def pass_code(
    request: Request, engine: Engine, settings: CurrentSettings, form: Annotated[CodeForm, Form()]
) -> Response:
    """Make the half session a whole one, under a new token. A wrong code counts like a wrong password."""
    if is_said_again(request):
        return _code_page(request, form)
    try:
        await demand_proof(request, request.cookies.get(form_cookie(request), ""))
    except ForgedRequest:
        return redirect(request, "/login")
    async with reached(owner_unit_of_work(engine)) as work:
        person = await queries.half_session_of(work, _token_hash(request))
        if person is None or person.id is None:
            return redirect(request, "/login")
        await in_the_name_of(work, person.login, person.id)
        token = await service.pass_second_factor(
            work, person.id, lambda one: second_factor.accepts(one, keys_of(settings), form.code),
            longest_of(settings), browser_of(request), _token_hash(request),
        )  # fmt: skip
    if token is None:
        return _code_page(request, form, error=say(_WRONG_CODE), status_code=401)
    response = redirect(request, safe_next(form.next))
    set_cookie(request, response, session_cookie(request), token)
    delete_cookie(request, response, form_cookie(request))
    return response


def _token_hash(request: Request) -> str:
    return service.hash_of(request.cookies.get(session_cookie(request), ""))


def _code_page(request: Request, form: CodeForm, *, error: str = "", status_code: int = 200) -> Response:
    proof = request.cookies.get(form_cookie(request)) or secrets.token_urlsafe(32)
    response = render(
        request, "access/code.html", status_code=status_code, csrf_token=proof, next=safe_next(form.next), error=error
    )
    set_cookie(request, response, form_cookie(request), proof)
    return response


# Invitations ---------------------------------------------------------------------------------------


@router.get("/invitations/{token}")
async def invitation(request: Request, work: OwnerWork, token: str) -> Response:
    """Asks a newcomer to choose a password."""
    return _invitation_page(request, token, (await invitations.invited(work, token)).login)


@router.post("/invitations/{token}")
async def accept_invitation(
    request: Request, work: OwnerWork, settings: CurrentSettings, token: str, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Take the password, and sign in."""
    login = (await invitations.invited(work, token)).login
    try:
        await demand_proof(request, request.cookies.get(form_cookie(request), ""))
        async with _AT_ONCE:
            person = await invitations.accept(work, token, form.new, form.again, Profile(settings.password_profile))
    except ForgedRequest as problem:
        return _invitation_page(request, token, login, AccessRefused(str(problem)))
    except invitations.InvitationOver:
        raise
    except AccessRefused as refusal:
        return _invitation_page(request, token, login, refusal)
    assert person.id is not None
    session_token = await service.open_session(work, person.id, longest_of(settings), browser_of(request))
    response = redirect(request, "/")
    set_cookie(request, response, session_cookie(request), session_token)
    delete_cookie(request, response, form_cookie(request))
    return response


def _invitation_page(request: Request, token: str, login: str, refusal: AccessRefused | None = None) -> Response:
    proof = request.cookies.get(form_cookie(request)) or secrets.token_urlsafe(32)
    response = render(
        request, "access/invitation.html", status_code=refusal.status_code if refusal else 200, csrf_token=proof,
        login=login, token=token, sso_name=_sso_name(request), **errors_of(refusal),
    )  # fmt: skip
    set_cookie(request, response, form_cookie(request), proof)
    return response
