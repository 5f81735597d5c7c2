"""Our answers beside those of zen-engine: `python -m tests.rules.outside.zen 100000`.

Both read the same line of JSON. Prints what was compared and every difference; exit status 1 when there is one.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

import zen

from rules.answers import answer_line
from rules.columnar.engine import evaluate_columns
from rules.columnar.population import from_facts
from rules.facts import read_facts
from rules.library import library
from tests.rules.outside import graphs
from tests.rules.outside.enterprises import SEED, Request, hnte_requests, tech_sme_requests

#: How many differences are printed in full.
SHOWN = 10


@dataclass(frozen=True)
class Verdict:
    """What one engine says: the outcome, which criteria are not met or open, and the score where there is one."""

    outcome: str
    failed: frozenset[str]
    unknown: frozenset[str]
    score: float | None = None


@dataclass(frozen=True)
class Difference:
    """A check that the engines answer differently."""

    line: str
    engine: str
    ours: Verdict
    theirs: Verdict


@dataclass
class Comparison:
    """What came of many checks."""

    compared: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    #: How often each criterion was not met, or open: what was never there was not compared.
    seen: Counter[str] = field(default_factory=Counter[str])
    differences: list[Difference] = field(default_factory=list[Difference])


#: Programme → the graph and the checks it is compared on.
PROGRAMMES: dict[str, tuple[Callable[[], str], Callable[[int, int], Iterator[Request]]]] = {
    "hnte": (graphs.hnte, hnte_requests),
    "tech_sme": (graphs.tech_sme, tech_sme_requests),
}


@cache
def checks(programme: str, size: int, seed: int = SEED) -> list[tuple[str, Verdict]]:
    """Invented checks as lines of JSON, and our answers to them."""
    return [(line, our_verdict(line)) for line in map(json.dumps, PROGRAMMES[programme][1](size, seed))]


def compare(programme: str, size: int, seed: int = SEED) -> Comparison:
    """Put invented checks to both engines.

    Args:
        programme: a key of `PROGRAMMES`.
        size: how many checks.
    """
    found = Comparison()
    for difference, ours in verdicts(checks(programme, size, seed), PROGRAMMES[programme][0]()):
        found.compared += 1
        found.outcomes[ours.outcome] += 1
        found.seen.update(f"{name} failed" for name in ours.failed)
        found.seen.update(f"{name} unknown" for name in ours.unknown)
        if difference is not None:
            found.differences.append(difference)
    return found


def verdicts(checked: Iterable[tuple[str, Verdict]], graph: str) -> Iterator[tuple[Difference | None, Verdict]]:
    """Our answer to each check, and how that of a graph differs."""
    decision = zen.ZenEngine().create_decision(graph)
    for line, ours in checked:
        theirs = their_verdict(decision, line)
        yield Difference(line, "zen-engine", ours, theirs) if ours != theirs else None, ours


def our_verdict(line: str) -> Verdict:
    """What the reference says, as `tidu check` would."""
    answer = answer_line(line, library())
    if "error" in answer:
        raise AssertionError(f"an invented enterprise was not understood: {answer['error']}")
    score = answer["score"]["value"] if answer["programme"] == "tech_sme" else None
    return Verdict(answer["outcome"], frozenset(answer["failed"]), frozenset(answer["unknown"]), score)


def their_verdict(decision: zen.ZenDecision, line: str) -> Verdict:
    """What zen-engine says."""
    answer: dict[str, Any] = dict(decision.evaluate(line)["result"])
    outcome, score = answer.pop("outcome"), answer.pop("score", None)
    words = {word: frozenset(name for name, said in answer.items() if said == word) for word in ("failed", "unknown")}
    return Verdict(outcome, words["failed"], words["unknown"], score)


def compare_columns(programme: str, size: int, seed: int = SEED) -> Comparison:
    """Put the same checks to the columnar engine and the reference."""
    found, rules = Comparison(), library()
    parsed = [(line, ours, json.loads(line, parse_float=Decimal)) for line, ours in checks(programme, size, seed)]
    parsed.sort(key=lambda one: one[2]["as_of"])
    for day, group in groupby(parsed, key=lambda one: one[2]["as_of"]):
        held, as_of = list(group), date.fromisoformat(day)
        version = rules.version(held[0][2]["programme"], as_of)
        facts = [read_facts(check["facts"], rules.catalogue, as_of) for _, _, check in held]
        rows = evaluate_columns(version, from_facts(facts, rules.catalogue), as_of, rules.environment)
        for (line, ours, _), row in zip(held, rows.iter_rows(named=True), strict=True):
            score = None if ours.score is None else row["score_least"]
            columns = Verdict(row["outcome"], frozenset(row["failed"]), frozenset(row["unknown"]), score)
            found.compared += 1
            found.outcomes[ours.outcome] += 1
            if ours != columns:
                found.differences.append(Difference(line, "columns", ours, columns))
    return found


def main(size: int) -> int:
    """Compare all programmes and print what came of it."""
    differences: list[Difference] = []
    for programme in PROGRAMMES:
        for name, work in (("zen-engine", compare), ("columnar engine", compare_columns)):
            found = work(programme, size, SEED)
            differences += found.differences
            outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(found.outcomes.items()))
            _print(f"{programme}, {name}: {found.compared:,} compared ({outcomes}), {len(found.differences):,} differ")
            if found.seen:
                _print("  " + ", ".join(f"{criterion} {count:,}" for criterion, count in sorted(found.seen.items())))
            _print_all(found.differences[:SHOWN])
    return 1 if differences else 0


def _print_all(differences: Iterable[Difference]) -> None:
    for one in differences:
        _print(f"  {one.line}\n    ours {one.ours}\n    {one.engine} {one.theirs}")


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000))
