"""成长路线图: the rungs of the ladder, where the enterprise stands, and what each rung ahead asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from backend.eligibility.reviewing import Applying, applying
from backend.recognitions.ladder import RUNGS, Rung
from backend.self_check.targets import target
from rules.answers import show, unit_of
from rules.evaluate import Outcome, Reason
from rules.explanation import title_of
from rules.facts import Facts
from rules.library import Library
from rules.translation import say
from rules.values import Growth
from rules.wording import beside_figure, operator

#: Criteria named for each programme; the rest is counted.
_MOST_NAMED = 4


@dataclass(frozen=True)
class Step:
    """One programme of a rung: what it answers, and what it still asks."""

    programme: str
    name: str
    outcome: str
    met: int
    criteria: int
    #: Criteria not met, in words, with their gap.
    gaps: Sequence[str]
    #: How many criteria wait for facts.
    open: int
    #: Whether its holder is asked what a review asks.
    is_review: bool = False


@dataclass(frozen=True)
class RungAhead:
    """A rung with its programmes, the nearest first."""

    rung: Rung
    steps: Sequence[Step]

    @property
    def is_reached(self) -> bool:
        """Whether the figures are enough for one of its programmes."""
        return any(one.outcome in ("eligible", "likely") for one in self.steps)


def growth_path(facts: Facts, as_of: date, library: Library) -> list[RungAhead]:
    """Every rung with what its programmes answer on a day; rungs of which nothing is in force are left out.

    Whoever holds a title is asked what its review asks, as everywhere.
    """
    path: list[RungAhead] = []
    for rung in RUNGS:
        if rung.id == "listed":
            continue  # dozens of standards of four boards; they are asked about by themselves
        programmes = [library.programme(name) for name in target(f"rung:{rung.id}", library).programmes]
        asked = [applying(facts, one, as_of, library) for one in programmes]
        # A version without conditions answers nothing.
        steps = [_step(one) for one in asked if one is not None and one.evaluator.version.indicators]
        if steps:
            order = {"eligible": 0, "likely": 1, "undetermined": 2, "ineligible": 3}
            path.append(RungAhead(rung, sorted(steps, key=lambda one: (order[one.outcome], -one.met / one.criteria))))
    return path


def _step(applied: Applying) -> Step:
    answer = applied.answer()
    asked = [one for one in answer.reasons if one.outcome is not Outcome.NOT_APPLICABLE]
    failed = [one for one in asked if one.outcome is Outcome.FAILED]
    return Step(
        answer.version.source.programme, answer.version.programme.name.said,
        "likely" if answer.is_likely else str(answer.outcome),
        sum(one.outcome is Outcome.MET for one in asked), max(len(asked), 1),
        [gap_in_words(one) for one in failed[:_MOST_NAMED]] + (["……"] if len(failed) > _MOST_NAMED else []),
        sum(one.outcome is Outcome.UNKNOWN for one in asked), applied.is_review,
    )  # fmt: skip


def gap_in_words(reason: Reason) -> str:
    """A criterion that is not met, with how far it is: 科技人员占比（现 8%，须 ≥ 10%，差 2%）."""
    name = title_of(reason.criterion)
    if reason.gap is None:
        return name
    shown = reason.criterion.shown
    unit = beside_figure(unit_of(shown))

    def written(value: Any) -> str:
        figure = show(value, "percent" if isinstance(value, Growth) else shown)
        return (
            f"{figure:,}{' ' if unit and unit != '%' else ''}{unit}" if isinstance(figure, int | float) else str(figure)
        )

    return say(
        "{name}（现 {figure}，须 {op} {threshold}，差 {gap}）",
        name=name, figure=written(reason.figure), op=operator(reason.op), threshold=written(reason.threshold),
        gap=written(reason.gap),
    )  # fmt: skip
