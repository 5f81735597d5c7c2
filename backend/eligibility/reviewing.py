"""Whoever holds a title goes on with it by a review (复核), and is judged by what a review asks.

Some programmes ask otherwise at a review than of a new applicant, and for the reviews of 2026 the little giants' earlier
version still answers (工信厅企业函〔2026〕117号). Rules tell the two apart by the fact `application_type`. That an enterprise
holds the title, the registry knows; so it says which of both it is, programme by programme, unless somebody filed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from backend.eligibility.registry_facts import VALID_UNTIL, region_of
from rules.columnar.population import Population, day_number, stored
from rules.evaluate import Answer, Evaluator
from rules.facts import Facts
from rules.library import Library, NotInForce, Programme
from rules.programme import Version
from rules.values import FactKey

FACT: Final = "application_type"
REVIEW: Final = "review"


def asks_otherwise(programme: Programme) -> bool:
    """Whether a programme's rules tell a review from a new application."""
    if programme.source.programme not in VALID_UNTIL:
        return False
    return any(
        FACT in {*version.indicators, *version.source.answers_for, *(n for b in version.source.batches for n in b.answers_for)}
        for version in programme.versions
    )  # fmt: skip


def as_applied(facts: Facts, programme: Programme, on: date) -> Facts:
    """The facts of an enterprise as it would apply for a programme on a day: who holds the title then is reviewed."""
    until = facts.current.get(VALID_UNTIL.get(programme.source.programme, ""))
    if not isinstance(until, date) or until < on or FACT in facts.current or not asks_otherwise(programme):
        return facts
    return facts.with_value(FactKey(FACT), REVIEW)


@dataclass(frozen=True)
class Applying:
    """An enterprise as it applies for a programme on a day, and the version that answers it."""

    evaluator: Evaluator
    facts: Facts
    on: date

    @property
    def is_review(self) -> bool:
        """Whether it goes on with the title by a review that asks otherwise than of a new applicant."""
        return self.facts.current.get(FACT) == REVIEW and FACT in {
            *self.evaluator.version.indicators, *self.evaluator.version.source.answers_for
        }  # fmt: skip

    def answer(self) -> Answer:
        """What the rules say."""
        return self.evaluator.answer(self.facts, self.on)


def applying(facts: Facts, programme: Programme, on: date, library: Library) -> Applying | None:
    """An enterprise asked about a programme: a holder by what its review asks, anybody else as a new applicant.

    The one place where this is decided for a single enterprise, whoever asks. None where the programme is none of
    enterprises', has no rules or none in force on the day, or is not open where the enterprise is.
    """
    source = programme.source
    facts = as_applied(facts, programme, on)
    if source.subject != "enterprise" or source.status == "empty" or not source.is_open_in(region_of(facts)):
        return None
    try:
        version = library.version(source.programme, on, facts)
    except NotInForce:
        return None
    return Applying(library.evaluator(version), facts, on)


def facts_read(library: Library) -> frozenset[str]:
    """The facts by which is known who is reviewed, and for what."""
    return frozenset(VALID_UNTIL[name] for name, one in library.programmes.items() if asks_otherwise(one))


def reviews(library: Library, population: Population, on: date) -> Iterator[tuple[Library, NDArray[np.bool_]]]:
    """Of a population the rows that are reviewed, for each programme that asks otherwise then: a library of it alone."""
    filed = population.current.get(FACT)
    for name, programme in library.programmes.items():
        held = population.current.get(VALID_UNTIL.get(name, "")) if asks_otherwise(programme) else None
        if held is None or held.values is None:
            continue
        rows = held.values[:-1] >= day_number(on)
        if filed is not None and filed.given is not None:
            rows &= filed.given.is_null().to_numpy()
        if rows.any():
            yield Library(library.catalogue, {name: programme}), rows


def as_applying(programme: Programme, population: Population, on: date) -> tuple[Population, NDArray[np.bool_]]:
    """A population as each would apply for a programme on a day, and the rows of it that are reviewed."""
    alone = Library(population.catalogue, {programme.source.programme: programme})
    held = next((rows for _, rows in reviews(alone, population, on)), np.zeros(population.size, dtype=np.bool_))
    filed = population.current.get(FACT)
    said = pl.Series(FACT, [None], dtype=pl.String).new_from_index(0, population.size)
    said = said if filed is None or filed.given is None else filed.given.cast(pl.String)
    said = pl.select(pl.when(pl.Series(held)).then(pl.lit(REVIEW)).otherwise(said).alias(FACT)).to_series()
    is_reviewed = (said == REVIEW).fill_null(value=False).to_numpy()
    return (_saying(population, said), is_reviewed) if held.any() else (population, is_reviewed)


def answered_by(
    version: Version, programme: Programme, on: date, is_reviewed: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """The rows for which a version answers on a day where reviews go by another than new applications; None is all."""
    try:
        new, review = (programme.in_force(on, Facts(current={FACT: kind})) for kind in ("new", REVIEW))
    except NotInForce:
        return None
    if new is review or not (version is new or version is review):
        return None
    return is_reviewed if version is review else ~is_reviewed


def reviewed(population: Population) -> Population:
    """The same enterprises, each of them reviewed."""
    return _saying(population, pl.Series(FACT, [REVIEW], dtype=pl.String).new_from_index(0, population.size))


def _saying(population: Population, said: pl.Series) -> Population:
    return replace(
        population,
        current={**population.current, FACT: stored(population.catalogue.by_name[FACT], said)},
        about_lists={},
    )
