"""`python -m tests.bench [name…]`: measure, print a table, write build/bench.jsonl.

Without names every module of this folder that has `figures()` is measured. Exit status 1 when a goal is missed.
"""

import json
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from time import perf_counter

from rich.console import Console
from rich.table import Table

from tests.bench import large_registry
from tests.bench.figure import Figure, tell

FOLDER = Path(__file__).parent
OUTPUT = FOLDER.parents[1] / "build" / "bench.jsonl"
Subject = Callable[[], Iterator[Figure]]


def main(names: list[str]) -> int:
    """Measure the named subjects, or all."""
    subjects = find_subjects()
    unknown = [name for name in names if name not in subjects]
    if unknown:
        print(f"No such subject: {', '.join(unknown)}. There are: {', '.join(subjects)}.", file=sys.stderr)  # noqa: T201
        return 2
    try:
        figures = [figure for name in names or subjects for figure in measure(name, subjects[name])]
    finally:
        large_registry.close()
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text("".join(json.dumps(figure.as_line(), ensure_ascii=False) + "\n" for figure in figures))
    print_table(figures)
    return 0 if all(figure.is_reached for figure in figures) else 1


def find_subjects() -> dict[str, Subject]:
    """The modules of this folder that measure something, by name."""
    modules = {
        one.name: import_module(f"tests.bench.{one.name}")
        for one in iter_modules([str(FOLDER)])
        if one.name != "__main__"
    }
    return {name: module.figures for name, module in sorted(modules.items()) if hasattr(module, "figures")}


def measure(name: str, subject: Subject) -> Iterator[Figure]:
    """The figures of a subject, told as they come."""
    start = perf_counter()
    for figure in subject():
        tell(f"{figure.name}: {figure.value:,.1f} {figure.unit}")
        yield figure
    tell(f"— {name} took {perf_counter() - start:.0f} s")


def print_table(figures: list[Figure]) -> None:
    """All figures with their goals."""
    table = Table("figure", title="Tidu bench")
    for column in ("value", "goal"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in figures:
        goal = "" if one.goal is None else f"≤ {one.goal:,g} {one.unit}"
        verdict = "" if one.goal is None else "[green]ok[/]" if one.is_reached else "[red]MISSED[/]"
        table.add_row(one.name, f"{one.value:,.1f} {one.unit}", goal, verdict)
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
