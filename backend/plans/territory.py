"""The territory of a count: which region codes lie in it, and under which of its districts each is shown.

Two ways of telling districts apart: as then, where each enterprise was on the day, by that day's districts; or as now,
where each is today, by today's.
"""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache, cached_property

from backend.enterprises.regions import Region, Regions
from backend.web.errors import Refusal

_LENGTH_OF_OWN = {"province": 2, "city": 4, "district": 6}


class BadTerritory(Refusal):
    """A count is asked by a division that there is not."""

    status = 422
    slug = "bad-territory"
    title = "查询条件有误"


class Division(StrEnum):
    """By which district an enterprise is counted."""

    #: Where it was registered on the day, by the districts of that day.
    THEN = "then"
    #: Where it is registered today, by the districts of today.
    NOW = "now"

    @property
    def label(self) -> str:
        return {"then": "当时区划", "now": "现区划"}[self.value]


def division_named(written: str) -> Division:
    """The division asked for; as then where none is. Raises BadTerritory."""
    try:
        return Division(written or Division.THEN)
    except ValueError:
        known = "、".join(f"{one.value}（{one.label}）" for one in Division)
        raise BadTerritory(f"区划口径“{written}”不对，可选 {known}。") from None


@dataclass(frozen=True)
class Territory:
    """A province, city or district with all that lies in it, old codes and aliases included.

    With a day it is that day's: its districts are those of the day, and a code means what it meant then.
    """

    code: str
    regions: Regions
    on: date | None = None

    @cached_property
    def region(self) -> Region | None:
        """The region itself; None for a code that the list of regions does not have."""
        return self.regions.find(self.code)

    @property
    def name(self) -> str:
        """What it is called on a page."""
        if self.region is None:
            return self.code
        return self.region.shown_as if self.on is None else self.region.called(self.on)

    @property
    def is_divided(self) -> bool:
        """Whether it has districts to count by."""
        return bool(self.districts)

    @cached_property
    def districts(self) -> tuple[Region, ...]:
        """The districts of today, or of the day, in local order; none for a district."""
        on = self.on
        found = [one for one in self.regions.children(self.code, on) if one.alias_of is None]
        return tuple(one if on is None else replace(one, shown_as=one.called(on)) for one in found)

    @cached_property
    def prefix(self) -> str:
        """What every code of the territory begins with: 3212 for a city, the whole code for a district."""
        level = self.region.level if self.region is not None else "district"
        return self.code[: _LENGTH_OF_OWN[level]]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Known codes that mean the territory or a part of it, those of former and later divisions too."""
        return tuple(region.code for region in self.regions if self._means_a_part(region.code))

    @cached_property
    def bounds(self) -> tuple[str, str]:
        """The first and the last code that can lie in the territory, in the order of codes."""
        found = (*self.codes, self.prefix.ljust(6, "0"), self.prefix.ljust(6, "9"))
        return min(found), max(found)

    def _means_a_part(self, code: str) -> bool:
        if self.on is None or (self.region is not None and self.region.level != "district"):
            return self.regions.contains(self.code, code)
        placed = self.regions.placed(code, self.on)
        return placed is not None and placed.code == self.code

    def contains(self, code: str) -> bool:
        """Whether a region code lies in the territory; a code nobody knows goes by its first digits."""
        return code in self._known or code.startswith(self.prefix)

    def district_of(self, code: str) -> str:
        """The district under which a code is shown; empty where it is not known more closely."""
        current = self.regions.current(code) if self.on is None else self.regions.placed(code, self.on)
        known = self.regions.find(code) is not None
        found = current.code if current is not None else "" if known else code
        return found if found in self._district_codes else ""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.codes)

    @cached_property
    def _district_codes(self) -> frozenset[str]:
        return frozenset(region.code for region in self.districts)


def territory_of(code: str, on: date | None = None) -> Territory:
    """The territory with a code, today's or a day's."""
    return _territory(code, Regions.load(), on)


@cache
def _territory(code: str, regions: Regions, on: date | None) -> Territory:
    return Territory(code, regions, on)
