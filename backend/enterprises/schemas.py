"""What the forms about one enterprise hold, as typed: each mistake is answered beside its field."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel


class EnterpriseForm(BaseModel):
    """Who an enterprise is."""

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

    @classmethod
    def of(cls, row: Mapping[str, Any], chains: Sequence[str], on: date) -> "EnterpriseForm":
        """The form as it is opened."""
        values = {name: row[name] or "" for name in cls.model_fields if name in row}
        days = {name: row[name].isoformat() for name in ("established_on", "listed_on") if row[name]}
        flag = {True: "yes", False: "no"}.get(row["is_above_scale"], "")
        return cls.model_validate(
            {**values, **days, "is_above_scale": flag, "chains": "、".join(chains), "on": on.isoformat()}
        )
