"""To the city's single sign-on and back. Where it is not set up, none of these addresses does anything."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access import queries, service
from backend.access.invitations import InvitationOver
from backend.access.models import Person
from backend.access.pages import browser_of, login_page, longest_of
from backend.access.schemas import SignInForm
from backend.access.sessions import delete_cookie, form_cookie, is_secure, session_cookie, set_cookie
from backend.access.sign_on import service as sign_on
from backend.access.sign_on.errors import AttemptOver, ProviderRefused, SignOnFailed
from backend.access.sign_on.provider import own_address, provider_of
from backend.access.trace.service import Deed, note
from backend.database.session import owner_unit_of_work, reached
from backend.settings import Settings
from backend.web.dependencies import CurrentSettings, Engine
from backend.web.responses import redirect, safe_next

router = APIRouter()

#: Nothing that anybody sends is longer than this and meant.
_LONGEST: Final = 4000


class Returned(BaseModel):
    """What the browser brings back."""

    code: str = ""
    state: str = ""
    error: str = ""
    #: RFC 9207: which provider it comes from.
    iss: str = ""


@router.get("/login/sso")
async def go_there(
    request: Request, engine: Engine, settings: CurrentSettings, next: str = "/", invitation: str = ""  # noqa: A002
) -> Response:  # fmt: skip
    """Send the browser to the single sign-on, bound to what only it and we know."""
    try:
        provider = provider_of(request)
        await provider.described()
        async with reached(owner_unit_of_work(engine)) as work:
            attempt = await sign_on.begin(work, _back_here(request, settings), safe_next(next), invitation)
        address = await provider.address_to_sign_in(attempt)
    except InvitationOver as over:
        return _refused(request, over.status_code, str(over))
    except SignOnFailed as failure:
        return await _failed(request, engine, failure)
    response = redirect(request, address)
    set_cookie(request, response, _attempt_cookie(request), attempt.state)
    return response


@router.get("/login/sso/callback")
async def come_back(
    request: Request, engine: Engine, settings: CurrentSettings, told: Annotated[Returned, Query()]
) -> Response:
    """Believe what was brought back after checking it, and sign the account in that is bound to it."""
    try:
        provider = provider_of(request)
        if max(len(told.code), len(told.state), len(told.error)) > _LONGEST:
            raise AttemptOver
        of_browser = request.cookies.get(_attempt_cookie(request), "")
        # Committed by itself: an attempt is used up, whatever comes of it.
        async with reached(owner_unit_of_work(engine)) as work:
            attempt, kept = await sign_on.take_attempt(work, told.state, of_browser)
        if told.error or not told.code:
            raise ProviderRefused(f"统一身份认证返回：{told.error[:60] or '没有授权码'}")
        if told.iss and told.iss != provider.issuer:
            raise ProviderRefused("应答来自另一个统一身份认证（iss 不符）")
        claims = await provider.claims_for(told.code, attempt)
        async with reached(owner_unit_of_work(engine)) as work:
            person = await sign_on.sign_in(
                work, provider.issuer, claims, kept.invitation_hash, settings.sso_code_claim,
                opens_accounts=settings.sso_opens_accounts,
            )  # fmt: skip
            token = await _open(request, work, settings, person)
    except SignOnFailed as failure:
        return await _failed(request, engine, failure)
    goes_to = safe_next(kept.goes_to)
    # With a second factor of Tidu's own, half a session is all there is yet.
    is_half = person.totp_generation > 0
    response = redirect(request, f"/login/code?{urlencode({'next': goes_to})}" if is_half else goes_to)
    set_cookie(request, response, session_cookie(request), token)
    delete_cookie(request, response, _attempt_cookie(request))
    if not is_half:
        delete_cookie(request, response, form_cookie(request))
    return response


async def _open(request: Request, work: AsyncSession, settings: Settings, person: Person) -> str:
    assert person.id is not None
    is_half = person.totp_generation > 0
    longest = queries.HALF_SESSION_LIFE if is_half else longest_of(settings)
    return await service.open_session(work, person.id, longest, browser_of(request), is_half=is_half, is_sign_on=True)


async def _failed(request: Request, engine: Engine, failure: SignOnFailed) -> Response:
    async with reached(owner_unit_of_work(engine)) as work:
        await note(work, Deed("sign_in_failed", "session", outcome="failed", reason=failure.why[:500]))
    return _refused(request, failure.status_code, str(failure))


def _refused(request: Request, status_code: int, message: str) -> Response:
    response = login_page(request, SignInForm(), error=message, status_code=status_code)
    delete_cookie(request, response, _attempt_cookie(request))
    return response


def _attempt_cookie(request: Request) -> str:
    return "__Host-tidu-sign-on" if is_secure(request) else "tidu-sign-on"


def _back_here(request: Request, settings: Settings) -> str:
    """The address registered with the provider; settled once, since it must be the same in both steps."""
    return f"{own_address(request, settings)}/login/sso/callback"
