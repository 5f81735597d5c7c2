"""The outside systems that we ask. To add one: a folder with `client.py`, `mapping.yaml` and `fake.py`, and a line here."""

from backend.exchange.connector import Connector
from backend.exchange.credit.client import CREDIT
from backend.exchange.ip.client import IP
from backend.exchange.lists.client import LISTS
from backend.exchange.register.client import REGISTER
from backend.exchange.tax.client import TAX


def connectors() -> dict[str, Connector]:
    """Every connector by its system's id."""
    return {one.system: one for one in (TAX, CREDIT, REGISTER, LISTS, IP)}
