"""The invented population: the same every time, plainly invented, and plausible."""

from collections import Counter
from datetime import date
from functools import cache
from itertools import islice

import pytest

from backend.demo.population import Invented, credit_code, population
from backend.eligibility.registry_facts import add_registry_facts
from backend.enterprises.credit_code import is_credit_code
from backend.recognitions.queries import Held
from backend.recognitions.service import last_day
from rules.facts import Facts, read_facts
from rules.library import library

SIZE = 1200
TODAY = date(2026, 11, 22)


@cache
def people() -> tuple[Invented, ...]:
    return tuple(population(SIZE, TODAY))


def titles(one: Invented) -> list[Held]:
    revoked = {(programme, day): reason for programme, day, reason in one.revoked}
    return [
        Held(1, 1, programme, "", None, number, "", kind, day, day, last_day(programme, day, library()),
             next((on for name, on in revoked if name == programme and on >= day), None), "", "", None)
        for programme, day, kind, number in one.titles
    ]  # fmt: skip


def facts_of(one: Invented) -> Facts:
    raw = dict(one.current)
    for said in (one.yearly, one.late, one.said_by_tax, one.said_by_platform):
        for year, values in said.items():
            for name, value in values.items():
                raw.setdefault(name, {})[str(year)] = value
    facts = read_facts(raw, library().catalogue, TODAY)
    board, listed_on = one.listing or ("", None)
    row = {
        "established_on": one.established_on, "industry_code": one.industry, "region_code": one.region,
        "credit_code": one.code, "listing_board": board, "listed_on": listed_on,
    }  # fmt: skip
    add_registry_facts(facts, row, titles(one), TODAY)
    return facts


@cache
def outcomes(programme: str) -> tuple[Counter[str], Counter[str]]:
    """How many of those that hold a title, and of the others, have which outcome."""
    holders, others = Counter[str](), Counter[str]()
    for one in people():
        facts = facts_of(one)
        answer = library().evaluator(library().version(programme, TODAY, facts)).answer(facts, TODAY)
        is_held = any(title.programme == programme and title.is_in_force(TODAY) for title in titles(one))
        (holders if is_held else others)["likely" if answer.is_likely else str(answer.outcome)] += 1
    return holders, others


def test_the_same_people_are_invented_every_time():
    assert list(islice(population(SIZE, TODAY), 50)) == list(people()[:50])


def test_everybody_is_plainly_invented():
    for one in people():
        assert one.name.endswith("（演示）")
        assert one.code[8:11] == "DEM"


def test_every_code_is_valid_and_everybodys_own():
    assert all(is_credit_code(one.code) for one in people())
    assert len({one.code for one in people()}) == len({one.name for one in people()}) == len(people())


def test_codes_do_not_run_out_at_a_hundred_thousand():
    codes = {credit_code("321202", number) for number in (1, 99_999, 100_000, 100_001, 999_999)}
    assert len(codes) == 5
    assert all(is_credit_code(code) for code in codes)


def test_nobody_holds_a_title_before_being_founded_or_of_tomorrow():
    for one in people():
        assert all(one.established_on < day <= TODAY for _, day, _, _ in one.titles)


def test_no_year_is_reported_before_founding_or_before_it_ended():
    for one in people():
        assert all(one.established_on.year <= year < TODAY.year for year in (*one.yearly, *one.late, *one.said_by_tax))


@pytest.mark.parametrize(
    ("programme", "least"), [("hnte", 0.55), ("tech_sme", 0.7), ("innovative_sme", 0.7), ("srdi_sme", 0.55)]
)
def test_who_holds_a_title_mostly_meets_its_rules(programme: str, least: float):
    holders, _ = outcomes(programme)
    assert (holders["eligible"] + holders["likely"]) / holders.total() >= least


def test_about_one_in_five_high_tech_enterprises_would_fail_today():
    holders, _ = outcomes("hnte")
    assert 0.12 <= holders["ineligible"] / holders.total() <= 0.28


@pytest.mark.parametrize("programme", ["hnte", "tech_sme", "innovative_sme"])
def test_there_are_candidates_who_could_apply(programme: str):
    _, others = outcomes(programme)
    assert others["eligible"] >= 10
    assert others["undetermined"] >= 10


def test_every_rung_has_somebody():
    held = Counter(title.programme for one in people() for title in titles(one) if title.is_in_force(TODAY))
    assert all(held[name] for name in ("tech_sme", "hnte", "innovative_sme", "srdi_sme", "little_giant", "js_gazelle"))
    assert any(one.listing and one.listing[0] != "neeq" for one in people())


def test_sources_contradict_each_other_now_and_then():
    different = [
        one.code
        for one in people()
        for year, values in one.said_by_tax.items()
        if values.get("sales_revenue", 0) != (one.yearly | one.late).get(year, {}).get("sales_revenue", 0)
    ]
    assert 10 <= len(different) <= len(people())


def test_the_population_follows_the_day_it_is_invented_for():
    years = {year for one in islice(population(60, date(2029, 2, 1)), 60) for year in one.yearly}
    assert years == {2025, 2026, 2027, 2028}
