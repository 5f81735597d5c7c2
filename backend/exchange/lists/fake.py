"""The credit platform's published lists, invented: few enterprises are on them, for the others the periods are empty."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any

from backend.demo.population import Invented, population
from backend.exchange.simulation import Simulator, at


def lists_simulator(size: int, today: date) -> Simulator:
    """The abnormal and the dishonest among `size` invented enterprises; some left the list in a later revision."""
    simulator = Simulator("lists")
    for number, one in enumerate(islice(population(size, today), size), 1):
        chance = random.Random(number)  # noqa: S311 – invents, protects nothing
        simulator.put(_entries(one, today, chance))
    return simulator


def _entries(one: Invented, today: date, chance: random.Random) -> Iterator[dict[str, Any]]:
    entered = date(today.year - 1, 7, 8)
    left = entered + timedelta(days=chance.randrange(20, 200))
    period = {
        "from": entered.isoformat(),
        "to": None,
        "reason": "未按规定公示年度报告（虚构）",
        "authority": "市场监管局（虚构）",
    }
    if chance.random() < 0.05:
        yield _record(one, "abnormal", entered, [period])
        if chance.random() < 0.5:
            yield _record(one, "abnormal", left, [period | {"to": left.isoformat()}])
    else:
        yield _record(one, "abnormal", entered, [])
    dishonest = [
        {"from": f"{today.year - 1}-03-20", "to": None, "reason": "虚假登记（虚构）", "authority": "市场监管局（虚构）"}
    ]
    yield _record(one, "dishonesty", entered, dishonest if chance.random() < 0.01 else [])


def _record(one: Invented, form: str, day: date, periods: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"{form}-{one.code}", "code": one.code, "form": form, "layout": "1", "year": None, "stated_on": day.isoformat(),
        "updated_at": at(day.year, day.month, day.day), "fields": {"periods": periods},
    }  # fmt: skip
