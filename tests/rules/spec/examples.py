"""The specifications as data: what each word of the rule language means, for both engines and for the manual.

A chapter is a YAML file in `chapters/`; it holds specs, each of one word of the language, with examples. An example is
an expression (or bands, or criteria), facts in the units of the official forms, and what it gives. `version_of` makes a
rule file of it whose measure `result` is the expression, so that any engine which takes a version can run it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rules.catalogue import Catalogue, load_catalogue
from rules.facts import Facts, read_facts
from rules.language import DATE, FEN_PER_WAN, MONEY, NUMBER, Node
from rules.programme import ProgrammeSource, Version, read_version
from rules.values import Value, Why, simple

HERE = Path(__file__).parent
CHECKED_ON = date(2026, 7, 15)
#: What an example may say of its own, and otherwise takes from its spec.
_INHERITED = ("facts", "measures", "bands", "criteria", "labels", "warnings", "settings")


@dataclass(frozen=True)
class Open:
    """An expected value that is unknown: what would settle it, and the bounds it lies between, in the engine's units."""

    missing: frozenset[str]
    least: Fraction | int | None
    greatest: Fraction | int | None
    why: Why


@dataclass(frozen=True)
class Example:
    """One thing that a word means."""

    word: str
    number: int
    #: Empty where the example is of bands or of criteria.
    expression: str
    source: Mapping[str, Any]
    gives: Any
    note: str
    as_of: date

    @property
    def is_of_criteria(self) -> bool:
        """Whether it asks for an outcome rather than for a value."""
        return bool(self.source.get("criteria"))

    def facts(self) -> Facts:
        """The facts as an engine reads them."""
        return read_facts(dict(self.source.get("facts", {})), catalogue(), self.as_of)

    def version_of(self, folder: Path) -> Version:
        """A rule file of the example: its measure `result` is the expression or the bands."""
        return read_version(self._written(folder), ProgrammeSource.model_validate(PROGRAMME), catalogue())

    def _written(self, folder: Path) -> Path:
        measures: dict[str, Any] = dict(self.source.get("measures", {}))
        measures = {name: str(one) if not isinstance(one, dict) else one for name, one in measures.items()}
        if self.expression:
            measures["result"] = self.expression
        elif self.source.get("bands"):
            measures["result"] = {"bands": self.source["bands"]}
        content = {
            "programme": PROGRAMME["programme"], "version": "1", "in_force": {"from": date(2000, 1, 1)},
            "documents": ["示例"], **self.source.get("settings", {}), "measures": measures,
            "criteria": self.source.get("criteria", [ANYTHING]),
            **{part: self.source[part] for part in ("labels", "warnings") if part in self.source},
        }  # fmt: skip
        path = folder / "2000-01-01.yaml"
        path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return path

    def expected(self, kind: str) -> Value | Open:
        """What the expression gives, as the engine writes values of its kind."""
        if not isinstance(self.gives, Mapping):
            return in_engine_units(kind, self.gives)
        least, greatest = (in_engine_units(kind, one) for one in self.gives.get("between", (None, None)))
        assert least is None or isinstance(least, int | Fraction)
        assert greatest is None or isinstance(greatest, int | Fraction)
        return Open(frozenset(self.gives["unknown"]), least, greatest, Why(self.gives.get("why", "missing")))


PROGRAMME = {"programme": "example", "name": {"zh": "示例"}}
ANYTHING = {"id": "any", "name": {"zh": "任意"}, "cite": "示例", "require": "true"}


def in_engine_units(kind: str, given: Any) -> Value:
    """A value of an example: money in 万元, fractions as `1/3`."""
    if given is None or isinstance(given, bool):
        return given
    if kind in (MONEY, NUMBER):
        return simple(Fraction(str(given)) * (FEN_PER_WAN if kind == MONEY else 1))
    return given if kind == DATE else str(given)


@dataclass(frozen=True)
class Spec:
    """What one word of the language means."""

    word: str
    title: str
    text: str
    #: The node or function it is a special case of; empty where it is the word itself.
    covers: str
    source: Mapping[str, Any]
    examples: tuple[Example, ...]

    @property
    def subject(self) -> str:
        """The node, function or form that every example has to contain."""
        return self.covers or self.word


@dataclass(frozen=True)
class Chapter:
    title: str
    text: str
    specs: tuple[Spec, ...]


@cache
def catalogue() -> Catalogue:
    """The few indicators that the examples speak of."""
    return load_catalogue(HERE / "catalogue.yaml")


@cache
def chapters() -> tuple[Chapter, ...]:
    """All chapters in the order of the manual."""
    return tuple(_chapter(path) for path in sorted((HERE / "chapters").glob("*.yaml")))


def specs() -> list[Spec]:
    return [spec for chapter in chapters() for spec in chapter.specs]


def examples() -> list[Example]:
    """Every example; an engine that gives all their values means what the language means."""
    return [example for spec in specs() for example in spec.examples]


def _chapter(path: Path) -> Chapter:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Chapter(raw["title"], raw["text"], tuple(_spec(one) for one in raw["specs"]))


def _spec(raw: dict[str, Any]) -> Spec:
    shared = {name: raw[name] for name in _INHERITED if name in raw}
    found = tuple(_example(raw["word"], number, shared, one) for number, one in enumerate(raw["examples"], start=1))
    return Spec(raw["word"], raw["title"], raw["text"], raw.get("covers", ""), shared, found)


def _example(word: str, number: int, shared: dict[str, Any], raw: dict[str, Any]) -> Example:
    strange = raw.keys() - {*_INHERITED, "expression", "gives", "note", "as_of"}
    assert not strange, f"{word}: {strange} (quote a note that has a comma)"
    own = {name: raw[name] for name in _INHERITED if name in raw}
    source = {**shared, **own, "facts": {**shared.get("facts", {}), **own.get("facts", {})}}
    day = raw.get("as_of", CHECKED_ON)
    return Example(word, number, raw.get("expression", ""), source, raw["gives"], str(raw.get("note", "")), day)


def result_node(version: Version) -> Node:
    """The node of the measure `result`."""
    return next(measure.node for measure in version.measures if measure.id == "result")
