"""The list behind a number: the enterprises, or the things of a sub-register, read from the number's own subquery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.plans.asked_days import Asked
from backend.plans.counting import count_in, moved_sql
from backend.plans.facets import EVERYWHERE, By, Part, Within
from backend.plans.kept import counted_apart, programmes_kept, spanning
from backend.plans.living import living
from backend.plans.register_sets import things, wanted_of
from backend.plans.sets import Sets, sets_of
from backend.plans.territory import Division, territory_of
from backend.subregisters.queries import entries_of_things
from backend.subregisters.schemas import Entry
from rules.plan import Mode, Target

#: Parts of a ratio that a list may show; for a count there is only the first.
PARTS = {"counted": "已计入", "whole": "分母", "missing": "分母中未计入"}


#: The code, of a file that has become part of another since too.
_CODE = (
    "coalesce(e.credit_code, (SELECT g.before -> 'absorbed' ->> 'credit_code' FROM enterprise_merge g"
    " WHERE g.absorbed_id = e.id AND g.undone_at IS NULL ORDER BY g.id DESC LIMIT 1))"
)


def _code(known_at: datetime | None) -> str:
    return "e.credit_code" if known_at is None else _CODE


@dataclass(frozen=True)
class Member:
    """An enterprise on a target's list, with where it was registered on the day."""

    id: int
    credit_code: str | None
    name: str
    region_code: str


@dataclass(frozen=True)
class Members:
    """A part of a list, and how long the whole list is."""

    rows: tuple[Member, ...]
    total: int


@reckons
async def members(
    session: AsyncSession,
    target: Target,
    on: date,
    *,
    region: str | None = None,
    known_at: datetime | None = None,
    mode: Mode | None = None,
    part: str = "counted",
    within: Within = EVERYWHERE,
    division: Division = Division.THEN,
    limit: int | None = None,
    offset: int = 0,
) -> Members | None:
    """The enterprises that a target counts on a day, by region and name; None where it counts no enterprises.

    The list is read from the very subquery that the number is counted from.
    """
    if limit is not None and part == "counted" and within == EVERYWHERE and programmes_kept(target, mode):
        apart = await counted_apart(session)
        if apart is not None:
            asked = Asked((on,), known_at, division)
            return await _out_of_what_is_kept(session, target, asked, region, mode, apart, limit, offset)
    listed = _listed(target, Asked((on,), known_at, division), region, mode, part, within)
    if listed is None:
        return None
    source, parameters = listed
    found = await session.execute(
        text(
            f"SELECT e.id, {_code(known_at)} AS credit_code, e.name, p.region_code, count(*) OVER () AS total"
            f"{source} ORDER BY p.region_code, e.name, e.id LIMIT :limit OFFSET :offset"
        ),
        {**parameters, "limit": limit, "offset": offset},
    )
    rows = found.all()
    total = rows[0].total if rows else 0
    if not rows and offset:
        # Beyond the last page the window has nothing to stand on.
        first = await members(
            session,
            target,
            on,
            region=region,
            known_at=known_at,
            mode=mode,
            part=part,
            within=within,
            division=division,
            limit=1,
        )
        total = first.total if first is not None else 0
    return Members(tuple(Member(*row[:4]) for row in rows), total)


async def _out_of_what_is_kept(
    session: AsyncSession,
    target: Target,
    asked: Asked,
    region: str | None,
    mode: Mode | None,
    apart: Sequence[int],
    limit: int,
    offset: int,
) -> Members:
    """A part of the list of holders, which is not put in order as a whole for it.

    Where many of those who are in order anyway hold the title, they are asked one by one until there are enough; where
    few do, the few are looked up. Who is counted apart is listed by the definition, and joins them.
    """
    territory = territory_of(region or target.region, asked.placed_on)
    total = await count_in(session, target, Asked(asked.days, asked.known_at, asked.division), territory, mode)
    if total <= offset:
        return Members((), total)
    holding = spanning(asked, programmes_kept(target, mode)).format(row="s")
    likely = (limit + offset) * await _enterprises(session) // total
    held = _walked(holding) if likely <= MOST_ASKED else _gathered(holding)
    asked.parameters["low"], asked.parameters["high"] = territory.bounds
    columns = f"e.id, {_code(asked.known_at)} AS credit_code, e.name"
    shown = "ORDER BY 4, 3, 1 LIMIT :upto"
    others = f" AND e.id <> ALL(CAST({asked.add(list(apart))} AS bigint[]))" if apart else ""
    parts = [f"(SELECT {columns}, e.region_code{held}{others} AND {_HERE.format('e.region_code')} {shown})"]
    if apart and (listed := _listed(target, asked, region, mode, "counted", EVERYWHERE, among=apart)) is not None:
        parts.append(f"(SELECT {columns}, p.region_code{listed[0]} {shown})")
    places = {"codes": list(territory.codes), "like": f"{territory.prefix}%"}
    found = await session.execute(
        text(
            f"SELECT * FROM ({' UNION ALL '.join(parts)}) u"
            " ORDER BY u.region_code, u.name, u.id LIMIT :limit OFFSET :offset"
        ),
        {**asked.parameters, **places, "limit": limit, "offset": offset, "upto": limit + offset},
    )
    return Members(tuple(Member(*row) for row in found), total)


#: So many enterprises are asked one by one in less than a moment.
MOST_ASKED = 50_000
_HERE = "({0} = ANY(CAST(:codes AS text[])) OR {0} LIKE :like)"


def _walked(holding: str) -> str:
    # A question for each row: joined, all holders would be gathered before the first is shown.
    return (
        " FROM enterprise e WHERE e.region_code BETWEEN :low AND :high"
        f" AND (SELECT true FROM title_span s WHERE s.enterprise_id = e.id AND {holding} LIMIT 1)"
    )


def _gathered(holding: str) -> str:
    return (
        f" FROM (SELECT DISTINCT s.enterprise_id FROM title_span s WHERE {holding}) h"
        " JOIN enterprise e ON e.id = h.enterprise_id WHERE e.region_code BETWEEN :low AND :high"
    )


async def _enterprises(session: AsyncSession) -> int:
    """About how many there are, as PostgreSQL remembers it."""
    found = await session.execute(text("SELECT reltuples FROM pg_class WHERE oid = 'enterprise'::regclass"))
    return max(round(found.scalar_one()), 0)


@reckons
async def tally(
    session: AsyncSession,
    target: Target,
    on: date,
    by: By,
    *,
    region: str | None = None,
    known_at: datetime | None = None,
    mode: Mode | None = None,
    part: str = "counted",
    within: Within = EVERYWHERE,
    division: Division = Division.THEN,
) -> list[Part] | None:
    """The same list counted by park, chain or industry, the most first; None where no enterprises are counted."""
    listed = _listed(target, Asked((on,), known_at, division), region, mode, part, within, by)
    if listed is None:
        return None
    source, parameters = listed
    found = await session.execute(
        text(f"SELECT {by.key_sql} AS key, count(*) AS enterprises{source} GROUP BY 1 ORDER BY 2 DESC, 1"), parameters
    )
    return [Part(by, row.key, row.enterprises) for row in found]


def _listed(
    target: Target,
    asked: Asked,
    region: str | None,
    mode: Mode | None,
    part: str,
    within: Within,
    by: By | None = None,
    among: Sequence[int] | None = None,
) -> tuple[str, dict[str, Any]] | None:
    """Whom a target counts, as SQL from FROM on, with what it names; with `among` of holders only those."""
    sets = sets_of(target, asked, mode, among)
    if sets is None:
        return None
    territory = territory_of(region or target.region, asked.placed_on)
    chains = " LEFT JOIN enterprise_chain c ON c.enterprise_id = e.id" if by is By.CHAIN else ""
    source = (
        f" FROM ({living(_part(sets, part), asked)}) s JOIN enterprise e ON e.id = s.enterprise_id{chains}"
        f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = s.enterprise_id"
        " CROSS JOIN LATERAL (SELECT coalesce(m.regions[1], e.region_code) AS region_code) p"
        f" WHERE s.days <> 0 AND {_HERE.format('p.region_code')}{within.conditions}"
    )
    places = {"codes": list(territory.codes), "like": f"{territory.prefix}%"}
    return source, {**asked.parameters, **places, **within.parameters}


def _part(sets: Sets, part: str) -> str:
    if sets.whole is None or part == "counted":
        return sets.counted
    if part == "whole":
        return sets.whole
    return (
        f"SELECT w.enterprise_id, w.days & ~coalesce(c.days, 0) AS days FROM ({sets.whole}) w"
        f" LEFT JOIN ({sets.counted}) c ON c.enterprise_id = w.enterprise_id"
    )


# --- Things of a sub-register ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Things:
    """A part of a list of things, each with the title by which it counts, and how long the whole list is."""

    rows: tuple[Entry, ...]
    total: int


@reckons
async def things_behind(
    session: AsyncSession,
    target: Target,
    on: date,
    *,
    region: str | None = None,
    known_at: datetime | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> Things | None:
    """The things of a register that a target counts on a day, by region and name; None where it counts none.

    Where enterprises are counted, one entry of each stands for it; where districts are, all things in them are shown.
    """
    wanted = wanted_of(target)
    if wanted is None:
        return None
    asked = Asked((on,), known_at)
    territory = territory_of(region or target.region)
    key = "enterprise_id" if wanted.by_enterprise else "thing_id"
    found = await session.execute(
        text(
            "SELECT s.thing_id, count(*) OVER () AS total FROM"
            f" ({things(asked, wanted, target.window, target.since)}) s WHERE s.days <> 0"
            " AND (s.region_code = ANY(CAST(:codes AS text[])) OR s.region_code LIKE :like)"
            " ORDER BY s.region_code, s.thing_id LIMIT :limit OFFSET :offset"
        ),
        asked.parameters
        | {"codes": list(territory.codes), "like": f"{territory.prefix}%", "limit": limit, "offset": offset},
    )
    rows = found.all()
    if not rows and offset:
        first = await things_behind(session, target, on, region=region, known_at=known_at, limit=1)
        return Things((), first.total if first is not None else 0)
    entries = await entries_of_things(
        session, [row.thing_id for row in rows], wanted.register, key=key, types=wanted.types, levels=wanted.levels,
        on=on, known_at=known_at,
    )  # fmt: skip
    return Things(tuple(entries[row.thing_id] for row in rows if row.thing_id in entries), rows[0].total if rows else 0)
