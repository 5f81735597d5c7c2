"""What of a plan is asked of one district: its own share of the year, never the number of the whole."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import is_additive
from rules.plan import Basis, Op, Target


async def shares_of(session: AsyncSession, region: str, year: int, known_at: datetime | None) -> dict[str, Decimal]:
    """What a district is to reach in a year, by target; see `breakdown`, which knows all places of a target."""
    known = "superseded_at IS NULL"
    if known_at is not None:
        known = "recorded_at <= :known_at AND (superseded_at IS NULL OR superseded_at > :known_at)"
    found = await session.execute(
        text(
            "SELECT target, value FROM breakdown_share WHERE kind = 'district' AND place = :region AND year = :year"
            f" AND value IS NOT NULL AND {known} ORDER BY id"
        ),
        {"region": region, "year": year} | ({} if known_at is None else {"known_at": known_at}),
    )
    return {row.target: row.value for row in found}


def asked_of(target: Target, share: Decimal | None, year: int) -> Target:
    """A target as it is asked of a part of its territory.

    An amount of the whole says nothing of a part: the part answers for its share of the year, and where none was set
    it has no number. Shares of a hundred, places and growths are the same yardstick everywhere.
    """
    if not (is_additive(target) or (target.has_number and target.basis is Basis.UNRESOLVED) or target.each_of):
        return target
    if share is None:
        return target.model_copy(update={"value": None, "upper": None})
    return target.model_copy(update={"value": share, "upper": None, "op": Op.AT_LEAST, "year": year})
