"""How a page says why an enterprise is to be visited."""

import re
from datetime import date
from typing import Any, cast

from backend.cultivation.visiting import REASONS, Reason, ToVisit
from backend.enterprises.labels import Names
from backend.web.templates import templates
from rules.library import library

ON = date(2026, 3, 10)


def said(*reasons: Reason, brief: bool = False) -> str:
    """The words of the reasons, without the marks between them."""
    module = cast("Any", templates.get_template("cultivation/_to_visit.html").module)
    one = ToVisit(1, "试验有限公司", None, "321282", reasons)
    shown = str(module.why(one, REASONS, ON, Names(library()), brief=brief))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", shown)).strip()


def test_an_overdue_promise_says_by_how_many_days():
    assert said(Reason("overdue", "步骤：补专利", date(2026, 3, 1))) == "已过期未办 步骤：补专利 2026-03-01，已过 9 天"


def test_titles_met_lately_stand_on_one_line_and_those_with_a_window_apart():
    met = (
        Reason("ready", "符合科技型中小企业条件", None, "tech_sme"),
        Reason("ready", "符合国家高新技术企业条件，申报窗口已开", date(2026, 4, 1), "hnte"),
        Reason("ready", "符合创新型中小企业条件", None, "innovative_sme"),
    )
    assert said(*met) == (
        "新近符合 符合国家高新技术企业条件，申报窗口已开 2026-04-01 新近符合 符合科技型中小企业、创新型中小企业条件"
    )


def test_the_short_form_says_how_many_reasons_it_leaves_out():
    overdue = [Reason("overdue", f"步骤：第 {place} 步", date(2026, 3, 1)) for place in range(4)]
    assert said(*overdue, brief=True).endswith("另有 2 项理由")
