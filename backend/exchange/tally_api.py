"""REST for reconciliation: a system's own sums of what it sent, to be held against what it believes to have sent."""

from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from backend.clock import today
from backend.database.session import owner_unit_of_work
from backend.exchange.doors import AnyCaller, wrong_parameter
from backend.exchange.logged import LoggedRoute
from backend.exchange.tallying import tallies
from backend.web.dependencies import Engine, reached

router = APIRouter(route_class=LoggedRoute)
#: Days of one question.
_MOST_DAYS: Final = 92


class DayTally(BaseModel):
    """What the caller sent to one address on one day (of China), and what became of it."""

    day: date
    endpoint: str = Field(examples=["/api/v1/filings"])
    requests: int
    #: Requests that were answered as before, under the same key; requests refused as a whole.
    repeated: int
    turned_away: int
    #: Items of all others: recorded, unchanged and refused add up to it.
    received: int
    recorded: int
    unchanged: int
    refused: int
    #: Code of the problem → items that were refused for it, or requests.
    reasons: dict[str, int] = Field(examples=[{"tax-authorisation-missing": 3}])
    digest: str = Field(
        description="SHA-256 over the SHA-256 digests (hexadecimal) of the bodies taken, each once, sorted, joined by LF."
    )


@router.get("/reconciliation")
async def reconciliation(
    engine: Engine,
    caller: AnyCaller,
    since: Annotated[date | None, Query(alias="from")] = None,
    until: Annotated[date | None, Query(alias="to")] = None,
) -> list[DayTally]:
    """What you sent day by day and what became of it, the latest day first; without days, this and the last week."""
    last = until or today()
    first = since or last - timedelta(days=6)
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise wrong_parameter(
            "from",
            "out-of-range",
            f"from {first} 至 to {last} 不是可问的一段。",
            f"from 不能晚于 to，一次最多 {_MOST_DAYS} 天。",
        )
    async with reached(owner_unit_of_work(engine)) as session:
        found = await tallies(session, first, last, "day", caller.client_id)
    return [DayTally.model_validate(one) for one in found]
