"""The cultivation pool as a forecast sees it: who stands at which stage without the title, and what became of such before.

A candidate is an enterprise of this year's or last year's pool at one of the three stages before recognition, that does
not hold any of the titles on the day. Whoever is in several pools stands at the furthest of its stages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import end_of_day
from backend.cultivation.stages import Stage
from backend.enterprises.lineage import lived
from backend.plans.asked_days import Asked
from backend.plans.counting import moved_sql
from backend.plans.territory import Territory

#: The stages before recognition, the nearest to it last.
CANDIDATE_STAGES: Final = (Stage.DISCOVERED, Stage.CULTIVATED, Stage.RECOMMENDED)
#: The last day a title counts, as `forecast.Title` has it.
_LAST = "coalesce(least(r.valid_to, r.revoked_on - 1), DATE '9999-12-31')"


@dataclass(frozen=True)
class PoolDay:
    """The candidates on a day by stage, and how many of them held a title a year later (as known then, or at all)."""

    standing: Mapping[Stage, int] = field(default_factory=dict[Stage, int])
    came: Mapping[Stage, int] = field(default_factory=dict[Stage, int])

    @property
    def is_kept(self) -> bool:
        """Whether there was a pool at all."""
        return any(self.standing.values())


def _counts(day: str, granted_by: str) -> str:
    """Whether an enterprise counts on a day, by the titles granted by another."""
    return (
        "EXISTS (SELECT FROM recognition r WHERE r.enterprise_id = c.enterprise_id AND r.programme = ANY(CAST(:programmes"
        f" AS text[])) AND %(known)s AND r.valid_from <= {day} AND {_LAST} >= {day} AND r.granted_on <= {granted_by})"
    )


async def pool_days(
    session: AsyncSession,
    programmes: Sequence[str],
    on: date,
    days: Sequence[tuple[date, date, date]],
    territory: Territory,
    known_at: datetime | None,
) -> list[PoolDay]:
    """The candidates on some days, of the enterprises that were in the territory on `on` and lived then.

    Args:
        days: of each the day, the day to look at what became of them, and by when a title must be granted to tell.
    """
    asked = Asked((on,), known_at)
    parameters: dict[str, Any] = {
        "programmes": list(programmes), "stages": [stage.value for stage in CANDIDATE_STAGES], "starts": [one[0] for one in days],
        "untils": [one[1] for one in days], "by": [one[2] for one in days], "codes": list(territory.codes),
        "like": f"{territory.prefix}%", "known_at": known_at, "ends": [end_of_day(one[0]) for one in days],
    }  # fmt: skip
    known = {"known": asked.known("r")}
    found = await session.execute(
        text(
            "SELECT c.number, c.place, count(*),"
            f" count(*) FILTER (WHERE {_counts('c.until', 'c.by') % known}) FROM (SELECT d.number, d.day, d.until, d.by,"
            " s.enterprise_id, max(s.place) AS place FROM unnest(CAST(:starts AS date[]), CAST(:untils AS date[]),"
            " CAST(:by AS date[]), CAST(:ends AS timestamptz[])) WITH ORDINALITY AS d (day, until, by, ends, number) CROSS JOIN LATERAL (SELECT DISTINCT ON"
            " (p.id) p.enterprise_id, array_position(CAST(:stages AS text[]), CAST(w.to_stage AS text)) AS place"
            " FROM pool_entry p JOIN pool_move w ON w.entry_id = p.id WHERE p.programme = ANY(CAST(:programmes AS text[]))"
            " AND p.year BETWEEN extract(year FROM d.day) - 1 AND extract(year FROM d.day)"
            " AND w.moved_at <= d.ends"
            " AND (CAST(:known_at AS timestamptz) IS NULL OR w.moved_at <= :known_at)"
            " ORDER BY p.id, w.id DESC) s WHERE s.place IS NOT NULL"
            " GROUP BY d.number, d.day, d.until, d.by, s.enterprise_id) c JOIN enterprise e ON e.id = c.enterprise_id"
            f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = c.enterprise_id"
            " CROSS JOIN LATERAL (SELECT coalesce(m.regions[1], e.region_code) AS region_code) p"
            " WHERE (p.region_code = ANY(CAST(:codes AS text[])) OR p.region_code LIKE :like)"
            f" AND {lived('c.enterprise_id', '(CAST(:days AS date[]))[1]', ':known_at')}"
            f" AND NOT {_counts('c.day', 'c.day') % known} GROUP BY c.number, c.place"
        ),
        asked.parameters | parameters,
    )
    standing: list[dict[Stage, int]] = [{} for _ in days]
    came: list[dict[Stage, int]] = [{} for _ in days]
    for number, place, many, recognised in found:
        stage = CANDIDATE_STAGES[place - 1]
        standing[number - 1][stage], came[number - 1][stage] = many, recognised
    return [PoolDay(*one) for one in zip(standing, came, strict=True)]
