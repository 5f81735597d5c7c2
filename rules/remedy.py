"""From “not yet” to what would do it: for each unmet criterion the smallest change of each fact that meets it.

Nothing here knows what a criterion means. A change is found by asking the reference engine again with the fact
changed, and is given only if it has been replayed: applied to the facts, the criterion is met. What no change of a
figure can mend (age, history) is answered with the first day on which time alone will have mended it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations

from rules.catalogue import Indicator, Nature, Type
from rules.evaluate import Answer, Evaluator, Outcome, Reason
from rules.facts import MOST_MONEY_FEN, Facts
from rules.language import FEN_PER_WAN
from rules.translation import say
from rules.values import FactKey, Number, Unknown, Value, bounds, simple
from rules.wording import beside_figure, fact_name, unit_of_indicator, yes_or_no

#: How far ahead a remedy that only time brings is looked for.
MOST_DAYS = 6 * 366
#: The smallest change of a figure by its type; money moves by a hundredth of 万元, as people report it.
_STEP: dict[Type, Fraction] = {
    Type.MONEY: Fraction(FEN_PER_WAN, 100), Type.COUNT: Fraction(1), Type.HEADCOUNT: Fraction(1),
    Type.PERCENT: Fraction(1, 100), Type.NUMBER: Fraction(1, 100),
}  # fmt: skip
_MOST: dict[Type, int] = {
    Type.MONEY: MOST_MONEY_FEN,
    Type.COUNT: 10**7,
    Type.HEADCOUNT: 10**7,
    Type.PERCENT: 10**5,
    Type.NUMBER: 10**6,
}
_MOST_MOVES = 3


@dataclass(frozen=True)
class Change:
    """One fact made another: from what is held to what would be needed."""

    key: FactKey
    indicator: Indicator = field(compare=False)
    held: Value
    needed: Value

    @property
    def shrinks(self) -> bool:
        """Whether a figure would have to become smaller: possible, but nothing to aim at."""
        if isinstance(self.held, bool) or not isinstance(self.held, int | Fraction):
            return False
        assert isinstance(self.needed, int | Fraction)
        return self.needed < self.held

    @property
    def effort(self) -> Fraction:
        """The change as a share of what is held; yes-or-no facts count as a whole."""
        if isinstance(self.held, bool) or not isinstance(self.held, int | Fraction):
            return Fraction(1)
        assert isinstance(self.needed, int | Fraction)
        return abs(Fraction(self.needed) - self.held) / max(abs(Fraction(self.held)), Fraction(1))

    def in_words(self) -> str:
        """还差 120 万元研究开发费用（2025 年）：由 480 增至 600."""
        name = fact_name(self.key, self.indicator)
        if isinstance(self.needed, bool):
            return say(
                "{name}：由“{held}”变为“{needed}”",
                name=name,
                held=yes_or_no(bool(self.held)),
                needed=yes_or_no(self.needed),
            )
        assert isinstance(self.held, int | Fraction)
        assert isinstance(self.needed, int | Fraction)
        scale = FEN_PER_WAN if self.indicator.type is Type.MONEY else 1
        unit = beside_figure(unit_of_indicator(self.indicator))
        held, needed = Fraction(self.held) / scale, Fraction(self.needed) / scale
        written = {
            "by": _plain(abs(needed - held)),
            "unit": unit,
            "name": name,
            "held": _plain(held),
            "needed": _plain(needed),
        }
        if needed > held:
            return say("还差 {by} {unit}{name}：由 {held} 增至 {needed}", **written)
        return say("需减少 {by} {unit}{name}：由 {held} 减至 {needed}", **written)


def _plain(number: Fraction) -> str:
    text = f"{float(number):,.4f}".rstrip("0").rstrip(".")
    return text or "0"


@dataclass(frozen=True)
class Advice:
    """One way to meet what is not met: changes of facts, or a day to wait for."""

    criterion: str
    changes: tuple[Change, ...] = ()
    #: The first day on which the criterion is met without any change.
    met_on: date | None = None

    @property
    def effort(self) -> tuple[int, int, Fraction]:
        """Few changes before many, growing before shrinking, small ones before large ones."""
        shrinking = sum(change.shrinks for change in self.changes)
        return len(self.changes), shrinking, sum((change.effort for change in self.changes), Fraction(0))

    def in_words(self) -> str:
        """The advice as one sentence; what is mended together may take some work and the rest waiting."""
        work = say("；并且").join(change.in_words() for change in self.changes)
        if self.met_on is None:
            return work
        if not work:
            return say("到 {day} 即可满足，无须其他变化", day=self.met_on)
        return say("{work}；并等到 {day}", work=work, day=self.met_on)

    def apply(self, facts: Facts) -> Facts:
        """The facts with the changes made."""
        for change in self.changes:
            facts = facts.with_value(change.key, change.needed)
        return facts


def remedies(evaluator: Evaluator, facts: Facts, as_of: date) -> dict[str, list[Advice]]:
    """For each criterion that is not met, the ways that meet it, the least effort first; each has been replayed.

    Args:
        evaluator: the version asked.
        facts: what is held.
        as_of: the day.
    """
    answer = evaluator.answer(facts, as_of)
    found: dict[str, list[Advice]] = {}
    for position, reason in enumerate(answer.reasons):
        if reason.outcome is Outcome.FAILED:
            name = reason.criterion.id or reason.criterion.name
            found[name] = list(_for_criterion(evaluator, position, reason, facts, as_of))
    return found


def ways(evaluator: Evaluator, facts: Facts, as_of: date, most: int = 3) -> list[Advice]:
    """Sets of changes after which nothing is failed any more: the least for each criterion, and the next best.

    Criteria that are open stay open; a programme whose failures can only wait gives the day instead.
    """
    by_criterion = remedies(evaluator, facts, as_of)
    if not by_criterion or any(not advices for advices in by_criterion.values()):
        return []
    found: list[Advice] = []
    for rank in range(most):
        chosen = [advices[min(rank, len(advices) - 1)] for advices in by_criterion.values()]
        changes = tuple(dict.fromkeys(change for advice in chosen for change in advice.changes))
        days = [advice.met_on for advice in chosen if advice.met_on is not None]
        way = Advice("、".join(by_criterion), changes, max(days) if days else None)
        if way not in found and _holds(evaluator, way, facts, as_of):
            found.append(way)
    return sorted(found, key=lambda way: way.effort)


def _holds(evaluator: Evaluator, way: Advice, facts: Facts, as_of: date) -> bool:
    after = evaluator.answer(way.apply(facts), as_of)
    waiting = {name for name in after.failed if way.met_on is not None}
    return after.outcome is not Outcome.INELIGIBLE or bool(waiting)


def _for_criterion(evaluator: Evaluator, position: int, reason: Reason, facts: Facts, as_of: date) -> Iterator[Advice]:
    name = reason.criterion.id or reason.criterion.name

    def is_met(changed: Facts) -> bool:
        return evaluator.reason(position, changed, as_of).outcome is Outcome.MET

    if not reason.criterion.fixed:
        changeable = _changeable(reason, evaluator, facts, as_of)
        singles = [change for key in changeable for change in _single(key, facts, evaluator, is_met)]
        advices = [Advice(name, (change,)) for change in singles]
        if not advices:
            advices = list(_sets(evaluator, reason, facts, as_of, name, is_met))
        yield from sorted(advices, key=lambda advice: advice.effort)[:6]
    waited = _first_day(evaluator, position, facts, as_of)
    if waited is not None:
        yield Advice(name, (), waited)


def _changeable(reason: Reason, evaluator: Evaluator, facts: Facts, as_of: date) -> list[tuple[FactKey, Value]]:
    """Facts that the enterprise can work on: figures of the last year and of today; history and records it cannot."""
    read = {key: value for one in _leaves(reason) for key, value in one.facts}
    last = evaluator.context(facts, as_of).year
    by_name = evaluator.environment.catalogue.by_name
    return [
        (key, value)
        for key, value in read.items()
        if not isinstance(value, Unknown)
        and value is not None
        and (key.year is None or key.year >= last)
        and by_name[key.indicator].nature is not Nature.BLACKLIST
        and (by_name[key.indicator].type in _STEP or by_name[key.indicator].type is Type.BOOLEAN)
    ]


def _leaves(reason: Reason) -> Iterator[Reason]:
    if not reason.children:
        yield reason
    for child in reason.children:
        yield from _leaves(child)


def _single(
    fact: tuple[FactKey, Value], facts: Facts, evaluator: Evaluator, is_met: Callable[[Facts], bool]
) -> Iterator[Change]:
    """The smallest change of one fact, upwards and downwards, that meets the criterion."""
    key, held = fact
    indicator = evaluator.environment.catalogue.by_name[key.indicator]
    if indicator.type is Type.BOOLEAN:
        candidates: list[Value] = [not held]
    else:
        assert isinstance(held, int | Fraction)
        candidates = [
            value for up in (True, False) if (value := _search(key, held, indicator, facts, is_met, up)) is not None
        ]
    for value in candidates:
        if is_met(facts.with_value(key, value)):
            yield Change(key, indicator, held, value)


def _search(
    key: FactKey, held: Number, indicator: Indicator, facts: Facts, is_met: Callable[[Facts], bool], up: bool
) -> Number | None:
    """The value nearest to what is held, in one direction, that meets the criterion; by doubling, then halving."""
    step = Fraction(indicator.step) if indicator.step else _STEP[indicator.type]
    limit = _limit(indicator, up)

    def value_at(steps: int) -> Number:
        # Whole steps of the reporting unit, so that the advice can be reported as it stands.
        start = (Fraction(held) // step) * step if up else -((-Fraction(held)) // step) * step
        moved = start + steps * step if up else start - steps * step
        return simple(min(moved, limit) if up else max(moved, limit))

    def meets(steps: int) -> bool:
        return is_met(facts.with_value(key, value_at(steps)))

    reach = 1
    while not meets(reach):
        if value_at(reach) == limit:
            return None
        reach *= 2
    low, high = reach // 2, reach
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle, high)
    return value_at(high)


def _limit(indicator: Indicator, up: bool) -> Fraction:
    scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
    low, high = indicator.range or (None, None)
    if up:
        return Fraction(high * scale) if high is not None else Fraction(_MOST[indicator.type])
    return Fraction(low * scale) if low is not None else Fraction(-_MOST[indicator.type])


def _sets(
    evaluator: Evaluator, reason: Reason, facts: Facts, as_of: date, name: str, is_met: Callable[[Facts], bool]
) -> Iterator[Advice]:
    """Sets of moves that only together meet the criterion: a step up of several points, or each failing part's own."""
    moves = [*_moves_of_scores(evaluator, reason, facts, as_of), *_moves_of_parts(evaluator, reason, facts, as_of)]
    for size in range(2, _MOST_MOVES + 1):
        advices: list[Advice] = []
        for chosen in combinations(moves, size):
            if len({change.key for change in chosen}) == size:
                advice = Advice(name, chosen)
                if is_met(advice.apply(facts)):
                    advices.append(advice)
        if advices:
            yield from sorted(advices, key=lambda advice: advice.effort)[:4]
            return


def _moves_of_scores(evaluator: Evaluator, reason: Reason, facts: Facts, as_of: date) -> list[Change]:
    """For each item of a score, the smallest changes of a fact that lift it by a step or more."""
    moves: list[Change] = []
    for leaf in _leaves(reason):
        for item, points in leaf.items:
            least = bounds(points)[0]
            if least is None or isinstance(points, bool):
                continue

            def lifts(changed: Facts, item: str = item, least: Number = least) -> bool:
                lifted = bounds(evaluator.measure(item, changed, as_of))[0]
                return lifted is not None and lifted > least

            for fact in _changeable(leaf, evaluator, facts, as_of):
                moves += _single(fact, facts, evaluator, lifts)
    return moves[:24]


def _moves_of_parts(evaluator: Evaluator, reason: Reason, facts: Facts, as_of: date) -> list[Change]:
    """For each failing part of a composite, the smallest changes that meet that part."""
    moves: list[Change] = []
    for leaf in _leaves(reason):
        if leaf.outcome is not Outcome.FAILED or leaf.items:
            continue
        for fact in _changeable(leaf, evaluator, facts, as_of):
            path = leaf.criterion

            def meets_part(changed: Facts, path: object = path) -> bool:
                after = evaluator.answer(changed, as_of)
                return any(
                    one.criterion is path and one.outcome is Outcome.MET
                    for top in after.reasons
                    for one in _leaves(top)
                )

            moves += _single(fact, facts, evaluator, meets_part)
    return moves[:24]


def _first_day(evaluator: Evaluator, position: int, facts: Facts, as_of: date) -> date | None:
    """The first day on which the criterion is met although nothing changes but the day; None if time does not help."""

    def is_met(days: int) -> bool:
        # The version stays the one asked: what another law will say on that day nobody knows.
        return evaluator.reason(position, facts, as_of, waited=timedelta(days=days)).outcome is Outcome.MET

    reach = 1
    while not is_met(reach):
        reach *= 2
        if reach > MOST_DAYS:
            return None
    low, high = reach // 2, reach
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_met(middle) else (middle, high)
    return as_of + timedelta(days=high)


def settling_sets(answer: Answer, most: int = 5) -> list[frozenset[FactKey]]:
    """Minimal sets of missing facts that would settle an open answer in the enterprise's favour, the smallest first.

    Where one of several branches is enough, the branch that asks for least stands first.
    """
    sets: list[frozenset[FactKey]] = [frozenset()]
    for reason in answer.reasons:
        if reason.outcome is Outcome.UNKNOWN:
            sets = [one | other for one in sets for other in _settling(reason)][: most * 4]
    minimal = [one for one in sets if not any(other < one for other in sets)]
    return sorted(dict.fromkeys(minimal), key=lambda one: (len(one), sorted(map(str, one))))[:most]


def _settling(reason: Reason) -> Sequence[frozenset[FactKey]]:
    open_parts = [child for child in reason.children if child.outcome is Outcome.UNKNOWN]
    if not open_parts:
        return [reason.missing]
    if reason.criterion.form == "any_of":
        return [one for child in open_parts for one in _settling(child)]
    sets: list[frozenset[FactKey]] = [frozenset()]
    for child in open_parts:
        sets = [one | other for one in sets for other in _settling(child)][:20]
    return sets


def best_questions(answers: Sequence[Answer]) -> list[tuple[FactKey, int]]:
    """Missing facts by what asking for them would bring: those that settle most answers, alone or nearly, first."""
    weight: dict[FactKey, Fraction] = {}
    count: dict[FactKey, int] = {}
    for answer in answers:
        if answer.outcome is not Outcome.UNDETERMINED:
            continue
        for rank, wanted in enumerate(settling_sets(answer)):
            for key in wanted:
                weight[key] = weight.get(key, Fraction(0)) + Fraction(1, len(wanted) * (rank + 1))
        for key in answer.missing:
            count[key] = count.get(key, 0) + 1
    ranked = sorted(weight, key=lambda key: (-weight[key], str(key)))
    return [(key, count.get(key, 0)) for key in ranked]
