"""People who sign in, and their sessions."""

from datetime import UTC, date, datetime

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, Text, UniqueConstraint, func, text
from sqlmodel import Field, SQLModel


class Person(SQLModel, table=True):
    """Somebody who may sign in: with a role, and for a district's officer with the district."""

    __tablename__ = "person"  # type: ignore[assignment]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    login: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=60)
    password_hash: str = Field(max_length=255)
    #: What the person mainly is; further roles, dated ones, are rows of `person_role`. See schemas.Role.
    role: str = Field(max_length=30)
    #: The district a district officer sees and changes; empty for the whole city.
    region_code: str = Field(default="", max_length=6)
    #: The park of that district to which a park officer is confined.
    park: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    #: The enterprise whose account this is.
    enterprise_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="enterprise.id")
    is_active: bool = True
    #: The last day on which somebody who is here for a time may sign in; None for staff.
    active_until: date | None = None
    must_change_password: bool = False
    failed_sign_ins: int = 0
    locked_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    last_sign_in_at: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))
    password_changed_at: datetime = Field(
        default_factory=lambda: datetime.now(UTC),
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()),
    )
    #: Which of the secrets worked out for this person the codes come from; 0 without a second factor.
    totp_generation: int = 0
    #: The last half minute whose code was used: each code is taken once.
    totp_step: int = Field(default=0, sa_type=BigInteger)
    recovery_hashes: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )
    #: Digest of the link that lets a newcomer choose a password, and until when it does.
    invitation_hash: str = Field(default="", max_length=64)
    invited_until: datetime | None = Field(default=None, sa_column=Column(DateTime(timezone=True)))


class PersonRole(SQLModel, table=True):
    """A further role of a person, from a day to a day (both included), perhaps in a region."""

    __tablename__ = "person_role"  # type: ignore[assignment]
    __table_args__ = (Index("person_role_person", "person_id"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    person_id: int = Field(sa_type=BigInteger, foreign_key="person.id")
    role: str = Field(max_length=30)
    region_code: str = Field(default="", max_length=6)
    park: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    valid_from: date
    valid_to: date | None = None


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
    #: As which of the further roles the person acts in this browser; None for the main one.
    role_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="person_role.id")
    #: The password was right and the second factor is still to come.
    is_half: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    ip: str = Field(default="", max_length=60)
    browser: str = Field(default="", max_length=255)
    #: Signed in at the city's single sign-on, where the session goes on after it has ended here.
    is_sign_on: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class PersonIdentity(SQLModel, table=True):
    """Who a person is at the city's single sign-on: its issuer and what it calls the person there."""

    __tablename__ = "person_identity"  # type: ignore[assignment]
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    person_id: int = Field(sa_type=BigInteger, primary_key=True, foreign_key="person.id")
    issuer: str = Field(max_length=255, primary_key=True)
    subject: str = Field(max_length=255)
    bound_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class SignOnAttempt(SQLModel, table=True):
    """Somebody who was sent to the single sign-on and has not come back yet. Used once."""

    __tablename__ = "sign_on_attempt"  # type: ignore[assignment]

    #: The state itself is known to that browser only.
    state_hash: str = Field(max_length=64, primary_key=True)
    nonce: str = Field(max_length=64)
    #: What proves to the provider that whoever began also finishes (PKCE).
    verifier: str = Field(max_length=128)
    redirect_uri: str
    goes_to: str = "/"
    #: The invitation with which a newcomer came.
    invitation_hash: str = Field(default="", max_length=64)
    expires_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
