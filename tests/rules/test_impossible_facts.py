"""Facts that can be read but cannot be: they count as missing, or their contradiction is told; none makes up an answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from backend.cli import app
from rules.catalogue import Indicator
from tests.rules.test_answers import answer_with, line


def test_a_founding_after_the_day_is_told() -> None:
    assert any("成立日期晚于截至日" in warning for warning in answer_with(established_on="2062-05-10")["warnings"])


def test_a_founding_on_the_day_itself_is_none_of_the_future() -> None:
    assert not any("成立日期晚于截至日" in warning for warning in answer_with(established_on="2026-07-15")["warnings"])


def test_a_listing_that_ended_before_it_began_stays_open() -> None:
    given = answer_with(abnormal_list_periods=[{"from": "2020-01-01", "to": "2019-12-31"}])
    assert (given["failed"], given["unknown"]) == ([], ["T4b"])
    assert "第 1 条的“移出日期”早于“列入日期”" in given["error"]


def test_a_listing_may_end_on_its_first_day() -> None:
    given = answer_with(abnormal_list_periods=[{"from": "2020-01-01", "to": "2020-01-01"}])
    assert (given["outcome"], "error" in given) == ("eligible", False)


def test_a_certificate_revoked_before_it_was_issued_proves_nothing() -> None:
    certificate = {"issued_on": "2025-01-10", "revoked_on": "2024-01-10"}
    given = answer_with(sci_tech_staff={"2025": 5}, hnte_certificates=[certificate])
    assert (given["outcome"], given["unknown"]) == ("undetermined", ["T5"])
    assert "“取消资格日期”早于“发证日期”" in given["error"]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"sci_tech_staff": {"2025": 101}}, "2025 年科技人员多于职工总数"),
        ({"ip_class1_defence_count": 2, "ip_class2_count": 0}, "国防专利多于Ⅰ类知识产权"),
        ({"rd_expense_deduction": {"2025": 4500.01}}, "2025 年加计扣除研发费用大于成本费用支出总额"),
    ],
)
def test_a_part_greater_than_its_whole_is_told_and_changes_nothing(facts: dict[str, Any], words: str) -> None:
    given = answer_with(**facts)
    assert given["outcome"] == "eligible"
    assert any(warning.startswith(words) for warning in given["warnings"])


def test_a_part_as_great_as_its_whole_is_no_contradiction() -> None:
    assert answer_with(sci_tech_staff={"2025": 100})["warnings"] == []


def test_a_field_cannot_wait_for_one_that_is_no_day() -> None:
    fields = [
        {"id": "from_on", "name": "列入日期", "type": "text"},
        {"id": "to_on", "name": "移出日期", "type": "date", "not_before": "from_on"},
    ]
    with pytest.raises(ValidationError, match="to_on 的 not_before 应为同一记录的日期项"):
        Indicator.model_validate({"id": "periods", "name": "时段", "type": "list", "fields": fields})


def test_a_file_without_checks_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.ndjson").write_text("\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "empty.ndjson")])
    assert (result.exit_code, result.stdout) == (0, "")
    assert "里没有测评请求" in result.stderr


def test_ids_that_come_again_are_answered_and_told(tmp_path: Path) -> None:
    (tmp_path / "twice.ndjson").write_text("\n".join([line(), line(id="E-2"), line()]), encoding="utf-8")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "twice.ndjson")])
    assert [json.loads(one)["id"] for one in result.stdout.splitlines()] == ["E-1", "E-2", "E-1"]
    assert "有 1 行的 id 在前面出现过" in result.stderr
