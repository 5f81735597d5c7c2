"""The innovation-credit platform, invented: points of several issuers side by side, and a place to tell facts to."""

import random
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from backend.demo.population import Invented, population
from backend.exchange.simulation import Simulator, at


def credit_simulator(size: int, today: date) -> Simulator:
    """Last year's points of `size` invented enterprises, by two issuers."""
    simulator = Simulator("credit")
    for number, one in enumerate(islice(population(size, today), size), 1):
        chance = random.Random(number)  # noqa: S311 – invents, protects nothing
        simulator.put(_points(one, today.year - 1, chance))
    return simulator


def _points(one: Invented, year: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    base, bonus = round(chance.uniform(35, 95), 2), round(chance.uniform(0, 30), 2)
    split = {"投入": round(base * 0.4, 2), "产出": round(base * 0.35, 2)}
    split["发展"] = round(base - split["投入"] - split["产出"], 2)
    yield _record(one, "most_2_0", year, {
        "version": "2025-10-29", "stage": "", "base": base, "bonus": bonus, "total": round(base + bonus, 2), "categories": split,
        "indicators": [],
    })  # fmt: skip
    score = round(chance.uniform(30, 98), 2)
    parts = [("研发费用金额", 0.4), ("发明专利申请量", 0.35), ("营业收入增长率", 0.25)]
    scored = [
        {"name": name, "points": round(score * share, 2), "reason": "发布方计分（虚构）"} for name, share in parts
    ]
    yield _record(one, "miit_torch", year, {
        "version": "2025", "stage": "成长期", "base": score, "total": score, "indicators": scored,
    })  # fmt: skip


def _record(one: Invented, system: str, year: int, fields: dict[str, Any]) -> dict[str, Any]:
    day = date(year + 1, 6, 15)
    return {
        "id": f"points-{system}-{one.code}-{year}", "code": one.code, "form": "points", "layout": system, "year": year,
        "stated_on": day.isoformat(), "updated_at": at(day.year, day.month, day.day), "fields": fields,
    }  # fmt: skip
