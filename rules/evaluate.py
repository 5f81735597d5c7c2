"""One enterprise, one programme, one day: the outcome, and why. This is the reference meaning of the rules.

The answer mirrors the rule file: for each criterion its outcome, the figure found, the threshold, the gap in the
figure's own unit, the citation and the facts that were read.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Any

from rules.catalogue import Indicator, Nature, Type
from rules.facts import FactProblem, Facts
from rules.interpret import Context, Environment, Meaning, meaning
from rules.language import Compare
from rules.programme import Criterion, Version
from rules.translation import marked, say
from rules.values import (
    NOTHING,
    FactKey,
    Number,
    Truth,
    Unknown,
    Value,
    add,
    bounds,
    compare,
    conjunction,
    disjunction,
    least,
    merge,
)  # fmt: skip


class Outcome(StrEnum):
    """Outcome of a criterion, and of a programme."""

    MET = "met"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"
    ELIGIBLE = "eligible"
    UNDETERMINED = "undetermined"
    INELIGIBLE = "ineligible"


@dataclass(slots=True)
class Reason:
    """What came of one criterion."""

    criterion: Criterion
    outcome: Outcome
    truth: Truth | None
    figure: Value = None
    threshold: Value = None
    op: str = ""
    facts: list[tuple[FactKey, Value]] = field(default_factory=list[tuple[FactKey, Value]])
    items: list[tuple[str, Value]] = field(default_factory=list[tuple[str, Value]])
    children: list["Reason"] = field(default_factory=list["Reason"])

    @property
    def missing(self) -> frozenset[FactKey]:
        """The facts that would settle an open criterion."""
        return self.truth.missing if isinstance(self.truth, Unknown) else NOTHING

    @property
    def note(self) -> str:
        """Why the criterion is open, where no missing fact says it."""
        return say(self.truth.note) if isinstance(self.truth, Unknown) else ""

    @property
    def gap(self) -> Number | None:
        """How far a failed figure is from its threshold, in the figure's own unit; None where it has none."""
        if self.outcome is not Outcome.FAILED or isinstance(self.figure, bool) or isinstance(self.threshold, bool):
            return None
        if isinstance(self.figure, int | Fraction) and isinstance(self.threshold, int | Fraction):
            return abs(self.threshold - self.figure)
        return None


@dataclass(slots=True)
class Answer:
    """The answer to one check."""

    version: Version
    as_of: date
    outcome: Outcome
    reasons: list[Reason]
    score: tuple[Number | None, Number | None] | None
    pass_mark: tuple[str, Number] | None
    labels: dict[str, Value]
    warnings: list[str]
    missing: frozenset[FactKey]
    #: Nothing is open but what a person has to confirm, or records of misconduct: 基本符合.
    is_likely: bool
    dropped: list[FactProblem]

    @property
    def failed(self) -> list[str]:
        """Ids of the criteria that are not met."""
        return [one for reason in self.reasons for one in reported(reason, Outcome.FAILED)]

    @property
    def unknown(self) -> list[str]:
        """Ids of the criteria that are still open."""
        return [one for reason in self.reasons for one in reported(reason, Outcome.UNKNOWN)]


def reported(reason: Reason, outcome: Outcome) -> list[str]:
    """Ids to report for a criterion with an outcome: its own, or those of its parts where it has none.

    A failed choice names the failing parts of every branch; one that is met or still open names nothing of the
    branches that failed.
    """
    if reason.outcome is not outcome:
        return []
    if reason.criterion.id:
        return [reason.criterion.id]
    return [one for child in reason.children for one in reported(child, outcome)]


@dataclass(frozen=True)
class _Compiled:
    """A criterion with its expressions turned into functions."""

    criterion: Criterion
    left: Meaning | None
    right: Meaning | None
    op: str
    test: Meaning | None
    applies: Meaning | None
    children: tuple["_Compiled", ...]


class Evaluator:
    """A version made ready to be asked many times."""

    def __init__(self, version: Version, environment: Environment) -> None:
        self.version = version
        self.environment = environment
        self.measures = {measure.id: meaning(measure.node) for measure in version.measures}
        self.criteria = tuple(_compile(criterion) for criterion in version.criteria)
        self.labels = [(label.id, meaning(label.node)) for label in version.labels]
        self.warnings = [(meaning(warning.when), warning) for warning in version.warnings]
        self.founding = environment.catalogue.by_name.get("established_on")
        #: Indicators whose derivation goes before what was reported.
        self.overruled = {one.id: one for one in environment.catalogue.indicators if one.derive and one.derived_wins}

    def answer(self, facts: Facts, as_of: date) -> Answer:
        """Evaluate the version for one enterprise on one day."""
        context = self.context(facts, as_of)
        reasons = [_reason(context, criterion) for criterion in self.criteria]
        context.trail = []  # what labels and warnings read belongs to no criterion
        truth = conjunction([one.truth for one in reasons if one.truth is not None])
        score, mark = _score_of(reasons)
        missing = truth.missing if isinstance(truth, Unknown) else NOTHING
        return Answer(
            version=self.version, as_of=as_of, outcome=_verdict(truth), reasons=reasons, score=score, pass_mark=mark,
            labels={name: label(context) for name, label in self.labels},
            warnings=[
                *self._assumptions(facts, context.base_year),
                *self._contradictions(context),
                *(warning.message for when, warning in self.warnings if when(context) is True),
            ],
            missing=missing, is_likely=isinstance(truth, Unknown) and self._only_people_are_asked(truth),
            dropped=facts.dropped,
        )  # fmt: skip

    def reason(self, position: int, facts: Facts, as_of: date, waited: timedelta = timedelta()) -> Reason:
        """What comes of one criterion alone, by its position in the file.

        With `waited`, on a later day but with the figures of the years that stand now.
        """
        context = self.context(facts, as_of)
        context.as_of = as_of + waited
        return _reason(context, self.criteria[position])

    def part(self, path: tuple[int, ...], facts: Facts, as_of: date) -> Reason:
        """What comes of a part of a criterion alone: the criterion's position in the file, then in each part's parts."""
        compiled = self.criteria[path[0]]
        for place in path[1:]:
            compiled = compiled.children[place]
        return _reason(self.context(facts, as_of), compiled)

    def measure(self, name: str, facts: Facts, as_of: date) -> Value:
        """What one measure comes to."""
        return self.context(facts, as_of).measure(name)

    def context(self, facts: Facts, as_of: date) -> Context:
        """The context of a check: the day, the fiscal year that counts as last, the founding year."""
        founded = facts.current.get("established_on")
        founded_in = founded.year if isinstance(founded, date) else None
        year = self._base_year(facts, as_of)
        if self.version.source.first_year_actuals and founded_in == as_of.year:
            year = as_of.year
        return Context(self.environment, facts, as_of, year, self.measures, founded_in, base_year=year)

    def _base_year(self, facts: Facts, as_of: date) -> int:
        rule = self.version.source.fiscal_year
        if isinstance(rule, int):
            return rule
        if rule == "latest_audited":
            audited = facts.current.get("latest_audited_fy")
            # Annual audits are normally out by the end of April.
            return audited if isinstance(audited, int) else as_of.year - (1 if as_of.month >= 5 else 2)
        return as_of.year - 1

    def _assumptions(self, facts: Facts, year: int) -> list[str]:
        """What was taken for granted, so that the reader can correct it."""
        if self.version.source.fiscal_year != "latest_audited" or "latest_audited_fy" in facts.current:
            return []
        return [say("未填报最近一个经审计会计年度，按 {year} 年测算；如不符请填报后重新测评。", year=year)]

    def _contradictions(self, context: Context) -> list[str]:
        """Figures that were reported otherwise than they follow from others; the answer took the latter."""
        found: list[str] = []
        for key, value in context.cache.items():
            if key.indicator not in self.overruled:
                continue
            indicator = self.overruled[key.indicator]
            reported = context.reported(indicator, key)
            if reported is not None and _differ(reported[0], value, indicator):
                found.append(
                    say("“{name}”的填报值与计算值不一致，按计算值测算；请核对。", name=indicator.name)
                    if key.year is None
                    else say(
                        "{year} 年“{name}”的填报值与计算值不一致，按计算值测算；请核对。",
                        year=key.year,
                        name=indicator.name,
                    )
                )
        return found

    def _only_people_are_asked(self, truth: Unknown) -> bool:
        asked = (self.environment.catalogue.by_name[key.indicator] for key in truth.missing)
        natures = [indicator.nature for indicator in asked if not indicator.is_exception]
        return bool(natures) and all(nature is not Nature.FIGURE for nature in natures)


def _differ(reported: Value, worked_out: Value, indicator: Indicator) -> bool:
    """Whether two values of an indicator contradict each other; amounts are exact, other figures may be rounded."""
    numbers = (reported, worked_out)
    if indicator.type is Type.MONEY or any(
        isinstance(one, bool) or not isinstance(one, int | Fraction) for one in numbers
    ):
        return reported != worked_out
    first, second = (Fraction(one) for one in numbers if isinstance(one, int | Fraction))
    return abs(first - second) * 100 > max(abs(first), abs(second)) * indicator.tolerance_percent


def _verdict(truth: Truth) -> Outcome:
    if isinstance(truth, Unknown):
        return Outcome.UNDETERMINED
    return Outcome.ELIGIBLE if truth else Outcome.INELIGIBLE


def _compile(criterion: Criterion) -> _Compiled:
    test = criterion.test
    split = isinstance(test, Compare)
    return _Compiled(
        criterion,
        meaning(test.left) if split else None,
        meaning(test.right) if split else None,
        test.op if split else "",
        meaning(test) if test is not None and not split else None,
        meaning(criterion.applies) if criterion.applies is not None else None,
        tuple(_compile(child) for child in criterion.children),
    )


def _reason(context: Context, compiled: _Compiled) -> Reason:
    # Emptied first: what was read to see whether the criterion applies is this one's, not the one's before it.
    context.trail = []
    applies: Any = compiled.applies(context) if compiled.applies is not None else True
    if applies is False or applies is None:
        return Reason(compiled.criterion, Outcome.NOT_APPLICABLE, None)
    reason = _FORMS[compiled.criterion.form](context, compiled)
    truth = reason.truth
    if compiled.criterion.soft and truth is False:
        truth = Unknown(note=marked("条文为“一般”要求，未达到时由人工判断"))
    if isinstance(applies, Unknown) and truth is not None and truth is not True:
        truth = merge(applies, truth)
    reason.truth = truth
    reason.outcome = _outcome(truth)
    return reason


def _outcome(truth: Truth | None) -> Outcome:
    if truth is None:
        return Outcome.NOT_APPLICABLE
    if isinstance(truth, Unknown):
        return Outcome.UNKNOWN
    return Outcome.MET if truth else Outcome.FAILED


def _require(context: Context, compiled: _Compiled) -> Reason:
    if compiled.left is not None and compiled.right is not None:
        figure, threshold = compiled.left(context), compiled.right(context)
        truth = compare(compiled.op, figure, threshold)
        return Reason(compiled.criterion, Outcome.MET, truth, figure, threshold, compiled.op, context.trail)
    assert compiled.test is not None
    judged: Any = compiled.test(context)
    judged = False if judged is None else judged  # a truth that is known not to exist
    return Reason(compiled.criterion, Outcome.MET, judged, facts=context.trail)


def _composite(context: Context, compiled: _Compiled) -> Reason:
    children = [_reason(context, child) for child in compiled.children]
    truths = [child.truth for child in children if child.truth is not None]
    truth: Truth | None
    if not truths:
        truth = None
    elif compiled.criterion.form == "all_of":
        truth = conjunction(truths)
    elif compiled.criterion.form == "any_of":
        truth = disjunction(truths)
    else:
        truth = _at_least(truths, compiled.criterion.n)
    return Reason(compiled.criterion, Outcome.MET, truth, children=children)


def _at_least(truths: list[Truth], n: int) -> Truth:
    sure = sum(truth is True for truth in truths)
    open_ones = [truth for truth in truths if isinstance(truth, Unknown)]
    if sure >= n:
        return True
    return merge(*open_ones) if sure + len(open_ones) >= n else False


def _score(context: Context, compiled: _Compiled) -> Reason:
    criterion = compiled.criterion
    items = [(item, context.measure(item)) for item in criterion.items]
    total: Value = 0
    for _, points in items:
        total = add(total, 0 if points is None else points)
    if criterion.cap is not None:
        total = least([total, criterion.cap])
    truth: Truth | None = True
    if criterion.pass_mark is not None:
        truth = compare(criterion.pass_op, total, criterion.pass_mark)
    return Reason(
        criterion,
        Outcome.MET,
        truth,
        total,
        criterion.pass_mark,
        criterion.pass_op,
        context.trail,
        items=items,
    )


_FORMS = {
    "require": _require,
    "all_of": _composite,
    "any_of": _composite,
    "at_least": _composite,
    "score": _score,
}


def _score_of(
    reasons: list[Reason],
) -> tuple[tuple[Number | None, Number | None] | None, tuple[str, Number] | None]:
    """The first score in the tree, as its least and greatest value, and its pass mark."""
    for reason in reasons:
        if reason.criterion.form == "score":
            mark = reason.criterion.pass_mark
            return bounds(reason.figure), (reason.criterion.pass_op, mark) if mark is not None else None
        found = _score_of(reason.children)
        if found[0] is not None:
            return found
    return None, None
