"""Listed companies' published yearly figures as facts: `python -m tests.rules.outside.listed_companies` prints what comes of them.

What an annual report does not say is left unknown; three of its figures stand in for ones it does not have: net profit
with minorities for the lower of the two profits, the R&D expense of the income statement for R&D investment and for
the HNTE scope, R&D staff for scientists.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from rules.columnar.engine import evaluate_columns
from rules.columnar.population import from_facts
from rules.facts import Facts, read_facts
from rules.library import Library, library
from rules.programme import Version
from tests.shared_data import shared_data

FOLDER = "listed-companies"
YUAN_PER_WAN = 10_000
#: The last year that the figures speak of, and a day on which its audits are out.
LAST_YEAR, AS_OF = 2021, date(2022, 6, 30)
BOARDS = {"mb": ("上证主板", "深证主板"), "star": ("科创板",), "cx": ("创业板",)}
#: Column of the file → indicators that it stands for.
MONEY = {
    "revenue": ("operating_revenue", "sales_revenue"),
    "total_operating_revenue": ("total_revenue",),
    "rd_expense": ("rd_investment", "rd_expense_hnte"),
    "net_profit": ("net_profit_lower", "net_profit"),
    "total_assets": ("total_assets_year_end",),
    "total_liabilities": ("total_liabilities_year_end",),
    "net_assets": ("net_assets_year_end",),
    "operating_cash_flow": ("operating_cash_flow",),
}
HEADS = {"employees": ("employee_total", "total_staff"), "rd_staff": ("sci_tech_staff", "rd_staff")}


@dataclass(frozen=True)
class Company:
    """A listed company: where and when it was listed, and its figures under the catalogue's names."""

    code: str
    name: str
    board: str
    listed_on: date | None
    raw: dict[str, Any]
    #: Whether the file itself doubts one of the figures.
    is_suspect: bool


def companies() -> list[Company]:
    """All companies of the shared data; the test is skipped where that is absent."""
    folder = shared_data(FOLDER)
    figures: dict[str, list[dict[str, str]]] = {}
    for row in _rows(folder / "listed_financials_2019_2021.csv"):
        figures.setdefault(row["stock_code"], []).append(row)
    return [_company(row, figures.get(row["stock_code"], [])) for row in _rows(folder / "listed_base.csv")]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _company(base: dict[str, str], years: Sequence[dict[str, str]]) -> Company:
    raw: dict[str, Any] = {"latest_audited_fy": LAST_YEAR}
    if founded := _day(base["founded_date"]):
        raw["established_on"] = str(founded)
    for row in years:
        for column, names in MONEY.items():
            for name in names if row[column] else ():
                raw.setdefault(name, {})[row["year"]] = Decimal(row[column]) / YUAN_PER_WAN
        for column, names in HEADS.items():
            for name in names if row[column] else ():
                raw.setdefault(name, {})[row["year"]] = Decimal(row[column])
    return Company(
        base["stock_code"],
        base["short_name"],
        next((board for board, names in BOARDS.items() if base["board"] in names), ""),
        _day(base["listing_date"]),
        raw,
        any(row["quality_flag"] for row in years),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def standards(rules: Library) -> list[Version]:
    """Every version of every listing standard, and of hnte."""
    return [
        version
        for programme in rules.programmes.values()
        if programme.source.sort == "standard" or programme.source.programme == "hnte"
        for version in programme.versions
    ]


def facts_of(held: Iterable[Company], rules: Library, as_of: date = AS_OF, last_year: int = LAST_YEAR) -> list[Facts]:
    """Companies' facts as the engines read them, with a year as the last audited one."""
    return [read_facts(one.raw | {"latest_audited_fy": last_year}, rules.catalogue, as_of) for one in held]


def outcomes(
    held: Sequence[Company], version: Version, as_of: date = AS_OF, last_year: int = LAST_YEAR
) -> pl.DataFrame:
    """What a version answers for companies, in their order."""
    rules = library()
    facts = facts_of(held, rules, as_of, last_year)
    return evaluate_columns(version, from_facts(facts, rules.catalogue), as_of, rules.environment)


def main() -> int:
    """Print how many companies of each board meet each standard on its figures, and which criteria they fail."""
    held = companies()
    for version in standards(library()):
        for board in BOARDS:
            frame = outcomes([one for one in held if one.board == board], version)
            said, failed = Counter(frame["outcome"].to_list()), Counter(name for row in frame["failed"] for name in row)
            name = f"{version.source.programme}@{version.source.version}"
            print(f"{name}, {board}: {dict(said)}; failed {dict(failed)}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
