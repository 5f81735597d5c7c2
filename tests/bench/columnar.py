"""The rules over a million invented enterprises, all facts in memory: HNTE's nine criteria, and the whole library."""

import resource
from collections.abc import Iterator
from datetime import date

import numpy as np

from rules.columnar.engine import Engine, evaluate_population
from rules.columnar.population import from_frames
from rules.columnar.runs import evaluate_library
from rules.language import with_derivations
from rules.library import library
from tests.bench.columns_registry import registry
from tests.bench.figure import Figure, median_seconds, seconds

AS_OF = date(2026, 6, 1)
SIZE = 1_000_000
#: The library reads hundreds of columns: it is run over a quarter of a million at a time, as a run over a registry is.
PART = 250_000
TIMES = 3


def figures() -> Iterator[Figure]:
    """Seconds for a million, rows handed to the reference included."""
    rules = library()
    engine = Engine(rules.environment)
    yield Figure("the library made ready for columns", seconds(lambda: _prepare(engine)), "s")
    yield from _hnte(engine)
    yield from _library(engine)


def _prepare(engine: Engine) -> None:
    for programme in library().programmes.values():
        for version in programme.versions:
            engine.prepare(version)


def _hnte(engine: Engine) -> Iterator[Figure]:
    catalogue = library().catalogue
    version = library().version("hnte", AS_OF)
    ids, current, yearly = registry(SIZE, catalogue, _reads(version.indicators))
    population = from_frames(ids, current, yearly, catalogue)
    referred = sum(one.referred for one in evaluate_population(version, population, AS_OF, engine))
    taken = median_seconds(lambda: evaluate_population(version, population, AS_OF, engine), TIMES)
    yield Figure("HNTE over 1,000,000 enterprises, with bitmaps of failed, unknown and missing", taken, "s", 5.0)
    yield Figure("  of them answered by the reference", referred, "rows")


def _library(engine: Engine) -> Iterator[Figure]:
    rules, taken, answers, referred = library(), 0.0, 0, 0
    ids, current, yearly = registry(PART, rules.catalogue)
    for _ in range(SIZE // PART):
        population = from_frames(np.array(ids), current, yearly, rules.catalogue)
        found: list[tuple[int, int]] = []

        def run(into: list[tuple[int, int]] = found) -> None:
            for verdicts in evaluate_library(rules, population, AS_OF, engine):  # noqa: B023 – called at once
                into.extend((len(one.rows), one.referred) for one in verdicts)

        taken += seconds(run)
        answers += sum(rows for rows, _ in found)
        referred += sum(rows for _, rows in found)
    yield Figure("the whole library over 1,000,000 enterprises", taken, "s", 10.0)
    yield Figure("  answers given", answers, "answers")
    yield Figure("  of them by the reference", referred, "answers")
    # Linux counts in KiB; the invented registry's frames are in it.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    yield Figure("  peak memory of the process", peak, "GiB", 4.0)


def _reads(indicators: tuple[str, ...]) -> frozenset[str]:
    """The indicators of a version and those that they are derived from."""
    return with_derivations({*indicators, "established_on"}, library().catalogue)
