"""Imports: each uploaded file, its dry run, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class ImportRun(SQLModel, table=True):
    """One file handed in. It is read dry first; only a second, deliberate step writes."""

    __tablename__ = "import_run"  # type: ignore[assignment]
    __table_args__ = (Index("import_run_digest", "digest"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    file_name: str = Field(max_length=255)
    #: SHA-256 of the content.
    digest: str = Field(max_length=64)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    layout: str = Field(default="", max_length=40)
    #: checked (dry run done), committed, committed_in_part, refused.
    status: str = Field(default="checked", max_length=20)
    rows: int = 0
    good_rows: int = 0
    bad_rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    #: The report of the dry run: fates and problems of rows, as data.
    report: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    uploaded_by: int | None = None
    #: Region scope of the person who uploaded; a district's officer sees the district's imports.
    region_code: str = Field(default="", max_length=6)
    uploaded_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    committed_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
