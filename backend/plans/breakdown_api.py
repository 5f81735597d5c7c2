"""REST: a target's shares by place, and those of districts that are no more, moved over to their successors."""

from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from backend.access.dependencies import SignedIn
from backend.access.proposals import WAITS, accepted, needs_second_person
from backend.plans.breakdown import Kind, breakdown, split
from backend.plans.documents import plan_named, target_named
from backend.plans.moved_shares import CHANGE, as_json, left_behind, move_shares, propose_move
from backend.plans.permissions import CityOfficer
from backend.plans.schemas import breakdown_as_json
from backend.web.dependencies import Work
from backend.web.idempotency import Once

#: Part of `api.router`, which knows the tags and the plans of the moment.
router = APIRouter()


class SharesIn(BaseModel):
    """Shares by place: a district's code, a park's or a body's name; null takes one back."""

    values: dict[str, Decimal | None]
    whole: Decimal | None = None
    reason: str = ""


@router.get("/targets/{target}/breakdown/{year}")
async def target_breakdown(
    session: Work, person: SignedIn, target: str, year: int, kind: Kind = Kind.DISTRICT
) -> dict[str, Any]:
    """A target's shares for a year, their sum, and how it compares with the whole."""
    plan, found = target_named(target)
    return breakdown_as_json(await breakdown(session, plan, found, year, kind))


@router.put("/targets/{target}/breakdown/{year}")
async def split_target(
    session: Work, person: CityOfficer, target: str, year: int, given: SharesIn, kind: Kind = Kind.DISTRICT
) -> dict[str, Any]:
    """Set a target's shares for a year; a difference from the whole needs its reason."""
    plan, found = target_named(target)
    after = await split(
        session, plan, found, year, kind, given.values, whole=given.whole, reason=given.reason, recorded_by=person.id
    )
    return breakdown_as_json(after)


class MoveIn(BaseModel):
    """A district that is no more, whose shares its successor is to take."""

    place: str = Field(examples=["321203"])


@router.get("/plans/{plan}/breakdown/moves")
async def shares_left_behind(session: Work, person: SignedIn, plan: str) -> list[dict[str, Any]]:
    """Districts that are no more and still have shares, each with its successor and what the successor will have."""
    return [as_json(one) for one in await left_behind(session, plan_named(plan))]


@router.post("/plans/{plan}/breakdown/moves", responses=WAITS)
async def move_over(
    request: Request, session: Work, person: CityOfficer, once: Once, plan: str, given: MoveIn
) -> Response:
    """Move a former district's shares over to its successor, or propose it where that takes two; answers what is left."""
    found = plan_named(plan)

    async def work() -> Response:
        if needs_second_person(request, CHANGE):
            return accepted(await propose_move(session, found, given.place, person.id))
        await move_shares(session, found, given.place, person.id)
        return JSONResponse([as_json(one) for one in await left_behind(session, found)])

    return await once.answer(work)
