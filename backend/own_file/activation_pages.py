"""Opening an enterprise's own account with the code of the bureau's letter. Open to everybody; works without JavaScript."""

import asyncio
import secrets
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from backend.access.account_pages import PASSWORD_HINT
from backend.access.forms import errors_of
from backend.access.pages import browser_of, longest_of
from backend.access.passwords import SHORTEST, Profile
from backend.access.service import AccessRefused, open_session
from backend.access.sessions import delete_cookie, form_cookie, session_cookie, set_cookie
from backend.clock import today
from backend.database.session import owner_unit_of_work, reached
from backend.own_file.activation import Activation, ActivationRefused, activate, note_refusal
from backend.own_file.schemas import ActivationForm
from backend.settings import Settings
from backend.web.csrf import ForgedRequest, demand_proof
from backend.web.dependencies import CurrentSettings, Engine
from backend.web.responses import redirect
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.translation import say

router = APIRouter()
#: Hashing takes a core and 64 MB each: strangers must not take all of them.
_AT_ONCE: Final = asyncio.Semaphore(2)


@router.get("/activate")
async def activation(request: Request, settings: CurrentSettings) -> Response:
    """Asks for the code, and for a login to be; who is signed in already goes on."""
    if getattr(request.state, "visitor", None) is not None:
        return redirect(request, "/")
    return _page(request, settings, ActivationForm())


@router.post("/activate")
async def open_account(
    request: Request, engine: Engine, settings: CurrentSettings, form: Annotated[ActivationForm, Form()]
) -> Response:
    """Open the account and sign in. Whatever is refused is told in one sentence and traced."""
    if is_said_again(request):
        return _page(request, settings, form)
    try:
        await demand_proof(request, request.cookies.get(form_cookie(request), ""))
    except ForgedRequest as problem:
        return _page(request, settings, form, AccessRefused(str(problem)))
    given = Activation(form.credit_code, form.code, form.login, form.name, form.new, form.again)
    # A transaction of its own, committed in either case: a refusal leaves its trace.
    async with _AT_ONCE, reached(owner_unit_of_work(engine)) as work:
        try:
            person = await activate(work, given, today(), Profile(settings.password_profile))
        except ActivationRefused as refused:
            await note_refusal(work, refused)
            token, refusal = "", AccessRefused(str(refused), "code")
        except AccessRefused as wrong:
            token, refusal = "", wrong
        else:
            assert person.id is not None
            token, refusal = await open_session(work, person.id, longest_of(settings), browser_of(request)), None
    if refusal is not None:
        return _page(request, settings, form, refusal)
    response = redirect(request, "/me/enterprise?done=activated")
    set_cookie(request, response, session_cookie(request), token)
    delete_cookie(request, response, form_cookie(request))
    return response


def _page(request: Request, settings: Settings, form: ActivationForm, refusal: AccessRefused | None = None) -> Response:
    # The same value in a cookie and in the form: another site can set neither.
    proof = request.cookies.get(form_cookie(request)) or secrets.token_urlsafe(32)
    response = render(
        request, "own_file/activate.html", status_code=422 if refusal else 200, csrf_token=proof, form=form,
        password_hint=say(PASSWORD_HINT[Profile(settings.password_profile)], least=SHORTEST), **errors_of(refusal),
    )  # fmt: skip
    set_cookie(request, response, form_cookie(request), proof)
    return response
