"""Pages of the pool: the board, the list with its bulk actions, candidates, what moved, filing windows.

Works without JavaScript; a telephone shows the stages one under the other.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import CHINA, today
from backend.cultivation import action_pages, file_pages, queries, step_pages, visit_pages, window_pages
from backend.cultivation.candidates import MOST, NEARNESS, candidates
from backend.cultivation.queries import USUAL, PoolFilters
from backend.cultivation.schemas import EnterForm, PoolForm
from backend.cultivation.service import Done, PoolRefused, Seen, assign, enter, move, take_over_recognised
from backend.cultivation.service_file import due_count, due_items
from backend.cultivation.stages import ACTION_KINDS, NEXT, STAGES, Stage
from backend.cultivation.windows import windows_of
from backend.eligibility.service import evaluate
from backend.enterprises.labels import Names, programme_choices, region_choices
from backend.enterprises.officers import officers
from backend.enterprises.pages import OnDay, query_of
from backend.web.dependencies import CurrentSettings, Work
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(window_pages.router)
router.include_router(file_pages.router)
router.include_router(step_pages.router)
router.include_router(action_pages.router)
router.include_router(visit_pages.router)
#: Items that are due, shown at once.
DUE_SHOWN = 100
#: Of those refused for the same reason as many are named.
MOST_NAMED = 20
#: Entries that are checked anew in one request.
MOST_CHECKED = 200


_NOBODY_PICKED = "没有勾选企业。请先在名单里勾选，再选择要做的事。本次没有改动。"
_NOBODY_TICKED = "没有勾选企业。请先在名单里勾选要入库的企业。本次没有改动。"
_NOTHING_CHOSEN = "没有选择要做的事。请在“做什么”里选择：移到哪个阶段、指定责任人，或重新测评。本次没有改动。"


def read_filters(
    programme: str = "", year: int = 0, region: str = "", stage: str = "", officer: str = "", page: int = 1
) -> PoolFilters:
    """What a query string asks of the pool; what is not understood is the usual."""
    known = dict(programme_choices(library()))
    asked_year = year if 2000 <= year <= 2100 else today().year
    return PoolFilters(
        programme if programme in known else USUAL, asked_year, region, stage, officer, max(1, min(page, 1_000_000))
    )


@router.get("/pool", response_class=HTMLResponse)
async def pool(
    request: Request, session: Work, person: SignedIn, settings: CurrentSettings, programme: str = "", year: int = 0,
    region: str = "", stage: str = "", officer: str = "", page: int = 1, view: str = "board", done: str = "",
    there: str = "",
) -> HTMLResponse:  # fmt: skip
    """The pool of a programme and year, as a board or as a list."""
    asked = read_filters(programme, year, region, stage, officer, page)
    messages = [("good", f"已处理 {done} 家。")] if _is_count(done) else []
    if _is_count(there):
        messages.append(("near", f"{there} 家已在这个库里，或已注销、迁出，没有重复入库。"))
    return await _pool_page(request, session, person, settings, asked, view, messages)


def _is_count(written: str) -> bool:
    return written.isascii() and written.isdecimal() and len(written) < 8 and int(written) > 0


async def _pool_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, settings: CurrentSettings, asked: PoolFilters, view: str,
    messages: list[tuple[str, str]], status: int = 200, form: PoolForm | None = None,
) -> HTMLResponse:  # fmt: skip
    on, is_board = today(), view != "list"
    shown: dict[str, Any] = (
        {"cards": await queries.board(session, asked, on)}
        if is_board
        else {"found": await queries.list_entries(session, asked, on)}
    )
    windows = await windows_of(session, asked.programme, asked.year)
    return render(
        request, "cultivation/pool.html", status_code=status, page_title="培育库", asked=asked, is_board=is_board, on=on,
        counts=await queries.stage_counts(session, asked), stages=STAGES, next_stages=NEXT, windows=windows, deadline=windows.next_deadline(on),
        got_title=await queries.recognised_meanwhile(session, asked.programme, asked.year, on), most=queries.CARDS_A_STAGE,
        officers=await officers(session, person.region_code, person.park or None), programmes=programme_choices(library()),
        regions=region_choices(person), names=Names(library()), may_write=person.role.may_write, messages=messages,
        years=_years(asked.year), query=query_of(request), check_days=settings.pool_check_days, form=form or PoolForm(),
        picked={one.entry_id for one in form.seen()} if form else set[int](), here=asked.address(), **shown,
    )  # fmt: skip


def _years(asked: int) -> list[tuple[str, str]]:
    this = today().year
    return [(str(year), str(year)) for year in sorted({asked, *range(this - 2, this + 2)}, reverse=True)]


@router.post("/pool")
async def act(
    request: Request, session: Work, person: Officer, settings: CurrentSettings, form: Annotated[PoolForm, Form()]
) -> Response:
    """Move entries, give them to an officer, or check them anew; those that cannot be are named with the reason.

    Whatever is refused, the page comes back with what was ticked and typed.
    """
    asked = read_filters(form.programme, form.year, form.region, form.stage, form.whose, form.page)
    try:
        outcome = await _do(session, asked, form, by=person.id, most_days=settings.pool_check_days)
    except PoolRefused as refusal:
        told_why = [("bad", str(refusal))]
        return await _pool_page(
            request, session, person, settings, asked, form.view, told_why, refusal.status_code, form
        )
    if not outcome.refused:
        # On the board the card that was moved is come back to.
        card = f"#entry-{outcome.saved[0]}" if form.view == "board" and outcome.saved else ""
        return redirect(request, f"{asked.address()}&view={form.view}&done={len(outcome.saved)}{card}")
    # What was saved is saved; if nothing was, the answer says so to programs too.
    status = 200 if outcome.saved else 409
    return await _pool_page(request, session, person, settings, asked, form.view, told(outcome), status, form)


async def _do(session: AsyncSession, asked: PoolFilters, form: PoolForm, *, by: int, most_days: int) -> Done:
    """What a form asks for. Raises PoolRefused: nothing was done to anybody."""
    if form.action not in (*STAGES, "assign", "check"):
        raise PoolRefused(_NOTHING_CHOSEN)
    seen = await _meant(session, asked, form)
    if form.action == "check":
        await _check(session, seen)
        return Done(saved=[one.entry_id for one in seen])
    if form.action == "assign":
        return await assign(session, seen, form.officer_id, by=by, on=today())
    return await move(session, seen, Stage(form.action), form.reason, by=by, on=today(), most_days=most_days)


async def _meant(session: AsyncSession, asked: PoolFilters, form: PoolForm) -> list[Seen]:
    """The entries that a form speaks of. Raises PoolRefused: there are none, or the list is another by now."""
    if form.whom == "ticked":
        if not (seen := form.seen()):
            raise PoolRefused(_NOBODY_PICKED)
        return seen
    everybody = await queries.all_seen(session, asked)
    if len(everybody) != form.total:
        raise PoolRefused(
            f"名单已有变化：打开时 {form.total:,} 家，现在 {len(everybody):,} 家。本次没有改动，请刷新名单，核对后再操作。"
        )
    return everybody


def told(outcome: Done) -> list[tuple[str, str]]:
    """What became of several entries, as messages: those refused for the same reason together, most of them named."""
    saved = [("good", f"已处理 {len(outcome.saved)} 家。")] if outcome.saved else []
    by_reason: dict[str, list[str]] = {}
    for name, why in outcome.refused:
        by_reason.setdefault(why, []).append(name)
    refused = [("open", _refused(names, why)) for why, names in by_reason.items()]
    return [*saved, *refused]


def _refused(names: Sequence[str], why: str) -> str:
    if len(names) == 1:
        return f"{names[0]}：{why}"
    shown = "、".join(names[:MOST_NAMED]) + ("等" if len(names) > MOST_NAMED else "")
    return f"{len(names)} 家没有处理：{why}（{shown}）"


async def _check(session: AsyncSession, seen: Sequence[Seen]) -> None:
    if len(seen) > MOST_CHECKED:
        raise PoolRefused(f"选了 {len(seen):,} 家，一次最多重新测评 {MOST_CHECKED} 家。本次没有改动，请分批勾选。")
    enterprises = await queries.enterprises_of(session, [one.entry_id for one in seen])
    await evaluate(session, enterprises, library(), today())


def _address(asked: PoolFilters, more: str = "") -> str:
    return f"/pool?programme={asked.programme}&year={asked.year}{more}"


@router.post("/pool/recognised")
async def take_over(request: Request, session: Work, person: Officer, form: Annotated[PoolForm, Form()]) -> Response:
    """Move all whose title has come into the register to the last stage."""
    asked = read_filters(form.programme, form.year)
    moved = await take_over_recognised(session, asked.programme, asked.year, by=person.id, on=today())
    return redirect(request, _address(asked, f"&done={moved}"))


@router.get("/pool/candidates", response_class=HTMLResponse)
async def propose(
    request: Request, session: Work, person: SignedIn, programme: str = "", year: int = 0, region: str = "",
    nearness: str = "ready", after: int = 0,
) -> HTMLResponse:  # fmt: skip
    """Whom the engine proposes, each with what it lacks."""
    form = EnterForm(programme=programme, year=year, region=region, nearness=nearness, after=after)
    return await _candidates_page(request, session, person, form, [])


async def _candidates_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, form: EnterForm, messages: list[tuple[str, str]]
) -> HTMLResponse:
    """The proposals that a form's filters leave; with messages, what was ticked and typed on them stays."""
    asked = read_filters(form.programme, form.year, person.region_code or form.region)
    near = form.nearness if form.nearness in NEARNESS else "ready"
    found = await candidates(
        session, library(), asked.programme, asked.year, near, today(), asked.region, max(form.after, 0)
    )
    return render(
        request, "cultivation/candidates.html", status_code=422 if messages else 200, page_title="入库推荐",
        breadcrumb=[("培育库", _address(asked)), ("入库推荐", None)], asked=asked, found=found, nearness=near,
        choices=[(key, words) for key, (words, _) in NEARNESS.items()], programmes=programme_choices(library()),
        regions=region_choices(person), years=_years(asked.year), officers=await officers(session, person.region_code, person.park or None),
        names=Names(library()), may_write=person.role.may_write, next_after=found[-1].row["id"] if len(found) == MOST else None,
        messages=messages, form=form,
    )  # fmt: skip


@router.post("/pool/candidates")
async def take_in(request: Request, session: Work, person: Officer, form: Annotated[EnterForm, Form()]) -> Response:
    """Put enterprises into the pool as discovered."""
    asked = read_filters(form.programme, form.year)
    try:
        if not form.ids:
            raise PoolRefused(_NOBODY_TICKED)
        entered = await enter(
            session, asked.programme, asked.year, form.ids, by=person.id, officer_id=form.officer_id,
            reason=form.reason.strip() or "测评发现",
        )  # fmt: skip
    except PoolRefused as refusal:
        return await _candidates_page(request, session, person, form, [("bad", str(refusal))])
    there = len(form.ids) - len(entered)
    return redirect(request, _address(asked, f"&done={len(entered)}" + (f"&there={there}" if there else "")))


@router.get("/pool/moves", response_class=HTMLResponse)
async def moved(
    request: Request, session: Work, person: SignedIn, on: OnDay, programme: str = "", region: str = "", since: str = ""
) -> HTMLResponse:
    """What moved since a day, a week ago where none is given."""
    try:
        first = datetime.strptime(since, "%Y-%m-%d").date() if since else on - timedelta(days=7)  # noqa: DTZ007 – a day
    except ValueError:
        first = on - timedelta(days=7)
    moment = datetime.combine(first, time.min, CHINA)
    moves = await queries.moves_since(session, moment, programme, region)
    gained = await queries.gained_since(session, moment, programme, region)
    return render(
        request, "cultivation/moves.html", page_title="近期变动", breadcrumb=[("培育库", "/pool"), ("近期变动", None)],
        moves=moves, since=first, gained=gained, total=sum(gained.values()), stages=STAGES, programme=programme, region=region,
        programmes=programme_choices(library()), regions=region_choices(person), names=Names(library()),
        query=query_of(request),
    )  # fmt: skip


@router.get("/pool/due", response_class=HTMLResponse)
async def due(request: Request, session: Work, person: SignedIn, whose: str = "mine", days: int = 14) -> HTMLResponse:
    """Steps, needs and problems that are overdue or due soon: those of one's own enterprises, or all one may see."""
    ahead = max(0, min(days, 365))
    until, officer = today() + timedelta(days=ahead), person.id if whose != "all" else None
    items = await due_items(session, until, officer, DUE_SHOWN)
    total = len(items) if len(items) < DUE_SHOWN else await due_count(session, until, officer)
    return render(
        request, "cultivation/due.html", page_title="待办事项", breadcrumb=[("培育库", "/pool"), ("待办事项", None)],
        items=items, total=total, on=today(), days=ahead, whose="all" if whose == "all" else "mine", names=Names(library()),
        kinds={"step": "步骤"} | ACTION_KINDS,
    )  # fmt: skip
