"""An invented registry of any size, made in columns: what the projection would give, the same every time."""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rules.catalogue import Catalogue, Indicator, Period, Type
from rules.columnar.population import NONE_DAY

SEED = 20260401
YEARS = (2022, 2023, 2024, 2025)
#: Indicators that nearly every enterprise reports; the others are known of few.
COMMON = frozenset(
    {
        "sales_revenue", "operating_revenue", "main_business_revenue", "total_revenue", "hightech_product_revenue",
        "cost_expense_total", "net_profit", "total_assets_year_end", "total_liabilities_year_end", "employee_total",
        "employees", "sci_tech_staff", "rd_personnel_count", "rd_expense_deduction", "rd_expense_hnte",
        "rd_expense_hnte_domestic", "rd_expense_audited", "ip_class1_count", "ip_class2_count", "transfer_count",
        "established_on", "industry_code", "hnte_field_code", "is_resident_enterprise", "registered_in_mainland",
        "ip_supports_main_product", "major_incidents", "abnormal_list_periods", "dishonesty_list_periods",
        "hnte_certificates", "tech_sme_valid_until", "innovative_sme_valid_until", "accounting_sound",
        "in_restricted_or_eliminated_catalogue", "ip_self_developed", "is_independent_legal_person",
    }
)  # fmt: skip
#: Share of enterprises of which an indicator is known.
KNOWN, SELDOM_KNOWN = 0.9, 0.05
#: Money figures as a share of the revenue.
_SHARES = {
    "hightech_product_revenue": 0.7, "cost_expense_total": 0.9, "net_profit": 0.06, "total_assets_year_end": 1.2,
    "total_liabilities_year_end": 0.6, "rd_expense_deduction": 0.05, "rd_expense_hnte": 0.055,
    "rd_expense_hnte_domestic": 0.05, "rd_expense_audited": 0.05,
}  # fmt: skip


def registry(
    size: int, catalogue: Catalogue, only: frozenset[str] | None = None
) -> tuple[NDArray[np.int64], pl.DataFrame, pl.DataFrame]:
    """Ids, current facts and yearly facts of invented enterprises.

    Args:
        size: how many.
        catalogue: whose indicators get columns.
        only: the indicators wanted; all if left out.
    """
    random = np.random.default_rng(SEED)
    ids = np.arange(1, size + 1, dtype=np.int64)
    wanted = [one for one in catalogue.indicators if only is None or one.id in only]
    scale = np.exp(random.normal(19.5, 1.3, size))  # revenue in fen, about 3 million yuan in the middle
    current = {"enterprise_id": pl.Series(ids)}
    current |= {one.id: _column(one, scale, random) for one in wanted if one.period is Period.CURRENT}
    yearly = pl.concat(
        pl.DataFrame(
            {"enterprise_id": ids, "year": np.full(size, year)}
            | {
                one.id: _column(one, scale * 1.1 ** (year - 2022), random)
                for one in wanted
                if one.period is Period.YEARLY
            }
        )
        for year in YEARS
    )
    return ids, pl.DataFrame(current), yearly


def _column(indicator: Indicator, scale: NDArray[np.float64], random: np.random.Generator) -> pl.Series:
    size = len(scale)
    known = random.random(size) < (KNOWN if indicator.id in COMMON else SELDOM_KNOWN)
    column = _values(indicator, scale, random)
    return column.zip_with(pl.Series(known), pl.Series([None], dtype=column.dtype).new_from_index(0, size))


def _values(indicator: Indicator, scale: NDArray[np.float64], random: np.random.Generator) -> pl.Series:
    size = len(scale)
    match indicator.type:
        case Type.MONEY:
            spread = random.lognormal(0, 0.35, size) * _SHARES.get(indicator.id, 1.0)
            return pl.Series(np.rint(scale * spread / 1e6).astype(np.int64) * 1_000_000)  # whole 万元
        case Type.COUNT:
            return pl.Series(random.poisson(2.0, size).astype(np.int64))
        case Type.YEAR:
            return pl.Series(np.full(size, 2025))
        case Type.HEADCOUNT:
            share = 0.15 if "tech" in indicator.id or "rd" in indicator.id else 1.0
            staff = np.maximum(1, np.rint(scale / 4e7 * share * random.lognormal(0, 0.3, size)))
            return pl.Series(staff.astype(np.int64)).cast(pl.Decimal(20, 2))
        case Type.NUMBER | Type.PERCENT:
            return pl.Series(random.integers(0, 10_000, size)).cast(pl.Decimal(20, 2)) / pl.Series([100]).cast(
                pl.Decimal(5, 0)
            )
        case Type.BOOLEAN:
            return pl.Series(random.random(size) < (0.03 if "restricted" in indicator.id else 0.95))
        case Type.DATE:
            days = pl.Series(random.integers(11_000, 20_300, size).astype(np.int32)).cast(pl.Date)
            none = pl.Series(random.random(size) < (0 if indicator.id == "established_on" else 0.5))
            return days.zip_with(~none, pl.Series([NONE_DAY]).new_from_index(0, size))
        case Type.CHOICE:
            return pl.Series(list(indicator.choices)).gather(random.integers(0, len(indicator.choices), size))
        case Type.TEXT:
            texts = ["6510", "3972", "2710", "3484", "5112", "7320", "4811"]
            return pl.Series(texts).gather(random.integers(0, len(texts), size))
        case Type.LIST:
            return _lists(indicator, size, random)


def _lists(indicator: Indicator, size: int, random: np.random.Generator) -> pl.Series:
    """Mostly empty lists; certificates and incidents on many different days."""
    days = [field.id for field in indicator.fields if field.type is Type.DATE]
    texts = ["[]"]
    for number in range(3000):
        day = date.fromordinal(736_000 + number)
        fields = [f'"{field}": {f"{chr(34)}{day}{chr(34)}" if field == days[0] else "null"}' for field in days]
        kinds = [
            f'"{field.id}": "{list(field.choices)[number % len(field.choices)]}"'
            for field in indicator.fields
            if field.type is Type.CHOICE
        ]
        texts.append("[{" + ", ".join([*fields, *kinds]) + "}]")
    places = np.where(random.random(size) < 0.85, 0, random.integers(1, len(texts), size))
    return pl.Series(texts).gather(places)
