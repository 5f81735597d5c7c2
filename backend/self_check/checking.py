"""One self-check: what is asked about, what it comes to now, and what to ask next."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from backend.self_check.sheet import Sheet
from backend.self_check.targets import Target, evaluators, target
from rules.catalogue import Nature, Period, Type
from rules.evaluate import Answer, Evaluator, Outcome, Reason
from rules.facts import Facts
from rules.library import Library, NotInForce
from rules.questions import Question, next_question, questions_left
from rules.translation import say
from rules.values import FactKey

#: Beside many programmes only the nearest are looked at for the next question: the others follow once these are settled.
_MOST_ASKED_ABOUT = 5
_ORDER = {Outcome.ELIGIBLE: 0, Outcome.UNDETERMINED: 2, Outcome.INELIGIBLE: 3}


@dataclass(frozen=True)
class Section:
    """Facts of one kind, for the form in which everything can be filled in any order."""

    title: str
    keys: tuple[FactKey, ...]
    #: Of yearly figures: the years of the columns.
    years: tuple[int, ...] = ()


class SelfCheck:
    """A sheet asked about; everything is worked out once and kept as long as the request lasts."""

    def __init__(self, sheet: Sheet, library: Library, facts: Facts | None = None) -> None:
        self.sheet = sheet
        self.library = library
        #: Facts that are known otherwise, as from the registry; without them the sheet is read.
        self._known = facts

    @cached_property
    def target(self) -> Target:
        return target(self.sheet.target, self.library)

    @cached_property
    def facts(self) -> Facts:
        return self.sheet.read(self.library) if self._known is None else self._known

    @cached_property
    def evaluators(self) -> list[Evaluator]:
        return evaluators(self.target, self.facts, self.sheet.as_of, self.library)

    @cached_property
    def answers(self) -> list[Answer]:
        """An answer for each programme in force, in the order of the library."""
        return [one.answer(self.facts, self.sheet.as_of) for one in self.evaluators]

    @cached_property
    def not_in_force(self) -> str:
        """Why nothing answers, where the one programme asked about is not in force on the day; else empty."""
        if self.evaluators or not self.target.is_single:
            return ""
        try:
            self.library.version(self.target.programmes[0], self.sheet.as_of, self.facts)
        except NotInForce as error:
            return str(error)
        return ""

    @cached_property
    def by_nearness(self) -> list[Answer]:
        """The answers, what is reached first, what is farthest last."""
        return sorted(self.answers, key=_nearness)

    @cached_property
    def question(self) -> Question | None:
        """What to ask next; None where everything is settled or nothing can be asked any more."""
        pairs = [
            (evaluator, answer)
            for evaluator, answer in zip(self.evaluators, self.answers, strict=True)
            if answer.outcome is Outcome.UNDETERMINED
        ]
        pairs.sort(key=lambda pair: (len(pair[1].missing - self.sheet.declined), pair[1].version.id))
        nearest = pairs[:_MOST_ASKED_ABOUT]
        while nearest:
            found = next_question(
                [one for one, _ in nearest], [one for _, one in nearest], self.facts, self.sheet.declined
            )
            if found is not None:
                return found
            # Nobody can answer anything more about these.
            pairs = pairs[len(nearest) :]
            nearest = pairs[:_MOST_ASKED_ABOUT]
        return None

    @cached_property
    def left(self) -> int:
        """How many questions are at most left, for one programme whose answer is open."""
        if not self.target.is_single or not self.answers:
            return 0
        return questions_left(self.evaluators[0], self.answers[0], self.facts, self.sheet.declined)

    def waiting(self, question: Question) -> list[tuple[str, str]]:
        """The programmes and criteria that wait for a question."""
        keys = set(question.keys)
        found: list[tuple[str, str]] = []
        for answer in self.by_nearness:
            for reason in answer.reasons:
                if reason.outcome is Outcome.UNKNOWN and keys & _read(reason):
                    found.append((answer.version.programme.name.said, reason.criterion.name or reason.criterion.id))
        return found

    def answered(self) -> list[FactKey]:
        """What the enterprise has answered, in the order in which it did."""
        found: list[FactKey] = []
        for name, value in self.sheet.facts.items():
            if self.library.catalogue.by_name[name].period is Period.YEARLY:
                found += [FactKey(name, int(year)) for year in sorted(value)]
            else:
                found.append(FactKey(name))
        return found

    def sections(self) -> list[Section]:
        """Everything that the programmes asked about read, sorted for a form."""
        years = self._years_read()
        names = [name for name in years if self._is_asked_for(name)]
        by_name = self.library.catalogue.by_name

        def of(title: str, wanted: set[str]) -> Section:
            return Section(title, tuple(FactKey(name) for name in names if name in wanted))

        natures = {name: by_name[name].nature for name in names}
        yearly = {name for name in names if by_name[name].period is Period.YEARLY}
        lists = {name for name in names if by_name[name].type is Type.LIST}
        judged = {name for name in names if natures[name] is Nature.ATTESTATION} - yearly - lists
        flags = {name for name in names if by_name[name].type is Type.BOOLEAN} - yearly - judged
        columns = tuple(sorted({year for name in yearly for year in years[name]}, reverse=True))
        cells = tuple(FactKey(name, year) for name in names if name in yearly for year in sorted(years[name]))
        sections = [
            Section(say("分年度数据"), cells, columns),
            of(say("基本情况"), set(names) - yearly - lists - flags - judged),
            of(say("是否符合"), flags), of(say("名单与记录"), lists), of(say("需要人工确认的事项"), judged),
        ]  # fmt: skip
        return [one for one in sections if one.keys]

    def _years_read(self) -> dict[str, set[int]]:
        """Indicator → years that the answers read; of those with one value the set is empty."""
        found: dict[str, set[int]] = {}
        for answer in self.answers:
            for reason in answer.reasons:
                for key in sorted(_read(reason), key=str):
                    found.setdefault(key.indicator, set()).update([key.year] if key.year is not None else [])
        for key in self.answered():
            found.setdefault(key.indicator, set()).update([key.year] if key.year is not None else [])
        return found

    def _is_asked_for(self, name: str) -> bool:
        """Whether people fill it in: not what only follows from other figures on the way."""
        indicator = self.library.catalogue.by_name[name]
        direct = any(name in answer.version.indicators for answer in self.answers)
        return name in self.sheet.facts or direct or indicator.derive is None


def leaves(reason: Reason) -> Iterator[Reason]:
    """The parts of a reason that have no parts themselves."""
    if not reason.children:
        yield reason
    for child in reason.children:
        yield from leaves(child)


def _read(reason: Reason) -> set[FactKey]:
    return {key for leaf in leaves(reason) for key, _ in leaf.facts} | reason.missing


def _nearness(answer: Answer) -> tuple[int, int, float, str]:
    order = 1 if answer.is_likely else _ORDER[answer.outcome]
    met = sum(one.outcome is Outcome.MET for one in answer.reasons)
    return order, len(answer.failed), -met / max(1, len(answer.reasons)), answer.version.id
