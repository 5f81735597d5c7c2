"""The contract of `tidu check`: one JSON line in, one out, whatever stands in it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from rules.answers import answer_line, answer_lines
from rules.library import library
from rules.requests import read_lines

FACTS: dict[str, Any] = {
    "registered_in_mainland": True, "is_resident_enterprise": True, "accounting_sound": True,
    "tax_collection_method": "audit", "rd_expense_accurately_collected": True, "pays_cit": True,
    "in_restricted_or_eliminated_catalogue": False, "in_rd_deduction_excluded_industry": False,
    "established_on": "2018-05-10", "employee_total": {"2025": 100}, "sci_tech_staff": {"2025": 30},
    "sales_revenue": {"2025": 5000}, "total_assets_year_end": {"2025": 6000},
    "rd_expense_deduction": {"2025": 300}, "cost_expense_total": {"2025": 4500},
    "ip_class1_count": 1, "ip_class2_count": 5, "major_incidents": [], "abnormal_list_periods": [],
    "dishonesty_list_periods": [], "hnte_certificates": [], "national_sci_awards": [],
    "provincial_rd_institutions": [], "standards_led": [],
}  # fmt: skip


def line(**changed: Any) -> str:
    """A check of a technology-based SME that is eligible, with some of it changed."""
    request = {"id": "E-1", "programme": "tech_sme", "as_of": "2026-07-15", "facts": FACTS, **changed}
    return json.dumps(request, ensure_ascii=False)


def answer(text: str) -> dict[str, Any]:
    return answer_line(text, library())


def answer_with(**facts: Any) -> dict[str, Any]:
    """The answer with some facts changed."""
    return answer(line(facts={**FACTS, **facts}))


# What an answer holds


def test_an_answer_has_the_keys_of_the_contract() -> None:
    given = answer(line())
    assert {"id", "programme", "version", "outcome", "score", "failed", "unknown", "criteria"} <= set(given)
    assert (given["id"], given["programme"], given["version"]) == ("E-1", "tech_sme", "2022")


def test_an_answer_can_be_written_as_json() -> None:
    given = answer(line(facts={**FACTS, "sci_tech_staff": {"2025": 33.333}}))
    assert json.loads(json.dumps(given)) == given


def test_a_score_that_is_certain_is_one_value() -> None:
    assert answer(line())["score"] == {"value": 100, "pass": ">= 60"}


def test_a_score_that_is_open_is_an_interval() -> None:
    assert answer_with(sci_tech_staff=None)["score"] == {"min": 80, "max": 100, "pass": ">= 60"}


def test_a_programme_without_points_has_no_score() -> None:
    assert answer(line(programme="hnte_status", facts={}))["score"] is None


def test_an_undetermined_answer_lists_the_facts_that_would_settle_it() -> None:
    given = answer_with(total_assets_year_end=None, pays_cit=None)
    assert (given["outcome"], given["missing"]) == ("undetermined", ["pays_cit", "total_assets_year_end[2025]"])


def test_likely_is_said_where_only_records_of_misconduct_are_open() -> None:
    given = answer_with(major_incidents=None)
    assert (given["outcome"], given["likely"]) == ("undetermined", True)


def test_a_figure_and_its_gap_stand_in_the_units_of_the_forms() -> None:
    given = answer_with(sales_revenue={"2025": 20000.5}, rd_expense_deduction={"2025": 5000})
    found = next(one for one in given["criteria"] if one["id"] == "T2b")
    wanted = {"outcome": "failed", "figure": 20000.5, "op": "<=", "threshold": 20000, "gap": 0.5, "unit": "万元"}
    assert {key: found[key] for key in wanted} == wanted


def test_the_facts_that_a_criterion_read_stand_beside_it() -> None:
    found = next(one for one in answer(line())["criteria"] if one["id"] == "T2a")
    assert found["facts"] == {"employee_total[2025]": 100}


def test_a_criterion_carries_its_citation_and_certainty() -> None:
    found = next(one for one in answer(line())["criteria"] if one["id"] == "T2a")
    assert (found["cite"], found["certainty"]) == ("评价办法 第六条（二）", "confirmed")


# Which version answers


def test_the_version_in_force_on_the_day_answers() -> None:
    assert answer(line(as_of="2021-12-31"))["version"] == "2017"
    assert answer(line(as_of="2022-01-01"))["version"] == "2022"


def test_a_pinned_version_answers_on_any_day() -> None:
    assert answer(line(programme="tech_sme@2017"))["version"] == "2017"


def test_an_alias_of_a_programme_answers_under_its_own_name() -> None:
    given = answer(line(programme="js_tech_little_giant@2018", facts={}))
    assert given["programme"] == "js_tech_little_giant_2018"


def test_a_day_that_no_version_covers_is_refused_and_the_versions_named() -> None:
    given = answer(line(as_of="2017-05-02"))
    assert given["id"] == "E-1"
    assert "2017-05-02 没有现行的科技型中小企业标准" in given["error"]
    assert "2022 版 2022-01-01 起" in given["error"]


def test_a_listing_standard_outside_its_days_is_answered_as_not_in_force() -> None:
    given = answer(line(programme="star.s1", as_of="2010-01-01", facts={}))
    assert (given["outcome"], given["failed"], given["version"]) == ("ineligible", ["not_in_force"], None)


@pytest.mark.parametrize(
    ("programme", "said"),
    [
        ("hntee", "没有认定项目“hntee”"),
        ("tech_sme@1999", "tech_sme 没有版本“1999”，现有 2017、2022"),
        ("", "没有认定项目“”"),
        (7, "programme 应为文本"),
    ],
)
def test_an_unknown_programme_is_refused(programme: Any, said: str) -> None:
    given = answer(line(programme=programme))
    assert said in given["error"]
    assert "outcome" not in given


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2026-02-30", "不是存在的日期：2026-02-30"),
        ("2024.13.1", "应为日期，写作 2024-05-01"),
        ("0001-01-01", "应在 1800 至 2999 年之间"),
        (20260715, "应为日期"),
        (None, "应为日期"),
    ],
)
def test_a_day_that_is_none_is_refused(as_of: Any, said: str) -> None:
    assert said in answer(line(as_of=as_of))["error"]


@pytest.mark.parametrize("left_out", ["programme", "as_of", "facts"])
def test_what_a_request_lacks_is_named(left_out: str) -> None:
    request = json.loads(line())
    del request[left_out]
    assert f"缺少“{left_out}”" in answer(json.dumps(request))["error"]


@pytest.mark.parametrize("facts", [[], "none", 5, None])
def test_facts_that_are_no_object_are_refused(facts: Any) -> None:
    assert "facts 应为对象" in answer(line(facts=facts))["error"]


# Facts that cannot be used count as missing; the rest is answered, and the answer says so


def test_a_figure_of_a_later_year_is_left_out_and_told() -> None:
    given = answer_with(sales_revenue={"2025": 5000, "2027": 9000})
    assert given["outcome"] == "eligible"
    assert "给出了 2027 年的数，晚于测评日 2026-07-15，未采用" in given["error"]


def test_a_negative_amount_counts_as_missing() -> None:
    given = answer_with(total_assets_year_end={"2025": -1})
    assert (given["outcome"], given["unknown"]) == ("undetermined", ["T2c"])
    assert "不应小于 0，已按缺失处理" in given["error"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("employee_total", {"2025": "约100"}, '应为数字，实为 "约100"'),
        ("employee_total", {"2025": True}, "应为数字，实为 true"),
        ("employee_total", {"2025": [100]}, "应为数字，实为 [100]"),
        ("employee_total", 100, '是分年度指标，应写作 {"2025": 数值}'),
        ("employee_total", [100], "是分年度指标"),
        ("employee_total", {"去年": 100}, "的年度“去年”应为四位年份"),
        ("total_assets_year_end", {"2025": 10**15}, "数值过大（1000000000000000 万元），请核对单位是否为万元"),
        ("total_assets_year_end", {"2025": 0.0000001}, "最多六位小数（精确到分）"),
        ("pays_cit", "是", '应为 true 或 false，实为 "是"'),
        ("tax_collection_method", "cash", "应取 audit（查账征收）、deemed（核定征收） 之一"),
        ("ip_class1_count", 1.5, "应为整数，实为 1.5"),
        ("major_incidents", "none at all", "应为记录列表，没有时写 []"),
        ("major_incidents", [5], "第 1 条应为对象，实为 5"),
    ],
)
def test_a_value_of_the_wrong_kind_counts_as_missing(name: str, value: Any, said: str) -> None:
    given = answer_with(**{name: value})
    assert said in given["error"]
    assert any(missing.startswith(name) for missing in given["missing"]) or name == "ip_class1_count"


def of_srdi_2026(**facts: Any) -> dict[str, Any]:
    return answer(line(programme="srdi_sme", as_of="2026-07-15", facts=facts))


def test_a_size_class_said_without_a_year_is_the_last_completed_years() -> None:
    assert of_srdi_2026(size_class="large")["failed"] == ["is-sme"]
    assert of_srdi_2026(size_class={"2024": "large"})["failed"] == []


def test_a_ratio_said_without_a_year_is_the_last_completed_years() -> None:
    assert of_srdi_2026(debt_ratio=80.01)["failed"] == ["debt-ratio-at-most-80pct"]


def test_years_in_the_niche_may_be_given_for_the_years_end() -> None:
    assert of_srdi_2026(niche_market_years={"2025": 2.9, "2024": 5})["failed"] == ["niche-market-at-least-3y"]


def test_an_older_years_figure_never_stands_in_for_the_last() -> None:
    given = of_srdi_2026(niche_market_years={"2024": 2})
    assert (given["failed"], "没有 2025 年的数" in given["error"]) == ([], True)


def test_not_a_number_counts_as_missing_and_the_line_keeps_its_id() -> None:
    given = answer(line().replace('"total_assets_year_end": {"2025": 6000}', '"total_assets_year_end": {"2025": NaN}'))
    assert (given["id"], given["outcome"], given["unknown"]) == ("E-1", "undetermined", ["T2c"])
    assert "应为有限的数，实为 NaN" in given["error"]


def test_an_infinite_figure_counts_as_missing() -> None:
    given = answer(
        line().replace('"total_assets_year_end": {"2025": 6000}', '"total_assets_year_end": {"2025": -Infinity}')
    )
    assert given["unknown"] == ["T2c"]


def test_a_power_of_ten_beyond_all_figures_is_turned_away_at_once() -> None:
    given = answer(line().replace('{"2025": 6000}', '{"2025": 1e999999999}'))
    assert "数值过大或过小" in given["error"]


def test_an_unreadable_day_counts_as_missing() -> None:
    given = answer(line(programme="hnte@2016", facts={"established_on": "2024-13-01"}))
    assert "H1" in given["unknown"]
    assert "不是存在的日期：2024-13-01" in given["error"]


def test_a_record_with_a_key_nobody_knows_is_used_without_it() -> None:
    given = answer_with(major_incidents=[{"kind": "safety", "date": "2026-01-01", "grade": 3}])
    assert given["failed"] == ["T4a"]
    assert "第 1 条有不认识的项“grade”" in given["error"]


def test_a_record_with_an_unreadable_day_stays_open() -> None:
    given = answer_with(major_incidents=[{"kind": "safety", "date": "2026-02-30"}])
    assert (given["failed"], given["unknown"]) == ([], ["T4a"])


def test_a_revocation_whose_day_cannot_be_read_is_not_taken_for_none() -> None:
    certificates = [{"issued_on": "2024-11-06", "revoked_on": "2025-02-30"}]
    given = answer(line(programme="hnte_status", facts={"hnte_certificates": certificates}))
    assert (given["outcome"], given["unknown"]) == ("undetermined", ["certificate_in_force"])


def test_one_record_may_stand_for_a_list_of_one() -> None:
    given = answer_with(major_incidents={"kind": "safety", "date": "2026-01-01"})
    assert given["failed"] == ["T4a"]
    assert "error" not in given


def test_half_year_figures_are_passed_over_in_silence() -> None:
    given = answer_with(sales_revenue={"2025": 5000, "2026H1": 1, "2026Q1": 2})
    assert given["outcome"] == "eligible"
    assert "error" not in given


def test_absent_null_none_and_empty_mean_what_the_contract_says() -> None:
    status = {"programme": "hnte_status"}
    assert answer(line(**status, facts={}))["outcome"] == "undetermined"
    assert answer(line(**status, facts={"hnte_certificates": None}))["outcome"] == "undetermined"
    assert answer(line(**status, facts={"hnte_certificates": []}))["outcome"] == "ineligible"
    assert answer(line(programme="tech_sme_number", facts={"tech_sme_number": "none"}))["outcome"] == "ineligible"


# What nobody can guess is refused


def test_an_unknown_indicator_is_refused_by_name() -> None:
    given = answer_with(sales_revenu={"2025": 1})
    assert given == {
        "id": "E-1",
        "error": "目录中没有指标“sales_revenu”，请核对名称（tidu rules indicators 可列出全部指标）",
    }


def test_all_unknown_indicators_are_named_at_once() -> None:
    assert set("甲乙") <= set(answer_with(甲=1, 乙=2)["error"])


def test_one_figure_under_two_names_is_refused() -> None:
    given = answer_with(total_revenue={"2025": 1}, hnte_total_revenue={"2025": 2})
    assert "“hnte_total_revenue”与“total_revenue”是同一指标，只能给一次" in given["error"]
    assert "outcome" not in given


def test_an_alias_alone_serves() -> None:
    given = answer(line(programme="hnte", facts={"hnte_total_revenue": {"2025": 1}}))
    assert "error" not in given


def test_a_year_given_twice_is_refused_with_the_id_kept() -> None:
    given = answer(line().replace('"employee_total": {"2025": 100}', '"employee_total": {"2025": 100, "2025": 200}'))
    assert given == {"id": "E-1", "error": "“2025”出现了两次，请只保留一个"}


def test_a_fact_given_twice_is_refused() -> None:
    given = answer(line().replace('"pays_cit": true', '"pays_cit": true, "pays_cit": false'))
    assert given == {"id": "E-1", "error": "“pays_cit”出现了两次，请只保留一个"}


# Lines that are no requests


def test_a_broken_line_is_told_with_the_id_that_can_be_made_out() -> None:
    given = answer(line()[:-5])
    assert given["id"] == "E-1"
    assert given["error"].startswith("不是有效的 JSON")


@pytest.mark.parametrize("text", ["{", "nonsense", '{"id": }', "[" * 100_000, '{"id": "\\ud8'])
def test_a_line_that_is_no_json_has_no_id(text: str) -> None:
    given = answer(text)
    assert given["id"] is None
    assert given["error"].startswith("不是有效的 JSON")


@pytest.mark.parametrize("text", ["5", '"hnte"', "[]", "null", "true"])
def test_a_line_that_is_no_object_is_told_how_to_look(text: str) -> None:
    assert answer(text)["error"].startswith("每行应为一个 JSON 对象")


@pytest.mark.parametrize("identity", ["甲-1", 17, None])
def test_the_id_comes_back_as_it_was(identity: Any) -> None:
    assert answer(line(id=identity))["id"] == identity


def test_an_id_that_is_a_decimal_comes_back_as_text() -> None:
    assert json.dumps(answer(line(id=1.5))["id"]) == '"1.5"'


def test_each_line_has_its_own_error_and_the_rest_go_on() -> None:
    lines = [line(id=1), "{broken", "", line(id=2, programme="nothing"), "   ", line(id=3)]
    given = list(answer_lines(read_lines(io.BytesIO("\n".join(lines).encode())), library()))
    assert [(one["id"], "error" in one) for one in given] == [(1, False), (None, True), (2, True), (3, False)]


# The command


@pytest.fixture
def check(tmp_path: Path) -> Callable[[str], Result]:
    """`tidu check` of a file with this content."""

    def run(content: str) -> Result:
        file = tmp_path / "checks.ndjson"
        file.write_text(content, encoding="utf-8")
        return CliRunner().invoke(app, ["check", str(file)])

    return run


def answers_of(result: Result) -> list[dict[str, Any]]:
    return [json.loads(one) for one in result.stdout.splitlines()]


def test_checks_that_can_all_be_answered_end_with_0(check: Callable[[str], Result]) -> None:
    result = check(f"{line(id=1)}\n{line(id=2)}\n")
    assert result.exit_code == 0
    assert [one["outcome"] for one in answers_of(result)] == ["eligible", "eligible"]


def test_a_line_with_an_error_ends_with_1_after_all_lines_were_answered(check: Callable[[str], Result]) -> None:
    result = check(f"{line(id=1)}\nbroken\n{line(id=3)}\n")
    assert result.exit_code == 1
    assert [one["id"] for one in answers_of(result)] == [1, None, 3]
    assert "有 1 行不能完整回答" in result.stderr


def test_an_answer_with_a_dropped_figure_ends_with_1_too(check: Callable[[str], Result]) -> None:
    result = check(line(facts={**FACTS, "total_assets_year_end": {"2025": -1}}))
    assert result.exit_code == 1
    assert answers_of(result)[0]["outcome"] == "undetermined"


def test_an_array_of_checks_is_taken_apart(check: Callable[[str], Result]) -> None:
    result = check(f"[\n{line(id=1)},\n{line(id=2)}\n]")
    assert result.exit_code == 0
    assert [one["id"] for one in answers_of(result)] == [1, 2]


def test_a_figure_in_an_array_stays_exact(check: Callable[[str], Result]) -> None:
    changed = line(facts={**FACTS, "sales_revenue": {"2025": 123}}).replace("123", "20000.000001")
    assert answers_of(check(f"[{changed}]"))[0]["failed"] == ["T2b", "T5"]


def test_a_file_with_a_byte_order_mark_is_read(check: Callable[[str], Result]) -> None:
    assert check("\ufeff" + line()).exit_code == 0


def test_an_empty_file_has_nothing_to_answer(check: Callable[[str], Result]) -> None:
    result = check("")
    assert (result.exit_code, result.stdout) == (0, "")


def test_checks_come_from_standard_input_too() -> None:
    result = CliRunner().invoke(app, ["check", "-"], input=line(id=9))
    assert [one["id"] for one in answers_of(result)] == [9]


def test_a_file_that_is_not_there_is_refused() -> None:
    result = CliRunner().invoke(app, ["check", "nowhere.ndjson"])
    assert result.exit_code == 1
    assert "没有文件 nowhere.ndjson" in result.stderr


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workbook.xlsx").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    result = CliRunner().invoke(app, ["check", str(tmp_path / "workbook.xlsx")])
    assert result.exit_code == 1
    assert "不是 UTF-8 文本" in answers_of(result)[0]["error"]


def test_no_file_named_is_wrong_usage() -> None:
    assert CliRunner().invoke(app, ["check"]).exit_code == 2


def test_earlier_answers_that_are_none_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "checks.ndjson").write_text(line(), encoding="utf-8")
    (tmp_path / "earlier.ndjson").write_text('{"id": "E-1"}\nnot an answer\n', encoding="utf-8")
    result = CliRunner().invoke(
        app, ["check", str(tmp_path / "checks.ndjson"), "--replay", str(tmp_path / "earlier.ndjson")]
    )
    assert result.exit_code == 1
    assert "第 2 行不是答案" in result.stderr


def test_cases_of_a_programme_that_has_none_are_refused() -> None:
    result = CliRunner().invoke(app, ["rules", "test", "--programme", "hnt"])
    assert result.exit_code == 1
    assert "没有找到“hnt”的案例" in result.stderr


def test_a_handbook_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    result = CliRunner().invoke(app, ["rules", "docs", str(tmp_path / "taken" / "below")])
    assert result.exit_code == 1
    assert "不能写到" in result.stderr
