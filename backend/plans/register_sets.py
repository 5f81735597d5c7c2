"""What a plan target counts in the sub-registers, as SQL: things over days, by the region they are entered under.

A thing is counted once, however many titles it has; bit *i* of `days` says whether it counts on the *i*-th of the days
asked about. The list behind a number is read from the very same subquery as the number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from backend.plans.asked_days import Asked, between, one_day
from rules.plan import (
    CountInstitutions,
    CountRegister,
    CountZones,
    Institutions,
    ShareOfRegions,
    Target,
    Window,
)

#: The register that high-tech and development zones are kept in; their types are the levels of the plans.
ZONES = "zones"
INSTITUTIONS = "institutions"


@dataclass(frozen=True)
class Wanted:
    """Which entries of which register a target counts."""

    register: str
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    is_effective: bool = False
    #: Count the distinct enterprises that entries belong to, and not the things.
    by_enterprise: bool = False
    #: Count the districts that have any, and not the things.
    by_district: bool = False


def wanted_of(target: Target) -> Wanted | None:
    """What a target counts in a register; None where it counts nothing there."""
    match target.count:
        case ShareOfRegions(regions_having=CountZones(zones=zones)):
            return Wanted(ZONES, zones.levels, by_district=True)
        case ShareOfRegions(regions_having=CountRegister() as inner):
            return Wanted(inner.register_id, inner.types, inner.levels, by_district=True)
        case CountZones(zones=zones):
            return Wanted(ZONES, zones.levels)
        case CountInstitutions(institutions=which):
            return Wanted(INSTITUTIONS, which.types, which.levels, which.effective)
        case CountRegister(register_id=register, types=types, levels=levels, distinct=distinct):
            return Wanted(register, types, levels, by_enterprise=distinct == "enterprise")
        case _:
            return None


def things(asked: Asked, wanted: Wanted, window: Window = Window.ON_DAY, since: date | None = None) -> str:
    """(thing_id, region_code, days) of what is wanted.

    - On a day: begun by then and not ended; without a first day since always.
    - In a year: begun between 1 January and the day, where nothing of the thing counted at the end of the year before.
    - Since: begun from `since` on; without one since records began.
    """
    key = "t.enterprise_id" if wanted.by_enterprise else "t.thing_id"
    conditions = _conditions(asked, wanted, "t")
    if wanted.by_enterprise:
        conditions.append("t.enterprise_id IS NOT NULL")
    first, last = "coalesce(t.starts_on, DATE '0001-01-02')", "t.ends_on"
    if window is Window.IN_YEAR:
        first = "t.starts_on"
        end_of_year = "make_date(CAST(extract(year FROM t.starts_on) AS integer), 12, 31)"
        last = f"least(t.ends_on, {end_of_year})"
        earlier = " AND ".join(_conditions(asked, wanted, "b"))
        eve = "make_date(CAST(extract(year FROM t.starts_on) AS integer) - 1, 12, 31)"
        conditions += [
            f"t.starts_on >= {one_day(asked, date(asked.first.year, 1, 1))}",
            f"NOT EXISTS (SELECT FROM register_entry b WHERE {key.replace('t.', 'b.')} = {key} AND {earlier}"
            f" AND (b.starts_on IS NULL OR b.starts_on <= {eve}) AND (b.ends_on IS NULL OR b.ends_on >= {eve}))",
        ]
    elif window is Window.SINCE and since is not None:
        conditions.append(f"t.starts_on >= {one_day(asked, since)}")
    return (
        f"SELECT {key} AS thing_id, (array_agg(t.region_code ORDER BY t.starts_on DESC NULLS LAST, t.id DESC))[1]"
        f" AS region_code, bit_or({between(first, last)}) AS days FROM register_entry t"
        f" WHERE {' AND '.join(conditions)} GROUP BY {key}"
    )


def _conditions(asked: Asked, wanted: Wanted, row: str) -> list[str]:
    """Which rows of the register are meant at all."""
    found = [f"{row}.register_id = {asked.add(wanted.register)}", f"NOT {row}.is_withdrawn", asked.known(row)]
    for column, values in (("type", wanted.types), ("level", wanted.levels)):
        if values:
            found.append(f"{row}.{column} = ANY(CAST({asked.add(list(values))} AS text[]))")
    if wanted.is_effective:
        found.append(f"{row}.evaluation IN ('passed', 'good', 'excellent')")
    return found


def hosts(asked: Asked, institutions: Institutions) -> str:
    """(enterprise_id, days) of enterprises to which an institution of the register belongs."""
    wanted = Wanted(INSTITUTIONS, institutions.types, institutions.levels, institutions.effective)
    days = between("coalesce(t.starts_on, DATE '0001-01-02')", "t.ends_on")
    return (
        f"SELECT t.enterprise_id, bit_or({days}) AS days FROM register_entry t"
        f" WHERE t.enterprise_id IS NOT NULL AND {' AND '.join(_conditions(asked, wanted, 't'))} GROUP BY t.enterprise_id"
    )


def all_answered(asked: Asked) -> str:
    """(enterprise_id, days) of everybody, on days up to which the register of institutions is said to be complete."""
    known = "" if asked.known_at is None else " AND d.recorded_at <= :known_at"
    return (
        f"SELECT e.id AS enterprise_id, {asked.all} AS days FROM enterprise e WHERE EXISTS (SELECT FROM"
        f" register_declaration d WHERE d.register_id = '{INSTITUTIONS}'{known})"
    )


def kept_types(kept: Sequence[tuple[str, str]], wanted: Wanted) -> bool:
    """Whether anything of what is wanted stands in the register at all."""
    return any(register == wanted.register and (not wanted.types or kind in wanted.types) for register, kind in kept)
