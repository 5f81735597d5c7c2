"""Enterprises for hnte in columns, as many as wanted, the same for every engine: drawn in fen, everything known."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.catalogue import Catalogue
from rules.columnar.population import Population, from_frames
from tests.rules.outside.enterprises import SEED

AS_OF = date(2026, 7, 15)
YEARS = (2023, 2024, 2025)
MONEY = (
    "sales_revenue", "rd_expense_hnte", "rd_expense_hnte_domestic", "total_revenue", "hightech_product_revenue",
)  # fmt: skip
FIELDS = ("1.1", "4.3", "8.5", "none")
#: Share of the facts that is taken away again where some have to be missing.
MISSING = 0.1

Column = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Columns as they were drawn: money in fen, heads in hundredths, days from 1970-01-01, flags as 1 and 0."""

    founded: Column
    money: dict[str, dict[int, Column]]
    staff: Column
    scientists: Column
    flags: dict[str, Column]
    counts: dict[str, Column]
    #: Places in `FIELDS`.
    field: Column
    score: Column
    #: Day of the last accident, offence or the like; 0 where there was none.
    incident: Column

    @property
    def size(self) -> int:
        return len(self.founded)


def draw(size: int, seed: int = SEED) -> Drawn:
    """Enterprises of which about every third is eligible."""
    chance = np.random.default_rng(seed)
    today = (AS_OF - date(1970, 1, 1)).days
    founded = today - chance.integers(200, 6_000, size)
    founded_in = founded.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    base = np.exp(chance.normal(22.5, 1.5, size))  # revenue in fen, about 60 million yuan in the middle
    sales = {year: np.rint(base * chance.uniform(0.7, 1.4, size) * 1.1 ** (year - 2023)) for year in YEARS}
    spent = {year: np.rint(sales[year] * chance.uniform(0.03, 0.09, size)) for year in YEARS}
    income = {2025: np.rint(sales[2025] * chance.uniform(1, 1.2, size))}
    money = {
        "sales_revenue": sales,
        "rd_expense_hnte": spent,
        "rd_expense_hnte_domestic": {year: np.rint(spent[year] * chance.uniform(0.55, 1, size)) for year in YEARS},
        "total_revenue": income,
        "hightech_product_revenue": {2025: np.rint(income[2025] * chance.uniform(0.5, 1, size))},
    }
    there = {year: founded_in <= year for year in YEARS}
    staff = chance.integers(100, 100_000, size)
    return Drawn(
        founded,
        {
            name: {year: (fen * there[year]).astype(np.int64) for year, fen in years.items()}
            for name, years in money.items()
        },
        staff,
        np.rint(staff * chance.uniform(0.08, 0.5, size)).astype(np.int64),
        {
            name: (chance.random(size) < 0.97).astype(np.int64)
            for name in ("registered_in_mainland", "is_resident_enterprise", "ip_supports_main_product")
        },
        {"ip_class1_count": chance.poisson(0.5, size), "ip_class2_count": chance.poisson(3, size)},
        chance.choice(len(FIELDS), size, p=(0.3, 0.3, 0.35, 0.05)),
        chance.integers(60, 101, size),
        np.where(chance.random(size) < 0.1, today - chance.integers(0, 1_500, size), 0),
    )


def population(drawn: Drawn, catalogue: Catalogue, missing: float = 0.0) -> Population:
    """What was drawn as the columnar engine reads it.

    Args:
        missing: the share of each column that is left out, at random.
    """
    ids = np.arange(1, drawn.size + 1, dtype=np.int64)
    chance = np.random.default_rng(SEED)

    def kept(column: pl.Series) -> pl.Series:
        known = pl.Series(chance.random(drawn.size) >= missing)
        return column.zip_with(known, pl.Series([None], dtype=column.dtype).new_from_index(0, drawn.size))

    founded = pl.Series(drawn.founded.astype(np.int32)).cast(pl.Date)
    flags = {name: kept(pl.Series(values == 1)) for name, values in (drawn.flags).items()}
    counts = {name: kept(pl.Series(values)) for name, values in drawn.counts.items()}
    days = pl.Series(drawn.incident.astype(np.int32)).cast(pl.Date).cast(pl.String)
    incidents = pl.select(
        pl.when(pl.Series(drawn.incident == 0)).then(pl.lit("[]"))
        .otherwise(pl.concat_str(pl.lit('[{"kind": "safety", "date": "'), days, pl.lit('"}]')))
    ).to_series()  # fmt: skip
    current = pl.DataFrame(
        {
            "enterprise_id": ids, "established_on": kept(founded), **flags, **counts,
            # Nobody has used one before; without a certificate that follows, with one it has to be said.
            "ip_class2_used_before_count": np.zeros(drawn.size, dtype=np.int64),
            "hnte_field_code": kept(pl.Series(FIELDS).gather(drawn.field)),
            "innovation_score_total": kept(pl.Series(drawn.score).cast(pl.Decimal(20, 2))),
            "major_incidents": kept(incidents),
        }
    )  # fmt: skip
    heads = {"employee_total": drawn.staff, "sci_tech_staff": drawn.scientists}
    yearly = pl.concat(
        [
            pl.DataFrame(
                {"enterprise_id": ids, "year": np.full(drawn.size, year)}
                | {name: kept(pl.Series(drawn.money[name].get(year, ids * 0))) for name in MONEY}
                | {
                    name: kept((pl.Series(of).cast(pl.Decimal(20, 2)) / 100).cast(pl.Decimal(20, 2)))
                    for name, of in heads.items()
                }
            )
            for year in YEARS
        ]
    )
    return from_frames(ids, current, yearly, catalogue)
