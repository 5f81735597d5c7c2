"""What a page says beside an explanation: what would settle an answer, and what would mend what is not met."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rules.answers import show
from rules.evaluate import Answer, Outcome
from rules.facts import Facts
from rules.library import Library
from rules.questions import Prober
from rules.remedy import Advice, Change, remedies, ways
from rules.values import FactKey
from rules.wording import fact_name as name_of_fact

#: Ways to mend a criterion that a page shows.
_MOST_WAYS = 4


@dataclass(frozen=True)
class Remedy:
    """One way to meet a criterion, ready to be tried."""

    words: str
    #: The changes as fields of a form would have them: `sci_tech_staff.2025=12`, joined by `;`.
    change: str
    #: The first day on which time alone will have brought it.
    met_on: date | None


@dataclass(frozen=True)
class Unmet:
    """A criterion that is not met, and what would mend it, the least effort first."""

    id: str
    name: str
    remedies: Sequence[Remedy]

    @property
    def needs_time(self) -> bool:
        """Whether nothing but time, or a title, mends it."""
        return all(one.met_on is not None for one in self.remedies)


def fact_name(key: FactKey, library: Library) -> str:
    """A fact in words: the indicator, with its year by number."""
    return name_of_fact(key, library.catalogue.by_name[key.indicator])


def settling(answer: Answer, facts: Facts, library: Library, declined: frozenset[FactKey]) -> list[list[FactKey]]:
    """Sets of facts after which an open answer is settled, those with the fewest questions first.

    Facts that the enterprise could not give are named only where nothing else settles it: then they are what to look for.
    """
    evaluator = library.evaluator(answer.version)
    ways = Prober(evaluator, facts, answer, declined).ways()
    if not ways and declined:
        ways = Prober(evaluator, facts, answer, frozenset()).ways()
    return [sorted(keys, key=str) for keys in ways[:3]]


def unmet(answer: Answer, facts: Facts, library: Library) -> list[Unmet]:
    """The criteria that are not met, each with the ways that mend it; every one has been replayed."""
    if answer.outcome is not Outcome.INELIGIBLE:
        return []
    names = {reason.criterion.id: reason.criterion.name for reason in answer.reasons}
    found = remedies(library.evaluator(answer.version), facts, answer.as_of)
    return [Unmet(name, names.get(name) or name, [_remedy(one) for one in advices]) for name, advices in found.items()]


def together(answer: Answer, facts: Facts, library: Library) -> list[Remedy]:
    """Ways that mend all that is not met at once, the least effort first."""
    if answer.outcome is not Outcome.INELIGIBLE or len(answer.failed) < 2:
        return []
    return [_remedy(one) for one in ways(library.evaluator(answer.version), facts, answer.as_of)]


def _remedy(advice: Advice) -> Remedy:
    return Remedy(advice.in_words(), ";".join(_change(one) for one in advice.changes), advice.met_on)


def _change(change: Change) -> str:
    place = change.key.indicator + (f".{change.key.year}" if change.key.year is not None else "")
    if isinstance(change.needed, bool):
        return f"{place}={'true' if change.needed else 'false'}"
    return f"{place}={show(change.needed, 'money' if change.indicator.type == 'money' else 'number')}"
