"""Figures of a plan that are reported from outside, with their revisions. The plans themselves are data in `rules/plans`."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Column, DateTime, Index, Numeric, func
from sqlmodel import Field, SQLModel


class ReportedFigure(SQLModel, table=True):
    """The value of one target at the end of one period, as its source published it; a revision is a new row."""

    __tablename__ = "reported_figure"  # type: ignore[assignment]
    __table_args__ = (Index("reported_figure_target", "target", "region_code", "period_end"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    #: Target id: T000-18.
    target: str = Field(max_length=20)
    #: Empty for the plan's own territory.
    region_code: str = Field(default="", max_length=6)
    #: Last day of the quarter or year that the figure is for.
    period_end: date
    value: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    #: Who published it, and when.
    source: str = Field(max_length=100)
    released_on: date | None = None
    note: str = ""
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None


class BulletinText(SQLModel, table=True):
    """What people write in a quarter's bulletin beside its numbers; the latest text of a section is shown."""

    __tablename__ = "bulletin_text"  # type: ignore[assignment]
    __table_args__ = (Index("bulletin_text_of", "plan", "region_code", "quarter_end", "section"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    #: Plan id: P000.
    plan: str = Field(max_length=10)
    #: Empty for the plan's own territory.
    region_code: str = Field(default="", max_length=6)
    quarter_end: date
    #: opening, causes, next_steps.
    section: str = Field(max_length=20)
    body: str
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
