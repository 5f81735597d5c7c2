"""REST: the sub-registers and their entries."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.plans.schemas import day_of
from backend.subregisters import queries, service
from backend.subregisters.schemas import Draft, as_json, register_named
from backend.web.dependencies import Work
from backend.web.errors import Forbidden
from backend.web.idempotency import Once

router = APIRouter(tags=["registers"])


class EntriesAsked(BaseModel):
    """Which entries are wanted, in pages of at most 10,000."""

    type: str = ""
    level: str = ""
    region: str = ""
    q: str = ""
    state: str = Field(default="standing", description="standing, ended, withdrawn, all")
    on: str = Field(default="", examples=["2026-06-30"])
    limit: int = Field(default=1000, ge=1, le=10_000)
    offset: int = Field(default=0, ge=0)


class Withdrawal(BaseModel):
    """Why an entry should never have been made."""

    reason: str


@router.get("/registers")
async def registers(session: Work, person: SignedIn, on: str = "") -> list[dict[str, Any]]:
    """Every sub-register with its types and how many things stand in it."""
    kept = await queries.all_registers(session, day_of(on, "on ") or today())
    return [
        {
            "id": one.register.id, "name": one.register.name, "unit": one.register.unit, "types": dict(one.register.types),
            "by_type": dict(one.by_type), "total": one.total,
            "complete_on": None if one.declared is None else one.declared.complete_on.isoformat(),
        }
        for one in kept
    ]  # fmt: skip


@router.get("/registers/{register}/entries")
async def entries(
    session: Work, person: SignedIn, register: str, asked: Annotated[EntriesAsked, Query()]
) -> dict[str, Any]:
    """Entries of a register; amounts in fen."""
    wanted = queries.Filter(asked.type, asked.level, asked.region, asked.q, asked.state)
    day = day_of(asked.on, "on ") or today()
    found = await queries.entries(
        session, register_named(register), wanted, day, limit=asked.limit, offset=asked.offset
    )
    return {"total": found.total, "entries": [as_json(one) for one in found.rows]}


@router.post("/registers/{register}/entries", status_code=201)
async def enter(session: Work, person: Officer, once: Once, register: str, draft: Draft) -> Response:
    """Enter a new thing. An Idempotency-Key makes sending it again harmless."""
    _own(person, draft)

    async def work() -> dict[str, Any]:
        found = register_named(register)
        return {"id": await service.enter(session, found, draft, today=today(), recorded_by=person.id)}

    return await once.told(work, 201)


@router.put("/registers/{register}/entries/{entry}")
async def revise(session: Work, person: Officer, register: str, entry: int, draft: Draft) -> dict[str, Any]:
    """Correct an entry; the answer names the one that now stands."""
    _own(person, draft)
    number = await service.revise(session, register_named(register), entry, draft, today=today(), recorded_by=person.id)
    return {"id": number}


@router.post("/registers/{register}/entries/{entry}/promotions", status_code=201)
async def promote(session: Work, person: Officer, once: Once, register: str, entry: int, draft: Draft) -> Response:
    """Give a thing a further title of another level; it goes on counting once."""
    _own(person, draft)

    async def work() -> dict[str, Any]:
        found = register_named(register)
        return {"id": await service.promote(session, found, entry, draft, today=today(), recorded_by=person.id)}

    return await once.told(work, 201)


@router.post("/registers/{register}/entries/{entry}/withdrawal")
async def withdraw(
    session: Work, person: Officer, once: Once, register: str, entry: int, given: Withdrawal
) -> Response:
    """Take back an entry that should never have been made."""

    async def work() -> dict[str, Any]:
        found = register_named(register)
        return {"id": await service.withdraw(session, found, entry, given.reason, recorded_by=person.id)}

    return await once.told(work)


def _own(person: PersonSignedIn, draft: Draft) -> None:
    if person.region_code and draft.region_code != person.region_code:
        raise Forbidden("您的账号只能登记本市（区）的台账。")
