"""Filings: what one source said on one day. Append-only; a correction is a new filing.

What holds now stands in `fact_yearly` and `fact_current`, whose columns are the catalogue's indicators
(`projection_tables.py`).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Filing(SQLModel, table=True):
    """One statement of one source about one enterprise."""

    __tablename__ = "filing"  # type: ignore[assignment]
    __table_args__ = (
        Index("filing_enterprise", "enterprise_id", "year"),
        Index("filing_import", "import_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: A source of the catalogue: tax, self_declared, spreadsheet …
    source: str = Field(max_length=40)
    #: The calendar year of yearly figures; None for those that hold as of the day.
    year: int | None = None
    received_on: date
    #: The day's knowledge begins here: an answer known at an earlier moment does not see the filing.
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
    import_id: int | None = Field(default=None, sa_type=BigInteger)
    #: Indicator id → value in the unit of the official forms (money in 万元), exactly as said; `"none"` = does not exist.
    values: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    note: str = ""
