"""Policy simulation: a rule with other thresholds, run over a population beside the rule in force. Nothing is written.

A patch is a small file that names a programme's version and what stands differently in it:

    programme: hnte
    version: "2016"
    note: 科技人员占比降到 8%
    set:
      H4: sci_tech_staff / employee_total >= 8%          # a criterion's expression
      rd_intensity_needed: 4% if sales_revenue <= 1亿 else 3%   # a measure's
      H7.pass: ">= 65"                                     # a score's pass mark
    drop: [H5d]                                            # criteria left out
"""

import copy
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from rules.catalogue import Record
from rules.columnar.engine import OUTCOMES, Engine, Verdicts, evaluate_versions
from rules.columnar.population import Population
from rules.library import Library
from rules.programme import RuleError, Version, build_version, read_yaml

_ELIGIBLE = OUTCOMES.index("eligible")


class Patch(Record):
    """What stands differently in a copy of a version."""

    programme: str
    version: str
    note: str = ""
    set: dict[str, str] = {}
    drop: tuple[str, ...] = ()


def read_patch(path: Path) -> Patch:
    """Read a patch file.

    Raises:
        RuleError: it is none; the message says what is wrong.
    """
    try:
        return Patch.model_validate(read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = " → ".join(str(part) for part in first["loc"])
        raise RuleError(f"{path}：“{place}”{first['msg']}；补丁文件须写 programme、version 和 set 或 drop") from error


def apply_patch(patch: Patch, library: Library) -> Version:
    """The version with the patch applied, made ready like any other.

    Raises:
        RuleError: the patch names what is not there, or the result is no rule.
        UnknownProgramme: no such programme or version.
    """
    version = library.programme(patch.programme).pinned(patch.version)
    raw: dict[str, Any] = copy.deepcopy(read_yaml(version.path))
    used: set[str] = set()
    for name, expression in patch.set.items():
        if not (_set_measure(raw, name, expression) or _set_criterion(raw["criteria"], name, expression)):
            raise RuleError(f"补丁：{version.id} 中没有“{name}”这个条件或测算值，或它不是一个算式")
    raw["criteria"] = _without(raw["criteria"], patch.drop, used)
    if unknown := set(patch.drop) - used:
        raise RuleError(f"补丁：{version.id} 中没有条件 {'、'.join(sorted(unknown))}，无从取消")
    digest = hashlib.sha256(f"{version.digest}{patch.model_dump_json()}".encode()).hexdigest()[:16]
    raw["version"] = f"{version.source.version}+{digest[:6]}"
    return build_version(raw, version.path, version.programme, library.catalogue, digest)


def _set_measure(raw: dict[str, Any], name: str, expression: str) -> bool:
    measures: dict[str, Any] = raw.get("measures", {})
    if name not in measures:
        return False
    if isinstance(measures[name], str):
        measures[name] = expression
        return True
    measures[name].pop("bands", None)
    measures[name]["value"] = expression
    return True


def _set_criterion(criteria: Sequence[dict[str, Any]], name: str, expression: str) -> bool:
    wants_mark = name.endswith(".pass")
    for criterion in criteria:
        if criterion.get("id") == name.removesuffix(".pass"):
            return _set_parts(criterion, expression, wants_mark)
        for key in ("all_of", "any_of", "routes"):
            if _set_criterion(criterion.get(key, ()), name, expression):
                return True
    return False


def _set_parts(criterion: dict[str, Any], expression: str, wants_mark: bool) -> bool:
    if wants_mark:
        score = _score_in(criterion)
        if score is None:
            return False
        score["pass"] = expression
        return True
    if "require" not in criterion:
        return False
    criterion["require"] = expression
    return True


def _score_in(criterion: dict[str, Any]) -> dict[str, Any] | None:
    if "score" in criterion:
        return criterion["score"]
    for key in ("all_of", "any_of", "routes"):
        for child in criterion.get(key, ()):
            if (found := _score_in(child)) is not None:
                return found
    return None


def _without(criteria: Sequence[dict[str, Any]], drop: Sequence[str], used: set[str]) -> list[dict[str, Any]]:
    kept: list[dict[str, Any]] = []
    for criterion in criteria:
        if criterion.get("id") in drop:
            used.add(criterion["id"])
            continue
        for key in ("all_of", "any_of", "routes"):
            if key in criterion:
                criterion[key] = _without(criterion[key], drop, used)
        kept.append(criterion)
    return kept


@dataclass(frozen=True)
class Simulation:
    """Who enters and who leaves when a patch holds, by row of the population, each with what decided."""

    before: Version
    after: Version
    as_of: date
    #: How many were asked.
    size: int
    eligible_before: int
    eligible_after: int
    #: Rows that were not eligible and are, with the criteria that kept them out before.
    entering: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])
    #: Rows that were eligible and are not, with the criteria that keep them out now.
    leaving: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])

    def by_group(self, groups: Sequence[str]) -> dict[str, tuple[int, int]]:
        """For each group (a region, an industry): how many enter, how many leave. `groups` has one name per row."""
        entering = Counter(groups[row] for row in self.entering)
        leaving = Counter(groups[row] for row in self.leaving)
        return {name: (entering[name], leaving[name]) for name in sorted({*entering, *leaving})}

    def deciding(self) -> tuple[Counter[str], Counter[str]]:
        """How often each criterion decided: of those entering, of those leaving."""
        entering = Counter(one for names in self.entering.values() for one in names)
        leaving = Counter(one for names in self.leaving.values() for one in names)
        return entering, leaving


def simulate(
    before: Version, after: Version, population: Population, as_of: date, engine: Engine, workers: int = 2
) -> Simulation:
    """Run two versions over one population and say who enters and who leaves. Reads only."""
    return simulate_each([(before, after)], population, as_of, engine, workers)[0]


def simulate_each(
    pairs: Sequence[tuple[Version, Version]], population: Population, as_of: date, engine: Engine, workers: int = 2,
    asked: Sequence[NDArray[np.bool_] | None] = (),
) -> list[Simulation]:  # fmt: skip
    """The same for several pairs; a version that stands in more than one is run once. `asked` narrows a pair's rows."""
    versions = {version.id: version for pair in pairs for version in pair}
    found = evaluate_versions(list(versions.values()), population, as_of, engine, workers)
    answers = {name: _Answers.of(tables, population.size) for name, tables in zip(versions, found, strict=True)}
    everybody = np.ones(population.size, dtype=np.bool_)
    chosen = [everybody if one is None else one for one in asked or [None] * len(pairs)]
    return [
        _compared(before, after, answers[before.id], answers[after.id], rows, as_of)
        for (before, after), rows in zip(pairs, chosen, strict=True)
    ]


def _compared(
    before: Version, after: Version, first: "_Answers", second: "_Answers", rows: NDArray[np.bool_], as_of: date
) -> Simulation:
    was, now, size = (first.outcomes == _ELIGIBLE) & rows, (second.outcomes == _ELIGIBLE) & rows, int(rows.sum())
    return Simulation(
        before, after, as_of, size, int(was.sum()), int(now.sum()),
        {int(row): first.reasons(int(row)) for row in np.flatnonzero(now & ~was)},
        {int(row): second.reasons(int(row)) for row in np.flatnonzero(was & ~now)},
    )  # fmt: skip


@dataclass
class _Answers:
    """The answers of one version, by row."""

    outcomes: NDArray[np.int8]
    tables: list[Verdicts]
    #: Row → (table, place in it).
    table_of: NDArray[np.int32]
    place_of: NDArray[np.int64]

    @classmethod
    def of(cls, tables: list[Verdicts], size: int) -> "_Answers":
        outcomes = np.full(size, -1, dtype=np.int8)
        table_of = np.full(size, -1, dtype=np.int32)
        place_of = np.zeros(size, dtype=np.int64)
        for number, table in enumerate(tables):
            outcomes[table.rows] = table.outcomes
            table_of[table.rows] = number
            place_of[table.rows] = np.arange(len(table.rows))
        return cls(outcomes, tables, table_of, place_of)

    def reasons(self, row: int) -> tuple[str, ...]:
        """The criteria that are failed in a row, or else those that are open."""
        table, place = self.tables[self.table_of[row]], int(self.place_of[row])
        return tuple(table.failed.names_at(place) or table.unknown.names_at(place))


def patch_from_text(text: str) -> Patch:
    """A patch as typed into a form.

    Raises:
        RuleError: it is none.
    """
    try:
        return Patch.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise RuleError(f"补丁写法有误：{error}") from error
