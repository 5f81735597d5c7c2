"""Regions 区域: which there are, what they are called, and what became of them; read from regions.yaml.

Old names and codes stay readable for ever: 姜堰市 321284 is today's 姜堰区 321204, and both are found. Who
asks by name gets the region in force today, or on the day asked about.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml

Level = Literal["province", "city", "district"]

#: Registrations of the national authority carry this in the place of a region.
NATIONAL_REGISTRAR = "100000"

_SOURCE = Path(__file__).with_name("regions.yaml")
_KIND_OF_REGION = re.compile(r"(?<=..)(省|市|区|县)$")
_OFFICE = re.compile(r"(人民政府|管理委员会|管委会|科学技术局|科技局|科技和工业信息化局)$")
_CITY_ITSELF = re.compile(r"(市本级|本级|市直属?|市属)$")
_SEPARATORS = re.compile(r"[\s\-—_/\\|>·,，、.。:：]+")
_A_STREET = re.compile(r"[东西南北中]{0,2}[大]?[路街巷弄桥道]|新村|花园|大厦|广场")


@dataclass(frozen=True, slots=True)
class Region:
    """One region under one code. `valid_to` is the last day; None on either side is open."""

    code: str
    name: str
    level: Level
    parent: str | None
    position: int
    short_name: str
    shown_as: str
    valid_from: date | None = None
    valid_to: date | None = None
    succeeded_by: str | None = None
    alias_of: str | None = None
    is_statistical: bool = False
    also: tuple[str, ...] = ()
    locally: tuple[str, ...] = ()
    #: What it was called before, each with the last day.
    former_names: tuple[tuple[date, str], ...] = ()

    def called(self, day: date) -> str:
        """What people called it on a day."""
        return next((name for last, name in self.former_names if day <= last), self.shown_as)

    def is_in_force(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every spelling that means this region anywhere, the full ones first."""
        return tuple(dict.fromkeys((self.name, self.shown_as, *self.also, self.short_name)))


class Regions:
    """All regions, or those of a day; in the order in which lists show them."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code = {region.code: region for region in regions}

    @classmethod
    def load(cls) -> "Regions":
        """The regions as they are today: those of the program, with what was recorded since laid over them."""
        return _in_force[0] or _load()

    @classmethod
    def shipped(cls) -> "Regions":
        """The regions of the program; read once."""
        return _load()

    @staticmethod
    def put_in_force(regions: "Regions | None") -> None:
        """Let `load` give these from now on; None for those of the program."""
        _in_force[0] = regions

    def __iter__(self) -> Iterator[Region]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def find(self, code: str) -> Region | None:
        """The region of a code (6 digits, or 9 or 12 of statistical lists) as it stands, in force or not."""
        return self._by_code.get(code[:6])

    def current(self, code: str, on: date | None = None) -> Region | None:
        """What the code means today, or on a day: aliases and successors are followed."""
        region = self.find(code)
        while region is not None:
            if region.alias_of is not None:
                region = self._by_code.get(region.alias_of)
            elif region.succeeded_by is not None and not (on and region.is_in_force(on)):
                region = self._by_code.get(region.succeeded_by)
            else:
                break
        return region

    def placed(self, code: str, on: date) -> Region | None:
        """The region in force on a day that a code means: led on by succession, or back to a single predecessor.

        None where it is not known which of several predecessors it was.
        """
        region = self.current(code, on)
        while region is not None and region.valid_from is not None and on < region.valid_from:
            earlier = [one for one in self if one.succeeded_by == region.code]
            region = earlier[0] if len(earlier) == 1 else None
        return region

    def on(self, day: date) -> Self:
        """Only the regions in force on a day."""
        return type(self)(region for region in self if region.is_in_force(day))

    def children(self, code: str | None = None, on: date | None = None) -> tuple[Region, ...]:
        """The regions right below, in local order; without a code the provinces. Aliases are left out.

        With a day those of that day, otherwise those of today's division.
        """
        return tuple(
            region
            for region in self
            if region.parent == code
            and not region.is_statistical
            and (region.is_in_force(on) if on else region.valid_to is None)
        )

    def path(self, code: str) -> tuple[Region, ...]:
        """From the province down to the region itself; empty for a code nobody knows."""
        region = self.find(code)
        steps: list[Region] = []
        while region is not None:
            steps.append(region)
            region = self._by_code.get(region.parent) if region.parent else None
        return tuple(reversed(steps))

    def contains(self, outer: str, inner: str) -> bool:
        """Whether `inner` is `outer` or lies in it, with old codes read as what they are today."""
        region = self.current(inner)
        return region is not None and any(step.code == outer for step in self.path(region.code))

    def by_name(self, text: str, within: str | None = None, on: date | None = None) -> Region | None:
        """The region that a text names, as people write it: 泰州市海陵区, 海陵, 高港, 姜堰市, 321202, 市本级.

        `within` (a city's code) makes local words clear, such as 高新区 or 市本级; it is where to look first,
        not a limit. None where the text names no region or several (鼓楼区 is in two cities): `candidates`.
        """
        found = self.candidates(text, within, on)
        return found[0] if len(found) == 1 else None

    def candidates(self, text: str, within: str | None = None, on: date | None = None) -> tuple[Region, ...]:
        """Every region that the text may mean, the highest level only (淮安 is first the city)."""
        label = _label(text)
        if re.fullmatch(r"\d{6}|\d{9}|\d{12}", label):
            return self._resolved([label[:6]], on)
        city_itself = _CITY_ITSELF.search(label)
        if city_itself:
            label = label[: city_itself.start()]
            if not label:
                return self._resolved([within] if within else [], on)
        bare = _OFFICE.sub("", label)
        for spelling, root in ((label, within), (bare, within), (label, None), (bare, None)):
            if found := self._named(spelling, root):
                return self._resolved(found, on)
        return ()

    def region_of_address(self, text: str, within: str | None = None) -> Region | None:
        """The most exact region of today that an address names; None where it names none.

        Read from the front: province, city, district. `within` says which city is meant where the address
        begins with a word several cities use. Towns and villages alone say nothing here, and a zone lies in a
        city without saying in which district.
        """
        address = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).removeprefix("中国")
        code = self._at_the_front(address, None, within) or self._full_name_inside(address, within)
        region = self.current(code) if code else None
        if region is not None and region.is_statistical and region.parent:
            return self.find(region.parent)
        return region

    def knows_registrar(self, code: str) -> bool:
        """Whether such an authority can exist: its city is known, or outside Jiangsu its province."""
        if code == NATIONAL_REGISTRAR:
            return True
        province = f"{code[:2]}0000"
        if province not in self._by_code:
            return False
        lists_cities = any(region.parent == province for region in self)
        return not lists_cities or code == province or f"{code[:4]}00" in self._by_code

    # How names are found -------------------------------------------------------------------------

    @cached_property
    def _codes_by_label(self) -> Mapping[str, tuple[str, ...]]:
        labels: dict[str, list[str]] = {}
        for region in self:
            for label in region.labels:
                labels.setdefault(_label(label), []).append(region.code)
        return {label: tuple(codes) for label, codes in labels.items()}

    @cached_property
    def _local_labels(self) -> Mapping[tuple[str, str], str]:
        return {
            (region.parent, _label(label)): region.code for region in self if region.parent for label in region.locally
        }

    def _named(self, label: str, root: str | None) -> list[str]:
        if root and (root, label) in self._local_labels:
            return [self._local_labels[root, label]]
        exact = [code for code in self._codes_by_label.get(label, ()) if self._lies_in(code, root)]
        if exact:
            return exact
        deeper: list[str] = []
        for end in range(len(label) - 1, 1, -1):
            for code in self._codes_by_label.get(label[:end], ()):
                if self._by_code[code].level != "district" and self._lies_in(code, root):
                    deeper += self._named(label[end:], code)
            if deeper:
                return deeper
        return deeper

    def _lies_in(self, code: str, root: str | None) -> bool:
        return root is None or any(step.code == root for step in self.path(code))

    def _resolved(self, codes: Iterable[str], on: date | None) -> tuple[Region, ...]:
        regions = {region.code: region for code in codes if (region := self.current(code, on))}
        if on is not None:
            # 姜堰 is two codes, one after the other; of those only the one of that day is meant.
            regions = {c: region for c, region in regions.items() if region.is_in_force(on)} or regions
        rank = {"province": 0, "city": 1, "district": 2}
        highest = min((rank[region.level] for region in regions.values()), default=0)
        return tuple(region for region in regions.values() if rank[region.level] == highest)

    def _at_the_front(self, address: str, root: str | None, within: str | None) -> str | None:
        for end in range(min(len(address), 16), 1, -1):
            label, rest = _label(address[:end]), address[end:]
            codes = self._named_at_once(label, root or within) or (
                self._named_at_once(label, None) if root is None else []
            )
            if not codes or self._is_a_street(label, rest):
                continue
            found = {self.current(code) for code in codes}
            if len(found) == 1:
                return self._at_the_front(rest, codes[0], within) or codes[0]
        return None

    def _named_at_once(self, label: str, root: str | None) -> list[str]:
        if root and (root, label) in self._local_labels:
            return [self._local_labels[root, label]]
        return [code for code in self._codes_by_label.get(label, ()) if code != root and self._lies_in(code, root)]

    def _is_a_street(self, label: str, rest: str) -> bool:
        return _KIND_OF_REGION.search(label) is None and _A_STREET.match(rest) is not None

    def _full_name_inside(self, address: str, within: str | None) -> str | None:
        places = [
            (address.find(region.name), -len(region.name), region.code)
            for region in self
            if len(region.name) >= 3 and region.name in address
        ]
        # The same name in two cities tells nothing, so the first place must belong to one region of today.
        firsts = [place for place in places if place[:2] == min(places)[:2]] if places else []
        today = {self.current(code) for _, _, code in firsts}
        if len(today) != 1:
            return None
        start, length, code = firsts[0]
        return self._at_the_front(address[start - length :], code, within) or code


def _label(text: str) -> str:
    label = unicodedata.normalize("NFKC", text).replace("(", "（").replace(")", "）")
    return _SEPARATORS.sub("", label)


#: What `load` gives, where it is not what the program brought along.
_in_force: list[Regions | None] = [None]


@lru_cache(maxsize=1)
def _load() -> Regions:
    document: dict[str, Any] = yaml.safe_load(_SOURCE.read_text(encoding="utf-8"))
    return Regions(_read(document["provinces"], "province", None))


_BELOW: dict[Level, tuple[str, Level]] = {"province": ("cities", "city"), "city": ("districts", "district")}


def _read(entries: list[dict[str, Any]], level: Level, parent: str | None) -> Iterator[Region]:
    for position, entry in enumerate(entries):
        yield _region(entry, level, parent, position)
        if level in _BELOW:
            key, below = _BELOW[level]
            yield from _read(entry.get(key, []), below, entry["code"])


def _region(entry: dict[str, Any], level: Level, parent: str | None, position: int) -> Region:
    name: str = entry["name"]
    until = _first_of_month(entry.get("until"))
    return Region(
        code=entry["code"],
        name=name,
        level=level,
        parent=parent,
        position=position,
        short_name=entry.get("short") or _KIND_OF_REGION.sub("", name),
        shown_as=entry.get("shown_as", name),
        valid_from=_first_of_month(entry.get("from")),
        valid_to=until - timedelta(days=1) if until else None,
        succeeded_by=entry.get("succeeded_by"),
        alias_of=entry.get("alias_of"),
        is_statistical=entry.get("statistical", False),
        also=tuple(entry.get("also", ())),
        locally=tuple(entry.get("locally", ())),
    )


def _first_of_month(month: str | None) -> date | None:
    return date.fromisoformat(f"{month}-01") if month else None
