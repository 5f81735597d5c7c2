"""What both engines answer, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from rules.columnar.engine import Engine, evaluate_population
from rules.columnar.population import Population, from_facts
from rules.evaluate import Answer
from rules.facts import Facts
from rules.programme import Version


@dataclass(frozen=True)
class Said:
    """What an engine says of one enterprise: all that a run keeps."""

    outcome: str
    is_likely: bool
    score: tuple[float | None, float | None]
    failed: list[str]
    unknown: list[str]
    missing: list[str]


def said_by_reference(answer: Answer) -> Said:
    least, most = answer.score or (None, None)
    return Said(
        str(answer.outcome), answer.is_likely,
        (None if least is None else float(least), None if most is None else float(most)),
        answer.failed, answer.unknown, sorted(map(str, answer.missing)),
    )  # fmt: skip


def said_by_columns(engine: Engine, version: Version, population: Population, as_of: date) -> list[Said]:
    """In the order of the population's rows."""
    found = evaluate_population(version, population, as_of, engine, workers=1)
    frame = pl.concat([verdicts.frame(population.ids) for verdicts in found]).sort("enterprise_id")
    return [
        Said(
            row["outcome"], row["is_likely"], (row["score_least"], row["score_most"]), row["failed"], row["unknown"],
            row["missing"],
        )
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip


def assert_agreement(engine: Engine, version: Version, facts: Sequence[Facts], as_of: date) -> None:
    """Both engines say the same of every enterprise."""
    expected = [said_by_reference(engine.evaluator(version).answer(one, as_of)) for one in facts]
    found = said_by_columns(engine, version, from_facts(facts, engine.environment.catalogue), as_of)
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert one == other, f"{version.id} on {as_of}, enterprise {number}: {facts[number]}"
