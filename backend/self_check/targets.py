"""What a self-check asks about: one programme, a rung of the ladder, or everything an enterprise could be here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from backend.eligibility.registry_facts import region_of
from backend.enterprises.labels import is_open_here
from backend.recognitions.ladder import BY_ID, RUNGS, step_of
from rules.evaluate import Evaluator
from rules.facts import Facts
from rules.library import Library, NotInForce, Programme
from rules.translation import say

#: 我们能成为什么？
EVERYTHING = "all"
_RUNG = "rung:"


class UnknownTarget(Exception):
    """There is no such programme, rung or version; `str()` is Chinese."""

    status_code = 404


@dataclass(frozen=True)
class Target:
    """What is asked about, with the programmes that belong to it; one may be pinned to a version."""

    id: str
    name: str
    programmes: tuple[str, ...]

    @property
    def is_single(self) -> bool:
        """Whether it is one programme."""
        return len(self.programmes) == 1


def target(wanted: str, library: Library) -> Target:
    """The target with an id: `hnte`, `hnte@2016`, `rung:srdi` or `all`.

    Raises:
        UnknownTarget: there is none.
    """
    if wanted == EVERYTHING:
        return Target(EVERYTHING, say("我们能成为什么？"), tuple(one.source.programme for one in _titles(library)))
    if wanted.startswith(_RUNG):
        rung = BY_ID.get(wanted.removeprefix(_RUNG))
        if rung is None:
            raise UnknownTarget(say("没有“{target}”这个梯级，请返回重新选择要测评的内容。", target=wanted))
        return Target(wanted, say("梯级：{rung}", rung=say(rung.name)), tuple(_on_rung(rung.id, library)))
    programme, _, version = wanted.partition("@")
    held = library.by_name.get(programme)
    if held is None or held.source.subject != "enterprise":
        raise UnknownTarget(say("规则库中没有可供企业自测的项目“{target}”，请返回重新选择。", target=wanted))
    if version and version not in {one.source.version for one in held.versions}:
        raise UnknownTarget(
            say("{name}没有版本“{version}”，请返回重新选择。", name=held.source.name.said, version=version)
        )
    name = held.source.name.said
    return Target(wanted, say("{name}（{version} 版）", name=name, version=version) if version else name, (wanted,))


def choices(library: Library) -> list[tuple[str, list[tuple[str, str]]]]:
    """The targets by group, as a form offers them."""
    rungs = [(f"{_RUNG}{one.id}", say(one.name)) for one in RUNGS if any(_on_rung(one.id, library))]
    titles = [(one.source.programme, one.source.name.said) for one in _titles(library)]
    elsewhere = [
        (name, one.source.name.said)
        for name, one in library.programmes.items()
        if _is_askable(one) and one.source.sort == "title" and not is_open_here(one.source)
    ]
    others = [
        (name, one.source.name.said)
        for name, one in library.programmes.items()
        if _is_askable(one) and one.source.sort != "title"
    ]
    whole = [(EVERYTHING, say("我们能成为什么？（本市可申报的全部项目）"))]
    return [
        (say("不确定要申报什么"), whole), (say("按梯级"), rungs), (say("认定项目"), titles), (say("上市与其他标准"), others),
        (say("其他设区市的项目"), elsewhere),
    ]  # fmt: skip


def evaluators(wanted: Target, facts: Facts, as_of: date, library: Library) -> list[Evaluator]:
    """The versions that answer on a day; programmes that are not in force then are left out."""
    found: list[Evaluator] = []
    for name in wanted.programmes:
        programme = library.programme(name.partition("@")[0])
        if not (wanted.is_single or programme.source.is_open_in(region_of(facts))):
            continue
        try:
            found.append(library.evaluator(library.version(name, as_of, facts)))
        except NotInForce:
            continue
    # A version without conditions answers nothing and asks nothing; asked for alone, it says so.
    return [one for one in found if wanted.is_single or one.version.indicators]


def _titles(library: Library) -> Iterator[Programme]:
    for one in library.programmes.values():
        if _is_askable(one) and one.source.sort == "title" and is_open_here(one.source):
            yield one


def _on_rung(rung: str, library: Library) -> Iterator[str]:
    for name, one in library.programmes.items():
        # No title stands for being listed: the exchanges' standards are what leads there.
        is_listing = rung == "listed" and one.source.sort == "standard"
        if _is_askable(one) and is_open_here(one.source) and (is_listing or step_of(one.source.rung).id == rung):
            yield name


def _is_askable(programme: Programme) -> bool:
    source = programme.source
    if source.subject != "enterprise" or source.status in ("empty", "historical"):
        return False
    return any(version.indicators for version in programme.versions)
