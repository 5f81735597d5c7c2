"""Where sources disagree: found in the transaction of the filing, settled by an officer with a filing of its own.

Set-based: one statement for one enterprise or for all of an import. What it means is in docs/decisions/0006.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.about import ask_about
from backend.filings.standing import filings, stands

#: Year of a fact that has none, in the tables of conflicts and flags.
NO_YEAR = 0
#: Enterprises looked at together: what is held of them fits into memory.
PORTION = 10_000

_AGAIN = f"""
    EXISTS (
        SELECT FROM jsonb_array_elements(fact.said) AS s WHERE s ->> 'source' <> 'officer'
        AND CAST(s ->> 'filing_id' AS bigint) > fact.decision_id
        AND differ(s -> 'value', fact.decided, fact.percent) AND coalesce((
            SELECT differ(b."values" -> fact.key, s -> 'value', fact.percent) FROM {filings()} b
            WHERE b.enterprise_id = fact.enterprise_id AND coalesce(b.year, {NO_YEAR}) = fact.year AND b.source = s ->> 'source'
            AND b.id < fact.decision_id AND jsonb_exists(b."values", fact.key)
            AND NOT EXISTS (SELECT FROM filing_withdrawal w WHERE w.filing_id = b.id)
            ORDER BY b.received_on DESC, b.id DESC LIMIT 1
        ), true)
    )
"""

# Most values are said by one source alone, and looking into each would take most of the time. Sources can only differ
# on what is said beside the source that said most of a period: so only what the others said is looked up.
_REFRESH = f"""
    WITH held AS MATERIALIZED (
        SELECT f.id, f.enterprise_id, coalesce(f.year, {NO_YEAR}) AS year, f.source, f.received_on, f."values"
        FROM {filings()} f WHERE f.enterprise_id = ANY(:ids) AND {stands("NULL")}
    ),
    told AS (
        SELECT enterprise_id, year, (array_agg(source ORDER BY pg_column_size("values") DESC))[1] AS most_said
        FROM held GROUP BY enterprise_id, year HAVING min(source) <> max(source)
    ),
    narrow AS (
        SELECT DISTINCT h.enterprise_id, h.year, k.key FROM told JOIN held h USING (enterprise_id, year)
        CROSS JOIN LATERAL jsonb_object_keys(h."values") AS k (key) WHERE h.source <> told.most_said
    ),
    said AS (
        SELECT DISTINCT ON (enterprise_id, year, n.key, h.source)
            enterprise_id, year, n.key, h.source, h."values" -> n.key AS value, h.received_on, h.id
        FROM narrow n JOIN held h USING (enterprise_id, year) WHERE jsonb_exists(h."values", n.key)
        ORDER BY enterprise_id, year, n.key, h.source, h.received_on DESC, h.id DESC
    ),
    far AS (
        SELECT s.enterprise_id, s.year, s.key, t.percent, bool_and(s.number IS NOT NULL) AS is_number,
            min(s.number) AS least, max(s.number) AS most
        FROM (
            SELECT said.*, CASE jsonb_typeof(value) WHEN 'number' THEN value::numeric END AS number FROM said
        ) AS s JOIN indicator_tolerance t ON t.indicator = s.key AND t.is_compared
        GROUP BY s.enterprise_id, s.year, s.key, t.percent
        HAVING CASE WHEN bool_and(s.number IS NOT NULL)
            THEN (max(s.number) - min(s.number)) * 100
                > greatest(abs(max(s.number)), abs(min(s.number))) * t.percent
            ELSE min(s.value::text COLLATE "C") <> max(s.value::text COLLATE "C") END
    ),
    fact AS (
        SELECT far.*, max(said.id) FILTER (WHERE said.source = 'officer') AS decision_id,
            jsonb_agg(said.value) FILTER (WHERE said.source = 'officer') -> 0 AS decided,
            max(said.id) AS latest_filing_id,
            jsonb_agg(jsonb_build_object('source', said.source, 'value', said.value, 'received_on', said.received_on,
                'filing_id', said.id) ORDER BY coalesce(r.rank, 1000), said.source) AS said
        FROM far JOIN said USING (enterprise_id, year, key)
        LEFT JOIN source_rank r ON r.indicator = said.key AND r.source = said.source
        GROUP BY far.enterprise_id, far.year, far.key, far.percent, far.is_number, far.least, far.most
    ),
    apart AS (
        SELECT enterprise_id, key AS indicator, year, said, latest_filing_id, decision_id IS NOT NULL AS is_reopened,
            CASE WHEN is_number THEN round((most - least) * 100 / greatest(abs(most), abs(least)), 2) ELSE 100 END AS spread,
            CASE WHEN is_number AND least * most > 0
                THEN round(greatest(abs(most), abs(least)) / least(abs(most), abs(least)), 2) END AS ratio
        FROM fact WHERE decision_id IS NULL OR {_AGAIN}
    ),
    gone AS (
        DELETE FROM fact_conflict c WHERE c.enterprise_id = ANY(:ids)
        AND NOT EXISTS (
            SELECT FROM apart a WHERE a.enterprise_id = c.enterprise_id AND a.indicator = c.indicator AND a.year = c.year
        )
    )
    INSERT INTO fact_conflict (enterprise_id, indicator, year, spread, ratio, said, is_reopened, latest_filing_id)
    SELECT enterprise_id, indicator, year, spread, ratio, said, is_reopened, latest_filing_id FROM apart
    ON CONFLICT (enterprise_id, indicator, year) DO UPDATE SET spread = excluded.spread, ratio = excluded.ratio,
        said = excluded.said, is_reopened = excluded.is_reopened, latest_filing_id = excluded.latest_filing_id
    WHERE fact_conflict.latest_filing_id <> excluded.latest_filing_id OR fact_conflict.said <> excluded.said
"""


_LASTING = "SELECT id FROM enterprise WHERE id = ANY(:ids) AND ended_on IS NULL"
_OF_ENDED = """
    DELETE FROM fact_conflict c USING enterprise e
    WHERE c.enterprise_id = ANY(:ids) AND e.id = c.enterprise_id AND e.ended_on IS NOT NULL
"""


async def refresh_conflicts(session: AsyncSession, enterprise_ids: Sequence[int]) -> None:
    """Find the conflicts of some enterprises anew; part of working out what holds now."""
    for start in range(0, len(enterprise_ids), PORTION):
        ids = list(enterprise_ids[start : start + PORTION])
        # Nobody need decide about one that has ended. Asked beforehand: in a registry that was just filled the planner
        # takes a column without statistics to be seldom empty, and joins what follows row by row.
        found = await ask_about(session, _LASTING, ids)
        lasting = list(found.scalars())
        if len(lasting) < len(ids):
            await ask_about(session, _OF_ENDED, ids)
        if lasting:
            await ask_about(session, _REFRESH, lasting)


async def conflict_of(
    session: AsyncSession, enterprise_id: int, indicator: str, year: int | None
) -> Mapping[str, Any] | None:
    """One conflict; None where there is none (any more)."""
    found = await session.execute(
        text("SELECT * FROM fact_conflict WHERE enterprise_id = :id AND indicator = :indicator AND year = :year"),
        {"id": enterprise_id, "indicator": indicator, "year": year or NO_YEAR},
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None


async def conflicts_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """The conflicts of one enterprise, the newest year first, the largest first."""
    found = await session.execute(
        text("SELECT * FROM fact_conflict WHERE enterprise_id = :id ORDER BY year DESC, spread DESC, indicator"),
        {"id": enterprise_id},
    )
    return [dict(row) for row in found.mappings()]


async def last_decision(
    session: AsyncSession, enterprise_id: int, indicator: str, year: int | None
) -> Mapping[str, Any] | None:
    """The latest filing by which an officer established a fact: value, reason, when, who."""
    found = await session.execute(
        text(
            'SELECT id, "values" -> :indicator AS value, note, received_on, recorded_at, recorded_by FROM'
            f" {filings()} f WHERE enterprise_id = :id AND year IS NOT DISTINCT FROM :year AND source = 'officer'"
            ' AND jsonb_exists("values", :indicator) ORDER BY received_on DESC, id DESC LIMIT 1'
        ),
        {"id": enterprise_id, "indicator": indicator, "year": year},
    )
    row = found.mappings().first()
    return dict(row) if row is not None else None
