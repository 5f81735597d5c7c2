"""The columns that the exchange's tables are made of."""

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field


def number() -> Any:
    """A number that the database counts up."""
    return Field(default=None, sa_column=Column(BigInteger, primary_key=True, autoincrement=True))


def moment(*, nullable: bool = False, default: bool = True) -> Any:
    """A moment; now, unless it may be missing or has to be given."""
    return Field(
        default=None,
        sa_column=Column(
            DateTime(timezone=True), nullable=nullable, server_default=func.now() if default and not nullable else None
        ),
    )


def texts() -> Any:
    """A list of texts, empty unless given."""
    return Field(default_factory=list, sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'")))


def json(*, nullable: bool = False) -> Any:
    """An object, empty unless given."""
    return Field(
        default_factory=dict,
        sa_column=Column(JSONB, nullable=nullable, server_default=None if nullable else text("'{}'")),
    )
