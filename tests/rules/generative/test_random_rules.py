"""Rules nobody wrote, over enterprises nobody founded: both engines say the same, whatever the language can express."""

from datetime import date
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from rules.columnar.engine import Engine
from rules.interpret import Environment
from rules.language import NODE_TYPES, Call, CompoundGrowth, Records, Window, walk
from rules.programme import RuleError, Version, walk_criteria
from tests.rules.generative.agreement import assert_agreement
from tests.rules.generative.enterprises import invented, nodes_of
from tests.rules.generative.expressions import WORDS, random_version
from tests.rules.spec.examples import catalogue

SEEDS = st.integers(0, 10**9)
DAYS = st.sampled_from([date(2026, 7, 15), date(2024, 2, 29), date(2026, 1, 1)])


@cache
def engine() -> Engine:
    return Engine(Environment(catalogue()))


def version_of(seed: int) -> Version | None:
    """A random version; none where it divides by a constant zero, which is refused."""
    try:
        return random_version(seed)
    except RuleError as error:
        if "不能除以 0" in str(error):
            return None
        raise


@settings(max_examples=120, deadline=None)
@given(SEEDS, DAYS)
def test_both_engines_agree_on_rules_nobody_wrote(seed: int, as_of: date) -> None:
    version = version_of(seed)
    if version is not None:
        assert_agreement(engine(), version, invented(version, catalogue(), as_of, 12, seed), as_of)


def test_every_node_and_word_of_the_language_is_generated() -> None:
    versions = [version for version in map(version_of, range(100)) if version is not None]
    nodes = [node for version in versions for root in nodes_of(version) for node in walk(root)]
    words = {node.function for node in nodes if isinstance(node, Call | Window)}
    words |= {node.quantifier for node in nodes if isinstance(node, Records)}
    words |= {"cagr" for node in nodes if isinstance(node, CompoundGrowth)}

    assert {type(node) for node in nodes} == set(NODE_TYPES)
    assert words == set(WORDS)


def test_every_form_of_a_criterion_is_generated() -> None:
    criteria = [one for seed in range(60) if (version := version_of(seed)) for one in walk_criteria(version.criteria)]

    assert {one.form for one in criteria} == {"require", "all_of", "any_of", "at_least", "score"}
    assert {True} == {any(one.soft for one in criteria), any(one.applies is not None for one in criteria)}
    assert {None, 15} == {one.cap for one in criteria}
