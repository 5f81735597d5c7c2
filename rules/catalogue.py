"""The catalogue: every indicator that enterprises report, read from `catalogue.yaml`.

An indicator is defined once: its id, its Chinese name, its unit and type, the period it belongs to, where it usually
comes from, and, for some, how it follows from others. Rule files, spreadsheets, forms and the projection's tables all
take their columns from here, so a figure means the same everywhere.
"""

from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rules.translation import translated

CATALOGUE_FILE = Path(__file__).with_name("catalogue.yaml")


class CatalogueError(Exception):
    """The catalogue contradicts itself; the message names the indicator and what to change."""


class Type(StrEnum):
    """What kind of value an indicator holds."""

    MONEY = "money"  # whole fen inside, 万元 outside
    NUMBER = "number"  # any exact number, its unit stands in `unit`
    COUNT = "count"  # whole things
    HEADCOUNT = "headcount"  # people; a yearly mean may be fractional
    PERCENT = "percent"  # percent points: 15 means 15 %
    DATE = "date"
    YEAR = "year"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"
    LIST = "list"  # dated records


class Period(StrEnum):
    """Whether there is one value now or one for each calendar year."""

    CURRENT = "current"
    YEARLY = "yearly"


class Nature(StrEnum):
    """Who can establish the value: that decides whether an open answer is already `likely`."""

    FIGURE = "figure"  # reported by the enterprise or an authority
    ATTESTATION = "attestation"  # 人工确认: only a person can establish it
    BLACKLIST = "blacklist"  # records of misconduct that an authority keeps


class Certainty(StrEnum):
    """How sure a figure of the law is; everything but `confirmed` is shown with a flag."""

    CONFIRMED = "confirmed"
    SINGLE_SOURCE = "single_source"
    MEMORY = "memory"
    INFERRED = "inferred"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"


class Record(BaseModel):
    """Base of everything read from YAML: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RecordField(Record):
    """One field of the dated records of a list indicator."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    aliases: tuple[str, ...] = ()
    name: str
    type: Type
    choices: dict[str, str] = {}
    #: What an absent key of a record means: nothing happened yet (`none`), or nobody knows (`unknown`).
    absent: Literal["none", "unknown"] = "unknown"
    #: The field of the same record whose day cannot be later than this one's.
    not_before: str | None = None


class Indicator(Record):
    """One figure, flag, date or list that an enterprise reports."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    #: Other names for the same figure: ids of other documents, which inputs accept.
    aliases: tuple[str, ...] = ()
    name: str
    #: Column heads that staff use in spreadsheets for this figure.
    synonyms: tuple[str, ...] = ()
    type: Type
    unit: str = ""
    period: Period = Period.CURRENT
    definition: str = ""
    #: The line of an official form that the figure stands on.
    line: str = ""
    #: Trusted sources, the most trusted first (keys of `sources` at the head of the file).
    sources: tuple[str, ...] = ()
    nature: Nature = Nature.FIGURE
    #: Granted to few, to make up for conditions that are not met: while it is open nobody is likely to be eligible.
    is_exception: bool = False
    choices: dict[str, str] = {}
    #: The standard that a text's codes are of; they are kept without the letter in front (`rules.industries`).
    codes: Literal["GB/T 4754"] | None = None
    fields: tuple[RecordField, ...] = ()
    #: Least and greatest value possible, in the input unit; an unknown value lies between them.
    range: tuple[Annotated[int, Field()] | None, int | None] | None = None
    #: The smallest difference that can be reported, where it is not its type's: expert points are whole.
    step: Annotated[int, Field(ge=1)] | None = None
    #: An expression of the rules language that gives the value when nobody reported it.
    derive: str | None = None
    #: Whether the derivation wins over a reported value (then they are compared and a difference is warned of).
    derived_wins: bool = False
    #: Only an upper bound of the value: used while `derive` cannot be computed.
    at_most: str | None = None
    #: Where two sources may differ before it is a conflict: a share of the larger value, in percent.
    tolerance_percent: int = 5
    certainty: Certainty = Certainty.CONFIRMED
    programmes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> "Indicator":
        if (self.type is Type.LIST) != bool(self.fields):
            raise ValueError(f"指标 {self.id}：类型为 list 时必须且只有此时写 fields")
        if (self.type is Type.CHOICE) != bool(self.choices):
            raise ValueError(f"指标 {self.id}：类型为 choice 时必须且只有此时写 choices")
        if self.codes is not None and self.type is not Type.TEXT:
            raise ValueError(f"指标 {self.id}：只有类型为 text 时才写 codes")
        if self.type is Type.LIST and self.period is Period.YEARLY:
            raise ValueError(f"指标 {self.id}：记录列表不分年度，period 应为 current")
        days = {one.id for one in self.fields if one.type is Type.DATE}
        for one in self.fields:
            if one.not_before is not None and not {one.id, one.not_before} <= days:
                raise ValueError(f"指标 {self.id}：{one.id} 的 not_before 应为同一记录的日期项")
        return self


class Source(Record):
    """Who may say a figure: tax, statistics, the enterprise itself …"""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    definition: str = ""


class Consistency(Record):
    """A relation between indicators that should hold; where it does not, the file is flagged, never blocked."""

    id: str
    name: str
    require: str
    hint: str


class Jump(Record):
    """A figure many times that of the year before, or a small part of it: flagged, never blocked."""

    id: str
    name: str
    #: The larger of the two by the smaller.
    at_least: int = Field(gt=1)
    below: int | None = None
    #: Smaller figures are left alone; in the input unit.
    larger_at_least: int = 0
    #: The yearly indicators that are looked at.
    of: tuple[str, ...]
    hint: str


class Catalogue(Record):
    """All indicators and sources."""

    sources: tuple[Source, ...]
    indicators: tuple[Indicator, ...]
    consistency: tuple[Consistency, ...] = ()
    jumps: tuple[Jump, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Catalogue":
        seen: dict[str, str] = {}
        known_sources = {source.id for source in self.sources}
        for indicator in self.indicators:
            for name in (indicator.id, *indicator.aliases):
                if name in seen:
                    raise ValueError(f"指标名 {name} 同时属于 {seen[name]} 和 {indicator.id}，请改其一")
                seen[name] = indicator.id
            for source in indicator.sources:
                if source not in known_sources:
                    raise ValueError(f"指标 {indicator.id} 的来源 {source} 未在 sources 中登记")
        return self

    @cached_property
    def by_name(self) -> dict[str, Indicator]:
        """Every indicator by its id and by each of its aliases."""
        return {name: i for i in self.indicators for name in (i.id, *i.aliases)}

    def indicator(self, name: str) -> Indicator | None:
        """The indicator with this id or alias, or None."""
        return self.by_name.get(name)


class Known:
    """A catalogue as an argument that is remembered by its identity: it cannot be hashed itself."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    def __hash__(self) -> int:
        return id(self.catalogue)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and other.catalogue is self.catalogue


def load_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """Read and check the catalogue.

    Raises:
        CatalogueError: the file is not valid; the message says which entry and why.
    """
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    try:
        return Catalogue.model_validate(translated(raw))
    except ValueError as error:
        raise CatalogueError(f"{path.name}：{error}") from error
