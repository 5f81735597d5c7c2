"""The rule library as its readers look at it: criteria in words, what changed on which day, where a word stands."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from rules.catalogue import Indicator
from rules.comparison import compare_measures
from rules.language import Fact, walk
from rules.library import Library, Programme
from rules.programme import Criterion, Version, walk_criteria
from rules.translation import LANGUAGES, enumerated, language, say
from rules.wording import criterion_in_words, edge_of, joined, measure_in_words

#: Hits shown of each kind; whoever finds more says more.
MOST_HITS = 60


@dataclass(frozen=True)
class CriterionView:
    """A criterion as a page shows it, with its parts."""

    criterion: Criterion
    words: str
    edge: str
    address: str
    children: tuple["CriterionView", ...]


@dataclass(frozen=True)
class MeasureView:
    """A figure that a version works out."""

    id: str
    name: str
    words: str
    cite: str


@dataclass(frozen=True)
class Changes:
    """What is different from one version to the next, and from which day on."""

    earlier: Version
    later: Version
    on: date
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Hit:
    """A criterion or an indicator in which a word stands."""

    address: str
    title: str
    words: str
    where: str


def criteria_of(version: Version) -> tuple[CriterionView, ...]:
    """The criteria in the order of the article."""
    return tuple(_view(one, version) for one in version.criteria)


def _view(criterion: Criterion, version: Version) -> CriterionView:
    address = f"/rules/{version.id}/{criterion.id}" if criterion.id else ""
    children = tuple(_view(one, version) for one in criterion.children)
    return CriterionView(criterion, criterion_in_words(criterion, version), edge_of(criterion), address, children)


def criterion_of(version: Version, name: str) -> CriterionView | None:
    """The criterion with an id, wherever it stands in the tree."""
    return next((_view(one, version) for one in walk_criteria(version.criteria) if one.id == name), None)


def indicators_of(criterion: Criterion, version: Version, library: Library) -> list[Indicator]:
    """The indicators that a criterion reads, through measures too, in the order of reading."""
    measures = {one.id: one.node for one in version.measures}
    waiting = [node for one in walk_criteria((criterion,)) for node in (one.test, one.applies) if node is not None]
    waiting += [measures[item] for one in walk_criteria((criterion,)) for item in one.items]
    found: dict[str, None] = {}
    seen: set[str] = set()
    while waiting:
        for node in walk(waiting.pop(0)):
            name = getattr(node, "name", "")
            if isinstance(node, Fact):
                found[node.indicator.id] = None
            elif name in measures and name not in seen:
                seen.add(name)
                waiting.append(measures[name])
    return [library.catalogue.by_name[name] for name in found]


def measures_of(version: Version) -> list[MeasureView]:
    """What the version works out before it judges."""
    return [MeasureView(one.id, one.name, measure_in_words(one.node, version), one.cite) for one in version.measures]


def changes_of(programme: Programme) -> list[Changes]:
    """Every change from one version to the next, the newest first."""
    found = [
        Changes(earlier, later, later.source.in_force.from_, tuple(_differences(earlier, later)))
        for earlier, later in pairwise(programme.versions)
    ]
    return [one for one in reversed(found) if one.sentences]


def _differences(earlier: Version, later: Version) -> Iterator[str]:
    """Each difference in words: what is gone, what is new, what asks something else."""
    before, after = _texts_by_id(earlier), _texts_by_id(later)
    for name, text in before.items():
        if name not in after:
            yield say("取消 {id} {text}", id=name, text=text)
    for name, text in after.items():
        if name not in before:
            yield say("新增 {id} {text}", id=name, text=text)
        elif before[name] != text:
            yield say("改动 {id} {before} → {after}", id=name, before=before[name], after=text)
    # How a figure is worked out may change under the same name; the comparison of the files knows.
    yield from compare_measures(earlier, later)


def _texts_by_id(version: Version) -> dict[str, str]:
    return {
        one.id or one.name: say("{name}：{words}", name=one.name, words=_in_one_line(_view(one, version)))
        for one in version.criteria
    }


def _in_one_line(view: CriterionView) -> str:
    """A criterion with its parts, joined as its form joins them."""
    if not view.children:
        return view.words
    parts = [_in_one_line(one) for one in view.children]
    if view.criterion.form == "at_least":
        return say("（{parts}）中至少 {n} 项", parts=enumerated(parts), n=view.criterion.n)
    return say("（{inner}）", inner=joined(view.criterion.form, parts))


def history_of(programme: Programme, name: str) -> list[tuple[Version, CriterionView]]:
    """A criterion through all versions that have it under this id."""
    return [(version, view) for version in programme.versions if (view := criterion_of(version, name)) is not None]


def readers_of(indicator: Indicator, library: Library) -> list[Version]:
    """The versions in the library that read an indicator."""
    versions = [version for programme in library.programmes.values() for version in programme.versions]
    return [one for one in versions if indicator.id in one.indicators]


def search(asked: str, library: Library) -> tuple[list[Hit], list[Hit]]:
    """Criteria and indicators in which every word of a question stands: name, wording, citation, definition, id."""
    words = _plain(asked).split()
    if not words:
        return [], []
    criteria = [hit for text, hit in _criteria_texts(library) if all(word in text for word in words)]
    indicators = [hit for text, hit in _indicator_texts(library) if all(word in text for word in words)]
    return criteria[:MOST_HITS], indicators[:MOST_HITS]


_TEXTS: dict[str, list[tuple[str, Hit]]] = {}


def _criteria_texts(library: Library) -> list[tuple[str, Hit]]:
    """The searched text of every criterion; worked out once for a library and a language."""
    digest = language() + "".join(version.digest for one in library.programmes.values() for version in one.versions)
    if digest not in _TEXTS:
        while len(_TEXTS) >= len(LANGUAGES):
            _TEXTS.pop(next(iter(_TEXTS)))
        _TEXTS[digest] = list(_all_criteria(library))
    return _TEXTS[digest]


def _all_criteria(library: Library) -> Iterator[tuple[str, Hit]]:
    for programme in library.programmes.values():
        for version in reversed(programme.versions):
            for one in walk_criteria(version.criteria):
                if one.id:
                    words = criterion_in_words(one, version)
                    where = say("{name} {version} 版", name=programme.source.name.said, version=version.source.version)
                    hit = Hit(f"/rules/{version.id}/{one.id}", f"{one.id} {one.name}", words, f"{where}　{one.cite}")
                    yield _plain(f"{one.id} {one.name} {words} {one.cite} {one.text} {one.note} {where}"), hit


def _indicator_texts(library: Library) -> Iterator[tuple[str, Hit]]:
    for one in library.catalogue.indicators:
        hit = Hit(f"/rules/indicators/{one.id}", one.name, one.definition, one.line)
        yield _plain(" ".join((one.id, *one.aliases, one.name, *one.synonyms, one.definition, one.line))), hit


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
