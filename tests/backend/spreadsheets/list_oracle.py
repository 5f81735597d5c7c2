"""What the invented lists mean, worked out from their files alone as their README says: no code of Tidu is used."""

import csv
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_THREE_YEARS = ("innovative_sme", "srdi_sme", "little_giant")


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def spelling(name: str) -> str:
    """A name without what lists vary: width, blanks, brackets, the former name behind it."""
    plain = "".join(unicodedata.normalize("NFKC", name).split())
    head, _, behind = plain.partition("(原")
    return head if behind else plain


def former_in_brackets(name: str) -> str:
    """The name in （原…）; empty where there is none."""
    return "".join(unicodedata.normalize("NFKC", name).split()).partition("(原")[2].removesuffix(")")


def is_right(code: str) -> bool:
    """Whether the last character of a credit code checks (GB 32100-2015)."""
    if len(code) != 18 or set(code) - set(_ALPHABET):
        return False
    total = sum(_ALPHABET.index(character) * pow(3, position, 31) for position, character in enumerate(code[:17]))
    return _ALPHABET[(31 - total % 31) % 31] == code[17]


def years_later(day: date, years: int) -> date:
    """The same day of a later year; 29 February becomes 1 March, the first day no longer covered."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


@dataclass
class Title:
    """A title with the first day on which it counts no more."""

    programme: str
    begins: date
    ends: date
    number: str
    revoked_on: date | None = None

    def counts(self, on: date) -> bool:
        """Whether it is in force."""
        return self.begins <= on < self.ends and (self.revoked_on is None or on < self.revoked_on)


@dataclass
class Lists:
    """The enterprises and the events."""

    enterprises: list[dict[str, str]]
    events: list[dict[str, str]]
    _taught: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def read(cls, folder: Path) -> "Lists":
        """From the folder of the lists."""
        return cls(table(folder / "enterprises.csv"), table(folder / "recognition_events.csv"))

    @cached_property
    def region_of(self) -> Mapping[str, str]:
        """Code → region today."""
        return {one["uscc"]: one["region_code"] for one in self.enterprises}

    @cached_property
    def bearers(self) -> Mapping[str, list[tuple[str, date | None]]]:
        """Name → (code, last day of the name) by the table of enterprises."""
        found: dict[str, list[tuple[str, date | None]]] = defaultdict(list)
        for one in self.enterprises:
            found[spelling(one["name"])].append((one["uscc"], None))
            for former in filter(None, one["former_names"].split(";")):
                name, _, last = former.partition("|")
                found[spelling(name)].append((one["uscc"], date.fromisoformat(last)))
        return found

    @cached_property
    def taught(self) -> Mapping[str, set[str]]:
        """Name → codes, by what lists print beside a code, in brackets, or in a notice of a new name."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, bearers in self.bearers.items():
            found[name] |= {code for code, _ in bearers}
        serious = [one for one in self.events if one["event"] != "publicity"]
        for one in serious:
            if is_right(one["uscc"]):
                found[spelling(one["enterprise_name"])].add(one["uscc"])
        for _ in range(3):
            for one in serious:
                linked = [spelling(one["enterprise_name"]), former_in_brackets(one["enterprise_name"])]
                linked += [spelling(one["new_name"])] if one["new_name"] else []
                together = set[str]().union(*(found[name] for name in linked if name))
                for name in linked:
                    if name and name not in self.bearers and len(together) == 1:
                        found[name] |= together
        return found

    def whose(self, event: Mapping[str, str]) -> str:
        """The code of the enterprise that an event is about; empty where nobody can tell."""
        if is_right(event["uscc"]):
            return event["uscc"]
        day, name = date.fromisoformat(event["date"]), spelling(event["enterprise_name"])
        for one in (name, former_in_brackets(event["enterprise_name"])):
            bearers = self.bearers.get(one, [])
            if len({code for code, _ in bearers}) > 1:
                until = [code for code, last in bearers if last is not None and day <= last]
                return (until or [code for code, last in bearers if last is None])[0]
            codes = self.taught.get(one, set[str]())
            if len(codes) == 1:
                return next(iter(codes))
        return ""

    @cached_property
    def titles(self) -> Mapping[str, list[Title]]:
        """Code → its titles, reviews and revocations applied."""
        held: dict[str, list[Title]] = defaultdict(list)
        for event in sorted(self.events, key=lambda one: one["date"]):
            if code := self.whose(event):
                _apply(held[code], event)
        return held

    @cached_property
    def gazelle_lists(self) -> list[date]:
        """When editions of the gazelle list came out."""
        return sorted({date.fromisoformat(one["date"]) for one in self.events if one["programme"] == "js_gazelle"})

    def holders(self, programme: str, on: date) -> set[str]:
        """Codes of those that hold a title on a day."""
        return {code for code, titles in self.titles.items() for one in titles if self._counts(one, programme, on)}

    def _counts(self, title: Title, programme: str, on: date) -> bool:
        if title.programme != programme or not title.counts(on):
            return False
        latest = max((day for day in self.gazelle_lists if day <= on), default=None)
        return programme != "js_gazelle" or title.begins == latest


def _apply(titles: list[Title], event: Mapping[str, str]) -> None:
    day, programme = date.fromisoformat(event["date"]), event["programme"]
    own = [one for one in titles if one.programme == programme]
    match event["event"]:
        case "granted" | "renewed":
            if all(one.begins != day for one in own):
                titles.append(Title(programme, day, _end(programme, day), event["number"]))
        case "review_passed":
            for one in own:
                if one.begins <= day < one.ends:
                    one.ends = years_later(one.ends, 3)
        case "revoked":
            for one in _revoked(own, event["number"], day):
                one.revoked_on = day
        case _:
            pass


def _revoked(own: list[Title], number: str, day: date) -> Iterator[Title]:
    numbered = [one for one in own if number and one.number == number]
    yield from numbered or [one for one in own if one.counts(day)]


def _end(programme: str, day: date) -> date:
    if programme == "tech_sme":
        return date(day.year + 1, 1, 1)
    if programme == "js_gazelle":
        return date.max
    return years_later(day, 3)
