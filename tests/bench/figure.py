"""A measured figure, and how to measure one."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

#: Everything invented or drawn in a measurement starts from here, so that two runs measure the same.
SEED = 20261121


@dataclass(frozen=True)
class Figure:
    """What was measured, and the most it may be (`goal`); without a goal it is only told."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def is_reached(self) -> bool:
        """Whether the figure stays within its goal."""
        return self.goal is None or self.value <= self.goal

    def as_line(self) -> dict[str, object]:
        """The line of `build/bench.jsonl`."""
        value = round(self.value, 3)
        return {"name": self.name, "value": value, "unit": self.unit, "goal": self.goal, "ok": self.is_reached}


def seconds(work: Callable[[], object]) -> float:
    """How long some work takes."""
    start = perf_counter()
    work()
    return perf_counter() - start


def processor_seconds(work: Callable[[], object]) -> float:
    """How much of the processors some work takes, whoever else is using them."""
    start = process_time()
    work()
    return process_time() - start


def median_seconds(work: Callable[[], object], times: int) -> float:
    """The median of several runs, after one that warms up."""
    work()
    return median(seconds(work) for _ in range(times))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def tell(line: str) -> None:
    """Say what goes on, on stderr, so that stdout holds the table only."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201
