"""The catalogue as it stands: complete for the sample checks, free of contradictions, and its expressions readable."""

import json
from collections import Counter
from datetime import date
from functools import cache
from typing import Any

import pytest

from rules.catalogue import Catalogue, Indicator, Nature, Period, Type, load_catalogue
from rules.facts import read_facts
from rules.interpret import Context, Environment
from rules.language import RESERVED, Fact, kind_of, parse, walk
from rules.values import FactKey, Unknown, Value
from tests.shared_data import shared_cases

SAMPLES = ("01-samples.json", "02-samples.json", "03-samples.json", "04-samples.json")
FISCAL_YEAR = 2025
AS_OF = date(2026, 7, 15)


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


def expressions() -> list[tuple[Indicator, str]]:
    """Every derivation and upper bound, with the indicator it belongs to."""
    return [(i, text) for i in catalogue().indicators for text in (i.derive, i.at_most) if text is not None]


def found(name: str, facts: dict[str, Any], as_of: date = AS_OF) -> Value:
    """The value of an indicator, given some facts."""
    indicator = catalogue().indicator(name)
    assert indicator is not None
    context = Context(Environment(catalogue()), read_facts(facts, catalogue(), as_of), as_of, FISCAL_YEAR)
    return context.fact(indicator)


@pytest.mark.parametrize("samples", SAMPLES)
def test_every_fact_of_the_sample_checks_is_known_and_fits_its_type(samples: str) -> None:
    for case in json.loads(shared_cases(samples).read_text(encoding="utf-8")):
        facts = read_facts(case["facts"], catalogue(), date.fromisoformat(case["as_of"]))
        assert not facts.dropped, case["id"]


def test_ids_and_aliases_and_field_names_are_not_words_of_the_language() -> None:
    names = set(catalogue().by_name) | {f.id for i in catalogue().indicators for f in i.fields}
    assert not names & (RESERVED | {"true", "false", "none"})


def test_a_column_head_leads_to_one_indicator_only() -> None:
    heads = Counter(head for i in catalogue().indicators for head in {i.name, *i.synonyms})
    assert [head for head, times in heads.items() if times > 1] == []


def test_field_names_of_a_record_are_unique() -> None:
    for indicator in catalogue().indicators:
        names = [name for field in indicator.fields for name in (field.id, *field.aliases)]
        assert len(names) == len(set(names)), indicator.id


def test_a_choice_field_has_choices_and_no_other_field_has() -> None:
    for indicator in catalogue().indicators:
        for field in indicator.fields:
            assert (field.type is Type.CHOICE) == bool(field.choices), f"{indicator.id}.{field.id}"


def test_the_labels_of_a_choice_tell_its_codes_apart() -> None:
    for indicator in catalogue().indicators:
        for choices in (indicator.choices, *(field.choices for field in indicator.fields)):
            assert len(set(choices.values())) == len(choices), indicator.id


def test_every_indicator_says_what_it_means_and_who_is_trusted() -> None:
    for indicator in catalogue().indicators:
        assert indicator.definition.endswith("。"), indicator.id
        assert indicator.sources, indicator.id
        assert len(indicator.sources) == len(set(indicator.sources)), indicator.id


def test_an_officer_can_settle_any_figure() -> None:
    strangers = [i.id for i in catalogue().indicators if "officer" not in i.sources]
    assert strangers == []


def test_no_number_is_without_a_unit() -> None:
    numbers = {Type.MONEY, Type.NUMBER, Type.COUNT, Type.HEADCOUNT, Type.PERCENT}
    assert [i.id for i in catalogue().indicators if i.type in numbers and not i.unit] == []


def test_a_range_is_not_upside_down() -> None:
    for indicator in catalogue().indicators:
        low, high = indicator.range or (None, None)
        assert low is None or high is None or low < high, indicator.id


def test_profits_and_flows_may_be_negative() -> None:
    for name in ("net_profit", "net_profit_lower", "operating_cash_flow", "net_assets_year_end", "total_profit"):
        indicator = catalogue().indicator(name)
        assert indicator is not None
        assert indicator.range is None, name


def test_every_derivation_gives_the_kind_of_value_its_indicator_holds() -> None:
    for indicator, text in expressions():
        assert parse(text, catalogue()).kind in (kind_of(indicator), "open"), indicator.id


def test_no_yearly_figure_is_derived_from_one_that_knows_no_year() -> None:
    for indicator, text in expressions():
        if indicator.period is Period.YEARLY:
            read = [node.indicator for node in walk(parse(text, catalogue())) if isinstance(node, Fact)]
            assert all(one.period is Period.YEARLY for one in read), indicator.id


def test_every_consistency_rule_is_a_claim_with_a_hint() -> None:
    rules = catalogue().consistency
    assert len({rule.id for rule in rules}) == len(rules)
    for rule in rules:
        assert parse(rule.require, catalogue()).kind == "boolean", rule.id
        assert rule.hint.endswith("。"), rule.id


def test_every_jump_is_of_yearly_figures_and_has_a_hint() -> None:
    for jump in catalogue().jumps:
        assert all(catalogue().by_name[name].period is Period.YEARLY for name in jump.of), jump.id
        assert jump.below is None or jump.below > jump.at_least, jump.id
        assert jump.hint.endswith("。"), jump.id


def test_records_of_misconduct_are_blacklist_facts() -> None:
    kept_by_authorities = {"major_incidents", "abnormal_list_periods", "dishonesty_list_periods"}
    kept_by_authorities |= {"has_adverse_credit_record", "last_revocation_for_cause_date"}
    natures = {name: i.nature for name, i in catalogue().by_name.items() if name in kept_by_authorities}
    assert natures == dict.fromkeys(kept_by_authorities, Nature.BLACKLIST)


def test_the_calibers_of_rd_stay_apart() -> None:
    calibers = ("hnte", "deduction", "stat", "audited")
    names = {f"rd_expense_{c}" for c in calibers}
    names |= {"rd_expense", "rd_investment", "sci_tech_activity_expense"}
    indicators = [catalogue().indicator(name) for name in names]
    assert len({i.id for i in indicators if i is not None}) == len(names)
    assert all(i is not None and i.derive is None for i in indicators)


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("0111", "agriculture"), ("0610", "industry"), ("1310", "industry"), ("3311", "industry"),
        ("4690", "industry"), ("4710", "construction"), ("5110", "wholesale"), ("5890", "transport"),
        ("5910", "transport"), ("5930", "warehousing"), ("6010", "postal"), ("6410", "information_transmission"),
        ("6513", "software_it"), ("7010", "real_estate_development"), ("7020", "property_management"),
        ("7030", "other_unlisted"), ("7212", "leasing_business"), ("7320", "other_unlisted"),
        ("8521", "other_unlisted"),
    ],
)  # fmt: skip
def test_the_industry_code_gives_the_size_category(code: str, category: str) -> None:
    assert found("size_industry_category", {"industry_code": code}) == category


@pytest.mark.parametrize("code", ["5310", "6620", "7040", "8310", "8411", "9221", "59", "70"])
def test_an_industry_the_size_standard_does_not_name_is_left_to_an_officer(code: str) -> None:
    value = found("size_industry_category", {"industry_code": code})
    assert isinstance(value, Unknown)
    assert value.note


def test_a_size_category_that_was_given_stands() -> None:
    given = {"industry_code": "5310", "size_industry_category": "transport"}
    assert found("size_industry_category", given) == "transport"


@pytest.mark.parametrize(("as_of", "valid"), [(date(2026, 11, 5), True), (date(2026, 11, 6), False)])
def test_an_hnte_certificate_holds_until_the_third_anniversary_of_its_issue(as_of: date, valid: bool) -> None:
    certificates = [{"issued_on": "2023-11-06", "revoked_on": None}]
    assert found("hnte_valid", {"hnte_certificates": certificates}, as_of) is valid


def test_a_revoked_hnte_certificate_no_longer_holds() -> None:
    certificates = [{"issued_on": "2024-11-06", "revoked_on": "2026-07-15"}]
    assert found("hnte_valid", {"hnte_certificates": certificates}) is False


def test_total_revenue_is_worked_out_even_when_another_one_was_reported() -> None:
    facts = {"gross_income_cit": 5100, "non_taxable_income": 100, "total_revenue": 4999}
    assert found("total_revenue", {k: {"2025": v} for k, v in facts.items()}) == 5000 * 1_000_000


def test_of_two_known_profits_the_lower_counts() -> None:
    facts = {"net_profit_attributable": {"2025": 1200}, "net_profit_deducted": {"2025": 1000}}
    assert found("net_profit_lower", facts) == 1000 * 1_000_000


def test_one_known_profit_is_only_an_upper_bound_of_the_lower() -> None:
    value = found("net_profit_lower", {"net_profit_deducted": {"2025": 1000}})
    assert isinstance(value, Unknown)
    assert (value.lo, value.hi) == (None, 1000 * 1_000_000)
    assert value.missing == {FactKey("net_profit_attributable", 2025)}


def test_a_reported_sum_serves_only_until_all_years_are_there() -> None:
    years = {"2024": 100, "2025": 200}
    assert found("revenue_sum3", {"operating_revenue": years, "revenue_sum3": 450}) == 450 * 1_000_000
    all_years = {"2023": 50, **years}
    assert found("revenue_sum3", {"operating_revenue": all_years, "revenue_sum3": 450}) == 350 * 1_000_000


def test_growth_from_nothing_is_not_worked_out() -> None:
    value = found("main_revenue_growth", {"main_business_revenue": {"2024": 0, "2025": 100}})
    assert isinstance(value, Unknown)


def test_months_on_the_neeq_count_up_to_the_committee_day() -> None:
    facts = {"neeq_listed_on": "2025-06-10", "listing_committee_date": "2026-06-10", "neeq_listed_months": 3}
    assert found("neeq_listed_months", facts) == 12


@pytest.mark.parametrize(("as_of", "year"), [(date(2026, 4, 30), 2024), (date(2026, 5, 1), 2025)])
def test_the_last_audited_year_is_the_year_before_from_may_on(as_of: date, year: int) -> None:
    assert found("latest_audited_fy", {}, as_of) == year
