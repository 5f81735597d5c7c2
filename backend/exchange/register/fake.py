"""The market register, invented: entries of the demo's enterprises, a few of which were renamed or cancelled since."""

import random
from datetime import date
from itertools import islice

from backend.demo.population import population
from backend.exchange.simulation import Simulator, at


def register_simulator(size: int, today: date) -> Simulator:
    """The entries of `size` invented enterprises; one in fifty bears another name now, one in a hundred is cancelled."""
    simulator = Simulator("register")
    stated = date(today.year, 1, 10)
    for number, one in enumerate(islice(population(size, today), size), 1):
        chance = random.Random(number)  # noqa: S311 – invents, protects nothing
        entry = {
            "name": one.name.replace("（演示）", "集团（演示）") if number % 50 == 7 else one.name,
            "state": "注销" if number % 100 == 42 else "存续", "established_on": one.established_on.isoformat(),
            "registered_capital": f"{chance.choice((200, 500, 1000, 3000, 5000))}.0000",
        }  # fmt: skip
        simulator.put([{
            "id": f"register-{one.code}", "code": one.code, "form": "register", "layout": "1", "year": None,
            "stated_on": stated.isoformat(), "updated_at": at(stated.year, 1, 10), "fields": entry,
        }])  # fmt: skip
    return simulator
