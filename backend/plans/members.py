"""The list behind a number: the enterprises, or the things of a sub-register, read from the number's own subquery."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.plans.asked_days import Asked
from backend.plans.facets import EVERYWHERE, By, Part, Within
from backend.plans.living import living
from backend.plans.register_sets import things, wanted_of
from backend.plans.rollup import moved_sql
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
    listed = _listed(target, Asked((on,), known_at, division), region, mode, part, within)
    if listed is None:
        return None
    source, parameters = listed
    found = await session.execute(
        text(
            f"SELECT e.id, {_CODE if known_at is not None else 'e.credit_code'} AS credit_code, e.name, p.region_code,"
            " count(*) OVER () AS total"
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
) -> tuple[str, dict[str, Any]] | None:
    """Whom a target counts, as SQL from FROM on, with what it names."""
    sets = sets_of(target, asked, mode)
    if sets is None:
        return None
    territory = territory_of(region or target.region, asked.placed_on)
    chains = " LEFT JOIN enterprise_chain c ON c.enterprise_id = e.id" if by is By.CHAIN else ""
    source = (
        f" FROM ({living(_part(sets, part), asked)}) s JOIN enterprise e ON e.id = s.enterprise_id{chains}"
        f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = s.enterprise_id"
        " CROSS JOIN LATERAL (SELECT coalesce(m.regions[1], e.region_code) AS region_code) p"
        " WHERE s.days <> 0 AND (p.region_code = ANY(CAST(:codes AS text[])) OR p.region_code LIKE :like)"
        f"{within.conditions}"
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
