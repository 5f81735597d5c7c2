"""What it takes: for a target not yet reached, how many enterprises are missing and which are nearest, by district.

Nearest is read from the stored results of the rules: who meets all conditions of a title that the target counts and
holds none, then who meets all but what only a person confirms, then who lacks the fewest facts, then who misses the
fewest conditions. Further away nobody is listed: a list to work through, not a census.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.plans.asked_days import Asked
from backend.plans.breakdown import Kind, breakdown
from backend.plans.members import Member
from backend.plans.queries import Report, plan_report
from backend.plans.rollup import State
from backend.plans.sets import sets_of
from backend.plans.territory import Territory, territory_of
from rules.plan import CountHolders, Plan, Target, Window

#: Who lacks more facts or misses more conditions than this is not near.
MOST_MISSING, MOST_FAILED = 5, 2


class Nearness(StrEnum):
    """How near an enterprise is to a title."""

    ELIGIBLE = "eligible"
    LIKELY = "likely"
    MISSING = "missing"
    FAILING = "failing"

    @property
    def label(self) -> str:
        return {
            "eligible": "符合条件，尚未认定",
            "likely": "基本符合，待人工确认",
            "missing": f"待补数据（至多 {MOST_MISSING} 项）",
            "failing": f"差 {MOST_FAILED} 项以内条件",
        }[self.value]

    @property
    def tone(self) -> str:
        return {"eligible": "good", "likely": "near", "missing": "open", "failing": "idle"}[self.value]


@dataclass(frozen=True)
class Candidate:
    """An enterprise that is near, and what stands between it and the title."""

    enterprise: Member
    programme: str
    nearness: Nearness
    #: Criteria that are not met, by id.
    failed: tuple[str, ...]
    #: Facts that would settle the answer, as `indicator[year]`.
    missing: tuple[str, ...]
    as_of: date


@dataclass(frozen=True)
class DistrictShortfall:
    """A district's part in what is missing."""

    code: str
    name: str
    value: Fraction | None
    #: What the breakdown asks of it this year; None where the target is not split.
    share: Fraction | None
    near: Mapping[Nearness, int]

    @property
    def gap(self) -> Fraction | None:
        """What it still lacks of its share."""
        return None if self.share is None or self.value is None else max(self.share - self.value, Fraction(0))


@dataclass(frozen=True)
class Shortfall:
    """What a target lacks, and who could fill it."""

    report: Report
    target: Target
    #: None where nothing can be said; 0 where the target is reached.
    gap: Fraction | None
    near: Mapping[Nearness, int]
    districts: tuple[DistrictShortfall, ...]
    candidates: tuple[Candidate, ...]
    total: int
    #: The day of the results that nearness is read from; None where the rules were never run.
    as_of: date | None

    @property
    def ready(self) -> int:
        """Enterprises that only have to apply, or to be confirmed."""
        return self.near[Nearness.ELIGIBLE] + self.near[Nearness.LIKELY]

    @property
    def is_enough(self) -> bool | None:
        """Whether those ready would fill the gap; None where there is none."""
        return None if not self.gap else self.ready >= self.gap


def can_be_worked_on(target: Target) -> bool:
    """Whether the target counts titles that the rules say something about."""
    return isinstance(target.count, CountHolders) and target.has_number and target.window is not Window.SINCE


#: How near a result is; results that say nothing of the kind are left out.
_NEARNESS = (
    "CASE WHEN y.outcome = 'eligible' AND NOT y.is_likely THEN 'eligible' WHEN y.outcome IN ('eligible', 'likely')"
    " OR y.is_likely THEN 'likely' WHEN y.outcome = 'undetermined' THEN 'missing' ELSE 'failing' END"
)


def _nearest(counted: str) -> str:
    """The best result of each enterprise that the target does not count."""
    return (
        "SELECT DISTINCT ON (y.enterprise_id) y.enterprise_id, y.programme, y.failed, y.missing, y.as_of,"
        f" {_NEARNESS} AS nearness, cardinality(y.failed) + cardinality(y.missing) AS steps, e.credit_code, e.name,"
        " e.region_code FROM eligibility y JOIN enterprise e ON e.id = y.enterprise_id"
        " WHERE y.programme = ANY(CAST(:programmes AS text[]))"
        " AND (e.region_code = ANY(CAST(:codes AS text[])) OR e.region_code LIKE :like)"
        f" AND (y.outcome IN ('eligible', 'likely') OR (y.outcome = 'undetermined' AND cardinality(y.missing) <= {MOST_MISSING})"
        f" OR (y.outcome = 'ineligible' AND cardinality(y.failed) BETWEEN 1 AND {MOST_FAILED}))"
        f" AND NOT EXISTS (SELECT FROM ({counted}) c WHERE c.enterprise_id = y.enterprise_id AND c.days <> 0)"
        f" ORDER BY y.enterprise_id, {_ORDER.format('(' + _NEARNESS + ')')}, steps"
    )


_ORDER = "array_position(ARRAY['eligible', 'likely', 'missing', 'failing'], {})"


@reckons
async def shortfall(
    session: AsyncSession,
    plan: Plan,
    target: Target,
    today: date,
    *,
    region: str | None = None,
    nearness: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> Shortfall:
    """What a target lacks today in its territory or a district, and who is nearest.

    Args:
        nearness: only candidates that near.
    """
    report = await plan_report(session, plan, today, region, targets=[target])
    territory = territory_of(region or target.region)
    programmes = list(target.count.holds) if isinstance(target.count, CountHolders) else []
    asked = Asked((today,))
    sets = sets_of(target, asked)
    assert sets is not None
    source = _nearest(sets.counted)
    values: dict[str, Any] = asked.parameters | {
        "programmes": programmes, "codes": list(territory.codes), "like": f"{territory.prefix}%",
    }  # fmt: skip
    counts = await _counts(session, source, values)
    found = await session.execute(
        text(
            f"SELECT n.*, count(*) OVER () AS total FROM ({source}) n"
            " WHERE CAST(:nearness AS text) = '' OR n.nearness = :nearness"
            f" ORDER BY {_ORDER.format('n.nearness')}, n.steps, n.name, n.enterprise_id LIMIT :limit OFFSET :offset"
        ),
        values | {"nearness": nearness, "limit": limit, "offset": offset},
    )
    rows = found.mappings().all()
    near = {one: sum(by_region.get(one, 0) for by_region in counts.values()) for one in Nearness}
    total = rows[0]["total"] if rows else 0
    return Shortfall(
        report, target, report.rows[0].progress.gap, near, await _districts(session, plan, target, report, territory, counts, today),
        tuple(_candidate(row) for row in rows), total, await _as_of(session),
    )  # fmt: skip


def _candidate(row: Mapping[Any, Any]) -> Candidate:
    who = Member(row["enterprise_id"], row["credit_code"], row["name"], row["region_code"])
    return Candidate(
        who, row["programme"], Nearness(row["nearness"]), tuple(row["failed"]), tuple(row["missing"]), row["as_of"]
    )


async def _counts(session: AsyncSession, source: str, values: Mapping[str, Any]) -> dict[str, dict[Nearness, int]]:
    """How many are how near, by region code."""
    found = await session.execute(
        text(f"SELECT n.region_code, n.nearness, count(*) FROM ({source}) n GROUP BY n.region_code, n.nearness"),
        dict(values),
    )
    counts: dict[str, dict[Nearness, int]] = {}
    for region, near, many in found:
        counts.setdefault(region, {})[Nearness(near)] = many
    return counts


async def _districts(
    session: AsyncSession,
    plan: Plan,
    target: Target,
    report: Report,
    territory: Territory,
    counts: Mapping[str, Mapping[Nearness, int]],
    today: date,
) -> tuple[DistrictShortfall, ...]:
    shares = await breakdown(session, plan, target, today.year, Kind.DISTRICT)
    attained = {one.code: one.figure for one in report.rows[0].districts}
    found: list[DistrictShortfall] = []
    for district in territory.districts:
        here = [of_region for region, of_region in counts.items() if territory.district_of(region) == district.code]
        figure = attained.get(district.code)
        value = figure.value if figure is not None and figure.state is State.COUNTED else None
        share = shares.share_of(district.code)
        near = {one: sum(of_region.get(one, 0) for of_region in here) for one in Nearness}
        found.append(
            DistrictShortfall(district.code, district.shown_as, value, None if share is None else Fraction(share), near)
        )
    return tuple(found)


async def _as_of(session: AsyncSession) -> date | None:
    """The day of the latest run of the rules."""
    found = await session.execute(text("SELECT max(as_of) FROM eligibility_run WHERE finished_at IS NOT NULL"))
    return found.scalar()


def as_json(found: Shortfall) -> dict[str, Any]:
    """What it takes, for programs."""
    return {
        "target": found.target.id, "gap": None if found.gap is None else float(found.gap), "ready": found.ready,
        "enough": found.is_enough, "as_of": None if found.as_of is None else found.as_of.isoformat(),
        "near": {one.value: many for one, many in found.near.items()},
        "districts": [
            {
                "code": one.code, "name": one.name, "value": None if one.value is None else float(one.value),
                "share": None if one.share is None else float(one.share), "gap": None if one.gap is None else float(one.gap),
                "near": {name.value: many for name, many in one.near.items()},
            }
            for one in found.districts
        ],
        "total": found.total,
        "candidates": [
            {
                "id": one.enterprise.id, "credit_code": one.enterprise.credit_code, "name": one.enterprise.name,
                "region": one.enterprise.region_code, "programme": one.programme, "nearness": one.nearness.value,
                "failed": list(one.failed), "missing": list(one.missing), "as_of": one.as_of.isoformat(),
            }
            for one in found.candidates
        ],
    }  # fmt: skip
