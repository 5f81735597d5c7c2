"""What is known of a narrowed list before its page is read, in a large registry: whether it is empty, or short."""

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.filtering import FEW

#: So many rows of the order are asked before the list is taken for a short one; and where each takes longer.
WALKED, WALKED_ASKING = 3_000, 600
#: And so many times as many as are wanted, for a page far down.
TIMES = 12


async def most_there_are(session: AsyncSession, conditions: Conditions) -> int | None:
    """No more than so many are in the list, as far as they are counted beforehand; None where nothing is."""
    return (
        None if not conditions.bounding else await tallied(session, conditions.bounding, conditions.plain, conditions)
    )


async def tallied(
    session: AsyncSession, alike: list[str], each: list[str], conditions: Conditions, most_apart: int | None = None
) -> int | None:
    """How many there are by what the database has counted beforehand; None for an enterprise's own account.

    It counts those that live today, and of no place for such an account. Whoever ends on a later day than the one asked
    about is counted off their rows.

    Args:
        session: within the reader's scope.
        alike: the conditions on a row `t` of what is counted.
        each: the same on an enterprise `e`.
        conditions: what they are of.
        most_apart: more rows than so many are gathered; None leaves them apart.
    """
    found = await session.execute(
        text(
            "SELECT coalesce(current_setting('tidu.enterprise_id', true), '') <> '' AS is_own,"
            f" coalesce(sum(t.enterprises) FILTER (WHERE {' AND '.join(['TRUE', *alike])}), 0)"
            f" + (SELECT count(*) FROM enterprise e WHERE {' AND '.join(each)} AND e.ended_on > :on AND e.status <> 'active')"
            " AS total, count(*) FILTER (WHERE NOT t.is_gathered) AS apart FROM listed_tally t"
        ),
        conditions.values,
    )
    row = found.one()
    if most_apart is not None and row.apart > most_apart:
        await session.execute(text("SELECT gather_listed_tally()"))
    return None if row.is_own else int(row.total)


def to_walk(conditions: Conditions, wanted: int) -> int:
    """How many rows of the order are asked for so many that are wanted."""
    return max(WALKED_ASKING if conditions.asks_each else WALKED, TIMES * wanted)


async def few_found(session: AsyncSession, conditions: Conditions) -> list[int] | None:
    """The ids of a list that is short; None where it is not, or not narrowed."""
    if not conditions.is_narrowed:
        return None
    found = await session.execute(
        text(f"SELECT e.id FROM enterprise e WHERE {' AND '.join(conditions.counted)} LIMIT {FEW + 1}"),
        conditions.values,
    )
    ids = list(found.scalars())
    return ids if len(ids) <= FEW else None
