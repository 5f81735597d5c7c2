"""The intellectual property office's counts, invented: rights held and applications of the year, per enterprise."""

import random
from datetime import date
from itertools import islice

from backend.demo.population import population
from backend.exchange.simulation import Simulator, at


def ip_simulator(size: int, today: date) -> Simulator:
    """Counts of the last year of `size` invented enterprises; in one of ten they were corrected later."""
    simulator = Simulator("ip")
    year = today.year - 1
    for number, one in enumerate(islice(population(size, today), size), 1):
        chance = random.Random(number)  # noqa: S311 – invents, protects nothing
        held = one.current
        counts = {
            "class1": int(held.get("ip_class1_count", chance.randrange(4))),
            "class2": int(held.get("ip_class2_count", chance.randrange(12))),
            "invention_applications": chance.randrange(8), "pct_applications": int(chance.random() < 0.1),
        }  # fmt: skip
        first = {
            "id": f"ip-{one.code}-{year}", "code": one.code, "form": "ip_counts", "layout": "1", "year": year,
            "stated_on": f"{today.year}-02-15", "updated_at": at(today.year, 2, 15), "fields": counts,
        }  # fmt: skip
        simulator.put([first])
        if chance.random() < 0.1:
            later = counts | {"invention_applications": counts["invention_applications"] + 1}
            simulator.put(
                [first | {"fields": later, "stated_on": f"{today.year}-03-15", "updated_at": at(today.year, 3, 15)}]
            )
    return simulator
