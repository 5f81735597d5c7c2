"""Every word of the rule language means what its specification says, and none is without one."""

from pathlib import Path
from typing import Any

import pytest

from rules.answers import plain
from rules.evaluate import Answer, Evaluator
from rules.interpret import Environment
from rules.language import NODE_TYPES, RESERVED, Bands, Call, Measure, Node, Window, parse, walk
from rules.language import Records as RecordsNode
from rules.programme import CriterionSource
from rules.values import Unknown, Value
from tests.rules.spec.examples import Example, Open, Spec, catalogue, examples, result_node, specs
from tests.rules.spec.toc import MANUAL, manual

#: What a criterion can be written as, and what may stand beside it.
FORMS = {"require", "all_of", "any_of", "routes", "at_least", "score", "attest"}
MODIFIERS = {"applies_when", "soft", "labels"}
OF_VALUES = [example for example in examples() if not example.is_of_criteria]
OF_CRITERIA = [example for example in examples() if example.is_of_criteria]


def name_of(example: Example) -> str:
    return f"{example.word}-{example.number}"


@pytest.mark.parametrize("example", OF_VALUES, ids=name_of)
def test_an_expression_gives_what_its_specification_says(example: Example, tmp_path: Path) -> None:
    version = example.version_of(tmp_path)

    found = Evaluator(version, Environment(catalogue())).measure("result", example.facts(), example.as_of)

    assert as_expected(found) == example.expected(result_node(version).kind)


def as_expected(value: Value) -> Value | Open:
    if isinstance(value, Unknown):
        return Open(frozenset(map(str, value.missing)), value.lo, value.hi, value.why)
    return value


@pytest.mark.parametrize("example", OF_CRITERIA, ids=name_of)
def test_criteria_come_out_as_their_specification_says(example: Example, tmp_path: Path) -> None:
    evaluator = Evaluator(example.version_of(tmp_path), Environment(catalogue()))

    answer = evaluator.answer(example.facts(), example.as_of)

    assert {name: said_of(answer, name) for name in example.gives} == example.gives


def said_of(answer: Answer, name: str) -> Any:
    """A part of an answer, as examples write it."""
    if name == "score":
        assert answer.score is not None
        least, greatest = map(plain, answer.score)
        return least if least == greatest else [least, greatest]
    if name == "labels":
        return {label: plain(value) for label, value in answer.labels.items()}
    if name == "likely":
        return answer.is_likely
    found = getattr(answer, name)
    return str(found) if name == "outcome" else found


def test_a_word_is_specified_once() -> None:
    words = [spec.word for spec in specs()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("node", NODE_TYPES, ids=lambda node: node.__name__)
def test_every_node_of_the_language_has_a_specification(node: type[Node]) -> None:
    # Calls are specified function by function.
    assert node is Call or node.__name__ in {spec.word for spec in specs()}


@pytest.mark.parametrize("word", sorted(RESERVED - {"as_of"}))
def test_every_function_of_the_language_has_a_specification(word: str) -> None:
    assert word in {spec.word for spec in specs()}


@pytest.mark.parametrize("form", sorted(FORMS | MODIFIERS))
def test_every_form_of_a_criterion_has_a_specification(form: str) -> None:
    assert form in {spec.word for spec in specs()}


def test_the_forms_named_here_are_all_that_a_rule_file_may_have() -> None:
    described = {"id", "name", "cite", "text", "certainty", "note", "shown", "fixed"}
    assert set(CriterionSource.model_fields) - described == FORMS | (MODIFIERS - {"labels"})


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.word)
def test_a_specification_has_examples_that_contain_its_word(spec: Spec, tmp_path: Path) -> None:
    seen = [example for example in spec.examples if contains(example, spec.subject, tmp_path)]
    assert len(seen) >= 2


def contains(example: Example, word: str, folder: Path) -> bool:
    if example.is_of_criteria:
        return word in example.source or any(word in one for one in example.source["criteria"])
    version = example.version_of(folder)
    return any(word in names_of(node) for node in walk(result_node(version)))


def names_of(node: Node) -> set[str]:
    """The node's type, and the function it stands for."""
    names = {type(node).__name__}
    if isinstance(node, Window | Call):
        names.add(node.function)
    if isinstance(node, RecordsNode):
        names.add(node.quantifier)
    if type(node).__name__ == "CompoundGrowth":
        names.add("cagr")
    return names


def test_every_operator_stands_in_an_example() -> None:
    written = {
        operator
        for example in OF_VALUES
        if example.expression and not example.source.get("measures")
        for operator in {getattr(node, "op", "") for node in walk(parse(example.expression, catalogue()))}
    }
    assert written >= {"+", "-", "*", "/", ">=", ">", "<=", "<", "==", "!=", "and", "or"}


def test_bands_stand_in_examples_with_and_without_intervals(tmp_path: Path) -> None:
    found = [result_node(one.version_of(tmp_path)) for one in OF_VALUES if one.word == "Bands"]
    bands = [node for node in found if isinstance(node, Bands)]
    assert {step.least == step.greatest for node in bands for step in node.steps} == {True, False}


def test_a_measure_is_read_by_its_name(tmp_path: Path) -> None:
    example = next(one for one in OF_VALUES if one.word == "Measure")
    assert isinstance(result_node(example.version_of(tmp_path)), Measure)


def test_the_manual_is_what_the_specifications_say() -> None:
    assert MANUAL.read_text(encoding="utf-8") == manual(), "run: python -m tests.rules.spec.toc"
