"""What waits for a second person: the list, and deciding."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access import proposals
from backend.access.dependencies import Confirmer, Officer, SignedIn
from backend.database.session import reached, unit_of_work
from backend.web.dependencies import Engine, Work, scope_of
from backend.web.responses import redirect
from backend.web.templates import render

router = APIRouter()

_DONE: Final = {
    "proposed": "已提交，由另一人确认后生效。",
    "confirmed": "已确认，事项已经办理。",
    "refused": "已退回，提交人可以看到理由。",
    "withdrawn": "已撤回，没有办理。",
}


async def deciding_work(engine: Engine, person: Confirmer) -> AsyncGenerator[AsyncSession]:
    """A unit of work that writes, for somebody who otherwise only reads: what is confirmed is done in it.

    It is done as its author saw it, tax figures too; whoever confirms is shown none of them for that.
    """
    scope = scope_of(person).reading(tax=True, unmasking=False)
    async with reached(unit_of_work(engine, scope)) as session:
        yield session


DecidingWork = Annotated[AsyncSession, Depends(deciding_work, scope="function")]
Reason = Annotated[str, Form(max_length=500)]


@router.get("/proposals")
async def waiting(request: Request, session: Work, person: SignedIn, done: str = "") -> Response:
    """What waits, and what was decided lately."""
    return render(
        request, "access/proposals.html", page_title="待确认", waiting=await proposals.open_proposals(session),
        decided=await proposals.decided_proposals(session), person=person, now=datetime.now(UTC),
        messages=(("good", _DONE[done]),) if done in _DONE else (),
    )  # fmt: skip


@router.post("/proposals/{proposal_id}/confirm")
async def confirm(session: DecidingWork, request: Request, person: Confirmer, proposal_id: int) -> Response:
    """Agree, and let it be done at once."""
    await proposals.decide(session, proposal_id, "confirmed", person)
    return redirect(request, "/proposals?done=confirmed")


@router.post("/proposals/{proposal_id}/refuse")
async def refuse(
    session: DecidingWork, request: Request, person: Confirmer, proposal_id: int, reason: Reason = ""
) -> Response:
    """Send it back with a reason."""
    await proposals.decide(session, proposal_id, "refused", person, reason)
    return redirect(request, "/proposals?done=refused")


@router.post("/proposals/{proposal_id}/withdraw")
async def withdraw(session: Work, request: Request, person: Officer, proposal_id: int) -> Response:
    """Take one's own proposal back."""
    await proposals.decide(session, proposal_id, "withdrawn", person)
    return redirect(request, "/proposals?done=withdrawn")
