"""The next question: of all facts that nobody gave yet, the one that settles most of what is still open.

What would settle a criterion is not read off its expression but proved by asking the reference engine again, with
stand-ins for the facts: a value that is there, but of which nothing is known. Where nothing is missing any more, the
facts settle the criterion whatever they turn out to be. Facts of one indicator for several years are one question.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from math import comb

from rules.catalogue import Indicator, Nature, Type
from rules.evaluate import Answer, Evaluator, Outcome, Reason
from rules.facts import Facts
from rules.language import FEN_PER_WAN, Call, Fact, Node, walk
from rules.programme import Version, walk_criteria
from rules.values import NOTHING, FactKey, Unknown, Value

Keys = frozenset[FactKey]

#: What a stand-in is waiting for: a mark by which it is known again, however much was worked out of it.
_GIVEN: Keys = frozenset((FactKey("(given)"),))
#: Ways kept while the smallest is looked for; the first few are as small as any in all rules of the library.
_MOST_WAYS = 12
#: Facts beyond those that are needed in any case that are tried together, and how many such choices at most.
_MOST_TOGETHER = 2
_MOST_CHOICES = 100
#: Points of a score that are tried in every mixture of least and greatest.
_MOST_MIXED = 4
#: Criteria of which it is remembered what settles them, those of all programmes together.
_MOST_PROVED = 20_000
_PROVED: dict[tuple[str, tuple[int, ...], Keys, Keys], tuple[Keys, ...]] = {}
#: What an enterprise can say by itself is asked first, what a person has to confirm last.
_PHASE = {Nature.FIGURE: 0, Nature.BLACKLIST: 1, Nature.ATTESTATION: 2}


@dataclass(frozen=True)
class Question:
    """One indicator to ask for, in the years that matter."""

    indicator: Indicator
    #: Empty for an indicator that has one value now.
    years: tuple[int, ...]
    #: Criteria whose answer waits for this.
    criteria: int

    @property
    def keys(self) -> tuple[FactKey, ...]:
        """The facts asked for."""
        return tuple(FactKey(self.indicator.id, year) for year in self.years) or (FactKey(self.indicator.id),)


def next_question(
    evaluators: Sequence[Evaluator], answers: Sequence[Answer], facts: Facts, declined: Collection[FactKey] = ()
) -> Question | None:
    """The question that settles most; None where everything is settled, or nothing can be asked any more.

    Args:
        evaluators: the versions asked about.
        answers: what they answer now, in the same order.
        facts: what is known.
        declined: facts that were asked for and that nobody can give.
    """
    weight: dict[str, Fraction] = {}
    keys: dict[str, set[FactKey]] = {}
    criteria: dict[str, int] = {}
    for evaluator, answer in zip(evaluators, answers, strict=True):
        for needed in Prober(evaluator, facts, answer, declined).needed():
            indicators = {key.indicator for key in needed}
            for name in indicators:
                weight[name] = weight.get(name, Fraction(0)) + Fraction(1, len(indicators))
                keys.setdefault(name, set()).update(key for key in needed if key.indicator == name)
                criteria[name] = criteria.get(name, 0) + 1
    if not weight:
        return None
    by_name = evaluators[0].environment.catalogue.by_name
    # Of equal ones the first in the order of the articles: dictionaries keep it.
    best = min(weight, key=lambda name: (_PHASE[by_name[name].nature], -weight[name]))
    years = tuple(sorted(key.year for key in keys[best] if key.year is not None))
    return Question(by_name[best], years, criteria[best])


def questions_left(evaluator: Evaluator, answer: Answer, facts: Facts, declined: Collection[FactKey] = ()) -> int:
    """The least number of questions after which an open answer can be settled in the enterprise's favour."""
    ways = Prober(evaluator, facts, answer, declined).ways()
    return len(_indicators(ways[0])) if ways else 0


class Prober:
    """What one open answer still needs, found by asking the engine with stand-ins."""

    def __init__(self, evaluator: Evaluator, facts: Facts, answer: Answer, declined: Collection[FactKey] = ()) -> None:
        self._evaluator = evaluator
        self._facts = facts
        self._answer = answer
        self._declined = frozenset(declined)
        self._overriding = _overriding(evaluator.version)

    def needed(self) -> list[Keys]:
        """For each open criterion its share of the smallest way to settle the answer; nothing where it is settled."""
        ways = self.ways()
        if not ways:
            return []
        parts = ([one for one in family if one <= ways[0]] for family in self._families)
        return [min(part, key=len) for part in parts if part]

    def ways(self) -> list[Keys]:
        """Sets of facts that settle all open criteria that can be settled, those with the fewest questions first."""
        if self._answer.outcome is not Outcome.UNDETERMINED:
            return []
        ways: list[Keys] = [NOTHING]
        for family in sorted(self._families, key=len):
            ways = self._smallest([one | other for one in ways for other in family])
        return [one for one in ways if one]

    @cached_property
    def _families(self) -> list[list[Keys]]:
        """For each open criterion that can be settled the sets of facts that do it."""
        found = (
            self.settling((position,), reason)
            for position, reason in enumerate(self._answer.reasons)
            if reason.outcome is Outcome.UNKNOWN
        )
        return [family for family in found if family]

    def settling(self, path: tuple[int, ...], reason: Reason) -> list[Keys]:
        """Minimal sets of facts that settle one criterion, the smallest first; none where it cannot be settled."""
        criterion = reason.criterion
        if not reason.children or criterion.applies is not None:
            return self._of_leaf(path, reason)
        families = [
            self.settling((*path, place), child)
            for place, child in enumerate(reason.children)
            if child.outcome is Outcome.UNKNOWN
        ]
        families = [family for family in families if family]
        if criterion.form == "any_of":
            return self._smallest([one for family in families for one in family])
        wanted = len(families)
        if criterion.form == "at_least":
            wanted = criterion.n - sum(child.outcome is Outcome.MET for child in reason.children)
            families.sort(key=lambda family: len(_indicators(family[0])))
        return self._all_of(families[:wanted])

    def _of_leaf(self, path: tuple[int, ...], reason: Reason) -> list[Keys]:
        candidates = self._candidates(reason)
        # Kept by the names and years of what is open, never by a figure: nothing of an enterprise stays behind.
        place = (self._evaluator.version.digest, path, candidates, reason.missing)
        if place not in _PROVED:
            while len(_PROVED) >= _MOST_PROVED:
                _PROVED.pop(next(iter(_PROVED)))
            _PROVED[place] = self._prove(path, candidates, reason.missing - self._declined)
        return list(_PROVED[place])

    def _candidates(self, reason: Reason) -> Keys:
        """What was read and is not known: what is missing, and whatever stands for several missing facts at once."""
        direct = frozenset(self._evaluator.version.indicators)
        read = {
            key
            for key, value in reason.facts
            if isinstance(value, Unknown) and value.missing and key.indicator in direct
        }
        return frozenset(read | reason.missing) - self._declined

    def _prove(self, path: tuple[int, ...], candidates: Keys, missing: Keys) -> tuple[Keys, ...]:
        if not candidates or not self._is_settled(path, candidates):
            return ()
        found = self._shortest(path, candidates)
        # A ratio is one fact, but where its parts are asked for anyway they are no question more.
        if missing not in found and self._is_settled(path, missing):
            found.append(self._thinned(path, missing, sorted(missing, key=str)))
        return tuple(self._smallest(found))

    def _shortest(self, path: tuple[int, ...], candidates: Keys) -> list[Keys]:
        essential = frozenset(key for key in candidates if not self._is_settled(path, candidates - {key}))
        if self._is_settled(path, essential):
            return [essential]
        others = sorted(candidates - essential, key=str)
        for size in range(1, _MOST_TOGETHER + 1):
            if comb(len(others), size) > _MOST_CHOICES:
                break
            found = [
                together
                for chosen in combinations(others, size)
                if self._is_settled(path, together := essential | frozenset(chosen))
            ]
            if found:
                return found
        return [self._thinned(path, candidates, order) for order in (others, others[::-1])]

    def _thinned(self, path: tuple[int, ...], candidates: Keys, order: Sequence[FactKey]) -> Keys:
        """A set from which nothing can be left out."""
        kept = candidates
        for key in order:
            if self._is_settled(path, kept - {key}):
                kept -= {key}
        return kept

    def _is_settled(self, path: tuple[int, ...], given: Keys) -> bool:
        """Whether nothing is missing once these facts are given, whatever they are."""
        overriding = sorted(key for key in given if key.indicator in self._overriding)
        ends = (False, True)
        # A few that add up are tried in every mixture, many only all low and all high.
        mixtures = (
            product(ends, repeat=len(overriding))
            if len(overriding) <= _MOST_MIXED
            else ((end,) * len(overriding) for end in ends)
        )
        return all(self._leaves_nothing_open(path, given, dict(zip(overriding, one, strict=True))) for one in mixtures)

    def _leaves_nothing_open(self, path: tuple[int, ...], given: Keys, is_high: Mapping[FactKey, bool]) -> bool:
        reason = self._evaluator.part(path, self._with_stand_ins(given, is_high), self._answer.as_of)
        return reason.missing <= _GIVEN

    def _with_stand_ins(self, given: Keys, is_high: Mapping[FactKey, bool]) -> Facts:
        current = dict(self._facts.current)
        yearly = {name: dict(years) for name, years in self._facts.yearly.items()}
        by_name = self._evaluator.environment.catalogue.by_name
        for key in given:
            indicator = by_name[key.indicator]
            value: Value = _end_of(indicator, is_high[key]) if key in is_high else Unknown(_GIVEN)
            if key.year is None:
                current[key.indicator] = value
            else:
                yearly.setdefault(key.indicator, {})[key.year] = value
        return Facts(current, yearly)

    def _smallest(self, sets: Sequence[Keys]) -> list[Keys]:
        """The few sets with the fewest questions, figures before what follows from them, none that holds another."""
        by_name = self._evaluator.environment.catalogue.by_name

        def burden(one: Keys) -> tuple[int, int, int, list[str]]:
            names = _indicators(one)
            derived = sum(by_name[name].derive is not None for name in names)
            return len(names), derived, len(one), sorted(map(str, one))

        kept: list[Keys] = []
        for one in sorted(dict.fromkeys(sets), key=burden):
            if len(kept) < _MOST_WAYS and not any(other <= one for other in kept):
                kept.append(one)
        return kept

    def _all_of(self, families: Sequence[list[Keys]]) -> list[Keys]:
        sets: list[Keys] = [NOTHING]
        for family in families:
            sets = self._smallest([one | other for one in sets for other in family])
        return [one for one in sets if one]


def _indicators(keys: Keys) -> set[str]:
    return {key.indicator for key in keys}


def _end_of(indicator: Indicator, high: bool) -> Value:
    """The least or the greatest an indicator can be: a figure that goes before others has to be really there."""
    low, most = indicator.range or (0, None)
    scale = FEN_PER_WAN if indicator.type is Type.MONEY else 1
    return (most if most is not None else 10**6) * scale if high else (low or 0) * scale


def _overriding(version: Version) -> frozenset[str]:
    """Indicators that go before what would otherwise be worked out, and so settle it by themselves."""
    if version.digest not in _OVERRIDING:
        tests = (criterion.test for criterion in walk_criteria(version.criteria))
        roots = [*(measure.node for measure in version.measures), *(test for test in tests if test is not None)]
        _OVERRIDING[version.digest] = frozenset(name for root in roots for name in _given_first(root))
    return _OVERRIDING[version.digest]


_OVERRIDING: dict[str, frozenset[str]] = {}


def _given_first(root: Node) -> Iterator[str]:
    for node in walk(root):
        if isinstance(node, Call) and node.function == "unless_given":
            first = node.arguments[0]
            if isinstance(first, Fact):
                yield first.indicator.id
