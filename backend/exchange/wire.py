"""What goes over the wire between the registry and the outside systems that it asks."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from types import NoneType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from backend.exact_json import exact_json

#: Most enterprises that one question may name, and most records that one page may hold.
MOST_CODES, MOST_RECORDS = 500, 1_000
#: Names the run that a question belongs to.
RUN_HEADER: Final = "X-Exchange-Run"


class RemoteRecord(BaseModel):
    """One form of one enterprise as a system states it; a correction has the same id and a higher revision."""

    #: A field that the envelope does not have today is the changed schema of tomorrow: it is kept, not refused.
    model_config = ConfigDict(extra="allow", frozen=True)

    id: Annotated[str, Field(min_length=1, max_length=120)]
    code: Annotated[str, Field(min_length=1, max_length=40)]
    form: Annotated[str, Field(max_length=40)]
    layout: Annotated[str, Field(max_length=20)] = "1"
    year: Annotated[int, Field(ge=1990, le=2999)] | None = None
    revision: Annotated[int, Field(ge=1, le=2_000_000_000)] = 1
    stated_on: date
    updated_at: datetime
    fields: dict[str, Any]


class Page(BaseModel):
    """A page of records. `count` says how many there should be: a page cut short on the way is found out."""

    model_config = ConfigDict(extra="allow", frozen=True)

    count: int
    records: list[dict[str, Any]]
    #: Where to go on; none on the last page.
    next: Annotated[str, Field(max_length=400)] | None = None


class Question(BaseModel):
    """Which records are asked for: of these enterprises (all, if none is named), changed since a moment."""

    codes: Annotated[list[str], Field(max_length=MOST_CODES)] | None = None
    updated_since: datetime | None = None
    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RECORDS)] = 200
    #: Why it is asked: the purpose of the authorisations, which the other side logs as we do.
    purpose: str = ""


class Totals(BaseModel):
    """What a system says it holds of a form and year, for the reconciliation."""

    count: int
    #: Of all records' digests in the order of their ids.
    digest: str


class SetSum(BaseModel):
    """How many records, and a digest over them: see `digest_of_lines`."""

    count: Annotated[int, Field(ge=0)]
    digest: str


class FormSum(BaseModel):
    """What became of a form's records in one run."""

    form: str
    #: Every record once, in the highest revision that came: lines of `id revision`.
    received: SetSum
    #: Those that we hold now as they came: lines of `id revision digest`.
    applied: SetSum
    #: Reason → records.
    refused: dict[str, int] = {}


class RefusedRecord(BaseModel):
    """One record that was not applied: enough to find it again on the other side, and nothing of what it says."""

    id: str
    form: str
    revision: int
    year: int | None = None
    code: str = ""
    reason: str
    detail: str = ""
    remedy: str = ""
    #: Of the content; empty where we were not let look into it.
    digest: str = ""


class Receipt(BaseModel):
    """What a system is told of a run that asked it; one with much refused comes in parts, the sums with each."""

    run: str
    part: Annotated[int, Field(ge=1)] = 1
    parts: Annotated[int, Field(ge=1)] = 1
    purpose: str = ""
    since: datetime | None = None
    started_at: datetime
    finished_at: datetime
    forms: list[FormSum]
    refused: Annotated[list[RefusedRecord], Field(max_length=MOST_RECORDS)] = []


class SumDifference(BaseModel):
    """Where the other side's sum is another."""

    model_config = ConfigDict(extra="ignore")

    form: Annotated[str, Field(max_length=40)]
    what: Annotated[str, Field(max_length=20)]
    theirs: int
    ours: int


class ReceiptAnswer(BaseModel):
    """What the other side found; `agrees` is null where it could not compare, or not yet."""

    model_config = ConfigDict(extra="ignore")

    agrees: bool | None = None
    detail: Annotated[str, Field(max_length=500)] = ""
    differences: Annotated[list[SumDifference], Field(max_length=100)] = []


def digest_of_lines(lines: Iterable[str]) -> str:
    """SHA-256 over lines in the order of their bytes, joined by line feeds."""
    return sha256("\n".join(sorted(lines, key=str.encode)).encode()).hexdigest()


def digest_of(fields: dict[str, Any], revision: int) -> str:
    """What identifies the content of a record: its fields in the order of their names, numbers digit for digit."""
    return sha256(f"{revision}\n{canonical(fields)}".encode()).hexdigest()


def digest_of_all(digests: dict[str, str]) -> str:
    """What identifies many records: their digests in the order of their ids."""
    return sha256("\n".join(f"{one} {digests[one]}" for one in sorted(digests)).encode()).hexdigest()


#: What the standard encoder writes as `exact_json` does.
_PLAIN: Final = (str, int, bool, NoneType)
_encode: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def canonical(value: Any) -> str:
    """A value as JSON in one form only."""
    # Most records are flat and their amounts texts: those need no walk.
    if isinstance(value, dict) and all(type(one) in _PLAIN for one in value.values()):  # type: ignore[reportUnknownVariableType,reportUnknownArgumentType]
        return _encode({str(name): one for name, one in value.items()})  # type: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return exact_json(_sorted(value))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _sorted(value[name]) for name in sorted(value, key=str)}  # type: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        return [_sorted(one) for one in value]  # type: ignore[reportUnknownVariableType]
    if isinstance(value, float):
        return Decimal(str(value))
    return value
