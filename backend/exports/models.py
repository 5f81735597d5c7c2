"""Exports made in the background: what was asked for, how far it is, and the files, kept for some days."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _moment() -> "Column[datetime]":
    return Column(DateTime(timezone=True))


class ExportJob(SQLModel, table=True):
    """A list that somebody wants as files. Nobody else sees it or them."""

    __tablename__ = "export_job"  # type: ignore[assignment]
    __table_args__ = (Index("export_job_person", "person_id", "id"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    person_id: int = Field(sa_type=BigInteger)
    #: Whose rows its owner could see then: who has another scope by now does not get the files.
    scope: str = Field(max_length=120)
    #: Which list: one of `jobs.KINDS`.
    kind: str = Field(max_length=20)
    title: str = Field(max_length=120)
    #: The list's own query string.
    query: str = ""
    on_day: date
    #: waiting, working, ready, failed, stopped.
    status: str = Field(default="waiting", max_length=20)
    done: int = 0
    total: int = 0
    #: Of each file its name, its bytes and its rows.
    files: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False, server_default="[]"))
    failure: str = ""
    is_stop_asked: bool = False
    asked_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    #: When whoever works on it last said so; long ago means that nobody does.
    beat_at: datetime | None = Field(default=None, sa_column=_moment())
    ready_at: datetime | None = Field(default=None, sa_column=_moment())
    #: From then on the files are gone.
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class ExportPiece(SQLModel, table=True):
    """A piece of a file, so that none is ever in memory whole."""

    __tablename__ = "export_piece"  # type: ignore[assignment]

    job_id: int = Field(sa_type=BigInteger, foreign_key="export_job.id", ondelete="CASCADE", primary_key=True)
    file: int = Field(primary_key=True)
    piece: int = Field(primary_key=True)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
