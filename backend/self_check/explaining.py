"""Answers in the words and units of a page: outcome, figure, threshold, gap, article, what would settle or mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from backend.self_check.entries import unit_of_indicator
from rules.answers import show, unit_of
from rules.catalogue import Indicator
from rules.evaluate import Answer, Outcome, Reason
from rules.facts import Facts
from rules.library import Library
from rules.questions import Prober
from rules.remedy import Advice, Change, remedies, ways
from rules.values import FactKey, Growth, Unknown, Value

_OPERATORS = {">=": "≥", ">": "＞", "<=": "≤", "<": "＜", "==": "＝", "!=": "≠"}
_JOINED = {"any_of": "满足其一", "all_of": "同时满足"}
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


def title_of(criterion: Any, facts: Sequence[str] = ()) -> str:
    """What a criterion is called, also where the file gives it no name."""
    if criterion.name:
        return criterion.name
    if criterion.form == "at_least":
        return f"满足其中 {criterion.n} 项"
    if criterion.form == "score":
        return "综合得分"
    return _JOINED.get(criterion.form) or "、".join(dict.fromkeys(facts)) or criterion.expression


def explain(answer: Answer, library: Library) -> list[dict[str, Any]]:
    """Each criterion of an answer as a row of the explanation, its parts under it."""
    measures = {one.id: one.name for one in answer.version.measures}
    return [_explain(reason, measures, library) for reason in answer.reasons]


def _explain(reason: Reason, measures: Mapping[str, str], library: Library) -> dict[str, Any]:
    criterion = reason.criterion
    used = _facts_used(reason, library)
    return {
        "id": criterion.id, "name": title_of(criterion, [one["indicator"] for one in used]),
        "outcome": str(reason.outcome), "cite": criterion.cite, "certainty": str(criterion.certainty),
        "op": _OPERATORS.get(reason.op, ""), "unit": unit_of(criterion.shown),
        "is_route_choice": criterion.is_route_choice,
        "has_figure": bool(reason.op) and not isinstance(reason.threshold, bool | str | None),
        "figure": _shown(reason.figure, criterion.shown), "threshold": _shown(reason.threshold, criterion.shown),
        "gap": show(reason.gap, criterion.shown) if reason.gap is not None else None, "note": reason.note,
        "facts": used, "items": [(measures.get(name, name), _shown(value, "number")) for name, value in reason.items],
        "children": [
            _explain(child, measures, library)
            for child in reason.children
            if child.outcome is not Outcome.NOT_APPLICABLE or child.criterion.name
        ],
    }  # fmt: skip


def _facts_used(reason: Reason, library: Library) -> list[dict[str, Any]]:
    used: dict[FactKey, dict[str, Any]] = {}
    for key, value in reason.facts:
        indicator = library.catalogue.by_name[key.indicator]
        used[key] = {
            "key": key, "name": fact_name(key, library), "indicator": indicator.name, "value": in_words(value, indicator),
            "unit": unit_of_indicator(indicator), "is_missing": isinstance(value, Unknown), "source": "",
        }  # fmt: skip
    return list(used.values())


def fact_name(key: FactKey, library: Library) -> str:
    """A fact in words: the indicator, with its year by number."""
    indicator = library.catalogue.by_name[key.indicator]
    return indicator.name + (f"（{key.year} 年）" if key.year is not None else "")


def in_words(value: Value, indicator: Indicator) -> Any:
    """A fact as people write it: choices by their names, truth as 是 and 否, money in 万元."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return f"{len(value)} 条记录" if value else "无"
    if value is None:
        return "无"
    if isinstance(value, str):
        return indicator.choices.get(value, value)
    return show(value, "money" if indicator.type == "money" else "number")


def _shown(value: Value, shown: str) -> Any:
    if isinstance(value, Unknown):
        if value.lo is None or value.hi is None:
            return None
        return f"{show(value.lo, shown)} – {show(value.hi, shown)}"
    return show(value, "percent" if isinstance(value, Growth) else shown)


def settling(answer: Answer, facts: Facts, library: Library, declined: frozenset[FactKey]) -> list[list[FactKey]]:
    """Sets of facts after which an open answer is settled, those with the fewest questions first."""
    prober = Prober(library.evaluator(answer.version), facts, answer, declined)
    return [sorted(keys, key=str) for keys in prober.ways()[:3]]


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
    words = advice.in_words()
    if advice.met_on is not None and advice.changes:
        # Mended together, some of it by work and the rest by waiting.
        words = f"{'；并且'.join(one.in_words() for one in advice.changes)}；并等到 {advice.met_on}"
    return Remedy(words, ";".join(_change(one) for one in advice.changes), advice.met_on)


def _change(change: Change) -> str:
    place = change.key.indicator + (f".{change.key.year}" if change.key.year is not None else "")
    if isinstance(change.needed, bool):
        return f"{place}={'true' if change.needed else 'false'}"
    return f"{place}={show(change.needed, 'money' if change.indicator.type == 'money' else 'number')}"
