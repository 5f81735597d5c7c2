"""The rules over a million invented enterprises, all facts in memory: HNTE's nine criteria, and the whole library."""

import resource
from collections.abc import Iterator
from datetime import date
from time import process_time

import numpy as np

from rules.columnar.engine import Engine, evaluate_population
from rules.columnar.population import Population, from_frames
from rules.columnar.runs import evaluate_library
from rules.language import with_derivations
from rules.library import library
from rules.simulation import Patch, Simulation, apply_patch, simulate
from tests.bench.columns_registry import registry
from tests.bench.figure import Figure, median_seconds, processor_seconds, seconds

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
    yield Figure(
        "  of processor time", processor_seconds(lambda: evaluate_population(version, population, AS_OF, engine)), "s"
    )
    yield Figure("  of them answered by the reference", referred, "rows")
    yield from _simulation(engine, population, [f"3212{number % 10:02}" for number in range(SIZE)])


#: 高企认定 of scientists at 8 % instead of 10 %, R&D at 6 % for the smallest, and incidents looked at no more.
PATCH = Patch(
    programme="hnte",
    version="2016",
    set={
        "H4": "sci_tech_staff / employee_total >= 8%",
        "rd_intensity_needed": "6% if sales_revenue <= 5000万 else 4% if sales_revenue <= 2亿 else 3%",
    },
    drop=("H8",),
)


def _simulation(engine: Engine, population: Population, regions: list[str]) -> Iterator[Figure]:
    before, after = library().version("hnte", AS_OF), apply_patch(PATCH, library())
    found: list[Simulation] = []

    def run() -> None:
        found[:] = [simulate(before, after, population, AS_OF, engine)]
        found[0].by_group(regions)
        found[0].deciding()

    yield Figure("a policy simulated over 1,000,000, with who moves by region", median_seconds(run, TIMES), "s", 5.0)
    yield Figure("  of processor time", processor_seconds(run), "s")
    yield Figure("  enterprises that enter or leave", len(found[0].entering) + len(found[0].leaving), "enterprises")


def _library(engine: Engine) -> Iterator[Figure]:
    rules, taken, worked, answers, referred = library(), 0.0, 0.0, 0, 0
    ids, current, yearly = registry(PART, rules.catalogue)
    for _ in range(SIZE // PART):
        population = from_frames(np.array(ids), current, yearly, rules.catalogue)
        found: list[tuple[int, int]] = []

        def run(into: list[tuple[int, int]] = found) -> None:
            for verdicts in evaluate_library(rules, population, AS_OF, engine):  # noqa: B023 – called at once
                into.extend((len(one.rows), one.referred) for one in verdicts)

        begun = process_time()
        taken += seconds(run)
        worked += process_time() - begun
        answers += sum(rows for rows, _ in found)
        referred += sum(rows for _, rows in found)
    yield Figure("the whole library over 1,000,000 enterprises", taken, "s", 10.0)
    yield Figure("  of processor time", worked, "s")
    yield Figure("  answers given", answers, "answers")
    yield Figure("  of them by the reference", referred, "answers")
    # Linux counts in KiB; the invented registry's frames are in it.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    yield Figure("  peak memory of the process", peak, "GiB", 4.0)


def _reads(indicators: tuple[str, ...]) -> frozenset[str]:
    """The indicators of a version and those that they are derived from."""
    return with_derivations({*indicators, "established_on"}, library().catalogue)
