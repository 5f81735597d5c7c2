"""The legal cases leave nothing out: each criterion of each version is seen met, failed and, with a fact missing, open."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rules.evaluate import Outcome, Reason
from rules.facts import read_facts
from rules.language import Call, Literal, Node, walk
from rules.library import NotInForce, library
from rules.programme import Criterion, Version, read_yaml, walk_criteria

CASES = Path(__file__).with_name("cases")
WANTED = {Outcome.MET, Outcome.FAILED, Outcome.UNKNOWN}
#: Facts whose absence the documents themselves give a meaning.
WITH_A_DEFAULT = {"application_type", "latest_audited_fy"}


@dataclass(frozen=True)
class Case:
    """One legal case, with the version that answers it."""

    version: Version
    as_of: date
    facts: dict[str, Any]

    def outcome_and_reasons(self, without: str = "") -> tuple[Outcome, list[Reason]]:
        """The answer, with one fact taken away."""
        raw = {name: value for name, value in self.facts.items() if name != without}
        facts = read_facts(raw, library().catalogue, self.as_of)
        answer = library().evaluator(self.version).answer(facts, self.as_of)
        return answer.outcome, list(flat(answer.reasons))


def flat(reasons: list[Reason]) -> Iterator[Reason]:
    for reason in reasons:
        yield reason
        yield from flat(reason.children)


@cache
def contents() -> dict[Path, dict[str, Any]]:
    return {path: read_yaml(path) for path in sorted(CASES.glob("*.yaml"))}


def cases() -> Iterator[Case]:
    """All legal cases; those on a day without a version are left out."""
    for content in contents().values():
        yield from (case for raw in content["cases"] if (case := read_case(content, raw)) is not None)


def read_case(content: dict[str, Any], raw: dict[str, Any]) -> Case | None:
    facts = {**content["facts"], **raw.get("set", {})}
    facts = {name: plain(value) for name, value in facts.items() if name not in raw.get("unset", [])}
    pinned = raw.get("version", content.get("pin"))
    wanted = content["programme"] + (f"@{pinned}" if pinned else "")
    as_of = date.fromisoformat(str(raw.get("as_of", content["as_of"])))
    try:
        version = library().version(wanted, as_of, read_facts(facts, library().catalogue, as_of))
    except NotInForce:
        return None
    return Case(version, as_of, facts)


def plain(value: Any) -> Any:
    """Years as texts; YAML reads them as numbers where they stand without quotes."""
    return {str(name): one for name, one in value.items()} if isinstance(value, dict) else value


@cache
def seen() -> dict[str, dict[str, dict[Outcome, Case]]]:
    """Version → criterion → outcome → the first case in which it came out so."""
    found: dict[str, dict[str, dict[Outcome, Case]]] = defaultdict(lambda: defaultdict(dict))
    for case in cases():
        _, reasons = case.outcome_and_reasons()
        for reason in reasons:
            found[case.version.id][reason.criterion.id].setdefault(reason.outcome, case)
    return found


VERSIONS = [version for programme in library().programmes.values() for version in programme.versions]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.id)
def test_each_criterion_is_seen_met_failed_and_open(version: Version) -> None:
    lacking = {
        criterion.id: sorted(str(outcome) for outcome in left_out)
        for criterion in walk_criteria(version.criteria)
        if criterion.id and (left_out := possible(criterion) - outcomes_of(version, criterion))
    }
    assert lacking == {}


def outcomes_of(version: Version, criterion: Criterion) -> set[Outcome]:
    """The outcomes that the cases show, and whether the criterion opens where a fact that it read is taken away."""
    shown = seen()[version.id][criterion.id]
    found = set(shown)
    if Outcome.UNKNOWN not in found and Outcome.MET in shown and opens(shown[Outcome.MET], criterion):
        found.add(Outcome.UNKNOWN)
    if Outcome.UNKNOWN not in found and Outcome.FAILED in shown and opens(shown[Outcome.FAILED], criterion):
        found.add(Outcome.UNKNOWN)
    return found


def opens(case: Case, criterion: Criterion) -> bool:
    for name in case.facts:
        _, reasons = case.outcome_and_reasons(without=name)
        if any(one.criterion.id == criterion.id and one.outcome is Outcome.UNKNOWN for one in reasons):
            return True
    return False


def possible(criterion: Criterion) -> set[Outcome]:
    """Which outcomes a criterion can have by the way it is written."""
    test = criterion.test
    if isinstance(test, Literal):
        return {Outcome.FAILED}
    wanted = set(WANTED)
    nodes = [node for one in walk_criteria((criterion,)) if one.test for node in walk(one.test)]
    if criterion.soft:
        wanted.discard(Outcome.FAILED)
    if any(is_call(node, "undetermined") for node in nodes):
        # What is left to a person is not met, or not failed, by figures; that it opens is what counts.
        wanted = {Outcome.UNKNOWN}
    if criterion.applies is not None and any(is_call(node, "given") for node in walk(criterion.applies)):
        # It only applies where the fact is there.
        wanted.discard(Outcome.UNKNOWN)
    return wanted


def is_call(node: Node, function: str) -> bool:
    return isinstance(node, Call) and node.function == function


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_missing_fact_never_makes_an_enterprise_ineligible(path: Path) -> None:
    baseline = read_case(contents()[path], {})
    assert baseline is not None
    assert baseline.outcome_and_reasons()[0] is not Outcome.INELIGIBLE, (
        "the facts of a file are to be of one who may pass"
    )
    turned = [
        name
        for name in baseline.facts
        if name not in WITH_A_DEFAULT and baseline.outcome_and_reasons(without=name)[0] is Outcome.INELIGIBLE
    ]
    assert turned == []
