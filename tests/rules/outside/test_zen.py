"""Another rules engine, given the same checks and graphs written from the documents, answers as ours do.

A hundred thousand checks each: `python -m tests.rules.outside.zen 100000`; what came of them is in docs/outside-proof.md.
"""

from collections.abc import Iterator

import pytest

from tests.rules.outside import graphs
from tests.rules.outside.zen import PROGRAMMES, Difference, checks, compare, compare_columns, verdicts

SIZE = 2_000
#: Criteria that the invented enterprises have to fail, and leave open, for the comparison to mean anything.
FAILED = {
    "hnte": {"H0", "H1", "H2", "H3", "H4", "H5", "H5d", "H6", "H7", "H8"},
    "tech_sme": {"T1", "T2a", "T2b", "T2c", "T3", "T4a", "T4b", "T5"},
}
UNKNOWN = {"hnte": {"H2", "H5", "H5d", "H6"}, "tech_sme": set[str]()}


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_another_engine_gives_the_same_verdicts(programme: str) -> None:
    found = compare(programme, SIZE)

    assert found.differences == []
    assert found.compared == SIZE
    assert {f"{name} failed" for name in FAILED[programme]} <= set(found.seen)
    assert {f"{name} unknown" for name in UNKNOWN[programme]} <= set(found.seen)
    assert found.outcomes["eligible"] > SIZE / 4
    assert found.outcomes["ineligible"] > SIZE / 4


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_the_columnar_engine_agrees_on_the_same_checks(programme: str) -> None:
    assert compare_columns(programme, SIZE).differences == []


def test_a_pass_mark_that_includes_70_is_found_out() -> None:
    found = differences("hnte", graphs.hnte().replace("total > 70", "total >= 70"))

    assert {one.ours.failed - one.theirs.failed for one in found} == {frozenset({"H7"})}


def test_a_pass_mark_that_leaves_out_60_is_found_out() -> None:
    found = differences("tech_sme", graphs.tech_sme().replace("score >= 60", "score > 60"))

    assert {one.ours.score for one in found} == {60}


@pytest.mark.parametrize(
    ("programme", "edge", "moved"),
    [
        ("hnte", ">= 365", "> 365"),
        ("hnte", "<= 365", "< 365"),
        ("hnte", "scientists / staff >= 0.1", "scientists / staff > 0.1"),
        ("hnte", "rd / sales >= needed", "rd / sales > needed"),
        ("hnte", "rd_domestic / rd >= 0.6", "rd_domestic / rd > 0.6"),
        ("hnte", "hightech / income >= 0.6", "hightech / income > 0.6"),
        ("hnte", '"(5000..20000]"', '"(5000..20000)"'),
        ("tech_sme", "staff <= 500", "staff < 500"),
        ("tech_sme", "sales <= 20000", "sales < 20000"),
        ("tech_sme", "assets <= 20000", "assets < 20000"),
        ("tech_sme", '">= 0.3"', '"> 0.3"'),
        ("tech_sme", "add(36, 'month').isAfter", "add(36, 'month').isSameOrAfter"),
        ("tech_sme", "drafting_rank <= 5", "drafting_rank < 5"),
        ("tech_sme", "unit_rank <= 3", "unit_rank < 3"),
    ],
)
def test_a_graph_whose_edge_is_moved_answers_otherwise(programme: str, edge: str, moved: str) -> None:
    graph = PROGRAMMES[programme][0]()
    assert edge in graph

    # A table without a row for a figure leaves the next step without a number, which is an error there.
    changed = graph.replace(edge, moved).replace('"> 20000"', '""')

    assert next(differences(programme, changed), None) is not None


def differences(programme: str, graph: str) -> Iterator[Difference]:
    """What a changed graph answers otherwise."""
    return (difference for difference, _ in verdicts(checks(programme, SIZE), graph) if difference is not None)
