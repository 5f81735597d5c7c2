"""What sources say of enterprises, what is known of them, and what the forms about one hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel

#: The last day of a former name where no source gives it.
LONG_AGO = date(1, 1, 1)
#: The kind of identifier that was an enterprise's credit code before it was given another.
FORMER_CODE = "former_credit_code"


@dataclass(frozen=True)
class FormerName:
    """A name no longer used, and the last day it was, where that is known."""

    name: str
    used_to: date | None = None


@dataclass(frozen=True)
class Draft:
    """What a source says of who an enterprise is; empty where it says nothing."""

    name: str
    credit_code: str | None = None
    former_names: tuple[FormerName, ...] = ()
    region_code: str = ""
    town: str = ""
    park: str = ""
    address: str = ""
    industry_code: str = ""
    established_on: date | None = None
    chains: tuple[str, ...] = ()
    is_above_scale: bool | None = None
    listing_board: str = ""
    listed_on: date | None = None
    #: kind → value: old registration numbers, organisation codes.
    identifiers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class Registered:
    """What registering did, by position of the drafts; an enterprise named several times counts where it is first."""

    ids: list[int]
    created: set[int]
    changed: set[int]


@dataclass(frozen=True)
class Known:
    """An enterprise that a draft speaks of."""

    id: int
    credit_code: str | None
    match_key: str
    #: The keys of all names it bears or bore.
    keys: frozenset[str]
    fields: Mapping[str, Any]
    #: Whether it was found by its code, so that another name means that it was renamed.
    is_by_code: bool

    def bore(self, key: str) -> bool:
        """Whether it ever had a name."""
        return key in self.keys


class EnterpriseForm(BaseModel):
    """Who an enterprise is, as typed: each mistake is answered beside its field."""

    #: Of the enterprise as it was when the form was opened.
    revision: int = 0
    name: str = ""
    credit_code: str = ""
    region_code: str = ""
    town: str = ""
    park: str = ""
    address: str = ""
    industry_code: str = ""
    established_on: str = ""
    chains: str = ""
    #: yes, no, or nothing where nobody knows.
    is_above_scale: str = ""
    listing_board: str = ""
    listed_on: str = ""
    #: The day from which a new name or region holds.
    on: str = ""
    #: The day from which new chains, industry, scale and board hold; empty where the old ones had been wrong.
    traits_on: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any], chains: Sequence[str], on: date) -> "EnterpriseForm":
        """The form as it is opened."""
        values = {name: row[name] or "" for name in cls.model_fields if name in row}
        days = {name: row[name].isoformat() for name in ("established_on", "listed_on") if row[name]}
        flag = {True: "yes", False: "no"}.get(row["is_above_scale"], "")
        return cls.model_validate(
            {**values, **days, "is_above_scale": flag, "chains": "、".join(chains), "on": on.isoformat()}
        )


class CodeForm(BaseModel):
    """Another credit code, and why."""

    #: Of the enterprise as it was when the form was opened.
    revision: int = 0
    credit_code: str = ""
    reason: str = ""
