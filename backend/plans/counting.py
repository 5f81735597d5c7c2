"""Counting the enterprises of targets: by set, day and region; by the definition, or out of what is kept (`kept`)."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.places import LATEST, covers, stays
from backend.plans.asked_days import Asked
from backend.plans.kept import (
    KeptCount,
    counted_apart,
    kept_counts,
    kept_wholes,
    kinds_asked,
    population_kept,
    programmes_kept,
)
from backend.plans.living import living
from backend.plans.register_sets import INSTITUTIONS
from backend.plans.sets import Sets, sets_of
from backend.plans.territory import Division, Territory
from backend.subregisters.queries import declarations
from rules.plan import Mode, ShareOfEnterprises, Target


@asynccontextmanager
async def joining_sets(session: AsyncSession) -> AsyncGenerator[None]:
    """Let sets be joined by looking up or by hashing, never by comparing all with all.

    PostgreSQL takes the sets of `sets` for a few rows, whatever they hold, and would keep them at hand to compare each
    enterprise of the registry with: nothing with ten rows, minutes with twenty thousand.
    """
    await session.execute(_KEEP_AT_HAND, {"value": "off"})
    try:
        yield
    finally:
        # A transaction that failed plans nothing any more.
        with suppress(DBAPIError):
            await session.execute(_KEEP_AT_HAND, {"value": "on"})


_KEEP_AT_HAND = text("SELECT set_config('enable_material', :value, true)")


@dataclass
class Tallies:
    """Enterprises of a target's sets, counted by set and number of the day, and there by region code."""

    by_region: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict[tuple[str, int], dict[str, int]])

    def add(self, part: str, regions: Sequence[str | None], region_now: str, days: int, enterprises: int) -> None:
        for number in range(days.bit_length()):
            if days >> number & 1:
                then = regions[number] if regions else None
                self.put(part, number, region_now if then is None else then, enterprises)

    def put(self, part: str, number: int, region: str, enterprises: int) -> None:
        held = self.by_region.setdefault((part, number), {})
        held[region] = held.get(region, 0) + enterprises

    def put_all(self, part: str, counts: Sequence[KeptCount]) -> None:
        for one in counts:
            self.put(part, one.number, one.region_code, one.enterprises)

    def copy(self, part: str, as_part: str) -> None:
        for (name, number), held in list(self.by_region.items()):
            if name == part:
                self.by_region[as_part, number] = dict(held)

    def count(self, part: str, territory: Territory, place: str, number: int) -> int:
        """Enterprises in the territory, or in one of its districts."""
        return sum(
            enterprises
            for region, enterprises in self.by_region.get((part, number), {}).items()
            if territory.contains(region) and (not place or territory.district_of(region) == place)
        )

    def in_no_district(self, territory: Territory, number: int) -> int:
        if not territory.is_divided:
            return 0
        placed = sum(self.count("counted", territory, one.code, number) for one in territory.districts)
        return self.count("counted", territory, "", number) - placed


def moved_sql(asked: Asked) -> str:
    """Where enterprises that ever moved were on each of the days; whoever never did is where it is now."""
    if asked.division is Division.NOW:
        return "SELECT CAST(NULL AS bigint) AS enterprise_id, CAST(NULL AS text[]) AS regions WHERE FALSE"
    of_day = ", ".join(
        f"(array_agg(er.region_code ORDER BY {LATEST.format(row='er')})"
        f" FILTER (WHERE {covers('er', f'(CAST(:days AS date[]))[{number}]')}))[1]"
        for number in range(1, len(asked.days) + 1)
    )
    told = stays(is_known_then=asked.known_at is not None)
    return f"SELECT er.enterprise_id, ARRAY[{of_day}] AS regions FROM ({told}) er GROUP BY er.enterprise_id"


async def count_targets(
    session: AsyncSession, targets: Sequence[Target], asked: Asked, modes: Mapping[str, Mode]
) -> dict[str, Tallies]:
    """The tallies of the targets that can be counted; targets that ask for the same are counted once."""
    first_of: dict[object, Target] = {}
    for target in targets:
        first_of.setdefault(_asks(target, modes), target)
    counts = await _count_each(session, list(first_of.values()), asked, modes)
    same = {target.id: first_of[_asks(target, modes)].id for target in targets}
    return {name: counts[first] for name, first in same.items() if first in counts}


def _asks(target: Target, modes: Mapping[str, Mode]) -> object:
    return (target.count, modes.get(target.id), target.window, target.since)


async def _count_each(
    session: AsyncSession, targets: Sequence[Target], asked: Asked, modes: Mapping[str, Mode]
) -> dict[str, Tallies]:
    kept = {one.id for one in targets if programmes_kept(one, modes.get(one.id)) or population_kept(one)}
    apart = await counted_apart(session, asked) if kept else None
    if apart is None:
        kept.clear()
    whom = {one.id: apart.of(kinds_asked(one)) for one in targets if one.id in kept and apart is not None}
    sets = {
        one.id: found
        for one in targets
        if (found := sets_of(one, asked, modes.get(one.id), whom.get(one.id))) is not None
    }
    counts = {name: Tallies() for name in sets}
    for target in targets:
        if target.id in whom:
            mode, tallies = modes.get(target.id), counts[target.id]
            left = await _add_kept(session, target, mode, asked, whom[target.id], tallies, sets.pop(target.id))
            sets |= {} if left is None else {target.id: left}
    await _count(session, sets, asked, counts)
    for target in targets:
        if target.id in kept and await _is_all_answered(session, target, asked):
            counts[target.id].copy("whole", "answered")
    return counts


async def _add_kept(
    session: AsyncSession,
    target: Target,
    mode: Mode | None,
    asked: Asked,
    apart: Sequence[int],
    tallies: Tallies,
    sets: Sets,
) -> Sets | None:
    """Put what is kept into the tallies of a target. Returns what the definition still has to count of it, if anything."""
    if programmes := programmes_kept(target, mode):
        tallies.put_all("counted", await kept_counts(session, asked, programmes, apart))
        # Where nobody is counted apart the definition has nobody to look at.
        return sets if apart else None
    wanted = population_kept(target)
    assert wanted is not None
    tallies.put_all("whole", await kept_wholes(session, asked, wanted, apart))
    answered = None if await _is_all_answered(session, target, asked) else sets.answered
    return replace(sets, whole=sets.whole if apart else None, answered=answered)


async def _is_all_answered(session: AsyncSession, target: Target, asked: Asked) -> bool:
    """Whether of the whole of a ratio all is known, because the register is said to be complete."""
    if not isinstance(target.count, ShareOfEnterprises) or target.count.numerator == "statistical":
        return False
    return INSTITUTIONS in await declarations(session, asked.known_at)


async def _count(session: AsyncSession, sets: Mapping[str, Sets], asked: Asked, tallies: Mapping[str, Tallies]) -> None:
    """All sets in one statement: by set, region then, region now and days."""
    parts = [
        (name, part, sql)
        for name, of_target in sets.items()
        for part, sql in (("counted", of_target.counted), ("whole", of_target.whole), ("answered", of_target.answered))
        if sql is not None
    ]
    if not parts:
        return
    union = " UNION ALL ".join(
        f"SELECT {number} AS part, x.enterprise_id, x.days FROM ({sql}) x" for number, (_, _, sql) in enumerate(parts)
    )
    statement = (
        "SELECT s.part, e.region_code, m.regions, s.days, count(*)"
        f" FROM ({living(union, asked, 'part')}) s JOIN enterprise e ON e.id = s.enterprise_id"
        f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = s.enterprise_id"
        " WHERE s.days <> 0 GROUP BY s.part, e.region_code, m.regions, s.days"
    )
    async with joining_sets(session):
        found = await session.execute(text(statement), asked.parameters)
    for number, region_now, regions, days, enterprises in found:
        name, part, _ = parts[number]
        tallies[name].add(part, regions or (), region_now, days, enterprises)
