"""Pages about recognitions: which are in force, which end soon, which lapsed though the enterprise still meets the rules."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from backend.access.dependencies import SignedIn
from backend.clock import today
from backend.enterprises.pages import Names, programme_choices, query_of, region_choices
from backend.recognitions.queries import VIEWS, list_titles
from backend.web.dependencies import Work
from backend.web.responses import is_htmx
from backend.web.templates import render
from rules.library import library

router = APIRouter()


@router.get("/recognitions", response_class=HTMLResponse)
async def recognitions(
    request: Request,
    session: Work,
    person: SignedIn,
    view: str = "expiring",
    programme: str = "",
    region: str = "",
    page: int = 1,
) -> HTMLResponse:
    """Titles by how they stand: in force, ending, lapsed though still eligible, due and failing, revoked."""
    chosen = view if view in VIEWS else "expiring"
    found = await list_titles(session, chosen, today(), programme, region, max(1, page))
    return render(
        request, "recognitions/recognitions.html", block="results" if is_htmx(request) else None, page_title="认定", found=found,
        view=chosen, views=[(name, one.label) for name, one in VIEWS.items()], about=VIEWS[chosen].about, programme=programme,
        region=region, regions=region_choices(person), programmes=programme_choices(library()), names=Names(library()),
        query=query_of(request), on=today(),
    )  # fmt: skip
