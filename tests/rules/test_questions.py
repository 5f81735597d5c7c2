"""The next question settles most, and there is no shorter way to an answer in the enterprise's favour."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import rules.questions
from rules.cases import baseline
from rules.evaluate import Answer, Evaluator, Outcome
from rules.facts import Facts, read_facts
from rules.library import library
from rules.questions import Prober, Question, next_question, questions_left
from rules.values import FactKey

CASES = Path(__file__).with_name("cases")
ON = date(2026, 7, 15)


def evaluator_of(name: str, on: date = ON) -> Evaluator:
    return library().evaluator(library().version(name, on))


def enterprise(version: str) -> Facts:
    """The enterprise of a version's legal cases, which meets everything."""
    request = baseline(CASES / f"{version}.yaml")
    return read_facts(request["facts"], library().catalogue, date.fromisoformat(request["as_of"]))


def only(facts: Facts, keys: set[FactKey]) -> Facts:
    known = Facts()
    for key in keys & set(facts.keys()):
        known = known.with_value(key, facts.get(key))
    return known


def walk(evaluator: Evaluator, whole: Facts, on: date, declined: set[FactKey] | None = None) -> Iterator[Question]:
    """Ask, and answer from what the enterprise knows, until nothing is asked any more."""
    known, refused = Facts(), declined if declined is not None else set[FactKey]()
    for _ in range(60):
        question = next_question([evaluator], [evaluator.answer(known, on)], known, refused)
        if question is None:
            return
        yield question
        for key in question.keys:
            if key in set(whole.keys()):
                known = known.with_value(key, whole.get(key))
            else:
                refused.add(key)
    raise AssertionError("never stops asking")


def answer_after(evaluator: Evaluator, questions: list[Question], whole: Facts, on: date) -> Answer:
    return evaluator.answer(only(whole, {key for one in questions for key in one.keys}), on)


def test_an_eligible_enterprise_is_asked_no_more_than_was_said_at_the_start() -> None:
    evaluator, whole = evaluator_of("hnte"), enterprise("hnte@2016")
    least = questions_left(evaluator, evaluator.answer(Facts(), ON), Facts())
    asked = list(walk(evaluator, whole, ON))
    assert least == 18
    assert 0 < len(asked) <= least
    assert answer_after(evaluator, asked, whole, ON).outcome is Outcome.ELIGIBLE


@pytest.mark.parametrize(
    "version", ["cx.s2@2024", "bse.s4@2021", "mb.s3@2024", "js_enterprise_tech_centre@undated", "large_medium_industrial@2011"]
)  # fmt: skip
def test_no_smaller_set_of_facts_settles_the_answer(version: str) -> None:
    request = baseline(CASES / f"{version}.yaml")
    on = date.fromisoformat(request["as_of"])
    evaluator, whole = evaluator_of(version, on), enterprise(version)
    way = Prober(evaluator, Facts(), evaluator.answer(Facts(), on)).ways()[0]
    needed = {key.indicator for key in way}
    facts = list(whole.keys())
    known = {key.indicator for key in facts}
    for fewer in combinations(sorted(known), len(needed) - 1):
        keys = {key for key in facts if key.indicator in fewer}
        assert evaluator.answer(only(whole, keys), on).outcome is not Outcome.ELIGIBLE, fewer


def test_one_total_is_asked_for_rather_than_all_that_it_adds_up() -> None:
    evaluator = evaluator_of("hnte")
    way = Prober(evaluator, Facts(), evaluator.answer(Facts(), ON)).ways()[0]
    names = {key.indicator for key in way}
    assert {"innovation_score_total", "total_revenue"} <= names
    assert not names & {"gross_income_cit", "transfer_count", "score_growth_total"}


def test_a_ratio_is_not_asked_for_where_its_parts_are_asked_for_anyway() -> None:
    evaluator = evaluator_of("srdi_sme")
    way = Prober(evaluator, Facts(), evaluator.answer(Facts(), ON)).ways()[0]
    names = {key.indicator for key in way}
    assert {"rd_expense_audited", "operating_revenue"} <= names
    assert "rd_ratio" not in names


def test_years_of_one_figure_are_one_question() -> None:
    evaluator, whole = evaluator_of("hnte"), enterprise("hnte@2016")
    asked = {one.indicator.id: one.years for one in walk(evaluator, whole, ON)}
    assert asked["sales_revenue"] == (2023, 2024, 2025)
    assert asked["established_on"] == ()


def test_what_only_a_person_confirms_is_asked_last() -> None:
    evaluator, whole = evaluator_of("hnte"), enterprise("hnte@2016")
    order = ["figure", "blacklist", "attestation"]
    natures = [order.index(one.indicator.nature) for one in walk(evaluator, whole, ON)]
    assert natures == sorted(natures)
    assert natures[-1] == 2


def test_nothing_is_asked_once_a_criterion_has_failed() -> None:
    evaluator = evaluator_of("hnte")
    failing = Facts(yearly={"sci_tech_staff": {2025: 5}, "employee_total": {2025: 100}})
    assert next_question([evaluator], [evaluator.answer(failing, ON)], failing) is None


def test_what_was_declined_is_not_asked_again_and_another_way_is_taken() -> None:
    evaluator, whole = evaluator_of("hnte"), enterprise("hnte@2016")
    total = FactKey("innovation_score_total")
    asked = {one.indicator.id for one in walk(evaluator, whole, ON, declined={total})}
    assert "innovation_score_total" not in asked
    assert asked & {"score_ip_total", "score_transfer_total", "score_growth_total", "score_rd_management_total"}


def test_of_several_programmes_the_fact_that_settles_most_is_asked_first() -> None:
    evaluators = [evaluator_of(name) for name in ("mb.s2", "mb.s3", "star.s4", "srdi_sme")]
    answers = [one.answer(Facts(), ON) for one in evaluators]
    question = next_question(evaluators, answers, Facts())
    assert question is not None
    ways = [Prober(one, Facts(), answer).ways()[0] for one, answer in zip(evaluators, answers, strict=True)]
    assert sum(any(key.indicator == question.indicator.id for key in way) for way in ways) == 4


def test_what_is_remembered_of_a_proof_holds_no_figure() -> None:
    evaluator = evaluator_of("hnte")
    facts = Facts(yearly={"sales_revenue": {2025: 98_765_432_100}})
    questions_left(evaluator, evaluator.answer(facts, ON), facts)
    remembered: Mapping[Any, Any] = rules.questions._PROVED  # pyright: ignore[reportPrivateUsage]
    assert remembered
    assert "98765432100" not in str(list(remembered.items()))
