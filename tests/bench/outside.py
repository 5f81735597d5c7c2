"""Beside other engines: one check explained (zen-engine), and hnte over a million enterprises (openfisca-core)."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import zen

from rules.answers import present
from rules.columnar.engine import OUTCOMES, Engine, Verdicts, evaluate_population
from rules.facts import read_facts
from rules.library import library
from tests.bench.checks import AS_OF, hnte_facts
from tests.bench.figure import SEED, Figure, processor_seconds, seconds
from tests.rules.outside import graphs, million

SIZE = 1_000_000
TIMES = 5
SINGLE_TIMES = 1_000
#: A check with its full explanation, from facts as read.
MOST_MICROSECONDS = 300
#: Our time as a multiple of openfisca-core's.
MOST_TIMES_OPENFISCA = 3
#: Our time for an enterprise in columns as a share of one call of zen-engine.
MOST_PERCENT_OF_ZEN = 1


def figures() -> Iterator[Figure]:
    """Ours and theirs of the same run."""
    zen_seconds, own_seconds = single_checks()
    yield Figure("zen-engine: one hnte check, with trace", zen_seconds * 1e6, "µs")
    yield Figure("tidu: the same check, with its full explanation", own_seconds * 1e6, "µs", MOST_MICROSECONDS)
    try:
        from tests.rules.outside import openfisca_hnte
    except ModuleNotFoundError:
        print("openfisca-core: not measured: not installed")  # noqa: T201
        return
    found = populations(openfisca_hnte)
    theirs, ours, with_gaps = (median(found[name]) for name in ("openfisca", "tidu", "gaps"))
    their_work, our_work = (median(found[name]) for name in ("openfisca, processor", "tidu, processor"))
    yield Figure("openfisca-core: hnte over a million, two-valued", theirs, "s")
    yield Figure("tidu: hnte over a million, all known, with reasons", ours, "s")
    yield Figure("tidu: hnte over a million, a tenth of the facts missing", with_gaps, "s")
    yield Figure("tidu's time as a multiple of openfisca-core's", ours / theirs, "×", MOST_TIMES_OPENFISCA)
    yield Figure("the same in processor time", our_work / their_work, "×")
    yield Figure("the same, a tenth of the facts missing", with_gaps / theirs, "×")
    yield Figure(
        "tidu in columns as a share of zen-engine's single calls",
        ours / SIZE / zen_seconds * 100,
        "%",
        MOST_PERCENT_OF_ZEN,
    )
    yield Figure("enterprises that float32 judges otherwise", found["differing"][0], "of 1,000,000")


def single_checks() -> tuple[float, float]:
    """Median seconds of one explained check: zen-engine's, and ours; taken in turn."""
    rules = library()
    version = rules.version("hnte", AS_OF)
    raw = hnte_facts() | {"ip_class2_used_before_count": 0}
    facts, evaluator = read_facts(raw, rules.catalogue, AS_OF), rules.evaluator(version)
    decision = zen.ZenEngine().create_decision(graphs.hnte())
    context = json.loads(json.dumps({"as_of": AS_OF.isoformat(), "facts": raw}))
    if decision.evaluate(context)["result"]["outcome"] != "eligible":
        raise AssertionError("zen-engine finds the enterprise of the measurement not eligible")
    works: tuple[Callable[[], Any], ...] = (
        lambda: decision.evaluate(context, {"trace": True}),
        lambda: present(evaluator.answer(facts, AS_OF), rules),
    )
    taken = [[seconds(work) for work in works] for _ in range(SINGLE_TIMES)]
    theirs, ours = zip(*taken, strict=True)
    return median(theirs), median(ours)


def populations(other: Any) -> dict[str, list[float]]:
    """Seconds of each engine over the same enterprises, taken in turn; and how many it judges otherwise."""
    rules = library()
    drawn = million.draw(SIZE, SEED)
    known, with_gaps = (million.population(drawn, rules.catalogue, share) for share in (0.0, million.MISSING))
    version, engine, system = rules.version("hnte", million.AS_OF), Engine(rules.environment), other.system()
    found: defaultdict[str, list[float]] = defaultdict(list)
    said: dict[str, Any] = {}

    def judge(name: str, population: Any) -> None:
        said[name] = evaluate_population(version, population, million.AS_OF, engine)

    for number in range(TIMES + 1):
        # openfisca-core remembers what it has worked out, so each run begins with a new simulation.
        simulation = other.simulation(system, drawn)
        works: dict[str, Callable[[], object]] = {
            "openfisca": lambda made=simulation: said.update(openfisca=other.calculate(made)),
            "tidu": lambda: judge("tidu", known),
            "gaps": lambda: judge("gaps", with_gaps),
        }
        for name, work in works.items():
            worked: list[float] = []
            taken = seconds(lambda work=work, into=worked: into.append(processor_seconds(work)))
            if number:  # the first run warms up
                found[name].append(taken)
                found[f"{name}, processor"].append(worked[0])
    return found | {"differing": [float(_differing(said["tidu"], said["openfisca"]))]}


def _differing(ours: list[Verdicts], theirs: Any) -> int:
    eligible = np.zeros(SIZE, dtype=np.bool_)
    for portion in ours:
        eligible[portion.rows] = portion.outcomes == OUTCOMES.index("eligible")
    return int((eligible != theirs).sum())
