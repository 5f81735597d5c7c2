"""Measure everything that defines `figures()`: `python -m bench [NAME …]`."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

import bench
from bench.figure import Figure

REPORT = Path("build/bench.jsonl")


def collected(wanted: list[str]) -> Iterator[Figure]:
    """The figures of all modules, or of those named."""
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name.startswith("_") or (wanted and module.name not in wanted):
            continue
        figures: Callable[[], list[Figure]] | None = getattr(
            importlib.import_module(f"bench.{module.name}"), "figures", None
        )
        if figures is not None:
            yield from figures()


def main() -> None:
    """Print a table and write the report."""
    table = Table("figure", "value", "unit", "goal", "")
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("w", encoding="utf-8") as report:
        for figure in collected(sys.argv[1:]):
            report.write(json.dumps(figure.line(), ensure_ascii=False) + "\n")
            report.flush()
            goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {figure.goal:g}"
            table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, goal, "ok" if figure.ok else "missed")
    Console().print(table)


if __name__ == "__main__":
    main()
