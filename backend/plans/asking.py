"""What pages about plans are asked, in the bounds of who asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, Field

from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.stages import Stage
from backend.plans.documents import plan_named, target_named
from backend.plans.pool_history import CANDIDATE_STAGES
from backend.plans.queries import concerns
from backend.plans.schemas import day_of, moment_of
from backend.plans.territory import Division, division_named, territory_of
from backend.web.errors import NotFound
from rules.plan import Plan, Target

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: More enterprises than a city has: what is above is no assumption but a slip.
MOST_NEWCOMERS = 1_000_000
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@dataclass(frozen=True)
class Question:
    """What a page about plans is asked: the day, the knowledge, the region."""

    on: date
    known_at: datetime | None
    #: None is the plan's whole territory.
    region: str | None
    written: Mapping[str, str]
    #: By which district enterprises are counted.
    division: Division = Division.THEN

    def query(self, **more: Any) -> str:
        """The question as a query string, with more to it; what is empty or None is left out."""
        return urlencode({name: value for name, value in {**self.written, **more}.items() if value})


def _or_none(written: object) -> object:
    """An empty field of a form is no number."""
    return None if written == "" else written


class Asked(BaseModel):
    """The query string of every page about plans."""

    on: str = ""
    known_at: str = ""
    region: str = ""
    mode: str = ""
    part: str = "counted"
    #: To what the list is narrowed, and by what it is told apart: see `facets`.
    park: str = ""
    chain: str = ""
    industry: str = ""
    by: str = ""
    #: then or now: by the districts of the day, or by today's.
    territory: str = ""
    page: int = 1
    #: One of `queries.STATUSES`: only the targets of a plan that stand so.
    status: str = ""
    #: What a reader assumes in the forecast: percent of ending titles that come back, newcomers a year, and percent of
    #: the pool's candidates at each stage that come within a year.
    renewal: Annotated[float | None, Field(ge=0, le=100), BeforeValidator(_or_none)] = None
    newcomers: Annotated[float | None, Field(ge=0, le=MOST_NEWCOMERS), BeforeValidator(_or_none)] = None
    discovered: Annotated[float | None, Field(ge=0, le=100), BeforeValidator(_or_none)] = None
    cultivated: Annotated[float | None, Field(ge=0, le=100), BeforeValidator(_or_none)] = None
    recommended: Annotated[float | None, Field(ge=0, le=100), BeforeValidator(_or_none)] = None

    @property
    def conversion(self) -> dict[Stage, float]:
        """What a reader assumes of the stages, as shares."""
        given = {stage: getattr(self, stage.value) for stage in CANDIDATE_STAGES}
        return {stage: percent / 100 for stage, percent in given.items() if percent is not None}


Asking = Annotated[Asked, Query()]


def question_of(asked: Asked, person: PersonSignedIn) -> Question:
    """What is asked, in the bounds of who asks: a district's officer is answered for the own district.

    Raises:
        BadQuestion: a day is none.
    """
    on = day_of(asked.on, "截至日") or today()
    region = person.region_code or asked.region.strip() or None
    written = {"on": asked.on, "known_at": asked.known_at, "region": "" if person.region_code else asked.region}
    division = division_named(asked.territory)
    if division is Division.NOW:
        written["territory"] = asked.territory
    told = {name: value for name, value in written.items() if value}
    return Question(on, moment_of(asked.known_at), region, told, division)


def plan_asked(plan_id: str, person: PersonSignedIn) -> Plan:
    """A plan that concerns who asks.

    Raises:
        UnknownPlan, NotFound: there is none, or it is of another place.
    """
    found = plan_named(plan_id)
    if not concerns(found, person.region_code):
        raise NotFound(f"{found.named}是{found.territory.name}的规划，不包含您的市（区）。")
    return found


def target_asked(plan_id: str, target_id: str, person: PersonSignedIn) -> tuple[Plan, Target]:
    plan = plan_asked(plan_id, person)
    of_plan, target = target_named(target_id)
    if of_plan.id != plan.id:
        raise NotFound(f"目标 {target.id} 属于规划 {of_plan.id}，不在 {plan.id} 中。")
    return plan, target


def regions_of(plan: Plan, person: PersonSignedIn) -> list[tuple[str, str]]:
    """The districts one may choose; none for who has only one."""
    if person.region_code:
        return []
    return [(one.code, one.shown_as) for one in territory_of(plan.territory.code).districts]


def kept_under(plan: Plan, region: str | None) -> str:
    """The region under which reported figures are kept: empty for the plan's own territory."""
    return "" if not region or region == plan.territory.code else region
