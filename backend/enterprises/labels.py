"""Names of what codes stand for, in the language spoken, and the choices that forms offer."""

from backend.access.schemas import PersonSignedIn
from backend.enterprises.regions import Regions
from rules.industries import Industries
from rules.library import Library
from rules.programme import ProgrammeSource, walk_criteria
from rules.translation import say
from rules.values import FactKey
from rules.wording import unit_of_indicator

#: The cities whose enterprises are kept, by the first four digits of their regions: 泰州、连云港.
CITIES = ("3212", "3207")


def region_choices(person: PersonSignedIn) -> list[tuple[str, str]]:
    """The regions somebody may choose from: all districts of the cities served, or only the own one."""
    regions = Regions.load()
    if person.region_code:
        return [(person.region_code, person.region_name or person.region_code)]
    return [(one.code, one.name) for city in CITIES for one in regions.children(f"{city}00")]


def programme_choices(rules: Library) -> list[tuple[str, str]]:
    """The titles one can filter by: those on the ladder that enterprises of the cities served may hold."""
    return [
        (name, one.source.name.said)
        for name, one in rules.programmes.items()
        if one.source.sort == "title" and one.source.rung and one.source.status != "empty" and is_open_here(one.source)
    ]


def is_open_here(programme: ProgrammeSource) -> bool:
    """Whether a programme is open to enterprises of any of the cities served."""
    return any(programme.is_open_in(city) for city in CITIES)


class Names:
    """Chinese names of what codes stand for, for templates."""

    def __init__(self, rules: Library) -> None:
        self._rules = rules
        self._regions = Regions.load()

    def programme(self, programme: str) -> str:
        """The name of a programme."""
        held = self._rules.by_name.get(programme)
        return held.source.name.said if held is not None else programme

    def criterion(self, programme: str, criterion: str) -> str:
        """The name of a programme's criterion, as the latest version that has it calls it."""
        held = self._rules.by_name.get(programme)
        for version in reversed(held.versions if held is not None else ()):
            for one in walk_criteria(version.criteria):
                if one.id == criterion:
                    return one.name or criterion
        return criterion

    def region(self, code: str) -> str:
        """The name of a region."""
        found = self._regions.find(code)
        return found.name if found is not None else code

    def indicator(self, name: str) -> str:
        """The name of an indicator."""
        found = self._rules.catalogue.indicator(name)
        return found.name if found is not None else name

    def unit(self, name: str) -> str:
        """The unit that an indicator is asked in; empty where it has none."""
        found = self._rules.catalogue.indicator(name)
        return unit_of_indicator(found) if found is not None else ""

    def fact(self, key: FactKey) -> str:
        """A fact in words: the indicator, with its year."""
        return self.indicator(key.indicator) + (say("（{year} 年）", year=key.year) if key.year is not None else "")

    def source(self, source: str) -> str:
        """The name of a source."""
        return next((one.name for one in self._rules.catalogue.sources if one.id == source), source)

    def industry(self, code: str) -> str:
        """The name of an industry's division."""
        return Industries.load().divisions.get(code[:2], code)

    def board(self, board: str) -> str:
        """The name of the board on which an enterprise is listed or quoted."""
        return self._rules.catalogue.by_name["listing_board"].choices.get(board, board)
