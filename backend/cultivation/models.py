"""The cultivation pool and the service files: who is being helped towards what, and what was done for them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, Text, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel


def _number() -> Column[int]:
    return Column(BigInteger, primary_key=True, autoincrement=True)


def _now() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=False, server_default=func.now())


def _later() -> Column[datetime | None]:
    return Column(DateTime(timezone=True))


class PoolEntry(SQLModel, table=True):
    """One enterprise in the pool of one programme and year, at a stage."""

    __tablename__ = "pool_entry"  # type: ignore[assignment]
    __table_args__ = (
        UniqueConstraint("enterprise_id", "programme", "year", name="pool_entry_once"),
        Index("pool_entry_of_pool", "programme", "year", "stage"),
        Index("pool_entry_of_officer", "officer_id"),
    )

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    programme: str = Field(max_length=60)
    year: int
    #: A stage of `stages.STAGES`.
    stage: str = Field(max_length=20)
    #: The officer who answers for it.
    officer_id: int | None = None
    note: str = ""
    #: Whoever saves has seen this state.
    revision: int = 1
    entered_at: datetime = Field(sa_column=_now())
    moved_at: datetime = Field(sa_column=_now())


class PoolMove(SQLModel, table=True):
    """What became of an entry, step by step. Append-only."""

    __tablename__ = "pool_move"  # type: ignore[assignment]
    __table_args__ = (
        Index("pool_move_of_entry", "entry_id", "id"),
        Index("pool_move_since", "moved_at"),
    )

    id: int | None = Field(default=None, sa_column=_number())
    entry_id: int = Field(sa_type=BigInteger, foreign_key="pool_entry.id")
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: Empty for an entry that is new.
    from_stage: str = Field(max_length=20)
    #: The same as before where only the officer changed.
    to_stage: str = Field(max_length=20)
    officer_id: int | None = None
    reason: str
    #: The check on which a recommendation rests.
    checked_on: date | None = None
    moved_by: int | None = None
    moved_at: datetime = Field(sa_column=_now())


class FilingWindow(SQLModel, table=True):
    """When applications for a programme are taken in a year, as a notice says; goes before what is shipped."""

    __tablename__ = "filing_window"  # type: ignore[assignment]
    __table_args__ = (
        Index(
            "filing_window_once", "programme", "year", "label", unique=True, postgresql_where=text("superseded_at IS NULL")
        ),
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=_number())
    programme: str = Field(max_length=60)
    year: int
    #: Which of several in a year: a batch, a district's own; empty for the only one.
    label: str = Field(max_length=60)
    opens_on: date | None = None
    closes_on: date
    #: How sure it is, as the catalogue says of figures.
    certainty: str = Field(max_length=20)
    #: The notice or whoever said so.
    source: str = Field(max_length=200)
    note: str = ""
    recorded_by: int | None = None
    recorded_at: datetime = Field(sa_column=_now())
    superseded_at: datetime | None = Field(default=None, sa_column=_later())


class ServiceStep(SQLModel, table=True):
    """One step of an enterprise's cultivation plan."""

    __tablename__ = "service_step"  # type: ignore[assignment]
    __table_args__ = (Index("service_step_of", "enterprise_id", "status"), Index("service_step_due", "due_on"))

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    programme: str = Field(max_length=60)
    #: The criterion that it is to meet; empty for one of the officer's own.
    criterion: str = Field(default="", max_length=80)
    title: str = Field(max_length=300)
    due_on: date
    officer_id: int | None = None
    #: open, done, dropped.
    status: str = Field(max_length=20)
    #: What came of it.
    result: str = ""
    revision: int = 1
    created_by: int | None = None
    created_at: datetime = Field(sa_column=_now())
    closed_at: datetime | None = Field(default=None, sa_column=_later())


class ServiceVisit(SQLModel, table=True):
    """A visit or a talk: who, when, what was said. Append-only; a correction names what it corrects."""

    __tablename__ = "service_visit"  # type: ignore[assignment]
    __table_args__ = (Index("service_visit_of", "enterprise_id", "visited_on"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    visited_on: date
    #: on_site, phone, meeting.
    form: str = Field(max_length=20)
    #: Who went, by name.
    visitors: str = Field(max_length=200)
    #: Whom they met.
    met: str = Field(max_length=200)
    content: str
    follow_up: str
    recorded_by: int | None = None
    recorded_at: datetime = Field(sa_column=_now())
    corrects_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="service_visit.id")


class ServiceAction(SQLModel, table=True):
    """A need or a problem of an enterprise, with who answers for it until when, and the answer."""

    __tablename__ = "service_action"  # type: ignore[assignment]
    __table_args__ = (Index("service_action_of", "enterprise_id", "status"), Index("service_action_due", "due_on"))

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: need, problem.
    kind: str = Field(max_length=20)
    #: A topic of `stages.TOPICS`.
    topic: str = Field(max_length=20)
    content: str
    raised_on: date
    #: The body that answers for it, as people call it.
    owner: str = Field(max_length=100)
    due_on: date | None = None
    #: open, in_progress, referred, solved, unsolvable.
    status: str = Field(max_length=20)
    answer: str = ""
    revision: int = 1
    #: The enterprise itself said so, and is shown the answer.
    is_from_enterprise: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    created_by: int | None = None
    created_at: datetime = Field(sa_column=_now())
    closed_at: datetime | None = Field(default=None, sa_column=_later())


class ServiceChange(SQLModel, table=True):
    """What a step or an action was before somebody saved it. Append-only."""

    __tablename__ = "service_change"  # type: ignore[assignment]
    __table_args__ = (Index("service_change_of", "enterprise_id", "thing", "thing_id"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: step, action, policy.
    thing: str = Field(max_length=20)
    thing_id: int = Field(sa_type=BigInteger)
    #: What became other, in words: “状态：待办 → 已办”.
    words: str = Field(sa_column=Column(Text, nullable=False))
    changed_by: int | None = None
    changed_at: datetime = Field(sa_column=_now())


class PolicyEnjoyed(SQLModel, table=True):
    """A policy that an enterprise has had the good of: a subsidy, a deduction, a loan. Append-only, may be withdrawn."""

    __tablename__ = "policy_enjoyed"  # type: ignore[assignment]
    __table_args__ = (Index("policy_enjoyed_of", "enterprise_id", "enjoyed_on"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    policy: str = Field(max_length=200)
    #: The document it rests on.
    document: str = Field(max_length=200)
    enjoyed_on: date
    amount_fen: int | None = Field(default=None, sa_type=BigInteger)
    note: str = ""
    recorded_by: int | None = None
    recorded_at: datetime = Field(sa_column=_now())
    withdrawn_at: datetime | None = Field(default=None, sa_column=_later())
