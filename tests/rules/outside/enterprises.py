"""Invented enterprises of which everything is known, most of their figures on an edge of the law or one fen beside it.

A request is what a line of `tidu check` holds. Amounts are drawn in fen (heads in hundredths) and written in the units
of the forms; fifteen digits are written by a float as they are meant.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

FEN_PER_WAN = 1_000_000
SEED = 20261121
#: Ordinary days, a change of versions, the first of a year, the 29th of February and the day that stands for it.
DAYS = tuple(map(date.fromisoformat, ("2026-07-15", "2026-03-31", "2025-01-01", "2024-02-29", "2027-02-28")))
HALF = Fraction(1, 2)
#: Percentages at which an R&D expense, or a share of scientists, changes its points.
PERSONNEL_EDGES, RD_TO_SALES_EDGES, RD_TO_COST_EDGES = (10, 15, 20, 25, 30), (2, 3, 4, 5, 6), (10, 15, 20, 25, 30)

Request = dict[str, Any]


def wan(fen: int) -> float:
    """Fen as 万元."""
    return fen / FEN_PER_WAN


@dataclass
class Draw:
    """Chance, and the ways figures are drawn from it."""

    chance: random.Random

    def sometimes(self, share: float) -> bool:
        return self.chance.random() < share

    def at_least(self, edge: int) -> int:
        """A figure that must reach an edge: mostly it does, on the edge or just above it; seldom it misses it."""
        return self._around(edge, (2, 4, 27, 20, 47))

    def at_most(self, edge: int) -> int:
        """A figure that must not exceed an edge."""
        return self._around(edge, (47, 20, 27, 4, 2))

    def anywhere(self, edge: int) -> int:
        """A figure on either side of an edge."""
        return self._around(edge, (20, 20, 20, 20, 20))

    def _around(self, edge: int, weights: tuple[int, ...]) -> int:
        far_below, far_above = int(edge * self.chance.uniform(0, 0.95)), int(edge * self.chance.uniform(1.05, 3)) + 1
        drawn = self.chance.choices((far_below, edge - 1, edge, edge + 1, far_above), weights)[0]
        return max(0, drawn)

    def share(self, total: int, edge: Fraction) -> int:
        """A part of a total that must reach some share of it."""
        return self.at_least(-int(-total * edge // 1))

    def split(self, total: int, parts: int) -> list[int]:
        """A total as the sum of parts."""
        cuts = sorted(self.chance.randint(0, total) for _ in range(parts - 1))
        return [high - low for low, high in zip([0, *cuts], [*cuts, total], strict=True)]

    def day_before(self, as_of: date, *distances: int) -> str:
        """A day some days before another (after it where negative)."""
        return str(as_of - timedelta(days=self.chance.choice(distances)))

    def anniversary(self, as_of: date, years: int) -> str:
        """The day some years ago, or one beside it; a leap day now and then."""
        if self.sometimes(0.2):
            return "2024-02-29" if as_of.year > 2024 else "2020-02-29"
        day = date(as_of.year - years, as_of.month, min(as_of.day, 28))
        return str(day + timedelta(days=self.chance.choice((-400, -1, 0, 1, 400))))


def hnte_requests(size: int, seed: int = SEED) -> Iterator[Request]:
    """Checks of hnte."""
    draw = Draw(random.Random(f"hnte {seed}"))
    for number in range(size):
        as_of = draw.chance.choice(DAYS)
        yield {"id": number, "programme": "hnte@2016", "as_of": str(as_of), "facts": _hnte_facts(draw, as_of)}


def _hnte_facts(draw: Draw, as_of: date) -> dict[str, Any]:
    chance = draw.chance
    founded = as_of - timedelta(days=draw.at_least(365) * (1 if draw.sometimes(0.5) else chance.randint(1, 12)))
    years = [year for year in range(as_of.year - 3, as_of.year) if year >= founded.year]
    staff = chance.randint(1, 60_000)
    sales, spent, domestic = _sales_and_research(draw, len(years))
    income = int(sales[-1] * chance.uniform(1, 1.3)) if sales else 0
    income = 0 if draw.sometimes(0.01) else income + (-income) % 10
    hightech = draw.share(income, Fraction(60, 100))
    class2 = chance.choice((0, 0, 1, 2, 6))
    facts: dict[str, Any] = {
        "registered_in_mainland": draw.sometimes(0.98), "is_resident_enterprise": draw.sometimes(0.98),
        "established_on": str(founded), "ip_class1_count": chance.choice((0, 1, 1, 3)), "ip_class2_count": class2,
        "ip_class2_used_before_count": chance.randint(0, class2), "ip_supports_main_product": draw.sometimes(0.97),
        "hnte_field_code": "none" if draw.sometimes(0.03) else chance.choice(("1.1", "4.3", "8.5")),
        "innovation_score_total": min(draw.at_least(2 * 70 + 1), 200) / 2, "major_incidents": _incidents(draw, as_of),
        "sales_revenue": _series(years, sales), "rd_expense_hnte": _series(years, spent),
        "rd_expense_hnte_domestic": _series(years, domestic),
        "employee_total": {years[-1]: staff / 100} if years else {},
        "sci_tech_staff": {years[-1]: draw.share(staff, Fraction(10, 100)) / 100} if years else {},
        "total_revenue": _series(years[-1:], [income]), "hightech_product_revenue": _series(years[-1:], [hightech]),
    }  # fmt: skip
    if draw.sometimes(0.5):
        facts["main_product_revenue"] = _series(years[-1:], [draw.share(hightech, HALF) + 1])
    return facts


def _sales_and_research(draw: Draw, years: int) -> tuple[list[int], list[int], list[int]]:
    """Sales, R&D expense and what of it was spent in the country, by year, in fen."""
    if not years:
        return [], [], []
    bracket = draw.chance.choice((50_000_000_00, 200_000_000_00))
    latest = draw.anywhere(bracket)
    sales = [int(latest * draw.chance.uniform(0.2, 1.5)) for _ in range(years - 1)] + [latest]
    if draw.sometimes(0.02):
        sales = [0] * years
    if years > 1:
        sales[0] += -sum(sales) % 100  # so that each percentage is a whole number of fen
    needed = 5 if sales[-1] <= 50_000_000_00 else 4 if sales[-1] <= 200_000_000_00 else 3
    spent = 0 if draw.sometimes(0.01) else draw.share(sum(sales), Fraction(needed, 100))
    if spent > 5 and draw.sometimes(0.5):
        spent += -spent % 5
    domestic = min(spent, draw.share(spent, Fraction(60, 100)))
    return sales, draw.split(spent, years), draw.split(domestic, years)


def _series(years: list[int], fen: list[int]) -> dict[int, float]:
    return {year: wan(amount) for year, amount in zip(years, fen, strict=False)}


def _incidents(draw: Draw, as_of: date) -> list[dict[str, Any]]:
    kinds = ("safety", "quality", "environment", "fraud", "research_misconduct", "tax")
    since = (as_of - date(as_of.year - 1, 1, 1)).days
    return [
        {"kind": draw.chance.choice(kinds), "date": draw.day_before(as_of, -1, 0, 364, 365, 366, since, since + 1, 900)}
        for _ in range(draw.chance.choices((0, 1, 2), (88, 9, 3))[0])
    ]


def tech_sme_requests(size: int, seed: int = SEED) -> Iterator[Request]:
    """Checks of tech_sme, version 2022."""
    draw = Draw(random.Random(f"tech_sme {seed}"))
    for number in range(size):
        as_of = draw.chance.choice(DAYS)
        yield {"id": number, "programme": "tech_sme@2022", "as_of": str(as_of), "facts": _tech_sme_facts(draw, as_of)}


def _tech_sme_facts(draw: Draw, as_of: date) -> dict[str, Any]:
    chance = draw.chance
    founded = as_of - timedelta(days=draw.at_least(365) * chance.randint(1, 8))
    year = as_of.year if founded.year == as_of.year else as_of.year - 1
    staff = max(1, draw.at_most(500_00))
    sales, assets = draw.at_most(200_000_000_00), draw.at_most(200_000_000_00)
    sales = 0 if draw.sometimes(0.04) else sales
    cost = max(1, int(max(sales, 1_000_000_00) * chance.uniform(0.2, 1.2)))
    cost += -cost % 20
    by_sales = sales > 0 and draw.sometimes(0.5)
    base, edges = (sales, RD_TO_SALES_EDGES) if by_sales else (cost, RD_TO_COST_EDGES)
    spent = draw.share(base, Fraction(chance.choice(edges), 100))
    class1, class2 = chance.choices((0, 1, 2), (6, 3, 1))[0], chance.randint(0, 5)
    return {
        "is_resident_enterprise": draw.sometimes(0.98), "registered_in_mainland": draw.sometimes(0.95),
        "actual_management_in_china": draw.sometimes(0.5), "accounting_sound": draw.sometimes(0.98),
        "tax_collection_method": "deemed" if draw.sometimes(0.02) else "audit",
        "rd_expense_accurately_collected": draw.sometimes(0.98), "pays_cit": draw.sometimes(0.98),
        "in_restricted_or_eliminated_catalogue": draw.sometimes(0.02),
        "in_rd_deduction_excluded_industry": draw.sometimes(0.02),
        "established_on": str(founded), "major_incidents": _incidents(draw, as_of),
        "abnormal_list_periods": _listed(draw, as_of), "dishonesty_list_periods": _listed(draw, as_of),
        "employee_total": {year: staff / 100},
        "sci_tech_staff": {year: draw.share(staff, Fraction(chance.choice(PERSONNEL_EDGES), 100)) / 100},
        "sales_revenue": {year: wan(sales)}, "total_assets_year_end": {year: wan(assets)},
        "cost_expense_total": {year: wan(cost)}, "rd_expense_deduction": {year: wan(spent)},
        "ip_class1_count": class1, "ip_class1_defence_count": int(class1 > 0 and draw.sometimes(0.2)),
        "ip_class1_disputed_count": int(class1 > 1 and draw.sometimes(0.2)),
        "ip_class2_count": class2, "ip_class2_disputed_count": int(class2 > 0 and draw.sometimes(0.2)),
        **_routes(draw, as_of),
    }  # fmt: skip


def _listed(draw: Draw, as_of: date) -> list[dict[str, Any]]:
    """Periods on a list of offenders: over before last year, ended on its first day, still running, not yet begun."""
    if draw.sometimes(0.95):
        return []
    since = (as_of - date(as_of.year - 1, 1, 1)).days
    ended = draw.day_before(as_of, since + 1, since, since - 1) if draw.sometimes(0.7) else None
    return [{"from_on": draw.day_before(as_of, -1, 0, 1) if ended is None else "2019-05-06", "to_on": ended}]


def _routes(draw: Draw, as_of: date) -> dict[str, Any]:
    """What may stand for the score; each seldom, so that the score decides most often."""
    chance = draw.chance
    revoked = draw.day_before(as_of, -1, 0, 1) if draw.sometimes(0.2) else None
    lists: dict[str, dict[str, Any]] = {
        "hnte_certificates": {"issued_on": draw.anniversary(as_of, 3), "revoked_on": revoked},
        "national_sci_awards": {"awarded_on": draw.anniversary(as_of, 5), "unit_rank": chance.randint(1, 5)},
        "provincial_rd_institutions": {
            "level": chance.choice(("national", "ministerial", "provincial", "city", "county")),
            "valid": draw.sometimes(0.8),
        },
        "standards_led": {
            "level": chance.choice(("international", "national", "industry", "local", "group")),
            "published_on": draw.anniversary(as_of, 5),
            "drafting_rank": chance.randint(3, 7),
        },
    }
    return {name: [record] if draw.sometimes(0.12) else [] for name, record in lists.items()}
