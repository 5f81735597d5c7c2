"""Begins `tidu import` again and again and kills each with SIGKILL: `python killing.py FILE SEED`, the database in the
environment.

Each line read from stdin is the longest an import may live, in milliseconds; it lives a random part of that. The line
printed says whether it was `killed` or had `ended` before. A process that has loaded the program forks each import, so
that many can be killed in the time that one takes to start.
"""

import os
import random
import signal
import sys
import time
from importlib import import_module

from backend.cli import app
from rules.library import library


def main(file: str, seed: str) -> None:
    """Answer each line."""
    library()
    for needed in (
        "backend.spreadsheets.service",
        "backend.spreadsheets.running",
        "backend.spreadsheets.problems_workbook",
        "backend.eligibility.service",
    ):
        import_module(needed)
    chance = random.Random(seed)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            app(["import", file])
        time.sleep(int(line) / 1000 * chance.random())
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "ended", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
