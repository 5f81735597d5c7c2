"""Receipts: the same rule, engine, day and facts give the same answer; a difference is named."""

import json
from typing import Any

from rules.answers import answer_line
from rules.comparison import compare_versions
from rules.library import library
from rules.receipt import differences


def ask(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"employee_total": {"2025": 100}, "sci_tech_staff": {"2025": 30}}
    request = {"id": 1, "programme": "hnte", "as_of": "2026-07-15", "facts": facts} | changes
    return answer_line(json.dumps(request), library())


def test_the_same_question_is_answered_byte_for_byte() -> None:
    assert json.dumps(ask()) == json.dumps(ask())
    assert differences(ask(), ask()) == []


def test_the_way_a_number_is_written_does_not_change_the_receipt() -> None:
    whole = ask(facts={"sales_revenue": {"2025": 300}})["receipt"]
    assert (
        whole
        == answer_line(
            '{"id": 1, "programme": "hnte", "as_of": "2026-07-15", "facts": {"sales_revenue": {"2025": 300}}}',
            library(),
        )["receipt"]
    )


def test_changed_facts_are_named() -> None:
    later = ask(facts={"employee_total": {"2025": 101}, "sci_tech_staff": {"2025": 30}})
    assert differences(ask(), later) == ["数据不同"]


def test_a_changed_rule_is_named() -> None:
    earlier = ask()
    earlier["receipt"] = {**earlier["receipt"], "rule": "hnte@2016:0000000000000000"}
    assert differences(earlier, ask()) == ["规则文件已改"]


def test_another_day_is_named() -> None:
    assert differences(ask(), ask(as_of="2026-07-16")) == ["测评日不同"]


def test_two_versions_are_compared_criterion_by_criterion() -> None:
    programme = library().programme("tech_sme")
    said = list(compare_versions(programme.pinned("2017"), programme.pinned("2022")))
    assert any(line.startswith("改动 T4b") for line in said)
    assert not any("T2a" in line for line in said)
