"""The exchange's own tables: who exchanges and what was exchanged; those of what goes out stand beside."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Integer, LargeBinary, text
from sqlmodel import Field, SQLModel

from backend.exchange.columns import json, moment, number, texts
from backend.exchange.outgoing import (
    Change,
    Delivery,
    Disclosure,
    DisclosureConsent,
    Endpoint,
    ExchangeReceipt,
    Outbox,
    PointsResult,
    Taken,
)

__all__ = [
    "Answered", "Change", "Client", "Cursor", "Delivery", "Disclosure", "DisclosureConsent", "Endpoint", "ExchangeMessage", "ExchangeReceipt",
    "ExchangeRecord", "ExchangeSeal", "Nonce", "Outbox", "PointsResult", "PullRun", "Reconciliation", "System",
    "SystemSecret", "Taken", "TaxAuthorisation", "Token", "UnknownField", "Used",
]  # fmt: skip

# Who comes in ---------------------------------------------------------------------------------------


class Client(SQLModel, table=True):
    """A system that may call our interface. Nothing here lets anybody in: secrets are kept as digests only."""

    __tablename__ = "exchange_client"  # type: ignore[assignment]

    id: int | None = number()
    client_id: str = Field(max_length=60, unique=True)
    name: str = Field(max_length=100)
    #: The catalogue's source under which it files; it cannot speak for another.
    source: str = Field(max_length=40)
    #: The district it is bound to; empty for the whole city.
    region_code: str = Field(default="", max_length=6)
    scopes: list[str] = texts()
    #: Digests of at most two live secrets, the newest first: one goes on while the other is taken into use.
    secret_hashes: list[str] = texts()
    #: Every change of its secret counts up; keys for signing are worked out of it.
    generation: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    #: none, gateway, rfc9421: what its writes must be signed by.
    signature: str = Field(default="none", max_length=20)
    #: Base64 of an Ed25519 public key, for rfc9421; without one the shared key signs.
    public_key: str = Field(default="", max_length=100)
    #: Agreed lists that it may ask for.
    lists: list[str] = texts()
    #: Filings a minute.
    quota: int = Field(default=60_000, sa_column=Column(Integer, nullable=False, server_default=text("60000")))
    is_active: bool = True
    created_at: datetime = moment()
    last_seen_at: datetime | None = moment(nullable=True)


class Token(SQLModel, table=True):
    """An access token, kept as its digest: a copy of the table lets nobody in, and deleting the row ends it."""

    __tablename__ = "exchange_token"  # type: ignore[assignment]

    token_hash: str = Field(max_length=64, primary_key=True)
    client_id: str = Field(max_length=60, foreign_key="exchange_client.client_id")
    scopes: list[str] = texts()
    expires_at: datetime = moment(default=False)


class Answered(SQLModel, table=True):
    """What was answered to a request with an idempotency key, to be answered again."""

    __tablename__ = "exchange_answered"  # type: ignore[assignment]
    __table_args__ = (Index("exchange_answered_at", "answered_at"),)

    client_id: str = Field(max_length=60, primary_key=True)
    key: str = Field(max_length=255, primary_key=True)
    fingerprint: str = Field(max_length=64)
    status: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    answered_at: datetime = moment()


class Nonce(SQLModel, table=True):
    """A nonce that was used, remembered for as long as its signature could be taken again."""

    __tablename__ = "exchange_nonce"  # type: ignore[assignment]
    __table_args__ = (Index("exchange_nonce_seen", "seen_at"),)

    client_id: str = Field(max_length=60, primary_key=True)
    nonce: str = Field(max_length=200, primary_key=True)
    seen_at: datetime = moment()


class Used(SQLModel, table=True):
    """How much a client sent in a minute, for its quota."""

    __tablename__ = "exchange_used"  # type: ignore[assignment]

    client_id: str = Field(max_length=60, primary_key=True)
    minute: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    items: int


# Whom we ask ----------------------------------------------------------------------------------------


class System(SQLModel, table=True):
    """An outside system that we ask, and how the asking goes."""

    __tablename__ = "exchange_system"  # type: ignore[assignment]

    id: str = Field(max_length=40, primary_key=True)
    name: str = Field(max_length=100)
    url: str = Field(default="", max_length=300)
    key: str = Field(default="", max_length=100)
    dialect: str = Field(default="city", max_length=20)
    #: Where it wants to be told what became of what it sent, as a path of its address; empty where no machine can tell it.
    report_path: str = Field(default="", max_length=200)
    is_paused: bool = False
    #: Seconds between two runs; 0 is by hand only.
    every_seconds: int = 0
    #: Turns of the calendar, as `schedules.py` reads them; whichever comes first, counts.
    calendar: list[str] = texts()
    next_due_at: datetime | None = moment(nullable=True)
    last_success_at: datetime | None = moment(nullable=True)
    last_error: str = ""
    #: Runs that failed one after the other; the breaker opens at three.
    failures: int = 0
    open_until: datetime | None = moment(nullable=True)
    #: Limits, each empty for the connector's own: enterprises in one question, records on one page, seconds until an
    #: answer is given up, questions a minute.
    portion: int | None = None
    page: int | None = None
    timeout_seconds: int | None = None
    per_minute: int | None = None


class SystemSecret(SQLModel, table=True):
    """The secret agreed with a system, sealed; only the owner reads it, and no page gives it back."""

    __tablename__ = "exchange_secret"  # type: ignore[assignment]

    system: str = Field(max_length=40, primary_key=True, foreign_key="exchange_system.id")
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    set_at: datetime = moment()
    set_by: int | None = Field(default=None, sa_type=BigInteger)


class PullRun(SQLModel, table=True):
    """One asking of a system, from its beginning to its end, over any number of restarts."""

    __tablename__ = "exchange_run"  # type: ignore[assignment]
    __table_args__ = (Index("exchange_run_system", "system", "started_at"),)

    id: int | None = number()
    system: str = Field(max_length=40, foreign_key="exchange_system.id")
    #: running, done, failed, paused.
    status: str = Field(default="running", max_length=20)
    started_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
    #: Records that changed since then were asked for; NULL for all.
    since: datetime | None = moment(nullable=True)
    counts: dict[str, Any] = json()
    error: str = ""


class Cursor(SQLModel, table=True):
    """How far a system's form has been read; moves in the same transaction as what it brought."""

    __tablename__ = "exchange_cursor"  # type: ignore[assignment]

    system: str = Field(max_length=40, primary_key=True)
    form: str = Field(max_length=40, primary_key=True)
    #: The run that is under way; NULL between two runs.
    run_id: int | None = Field(default=None, sa_type=BigInteger)
    #: The last enterprise of the portion before, and the other side's cursor within this one.
    after_id: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    remote: str = Field(default="", max_length=400)
    #: Of a list: cursor → (ETag, the page after), as JSON: an unchanged page is not sent again.
    etags: dict[str, Any] = json()
    #: The latest change that has been read: the next run begins a window before it.
    read_until: datetime | None = moment(nullable=True)


class ExchangeRecord(SQLModel, table=True):
    """A record of an outside system that we know: its latest revision here, and what became of it."""

    __tablename__ = "exchange_record"  # type: ignore[assignment]
    __table_args__ = (
        Index("exchange_record_enterprise", "enterprise_id"),
        Index("exchange_record_fate", "system", "fate"),
        Index("exchange_record_period", "system", "form", "year"),
    )

    system: str = Field(max_length=40, primary_key=True)
    record_id: str = Field(max_length=120, primary_key=True)
    enterprise_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="enterprise.id")
    code: str = Field(max_length=40)
    form: str = Field(max_length=40)
    layout: str = Field(default="", max_length=20)
    year: int | None = None
    revision: int
    #: Of the content; empty where it was refused for want of an authorisation: then nothing of it is kept.
    digest: str = Field(default="", max_length=64)
    #: applied, unauthorised, unknown_enterprise, unusable.
    fate: str = Field(max_length=30)
    reason: str = ""
    #: Fields that no row of the mapping speaks of, and what does not add up.
    kept: dict[str, Any] = json()
    run_id: int | None = Field(default=None, sa_type=BigInteger)
    received_at: datetime = moment()


class UnknownField(SQLModel, table=True):
    """A field that a system sends and no mapping knows."""

    __tablename__ = "exchange_unknown_field"  # type: ignore[assignment]

    system: str = Field(max_length=40, primary_key=True)
    form: str = Field(max_length=40, primary_key=True)
    layout: str = Field(max_length=20, primary_key=True)
    label: str = Field(max_length=200, primary_key=True)
    times: int = 1
    first_seen_at: datetime = moment()
    last_seen_at: datetime = moment()


class Reconciliation(SQLModel, table=True):
    """A comparison of what a system holds of a form and year with what we have of it."""

    __tablename__ = "exchange_reconciliation"  # type: ignore[assignment]
    __table_args__ = (Index("exchange_reconciliation_latest", "system", "form", "year", "compared_at"),)

    id: int | None = number()
    system: str = Field(max_length=40, foreign_key="exchange_system.id")
    form: str = Field(max_length=40)
    year: int | None = None
    #: Enterprises that were asked about.
    asked: int
    #: Records there and here, and of those here what became of them.
    theirs: int
    ours: int
    fates: dict[str, Any] = json()
    #: Credit codes of the enterprises where the two differ; and of each, how many records either side has.
    differing: list[str] = texts()
    differences: dict[str, Any] = json()
    compared_at: datetime = moment()


# Authorisation and proof ----------------------------------------------------------------------------


class TaxAuthorisation(SQLModel, table=True):
    """That an enterprise lets the tax bureau tell us something: what, for what, of which years, from when to when.

    税收征管法第八条、国税发〔2008〕93号第三条: without it nothing confidential is asked for, and nothing is kept.
    """

    __tablename__ = "tax_authorisation"  # type: ignore[assignment]
    __table_args__ = (
        Index("tax_authorisation_enterprise", "enterprise_id"),
        Index("tax_authorisation_extends", "extends_id", postgresql_where=text("extends_id IS NOT NULL")),
    )

    id: int | None = number()
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: status, digest, detail.
    groups: list[str] = texts()
    purpose: str = Field(max_length=200)
    #: enterprise_consent, statutory_sharing.
    legal_basis: str = Field(default="enterprise_consent", max_length=30)
    signed_by: str = Field(default="", max_length=60)
    evidence_sha256: str = Field(default="", max_length=64)
    #: The paper itself, on the enterprise's file.
    attachment_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="attachment.id")
    #: The authorisation that this one carries on; they are withdrawn together.
    extends_id: int | None = Field(default=None, sa_type=BigInteger, foreign_key="tax_authorisation.id")
    first_year: int
    last_year: int
    valid_from: date
    valid_to: date
    #: From this moment on it counts no more.
    withdrawn_at: datetime | None = moment(nullable=True)
    withdrawn_by: int | None = None
    withdrawal_reason: str = Field(default="", max_length=300)
    recorded_by: int | None = None
    recorded_at: datetime = moment()


class ExchangeMessage(SQLModel, table=True):
    """One message in or out: who, when, what digest. Append-only; never a content."""

    __tablename__ = "exchange_message"  # type: ignore[assignment]
    __table_args__ = (
        Index("exchange_message_peer", "peer", "started_at"),
        Index("exchange_message_in", "started_at", postgresql_where=text("direction = 'in' AND method = 'POST'")),
    )

    id: int | None = number()
    #: in, out.
    direction: str = Field(max_length=3)
    peer: str = Field(max_length=60)
    method: str = Field(max_length=10)
    endpoint: str = Field(max_length=300)
    request_id: str = Field(max_length=64)
    idempotency_key: str = Field(default="", max_length=255)
    purpose: str = Field(default="", max_length=200)
    request_digest: str = Field(max_length=64)
    status: int
    answer_digest: str = Field(default="", max_length=64)
    signature: str = ""
    #: What it brought: items by their outcome, and why others were refused. Beside the chain, which binds the digests.
    counts: dict[str, Any] = json()
    started_at: datetime = moment(default=False)
    finished_at: datetime = moment(default=False)


class ExchangeSeal(SQLModel, table=True):
    """A link of the chain over the messages, in the order in which they became visible."""

    __tablename__ = "exchange_seal"  # type: ignore[assignment]

    position: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    message_id: int = Field(sa_type=BigInteger, unique=True)
    #: SHA-256 over the message and the hash before.
    chained: str = Field(max_length=64)
    #: Base64 of the Ed25519 signature over `chained`; only the last link of a portion has one.
    signature: str = Field(default="", max_length=100)
    sealed_at: datetime = moment()
