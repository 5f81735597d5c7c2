"""The tax bureau, invented: yearly returns in both layouts, credit ratings, violations, of the demo's enterprises."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from backend.demo.population import Invented, population
from backend.exchange.simulation import Simulator, at

#: From the settlement of this year on, returns come in the layout of 2025.
FIRST_YEAR_OF_2025_LAYOUT = 2024
FIRST_YEAR_OF_52_LINES = 2021
_HALF = Decimal("0.5")


def tax_simulator(size: int, today: date, first_year: int = 0) -> Simulator:
    """The returns of `size` invented enterprises, the same at every start; some are amended, some do not add up.

    With `first_year` those of earlier years are left out.
    """
    simulator = Simulator("tax")
    for number, one in enumerate(islice(population(size, today), size), 1):
        chance = random.Random(number)  # noqa: S311 – invents, protects nothing
        for year, said in one.yearly.items():
            if "sales_revenue" not in said or year < first_year:
                continue
            returns = list(_returns(one, year, said | one.said_by_tax.get(year, {}), chance))
            simulator.put(returns)
            if chance.random() < 0.1:
                simulator.put(_amended(one_return, chance) for one_return in returns[:1])
        simulator.put(_about(one, today, chance))
    return simulator


def yuan(wan: Any) -> str:
    """万元 as the forms print them: yuan with cents."""
    return f"{Decimal(str(wan)) * 10_000:.2f}"


def _record(
    one: Invented, form: str, layout: str, year: int | None, day: date, fields: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": f"{form}-{one.code}" + (f"-{year}" if year else ""), "code": one.code, "form": form, "layout": layout,
        "year": year, "stated_on": day.isoformat(), "updated_at": at(day.year, day.month, day.day), "fields": fields,
    }  # fmt: skip


def _returns(one: Invented, year: int, said: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    day = date(year + 1, 3, 1) + timedelta(days=chance.randrange(85))
    layout = "2025" if year >= FIRST_YEAR_OF_2025_LAYOUT else "2017"
    yield _record(one, "A100000", layout, year, day, _main_return(said, layout))
    if said.get("rd_expense_deduction"):
        lines = "52" if year >= FIRST_YEAR_OF_52_LINES else "53"
        yield _record(one, "A107012", lines, year, day, _deduction(Decimal(str(said["rd_expense_deduction"])), lines))
    if said.get("rd_expense_hnte") and said.get("hightech_product_revenue") and said.get("employee_total"):
        yield _record(one, "A107041", layout, year, day, _hnte(one, said))


def _main_return(said: dict[str, Any], layout: str) -> dict[str, Any]:
    revenue, profit = Decimal(str(said["sales_revenue"])), Decimal(str(said.get("net_profit", 0)))
    due = max(Decimal(0), profit) * Decimal("0.25")
    lines = {"1": revenue, "2": revenue * Decimal("0.7")}
    if layout == "2025":
        lines |= {
            "18": profit,
            "24": profit,
            "28": max(profit, Decimal(0)),
            "30": due,
            "31": due * _HALF,
            "32": Decimal(0),
            "33": due - due * _HALF,
        }
        if said.get("rd_expense_audited") is not None:
            lines["6"] = Decimal(str(said["rd_expense_audited"]))
    else:
        lines |= {
            "13": profit,
            "19": profit,
            "23": max(profit, Decimal(0)),
            "25": due,
            "26": Decimal(0),
            "27": Decimal(0),
            "28": due,
        }
    return {label: yuan(amount) for label, amount in lines.items()}


def _deduction(amount: Decimal, lines: str) -> dict[str, Any]:
    fields = {
        2: amount, 34: amount / 20, 36: Decimal(0), 38: Decimal(0), 40: amount, 45: amount, 47: amount, 48: Decimal(0),
        49: Decimal(0), 51: amount,
    }  # fmt: skip
    shift = 0 if lines == "52" else 1
    found: dict[str, Any] = {str(label + shift): yuan(one) for label, one in fields.items()}
    return found | {str(50 + shift): "1", str(1 + shift): 4} | ({"1": "一般企业"} if shift else {})


def _hnte(one: Invented, said: dict[str, Any]) -> dict[str, Any]:
    money = {
        name: Decimal(str(said[name])) for name in ("hightech_product_revenue", "rd_expense_hnte", "sales_revenue")
    }
    total, rd = Decimal(str(said.get("total_revenue", said["sales_revenue"]))), money["rd_expense_hnte"]
    domestic = min(rd, Decimal(str(said.get("rd_expense_hnte_domestic", rd))))
    abroad = rd - domestic
    fields: dict[str, Any] = {
        "2": one.current.get("hnte_field_code", ""), "4": yuan(money["hightech_product_revenue"]),
        "5": yuan(money["hightech_product_revenue"]), "6": "0.00", "7": yuan(total), "8": yuan(total), "9": "0.00",
        "11": said.get("sci_tech_staff", 0), "12": said["employee_total"], "15.1": yuan(rd), "16.1": yuan(domestic),
        "25.1": yuan(abroad), "26.1": "0.00", "28.1": yuan(abroad / Decimal("0.8")), "29.1": yuan(money["sales_revenue"]),
    }  # fmt: skip
    return {label: value for label, value in fields.items() if value != ""}


def _amended(stated: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A correction, some weeks later: a little more revenue."""
    later = datetime.fromisoformat(stated["updated_at"]) + timedelta(days=chance.randrange(20, 90))
    fields = stated["fields"] | {"1": f"{Decimal(stated['fields']['1']) * Decimal('1.01'):.2f}"}
    return stated | {"fields": fields, "stated_on": later.date().isoformat(), "updated_at": later.isoformat()}


def _about(one: Invented, today: date, chance: random.Random) -> Iterator[dict[str, Any]]:
    method = {"audit": "查账征收", "deemed": "核定征收"}.get(one.current.get("tax_collection_method", ""))
    if method:
        state = {"taxpayer_state": "正常", "collection_method": method}
        yield _record(one, "registration", "1", None, date(today.year, 1, 20), state)
    published = date(today.year, 4, 20)
    rating = {"level": chance.choices("ABMCD", (30, 45, 15, 8, 2))[0], "published_on": published.isoformat()}
    yield _record(one, "credit_rating", "1", today.year - 1, published, rating)
    periods = [
        {
            "from": f"{today.year - 1}-09-15",
            "to": None,
            "reason": "虚开发票（虚构）",
            "authority": "税务局稽查局（虚构）",
        }
    ]
    yield _record(
        one,
        "major_violation",
        "1",
        None,
        date(today.year, 1, 15),
        {"periods": periods if chance.random() < 0.02 else []},
    )
