"""Whom the engine proposes for a pool: out of the standings that the last runs wrote, with what each still lacks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.protection.masking import Hiding
from backend.database.session import reading_a_page
from backend.eligibility.queries import checked_on
from backend.eligibility.registry_facts import registry_facts
from backend.enterprises.labels import Names
from backend.filings.queries import hidden_facts_of
from backend.web.filters import number
from rules.answers import show, unit_of
from rules.evaluate import Answer, Outcome, Reason
from rules.library import Library, NotInForce
from rules.translation import say

#: So many are shown at once: each is asked anew for its gap.
MOST = 25

#: How near an enterprise is → what its standing must say.
NEARNESS = {
    "ready": ("符合或基本符合", "(x.outcome = 'eligible' OR x.is_likely)"),
    "near": ("只差一两项", "x.outcome = 'ineligible' AND cardinality(x.failed) BETWEEN 1 AND 2"),
    "open": (
        "只缺一两个数",
        "x.outcome = 'undetermined' AND NOT x.is_likely AND cardinality(x.missing) BETWEEN 1 AND 2",
    ),
}


#: Who `x` is in the registry as `e`, not in the pool and without a title beyond the year. The indexes are walked in the
#: order of the list until there are enough: OFFSET keeps what is asked of each a look-up for that one.
_IS_PROPOSED = (
    "e.status = 'active'"
    " AND NOT EXISTS (SELECT FROM pool_entry p WHERE p.enterprise_id = e.id AND p.programme = :programme"
    " AND p.year = :year OFFSET 0)"
    # A title that ends within the year is to be renewed, and so is cultivated for again.
    " AND NOT EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = e.id AND r.programme = :programme"
    " AND r.superseded_at IS NULL AND r.valid_from <= make_date(:year, 12, 31)"
    " AND coalesce(r.valid_to, 'infinity') >= make_date(:year, 12, 31) AND r.revoked_on IS NULL"
    # And who stands on an earlier list must come onto the year's own.
    " AND (NOT :by_edition OR r.edition >= :year) OFFSET 0)"
)
#: Enterprises of a district have come together more often than not: the walk begins and ends with them.
_OF_REGION = (
    " AND e.region_code = :region AND x.enterprise_id BETWEEN (SELECT min(id) FROM enterprise WHERE region_code = :region)"
    " AND (SELECT max(id) FROM enterprise WHERE region_code = :region)"
)


@dataclass(frozen=True)
class Candidate:
    """An enterprise that might enter a pool, and what it lacks in words."""

    row: dict[str, Any]
    lacks: list[str]


async def candidates(
    session: AsyncSession,
    library: Library,
    programme: str,
    year: int,
    nearness: str,
    on: date,
    region: str = "",
    after: int = 0,
) -> list[Candidate]:
    """Enterprises that are not in the pool and do not hold the title beyond the year, in the order of their ids.

    Args:
        session: within the reader's scope.
        library: the rules.
        programme: whose pool.
        year: which year's.
        nearness: a key of `NEARNESS`.
        on: today.
        region: of this district only.
        after: those with a greater id: the next page.
    """
    near = f"x.programme = :programme AND {NEARNESS[nearness][1]}"
    async with reading_a_page(session):
        found = await session.execute(
            text(
                "SELECT x.enterprise_id AS id, e.name, e.credit_code, e.region_code, x.outcome, x.is_likely, x.failed, x.missing,"
                f" {checked_on()} AS as_of FROM (SELECT x.enterprise_id FROM eligibility x"
                " JOIN enterprise e ON e.id = x.enterprise_id"
                f" WHERE {near} AND x.enterprise_id > :after AND {_IS_PROPOSED}"
                f"{_OF_REGION if region else ''} ORDER BY x.enterprise_id LIMIT :limit) AS proposed"
                f" JOIN eligibility x ON x.enterprise_id = proposed.enterprise_id AND {near}"
                " JOIN enterprise e ON e.id = x.enterprise_id ORDER BY x.enterprise_id"
            ),
            {
                "programme": programme,
                "year": year,
                "region": region,
                "after": after,
                "limit": MOST,
                "by_edition": library.programme(programme).source.validity == "edition",
            },
        )
    rows = [dict(row) for row in found.mappings()]
    # Who meets everything lacks nothing, and need not be asked again.
    short = [row["id"] for row in rows if row["outcome"] != "eligible"]
    lacks = await gaps(session, library, programme, short, on)
    return [Candidate(row, lacks.get(row["id"], [])) for row in rows]


async def gaps(
    session: AsyncSession, library: Library, programme: str, enterprise_ids: Sequence[int], on: date
) -> dict[int, list[str]]:
    """What each enterprise lacks for a programme, in words, out of the figures of today."""
    if not enterprise_ids:
        return {}
    names, hidden = Names(library), await hidden_facts_of(session, enterprise_ids)
    words: dict[int, list[str]] = {}
    for enterprise, facts in (await registry_facts(session, enterprise_ids, library.catalogue)).items():
        try:
            version = library.version(programme, on, facts)
        except NotInForce:
            continue
        hiding = Hiding(hidden[enterprise], library.catalogue)
        words[enterprise] = lacking(hiding.of(library.evaluator(version).answer(facts, on)), names)
    return words


def lacking(answer: Answer, names: Names) -> list[str]:
    """What an answer says is missing: criteria that are not met with their gap, or facts that would settle it."""
    failed = [_gap(reason, names) for reason in answer.reasons if reason.outcome is Outcome.FAILED]
    if failed:
        return failed
    missing = [say("缺“{fact}”", fact=names.fact(key)) for key in sorted(answer.missing, key=str)]
    open_ones = [one for one in answer.reasons if one.outcome is Outcome.UNKNOWN and not one.missing]
    return missing + [
        f"{one.criterion.name}{say('（{x}）', x=one.note) if one.note else say('（待确认）')}" for one in open_ones
    ]


def _gap(reason: Reason, names: Names) -> str:
    name = reason.criterion.name
    leaf = next((one for one in _leaves(reason) if one.outcome is Outcome.FAILED and one.gap is not None), None)
    if leaf is None or leaf.gap is None:
        return name
    shown, label = leaf.criterion.shown, leaf.criterion.name or name
    unit = _unit(leaf, names)
    if leaf.gap == 0:
        # A mark that must be exceeded: what stands on it falls short of it by nothing, and fails.
        mark = f"{number(show(leaf.threshold, shown), 2)} {unit_of(shown) or unit}".strip()
        return say("{name}（须超过 {mark}）", name=label, mark=mark)
    return say("{name}（差 {gap}）", name=label, gap=f"{number(show(leaf.gap, shown), 2)} {unit}".strip())


def _unit(leaf: Reason, names: Names) -> str:
    """What a gap is counted in: of a share percentage points, of a sum or a count what all its facts are counted in."""
    shown = leaf.criterion.shown
    if shown == "percent" or unit_of(shown) == "%":
        return say("个百分点")
    if leaf.criterion.form == "score":
        return say("分")
    counted = {names.unit(key.indicator) for key, _ in leaf.facts}
    return unit_of(shown) or (counted.pop() if len(counted) == 1 else "")


def _leaves(reason: Reason) -> list[Reason]:
    return [leaf for child in reason.children for leaf in _leaves(child)] or [reason]
