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
#: A list is made out of no more than so many who might be in it, three times as many where their rows need not be read; and
#: of so many each is asked for itself.
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
    """The ids of a list that is short; None where it is not, or not narrowed, or where many would have to be asked.

    What was found out stays with the conditions: the count needs it too.
    """
    if conditions.gathered is None and conditions.is_narrowed and not conditions.at_least:
        found = await _gathered(session, conditions)
        conditions.at_least = len(found or ())
        conditions.gathered = found if found is not None and len(found) <= FEW else None
    return conditions.gathered


async def _gathered(session: AsyncSession, conditions: Conditions) -> list[int] | None:
    """The ids of the list, or the first of them, one more than few; None where very many would be looked through.

    First what indexes and sets tell, then the rows themselves, in the order in which they lie.
    """
    if conditions.named:
        return await those_of(session, conditions, min(conditions.named, key=len))
    out_of = await _fewest(session, conditions)
    if out_of is None:
        return None
    if conditions.read and not conditions.wholly:
        return await _read_of(session, conditions, conditions.plain, most=f"LIMIT {FEW + 1}")
    # Of a few each condition is asked for these alone.
    asked = [] if out_of.most <= ASKED else [one for one in conditions.wholly if one != out_of.means]
    most = MADE_OUT_OF if conditions.read or out_of.most <= ASKED else FEW
    condition = " AND ".join([*conditions.plain, *asked])
    ids = await _ids(session, f"{out_of.source} WHERE {condition} LIMIT {most + 1}", conditions, _ONE_BY_ONE)
    if out_of.most <= ASKED:
        return await those_of(session, conditions, ids)
    if not conditions.read:
        return ids
    if len(ids) > most:
        return None
    return await _read_of(session, conditions, _NAMED, ids, most=f"LIMIT {FEW + 1}")


async def those_of(
    session: AsyncSession, conditions: Conditions, ids: Sequence[int], *, but_for: str = ""
) -> list[int]:
    """Who of some is in the list.

    Args:
        session: within the reader's scope.
        conditions: of the list.
        ids: who is asked about.
        but_for: the one of `of_some` that all of them are known to fulfil.
    """
    if not ids or conditions.gathered is not None:
        return list(set(ids) & set(conditions.gathered or ()))
    asked = " AND ".join([*_NAMED, *conditions.plain, *(one for one in conditions.of_some if one != but_for)])
    some = await _ids(session, f"FROM enterprise e WHERE {asked}", conditions, _ONE_BY_ONE, ids)
    return await _read_of(session, conditions, _NAMED, some) if conditions.read else some


async def reaches(session: AsyncSession, conditions: Conditions, most: int) -> bool:
    """Whether those found first already are more than are counted: then nobody needs to find all."""
    if len(conditions.first) <= most:
        return False
    return len(await those_of(session, conditions, conditions.first, but_for=conditions.means_first_of_some)) > most


#: Those alone who are named.
_NAMED = ("e.id = ANY(:some)",)


async def _read_of(
    session: AsyncSession, conditions: Conditions, among: Sequence[str], some: Sequence[int] = (), *, most: str = ""
) -> list[int]:
    """Who of some fulfils what their rows must be read for."""
    source = f"FROM enterprise e WHERE {' AND '.join([*among, *conditions.read])} {most}"
    return await _ids(session, source, conditions, AS_THEY_LIE, some)


async def _ids(
    session: AsyncSession, source: str, conditions: Conditions, without: Sequence[str], some: Sequence[int] = ()
) -> list[int]:
    """The ids that something after SELECT names, as one value: rows of their own would take longer than finding them."""
    async with planned(session, without):
        found = await session.scalar(
            text(f"SELECT ARRAY(SELECT e.id {source})"), {**conditions.values, "some": list(some)}
        )
    return list(found or ())


@dataclass(frozen=True)
class _OutOf:
    """Those out of whom a list can be made."""

    #: So many, or somewhat more.
    most: int
    #: Where they come from, as SQL: by the plain conditions alone, or out of ids.
    source: str = "FROM enterprise e"
    #: The condition that they fulfil.
    means: str = ""


async def _fewest(session: AsyncSession, conditions: Conditions) -> _OutOf | None:
    """The fewest out of whom the list can be made; None if those are very many."""
    found: list[_OutOf] = []
    if (most := await guessed_plain(session, conditions)) is not None:
        found.append(_OutOf(most))
    for members, means in conditions.out_of:
        counted = text(f"SELECT count(*) FROM (SELECT {members} LIMIT {MADE_OUT_OF + 1}) AS counted")
        most = (await session.execute(counted, conditions.values)).scalar_one()
        # Each is looked for by itself, where the others are read one behind the other.
        source = f"FROM (SELECT {members} AS id OFFSET 0) AS m JOIN enterprise e ON e.id = m.id"
        found.append(_OutOf(3 * most, source, means))
    fewest = min(found, key=lambda one: one.most, default=None)
    most = MADE_OUT_OF if conditions.read and not conditions.wholly else 3 * MADE_OUT_OF
    return fewest if fewest is not None and fewest.most <= most else None


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
#: enterprises to find those of few ids; fetching rows in another order than that in which they lie; and besides, sorting
#: very many to find the first fifty.
_ONE_BY_ONE = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin")
AS_THEY_LIE = ("enable_seqscan", "enable_indexscan")
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
