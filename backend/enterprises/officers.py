"""Who answers for an enterprise: one officer of the bureau, or nobody yet."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.enterprises.lineage import lives


async def officers(session: AsyncSession, region: str = "") -> list[tuple[str, str]]:
    """The officers one may choose from: the city's, and the district's own, as (id, name)."""
    found = await session.execute(
        text(
            "SELECT id, name FROM officers() WHERE is_active AND role IN ('city_officer', 'district_officer')"
            " AND (:region = '' OR region_code IN ('', :region)) ORDER BY region_code, name, id"
        ),
        {"region": region},
    )
    return [(str(row[0]), row[1]) for row in found]


async def officers_of(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, str]:
    """Who answers for some enterprises, by name; those that nobody answers for are left out."""
    found = await session.execute(
        text(
            "SELECT a.enterprise_id, o.name FROM enterprise_officer a JOIN officers() o ON o.id = a.officer_id"
            " WHERE a.enterprise_id = ANY(:ids)"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {row[0]: row[1] for row in found}


async def those_outside(session: AsyncSession, officer_id: int, enterprise_ids: Sequence[int]) -> int:
    """How many of the enterprises somebody cannot answer for: not in the own district, or no active officer at all."""
    found = await session.scalar(
        text(
            "SELECT count(*) FROM enterprise e WHERE e.id = ANY(:ids) AND NOT EXISTS (SELECT FROM officers() o"
            " WHERE o.id = :officer AND o.is_active AND o.role IN ('city_officer', 'district_officer')"
            " AND (o.region_code = '' OR o.region_code = e.region_code))"
        ),
        {"ids": list(enterprise_ids), "officer": officer_id},
    )
    return int(found or 0)


async def count_of_officer(session: AsyncSession, officer_id: int) -> int:
    """How many enterprises of the list somebody answers for."""
    found = await session.scalar(
        text(
            "SELECT count(*) FROM enterprise_officer a JOIN enterprise e ON e.id = a.enterprise_id"
            f" WHERE a.officer_id = :officer AND e.status NOT IN ('withdrawn', 'merged') AND {lives()}"
        ),
        {"officer": officer_id, "on": today()},
    )
    return int(found or 0)
