"""The library: every programme with its versions, and which of them is in force on a day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from rules.catalogue import Catalogue, load_catalogue
from rules.evaluate import Evaluator
from rules.facts import Facts
from rules.interpret import Environment
from rules.programme import ProgrammeSource, RuleError, Version, read_programme, read_version
from rules.translation import enumerated, language, say, sentences, speaking

PROGRAMMES_FOLDER = Path(__file__).with_name("programmes")


class UnknownProgramme(Exception):
    """There is no such programme or version; the message lists what there is."""


class NotInForce(Exception):
    """No version covers the day; the message says which days are covered."""


@dataclass(frozen=True)
class Programme:
    """A programme and its versions in the order of their dates."""

    source: ProgrammeSource
    versions: tuple[Version, ...]

    def pinned(self, label: str) -> Version:
        """The version with a label.

        Raises:
            UnknownProgramme: there is none.
        """
        for version in self.versions:
            if version.source.version == label:
                return version
        labels = enumerated(version.source.version for version in self.versions)
        raise UnknownProgramme(
            say(
                "{programme} 没有版本“{label}”，现有 {labels}",
                programme=self.source.programme,
                label=label,
                labels=labels,
            )
        )

    def in_force(self, day: date, facts: Facts | None = None) -> Version:
        """The version in force on a day, for the kind of application that the facts name.

        A version with a transition clause gives way to the one of the earlier day that the facts name.

        Raises:
            NotInForce: none covers the day.
        """
        version = self._in_force_on(day, facts)
        earlier = facts.current.get(version.source.transition_by) if facts is not None else None
        if isinstance(earlier, date) and earlier < version.source.in_force.from_:
            return self._in_force_on(earlier, facts)
        return version

    def _in_force_on(self, day: date, facts: Facts | None) -> Version:
        for version in self.versions:
            if any(one.covers(day) and _answers_for(one.answers_for, facts) for one in version.source.batches):
                return version
        covering = [version for version in self.versions if version.source.in_force.covers(day)]
        for version in reversed(covering):
            if _answers_for(version.source.answers_for, facts):
                return version
        if covering:
            return covering[-1]
        spans = sentences(_span(version) for version in self.versions) or say("尚无版本")
        raise NotInForce(
            say(
                "{day} 没有现行的{name}标准（{programme}），已有：{spans}",
                day=day, name=self.source.name.said, programme=self.source.programme, spans=spans,
            )
        )  # fmt: skip


def _answers_for(conditions: Mapping[str, tuple[str, ...]], facts: Facts | None) -> bool:
    for indicator, values in conditions.items():
        given = facts.current.get(indicator) if facts is not None else None
        if (given if isinstance(given, str) else "new") not in values:
            return False
    return True


def _span(version: Version) -> str:
    force = version.source.in_force
    if force.to:
        return say("{version} 版 {day} 起至 {last}", version=version.source.version, day=force.from_, last=force.to)
    return say("{version} 版 {day} 起", version=version.source.version, day=force.from_)


@dataclass(frozen=True)
class Library:
    """Catalogue and programmes, loaded together because each refers to the other."""

    catalogue: Catalogue
    programmes: Mapping[str, Programme]
    _evaluators: dict[str, Evaluator] = field(default_factory=dict[str, Evaluator])

    @cached_property
    def environment(self) -> Environment:
        """What all evaluations share."""
        return Environment(self.catalogue)

    @cached_property
    def by_name(self) -> dict[str, Programme]:
        """Programmes by id and alias."""
        return {name: one for one in self.programmes.values() for name in (one.source.programme, *one.source.aliases)}

    def programme(self, name: str) -> Programme:
        """The programme with this id or alias.

        Raises:
            UnknownProgramme: there is none.
        """
        if name not in self.by_name:
            raise UnknownProgramme(say("规则库中没有认定项目“{name}”，tidu rules list 可列出全部", name=name))
        return self.by_name[name]

    def version(self, wanted: str, day: date, facts: Facts | None = None) -> Version:
        """The version that answers: pinned as `hnte@2016`, else the one in force on the day.

        Raises:
            UnknownProgramme: no such programme or version.
            NotInForce: nothing is in force on the day.
        """
        name, _, label = wanted.partition("@")
        programme = self.programme(name)
        return programme.pinned(label) if "@" in wanted else programme.in_force(day, facts)

    def evaluator(self, version: Version) -> Evaluator:
        """The version made ready; kept, because making it ready takes longer than an answer."""
        if version.id not in self._evaluators:
            self._evaluators[version.id] = Evaluator(version, self.environment)
        return self._evaluators[version.id]


def load_library(folder: Path = PROGRAMMES_FOLDER, catalogue: Catalogue | None = None) -> Library:
    """Read all rule files under a folder.

    Raises:
        RuleError: a file is wrong, or two versions overlap in time.
        CatalogueError: the catalogue is wrong.
    """
    catalogue = catalogue or load_catalogue()
    programmes: dict[str, Programme] = {}
    places: dict[str, Path] = {}
    for place in sorted(folder.rglob("programme.yaml")):
        source = read_programme(place)
        for name in (source.programme, *source.aliases):
            if name in places:
                raise RuleError(f"{place}：认定项目或别名 {name} 重复，另一处为 {places[name]}，请改其一")
            places[name] = place
        files = sorted(path for path in place.parent.glob("*.yaml") if path.name != "programme.yaml")
        versions = sorted(
            (read_version(path, source, catalogue) for path in files),
            key=lambda one: one.source.in_force.from_,
        )
        _check_dates(place, versions)
        programmes[source.programme] = Programme(source, tuple(versions))
    return Library(catalogue, programmes)


def _check_dates(place: Path, versions: Iterable[Version]) -> None:
    """Refuse two versions of the same label, or that answer for the same application on the same day."""
    seen: list[Version] = []
    for version in versions:
        for earlier in seen:
            if earlier.source.version == version.source.version:
                raise RuleError(f"{version.path}：版本“{version.source.version}”与 {earlier.path.name} 重名")
            if _overlap(earlier, version):
                raise RuleError(
                    f"{version.path}：与 {earlier.path.name} 的施行日期重叠（{_span(earlier)}；{_span(version)}），"
                    "请给前一版写上 in_force.to"
                )
        seen.append(version)


def _overlap(earlier: Version, later: Version) -> bool:
    first, second = earlier.source.in_force, later.source.in_force
    if first.to is not None and first.to < second.from_:
        return False
    for indicator in {*earlier.source.answers_for, *later.source.answers_for}:
        all_kinds = ("new", "review")
        one = set(earlier.source.answers_for.get(indicator, all_kinds))
        if one.isdisjoint(later.source.answers_for.get(indicator, all_kinds)):
            return False
    return True


def library() -> Library:
    """The library that the product ships, in the language spoken; loaded once for the process and each language."""
    return _library_in(language())


@cache
def _library_in(wanted: str) -> Library:
    with speaking(wanted):
        return load_library()
