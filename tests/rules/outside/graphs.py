"""Two programmes as decision graphs of zen-engine (GoRules JDM), written from the documents and not from our rule files.

A graph reads the request as it stands in a line of `tidu check` and gives each criterion as `met`, `failed` or
`unknown`, and the outcome. Money is in 万元, as there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

#: A step of a graph: all of them stand in a row, each sees what those before it worked out.
Step = dict[str, Any]


def graph(*steps: Step) -> str:
    """Steps between an input and an output, as JSON."""
    nodes = [{"type": "inputNode", "content": {}}, *steps, {"type": "outputNode", "content": {}}]
    named = [{"id": str(place), "name": str(place), **node} for place, node in enumerate(nodes)]
    edges = [
        {"id": f"e{place}", "type": "edge", "sourceId": str(place), "targetId": str(place + 1)}
        for place in range(len(nodes) - 1)
    ]
    return json.dumps({"contentType": "application/vnd.gorules.decision", "nodes": named, "edges": edges})


def figures(expressions: Mapping[str, str]) -> Step:
    """Named figures, kept beside all that is known already."""
    return _expressions(expressions, passes_on=True)


def answers(expressions: Mapping[str, str]) -> Step:
    """The last step: only what it names goes out."""
    return _expressions(expressions, passes_on=False)


def _expressions(expressions: Mapping[str, str], passes_on: bool) -> Step:
    listed = [{"id": name, "key": name, "value": value} for name, value in expressions.items()]
    return {"type": "expressionNode", "content": {"expressions": listed, "passThrough": passes_on}}


def table(figure: str, result: str, rows: Sequence[tuple[str, str]]) -> Step:
    """A decision table: the first row whose condition a figure meets gives the result; an empty condition always holds."""
    return {
        "type": "decisionTableNode",
        "content": {
            "hitPolicy": "first",
            "inputs": [{"id": "in", "name": figure, "field": figure}],
            "outputs": [{"id": "out", "name": result, "field": result}],
            "rules": [{"_id": str(place), "in": when, "out": then} for place, (when, then) in enumerate(rows)],
            "passThrough": True,
        },
    }


def judged(condition: str, unknown_when: str = "false") -> str:
    """A condition as one of the three words."""
    return f"({unknown_when}) ? 'unknown' : ({condition}) ? 'met' : 'failed'"


def outcome(criteria: Sequence[str]) -> str:
    """All must be met; one that failed decides, then one that is unknown."""
    listed = f"[{', '.join(criteria)}]"
    return f"'failed' in {listed} ? 'ineligible' : 'unknown' in {listed} ? 'undetermined' : 'eligible'"


def hnte() -> str:
    """国家高新技术企业: 国科发火〔2016〕32号 第十一条 and 国科发火〔2016〕195号.

    Years before the enterprise was founded do not exist; a ratio over zero is unknown.
    """
    conditions = {
        "H0": judged("facts.registered_in_mainland and facts.is_resident_enterprise"),
        "H1": judged("d(as_of).diff(d(facts.established_on), 'day') >= 365"),
        # Exactly half is what the sources disagree on.
        "H2": judged(
            "ip >= 1 and facts.ip_supports_main_product and (main == null or main / hightech > 0.5)",
            "ip >= 1 and facts.ip_supports_main_product and main != null and (hightech == 0 or main == hightech * 0.5)",
        ),
        "H3": judged("facts.hnte_field_code != 'none'"),
        "H4": judged("scientists / staff >= 0.1", "staff == 0"),
        "H5": judged("rd / sales >= needed", "sales == 0"),
        "H5d": judged("rd_domestic / rd >= 0.6", "rd == 0"),
        "H6": judged("hightech / income >= 0.6", "income == 0"),
        "H7": judged("facts.innovation_score_total > 70"),
        "H8": judged(
            "none(facts.major_incidents, #.kind in ['safety', 'quality', 'environment']"
            " and d(as_of).diff(d(#.date), 'day') >= 0 and d(as_of).diff(d(#.date), 'day') <= 365)"
        ),
    }
    window = "filter([year - 2, year - 1, year], # >= founded)"
    return graph(
        figures({"year": "d(as_of).year() - 1", "founded": "d(facts.established_on).year()"}),
        figures(
            {
                "last": "string(year)",
                "sales": f"sum(map({window}, facts.sales_revenue[string(#)]))",
                "rd": f"sum(map({window}, facts.rd_expense_hnte[string(#)]))",
                "rd_domestic": f"sum(map({window}, facts.rd_expense_hnte_domestic[string(#)]))",
                "ip": "facts.ip_class1_count + max([0, facts.ip_class2_count - facts.ip_class2_used_before_count])",
            }
        ),
        figures(
            {
                "staff": "facts.employee_total[last] ?? 0",
                "scientists": "facts.sci_tech_staff[last] ?? 0",
                "latest_sales": "facts.sales_revenue[last] ?? 0",
                "income": "facts.total_revenue[last] ?? 0",
                "hightech": "facts.hightech_product_revenue[last] ?? 0",
                "main": "facts.main_product_revenue[last]",
            }
        ),
        # 小于 5,000 万元（含）；5,000 万元至 2 亿元（含）；2 亿元以上
        table("latest_sales", "needed", [("<= 5000", "0.05"), ("(5000..20000]", "0.04"), ("> 20000", "0.03")]),
        figures(conditions),
        answers({**{name: name for name in conditions}, "outcome": outcome(list(conditions))}),
    )


def tech_sme() -> str:
    """科技型中小企业: 国科发政〔2017〕115号 第六至八条, basic conditions as in 国科火字〔2022〕67号.

    The year is the last one; an enterprise founded this year is judged by this year's figures so far.
    """
    five_years_ago = "d(as_of).sub(60, 'month')"
    conditions = {
        "T1": judged(
            "facts.is_resident_enterprise and (facts.registered_in_mainland or facts.actual_management_in_china)"
            " and facts.accounting_sound and facts.tax_collection_method == 'audit'"
            " and facts.rd_expense_accurately_collected and facts.pays_cit"
        ),
        "T2a": judged("staff <= 500"),
        "T2b": judged("sales <= 20000"),
        "T2c": judged("assets <= 20000"),
        "T3": judged("not facts.in_restricted_or_eliminated_catalogue and not facts.in_rd_deduction_excluded_industry"),
        "T4a": judged(
            "none(facts.major_incidents,"
            " #.kind in ['safety', 'quality', 'environment', 'fraud', 'research_misconduct']"
            " and d(#.date).isSameOrAfter(since) and d(#.date).isSameOrBefore(d(as_of)))"
        ),
        "T4b": judged(
            " and ".join(
                f"none(facts.{periods}, d(#.from_on).isSameOrBefore(d(as_of))"
                " and (#.to_on == null or d(#.to_on).isSameOrAfter(since)))"
                for periods in ("abnormal_list_periods", "dishonesty_list_periods")
            )
        ),
        "T5": judged("(score >= 60 and personnel > 0) or D1 or D2 or D3 or D4"),
    }
    routes = {
        # Valid for three years from the day of issue.
        "D1": "some(facts.hnte_certificates, d(#.issued_on).isSameOrBefore(d(as_of))"
        " and d(#.issued_on).add(36, 'month').isAfter(d(as_of))"
        " and (#.revoked_on == null or d(#.revoked_on).isAfter(d(as_of))))",
        "D2": "some(facts.national_sci_awards, #.unit_rank <= 3 and d(#.awarded_on).isSameOrBefore(d(as_of))"
        f" and d(#.awarded_on).isSameOrAfter({five_years_ago}))",
        "D3": "some(facts.provincial_rd_institutions, #.valid and #.level in ['provincial', 'ministerial', 'national'])",
        "D4": "some(facts.standards_led, #.level in ['international', 'national', 'industry'] and #.drafting_rank <= 5"
        f" and d(#.published_on).isSameOrBefore(d(as_of)) and d(#.published_on).isSameOrAfter({five_years_ago}))",
    }
    return graph(
        figures(
            {
                "founded": "d(facts.established_on).year()",
                "last": "string(d(facts.established_on).year() == d(as_of).year()"
                " ? d(as_of).year() : d(as_of).year() - 1)",
                "since": "d(string(d(as_of).year() - 1) + '-01-01')",
            }
        ),
        figures(
            {
                "staff": "facts.employee_total[last]",
                "sales": "facts.sales_revenue[last]",
                "assets": "facts.total_assets_year_end[last]",
                "scientists_share": "facts.sci_tech_staff[last] / facts.employee_total[last]",
                # What is divided by zero is not there, and earns nothing.
                "rd_to_sales": "(facts.rd_expense_deduction[last] / facts.sales_revenue[last]) ?? 0",
                "rd_to_cost": "(facts.rd_expense_deduction[last] / facts.cost_expense_total[last]) ?? 0",
                "class1": "facts.ip_class1_count - facts.ip_class1_defence_count - facts.ip_class1_disputed_count",
                "class2": "facts.ip_class2_count - facts.ip_class2_disputed_count",
            }
        ),
        table(
            "scientists_share",
            "personnel",
            [(">= 0.3", "20"), ("[0.25..0.3)", "16"), ("[0.2..0.25)", "12"), ("[0.15..0.2)", "8"),
             ("[0.1..0.15)", "4"), ("", "0")],
        ),
        table(
            "rd_to_sales",
            "rd_by_sales",
            [(">= 0.06", "50"), ("[0.05..0.06)", "40"), ("[0.04..0.05)", "30"), ("[0.03..0.04)", "20"),
             ("[0.02..0.03)", "10"), ("", "0")],
        ),
        table(
            "rd_to_cost",
            "rd_by_cost",
            [(">= 0.3", "50"), ("[0.25..0.3)", "40"), ("[0.2..0.25)", "30"), ("[0.15..0.2)", "20"),
             ("[0.1..0.15)", "10"), ("", "0")],
        ),
        table("class2", "by_class2", [(">= 4", "24"), ("3", "18"), ("2", "12"), ("1", "6"), ("", "0")]),
        figures(
            {"score": "personnel + max([rd_by_sales, rd_by_cost]) + (class1 >= 1 ? 30 : by_class2)", **routes}
        ),
        figures(conditions),
        answers({**{name: name for name in conditions}, "score": "score", "outcome": outcome(list(conditions))}),
    )  # fmt: skip
