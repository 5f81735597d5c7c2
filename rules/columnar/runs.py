"""A whole library run over a population."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
from numpy.typing import NDArray

from rules.columnar.choosing import versions_of
from rules.columnar.engine import Engine, Portion, Verdicts, portions
from rules.columnar.masks import both, holds_anywhere, spread
from rules.columnar.population import Population
from rules.library import Library
from rules.programme import Version

#: Of a population the enterprises that a version is asked for at all.
Asked = Callable[[Population, Version], NDArray[np.bool_]]


def evaluate_library(
    library: Library, population: Population, as_of: date, engine: Engine, asked: Asked | None = None, workers: int = 2
) -> Iterator[list[Verdicts]]:
    """What every programme answers, portion by portion; programmes of zones and those without rules are left out.

    Args:
        library: all programmes; each row is answered by the version in force for it.
        population: the enterprises.
        as_of: the day of the check.
        engine: made for the library's environment, kept between runs.
        asked: leaves a version out for some enterprises; all are asked if left out.
        workers: how many portions are worked on at once.
    """
    for programme in library.programmes.values():
        for version in programme.versions:
            engine.prepare(version)
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(
            lambda portion: list(_answers(library, portion, engine, asked)), portions(population, as_of)
        )


def _answers(library: Library, portion: Portion, engine: Engine, asked: Asked | None) -> Iterator[Verdicts]:
    remembered: dict[str, NDArray[np.bool_]] = {}
    for programme in library.programmes.values():
        if programme.source.subject != "enterprise" or programme.source.status == "empty":
            continue
        for version, where in versions_of(programme, portion):
            wanted = where
            if asked is not None:
                if version.id not in remembered:
                    remembered[version.id] = asked(portion.population, version)[portion.rows]
                wanted = both(where, remembered[version.id])
            if not holds_anywhere(wanted):
                continue
            part = portion if where is True else portion.part(spread(where, portion.size))
            kept = spread(wanted, portion.size)
            for verdicts in engine.answer(version, part):
                yield verdicts if wanted is where else verdicts.kept(_of_rows(verdicts, portion, kept))


def _of_rows(verdicts: Verdicts, portion: Portion, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the rows answered are kept."""
    numbers = portion.numbers()
    return kept[np.searchsorted(numbers, verdicts.rows)]
