"""A scenario: a version of a programme with some thresholds otherwise, as a form or as a patch says it.

A scenario is the patch that `tidu simulate` takes. It is kept as a file by whoever thought of it, and nowhere else.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import yaml
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.kept import KeptFacts
from backend.eligibility.simulation import RegistrySimulation, simulate_several
from backend.enterprises.regions import Regions
from backend.workshop.sizes import size_steps, sizes_of
from rules.industries import Industries
from rules.library import Library, UnknownProgramme
from rules.programme import CriterionSource, RuleError, Version, walk_criteria
from rules.simulation import Patch, patch_from_text
from rules.wording import criterion_in_words, measure_in_words

#: Scenarios compared at once; each is a run over the registry.
MOST_SCENARIOS = 4
_SIZES = {"large": "大型", "medium": "中型", "small": "小型", "micro": "微型"}
UNKNOWN = "未知"


@dataclass(frozen=True)
class Setting:
    """Something in a version that a scenario may change: a criterion's or measure's expression, or a pass mark."""

    name: str
    title: str
    words: str
    expression: str
    #: Whether the criterion may be left out altogether.
    may_drop: bool


@dataclass(frozen=True)
class Moved:
    """One enterprise that enters or leaves, with what decided."""

    enters: bool
    name: str
    credit_code: str
    region: str
    industry: str
    size: str
    deciding: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What a scenario does to the registry."""

    patch: Patch
    run: RegistrySimulation
    moved: tuple[Moved, ...]

    @property
    def entering(self) -> int:
        return len(self.run.simulation.entering)

    @property
    def leaving(self) -> int:
        return len(self.run.simulation.leaving)

    def by(self, group: str) -> list[tuple[str, int, int]]:
        """How many enter and leave by `region`, `industry` or `size`, the most affected first."""
        counts: dict[str, list[int]] = {}
        for one in self.moved:
            counts.setdefault(getattr(one, group), [0, 0])[0 if one.enters else 1] += 1
        return sorted(
            ((name, more, less) for name, (more, less) in counts.items()), key=lambda one: (-one[1] - one[2], one[0])
        )

    def deciding(self) -> list[tuple[str, int, int]]:
        """How often each criterion decided: of those entering, of those leaving."""
        entering, leaving = self.run.simulation.deciding()
        return [(self.criterion(name), entering[name], leaving[name]) for name in sorted({*entering, *leaving})]

    def criterion(self, name: str) -> str:
        """A criterion with its Chinese name."""
        for version in (self.run.simulation.before, self.run.simulation.after):
            for one in walk_criteria(version.criteria):
                if one.id == name:
                    return f"{name} {one.name}"
        return name


def settings_of(version: Version) -> list[Setting]:
    """What a scenario may change in a version, in the order of the file."""
    criteria = {one.id: one for one in walk_criteria(version.criteria) if one.id}
    found = [
        Setting(
            one.id,
            f"{one.id} {criteria[one.id].name}",
            criterion_in_words(criteria[one.id], version),
            one.require,
            True,
        )
        for one in _with_parts(version.source.criteria)
        if one.id and one.require is not None
    ]
    for top in version.source.criteria:
        mark = next((one.score.pass_ for one in _with_parts((top,)) if one.score is not None and one.score.pass_), None)
        if top.id and mark is not None:
            found.append(
                Setting(f"{top.id}.pass", f"{top.id} {criteria[top.id].name}：及格线", f"得分 {mark}", mark, False)
            )
    for measure in version.measures:
        source = version.source.measures[measure.id]
        value = source if isinstance(source, str) else source.value
        if value is not None:
            found.append(Setting(measure.id, measure.name, measure_in_words(measure.node, version), value, False))
    return found


def _with_parts(criteria: tuple[CriterionSource, ...]) -> Iterator[CriterionSource]:
    for one in criteria:
        yield one
        at_least = one.at_least.of if one.at_least is not None else ()
        for parts in (one.all_of, one.any_of, one.routes, at_least):
            yield from _with_parts(parts or ())


def patch_of_form(version: Version, form: Mapping[str, str], note: str) -> Patch:
    """The patch that a filled form means: only what stands otherwise than in the file."""
    changed: dict[str, str] = {}
    dropped: list[str] = []
    for one in settings_of(version):
        if one.may_drop and f"drop.{one.name}" in form:
            dropped.append(one.name)
            continue
        typed = " ".join(form.get(f"set.{one.name}", one.expression).split())
        if typed and typed != " ".join(one.expression.split()):
            changed[one.name] = typed
    source = version.source
    return Patch(programme=source.programme, version=source.version, note=note, set=changed, drop=tuple(dropped))


def read_scenario(written: str) -> Patch:
    """A patch as typed or as a file holds it.

    Raises:
        RuleError: it is none, in Chinese.
    """
    try:
        patch = patch_from_text(written)
    except RuleError as error:
        raise RuleError(
            "补丁写法有误：须写 programme、version，以及 set（条件编号: 算式）或 drop（条件编号的列表）。"
        ) from error
    if not patch.set and not patch.drop:
        raise RuleError("方案里没有任何改动，请改一个条件或及格线后再测算。")
    return patch


def as_yaml(patch: Patch) -> str:
    """A scenario as a file that `tidu simulate` reads."""
    content: dict[str, Any] = {"programme": patch.programme, "version": patch.version}
    content |= {"note": patch.note} if patch.note else {}
    content |= {"set": dict(patch.set)} if patch.set else {}
    content |= {"drop": list(patch.drop)} if patch.drop else {}
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120)


async def run_scenarios(
    session: AsyncSession, patches: Sequence[Patch], library: Library, as_of: date, kept: KeptFacts | None = None
) -> list[Outcome]:
    """Run scenarios over every enterprise that the session may see; nothing is written.

    Args:
        session: sees the enterprises.
        patches: the scenarios.
        library: the rules.
        as_of: the day asked about.
        kept: facts that an earlier run read, and where those of this one are kept.

    Raises:
        RuleError: a patch does not fit its version.
    """
    steps = size_steps(library, as_of)
    try:
        runs = await simulate_several(session, patches, library, as_of, kept, also=[steps])
    except UnknownProgramme as error:
        raise RuleError(str(error)) from error
    return await asyncio.to_thread(_outcomes, patches, runs, steps, library, as_of)


def _outcomes(
    patches: Sequence[Patch], runs: Sequence[RegistrySimulation], steps: Version, library: Library, as_of: date
) -> list[Outcome]:
    rows = sorted({row for run in runs for row in (*run.simulation.entering, *run.simulation.leaving)})
    registry = runs[0].registry if runs else None
    sizes = sizes_of(rows, steps, registry.population, library.environment, as_of) if registry else {}
    names = _Names()
    return [Outcome(patch, run, tuple(_moved(run, sizes, names))) for patch, run in zip(patches, runs, strict=True)]


class _Names:
    """Names of regions and industries, of which very many enterprises share a few."""

    def __init__(self) -> None:
        self._regions = Regions.load()
        self._divisions = Industries.load().divisions
        self.region = cache(self._region)

    def _region(self, code: Any) -> str:
        found = self._regions.find(str(code))
        return found.name if found else UNKNOWN

    def industry(self, code: Any) -> str:
        return self._divisions.get(str(code)[:2], UNKNOWN)


def _moved(run: RegistrySimulation, sizes: Mapping[int, str], names: _Names) -> Iterator[Moved]:
    simulation = run.simulation
    for enters, rows in ((True, simulation.entering), (False, simulation.leaving)):
        for row, deciding in rows.items():
            one = run.enterprises[row]
            yield Moved(
                enters, str(one["name"]), str(one["credit_code"] or ""), names.region(one["region_code"]),
                names.industry(one["industry_code"]), _SIZES.get(sizes.get(row, ""), UNKNOWN), deciding,
            )  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One group beside itself in every scenario: how many enter and leave."""

    name: str
    #: A pair for each scenario, in their order.
    moves: tuple[tuple[int, int], ...]


def compared(outcomes: Sequence[Outcome], group: str) -> list[Compared]:
    """Every `region`, `industry`, `size` or `deciding` criterion that any scenario touches, the most affected first."""
    found = [
        {name: (more, less) for name, more, less in (one.deciding() if group == "deciding" else one.by(group))}
        for one in outcomes
    ]
    names = {name for one in found for name in one}
    rows = [Compared(name, tuple(one.get(name, (0, 0)) for one in found)) for name in names]
    return sorted(rows, key=lambda row: (-sum(more + less for more, less in row.moves), row.name))
