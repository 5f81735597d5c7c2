"""What became of the holders of titles, year by year, counted by the database: the past that a forecast rests on.

`forecast.outlook` says on the titles of each enterprise what is counted; here the same is asked for all of them at once.
Each enterprise becomes one row: whether it counted on a day by what was granted until another, and how far its titles
reach. The rows are then counted by what they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.lineage import lived
from backend.plans.asked_days import Asked, one_day
from backend.plans.counting import moved_sql
from backend.plans.territory import Territory

#: The last day a title counts, as `forecast.Title` has it.
_LAST = "coalesce(least(r.valid_to, r.revoked_on - 1), DATE '9999-12-31')"


@dataclass(frozen=True)
class Year:
    """A year of the past, from the same day of the year before: who could have dropped out, came back, came new."""

    start: date
    until: date


@dataclass(frozen=True)
class Look:
    """What is asked of a day: who counts, how many of them reach another day, and what happened in some years before.

    `granted_by` lets only titles speak that had been granted by a day; None all.
    """

    on: date
    reaching: date
    years: tuple[Year, ...]
    granted_by: date | None = None


@dataclass(frozen=True)
class Found:
    """The counts of a look: `ending`, `renewed` and `newcomers` for each of its years."""

    counting: int
    reaching: int
    years: tuple[tuple[int, int, int], ...]


@dataclass
class _Columns:
    """What is said of each enterprise: SQL → the name of its column."""

    asked: Asked
    names: dict[str, str] = field(default_factory=dict[str, str])
    days: dict[date, str] = field(default_factory=dict[date, str])

    def day(self, day: date) -> str:
        if day not in self.days:
            self.days[day] = one_day(self.asked, day)
        return self.days[day]

    def counts(self, on: date, granted_by: date | None) -> str:
        known = f" AND r.granted_on <= {self.day(granted_by)}" if granted_by else ""
        return self._named(f"bool_or(r.valid_from <= {self.day(on)} AND {_LAST} >= {self.day(on)}{known})")

    def reach(self, granted_by: date | None) -> str:
        only = f" FILTER (WHERE r.granted_on <= {self.day(granted_by)})" if granted_by else ""
        return self._named(f"max({_LAST}){only}")

    def _named(self, sql: str) -> str:
        return f"h.{self.names.setdefault(sql, f'c{len(self.names)}')}"

    @property
    def sql(self) -> str:
        return ", ".join(f"{sql} AS {name}" for sql, name in self.names.items())


def _conditions(columns: _Columns, look: Look) -> list[str]:
    """The rows that each number of a look counts, in the order of `Found`."""
    counting = columns.counts(look.on, look.granted_by)
    found = [counting, f"{counting} AND {columns.reach(look.granted_by)} >= {columns.day(look.reaching)}"]
    for year in look.years:
        before, after = columns.counts(year.start, year.start), columns.counts(year.until, look.granted_by)
        ending = f"{before} AND {columns.reach(year.start)} < {columns.day(year.until)}"
        found += [ending, f"{ending} AND {after}", f"NOT {before} AND {after}"]
    return found


async def look_back(
    session: AsyncSession,
    programmes: Sequence[str],
    on: date,
    territory: Territory,
    known_at: datetime | None,
    looks: Sequence[Look],
) -> list[Found]:
    """What each look finds among the holders that were in the territory on a day and lived then."""
    asked = Asked((on,), known_at)
    columns = _Columns(asked)
    conditions = [one for look in looks for one in _conditions(columns, look)]
    named = (
        f"r.programme = {asked.add(programmes[0])}"
        if len(programmes) == 1
        else f"r.programme = ANY(CAST({asked.add(list(programmes))} AS text[]))"
    )
    places: dict[str, Any] = {"codes": list(territory.codes), "like": f"{territory.prefix}%", "known_at": known_at}
    found = await session.execute(
        text(
            f"SELECT {', '.join(f'count(*) FILTER (WHERE {one})' for one in conditions)} FROM"
            f" (SELECT r.enterprise_id, {columns.sql} FROM recognition r WHERE {named} AND {asked.known('r')}"
            " GROUP BY r.enterprise_id) h JOIN enterprise e ON e.id = h.enterprise_id"
            f" LEFT JOIN ({moved_sql(asked)}) m ON m.enterprise_id = h.enterprise_id"
            " CROSS JOIN LATERAL (SELECT coalesce(m.regions[1], e.region_code) AS region_code) p"
            " WHERE (p.region_code = ANY(CAST(:codes AS text[])) OR p.region_code LIKE :like)"
            f" AND {lived('h.enterprise_id', '(CAST(:days AS date[]))[1]', ':known_at')}"
        ),
        asked.parameters | places,
    )
    counts = iter(found.one())
    return [
        Found(next(counts), next(counts), tuple((next(counts), next(counts), next(counts)) for _ in look.years))
        for look in looks
    ]
