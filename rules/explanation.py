"""An answer as its readers see it: each criterion a row with outcome, figure, threshold, gap, citation and facts.

The self-check, the rules explorer and the enterprise's file draw the same rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rules.answers import show, unit_of
from rules.catalogue import Indicator
from rules.evaluate import Answer, Outcome, Reason
from rules.library import Library
from rules.programme import Criterion
from rules.translation import enumerated, marked, say
from rules.values import FactKey, Growth, Unknown, Value
from rules.wording import beside_figure, fact_name, node_in_words, operator, unit_of_indicator, yes_or_no

_JOINED = {"any_of": marked("满足其一"), "all_of": marked("同时满足")}


def title_of(criterion: Criterion, facts: Sequence[str] = ()) -> str:
    """What a criterion is called, also where the file gives it no name."""
    if criterion.name:
        return criterion.name
    if criterion.form == "at_least":
        return say("满足其中 {n} 项", n=criterion.n)
    if criterion.form == "score":
        return say("综合得分")
    if criterion.form in _JOINED:
        return say(_JOINED[criterion.form])
    if facts or criterion.test is None:
        return enumerated(dict.fromkeys(facts)) or criterion.expression
    return node_in_words(criterion.test)


def explain(answer: Answer, library: Library, origins: Mapping[FactKey, str] | None = None) -> list[dict[str, Any]]:
    """Each criterion of an answer as a row, its parts under it.

    Args:
        answer: what is explained.
        library: for the indicators' names.
        origins: where the facts come from (a source's id), where that is known.
    """
    measures = {one.id: one.name for one in answer.version.measures}
    return [_explain(reason, measures, library, origins or {}) for reason in answer.reasons]


def _explain(
    reason: Reason, measures: Mapping[str, str], library: Library, origins: Mapping[FactKey, str]
) -> dict[str, Any]:
    criterion = reason.criterion
    used = _facts_used(reason, library, origins)
    unit = beside_figure(unit_of(criterion.shown))
    return {
        "id": criterion.id, "name": title_of(criterion, [one["indicator"] for one in used]),
        "outcome": str(reason.outcome), "cite": criterion.cite, "certainty": str(criterion.certainty),
        "op": operator(reason.op), "unit": unit, "is_route_choice": criterion.is_route_choice,
        "has_figure": bool(reason.op) and not isinstance(reason.threshold, bool | str | None),
        # A text in the place of a figure, as where a figure is withheld, has no unit.
        "figure_unit": "" if isinstance(reason.figure, str) else unit,
        "figure": _shown(reason.figure, criterion.shown), "threshold": _shown(reason.threshold, criterion.shown),
        "gap": show(reason.gap, criterion.shown) if reason.gap is not None else None, "note": reason.note,
        "facts": used, "items": [(measures.get(name, name), _shown(value, "number")) for name, value in reason.items],
        "children": [
            _explain(child, measures, library, origins)
            for child in reason.children
            if child.outcome is not Outcome.NOT_APPLICABLE or child.criterion.name
        ],
    }  # fmt: skip


def _facts_used(reason: Reason, library: Library, origins: Mapping[FactKey, str]) -> list[dict[str, Any]]:
    """The facts that a criterion read, each once, with value, unit and where it comes from."""
    used: dict[FactKey, dict[str, Any]] = {}
    for key, value in reason.facts:
        indicator = library.catalogue.by_name[key.indicator]
        unit = "" if isinstance(value, str) else beside_figure(unit_of_indicator(indicator))
        used[key] = {
            "key": key, "name": fact_name(key, indicator), "indicator": indicator.name, "value": in_words(value, indicator),
            "unit": unit, "is_missing": isinstance(value, Unknown), "source": origins.get(key, ""),
        }  # fmt: skip
    return list(used.values())


def in_words(value: Value, indicator: Indicator) -> Any:
    """A fact as people write it: choices by their names, truth as 是 and 否, money in 万元."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, bool):
        return yes_or_no(value)
    if isinstance(value, list):
        return say("{n} 条记录", n=len(value)) if value else say("无")
    if value is None:
        return say("无")
    if isinstance(value, str):
        return indicator.choices.get(value, value)
    return show(value, "money" if indicator.type == "money" else "number")


def _shown(value: Value, shown: str) -> Any:
    if isinstance(value, Unknown):
        if value.lo is None or value.hi is None:
            return None
        return f"{show(value.lo, shown)} – {show(value.hi, shown)}"
    return show(value, "percent" if isinstance(value, Growth) else shown)
