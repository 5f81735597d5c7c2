"""What a target counts: enterprises by title or figure, institutions and register entries, zones, shares and growth.

A count says *what*; the target's basis says *when* (`plan_targets.Target.window`). The sub-registers that counts may
name stand in `plans/registers.yaml`.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self, cast

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from rules.catalogue import Record
from rules.plan_words import Board, Level, Mode, Numerator, ZoneLevel


class CountHolders(Record):
    """Distinct enterprises that hold any of the programmes."""

    holds: tuple[str, ...] = Field(min_length=1)
    mode: Mode = Mode.IN_FORCE
    #: Other modes a reader may choose, because the plan does not say; the one in use is always shown.
    modes: tuple[Mode, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _mode_is_offered(self) -> Self:
        if self.modes and self.mode not in self.modes:
            raise ValueError(f"mode {self.mode} 不在可选口径 modes 之内，请补入或改选")
        return self


class CountListed(Record):
    """Distinct enterprises listed or quoted on any of the boards."""

    listed_on: tuple[Board, ...] = Field(min_length=1)
    note: str = ""


class CountByFigure(Record):
    """Distinct enterprises whose latest yearly figure, in fen, reaches an amount; written like `100亿元`."""

    figure: str
    at_least: int
    note: str = ""

    @field_validator("at_least", mode="before")
    @classmethod
    def _amount_in_fen(cls, written: object) -> object:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(亿|万|)元", str(written))
        if match is None:
            raise ValueError(f"金额应写成“100亿元”“2000万元”这样的形式，现为“{written}”")
        yuan = Decimal(match[1]) * {"亿": 10**8, "万": 10**4, "": 1}[match[2]]
        return int(yuan * 100)


class Institutions(Record):
    """Which R&D institutions are meant; no type or no level means any."""

    types: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    #: 有效: only those whose latest performance evaluation was passed.
    effective: bool = False

    @field_validator("types")
    @classmethod
    def _types_areregistered(cls, types: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return registered(info, "institutions", types)


class Population(Record):
    """Which enterprises a ratio is taken of; all conditions that are written must hold."""

    in_chain: bool = False
    above_scale_industrial: bool = False
    large_medium_industrial: bool = False
    holds: tuple[str, ...] = ()
    any_of: "tuple[Population, ...]" = ()


class ShareOfEnterprises(Record):
    """Enterprises of a population that host such an institution, in percent of the population.

    Enterprises on both sides: an enterprise with two institutions counts once.
    """

    share_of: Population
    having: Institutions
    #: Whether an enterprise has one by the registers (recognised or filed) or by the statistics bureau.
    numerator: Numerator = Numerator.REGISTERED
    note: str = ""


class Zones(Record):
    """Which zones are meant, by level."""

    levels: tuple[ZoneLevel, ...] = Field(min_length=1)


class CountZones(Record):
    """Zones of the levels in being."""

    zones: Zones
    note: str = ""


class CountInstitutions(Record):
    """R&D institutions (not their hosts) of the sub-register; one that was promoted counts once."""

    institutions: Institutions
    note: str = ""


class CountRegister(Record):
    """Entries of another sub-register: projects, platforms, products …"""

    register_id: str = Field(alias="register")
    types: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    #: Count entries, or the distinct enterprises that they belong to.
    distinct: Literal["entry", "enterprise"] = "entry"
    note: str = ""

    @model_validator(mode="after")
    def _types_areregistered(self, info: ValidationInfo) -> Self:
        if registered(info, self.register_id, self.types) != self.types:
            raise ValueError(f"台账 {self.register_id} 不用类型组，请逐一写出类型")
        return self


class ShareOfRegions(Record):
    """Districts of the territory with at least one such zone or entry, in percent of all its districts."""

    regions_having: CountZones | CountRegister
    note: str = ""


class GrowthOfCount(Record):
    """Compound yearly growth of a count since the base year; not computable while no base year is set."""

    growth_of: CountHolders
    base_year: int | None = None
    note: str = ""


class MultipleOfCount(Record):
    """A count as a multiple of what it was in the base year; not computable while no base is set."""

    multiple_of: CountHolders
    base_year: int | None = None
    base_value: int | None = None
    note: str = ""


class Reported(Record):
    """An outside figure: entered with source, day and revisions."""

    #: Who usually publishes it: a suggestion for the entry form, not a word of the plan.
    reported_by: str
    note: str = ""


#: The key that tells the kinds of count apart, each required by its own kind only.
COUNT_KEYS = (
    "holds",
    "listed_on",
    "figure",
    "share_of",
    "regions_having",
    "zones",
    "growth_of",
    "multiple_of",
    "institutions",
    "register",
    "reported_by",
)


def key_of(keys: tuple[str, ...]) -> Callable[[object], str | None]:
    """What tells kinds apart that are written with different keys: the first of `keys` that is there."""

    def key_of(value: object) -> str | None:
        names: set[str] = set()
        if isinstance(value, Mapping):
            names = {str(key) for key in cast("Mapping[object, object]", value)}
        elif isinstance(value, Record):
            names = {field.alias or name for name, field in type(value).model_fields.items()}
        return next((key for key in keys if key in names), None)

    return key_of


Count = Annotated[
    Annotated[CountHolders, Tag("holds")]
    | Annotated[CountListed, Tag("listed_on")]
    | Annotated[CountByFigure, Tag("figure")]
    | Annotated[ShareOfEnterprises, Tag("share_of")]
    | Annotated[ShareOfRegions, Tag("regions_having")]
    | Annotated[CountZones, Tag("zones")]
    | Annotated[GrowthOfCount, Tag("growth_of")]
    | Annotated[MultipleOfCount, Tag("multiple_of")]
    | Annotated[CountInstitutions, Tag("institutions")]
    | Annotated[CountRegister, Tag("register")]
    | Annotated[Reported, Tag("reported_by")],
    Discriminator(
        key_of(COUNT_KEYS),
        custom_error_type="count_kind",
        custom_error_message="count 要写清数什么，应有且只有其中一个键：" + "、".join(COUNT_KEYS),
    ),
]


class Register(Record):
    """One sub-register: what its entries are and which types it tells apart."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    name: str
    unit: str
    types: dict[str, str]
    #: What its day is called: 认定日期, 立项日期; and its amount, where it has one: 合同金额.
    dated: str = "认定日期"
    amount: str = ""
    #: Whether a promotion ends the level before: a zone is of one level at a time, an institution keeps both titles.
    one_level_at_a_time: bool = False
    #: Names for several types together, which counts may use instead of listing them.
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])

    @model_validator(mode="after")
    def _groups_are_of_types(self) -> Self:
        for group, members in self.groups.items():
            if unknown := [member for member in members if member not in self.types]:
                raise ValueError(f"台账 {self.id} 的类型组 {group} 含未登记的类型：{'、'.join(unknown)}")
        return self


class Registers(Record):
    """All sub-registers."""

    registers: tuple[Register, ...]

    @cached_property
    def by_id(self) -> dict[str, Register]:
        """Every sub-register by its id."""
        return {register.id: register for register in self.registers}


def registered(info: ValidationInfo, register_id: str, types: tuple[str, ...]) -> tuple[str, ...]:
    """The types with groups spread out; refuses what the sub-register does not know."""
    if not isinstance(info.context, Registers):
        return types
    register = info.context.by_id.get(register_id)
    if register is None:
        raise ValueError(f"没有台账 {register_id}，请用 {'、'.join(info.context.by_id)} 之一")
    found: list[str] = []
    for name in types:
        if name not in register.types and name not in register.groups:
            raise ValueError(f"台账 {register_id}（{register.name}）没有类型 {name}，请改正或先在 registers.yaml 登记")
        found += register.groups.get(name, (name,))
    return tuple(dict.fromkeys(found))
