"""Listed companies' published figures go through every listing standard, and what comes out is plausible."""

from datetime import date
from functools import cache

import polars as pl
import pytest

from rules.columnar.engine import evaluate_columns
from rules.columnar.population import from_facts
from rules.evaluate import Outcome
from rules.library import library
from rules.programme import Version
from tests.rules.outside.listed_companies import AS_OF, Company, companies, facts_of, outcomes, standards

#: Every so many companies are answered by the reference too.
STEP = 40


@cache
def held() -> list[Company]:
    return companies()


def listed_in(board: str, first: int, last: int) -> list[Company]:
    return [one for one in held() if one.board == board and one.listed_on and first <= one.listed_on.year <= last]


def version(wanted: str) -> Version:
    return library().version(wanted, AS_OF)


def share_eligible(found: pl.DataFrame) -> float:
    """The share of those about which the figures decide."""
    decided = found.filter(pl.col("outcome") != Outcome.UNDETERMINED)
    return (decided["outcome"] == Outcome.ELIGIBLE).mean()  # type: ignore[return-value]


def failing(found: pl.DataFrame, criterion: str) -> float:
    """The share that fails a criterion, of those whose figures for it are known."""
    failed = sum(criterion in row for row in found["failed"])
    return failed / (len(found) - sum(criterion in row for row in found["unknown"]))


def test_every_company_goes_through_every_listing_standard() -> None:
    rules = library()
    population = from_facts(facts_of(held(), rules), rules.catalogue)

    for standard in standards(rules):
        assert len(evaluate_columns(standard, population, AS_OF, rules.environment)) == len(held())


@pytest.mark.parametrize(
    "wanted", ["mb.s1@2024", "cx.s1@2020", "star.s2@2019", "star.attr@2024", "bse.s2@2021", "hnte"]
)
def test_the_reference_answers_for_real_companies_as_the_columns_do(wanted: str) -> None:
    some, rules = held()[::STEP], library()
    found = outcomes(some, version(wanted))
    evaluator = rules.evaluator(version(wanted))

    for facts, row in zip(facts_of(some, rules), found.iter_rows(named=True), strict=True):
        answer = evaluator.answer(facts, AS_OF)
        assert (row["outcome"], set(row["failed"]), set(row["unknown"])) == (
            str(answer.outcome),
            set(answer.failed),
            set(answer.unknown),
        )


def test_only_figures_that_cannot_be_true_are_refused() -> None:
    rules = library()

    refused = [
        (one.code, problem.name)
        for one, facts in zip(held(), facts_of(held(), rules), strict=True)
        for problem in facts.dropped
    ]

    assert {code for code, _ in refused} == {"300426", "601138", "688187"}


@pytest.mark.parametrize(("earlier", "later"), [("mb.s1@2023", "mb.s1@2024"), ("cx.s1@2020", "cx.s1@2024")])
def test_who_meets_a_raised_standard_met_the_one_before(earlier: str, later: str) -> None:
    before, after = outcomes(held(), version(earlier)), outcomes(held(), version(later))

    met = after["outcome"] == Outcome.ELIGIBLE
    assert met.any()
    assert (before.filter(met)["outcome"] == Outcome.ELIGIBLE).all()


def test_the_newer_a_listing_the_more_companies_still_meet_the_standard() -> None:
    old, newer, newest = (
        share_eligible(outcomes(listed_in("mb", *years), version("mb.s1@2023")))
        for years in ((1990, 2016), (2017, 2018), (2019, 2019))
    )

    assert 0.5 < old < newer < newest < 0.9


def test_every_company_listed_on_star_in_its_first_year_earned_profits() -> None:
    found = outcomes(listed_in("star", 2019, 2019), version("star.s1@2019"))

    assert failing(found, "star.s1.a.np_each") == 0
    assert failing(found, "star.s1.a.np_sum") == 0


@pytest.mark.parametrize("criterion", ["H4", "H5"])
def test_star_companies_research_more_than_chinext_ones_and_these_more_than_the_main_board(criterion: str) -> None:
    star, cx, mb = (
        failing(outcomes([one for one in held() if one.board == board], version("hnte")), criterion)
        for board in ("star", "cx", "mb")
    )

    assert star < 0.1 < cx < 0.2 < 0.4 < mb < 0.5


def test_one_known_year_never_meets_a_standard_of_three() -> None:
    found = outcomes(listed_in("mb", 2019, 2019), version("mb.s1@2023"), as_of=date(2020, 6, 30), last_year=2019)

    assert set(found["outcome"]) <= {Outcome.UNDETERMINED, Outcome.INELIGIBLE}
