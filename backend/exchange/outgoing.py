"""Tables of what goes out: the feed, webhooks, receipts, what others are told by consent, points."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Identity, Index, Integer, Numeric, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from backend.exchange.columns import json, moment, number, texts

# What goes out --------------------------------------------------------------------------------------


class Outbox(SQLModel, table=True):
    """A change in the transaction that made it; moved to the feed when that is over."""

    __tablename__ = "exchange_outbox"  # type: ignore[assignment]

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    enterprise_id: int = Field(sa_type=BigInteger)
    type: str = Field(max_length=40)
    noted_at: datetime = moment()


class Change(SQLModel, table=True):
    """The feed: changes in an order that never puts one before another that a reader may already have passed."""

    __tablename__ = "exchange_change"  # type: ignore[assignment]
    __table_args__ = (Index("exchange_change_enterprise", "enterprise_id", "position"),)

    position: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    enterprise_id: int = Field(sa_type=BigInteger)
    type: str = Field(max_length=40)
    noted_at: datetime = moment(default=False)


class Endpoint(SQLModel, table=True):
    """Where somebody wants to be told of changes, and which."""

    __tablename__ = "webhook_endpoint"  # type: ignore[assignment]

    id: int | None = number()
    client_id: str = Field(max_length=60, foreign_key="exchange_client.client_id")
    url: str = Field(max_length=300)
    #: Empty for all: types of change, districts, programmes of which the enterprise holds a title.
    types: list[str] = texts()
    regions: list[str] = texts()
    programmes: list[str] = texts()
    #: Counts up with every change of its secret; for a day both sign.
    generation: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    rotated_at: datetime | None = moment(nullable=True)
    is_active: bool = True
    #: Of the feed; all up to here have been turned into deliveries.
    position: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    last_success_at: datetime | None = moment(nullable=True)
    failures: int = 0
    last_error: str = ""
    created_at: datetime = moment()


class Delivery(SQLModel, table=True):
    """One event on its way to one endpoint. Those of an enterprise go one after the other."""

    __tablename__ = "webhook_delivery"  # type: ignore[assignment]
    __table_args__ = (
        Index(
            "webhook_delivery_waiting", "endpoint_id", "enterprise_id", "position",
            postgresql_where=text("status <> 'sent'"),
        ),
        Index("webhook_delivery_due", "next_attempt_at", postgresql_where=text("status = 'waiting'")),
        Index("webhook_delivery_once", "endpoint_id", "position", unique=True),
    )  # fmt: skip

    id: int | None = number()
    endpoint_id: int = Field(sa_type=BigInteger, foreign_key="webhook_endpoint.id")
    position: int = Field(sa_type=BigInteger)
    enterprise_id: int = Field(sa_type=BigInteger)
    type: str = Field(max_length=40)
    noted_at: datetime = moment(default=False)
    #: waiting, sent, dead.
    status: str = Field(default="waiting", max_length=10)
    attempts: int = 0
    next_attempt_at: datetime = moment()
    last_status: int = 0
    last_error: str = ""
    sent_at: datetime | None = moment(nullable=True)


# Receipts: what became of what we were sent ---------------------------------------------------------


class Taken(SQLModel, table=True):
    """A record that a run took in or refused; when the run is over, only what was refused stays: the receipt's items."""

    __tablename__ = "exchange_taken"  # type: ignore[assignment]

    run_id: int = Field(sa_column=Column(BigInteger, ForeignKey("exchange_run.id"), primary_key=True))
    record_id: str = Field(max_length=120, primary_key=True)
    form: str = Field(max_length=40)
    revision: int
    year: int | None = None
    code: str = Field(default="", max_length=40)
    #: applied, or why not: see `receipts.py`.
    fate: str = Field(max_length=30)
    #: Of the content, where we were let look into it.
    digest: str = Field(default="", max_length=64)


class ExchangeReceipt(SQLModel, table=True):
    """What a system is told of one run, or a part of it: what came, what was applied, what was refused and why."""

    __tablename__ = "exchange_receipt"  # type: ignore[assignment]
    __table_args__ = (
        Index("exchange_receipt_once", "run_id", "part", unique=True),
        Index("exchange_receipt_due", "system", "next_attempt_at", postgresql_where=text("status = 'waiting'")),
    )

    id: int | None = number()
    system: str = Field(max_length=40, foreign_key="exchange_system.id")
    run_id: int = Field(sa_type=BigInteger, foreign_key="exchange_run.id")
    part: int
    parts: int
    #: Sent along every time: told twice, it counts once.
    key: str = Field(max_length=64)
    #: Of each form: what was received and applied, with digests, and refused by reason.
    sums: list[dict[str, Any]] = Field(
        default_factory=list[dict[str, Any]], sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    #: waiting, told, dead, handed_over.
    status: str = Field(default="waiting", max_length=20)
    attempts: int = 0
    next_attempt_at: datetime = moment()
    last_error: str = ""
    told_at: datetime | None = moment(nullable=True)
    #: Who handed it over, where no machine could.
    told_by: int | None = Field(default=None, sa_type=BigInteger)
    #: What the other side found when it compared the sums with its own.
    answer: dict[str, Any] | None = json(nullable=True)
    created_at: datetime = moment()


# Told by consent -------------------------------------------------------------------------------------


class DisclosureConsent(SQLModel, table=True):
    """That an enterprise lets us tell others of it: on which list, which of its fields, from when to when."""

    __tablename__ = "disclosure_consent"  # type: ignore[assignment]
    __table_args__ = (
        Index("disclosure_consent_list", "list_id", "enterprise_id"),
        Index("disclosure_consent_of", "enterprise_id"),
    )

    id: int | None = number()
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    list_id: str = Field(max_length=40)
    #: Of the list's fields on the day of the consent: what is agreed later needs another.
    fields: list[str] = texts()
    signed_by: str = Field(max_length=60)
    evidence_sha256: str = Field(default="", max_length=64)
    #: The paper itself, on the enterprise's file.
    attachment_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="attachment.id")
    #: Whether the enterprise gave it in its own account; the database lets nobody else say so.
    is_from_enterprise: bool = False
    valid_from: date
    valid_to: date
    #: From this moment on it counts no more.
    withdrawn_at: datetime | None = moment(nullable=True)
    withdrawn_by: int | None = None
    recorded_by: int | None = None
    recorded_at: datetime = moment()


class Disclosure(SQLModel, table=True):
    """That somebody was told of an enterprise: which fields, by which consents, when. Append-only."""

    __tablename__ = "disclosure"  # type: ignore[assignment]
    __table_args__ = (
        Index("disclosure_of", "enterprise_id", "disclosed_at"),
        Index("disclosure_consents", "consent_ids", postgresql_using="gin"),
    )

    id: int | None = number()
    list_id: str = Field(max_length=40)
    #: The client's id, or the officer's login before a colon and the word `export`.
    recipient: str = Field(max_length=80)
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    consent_ids: list[int] = Field(default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False))
    fields: list[str] = texts()
    disclosed_at: datetime = moment()


# Points ---------------------------------------------------------------------------------------------


class PointsResult(SQLModel, table=True):
    """An enterprise's innovation points of one year by one issuer's scheme; a correction is a new revision."""

    __tablename__ = "points_result"  # type: ignore[assignment]
    __table_args__ = (Index("points_result_scheme", "points_system", "year"),)

    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    points_system: str = Field(max_length=40, primary_key=True)
    year: int = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    version: str = Field(default="", max_length=40)
    stage: str = Field(default="", max_length=40)
    base: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    bonus: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    total: Decimal | None = Field(default=None, sa_column=Column(Numeric))
    #: Per category and per indicator as the issuer gave them, or as the scheme worked them out, with reasons.
    details: dict[str, Any] = json()
    issued_on: date
    received_at: datetime = moment()
