"""Filings: what one source said on one day. Append-only; a correction is a new filing.

What holds now stands in `fact_yearly` and `fact_current`, whose columns are the catalogue's indicators
(`projection_tables.py`). Beside them stands what a person should look at: conflicts and flags.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Numeric, Text, func
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


class FilingWithdrawal(SQLModel, table=True):
    """A filing that holds no more, because the import it came from was undone. Append-only, as the filings are."""

    __tablename__ = "filing_withdrawal"  # type: ignore[assignment]

    filing_id: int = Field(sa_type=BigInteger, primary_key=True, foreign_key="filing.id")
    withdrawn_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    withdrawn_by: int | None = None


class IndicatorTolerance(SQLModel, table=True):
    """How far two sources may differ, as the catalogue says; written after each migration, read by the database."""

    __tablename__ = "indicator_tolerance"  # type: ignore[assignment]

    indicator: str = Field(primary_key=True)
    #: In percent of the larger figure.
    percent: int
    #: Whether sources are compared at all: lists of records complement each other and are not.
    is_compared: bool


class FactConflict(SQLModel, table=True):
    """Sources that lie further apart than tolerated, and nobody has decided yet, or not since there was news."""

    __tablename__ = "fact_conflict"  # type: ignore[assignment]

    enterprise_id: int = Field(sa_type=BigInteger, primary_key=True, foreign_key="enterprise.id")
    indicator: str = Field(primary_key=True)
    #: 0 for what holds now, which has no year.
    year: int = Field(primary_key=True)
    #: The difference as a share of the larger figure, in percent; 100 where words differ.
    spread: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    #: The larger figure by the smaller; None where one is 0, or they are no figures.
    ratio: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    #: What each source last said, the most trusted first: source, value, received_on, filing_id.
    said: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    #: An officer had decided before, and a source has said something new since.
    is_reopened: bool
    #: Whoever decides has seen the filings up to this one.
    latest_filing_id: int = Field(sa_type=BigInteger)
    noted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class FactFlag(SQLModel, table=True):
    """Figures of one enterprise that should not stand beside each other; never in the way of anything."""

    __tablename__ = "fact_flag"  # type: ignore[assignment]

    enterprise_id: int = Field(sa_type=BigInteger, primary_key=True, foreign_key="enterprise.id")
    #: A consistency rule, or a jump, of the catalogue.
    rule: str = Field(primary_key=True)
    #: The indicator that jumped; empty for a relation between several.
    indicator: str = Field(primary_key=True)
    year: int = Field(primary_key=True)
    #: Column → value, in the projection's units (money in fen).
    figures: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    noted_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class FactFlagAnswer(SQLModel, table=True):
    """An officer has looked: these very figures are right. Append-only; other figures are flagged again."""

    __tablename__ = "fact_flag_answer"  # type: ignore[assignment]
    __table_args__ = (Index("fact_flag_answer_of", "enterprise_id", "rule", "indicator", "year"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    rule: str
    indicator: str
    year: int
    figures: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    reason: str
    answered_by: int | None = None
    answered_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class Paper(SQLModel, table=True):
    """The content of a file, once, however often and to whatever it is attached. Never changed."""

    __tablename__ = "paper"  # type: ignore[assignment]

    #: SHA-256 of the content, worked out by the database.
    digest: str = Field(max_length=64, primary_key=True)
    #: As its content shows it to be, not as it was called.
    media_type: str
    #: In bytes.
    size: int
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    kept_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class Attachment(SQLModel, table=True):
    """A paper attached to an enterprise's file, perhaps to one filing. It can be withdrawn, and stays known."""

    __tablename__ = "attachment"  # type: ignore[assignment]
    __table_args__ = (
        Index("attachment_of_enterprise", "enterprise_id", "filing_id"),
        Index("attachment_of_paper", "digest"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    digest: str = Field(max_length=64, foreign_key="paper.digest")
    filing_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="filing.id")
    #: A kind of `attachments.KINDS`.
    kind: str = Field(max_length=30)
    file_name: str = Field(max_length=200)
    about: str = ""
    attached_by: int | None = None
    attached_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    withdrawn_by: int | None = None
    withdrawn_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    withdrawal_reason: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))
