"""Who answers for an enterprise: one officer of the bureau, or nobody yet."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.schemas import WRITERS
from backend.clock import today
from backend.enterprises.lineage import lives

_WRITERS = ", ".join(f"'{role}'" for role in WRITERS)
#: A person `o` who can answer for enterprises at all.
_CAN_ANSWER = f"o.is_active AND o.role IN ({_WRITERS})"


_OF_OFFICER = (
    "SELECT enterprise_id FROM enterprise_officer WHERE officer_id = :officer"
    " UNION ALL SELECT enterprise_id FROM pool_entry WHERE officer_id = :officer AND stage <> 'out'"
)


def answers_for(enterprise: str) -> str:
    """SQL: whether the officer `:officer` answers for an enterprise, named by the SQL of its id, or for a pool entry of it."""
    return f"({enterprise} IN ({_OF_OFFICER}))"


async def answered_for(session: AsyncSession, officer_id: int) -> tuple[int, ...]:
    """The enterprises that an officer answers for, or for a pool entry of which: for what is asked several times of them."""
    found = await session.execute(
        text(f"SELECT DISTINCT * FROM ({_OF_OFFICER}) AS own ORDER BY 1"), {"officer": officer_id}
    )
    return tuple(found.scalars())


async def officers(session: AsyncSession, region: str = "", park: str | None = None) -> list[tuple[str, str]]:
    """The officers one may choose from, as (id, name): the city's, the district's own, and those of its parks.

    Of the parks' officers, who are named with their park, only those of `park` where one is given: empty is no park.
    """
    found = await session.execute(
        text(
            "SELECT o.id, o.name || CASE WHEN o.park = '' THEN '' ELSE '（' || o.park || '）' END FROM officers() o"
            f" WHERE {_CAN_ANSWER} AND (:region = '' OR o.region_code IN ('', :region))"
            " AND (CAST(:park AS text) IS NULL OR o.park IN ('', :park)) ORDER BY o.region_code, o.park, o.name, o.id"
        ),
        {"region": region, "park": park},
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


async def responsible_for(session: AsyncSession, enterprise_ids: Sequence[int]) -> dict[int, str]:
    """Who is to be asked about some enterprises, by name: who answers for one, then who answers for its pool entries.

    Entries that are out count no more. Those that nobody answers for in either way are left out.
    """
    found = await session.execute(
        text(
            "SELECT n.enterprise_id, string_agg(n.name, '、' ORDER BY n.place, n.name) FROM ("
            "SELECT a.enterprise_id, o.name, min(a.place) AS place FROM ("
            "SELECT enterprise_id, officer_id, 0 AS place FROM enterprise_officer WHERE enterprise_id = ANY(:ids)"
            " UNION ALL SELECT enterprise_id, officer_id, 1 FROM pool_entry WHERE enterprise_id = ANY(:ids) AND stage <> 'out'"
            ") AS a JOIN officers() o ON o.id = a.officer_id GROUP BY a.enterprise_id, o.id, o.name) AS n"
            " GROUP BY n.enterprise_id"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {row[0]: row[1] for row in found}


async def those_outside(session: AsyncSession, officer_id: int, enterprise_ids: Sequence[int]) -> int:
    """How many of the enterprises somebody cannot answer for: not in the own district or park, or no active officer."""
    found = await session.scalar(
        text(
            "SELECT count(*) FROM enterprise e WHERE e.id = ANY(:ids) AND NOT EXISTS (SELECT FROM officers() o"
            f" WHERE o.id = :officer AND {_CAN_ANSWER} AND (o.region_code = '' OR o.region_code = e.region_code)"
            " AND (o.park = '' OR o.park = e.park))"
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
