"""All that was ever reported of a target: the figures and their corrections, with who said so and when."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from rules.plan import Target


@dataclass(frozen=True)
class Revision:
    """One word on a figure: the first, or a later correction."""

    id: int
    period_end: date
    region_code: str
    value: Fraction
    source: str
    released_on: date | None
    note: str
    recorded_at: datetime
    recorded_by: str
    is_latest: bool


async def revisions_of(session: AsyncSession, target: Target, region: str = "") -> list[Revision]:
    """All that was ever reported of a target for a region, the newest period and the newest word first."""
    found = await session.execute(
        text(
            "SELECT f.id, f.period_end, f.region_code, f.value, f.source, f.released_on, f.note, f.recorded_at,"
            " o.name, row_number() OVER (PARTITION BY f.period_end ORDER BY f.recorded_at DESC, f.id DESC) = 1"
            " FROM reported_figure f LEFT JOIN officers() o ON o.id = f.recorded_by"
            " WHERE f.target = :target AND f.region_code = :region"
            " ORDER BY f.period_end DESC, f.recorded_at DESC, f.id DESC"
        ),
        {"target": target.id, "region": region},
    )
    return [
        Revision(id_, end, code, Fraction(value), source, released_on, note, at, by or "", latest)
        for id_, end, code, value, source, released_on, note, at, by, latest in found
    ]
