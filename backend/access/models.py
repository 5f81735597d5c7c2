"""People who sign in, and their sessions."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, func
from sqlmodel import Field, SQLModel


class Person(SQLModel, table=True):
    """Somebody who may sign in: with a role, and for a district's officer with the district."""

    __tablename__ = "person"  # type: ignore[assignment]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    login: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=60)
    password_hash: str = Field(max_length=255)
    #: administrator, city_officer, district_officer, viewer.
    role: str = Field(max_length=30)
    #: The district a district officer sees and changes; empty for the whole city.
    region_code: str = Field(default="", max_length=6)
    is_active: bool = True
    must_change_password: bool = False
    failed_sign_ins: int = 0
    locked_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    last_sign_in_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class WebSession(SQLModel, table=True):
    """A signed-in browser. Only the hash of its token is kept, so that a copy of the table signs nobody in."""

    __tablename__ = "web_session"  # type: ignore[assignment]
    __table_args__ = (Index("web_session_person", "person_id"),)

    token_hash: str = Field(max_length=64, primary_key=True)
    person_id: int = Field(sa_type=BigInteger, foreign_key="person.id")
    csrf_token: str = Field(max_length=64)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    last_seen_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    ip: str = Field(default="", max_length=60)
    browser: str = Field(default="", max_length=255)
