"""What is known of a narrowed list before its page is read, in a large registry: whether it is empty, or short."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.conditions import Conditions
from backend.enterprises.filtering import FEW

#: So many rows of the order are asked before the list is taken for a short one; and where each takes longer.
WALKED, WALKED_ASKING = 3_000, 600
#: And so many times as many as are wanted, for a page far down.
TIMES = 12
#: A list is made out of no more than so many who might be in it; and of so many each is asked for itself.
MADE_OUT_OF, ASKED = 60_000, 3_000
#: So few who might be in it are looked through at once.
SHORT = 20_000


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
    """The ids of a list that is short; None where it is not, or not narrowed, or where many would have to be asked."""
    if not conditions.is_narrowed:
        return None
    out_of = await _fewest(session, conditions)
    if out_of is None:
        return None
    # Each is asked for itself only where that is less than looking up all whom a condition means.
    asked = conditions.rest if out_of.most <= ASKED else [*conditions.sets, *conditions.each]
    statement = (
        f"WITH out_of AS MATERIALIZED ({out_of.ids}) SELECT e.id FROM out_of JOIN enterprise e ON e.id = out_of.id"
        f" WHERE {' AND '.join(['true', *out_of.plain, *asked])} LIMIT {FEW + 1}"
    )
    async with planned(session, _ONE_BY_ONE):
        found = await session.execute(text(statement), conditions.values)
    ids = list(found.scalars())
    return ids if len(ids) <= FEW else None


@dataclass(frozen=True)
class _OutOf:
    """Those out of whom a list can be made."""

    #: Their ids, as SQL.
    ids: str
    #: So many, or somewhat more.
    most: int
    #: The plain conditions that they need not fulfil.
    plain: Sequence[str] = ()


async def _fewest(session: AsyncSession, conditions: Conditions) -> _OutOf | None:
    """The fewest out of whom the list can be made; None if those are very many."""
    plain = f"SELECT e.id FROM enterprise e WHERE {' AND '.join(conditions.plain)}"
    if conditions.names_few:
        return _OutOf(plain, FEW)
    found: list[_OutOf] = []
    if (most := await guessed_plain(session, conditions)) is not None:
        found.append(_OutOf(plain, most))
    for members in conditions.out_of:
        counted = text(f"SELECT count(*) FROM (SELECT {members} LIMIT {MADE_OUT_OF + 1}) AS counted")
        most = (await session.execute(counted, conditions.values)).scalar_one()
        found.append(_OutOf(f"SELECT {members} AS id", most, conditions.plain))
    fewest = min(found, key=lambda one: one.most, default=None)
    return fewest if fewest is not None and fewest.most <= MADE_OUT_OF else None


async def is_short(session: AsyncSession, conditions: Conditions) -> bool:
    """Whether so few fulfil the plain conditions that all of them are sooner asked than the order is walked."""
    guessed = await guessed_plain(session, conditions)
    return guessed is not None and guessed <= SHORT


async def guessed_plain(session: AsyncSession, conditions: Conditions) -> int | None:
    """About how many fulfil the plain conditions; None where those say nothing of them."""
    if not conditions.guessing:
        return None
    statement = f"SELECT coalesce(sum(enterprises), 0) FROM listed_tally t WHERE {' AND '.join(conditions.guessing)}"
    return int((await session.execute(text(statement), conditions.values)).scalar_one())


async def walks_past_many(session: AsyncSession, conditions: Conditions) -> bool:
    """Whether a walk meets very many of whom only their names are left to be asked."""
    if not conditions.words_in_set or conditions.sets:
        return False
    guessed = await guessed_plain(session, conditions)
    return guessed is None or guessed > MADE_OUT_OF


#: What PostgreSQL, which thinks every other row fulfils a condition that it may not weigh, must not plan: reading all
#: enterprises to find those of few ids; and besides, sorting very many to find the first fifty.
_ONE_BY_ONE = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
IN_ORDER = (*_ONE_BY_ONE, "enable_sort", "enable_bitmapscan", "enable_material")


@asynccontextmanager
async def planned(session: AsyncSession, without: Sequence[str]) -> AsyncGenerator[None]:
    """Let PostgreSQL plan what the block asks without some of its ways."""
    await session.execute(_SET, {"names": list(without), "to": "off"})
    try:
        yield
    finally:
        # A transaction that failed reads nothing any more.
        with suppress(DBAPIError):
            await session.execute(_SET, {"names": list(without), "to": "on"})


_SET = text("SELECT set_config(name, :to, true) FROM unnest(CAST(:names AS text[])) AS name")
