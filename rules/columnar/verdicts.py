"""Criteria judged for many rows: the counterpart of `rules.evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rules.columnar.columns import (
    Column,
    Numbers,
    Truths,
    choose_rows,
    compare,
    conjunction,
    constant,
    judged,
    literal,
    numbers_of,
    truths_of,
)
from rules.columnar.compiling import Meanings
from rules.columnar.frame import Frame, Work
from rules.columnar.masks import Mask, both, but_not, either, inverse, spread, tidy
from rules.columnar.numbers import add, extreme
from rules.columnar.states import KNOWN, UNSAID, State, by_rows, merged
from rules.programme import Criterion


@dataclass(frozen=True)
class Judge:
    """A criterion made ready to be judged."""

    criterion: Criterion
    test: Work | None
    items: tuple[Work, ...]
    applies: Work | None
    children: tuple["Judge", ...]


@dataclass
class Verdict:
    """What came of a criterion in each row; where it does not apply it is neither true nor open."""

    judge: Judge
    truth: Truths
    #: Where it does not apply.
    beside: Mask
    #: Where it was not looked at, because it does not apply by its own condition.
    passed_over: Mask
    children: "list[Verdict]"
    figure: Numbers | None = None

    @property
    def failed(self) -> Mask:
        return but_not(inverse(self.truth.maybe), self.beside)

    @property
    def unknown(self) -> Mask:
        return self.truth.state.unknown


def make_judge(meanings: Meanings, criterion: Criterion) -> Judge:
    """Make a criterion ready.

    Raises:
        Unsupported: this engine cannot do one of its expressions.
    """
    return Judge(
        criterion,
        meanings.remembered(criterion.test) if criterion.test is not None else None,
        tuple(meanings.measure(item) for item in criterion.items),
        meanings.remembered(criterion.applies) if criterion.applies is not None else None,
        tuple(make_judge(meanings, child) for child in criterion.children),
    )


def judge(frame: Frame, ready: Judge) -> Verdict:
    """Judge a criterion for all rows of a frame."""
    applies = truths_of(frame, ready.applies(frame)) if ready.applies is not None else None
    passed_over: Mask = applies.false if applies is not None else False
    if passed_over is True:
        return Verdict(ready, Truths(KNOWN, False), True, True, [])
    verdict = _judge_form(frame, ready)
    verdict.passed_over = passed_over
    verdict.beside = either(verdict.beside, passed_over)
    if ready.criterion.soft:
        verdict.truth = _softened(verdict.truth, verdict.beside)
    if applies is not None and applies.state.unknown is not False:
        verdict.truth = _unsure_whether_it_applies(applies, verdict.truth, verdict.beside)
    verdict.truth = _only_where_it_applies(verdict.truth, verdict.beside)
    return verdict


def _softened(truth: Truths, beside: Mask) -> Truths:
    """Not meeting a soft condition leaves it open, for a person to judge."""
    false = but_not(inverse(truth.maybe), beside)
    return Truths(by_rows((false, UNSAID), (inverse(false), truth.state)), truth.true)


def _unsure_whether_it_applies(applies: Truths, truth: Truths, beside: Mask) -> Truths:
    unsure = but_not(but_not(applies.state.unknown, truth.true), beside)
    state = merged((applies.state, truth.state), unsure)
    return Truths(by_rows((unsure, state), (inverse(unsure), truth.state)), truth.true)


def _only_where_it_applies(truth: Truths, beside: Mask) -> Truths:
    if beside is False:
        return truth
    return Truths(by_rows((inverse(beside), truth.state)), tidy(but_not(truth.true, beside)))


def _judge_form(frame: Frame, ready: Judge) -> Verdict:
    if ready.criterion.form == "require":
        assert ready.test is not None
        return Verdict(ready, truths_of(frame, ready.test(frame)), False, False, [])
    if ready.criterion.form == "score":
        return _judge_score(frame, ready)
    return _judge_parts(frame, ready)


def _judge_parts(frame: Frame, ready: Judge) -> Verdict:
    children = [judge(frame, child) for child in ready.children]
    beside: Mask = True
    for child in children:
        beside = both(beside, child.beside)
    criterion = ready.criterion
    if criterion.form == "at_least":
        truth = _at_least(children, criterion.n, frame.size)
    elif criterion.form == "all_of":
        truth = conjunction([_counting_as_met(child) for child in children])
    else:
        truth = _any_of(children)
    return Verdict(ready, truth, beside, False, children)


def _counting_as_met(verdict: Verdict) -> Truths:
    """The truth with rows that it does not apply to counting as met."""
    if verdict.beside is False:
        return verdict.truth
    return Truths(verdict.truth.state, either(verdict.truth.true, verdict.beside))


def _any_of(children: Sequence[Verdict]) -> Truths:
    true: Mask = False
    maybe: Mask = False
    for child in children:
        true, maybe = either(true, child.truth.true), either(maybe, child.truth.maybe)
    return judged([child.truth for child in children], true, maybe)


def _at_least(children: Sequence[Verdict], n: int, size: int) -> Truths:
    sure, possible = np.zeros(size, dtype=np.int16), np.zeros(size, dtype=np.int16)
    for child in children:
        sure += spread(child.truth.true, size)
        possible += spread(child.truth.maybe, size)
    return judged([child.truth for child in children], tidy(sure >= n), tidy(possible >= n))


def _judge_score(frame: Frame, ready: Judge) -> Verdict:
    criterion = ready.criterion
    total: Numbers = constant(0)
    for item in ready.items:
        total = add(total, _points(frame, item(frame)))
    if criterion.cap is not None:
        total = extreme(frame, [total, constant(criterion.cap)], greatest=False)
    truth = Truths(KNOWN, True)
    if criterion.pass_mark is not None:
        truth = compare(frame, criterion.pass_op, total, literal(criterion.pass_mark))
    return Verdict(ready, truth, False, False, [], figure=total)


def _points(frame: Frame, item: Column) -> Numbers:
    """The points of an item; one that does not exist gives none."""
    return numbers_of(choose_rows(frame, item.state.none, constant(0), item))


def reported(verdicts: Sequence[Verdict], *, failed: bool) -> list[tuple[str, Mask]]:
    """For each criterion that is reported by its id, the rows in which it is failed (or open)."""
    found: list[tuple[str, Mask]] = []

    def look(verdict: Verdict, within: Mask) -> None:
        rows = both(within, verdict.failed if failed else verdict.unknown)
        if verdict.judge.criterion.id:
            found.append((verdict.judge.criterion.id, rows))
            return
        for child in verdict.children:
            look(child, rows)

    for verdict in verdicts:
        look(verdict, True)
    return found


def scores(verdicts: Sequence[Verdict]) -> list[tuple[Mask, Numbers]]:
    """The scores of the tree in its order, each with the rows in which it was worked out."""
    found: list[tuple[Mask, Numbers]] = []

    def look(verdict: Verdict, within: Mask) -> None:
        here = but_not(within, verdict.passed_over)
        if verdict.figure is not None:
            found.append((here, verdict.figure))
        for child in verdict.children:
            look(child, here)

    for verdict in verdicts:
        look(verdict, True)
    return found


def whole_truth(verdicts: Sequence[Verdict]) -> Truths:
    """All criteria together."""
    return conjunction([_counting_as_met(verdict) for verdict in verdicts])


__all__ = ["Judge", "State", "Verdict", "judge", "make_judge", "reported", "scores", "whole_truth"]
