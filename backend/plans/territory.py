"""The territory of a count: which region codes lie in it, and under which of its districts each is shown."""

from dataclasses import dataclass
from functools import cache, cached_property

from backend.enterprises.regions import Region, Regions

_LENGTH_OF_OWN = {"province": 2, "city": 4, "district": 6}


@dataclass(frozen=True)
class Territory:
    """A province, city or district with all that lies in it, old codes and aliases included."""

    code: str
    regions: Regions

    @cached_property
    def region(self) -> Region | None:
        """The region itself; None for a code that the list of regions does not have."""
        return self.regions.find(self.code)

    @property
    def name(self) -> str:
        """What it is called on a page."""
        return self.region.shown_as if self.region is not None else self.code

    @property
    def is_divided(self) -> bool:
        """Whether it has districts to count by."""
        return bool(self.districts)

    @cached_property
    def districts(self) -> tuple[Region, ...]:
        """The districts of today, in local order; none for a district."""
        return self.regions.children(self.code)

    @cached_property
    def prefix(self) -> str:
        """What every code of the territory begins with: 3212 for a city, the whole code for a district."""
        level = self.region.level if self.region is not None else "district"
        return self.code[: _LENGTH_OF_OWN[level]]

    @cached_property
    def codes(self) -> tuple[str, ...]:
        """Known codes that mean the territory or a part of it, those of former divisions too."""
        return tuple(region.code for region in self.regions if self.regions.contains(self.code, region.code))

    def contains(self, code: str) -> bool:
        """Whether a region code lies in the territory; a code nobody knows goes by its first digits."""
        return code in self._known or code.startswith(self.prefix)

    def district_of(self, code: str) -> str:
        """The district of today under which a code is shown; empty where it is not known more closely."""
        current = self.regions.current(code)
        found = current.code if current is not None else code
        return found if found in self._district_codes else ""

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.codes)

    @cached_property
    def _district_codes(self) -> frozenset[str]:
        return frozenset(region.code for region in self.districts)


@cache
def territory_of(code: str) -> Territory:
    """The territory with a code, by the regions of the program."""
    return Territory(code, Regions.load())
