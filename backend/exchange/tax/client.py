"""The tax bureau: yearly returns in June and again in September, ratings, violations. Only of those who authorised it."""

from typing import Final

from backend.exchange.connector import CULTIVATION, Connector

TAX: Final = Connector(
    "tax",
    "税务",
    ("registration", "A100000", "A107012", "A107041", "credit_rating", "major_violation"),
    "search",
    CULTIVATION,
    # 企业所得税法第五十四条: a year is settled by 31 May, prepayments are declared within 15 days after the period.
    # Corrections come until September.
    calendar=("yearly:06-01T02", "yearly:09-01T02", "monthly:16T02"),
)
