"""The workbench: the first page, which says what to do this week."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import SignedIn
from backend.access.proposals import waiting_for
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.service_file import due_items
from backend.cultivation.stages import ACTION_KINDS
from backend.cultivation.visiting import REASONS, Lasting, Whose, to_visit
from backend.eligibility.queries import most_missing, newly_eligible
from backend.enterprises.labels import Names
from backend.enterprises.officers import count_of_officer
from backend.own_file.in_tray import waiting as came_in
from backend.plans.queries import workbench_plans
from backend.plans.tasks import tasks_to_look_at
from backend.recognitions.ladder import RUNGS, programmes_on_ladder
from backend.recognitions.queries import ladder_counts
from backend.recognitions.worklists import SOON_DAYS, Asked, list_titles
from backend.web.dependencies import Work, read_again
from backend.web.memory import Lately, Seen, Topic, memory_of, seen_by
from backend.web.templates import render
from rules.library import library

router = APIRouter()
#: Rows of each of the page's lists.
SHOWN = 10
#: Enterprises to visit that stand on it.
VISITS_SHOWN = 6
#: How far ahead an officer's own day looks.
DAYS_AHEAD = 14
#: What each part of the page rests on.
_RESTS_ON: dict[str, tuple[Topic, ...]] = {
    "counts": ("enterprise", "recognition"),
    "ending": ("enterprise", "recognition"),
    "newly": ("enterprise", "recognition", "eligibility"),
    "missing": ("enterprise", "eligibility"),
    "plans": ("enterprise", "recognition", "fact", "reported"),
}
#: Parts that are kept in memory: those, and whom to visit.
_PARTS = len(_RESTS_ON) + 1


@router.get("/", response_class=HTMLResponse)
async def workbench(request: Request, session: Work, person: SignedIn) -> HTMLResponse:
    """Ladder, targets, certificates that expire, who became eligible, what is missing most."""
    day, rules = today(), library()
    seen = await seen_by(session)
    lately = {part: await _part(request, session, part, person, seen) for part in _RESTS_ON}
    found = {part: one.value for part, one in lately.items()}
    counts, total = found["counts"]
    # An officer's own day is a handful of rows, and never another's: it is asked for each time.
    mine = await due_items(session, day + timedelta(days=DAYS_AHEAD), person.id) if person.role.may_write else None
    # So is whom to visit, but for who met the rules lately.
    lasting = Lasting(memory_of(request), partial(read_again, request, person), seen, _PARTS)
    visits = await to_visit(session, rules, Whose(region=person.region_code), day, VISITS_SHOWN, lasting)
    own = await count_of_officer(session, person.id) if person.role.may_write else 0
    waiting = await waiting_for(session, person)
    tasks = await tasks_to_look_at(session, day, person.region_code)
    return render(
        request, "workbench.html", page_title="工作台", on=day, names=Names(rules),
        steps=[{"rung": one.id, "name": one.name, "count": counts[one.id], "note": "", "href": f"/enterprises?rung={one.id}"} for one in RUNGS],
        total=total, ending=found["ending"], days=SOON_DAYS, newly=found["newly"], missing=found["missing"],
        plans=found["plans"], visits=visits, visit_kinds=REASONS, last_run=await _last_run(session), mine=mine, own=own, tasks=tasks, waiting=waiting, came_in=await came_in(session), shown=SHOWN, days_ahead=DAYS_AHEAD,
        kinds={"step": "步骤"} | ACTION_KINDS, held_at=min((one.held_at for one in (*lately.values(), lasting) if one.held_at), default=None),
    )  # fmt: skip


async def _part(request: Request, session: AsyncSession, part: str, person: PersonSignedIn, seen: Seen) -> Lately[Any]:
    """One part of the page, from memory while nothing changed that it rests on, or until it is worked out anew."""
    day, region = today(), person.region_code

    async def work(session: AsyncSession) -> Any:
        return await _worked_out(session, part, day, region)

    return await memory_of(request).lately(
        ("workbench", part, day, region), _RESTS_ON[part], work, session, again=partial(read_again, request, person),
        seen=seen, share=_PARTS,
    )  # fmt: skip


async def _worked_out(session: AsyncSession, part: str, day: date, region: str) -> Any:
    rules = library()
    programmes = list(programmes_on_ladder(rules))
    match part:
        case "counts":
            return await ladder_counts(session, day, rules), await _total(session)
        case "ending":
            return await list_titles(session, Asked(within=region, is_counted_out=True), day, rules, limit=SHOWN)
        case "newly":
            return await newly_eligible(session, programmes, limit=SHOWN)
        case "missing":
            return await most_missing(session, programmes, limit=SHOWN)
        case _:
            return await workbench_plans(session, day, region)


async def _total(session: AsyncSession) -> int:
    # Counted beforehand by place, which says nothing to an enterprise's own account.
    tallied = await session.scalar(text("SELECT sum(enterprises) FROM listed_tally"))
    if tallied:
        return int(tallied)
    return (await session.execute(text("SELECT count(*) FROM enterprise WHERE status = 'active'"))).scalar_one()


async def _last_run(session: AsyncSession) -> Mapping[str, Any] | None:
    found = await session.execute(
        text("SELECT * FROM eligibility_run WHERE finished_at IS NOT NULL ORDER BY id DESC LIMIT 1")
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None
