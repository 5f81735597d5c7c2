"""One enterprise, one programme: the check with its full explanation, in process."""

import gc
from collections.abc import Iterator
from datetime import date
from typing import Any

from rules.answers import answer_request, present
from rules.facts import read_facts
from rules.library import library, load_library
from tests.bench.figure import Figure, median_seconds, seconds

AS_OF = date(2026, 7, 15)
TIMES = 2_000


def figures() -> Iterator[Figure]:
    """The check as the API answers it, and the engine's part of it alone."""
    rules = library()
    request = {"id": "1", "programme": "hnte", "as_of": AS_OF.isoformat(), "facts": hnte_facts()}
    outcome = answer_request(request, rules)["outcome"]
    if outcome != "eligible":
        raise AssertionError(f"the enterprise of the measurement is {outcome}, so not every criterion is worked out")
    version = rules.version("hnte", AS_OF)
    facts = read_facts(hnte_facts(), rules.catalogue, AS_OF)
    evaluator = rules.evaluator(version)

    def explain() -> object:
        return present(evaluator.answer(facts, AS_OF), rules)

    gc.collect()
    yield Figure(
        "hnte check, explained, from facts as JSON", _micro(lambda: answer_request(request, rules)), "µs", 1000
    )
    yield Figure("hnte check, explained, from facts as read", _micro(explain), "µs", 300)
    yield Figure("hnte check, outcome and reasons", _micro(lambda: evaluator.answer(facts, AS_OF)), "µs", 300)
    yield Figure("rule library loaded from its files", seconds(load_library) * 1000, "ms")


def _micro(work: Any) -> float:
    return median_seconds(work, TIMES) * 1_000_000


def hnte_facts() -> dict[str, Any]:
    """An enterprise that meets every criterion of 国科发火〔2016〕32号, so that all of them are worked out."""
    years = ("2023", "2024", "2025")
    return {
        "is_resident_enterprise": True, "registered_in_mainland": True, "established_on": "2012-05-08",
        "hnte_field_code": "8.5", "ip_class1_count": 4, "ip_class2_count": 20, "ip_self_developed": True,
        "ip_supports_main_product": True, "innovation_score_total": 84, "major_incidents": [],
        "employee_total": dict.fromkeys(years, 120), "sci_tech_staff": dict.fromkeys(years, 24),
        "sales_revenue": {"2023": 6000, "2024": 7200, "2025": 9000.5},
        "rd_expense_hnte": {"2023": 380, "2024": 440, "2025": 545.25},
        "rd_expense_hnte_domestic": {"2023": 370, "2024": 430, "2025": 530},
        "total_revenue": {"2023": 6100, "2024": 7300, "2025": 9100},
        "hightech_product_revenue": {"2023": 4500, "2024": 5600, "2025": 7300},
    }  # fmt: skip
