"""What an explanation says first: which criteria are not met, and by how much."""

import re
from typing import Any, cast

from backend.web.templates import templates


def reason(name: str, outcome: str = "failed", **known: Any) -> dict[str, Any]:
    """A criterion as an explanation has it."""
    return {
        "name": name, "outcome": outcome, "has_figure": False, "gap": None, "op": "≥", "unit": "", "figure_unit": "",
        "children": [],
    } | known  # fmt: skip


def said(*reasons: dict[str, Any]) -> list[str]:
    """The lines that are said before the table."""
    module = cast("Any", templates.get_template("enterprises/_reason.html").module)
    words = re.sub(r"<[^>]+>", "\n", str(module.lacking(reasons)))
    return [line.strip() for line in words.splitlines() if line.strip()]


def test_a_share_that_falls_short_says_what_it_is_must_be_and_lacks():
    share = reason("科技人员占比", has_figure=True, figure=8, threshold=10, gap=2, unit="%", figure_unit="%")
    assert said(share) == ["不符合的条件（1）", "科技人员占比（现 8%，须 ≥ 10%，差 2 个百分点）"]


def test_of_a_choice_every_way_says_how_far_it_is():
    money: dict[str, Any] = {"has_figure": True, "unit": "万元", "figure_unit": "万元"}
    ways = [
        reason("营业收入", figure=1366.78, threshold=1500, gap=133.22, **money),
        reason("股权融资", figure=0, threshold=2000, gap=2000, **money),
    ]
    assert said(reason("收入或融资", children=ways))[1:] == [
        "收入或融资", "营业收入（现 1,366.78 万元，须 ≥ 1,500 万元，差 133.22 万元）",
        "股权融资（现 0 万元，须 ≥ 2,000 万元，差 2,000 万元）",
    ]  # fmt: skip


def test_a_mark_that_must_be_exceeded_is_not_missed_by_nothing():
    score = reason("创新能力评价", has_figure=True, figure=70, threshold=70, gap=0, op=">")
    assert said(score)[1:] == ["创新能力评价（须超过 70）"]


def test_what_has_no_figure_is_named_and_what_is_met_is_not():
    assert said(reason("自主品牌"), reason("成立满一年", "met"))[1:] == ["自主品牌"]
    assert said(reason("成立满一年", "met")) == []
