"""Recognitions: titles that enterprises hold for a time.

A row is never overwritten: what changes is written as a new row and the old one is closed with `superseded_at`, so
that the knowledge of any past day can be had again.
"""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, func, text
from sqlmodel import Field, SQLModel


class Recognition(SQLModel, table=True):
    """One title of one enterprise, with the days it is valid."""

    __tablename__ = "recognition"  # type: ignore[assignment]
    __table_args__ = (
        Index("recognition_enterprise", "enterprise_id"),
        Index("recognition_import", "import_id"),
        Index("recognition_programme", "programme", "valid_from", "valid_to"),
        Index(
            "recognition_once", "enterprise_id", "programme", "valid_from", "number",
            unique=True, postgresql_where=text("superseded_at IS NULL"),
        ),
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: Programme id of the rule library.
    programme: str = Field(max_length=60)
    #: national, provincial, municipal, district; empty where the programme says it.
    level: str = Field(default="", max_length=20)
    #: Edition of an annual list, by its year.
    edition: int | None = None
    number: str = Field(default="", max_length=60)
    batch: str = Field(default="", max_length=120)
    #: granted, renewed (a new certificate), extended (review passed).
    kind: str = Field(default="granted", max_length=20)
    granted_on: date
    valid_from: date
    #: The last day on which it still counts; None where it has no printed end.
    valid_to: date | None = None
    #: From this day on it counts no more.
    revoked_on: date | None = None
    revocation_reason: str = ""
    #: Why the row before it was put right, where it had been entered wrongly; empty where the title's life went on.
    correction: str = Field(default="", sa_column_kwargs={"server_default": ""})
    #: The list or notice it stands in.
    notice: str = ""
    #: The name as printed there.
    printed_name: str = ""
    source: str = Field(default="spreadsheet", max_length=40)
    import_id: int | None = Field(default=None, sa_type=BigInteger)
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
    superseded_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    supersedes_id: int | None = Field(default=None, sa_type=BigInteger)


class RenewalWindowEntered(SQLModel, table=True):
    """When a programme's titles are to be renewed, as the city says; goes before what is shipped."""

    __tablename__ = "renewal_window"  # type: ignore[assignment]
    __table_args__ = (
        Index("renewal_window_once", "programme", unique=True, postgresql_where=text("superseded_at IS NULL")),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    programme: str = Field(max_length=60)
    #: `renewal.Begins`.
    begins: str = Field(max_length=20)
    #: Days before the last day, that day included; only where `begins` says so.
    days: int | None = None
    how: str = Field(max_length=30)
    #: How sure it is, as the catalogue says of figures.
    certainty: str = Field(max_length=20)
    source: str = Field(max_length=200)
    note: str = ""
    recorded_by: int | None = None
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    superseded_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
