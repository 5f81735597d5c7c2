"""Points by a scheme: exact, with reasons, and never guessed where the source gave no weights."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from backend.exchange.scheme import Result, SchemeError, Score, compare, load_scheme, rounded, work_out
from rules.facts import Facts, read_facts
from rules.library import library

CATALOGUE = library().catalogue
LOCAL: dict[str, Any] = {
    "id": "local_try", "name": "试验方案", "version": "1", "full": 100, "most_bonus": 10,
    # 杭州高新区按营业收入分五段的划分（万元），作样例。
    "stages": {"basis": "operating_revenue", "bands": [
        {"id": "seed", "name": "种子期", "lower": 0, "upper": 50}, {"id": "young", "name": "苗木期", "lower": 50, "upper": 500},
        {"id": "grown", "name": "成长期", "lower": 500},
    ]},
    "indicators": [
        {"id": "revenue", "name": "营业收入", "category": "成长", "indicator": "operating_revenue",
         "weights": {"seed": 20, "young": 30, "grown": 40}, "score": {"kind": "linear", "from": 0, "to": 1000}},
        {"id": "growth", "name": "增长率", "category": "成长", "indicator": "operating_revenue", "measure": "growth",
         "weights": {"seed": 40, "young": 30, "grown": 20}, "score": {"kind": "steps", "steps": [[0, 0.5], [0.2, 1]]}},
        {"id": "rd", "name": "研发强度", "category": "创新", "indicator": "rd_expense_deduction", "measure": "ratio",
         "to": "operating_revenue", "weights": {"*": 40}, "score": {"kind": "linear", "from": 0.03, "to": 0.1}},
        {"id": "awards", "name": "科技奖励", "category": "影响", "indicator": "provincial_st_awards", "is_bonus": True,
         "weights": {"*": 10}, "score": {"kind": "each", "share": 0.6}},
    ],
}  # fmt: skip


def scheme_of(folder: Path, **changed: Any):
    (folder / "try.yaml").write_text(yaml.safe_dump(LOCAL | changed, allow_unicode=True))
    return load_scheme("try", CATALOGUE, folder)


def facts(**yearly: dict[str, Any]) -> Facts:
    return read_facts(yearly, CATALOGUE, date(2026, 6, 30))


def points(folder: Path, known: Facts, year: int = 2025, **changed: Any) -> Result:
    return work_out(scheme_of(folder, **changed), known, year, date(2015, 1, 1), CATALOGUE)


KNOWN = {
    "operating_revenue": {"2024": 500, "2025": 600},
    "rd_expense_deduction": {"2025": 60},
    "provincial_st_awards": {"2025": 2},
}


def test_points_add_up_by_stage_with_a_reason_each(tmp_path: Path):
    found = points(tmp_path, facts(**KNOWN))
    assert (found.stage, found.base, found.bonus, found.total) == (
        "grown",
        Decimal("84.00"),
        Decimal("10.00"),
        Decimal("94.00"),
    )
    assert [rounded(one.points) for one in found.points] == [24, 20, 40, 10]
    assert found.points[0].reason == "600.00 得满分的 60.00%，权重 40.00"


@pytest.mark.parametrize(
    ("revenue", "stage"), [(49.999999, "seed"), (50, "young"), (499.999999, "young"), (500, "grown")]
)
def test_a_stages_lower_end_is_included_and_its_upper_is_not(tmp_path: Path, revenue: float, stage: str):
    assert points(tmp_path, facts(operating_revenue={"2025": revenue})).stage == stage


def test_a_missing_figure_gives_nothing_and_is_seen(tmp_path: Path):
    found = points(tmp_path, facts(operating_revenue={"2025": 600}))
    assert (found.total, found.coverage) == (Decimal("24.00"), Fraction(1, 4))
    assert [one.id for one in found.points if one.is_missing] == ["growth", "rd", "awards"]


def test_without_its_basis_there_is_no_stage_and_no_points(tmp_path: Path):
    found = points(tmp_path, facts(rd_expense_deduction={"2025": 60}))
    assert (found.total, found.missing) == (None, ("不能确定发展阶段：没有当年营业收入",))


@pytest.mark.parametrize(
    ("founded", "stage"), [(date(2025, 12, 31), "new"), (date(2022, 12, 31), "grown"), (date(2026, 1, 1), "")]
)
def test_whole_years_at_the_years_end_make_the_stage(tmp_path: Path, founded: date, stage: str):
    bands = [{"id": "new", "name": "初创期", "lower": 0, "upper": 3}, {"id": "grown", "name": "成长期", "lower": 3}]
    weights = [
        one | {"weights": {"*": weight}} for one, weight in zip(LOCAL["indicators"], (30, 30, 40, 10), strict=True)
    ]
    scheme = scheme_of(tmp_path, stages={"basis": "age_years", "bands": bands}, indicators=weights)
    assert work_out(scheme, facts(**KNOWN), 2025, founded, CATALOGUE).stage == stage


def test_the_bonus_is_capped_by_itself(tmp_path: Path):
    assert points(tmp_path, facts(**KNOWN), most_bonus=4).total == Decimal("88.00")


@pytest.mark.parametrize(("said", "given"), [({"2025": True}, 30), ({"2025": False}, 0), ({}, None)], ids=str)
def test_a_statement_scores_as_a_flag_and_no_is_not_missing(tmp_path: Path, said: dict[str, bool], given: int | None):
    flag = LOCAL["indicators"][0] | {
        "indicator": "is_above_scale_industrial", "weights": {"*": 30}, "score": {"kind": "flag"}
    }  # fmt: skip
    growth = LOCAL["indicators"][1] | {"weights": {"*": 30}}
    known = facts(is_above_scale_industrial=said, operating_revenue={"2025": 600})
    found = points(tmp_path, known, indicators=[flag, growth, LOCAL["indicators"][2]])
    assert (found.points[0].is_missing, found.points[0].points) == (given is None, given or 0)


def test_growth_over_nothing_is_missing(tmp_path: Path):
    found = points(tmp_path, facts(operating_revenue={"2024": 0, "2025": 600}))
    assert found.points[1].is_missing


@pytest.mark.parametrize(("name", "count"), [("most_2024", 18), ("most_2_0", 12)])
def test_a_frame_without_weights_is_not_computable_and_says_what_is_missing(name: str, count: int):
    frame = load_scheme(name, CATALOGUE)
    found = work_out(frame, facts(**KNOWN), 2025, date(2015, 1, 1), CATALOGUE)
    assert (len(frame.indicators), found.total, found.is_computable) == (count, None, False)
    assert sum("没有权重" in one for one in found.missing) == count


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"full": 99}, "权重合计 100"),
        ({"stages": {"bands": [{"id": "a", "name": "甲", "lower": 0, "upper": 5}, {"id": "b", "name": "乙", "lower": 6}]}}, "空档或重叠"),
        ({"stages": {"bands": [{"id": "a", "name": "甲", "lower": 0, "upper": 5}]}}, "不设上限"),
        ({"indicators": [LOCAL["indicators"][0] | {"indicator": "nothing"}]}, "不在目录中"),
        ({"indicators": [LOCAL["indicators"][2] | {"to": None}]}, "须写 to"),
        ({"indicators": [LOCAL["indicators"][0] | {"score": {"kind": "linear", "from": 1, "to": 1}}]}, "不能相同"),
        ({"indicators": [LOCAL["indicators"][1] | {"score": {"kind": "steps", "steps": [[0.2, 1], [0, 0.5]]}}]}, "逐档升高"),
    ],
    ids=str,
)  # fmt: skip
def test_a_scheme_that_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, Any], fault: str):
    with pytest.raises(SchemeError, match=fault):
        scheme_of(tmp_path, **changed)


def test_our_points_are_told_beside_the_issuers(tmp_path: Path):
    found = points(tmp_path, facts(**KNOWN))
    assert compare(found, {"total": "94.00"}) == "与发布方一致"
    assert compare(found, {"total": 90}) == "比发布方高 4.00 分"


@given(st.fractions(min_value=-1000, max_value=1000), st.fractions(min_value=0, max_value=100))
def test_more_never_gives_less(figure: Fraction, more: Fraction):
    kinds = [
        Score.model_validate({"kind": "linear", "from": "0.03", "to": "0.1"}),
        Score.model_validate({"kind": "steps", "steps": [["0", "0.5"], ["0.2", "1"]]}),
        Score.model_validate({"kind": "each", "share": "0.3"}), Score.model_validate({"kind": "flag"}),
    ]  # fmt: skip
    assert all(0 <= one.of(figure) <= one.of(figure + more) <= 1 for one in kinds)


def test_half_a_cent_is_rounded_up():
    assert [rounded(Fraction(one, 1000)) for one in (5, 4, 1005)] == [Decimal("0.01"), Decimal("0.00"), Decimal("1.01")]
