"""What would flip: the same enterprise with some facts otherwise, beside what it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.self_check.checking import SelfCheck
from backend.self_check.entries import Taken, take
from backend.self_check.explaining import fact_name
from backend.self_check.sheet import Sheet
from rules.catalogue import Nature, Type
from rules.evaluate import Answer, Outcome, Reason
from rules.explanation import in_words, title_of
from rules.library import Library
from rules.values import FactKey

#: Fields offered for trying; whoever wants to change more uses the form.
_MOST_FIELDS = 24


@dataclass(frozen=True)
class Flip:
    """Something that comes out otherwise: a programme (`criterion` is empty) or one of its criteria."""

    programme: str
    criterion: str
    before: str
    after: str


@dataclass(frozen=True)
class WhatIf:
    """A trial: what was changed, what flips, and what could not be read."""

    changed: Sequence[tuple[str, object, object]]
    flips: Sequence[Flip]
    taken: Taken
    sheet: Sheet


def fields_to_try(check: SelfCheck, answers: Iterable[Answer]) -> list[FactKey]:
    """The figures that decide in some answers and that an enterprise can change: last year's and today's."""
    by_name = check.library.catalogue.by_name
    known = set(check.facts.keys())
    last = max((key.year for key in known if key.year is not None), default=0)
    reasons = [reason for answer in answers for reason in answer.reasons]
    found: dict[FactKey, None] = {}
    # What keeps an answer from being better comes first.
    for reason in sorted(reasons, key=lambda one: one.outcome is not Outcome.FAILED):
        for key in (key for leaf in _leaves(reason) for key, _ in leaf.facts):
            indicator = by_name[key.indicator]
            may_change = indicator.type not in (Type.LIST, Type.TEXT) and indicator.nature is not Nature.BLACKLIST
            if key in known and key.year in (None, last) and may_change:
                found[key] = None
    return list(found)[:_MOST_FIELDS]


def _leaves(reason: Reason) -> Iterable[Reason]:
    if not reason.children:
        return [reason]
    return [leaf for child in reason.children for leaf in _leaves(child)]


def changes_in(text: str) -> list[tuple[str, str]]:
    """A remedy's changes as a form would have sent them: `sci_tech_staff.2025=12;…`."""
    pairs = (one.partition("=") for one in text.split(";") if "=" in one)
    return [(f"f.{place.strip()}", value) for place, _, value in pairs]


def try_out(check: SelfCheck, changes: Iterable[tuple[str, str]], library: Library) -> WhatIf:
    """The sheet with changes laid over it, and what comes out otherwise."""
    # A field emptied while trying is no change: what would it be without that figure is another question.
    taken = take([(name, text) for name, text in changes if text.strip()], check.sheet, library)
    after = SelfCheck(taken.sheet, library)
    changed = [
        (fact_name(key, library), _word(check, key, library), _word(after, key, library))
        for key in after.answered()
        if check.sheet.value(key) != taken.sheet.value(key)
    ]
    return WhatIf(changed, list(_flips(check, after)) if changed else [], taken, taken.sheet)


def _word(check: SelfCheck, key: FactKey, library: Library) -> object:
    if key not in set(check.facts.keys()):
        return None
    return in_words(check.facts.get(key), library.catalogue.by_name[key.indicator])


def _flips(before: SelfCheck, after: SelfCheck) -> Iterable[Flip]:
    then = {one.version.source.programme: one for one in after.answers}
    for answer in before.by_nearness:
        other = then.get(answer.version.source.programme)
        if other is None:
            continue
        programme = answer.version.programme.name.said
        if _outcome(answer) != _outcome(other):
            yield Flip(programme, "", _outcome(answer), _outcome(other))
        for one, two in zip(answer.reasons, other.reasons, strict=False):
            if one.outcome != two.outcome and answer.version.id == other.version.id:
                name = f"{one.criterion.id} {title_of(one.criterion)}".strip()
                yield Flip(programme, name, str(one.outcome), str(two.outcome))


def _outcome(answer: Answer) -> str:
    return "likely" if answer.is_likely else str(answer.outcome)
