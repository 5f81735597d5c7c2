"""What an enterprise does on its own file, and what passes between it and the bureau."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


def _number() -> Column[int]:
    return Column(BigInteger, primary_key=True, autoincrement=True)


def _now() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=False, server_default=func.now())


def _later() -> Column[datetime | None]:
    return Column(DateTime(timezone=True))


class ActivationCode(SQLModel, table=True):
    """What the bureau hands an enterprise so that it can open an account of its own; works once."""

    __tablename__ = "activation_code"  # type: ignore[assignment]
    __table_args__ = (
        Index("activation_code_once", "code_hash", unique=True),
        Index(
            "activation_code_open", "enterprise_id", unique=True,
            postgresql_where=text("used_at IS NULL AND ended_at IS NULL"),
        ),
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: The code itself stands on the letter only.
    code_hash: str = Field(max_length=64)
    #: The last day on which it works.
    expires_on: date
    issued_by: int | None = None
    issued_at: datetime = Field(sa_column=_now())
    used_at: datetime | None = Field(default=None, sa_column=_later())
    used_by: int | None = Field(default=None, sa_type=BigInteger)
    #: Revoked, or followed by a newer one.
    ended_at: datetime | None = Field(default=None, sa_column=_later())
    ended_by: int | None = None


class FigureDraft(SQLModel, table=True):
    """The yearly figures that an enterprise is filling in: field of the form → what was typed. Seen by it alone."""

    __tablename__ = "figure_draft"  # type: ignore[assignment]

    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    year: int = Field(primary_key=True)
    typed: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    saved_by: int | None = Field(default=None, sa_type=BigInteger)
    saved_at: datetime = Field(sa_column=_now())


class Receipt(SQLModel, table=True):
    """Proof of what an enterprise handed in, word for word. Append-only."""

    __tablename__ = "receipt"  # type: ignore[assignment]
    __table_args__ = (Index("receipt_of", "enterprise_id", "id"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: `figures`: a year's figures; `contradiction`: one fact that is contradicted.
    kind: str = Field(max_length=20)
    #: The fact that is contradicted.
    indicator: str = Field(default="", max_length=80, sa_column_kwargs={"server_default": text("''")})
    year: int | None = None
    filing_id: int = Field(sa_type=BigInteger, foreign_key="filing.id")
    #: JSON, exactly as it went into the digest.
    content: str
    #: SHA-256 of `content`, in hexadecimal.
    digest: str = Field(max_length=64)
    submitted_by: int | None = Field(default=None, sa_type=BigInteger)
    submitted_at: datetime = Field(sa_column=_now())


class PoolApplication(SQLModel, table=True):
    """An enterprise asks to be taken into a pool."""

    __tablename__ = "pool_application"  # type: ignore[assignment]
    __table_args__ = (
        Index(
            "pool_application_open", "enterprise_id", "programme", "year", unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("pool_application_of", "enterprise_id", "id"),
    )  # fmt: skip

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    programme: str = Field(max_length=60)
    year: int
    words: str
    attachment_ids: list[int] = Field(
        default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default=text("'{}'"))
    )
    #: open, accepted, refused, withdrawn.
    state: str = Field(default="open", max_length=20, sa_column_kwargs={"server_default": text("'open'")})
    #: Why it was refused, or what was said with accepting.
    reason: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=text("''")))
    revision: int = Field(default=1, sa_column_kwargs={"server_default": text("1")})
    applied_by: int | None = Field(default=None, sa_type=BigInteger)
    applied_at: datetime = Field(sa_column=_now())
    decided_by: int | None = Field(default=None, sa_type=BigInteger)
    decided_at: datetime | None = Field(default=None, sa_column=_later())


class MessageThread(SQLModel, table=True):
    """A matter that an enterprise and the bureau write to each other about."""

    __tablename__ = "message_thread"  # type: ignore[assignment]
    __table_args__ = (Index("message_thread_of", "enterprise_id", "latest_at"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    subject: str = Field(max_length=120)
    opened_at: datetime = Field(sa_column=_now())
    latest_at: datetime = Field(sa_column=_now())


class Message(SQLModel, table=True):
    """What one side wrote, and when the other one first read it."""

    __tablename__ = "message"  # type: ignore[assignment]
    __table_args__ = (Index("message_of", "thread_id", "id"),)

    id: int | None = Field(default=None, sa_column=_number())
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    thread_id: int = Field(sa_type=BigInteger, foreign_key="message_thread.id")
    is_from_enterprise: bool
    person_id: int | None = Field(default=None, sa_type=BigInteger)
    #: Whoever wrote it, as they were called then.
    author: str = Field(max_length=60)
    words: str
    sent_at: datetime = Field(sa_column=_now())
    read_at: datetime | None = Field(default=None, sa_column=_later())
