"""Reading high-tech zones: which there are on a day, what they report, and whether they meet the municipal conditions.

A zone is an entry of the register `zones`; its enterprises are those registered in the park of its name. How many of
them hold a certificate, and how many institutions they have, is counted here and not asked for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.documents import plans
from backend.plans.outlook import years_before
from backend.subregisters.queries import Filter, entries, history_of
from backend.subregisters.schemas import Entry, register_named
from backend.web.errors import NotFound
from backend.zones.counting import COUNTED, Park, added, counted, institutions
from rules.answers import answer_request
from rules.library import library
from rules.plan import GrowthOfCount, Scope, Target

PROGRAMME = "tz_municipal_hntz"
#: What a zone reports each year, and what a person confirms: the indicators of the municipal conditions.
YEARLY = "zone_gross_industrial_output"
#: Counted out of the register of institutions, year by year.
ADDED = "zone_rd_institution_added_annual"
LEVELS = ("municipal_hntz", "provincial_hntz", "national_hntz")


@dataclass(frozen=True)
class Figure:
    """What was last said of one indicator of a zone."""

    indicator: str
    year: int | None
    value: Any
    source: str
    recorded_at: datetime


@dataclass(frozen=True)
class TargetOfZone:
    """A target that every zone must reach by itself, with this zone's value."""

    target: Target
    value: Fraction | None
    #: Where the value comes from, or why there is none.
    reason: str

    @property
    def is_met(self) -> bool | None:
        return None if self.value is None else self.target.is_met(self.value)


@dataclass(frozen=True)
class Zone:
    """A zone on a day, with its figures and the answer of the rules."""

    entry: Entry
    on: date
    counted: Mapping[str, int]
    figures: Mapping[tuple[str, int | None], Figure]
    #: The answer of the rule library to the municipal conditions, as `tidu check` gives it.
    answer: Mapping[str, Any]
    targets: tuple[TargetOfZone, ...]
    #: The institutions that are counted; empty where only numbers were asked for.
    institutions: tuple[Entry, ...] = ()

    def latest(self, indicator: str) -> Figure | None:
        """The figure of the latest year by the day, or the fact of the day."""
        found = [one for (name, year), one in self.figures.items() if name == indicator and (year or 0) <= self.on.year]
        return max(found, key=lambda one: one.year or 0, default=None)


def attestations() -> list[tuple[str, str]]:
    """What a person confirms of a zone: indicator and its words."""
    catalogue = library().catalogue
    return [
        (one.id, one.name)
        for one in catalogue.indicators
        if PROGRAMME in one.programmes and one.type.value == "boolean"
    ]


async def zones(session: AsyncSession, on: date, region: str = "") -> list[Entry]:
    """The high-tech zones in being on a day."""
    found = await entries(session, register_named("zones"), Filter(region=region), on)
    return [one for one in found.rows if one.draft.type in LEVELS]


async def zone(
    session: AsyncSession, thing_id: int, on: date, known_at: datetime | None = None, *, has_institutions: bool = False
) -> Zone:
    """A zone on a day; with its institutions one by one, if they are wanted.

    Raises:
        NotFound: there is none, or it is of another district.
    """
    entry = await _entry(session, thing_id, on, known_at)
    park = Park(entry.draft.name, known_at)
    holding = await counted(session, park, on)
    figures = await _figures(session, thing_id, known_at)
    answer = answer_request(
        {"id": thing_id, "programme": PROGRAMME, "as_of": on.isoformat(), "facts": _facts(holding, figures, on)},
        library(),
    )
    targets = [await _target(session, one, park, on, holding, figures) for one in zone_targets()]
    listed = await institutions(session, park, on) if has_institutions else ()
    return Zone(entry, on, holding, figures, answer, tuple(targets), tuple(listed))


async def _entry(session: AsyncSession, thing_id: int, on: date, known_at: datetime | None) -> Entry:
    """What the register says of a zone on a day; as known at a moment, if it had the zone by then."""
    listed = await entries(session, register_named("zones"), Filter(state="all"), on)
    of_zone = [one for one in listed.rows if one.thing_id == thing_id]
    if not of_zone:
        raise NotFound(f"没有编号 {thing_id} 的高新区，或者它不在您的市（区）。请从高新区列表进入。")
    if known_at is not None:
        told = await history_of(session, thing_id)
        of_zone = [one for one in told if one.recorded_at <= known_at and not _was_over(one, known_at)] or of_zone
    return max((one for one in of_zone if one.state_on(on) == "standing"), key=lambda one: one.id, default=of_zone[-1])


def _was_over(entry: Entry, at: datetime) -> bool:
    return entry.superseded_at is not None and entry.superseded_at <= at


def zone_targets() -> list[Target]:
    """The targets of all plans that hold for every zone by itself."""
    return [one for plan in plans().values() for one in plan.targets if one.scope is Scope.ZONE and one.has_number]


def _facts(holding: Mapping[str, int], figures: Mapping[tuple[str, int | None], Figure], on: date) -> dict[str, Any]:
    facts: dict[str, Any] = dict(holding)
    for (name, year), figure in figures.items():
        if name == YEARLY and year is not None and year < on.year:
            facts.setdefault(name, {})[str(year)] = figure.value
        elif year is None and figure.value is not None and name not in COUNTED:
            facts[name] = figure.value
    return facts


async def _figures(
    session: AsyncSession, thing_id: int, known_at: datetime | None
) -> dict[tuple[str, int | None], Figure]:
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (indicator, year) indicator, year, value, source, recorded_at FROM zone_figure"
            " WHERE thing_id = :thing AND (CAST(:known_at AS timestamptz) IS NULL OR recorded_at <= :known_at)"
            " ORDER BY indicator, year, id DESC"
        ),
        {"thing": thing_id, "known_at": known_at},
    )
    return {
        (name, year): Figure(name, year, json.loads(value, parse_float=Decimal), source, at)
        for name, year, value, source, at in found
    }


async def _target(
    session: AsyncSession,
    target: Target,
    park: Park,
    on: date,
    holding: Mapping[str, int],
    figures: Mapping[tuple[str, int | None], Figure],
) -> TargetOfZone:
    if isinstance(target.count, GrowthOfCount):
        return await _growth(session, target, park, on, holding)
    if target.indicator == ADDED:
        new = await added(session, park, on)
        return TargetOfZone(target, Fraction(new), f"{on.year} 年 1 月 1 日至 {on} 新增，由“研发机构”台账统计")
    known = [
        one
        for (name, year), one in figures.items()
        if name == target.indicator and year is not None and year <= on.year
    ]
    latest = max(known, key=lambda one: one.year or 0, default=None)
    if latest is None:
        return TargetOfZone(target, None, "尚未填报")
    return TargetOfZone(target, Fraction(latest.value), f"{latest.year} 年，{latest.source}")


async def _growth(
    session: AsyncSession, target: Target, park: Park, on: date, holding: Mapping[str, int]
) -> TargetOfZone:
    """The growth over the last year: the plan prints no base year, so none is made up."""
    before = await counted(session, park, years_before(on, 1))
    was, now = before["zone_hnte_count"], holding["zone_hnte_count"]
    if not was:
        return TargetOfZone(target, None, "一年前区内没有有效高企，不能算增幅")
    return TargetOfZone(target, Fraction((now - was) * 100, was), f"近一年 {was} → {now} 家；原文未印基期，按同比列示")
