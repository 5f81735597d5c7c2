"""REST: plans, their targets' values on a day, the enterprises behind one, and reporting a figure."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.stages import Stage
from backend.plans import breakdown_api, service, tasks
from backend.plans.asking import MOST_NEWCOMERS
from backend.plans.bulletin import bulletin, quarter_of
from backend.plans.bulletin_tables import as_json as bulletin_as_json
from backend.plans.chain_table import as_json as chains_as_json
from backend.plans.chain_table import chain_rows
from backend.plans.documents import findings_on, plan_named, plans, target_named
from backend.plans.facets import By, within_of
from backend.plans.forecast import as_json as forecast_as_json
from backend.plans.forecast import forecast as work_out
from backend.plans.knowing import KNOWING
from backend.plans.members import PARTS, tally, things_behind
from backend.plans.members import members as list_members
from backend.plans.pool_history import CANDIDATE_STAGES
from backend.plans.queries import plan_report, region_of_plan, titles_of
from backend.plans.revisions import revisions_of
from backend.plans.schemas import (
    BadQuestion,
    day_of,
    members_as_json,
    mode_of,
    moment_of,
    number,
    plan_as_json,
    targets_as_json,
)
from backend.plans.shortfall import as_json as shortfall_as_json
from backend.plans.shortfall import can_be_worked_on, shortfall
from backend.plans.territory import Division
from backend.plans.versions import as_json as version_as_json
from backend.plans.versions import versions_of
from backend.subregisters.schemas import as_json as entry_as_json
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.idempotency import Once

router = APIRouter(tags=["plans"], dependencies=[KNOWING])
router.include_router(breakdown_api.router)
MOST_MEMBERS = 10_000


class Question(BaseModel):
    """The day asked about, the day's knowledge it is answered from, and a region (GB/T 2260)."""

    on: str = Field(default="", examples=["2026-06-30"])
    known_at: str = Field(default="", examples=["2026-07-10"])
    region: str = Field(default="", examples=["321202"])
    territory: Division = Field(
        default=Division.THEN, description="by the districts of the day, or by today's: where each enterprise is now"
    )

    @property
    def placed_on(self) -> date | None:
        """The day whose districts are meant; None for today's."""
        return (day_of(self.on, "on ") or today()) if self.territory is Division.THEN else None


class ListQuestion(Question):
    """The same for a list, in pages of at most 10,000."""

    mode: str = ""
    part: str = Field(default="counted", description="counted, or for a ratio: whole, missing")
    park: str = Field(default="", description="a park's name; - for enterprises of which none is recorded")
    chain: str = Field(default="", description="a chain's name; - for enterprises of none")
    industry: str = Field(default="", description="GB/T 4754-2017: a section (C) or a division (35)", examples=["35"])
    limit: int = Field(default=1000, ge=1, le=MOST_MEMBERS)
    offset: int = Field(default=0, ge=0)


class FigureIn(BaseModel):
    """A figure of a quarter, in the target's unit; `is_revision` corrects one that stands."""

    period_end: date
    value: Decimal
    source: str
    released_on: date | None = None
    note: str = ""
    region: str = ""
    is_revision: bool = False


def _region(question: Question, person: PersonSignedIn) -> str | None:
    return person.region_code or question.region or None


def _demand_part(part: str) -> None:
    if part not in PARTS:
        raise BadQuestion(f"part 应为 {'、'.join(PARTS)} 之一，实为 {part}。")


@router.get("/plans")
async def all_plans(person: SignedIn) -> list[dict[str, Any]]:
    """Every plan."""
    return [plan_as_json(plan) for plan in plans().values()]


@router.get("/plans/{plan}/targets")
async def targets(
    session: Work, person: SignedIn, plan: str, question: Annotated[Question, Query()]
) -> list[dict[str, Any]]:
    """Every target of a plan with its value, share, gap and time-proportional progress on a day."""
    report = await plan_report(
        session,
        plan_named(plan),
        day_of(question.on, "on ") or today(),
        _region(question, person),
        moment_of(question.known_at, "known_at "),
        division=question.territory,
    )
    return targets_as_json(report)


@router.get("/targets/{target}/members")
async def members(
    session: Work, person: SignedIn, target: str, question: Annotated[ListQuestion, Query()]
) -> dict[str, Any]:
    """The enterprises (or the entries of a sub-register) behind a count; `total` is the count itself."""
    plan, found = target_named(target)
    region = _region(question, person)
    region_of_plan(plan, region, question.placed_on)
    _demand_part(question.part)
    moment = moment_of(question.known_at, "known_at ")
    day, mode = day_of(question.on, "on ") or today(), mode_of(found, question.mode)
    within = within_of(question.park, question.chain, question.industry)
    listed = await list_members(
        session,
        found,
        day,
        region=region,
        known_at=moment,
        mode=mode,
        part=question.part,
        within=within,
        division=question.territory,
        limit=question.limit,
        offset=question.offset,
    )
    if listed is None:
        behind = await things_behind(
            session, found, day, region=region, known_at=moment, limit=question.limit, offset=question.offset
        )
        if behind is None:
            raise NotFound(f"{found.id} {found.name}不是由名单统计的，没有名单。")
        return {"target": found.id, "total": behind.total, "entries": [entry_as_json(one) for one in behind.rows]}
    titles = await titles_of(session, [row.id for row in listed.rows], found, day, moment, mode)
    return {"target": found.id, "total": listed.total, "members": members_as_json(listed.rows, titles)}


class TallyQuestion(ListQuestion):
    """The same, told apart by park, chain or industry."""

    by: By = Field(examples=["park"])


@router.get("/targets/{target}/tally")
async def target_tally(
    session: Work, person: SignedIn, target: str, question: Annotated[TallyQuestion, Query()]
) -> dict[str, Any]:
    """A count by park, chain or industry; `asked` narrows the list of members to one of them."""
    plan, found = target_named(target)
    region = _region(question, person)
    region_of_plan(plan, region, question.placed_on)
    _demand_part(question.part)
    told = await tally(
        session, found, day_of(question.on, "on ") or today(), question.by, region=region,
        known_at=moment_of(question.known_at, "known_at "), mode=mode_of(found, question.mode), part=question.part,
        within=within_of(question.park, question.chain, question.industry), division=question.territory,
    )  # fmt: skip
    if told is None:
        raise NotFound(f"{found.id} {found.name}不是由企业名单统计的，不能按{question.by.label}分。")
    parts = [{"key": one.key, "name": one.name, "enterprises": one.enterprises, "asked": one.asked} for one in told]
    return {"target": found.id, "by": question.by.value, "adds_up": question.by.adds_up, "parts": parts}


class ForecastQuestion(Question):
    """The same, with what the reader assumes instead of what the past says."""

    renewal: float | None = Field(default=None, ge=0, le=1, description="the share of ending titles that come back")
    newcomers: float | None = Field(
        default=None, ge=0, le=MOST_NEWCOMERS, description="new holders a year from outside the pool"
    )
    discovered: float | None = Field(
        default=None, ge=0, le=1, description="the share that comes within a year, by stage"
    )
    cultivated: float | None = Field(default=None, ge=0, le=1)
    recommended: float | None = Field(default=None, ge=0, le=1)

    @property
    def conversion(self) -> dict[Stage, float]:
        """What is assumed of the pool's stages."""
        given = {stage: getattr(self, stage.value) for stage in CANDIDATE_STAGES}
        return {stage: share for stage, share in given.items() if share is not None}


@router.get("/targets/{target}/forecast")
async def target_forecast(
    session: Work, person: SignedIn, target: str, question: Annotated[ForecastQuestion, Query()]
) -> dict[str, Any]:
    """Where a count will be on the target's day: an interval, its assumptions, and what the method said a year ago."""
    plan, found = target_named(target)
    region, day = _region(question, person), day_of(question.on, "on ") or today()
    region_of_plan(plan, region)
    known_at = moment_of(question.known_at, "known_at ")
    # A district is measured by its own share, as on the page.
    report = await plan_report(session, plan, day, region, known_at, targets=[found])
    outlook = await work_out(
        session, report.rows[0].progress.target, day, region=region, known_at=known_at,
        renewal=question.renewal, newcomers_a_year=question.newcomers, conversion=question.conversion,
    )  # fmt: skip
    if outlook is None:
        raise NotFound(f"{found.id} {found.name}不能预测：只预测按有效认定统计、{day} 尚未到期的目标。")
    return forecast_as_json(outlook)


@router.get("/plans/{plan}/bulletins/{quarter}")
async def plan_bulletin(
    session: Work, person: SignedIn, plan: str, quarter: str, region: str = "", known_at: str = ""
) -> dict[str, Any]:
    """The bulletin of a quarter that is over (2026Q3), with that quarter's knowledge unless another day's is asked for."""
    found = plan_named(plan)
    content = await bulletin(
        session, found, quarter_of(quarter), today=today(), region=person.region_code or region or None,
        known_at=moment_of(known_at, "known_at "),
    )  # fmt: skip
    return bulletin_as_json(content)


@router.get("/plans/{plan}/findings")
async def plan_findings(session: Work, person: SignedIn, plan: str) -> list[dict[str, Any]]:
    """Where a plan contradicts itself or another one, with the places that are held against each other."""
    return [one.model_dump(mode="json") for one in findings_on(plan_named(plan))]


@router.get("/plans/{plan}/chains")
async def plan_chains(
    session: Work, person: SignedIn, plan: str, question: Annotated[Question, Query()]
) -> dict[str, Any]:
    """A plan's annex of industrial chains: printed sales by year, the latest figure, its share of each target year."""
    found = plan_named(plan)
    rows = await chain_rows(
        session, found, day_of(question.on, "on ") or today(), moment_of(question.known_at, "known_at ")
    )
    if rows is None:
        raise NotFound(f"{found.named}没有产业链附件。")
    return chains_as_json(rows)


@router.get("/plans/{plan}/versions")
async def plan_versions(session: Work, person: SignedIn, plan: str) -> list[dict[str, Any]]:
    """A plan's versions, the latest first; 0 is the one that comes with the program."""
    return [version_as_json(one) for one in await versions_of(session, plan_named(plan).id)]


@router.get("/targets/{target}/figures")
async def figures(session: Work, person: SignedIn, target: str, region: str = "") -> list[dict[str, Any]]:
    """All that was reported of a target, every revision, the newest period and the newest word first."""
    plan, found = target_named(target)
    where = person.region_code or region
    region_of_plan(plan, where)
    kept = "" if where == plan.territory.code else where
    return [
        {
            "id": one.id, "period_end": one.period_end.isoformat(), "region": one.region_code, "value": number(one.value),
            "unit": found.unit, "source": one.source, "released_on": one.released_on and one.released_on.isoformat(),
            "note": one.note, "recorded_at": one.recorded_at.isoformat(),
            "recorded_by": one.recorded_by, "is_latest": one.is_latest,
        }
        for one in await revisions_of(session, found, kept)
    ]  # fmt: skip


@router.post("/targets/{target}/figures", status_code=201)
async def report_figure(session: Work, person: Officer, once: Once, target: str, figure: FigureIn) -> Response:
    """Take in the value of a target at the end of a quarter. An Idempotency-Key makes sending it again harmless."""
    plan, found = target_named(target)
    region = person.region_code or figure.region
    region_of_plan(plan, region)
    draft = service.FigureDraft(
        figure.period_end,
        figure.value,
        figure.source,
        figure.released_on,
        figure.note,
        "" if region == plan.territory.code else region,
        figure.is_revision,
    )

    async def work() -> dict[str, Any]:
        number = await service.report_figure(session, found, draft, today=today(), recorded_by=person.id)
        return {"id": number, "target": found.id, "period_end": figure.period_end.isoformat()}

    return await once.told(work, 201)


@router.get("/targets/{target}/shortfall")
async def target_shortfall(
    session: Work, person: SignedIn, target: str, region: str = "", nearness: str = "", limit: int = 1000
) -> dict[str, Any]:
    """How many enterprises a target lacks today, and which are nearest, by district."""
    plan, found = target_named(target)
    if not can_be_worked_on(found):
        raise NotFound(f"{found.id} {found.name}不按企业认定计数，没有可推荐的企业名单。")
    where = person.region_code or region or None
    region_of_plan(plan, where)
    most = min(max(limit, 1), MOST_MEMBERS)
    return shortfall_as_json(
        await shortfall(session, plan, found, today(), region=where, nearness=nearness, limit=most)
    )


class NoteIn(BaseModel):
    """What is said of a task: not_started, under_way, done or stopped; done needs its evidence."""

    status: str
    body: str = ""
    evidence: str = ""
    due_on: date | None = None


@router.get("/plans/{plan}/tasks")
async def plan_tasks(session: Work, person: SignedIn, plan: str) -> list[dict[str, Any]]:
    """A plan's tasks and its duties without a number, with their bodies and how far they are."""
    return [tasks.as_json(one, today()) for one in await tasks.work_items(session, plan_named(plan))]


@router.post("/plans/{plan}/tasks/{item}/notes", status_code=201)
async def note_task(session: Work, person: Officer, once: Once, plan: str, item: str, given: NoteIn) -> Response:
    """Say how far a task is. An Idempotency-Key makes sending it again harmless."""

    async def work() -> dict[str, Any]:
        found = await tasks.work_item(session, plan_named(plan), item)
        await tasks.note(
            session, found, status=given.status, body=given.body, evidence=given.evidence, due_on=given.due_on,
            region_code=person.region_code, recorded_by=person.id,
        )  # fmt: skip
        return tasks.as_json(await tasks.work_item(session, plan_named(plan), item), today())

    return await once.told(work, 201)
