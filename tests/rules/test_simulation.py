"""Policy simulation: who enters and who leaves, with what decided; nothing is written, and order does not matter."""

from datetime import date
from typing import Any

import pytest

from rules.columnar.engine import Engine
from rules.columnar.population import Population, from_facts
from rules.evaluate import Outcome
from rules.facts import Facts, read_facts
from rules.library import library
from rules.programme import RuleError
from rules.simulation import Patch, apply_patch, patch_from_text, simulate

AS_OF = date(2026, 7, 15)
EASIER = Patch(programme="hnte", version="2016", set={"H4": "sci_tech_staff / employee_total >= 8%"})
HARDER = Patch(programme="hnte", version="2016", set={"H7.pass": ">= 80"})


def enterprise(**changes: Any) -> Facts:
    facts: dict[str, Any] = {
        "registered_in_mainland": True, "is_resident_enterprise": True, "established_on": "2018-05-10", "hnte_field_code": "2.1",
        "ip_class1_count": 1, "ip_class2_count": 6, "ip_class2_used_before_count": 0, "ip_supports_main_product": True,
        "employee_total": {"2025": 100}, "sci_tech_staff": {"2025": 12}, "sales_revenue": {"2023": 3000, "2024": 4000, "2025": 4800},
        "rd_expense_hnte": {"2023": 200, "2024": 240, "2025": 300}, "rd_expense_hnte_domestic": {"2023": 180, "2024": 220, "2025": 280},
        "total_revenue": {"2025": 5000}, "hightech_product_revenue": {"2025": 4000}, "innovation_score_total": 80,
        "hnte_certificates": [], "major_incidents": [],
    }  # fmt: skip
    return read_facts(facts | changes, library().catalogue, AS_OF)


PEOPLE = [
    enterprise(), enterprise(sci_tech_staff={"2025": 9}), enterprise(innovation_score_total=75),
    enterprise(sci_tech_staff={"2025": 8}, innovation_score_total=79), enterprise(sci_tech_staff={"2025": 7}),
]  # fmt: skip
REGIONS = ["海陵区", "靖江市", "靖江市", "泰兴市", "兴化市"]


def population() -> Population:
    return from_facts(PEOPLE, library().catalogue)


def run(patch: Patch) -> Any:
    before = library().programme("hnte").pinned("2016")
    return simulate(before, apply_patch(patch, library()), population(), AS_OF, Engine(library().environment))


def test_an_easier_rule_lets_in_whom_the_old_one_kept_out() -> None:
    simulation = run(EASIER)
    assert simulation.entering == {1: ("H4",), 3: ("H4",)}
    assert simulation.leaving == {}


def test_a_harder_rule_puts_out_with_the_deciding_criterion() -> None:
    assert run(HARDER).leaving == {2: ("H7",)}


def test_changes_are_counted_by_region() -> None:
    assert run(EASIER).by_group(REGIONS) == {"泰兴市": (1, 0), "靖江市": (1, 0)}


def test_the_simulation_agrees_with_asking_each_enterprise() -> None:
    after = apply_patch(EASIER, library())
    asked = [library().evaluator(after).answer(one, AS_OF).outcome is Outcome.ELIGIBLE for one in PEOPLE]
    assert run(EASIER).eligible_after == sum(asked)


def test_two_simulations_in_either_order_give_the_same() -> None:
    first = (run(EASIER), run(HARDER))
    second = (run(HARDER), run(EASIER))
    assert (first[0].entering, first[1].leaving) == (second[1].entering, second[0].leaving)


def test_a_patched_rule_leaves_the_library_as_it_was() -> None:
    run(EASIER)
    assert library().programme("hnte").pinned("2016").id == "hnte@2016"
    assert library().evaluator(library().version("hnte", AS_OF)).answer(PEOPLE[1], AS_OF).failed == ["H4"]


def test_a_criterion_can_be_left_out() -> None:
    assert set(run(Patch(programme="hnte", version="2016", drop=("H4",))).entering) == {1, 3, 4}


def test_a_patch_that_names_nothing_is_refused() -> None:
    with pytest.raises(RuleError, match="没有“H99”这个条件或测算值"):
        apply_patch(Patch(programme="hnte", version="2016", set={"H99": "true"}), library())


def test_a_patch_must_be_of_the_language() -> None:
    with pytest.raises(RuleError, match="不能比较"):
        apply_patch(Patch(programme="hnte", version="2016", set={"H4": "sales_revenue >= 8"}), library())


def test_a_patch_typed_wrongly_says_so() -> None:
    with pytest.raises(RuleError, match="补丁写法有误"):
        patch_from_text("programme: [hnte")
