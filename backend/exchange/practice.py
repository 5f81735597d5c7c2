"""The simulated systems by name."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from backend.exchange.credit.fake import credit_simulator
from backend.exchange.ip.fake import ip_simulator
from backend.exchange.lists.fake import lists_simulator
from backend.exchange.register.fake import register_simulator
from backend.exchange.simulation import Simulator
from backend.exchange.tax.fake import tax_simulator

SIMULATORS: Final[Mapping[str, Callable[[int, date], Simulator]]] = {
    "tax": tax_simulator, "credit": credit_simulator, "register": register_simulator, "lists": lists_simulator,
    "ip": ip_simulator,
}  # fmt: skip


def simulator_of(system: str, size: int, today: date) -> Simulator:
    """A system's simulator with the first `size` enterprises of the demo; the same at every start."""
    return SIMULATORS[system](size, today)
