"""Tables of who the enterprises are: identity, names with their dates, regions with theirs, identifiers, chains."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, DateTime, Index, SmallInteger, UniqueConstraint, func
from sqlmodel import Field, SQLModel


class Enterprise(SQLModel, table=True):
    """One legal person. The credit code identifies it, never the name; where a list prints no code it is still open."""

    __tablename__ = "enterprise"  # type: ignore[assignment]
    __table_args__ = (
        Index(
            "enterprise_code_key",
            "credit_code",
            unique=True,
            # What lists read of each row (migration 0056).
            postgresql_include=["id", "region_code", "park", "status", "ended_on", "rung_order", "industry_code"],
        ),
        Index("enterprise_match_key", "match_key"),
        Index(
            "enterprise_by_search",
            "search_text",
            postgresql_using="gin",
            postgresql_ops={"search_text": "gin_trgm_ops"},
        ),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    credit_code: str | None = Field(default=None, max_length=18)
    name: str = Field(max_length=200)
    #: The name as lists are matched by: brackets, spaces and width evened out.
    match_key: str = Field(max_length=200)
    #: All that a search may hit: name, former names, code, pinyin initials; in lower case.
    search_text: str
    #: District or county-level city of registration today (GB/T 2260); empty where not known.
    region_code: str = Field(default="", max_length=6)
    town: str = Field(default="", max_length=100)
    park: str = Field(default="", max_length=100)
    address: str = Field(default="", max_length=300)
    #: GB/T 4754-2017, two to four digits without the section letter.
    industry_code: str = Field(default="", max_length=4)
    established_on: date | None = None
    #: Whether it is on the statistics bureau's list of above-scale industry; never computed from revenue.
    is_above_scale: bool | None = None
    #: `lineage.STATUSES`: active 存续, or what became of it.
    status: str = Field(default="active", max_length=20)
    #: The first day on which it is none any more.
    ended_on: date | None = None
    #: Board on which it is listed or quoted (catalogue `listing_board`), empty where none is known.
    listing_board: str = Field(default="", max_length=20)
    listed_on: date | None = None
    #: The highest rung today, kept by the database; read through `recognitions.queries.is_standing_kept`.
    rung_order: int = Field(default=0, sa_column=Column(SmallInteger, nullable=False, server_default="0"))
    #: The last day for which `rung_order` is sure; None where nothing is going to change it.
    rung_until: date | None = None
    #: Counted up with each change, so that two people who edit at once notice.
    revision: int = 1
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
    updated_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))


class EnterpriseName(SQLModel, table=True):
    """A name with the days it was used; the one in use has no last day."""

    __tablename__ = "enterprise_name"  # type: ignore[assignment]
    __table_args__ = (
        Index("enterprise_name_match_key", "match_key"),
        Index("enterprise_name_enterprise", "enterprise_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    name: str = Field(max_length=200)
    match_key: str = Field(max_length=200)
    used_from: date | None = None
    used_to: date | None = None


class EnterpriseRegion(SQLModel, table=True):
    """Where an enterprise was registered from which day on: counts for a past day use the region of that day."""

    __tablename__ = "enterprise_region"  # type: ignore[assignment]
    __table_args__ = (
        UniqueConstraint("enterprise_id", "valid_from"),
        Index("enterprise_region_code", "region_code"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    region_code: str = Field(max_length=6)
    town: str = Field(default="", max_length=100)
    park: str = Field(default="", max_length=100)
    #: Open at the beginning for the first region known.
    valid_from: date | None = None
    #: The last day, open for today's.
    valid_to: date | None = None


class EnterpriseIdentifier(SQLModel, table=True):
    """A number that named the enterprise before its credit code, or beside it."""

    __tablename__ = "enterprise_identifier"  # type: ignore[assignment]
    __table_args__ = (
        UniqueConstraint("enterprise_id", "kind", "value"),
        Index("enterprise_identifier_value", "value"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id")
    #: registration_number_15, registration_number_13, organisation_code, …
    kind: str = Field(max_length=30)
    value: str = Field(max_length=30)


class EnterpriseChain(SQLModel, table=True):
    """The industrial chains an enterprise belongs to."""

    __tablename__ = "enterprise_chain"  # type: ignore[assignment]

    enterprise_id: int = Field(sa_type=BigInteger, foreign_key="enterprise.id", primary_key=True)
    chain: str = Field(max_length=60, primary_key=True)


class SavedView(SQLModel, table=True):
    """A list's filters, order and columns under a name; a shared one is seen by whoever sees the sharer's district."""

    __tablename__ = "saved_view"  # type: ignore[assignment]
    __table_args__ = (UniqueConstraint("person_id", "name"),)

    id: int | None = Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))
    person_id: int = Field(sa_type=BigInteger)
    name: str = Field(max_length=60)
    #: The query string of the list, without its page.
    query: str
    is_shared: bool = False
    #: The district of whoever saved it; empty for the whole city.
    region_code: str = Field(default="", max_length=6)
    created_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=func.now()))
