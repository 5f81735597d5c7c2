"""The tax bureau: yearly returns in June and again in September, ratings, violations. Only of those who authorised it."""

from typing import Final

from backend.exchange.connectors import CULTIVATION, Connector

TAX: Final = Connector(
    "tax",
    "税务",
    ("registration", "A100000", "A107012", "A107041", "credit_rating", "major_violation"),
    "search",
    CULTIVATION,
)
