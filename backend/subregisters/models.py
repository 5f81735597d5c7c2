"""Entries of the sub-registers: institutions, platforms, projects, products, zones. Nothing is overwritten."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, func, text
from sqlmodel import Field, SQLModel


class RegisterEntry(SQLModel, table=True):
    """What was known of one title, project or product of one thing. A correction is a new row that supersedes this one.

    A thing that is promoted gets a further entry under the same `thing_id`, so that it counts once.
    """

    __tablename__ = "register_entry"  # type: ignore[assignment]
    __table_args__ = (
        Index("register_entry_kind", "register_id", "type", postgresql_where=text("superseded_at IS NULL")),
        Index("register_entry_thing", "thing_id"),
        Index("register_entry_enterprise", "enterprise_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    #: The id of the first entry of the thing.
    thing_id: int = Field(sa_type=BigInteger)
    #: Register and type ids of rules/plans/registers.yaml.
    register_id: str = Field(max_length=40)
    type: str = Field(max_length=60)
    #: national, provincial, municipal, district; empty where it has none.
    level: str = Field(default="", max_length=20)
    name: str = Field(max_length=200)
    match_key: str = Field(max_length=200)
    #: Certificate, project or contract number.
    number: str = Field(default="", max_length=80)
    region_code: str = Field(max_length=6)
    park: str = Field(default="", max_length=100)
    enterprise_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="enterprise.id")
    #: Whom it belongs to, as printed; also where that is no enterprise of the registry.
    host_name: str = Field(default="", max_length=200)
    #: In fen.
    amount: int | None = Field(default=None, sa_type=BigInteger)
    #: First day it counts; None is unknown: then it has been there since always.
    starts_on: date | None = None
    #: Last day it counts; that a project was completed ends nothing.
    ends_on: date | None = None
    #: passed, good, excellent, failed; empty where it was not evaluated.
    evaluation: str = Field(default="", max_length=20)
    note: str = ""
    #: Entered by mistake: counts on no day, and the reason stands in `note`.
    is_withdrawn: bool = False
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
    superseded_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    supersedes_id: int | None = Field(default=None, sa_type=BigInteger)


class RegisterDeclaration(SQLModel, table=True):
    """Somebody's word that a register is complete up to a day: from then on an absence is a zero."""

    __tablename__ = "register_declaration"  # type: ignore[assignment]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    register_id: str = Field(max_length=40, index=True)
    complete_on: date
    note: str = ""
    recorded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    recorded_by: int | None = None
