"""The table of answers given once."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, func
from sqlmodel import Field, SQLModel


class AnsweredOnce(SQLModel, table=True):
    """What was answered to a write that named itself with an Idempotency-Key; the same key is told the same again."""

    __tablename__ = "answered_once"  # type: ignore[assignment]
    __table_args__ = (Index("answered_once_age", "person_id", "answered_at"),)

    person_id: int = Field(sa_type=BigInteger, primary_key=True)
    key: str = Field(max_length=255, primary_key=True)
    #: Of method, address and body: the key must not be used for anything else.
    fingerprint: str = Field(max_length=64)
    status: int
    #: Location and ETag, as JSON.
    headers: str
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answered_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
