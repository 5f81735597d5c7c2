"""The transition clause of a version, and the year taken for the last audited one."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rules.answers import answer_request
from rules.catalogue import load_catalogue
from rules.facts import read_facts
from rules.library import library
from rules.programme import RuleError, read_programme, read_version

PROGRAMME = """
programme: trial
name: {zh: 试验}
"""
VERSION = """
programme: trial
version: "1"
in_force: {from: 2024-04-30}
documents: [试验]
transition_by: operating_revenue
criteria:
  - {id: T1, name: {zh: 收入}, cite: 第一条, require: operating_revenue >= 1万}
"""


def version_of(programme: str, as_of: date, facts: dict[str, Any]) -> str:
    """The label of the version that answers."""
    known = read_facts(facts, library().catalogue, as_of)
    return library().version(programme, as_of, known).source.version


def test_who_passed_the_committee_before_the_revision_keeps_the_earlier_version() -> None:
    assert version_of("mb.s1", date(2024, 6, 30), {"listing_committee_passed_on": "2024-04-29"}) == "2023"


def test_who_passed_the_committee_on_the_day_of_the_revision_comes_under_it() -> None:
    assert version_of("mb.s1", date(2024, 6, 30), {"listing_committee_passed_on": "2024-04-30"}) == "2024"


def test_a_pinned_version_answers_whatever_the_transition_clause_says() -> None:
    facts = {"listing_committee_passed_on": "2024-04-29"}
    assert version_of("mb.s1@2024", date(2024, 6, 30), facts) == "2024"


def test_a_transition_clause_has_to_name_a_date(tmp_path: Path) -> None:
    (tmp_path / "programme.yaml").write_text(PROGRAMME, encoding="utf-8")
    (tmp_path / "2024-04-30.yaml").write_text(VERSION, encoding="utf-8")
    programme = read_programme(tmp_path / "programme.yaml")

    with pytest.raises(RuleError, match="transition_by 应为目录中的日期类指标"):
        read_version(tmp_path / "2024-04-30.yaml", programme, load_catalogue())


def test_an_answer_says_which_year_it_took_for_the_last_audited_one() -> None:
    request = {"id": 1, "programme": "star.s4", "as_of": "2026-04-30", "facts": {}}

    assert any("按 2024 年测算" in warning for warning in answer_request(request, library())["warnings"])


def test_an_answer_is_silent_about_the_audited_year_that_was_reported() -> None:
    request = {"id": 1, "programme": "star.s4", "as_of": "2026-04-30", "facts": {"latest_audited_fy": 2025}}

    assert not any("年测算" in warning for warning in answer_request(request, library())["warnings"])
