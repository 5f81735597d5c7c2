"""One's own account: password, roles, the second factor, and the browsers one is signed in with."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from backend.access import queries, roles, second_factor, service
from backend.access.dependencies import Authenticated, Settled
from backend.access.forms import errors_of
from backend.access.pages import browser_of, longest_of
from backend.access.passwords import SHORTEST, Profile
from backend.access.schemas import CodeForm, PasswordForm, PersonSignedIn
from backend.access.service import AccessRefused
from backend.access.sessions import session_cookie, set_cookie
from backend.clock import today
from backend.exchange.keys import keys_of
from backend.settings import Settings
from backend.web.dependencies import CurrentSettings, OwnerWork
from backend.web.responses import redirect
from backend.web.templates import render
from rules.translation import marked, say

router = APIRouter()

_DONE: Final = {
    "password": marked("口令已修改，其他浏览器上的登录已全部退出。"),
    "session": marked("已让那个浏览器退出登录。"),
    "others": marked("其他浏览器上的登录已全部退出。"),
    "second-factor-off": marked("动态口令已停用。"),
}
PASSWORD_HINT: Final = {
    Profile.DENGBAO: marked("至少 {least} 位，含大写字母、小写字母、数字、其他符号中的三类。"),
    Profile.ASVS: marked("至少 {least} 位。可以用几个不相干的词连起来，不必夹杂符号。"),
}


@router.get("/me")
async def me(
    request: Request, person: Authenticated, work: OwnerWork, settings: CurrentSettings, done: str = ""
) -> Response:
    """One's own account."""
    messages = (("good", say(_DONE[done])),) if done in _DONE else ()
    return await _me_page(request, person, work, settings, messages=messages)


@router.post("/me/password")
async def change_password(
    request: Request,
    person: Authenticated,
    work: OwnerWork,
    settings: CurrentSettings,
    form: Annotated[PasswordForm, Form()],
) -> Response:
    """Change one's own password. Other browsers are signed out; this one gets a new session."""
    profile = Profile(settings.password_profile)
    try:
        await service.change_own_password(work, person.id, form.current, form.new, form.again, profile)
    except AccessRefused as refusal:
        return await _me_page(request, person, work, settings, refusal=refusal)
    token = await service.open_session(work, person.id, longest_of(settings), browser_of(request))
    response = redirect(request, "/me?done=password")
    set_cookie(request, response, session_cookie(request), token)
    return response


@router.post("/me/sessions/{session_id}/end")
async def end_session(request: Request, person: Authenticated, work: OwnerWork, session_id: str) -> Response:
    """Sign out another of one's own browsers."""
    await service.end_session(work, person.id, session_id)
    return redirect(request, "/me?done=session")


@router.post("/me/sessions/end-others")
async def end_other_sessions(request: Request, person: Authenticated, work: OwnerWork) -> Response:
    """Sign out all of one's own browsers but this one."""
    await service.end_other_sessions(work, person.id, person.session_id)
    return redirect(request, "/me?done=others")


@router.post("/me/role")
async def act_as(request: Request, person: Settled, work: OwnerWork, role_id: Annotated[str, Form()] = "") -> Response:
    """Act in another of one's own roles from now on."""
    chosen = int(role_id) if role_id.isascii() and role_id.isdigit() and len(role_id) < 19 else None
    await roles.act_as_role(work, person.id, person.session_id, chosen, today())
    return redirect(request, "/")


@router.get("/me/second-factor")
async def second_factor_page(
    request: Request, person: Authenticated, work: OwnerWork, settings: CurrentSettings
) -> Response:
    """Shows the secret to be put into a telephone, as text and as a drawing."""
    return await _second_factor_page(request, person, work, settings)


@router.post("/me/second-factor")
async def enrol(
    request: Request,
    person: Authenticated,
    work: OwnerWork,
    settings: CurrentSettings,
    form: Annotated[CodeForm, Form()],
) -> Response:
    """Switch the second factor on; the codes for when the telephone is lost are shown this once."""
    try:
        codes = await second_factor.enrol(work, keys_of(settings), person.id, form.code)
    except AccessRefused as refusal:
        return await _second_factor_page(request, person, work, settings, refusal)
    return render(request, "access/recovery_codes.html", page_title=say("动态口令已启用"), codes=codes)


@router.post("/me/second-factor/off")
async def switch_off(
    request: Request,
    person: Authenticated,
    work: OwnerWork,
    settings: CurrentSettings,
    form: Annotated[CodeForm, Form()],
) -> Response:
    """Switch it off: for that a code is needed, so that an unattended browser does not do it."""
    held = await service.person_by_id(work, person.id)
    if held.totp_generation > 0 and not second_factor.accepts(held, keys_of(settings), form.code):
        refusal = AccessRefused(say("动态口令不对，没有停用。请输入最新的六位数字或一个备用码。"), "code")
        return await _second_factor_page(request, person, work, settings, refusal)
    await second_factor.switch_off(work, person.id)
    return redirect(request, "/me?done=second-factor-off")


async def _second_factor_page(
    request: Request,
    person: PersonSignedIn,
    work: OwnerWork,
    settings: Settings,
    refusal: AccessRefused | None = None,
) -> Response:
    held = await service.person_by_id(work, person.id)
    is_on = held.totp_generation > 0
    secret = "" if is_on else second_factor.secret_of(keys_of(settings), held, second_factor.next_generation(held))
    return render(
        request, "access/second_factor.html", page_title=say("动态口令"), is_on=is_on, secret=secret,
        drawing="" if is_on else second_factor.drawing_of(secret, held.login), left=len(held.recovery_hashes),
        status_code=refusal.status_code if refusal else 200, **errors_of(refusal),
    )  # fmt: skip


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
        messages = (
            ("open", say("这是初始口令或已到更换期限，请先改成新的口令，然后才能使用其他功能。")),
            *messages,
        )
    held = await roles.roles_of(work, await service.person_by_id(work, person.id))
    return render(
        request,
        "access/me.html",
        person=person,
        # Only of the registry's roles one acts at a time; who manages people or audits does so beside it.
        roles=[one for one in held if one.is_in_force(today()) and one.role.reads_registry],
        sessions=await queries.sessions_of(work, person.id, idle),
        idle_minutes=settings.session_idle_minutes,
        longest_hours=settings.session_longest_hours,
        password_hint=say(PASSWORD_HINT[Profile(settings.password_profile)], least=SHORTEST),
        messages=messages,
        status_code=refusal.status_code if refusal else 200,
        **errors_of(refusal),
    )
