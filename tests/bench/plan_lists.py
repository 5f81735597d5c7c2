"""Any count of the plans to its list: every target that enterprises or the sub-registers are counted for.

What is asked is drawn from all there is to ask: which part of a ratio, the whole city or a district (by the city's officer
or the district's own), a park, a chain, an industry, on which day and as known when. Each question is asked once, so
that nobody is answered out of what was just read. The draw is the same in every run.

The invented registry has no institutions, no sizes and empty sub-registers; what a big city would have of them is
written for the measurement, in the transaction that asks, which is then undone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from time import perf_counter

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day, today
from backend.database.scope import Scope
from backend.database.session import enter_scope
from backend.plans.documents import plan_named, plans_of_files, target_named
from backend.plans.facets import EVERYWHERE, Within
from backend.plans.members import PARTS, members, things_behind
from backend.plans.queries import plan_report, titles_of
from backend.plans.register_sets import INSTITUTIONS, wanted_of
from backend.plans.sets import is_countable
from backend.plans.territory import territory_of
from backend.subregisters.schemas import registers
from rules.plan import ShareOfEnterprises, Target
from tests.bench.figure import SEED, Figure, percentile, tell

#: Questions about each list of enterprises, and about each list of things.
OF_ENTERPRISES, OF_THINGS = 9, 3
WORST = 5
ROWS = 50
#: How many enterprises have an institution, and how many a size that is large or medium.
HOSTS, LARGE = 20_000, 5_000
#: Entries of each type of each other sub-register.
THINGS = 300
_TIMES = ("today", "past", "then")


@dataclass(frozen=True)
class Question:
    """One count, whose list is asked for."""

    target: Target
    part: str
    region: str | None
    within: Within
    on: date
    is_known_then: bool
    #: The district's own officer asks, and not the city's.
    is_of_district: bool

    @property
    def words(self) -> str:
        """The question in short, for whoever looks for what is slow."""
        where = self.region or " ".join(f"{name}={value}" for name, value in self.within.asked.items()) or "everywhere"
        known = ", known then" if self.is_known_then else ""
        return (
            f"{self.target.id} {self.part} {where} {self.on}{known}{', by the district' if self.is_of_district else ''}"
        )

    @property
    def scope(self) -> Scope:
        return Scope.district(self.region) if self.is_of_district and self.region else Scope.city()


@dataclass(frozen=True)
class Taken:
    """How long a list took, and the page with it, in ms."""

    question: Question
    listed: float
    page: float


def figures_of(found: list[Taken]) -> Iterator[Figure]:
    """The median and what 95 % stay below; the slowest are told by name."""
    times = [one.listed for one in found]
    yield Figure(f"any count to its list, {len(found)} questions, p50", percentile(times, 50), "ms")
    yield Figure("any count to its list, p95", percentile(times, 95), "ms", 500.0)
    yield Figure("any target's page with its list, p95", percentile([one.page for one in found], 95), "ms")
    for one in sorted(found, key=lambda taken: -taken.listed)[:WORST]:
        tell(f"  {one.listed:,.0f} ms: {one.question.words}")
    for one in sorted(found, key=lambda taken: -taken.page)[:WORST]:
        tell(f"  page {one.page:,.0f} ms: {one.question.words}")


async def measure_lists(engine: AsyncEngine) -> list[Taken]:
    """The time of each question, in the order of asking."""
    async with AsyncSession(engine) as session:
        await _invent(session)
        questions = await _questions(session)
        Random(SEED).shuffle(questions)
        await _ask(session, questions[0])  # the first one warms up
        found = [await _ask(session, one) for one in questions]
        await session.rollback()
    return found


async def _ask(session: AsyncSession, asked: Question) -> Taken:
    plan, _ = target_named(asked.target.id)
    known_at = end_of_day(asked.on) if asked.is_known_then else None
    start = perf_counter()
    await enter_scope(session, asked.scope)
    if is_countable(asked.target):
        listed = await members(
            session, asked.target, asked.on, region=asked.region, known_at=known_at, part=asked.part,
            within=asked.within, limit=ROWS,
        )  # fmt: skip
        ids = [one.id for one in listed.rows] if listed else []
        await titles_of(session, ids, asked.target, asked.on, known_at)
    else:
        await things_behind(session, asked.target, asked.on, region=asked.region, known_at=known_at, limit=ROWS)
    until = perf_counter()
    await plan_report(session, plan_named(plan.id), asked.on, asked.region, known_at, {}, [asked.target])
    await session.execute(text("RESET ROLE"))
    return Taken(asked, (until - start) * 1000, (perf_counter() - start) * 1000)


async def _questions(session: AsyncSession) -> list[Question]:
    chance = Random(SEED)
    found = await session.execute(text("SELECT DISTINCT park FROM enterprise_tally WHERE park <> '' ORDER BY 1"))
    parks = list(found.scalars())
    found = await session.execute(text("SELECT DISTINCT chain FROM enterprise_chain ORDER BY 1"))
    chains = list(found.scalars())
    narrowed = [
        *(Within(park=one) for one in chance.sample(parks, min(4, len(parks)))), Within(park="-"),
        *(Within(chain=one) for one in chance.sample(chains, min(4, len(chains)))), Within(chain="-"),
        *(Within(industry=one) for one in ("27", "38", "65", "C", "I")),
    ]  # fmt: skip
    questions: list[Question] = []
    for target in (one for plan in plans_of_files().values() for one in plan.targets):
        if is_countable(target):
            for part in PARTS if isinstance(target.count, ShareOfEnterprises) else ("counted",):
                places = _places(target) + [(None, within) for within in narrowed]
                questions += [_drawn(chance, target, part, places) for _ in range(OF_ENTERPRISES)]
        elif wanted_of(target) is not None:
            questions += [_drawn(chance, target, "counted", _places(target)) for _ in range(OF_THINGS)]
    return questions


def _places(target: Target) -> list[tuple[str | None, Within]]:
    districts = territory_of(target.region).districts
    return [(None, EVERYWHERE), *((one.code, EVERYWHERE) for one in districts)]


def _drawn(chance: Random, target: Target, part: str, places: list[tuple[str | None, Within]]) -> Question:
    region, within = chance.choice(places)
    time = chance.choice(_TIMES)
    on = today() if time == "today" else today() - timedelta(days=chance.randrange(30, 900))
    return Question(target, part, region, within, on, time == "then", chance.random() < 0.5)


# --- What the invented registry lacks ---------------------------------------------------------------------


async def _invent(session: AsyncSession) -> None:
    # Beside the triggers: the trace of what is undone would be the most of the work.
    await session.execute(text("SET LOCAL session_replication_role = replica"))
    kinds = [(one.id, kind) for one in registers().registers for kind in one.types]
    institutions = [kind for register, kind in kinds if register == INSTITUTIONS]
    columns = (
        "thing_id, register_id, type, level, name, match_key, number, region_code, park, enterprise_id, host_name,"
        " starts_on, evaluation, note, is_withdrawn, recorded_at"
    )
    said = (
        "e.name, e.match_key, '', e.region_code, e.park, e.id, e.name, DATE '2019-03-01' + CAST(e.id % 2500 AS integer),"
        " (ARRAY['', 'passed', 'good', 'failed'])[1 + e.id % 4], '', false, TIMESTAMPTZ '2019-01-01'"
    )
    level = "(ARRAY['national', 'provincial', 'municipal', ''])[1 + e.id % 4]"
    await session.execute(
        text(
            f"INSERT INTO register_entry ({columns}) SELECT e.id, '{INSTITUTIONS}',"
            f" (CAST(:types AS text[]))[1 + e.id % {len(institutions)}], {level}, {said} FROM enterprise e"
            " WHERE e.is_above_scale AND e.id <= :last"
        ),
        {"types": institutions, "last": HOSTS * 2},
    )
    await session.execute(
        text(
            f"INSERT INTO register_entry ({columns}) SELECT 100000000 + k.number * 100000 + e.id, k.register, k.kind,"
            f" {level}, {said} FROM unnest(CAST(:registers AS text[]), CAST(:kinds AS text[])) WITH ORDINALITY"
            " AS k (register, kind, number) JOIN enterprise e ON e.id <= :things"
        ),
        {"registers": [one for one, _ in kinds], "kinds": [kind for _, kind in kinds], "things": THINGS},
    )
    await session.execute(
        text("UPDATE fact_yearly SET size_class = 'medium' WHERE enterprise_id <= :last AND year = :year"),
        {"last": LARGE, "year": today().year - 2},
    )
    for table in ("register_entry", "fact_yearly (enterprise_id, year, size_class)"):
        await session.execute(text(f"ANALYZE {table}"))
    await session.execute(text("SET LOCAL session_replication_role = origin"))
