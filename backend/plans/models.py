"""Figures of a plan that are reported from outside, with their revisions. The plans themselves are data in `rules/plans`."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Index, Numeric, UniqueConstraint, func
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


class BreakdownShare(SQLModel, table=True):
    """A place's share of a target for a year; kind `whole` is the year's own value where the plan prints none."""

    __tablename__ = "breakdown_share"  # type: ignore[assignment]
    __table_args__ = (Index("breakdown_share_of", "target", "year", "kind"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    target: str = Field(max_length=20)
    year: int
    #: whole, district, park, body.
    kind: str = Field(max_length=20)
    #: A region's code, a park's or a body's name; empty for the whole.
    place: str = Field(max_length=100)
    #: None takes the share back.
    value: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
    superseded_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class BreakdownAcknowledgement(SQLModel, table=True):
    """Somebody's word that the shares of a target differ from the whole, by how much and why."""

    __tablename__ = "breakdown_acknowledgement"  # type: ignore[assignment]
    __table_args__ = (Index("breakdown_acknowledgement_of", "target", "year", "kind"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    target: str = Field(max_length=20)
    year: int
    kind: str = Field(max_length=20)
    whole: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    total: Decimal = Field(sa_column=Column(Numeric, nullable=False))
    reason: str
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None


class TaskNote(SQLModel, table=True):
    """What was said of a task or of a duty without a number; the latest note's status and deadline stand."""

    __tablename__ = "task_note"  # type: ignore[assignment]
    __table_args__ = (Index("task_note_of", "plan", "item"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    plan: str = Field(max_length=10)
    #: Task or duty id: P003-25, N003-01.
    item: str = Field(max_length=20)
    #: not_started, under_way, done, stopped.
    status: str = Field(max_length=20)
    due_on: date | None = None
    body: str
    #: The paper behind it: title, number, where it is kept.
    evidence: str
    #: Of whoever wrote it; empty for the city.
    region_code: str = Field(default="", max_length=6)
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None


class TaskPaper(SQLModel, table=True):
    """A paper that lies with what was said of a task: its evidence."""

    __tablename__ = "task_paper"  # type: ignore[assignment]
    __table_args__ = (UniqueConstraint("note_id", "digest"), Index("task_paper_of_paper", "digest"))

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    note_id: int = Field(sa_column=Column(BigInteger, ForeignKey("task_note.id"), nullable=False))
    #: SHA-256 of the content in `paper`.
    digest: str = Field(max_length=64, foreign_key="paper.digest")
    file_name: str = Field(max_length=200)


class PlanVersion(SQLModel, table=True):
    """A plan as staff wrote it, whole; the highest number stands, and before it the file of the program."""

    __tablename__ = "plan_version"  # type: ignore[assignment]
    __table_args__ = (UniqueConstraint("plan", "number"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    plan: str = Field(max_length=10)
    number: int
    #: The plan in the form of a plan file.
    document: str
    note: str
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
