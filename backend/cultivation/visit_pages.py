"""The page that says whom to visit this week."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.cultivation.visiting import MOST, REASONS, RESTED_DAYS, Lasting, Whose, to_visit, with_gaps
from backend.enterprises.labels import Names, region_choices
from backend.web.dependencies import Work, read_again
from backend.web.memory import memory_of
from backend.web.templates import render
from rules.library import library

router = APIRouter()


@router.get("/pool/visits", response_class=HTMLResponse)
async def visits(request: Request, session: Work, person: SignedIn, whose: str = "", region: str = "") -> HTMLResponse:
    """Whom to visit this week and why: of one's own enterprises, or of all that one may see."""
    is_mine = whose == "mine" and person.role.may_write
    rules, day = library(), today()
    # Row-level security shows no other district anyway; said here, indexes can be used for it.
    within = person.region_code or region
    of = Whose(person.id if is_mine else None, within)
    lasting = Lasting(memory_of(request), partial(read_again, request, person))
    found = await to_visit(session, rules, of, day, lasting=lasting)
    return render(
        request, "cultivation/visits.html", page_title="本周走访", breadcrumb=[("培育库", "/pool"), ("本周走访", None)],
        found=await with_gaps(session, rules, found, day), kinds=REASONS, on=day, whose="mine" if is_mine else "all", region=region, most=MOST,
        rested=RESTED_DAYS, regions=region_choices(person), may_write=person.role.may_write, names=Names(rules), held_at=lasting.held_at,
    )  # fmt: skip
