"""The market register: who the enterprises are, as a list."""

from typing import Final

from backend.exchange.connector import CULTIVATION, Connector

REGISTER: Final = Connector("register", "市场监管登记", ("register",), "listing", CULTIVATION)
