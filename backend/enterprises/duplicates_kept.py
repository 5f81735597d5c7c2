"""Likely duplicates 疑似重复 of a large registry, as they were found last: searching all of it takes longer than a page.

The search looks with the owner's rights, and each reader sees the pairs of which both are to be seen. What was merged,
withdrawn or kept apart since is left out at once; what came since is found by the next search, which runs behind a page
as soon as the last one is an hour old.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.enterprises.duplicates import BOTH_OPEN, MOST, NOT_APART, RULES, Pair, sides_of, suspects
from backend.web.errors import Refusal
from backend.web.memory import Memory, is_large

#: After so long the registry is searched again, if somebody asks.
GOOD_FOR: Final = timedelta(hours=1)


class NotSearchedYet(Refusal):
    """Nobody has searched the registry for duplicates before; now it is under way."""

    status = 503
    slug = "not-searched-yet"
    title = "正在查找"

    def __init__(self) -> None:
        super().__init__("正在首次查找疑似重复的档案，通常一两分钟完成，请稍后再试。")


@dataclass(frozen=True)
class Suspects:
    """Pairs; and when they were found, where that was not now."""

    pairs: list[Pair]
    found_at: datetime | None = None
    #: Whether they are being searched for, and none were found before.
    is_awaited: bool = False


async def suspects_lately(
    session: AsyncSession, memory: Memory, engine: AsyncEngine, region: str = "", rule: str = ""
) -> Suspects:
    """Pairs that may be one enterprise: searched for now in a small registry, in a large one as they were found last.

    Args:
        session: within the reader's scope.
        memory: what works behind the pages.
        engine: for the search, which is nobody's.
        region: where one of the two is; empty for anywhere.
        rule: one of `RULES`; empty for all.
    """
    if not await is_large(session):
        return Suspects(await suspects(session, region, rule))
    found_at = await session.scalar(text("SELECT suspects_found_at()"))
    if found_at is None or datetime.now(UTC) - found_at > GOOD_FOR:
        memory.behind(("suspects",), lambda: keep_suspects(engine))
    if found_at is None:
        return Suspects([], is_awaited=True)
    return Suspects(await _kept(session, region, rule), found_at)


async def _kept(session: AsyncSession, region: str, rule: str) -> list[Pair]:
    found = await session.execute(
        text(
            "SELECT p.one, p.other, p.rules FROM suspects_kept(:rule, :region) p JOIN enterprise a ON a.id = p.one"
            f" JOIN enterprise b ON b.id = p.other WHERE {BOTH_OPEN} AND {NOT_APART}"
            " ORDER BY cardinality(p.rules) DESC, p.one, p.other LIMIT :most"
        ),
        {"rule": rule if rule in RULES else "", "region": region, "most": MOST * len(RULES)},
    )
    rows = found.all()
    sides = await sides_of(session, {number for row in rows for number in (row.one, row.other)})
    return [Pair(sides[row.one], sides[row.other], tuple(row.rules)) for row in rows]


async def keep_suspects(engine: AsyncEngine) -> None:
    """Search the whole registry and keep what is found; nothing where somebody else is at it."""
    async with owner_unit_of_work(engine) as session:
        if not await session.scalar(text("SELECT pg_try_advisory_xact_lock('suspect_pair'::regclass::int)")):
            return
        found_at = datetime.now(UTC)
        pairs = await suspects(session, in_each_region=True)
        await session.execute(text("DELETE FROM suspect_pair"))
        await session.execute(text("DELETE FROM suspect_search"))
        await session.execute(text("INSERT INTO suspect_search (found_at) VALUES (:at)"), {"at": found_at})
        if pairs:
            await session.execute(
                text(
                    "INSERT INTO suspect_pair (one_id, other_id, rules, regions)"
                    " VALUES (:one, :other, CAST(:rules AS text[]), CAST(:regions AS text[]))"
                ),
                [
                    {
                        "one": pair.one.id, "other": pair.other.id, "rules": list(pair.rules),
                        "regions": [pair.one.region_code, pair.other.region_code],
                    }
                    for pair in pairs
                ],
            )  # fmt: skip
