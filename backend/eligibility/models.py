"""Results of running the rules over the registry. Explanations are not stored: they are worked out on demand."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Column, DateTime, Index, Numeric, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


class Run(SQLModel, table=True):
    """One run over all enterprises, or over those just touched."""

    __tablename__ = "eligibility_run"  # type: ignore[assignment]
    __table_args__ = (
        # The few runs of the whole registry among the many of a few enterprises.
        Index(
            "eligibility_whole_runs",
            "id",
            "as_of",
            postgresql_where=text("is_whole AND finished_at IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    as_of: date
    started_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    finished_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    #: Hash of all rule versions used.
    library_digest: str = Field(max_length=64)
    enterprises: int = 0
    changes: int = 0
    is_whole: bool = True


class Eligibility(SQLModel, table=True):
    """The latest outcome of one programme for one enterprise."""

    __tablename__ = "eligibility"  # type: ignore[assignment]
    __table_args__ = (Index("eligibility_found", "programme", "outcome", "is_likely", "enterprise_id"),)

    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    programme: str = Field(max_length=60, primary_key=True)
    version: str = Field(max_length=40)
    outcome: str = Field(max_length=20)
    is_likely: bool = False
    score_least: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    score_most: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    failed: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    unknown: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    missing: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False))
    #: The day and the run on which this answer was first found; runs that find the same leave it as it is.
    as_of: date
    run_id: int = Field(sa_type=BigInteger)


class EligibilityCheck(SQLModel, table=True):
    """Of one enterprise all answers were looked at again, outside a run of the whole registry; the latest time."""

    __tablename__ = "eligibility_check"  # type: ignore[assignment]

    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    as_of: date
    run_id: int = Field(sa_type=BigInteger)


class EligibilityChange(SQLModel, table=True):
    """An outcome that differs from the run before."""

    __tablename__ = "eligibility_change"  # type: ignore[assignment]
    __table_args__ = (Index("eligibility_change_run", "run_id", "programme", "after"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    run_id: int = Field(sa_type=BigInteger, foreign_key="eligibility_run.id")
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    programme: str = Field(max_length=60)
    #: Empty where it was not evaluated before.
    before: str = Field(default="", max_length=20)
    after: str = Field(max_length=20)
