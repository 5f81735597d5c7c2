"""The list behind a number: the enterprises, or the things of a sub-register, read from the number's own subquery."""

from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any, Concatenate

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import P, T, Work, reckons
from backend.plans.asked_days import Asked
from backend.plans.counting import joining_sets, moved_sql
from backend.plans.facets import EVERYWHERE, By, Part, Within
from backend.plans.kept import counted_apart, kinds_asked
from backend.plans.kept_lists import (
    MOST_ASKED,
    KeptList,
    enterprises_in,
    kept_list,
    lengths,
    page_in,
    told_apart,
)
from backend.plans.living import living
from backend.plans.register_sets import things, wanted_of
from backend.plans.sets import Sets, sets_of
from backend.plans.territory import Division, Territory, territory_of
from backend.subregisters.queries import entries_of_things
from backend.subregisters.schemas import Entry
from rules.plan import Mode, Target

#: Parts of a ratio that a list may show; for a count there is only the first.
PARTS = {"counted": "已计入", "whole": "分母", "missing": "分母中未计入"}


#: The code, of a file too that has become part of another since, or whose split was taken back.
_CODE = (
    "coalesce(e.credit_code, (SELECT g.before -> 'absorbed' ->> 'credit_code' FROM enterprise_merge g"
    " WHERE g.absorbed_id = e.id AND g.undone_at IS NULL ORDER BY g.id DESC LIMIT 1),"
    " (SELECT s.to_code FROM enterprise_split s WHERE s.to_id = e.id AND s.undone_at IS NOT NULL ORDER BY s.id DESC LIMIT 1))"
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


def _joins_sets(work: Work[P, T]) -> Callable[Concatenate[AsyncSession, P], Coroutine[Any, Any, T]]:
    @wraps(work)
    async def joined(session: AsyncSession, *args: P.args, **named: P.kwargs) -> T:
        async with joining_sets(session):
            return await work(session, *args, **named)

    return joined


@reckons
@_joins_sets
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

    The list is read from the very subquery that the number is counted from; a page of it out of what is kept, where
    that tells the list.
    """
    asked = Asked((on,), known_at, division)
    if limit is not None and (apart := await counted_apart(session, asked)) is not None:
        whom = apart.of(kinds_asked(target, within))
        kept = kept_list(asked, target, mode, part, within, whom)
        if kept is not None:
            defined = _listed(target, asked, region, mode, part, within, among=whom) if whom else None
            territory = territory_of(region or target.region, asked.placed_on)
            return await _page(session, kept, defined, territory, whom, limit, offset)
    listed = _listed(target, asked, region, mode, part, within)
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
        beyond = await session.execute(text(f"SELECT count(*){source}"), parameters)
        total = beyond.scalar_one()
    return Members(tuple(Member(*row[:4]) for row in rows), total)


async def _page(
    session: AsyncSession,
    kept: KeptList,
    defined: tuple[str, dict[str, Any]] | None,
    territory: Territory,
    apart: Sequence[int],
    limit: int,
    offset: int,
) -> Members:
    """A part of a list that is not put in order as a whole for it: how long it is in each region says where to look."""
    others = {} if defined is None else await _by_region(session, defined)
    counts = Counter(others)
    counts.update({code: many for code, many in (await lengths(session, kept)).items() if territory.contains(code)})
    rows: list[Member] = []
    before = 0
    for code in sorted(counts):
        first, last = max(offset - before, 0), min(offset + limit - before, counts[code])
        before += counts[code]
        if first < last:
            of_others = defined if others.get(code) else None
            rows += await _of_region(session, kept, of_others, apart, code, counts[code], first, last)
    return Members(tuple(rows), before)


async def _by_region(session: AsyncSession, defined: tuple[str, dict[str, Any]]) -> dict[str, int]:
    source, parameters = defined
    found = await session.execute(text(f"SELECT p.region_code, count(*){source} GROUP BY p.region_code"), parameters)
    return {key: int(many) for key, many in found}


async def _of_region(
    session: AsyncSession,
    kept: KeptList,
    defined: tuple[str, dict[str, Any]] | None,
    apart: Sequence[int],
    region: str,
    many: int,
    first: int,
    last: int,
) -> list[Member]:
    """Those of the list in a region from one place to another, by name. Who is counted apart joins them."""
    columns = f"e.id, {_code(kept.asked.known_at)} AS credit_code, e.name"
    is_common = last * await enterprises_in(session, region) <= MOST_ASKED * many
    parts = [f"({page_in(kept, columns, apart, is_common=is_common)})"]
    if defined is not None:
        parts.append(f"(SELECT {columns}{defined[0]} AND p.region_code = :region ORDER BY e.name, e.id LIMIT :upto)")
    found = await session.execute(
        text(f"SELECT * FROM ({' UNION ALL '.join(parts)}) u ORDER BY u.name, u.id LIMIT :many OFFSET :first"),
        kept.asked.parameters
        | ({} if defined is None else defined[1])
        | {"region": region, "upto": last, "first": first, "many": last - first},
    )
    return [Member(id_, code, name, region) for id_, code, name in found]


_HERE = "({0} = ANY(CAST(:codes AS text[])) OR {0} LIKE :like)"


@reckons
@_joins_sets
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
    asked = Asked((on,), known_at, division)
    apart = await counted_apart(session, asked)
    whom = [] if apart is None else apart.of(kinds_asked(target, within, by))
    kept = None if apart is None else kept_list(asked, target, mode, part, within, whom, traits=by is not By.PARK)
    listed = _listed(target, asked, region, mode, part, within, by, None if kept is None else whom)
    if listed is None:
        return None
    source, parameters = listed
    counts = Counter[str]()
    if kept is not None:
        here = _HERE.format("{row}.region_code")
        counts.update(await told_apart(session, kept, by, here, {name: parameters[name] for name in ("codes", "like")}))
    if kept is None or whom:
        found = await session.execute(
            text(f"SELECT {by.key_sql(asked)} AS key, count(*) AS enterprises{source} GROUP BY 1"), parameters
        )
        counts.update({key: int(many) for key, many in found})
    return [Part(by, key, many) for key, many in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


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
    joined = "" if by is None else by.joined(asked)
    source = (
        f" FROM ({living(_part(sets, part, asked, among), asked)}) s JOIN enterprise e ON e.id = s.enterprise_id{joined}"
        f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = s.enterprise_id"
        " CROSS JOIN LATERAL (SELECT coalesce(m.regions[1], e.region_code) AS region_code) p"
        f" WHERE s.days <> 0 AND {_HERE.format('p.region_code')}{within.conditions(asked)}"
    )
    places = {"codes": list(territory.codes), "like": f"{territory.prefix}%"}
    return source, {**asked.parameters, **places, **within.parameters}


def _part(sets: Sets, part: str, asked: Asked, among: Sequence[int] | None) -> str:
    if sets.whole is None or part == "counted":
        return sets.counted
    if part == "whole":
        return sets.whole
    # The whole is of those alone; of nobody else need it be asked whether he counts.
    those = "" if among is None else f" WHERE c.enterprise_id = ANY(CAST({asked.add(list(among))} AS bigint[]))"
    # Laid together, not joined: nobody knows beforehand how many are in either, and one would be counted anew for each.
    both = (
        f"SELECT w.enterprise_id, w.days AS whole, 0 AS counted FROM ({sets.whole}) w"
        f" UNION ALL SELECT c.enterprise_id, 0, c.days FROM ({sets.counted}) c{those}"
    )
    days = "bit_or(b.whole) & ~bit_or(b.counted)"
    return f"SELECT b.enterprise_id, {days} AS days FROM ({both}) b GROUP BY b.enterprise_id"


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
