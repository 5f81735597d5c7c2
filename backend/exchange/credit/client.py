"""The innovation-credit platform: points of every issuer, as a list."""

from typing import Final

from backend.exchange.connector import CULTIVATION, Connector

CREDIT: Final = Connector("credit", "企业创新积分", ("points",), "listing", CULTIVATION)
