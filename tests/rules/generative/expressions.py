"""Random rules: expressions of every kind, put together from all words of the language, over the catalogue of the spec."""

import random
from datetime import date
from pathlib import Path
from typing import Any

from rules.language import RESERVED
from rules.programme import ProgrammeSource, Version, build_version
from tests.rules.spec.examples import PROGRAMME, catalogue

#: Words that a rule is built of, to see that none is left out.
WORDS = sorted(RESERVED - {"as_of"})


class Writer:
    """Writes expressions; deeper ones get simpler, so that they end."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def pick(self, *written: str) -> str:
        return self.chance.choice(written)

    def money(self, depth: int) -> str:
        """An amount; those of years may be looked at in other years."""
        simple = self.pick("sales_revenue", "net_profit", "rd_expense", "total_income", "lower_profit", "market_value",
                           "sales_revenue[-1]", "net_profit[-2]", "net_profit[2023]", "0万", "100万", "2000.5万", "1亿")  # fmt: skip
        if depth <= 0:
            return simple
        a, b = (self.money(depth - 1) for _ in range(2))
        return self.pick(
            simple, f"sum({self.yearly_money()}, 3)", f"mean({self.yearly_money()}, 2)", f"({a} + {b})", f"({a} - {b})",
            f"({a}) * ({self.number(depth - 1)})", f"({a}) / ({self.number(depth - 1)})", f"-({a})",
            f"max({a}, {b})", f"min({a}, {b})", f"best_of({a}, {b}, 10万)", f"least_known({a}, {b})",
            f"default({a}, {b})", f"unless_given(market_value, {a})", f"({a} if {self.truth(depth - 1)} else {b})",
        )  # fmt: skip

    def yearly_money(self) -> str:
        """An expression of years, to be summed."""
        return self.pick("sales_revenue", "rd_expense", "net_profit", "total_income", "lower_profit", "sales_revenue - rd_expense",
                         "max(net_profit, 0万)", "rd_expense[-1]", "sales_revenue * 0.5", "default(rd_expense, 0万)")  # fmt: skip

    def number(self, depth: int) -> str:
        simple = self.pick("employee_total", "sci_tech_staff[-1]", "patents", "designs", "expert_points", "debt_ratio", "0", "1",
                           "3", "20", "50%", "12.5%", "latest_year", "fiscal_year()", "year_of(as_of)", "-2")  # fmt: skip
        if depth <= 0:
            return simple
        a, b = (self.number(depth - 1) for _ in range(2))
        return self.pick(
            simple, f"({self.money(depth - 1)}) / ({self.money(depth - 1)})", f"({a}) / ({b})", f"({a} + {b})", f"({a} - {b})",
            f"({a}) * ({b})", f"floor(({a}) / 2)", f"floor(({a}) * 10%)", "between(0, 8)", f"count(certificates, {self.predicate(depth - 1)})",
            "count(certificates)", f"days_between({self.date(depth - 1)}, {self.date(depth - 1)})",
            f"months_between({self.date(depth - 1)}, {self.date(depth - 1)})", f"year_of({self.date(depth - 1)})",
            "existing_years(3)", "mean(employee_total, 3)", f"max({a}, {b})", f"min({a}, {b}, 5)", f"best_of({a}, {b})",
            f"least_known({a}, {b})", f"default({a}, {b})", f"unless_given(expert_points, {a})",
            f"({a} if {self.truth(depth - 1)} else {b})", f"highest(certificates, rank, {self.predicate(depth - 1)})",
            f"whole_number({self.text(depth - 1)})", "whole_number(middle(registration_number, 1, 4))",
        )  # fmt: skip

    def rate(self, depth: int) -> str:
        """A number that growth is compared with."""
        simple = self.pick("20%", "0", "debt_ratio", "patents / designs", "expert_points / 10")
        return simple if depth <= 0 else f"({simple} if {self.truth(depth - 1)} else {self.rate(depth - 1)})"

    def date(self, depth: int) -> str:
        simple = self.pick("as_of", "established_on", "listed_on", "2020-02-29", "2024-01-01")
        if depth <= 0:
            return simple
        day = self.date(depth - 1)
        return self.pick(
            simple, f"add_years({day}, {self.pick('-3', '1', '4')})", f"add_months({day}, {self.pick('-13', '1', '24')})",
            f"year_start({day}, {self.pick('-1', '0')})", f"highest(certificates, issued_on, {self.predicate(depth - 1)})",
            "highest(certificates, revoked_on)", f"({day} if {self.truth(depth - 1)} else {self.date(depth - 1)})",
        )  # fmt: skip

    def text(self, depth: int) -> str:
        simple = self.pick(
            "registration_number", "prefix(registration_number, 4)", "middle(registration_number, 2, 3)", '"2024"'
        )
        return simple if depth <= 0 else f"({simple} if {self.truth(depth - 1)} else {self.text(depth - 1)})"

    def truth(self, depth: int) -> str:
        simple = self.pick("is_resident", "supports_product", 'tax_method == "audit"', "patents >= 1", "sales_revenue >= 100万",
                           "as_of >= 2024-01-01", "given(market_value)", "all_given(net_profit, rd_expense)",
                           "exists(sales_revenue[-1])", "exists(rd_expense[2022])", "is_resident == true")  # fmt: skip
        if depth <= 0:
            return simple
        a, b = (self.truth(depth - 1) for _ in range(2))
        op = self.pick(">=", ">", "<=", "<", "==", "!=")
        return self.pick(
            simple, f"{self.money(depth - 1)} {op} {self.money(depth - 1)}", f"{self.number(depth - 1)} {op} {self.number(depth - 1)}",
            f"{self.money(depth - 1)} {op} {self.money(depth - 1)}", f"{self.number(depth - 1)} {op} {self.number(depth - 1)}",
            f"{self.date(depth - 1)} {op} {self.date(depth - 1)}", f"{self.date(depth - 1)} {self.pick('==', '!=')} none",
            f"{self.text(depth - 1)} {self.pick('==', '!=')} {self.text(depth - 1)}",
            f"registration_number {self.pick('==', '!=')} none", f'tax_method {self.pick("in", "not in")} ["audit", "deemed"]',
            f"cagr({self.yearly_money()}, 2) {op} {self.rate(depth - 1)}", f"cagr({self.yearly_money()}, 2022, 2025) {op} 20%",
            f"({a} and {b})", f"({a} or {b})", f"not ({a})", f"every({self.yearly_money()} > 10万, 3)", f"rising({self.yearly_money()}, 3)",
            f"any(certificates, {self.predicate(depth - 1)})", f"none(certificates, {self.predicate(depth - 1)})",
            "any(certificates)", f'(undetermined("?") if {a} else {b})', f"({a} if {b} else is_resident)",
            f"given({self.number(depth - 1)})",
        )  # fmt: skip

    def predicate(self, depth: int) -> str:
        simple = self.pick("issued_on <= as_of", "issued_on >= add_years(as_of, -3)", "revoked_on == none", "rank <= 3",
                           'level in ["national", "city"]', "amount >= 100万", "days_between(issued_on, as_of) <= 365",
                           "issued_on > established_on", "amount > market_value / 10", "amount / 3 >= 10万")  # fmt: skip
        if depth <= 0:
            return simple
        return f"({simple} {self.pick('and', 'or')} {self.predicate(depth - 1)})"

    def bands(self) -> dict[str, Any]:
        """Points by steps, some of them left to people."""
        return self.chance.choice(
            [
                {"of": self.number(1), "steps": {">= 20": 20, ">= 3": [5, 9], "> 0": 1.5, "else": 0}},
                {"of": self.money(2), "steps": {"<= 100万": 1, "<= 1亿": [2, 4], "else": 7}},
                {"of": "debt_ratio", "steps": {"<= 50": 5, "<= 60.5": 3, "else": 0}},
                {"of": "sci_tech_staff / employee_total", "steps": {">= 50%": 8, ">= 10%": 4, "else": 0}},
            ]
        )

    def criterion(self, depth: int, named: str = "") -> dict[str, Any]:
        """A criterion of any form."""
        form = self.chance.choice(["require", "require", "all_of", "any_of", "routes", "at_least", "score", "attest"])
        made: dict[str, Any] = {"id": named, "name": {"zh": named}, "cite": "示例"} if named else {}
        parts = [self.criterion(depth - 1, named and f"{named}.{number}") for number in (1, 2, 3)] if depth > 0 else []
        if form == "score" and depth > 0:
            made["score"] = {
                "of": ["points", "more"],
                **self.chance.choice([{}, {"pass": ">= 12"}, {"pass": "> 8", "cap": 15}]),
            }
        elif form == "attest":
            made["attest"] = "supports_product"
        elif form == "at_least" and parts:
            made["at_least"] = {"n": 2, "of": parts}
        elif form in ("all_of", "any_of", "routes") and parts:
            made[form] = parts
        else:
            made["require"] = self.truth(3)
            made.setdefault("id", f"c{self.chance.randrange(10**9)}")
            made |= {"name": {"zh": "条件"}, "cite": "示例"}
        if "score" not in made and self.chance.random() < 0.2:
            made["applies_when"] = self.truth(1)
        if self.chance.random() < 0.1:
            made["soft"] = True
        return made


def random_version(seed: int) -> Version:
    """A version nobody wrote, the same for the same seed."""
    writer = Writer(random.Random(seed))
    measures: dict[str, Any] = {
        "points": {"bands": writer.bands()}, "more": writer.number(2), "share": writer.number(3), "amount_of_all": writer.money(3),
    }  # fmt: skip
    criteria = [writer.criterion(2, f"k{number}") for number in range(2)]
    criteria.append(
        {"id": "share", "name": {"zh": "测算值"}, "cite": "示例", "require": "share >= 1 or amount_of_all > 50万"}
    )
    source = {
        "programme": PROGRAMME["programme"], "version": f"r{seed}", "in_force": {"from": date(2000, 1, 1)}, "documents": ["示例"],
        "measures": measures, "criteria": criteria,
        "fiscal_year": writer.chance.choice(["previous", "previous", 2024]),
        "first_year_actuals": writer.chance.random() < 0.2,
    }  # fmt: skip
    return build_version(source, Path(__file__), ProgrammeSource.model_validate(PROGRAMME), catalogue(), f"{seed}")
