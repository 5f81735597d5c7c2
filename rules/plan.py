"""The plans: every printed target of a policy plan, read from `plans/*.yaml`.

A plan file stands next to the printed document: each target keeps its words, its section, whether its number
is included (以上, 达: yes; 超过, 突破: no), what it is counted over (stock, year, since a day …) and who
answers for it. Two plans of one city may ask for different numbers; a target belongs to its plan and is never
merged with another. `X` in a draft is "not set": no value, no progress, never 0 %.

The `count` block says *what* the registry counts; the target's `basis` says *when* (`Target.window`).
What contradicts what between and inside the plans is worked out in `plan_findings.py`.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import yaml
from pydantic import (
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from rules.catalogue import Certainty, Record

PLANS_FOLDER = Path(__file__).with_name("plans")
REGISTERS_FILE = PLANS_FOLDER / "registers.yaml"


class PlanError(Exception):
    """A plan file cannot be used; the message names the file, the target and what to change."""


# --- The words of a target -----------------------------------------------------------------------------


class Status(StrEnum):
    """How far the document got; shown beside every target of the plan."""

    ISSUED = "issued"
    CONSULTATION_DRAFT = "consultation_draft"
    DRAFT_FOR_APPROVAL = "draft_for_approval"
    DRAFT = "draft"
    EXPIRED = "expired"

    @property
    def label(self) -> str:
        """The status in the words of the documents."""
        return {
            Status.ISSUED: "已印发",
            Status.CONSULTATION_DRAFT: "征求意见稿",
            Status.DRAFT_FOR_APPROVAL: "送审稿",
            Status.DRAFT: "草稿",
            Status.EXPIRED: "已失效",
        }[self]


class Op(StrEnum):
    """How the number is compared; `>=` includes the number itself, `>` does not."""

    AT_LEAST = ">="  # 以上、不少于、达、提高到
    MORE_THAN = ">"  # 超、超过、突破、过
    ABOUT = "~"  # 左右: no tolerance is printed, so it is never passed or failed without one
    RANGE = "range"  # a–b: reaching a is enough
    RANK = "rank"  # 位次: a smaller number is better
    NARRATIVE = "narrative"  # 基本覆盖、一批: no number, and none is invented

    @property
    def code(self) -> str:
        """The operator as one word, for files and systems that do not like signs."""
        return {
            Op.AT_LEAST: "gte",
            Op.MORE_THAN: "gt",
            Op.ABOUT: "approx",
        }.get(self, self.value)


class Basis(StrEnum):
    """What the number is counted over; numbers of different bases are never added together."""

    STOCK = "stock"  # 有效数: in force on the day
    CUMULATIVE = "cumulative"  # 累计: since a day, which is often not printed
    ANNUAL = "annual"  # 每年、年度
    AVG_ANNUAL = "avg_annual"  # 年均
    AVG_ANNUAL_GROWTH = "avg_annual_growth"  # 年均增幅
    RATIO = "ratio"  # 比重、覆盖率
    RANK = "rank"  # 位次
    INDEX = "index"  # 指数
    ANNUAL_LEVEL = "annual_level"  # the figure of that year: sales, scale
    MULTIPLE = "multiple"  # 翻番: times the baseline
    REDUCTION = "reduction"  # 下降: a positive number against the baseline
    EVENT = "event"  # it happens or not
    VISION = "vision"  # 愿景
    UNRESOLVED = "unresolved"  # the print allows more than one reading

    @property
    def label(self) -> str:
        """The basis as it is shown beside a figure."""
        return {
            Basis.STOCK: "有效数",
            Basis.CUMULATIVE: "累计",
            Basis.ANNUAL: "年度",
            Basis.AVG_ANNUAL: "年均",
            Basis.AVG_ANNUAL_GROWTH: "年均增幅",
            Basis.RATIO: "比重",
            Basis.RANK: "位次",
            Basis.INDEX: "指数",
            Basis.ANNUAL_LEVEL: "当年规模",
            Basis.MULTIPLE: "倍数",
            Basis.REDUCTION: "下降幅度",
            Basis.EVENT: "事项",
            Basis.VISION: "愿景",
            Basis.UNRESOLVED: "口径未定",
        }[self]


class Window(StrEnum):
    """Which dates a count looks at: follows from the basis."""

    ON_DAY = "on_day"  # what is in force on the day
    IN_YEAR = "in_year"  # what was newly granted or entered in the calendar year of the day
    SINCE = "since"  # everything since `Target.since`, or since records began where no start is printed


class TargetClass(StrEnum):
    """How the value comes about."""

    REGISTRY = "R"  # counted from recognitions and facts
    SUBREGISTER = "S"  # counted from a sub-register, once it is kept
    ENTERED = "E"  # an outside statistic, entered with source and day
    NOT_SET = "X"  # the plan prints a placeholder
    NARRATIVE = "N"  # no number: a check list item with evidence

    @property
    def label(self) -> str:
        """How the value comes about, for a page."""
        return {
            TargetClass.REGISTRY: "系统统计",
            TargetClass.SUBREGISTER: "台账统计",
            TargetClass.ENTERED: "填报数据",
            TargetClass.NOT_SET: "未设目标",
            TargetClass.NARRATIVE: "定性",
        }[self]


class Scope(StrEnum):
    """What one measurement covers."""

    CITY = "city"
    DISTRICT = "district"
    ZONE = "zone"  # the target holds for every high-tech zone by itself
    KEY_CHAINS = "key_chains"  # “8+13+X”产业链群
    CHAINS = "chains"  # the 30 chains of P004
    SECTOR = "sector"

    @property
    def label(self) -> str:
        """The scope as it is shown beside a figure."""
        return {
            Scope.CITY: "全市",
            Scope.DISTRICT: "全区",
            Scope.ZONE: "每个高新区",
            Scope.KEY_CHAINS: "“8+13+X”产业链群",
            Scope.CHAINS: "30 条重点产业链",
            Scope.SECTOR: "产业板块",
        }[self]


# --- What is counted -----------------------------------------------------------------------------------

Level = Literal["national", "provincial", "municipal", "district"]
Board = Literal["main", "chinext", "star", "bse", "neeq", "overseas"]
ZoneLevel = Literal["municipal_hntz", "provincial_hntz", "national_hntz", "provincial_etdz", "national_etdz"]


class Mode(StrEnum):
    """Which holders count."""

    IN_FORCE = "in_force"  # the recognition is valid on the day
    CURRENT_LIST = "current_list"  # named on the latest list of the programme
    EVER = "ever"  # named on any list so far

    @property
    def label(self) -> str:
        """The mode as it is shown beside the figure."""
        return {
            Mode.IN_FORCE: "有效认定",
            Mode.CURRENT_LIST: "最新一批名单",
            Mode.EVER: "历年名单累计",
        }[self]


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
    def _types_are_registered(cls, types: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _registered(info, "institutions", types)


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
    numerator: Literal["registered", "statistical"] = "registered"
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
    def _types_are_registered(self, info: ValidationInfo) -> Self:
        if _registered(info, self.register_id, self.types) != self.types:
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


def _key_of(keys: tuple[str, ...]) -> Callable[[object], str | None]:
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
        _key_of(COUNT_KEYS),
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


def _registered(info: ValidationInfo, register_id: str, types: tuple[str, ...]) -> tuple[str, ...]:
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


# --- Who answers for it --------------------------------------------------------------------------------


class Body(Record):
    """A responsible body as the plan prints it."""

    #: As printed, often without the prefix that the name before it carries: “区发改局、科技局”.
    name: str
    #: With the prefix: 区科技局. Bodies are compared by this.
    full_name: str
    #: True or False only where △ is printed; None where the plan does not say who leads.
    lead: bool | None = None
    #: The cell was merged with the row above, so the body is inferred, not printed.
    inherited: bool = False


#: Places, schools and courts stand for themselves; offices take over the prefix of the office before them.
_STANDS_ALONE = re.compile(r".*([市区院)）]|高校|集团等?)$")
_PREFIX = re.compile(r"高新区|市(?!场)|区")


def read_bodies(printed: str, prefix: str, inherited: bool = False) -> tuple[Body, ...]:
    """The bodies of a printed list such as “△市科技局、经信委、各市(区)”.

    Args:
        printed: names parted by 、 or ，; △ before the lead.
        prefix: what an office's name takes on when no office before it carries one: 市 or 区.
        inherited: the list is not printed in this row but taken over from a merged cell.
    """
    marked = "△" in printed
    bodies: list[Body] = []
    for item in re.split("[、，]", printed):
        name = item.removeprefix("△")
        full_name = name
        if not _STANDS_ALONE.match(name):
            if carried := _PREFIX.match(name):
                prefix = carried[0]
            else:
                full_name = prefix + name
        lead = item.startswith("△") if marked else None
        bodies.append(Body(name=name, full_name=full_name, lead=lead, inherited=inherited))
    return tuple(bodies)


# --- Targets, chains, tasks ----------------------------------------------------------------------------


class Baseline(Record):
    """Where a target starts from, as far as it is printed."""

    year: int
    value: Decimal | None = None


class Target(Record):
    """A number (or a commitment) that the plan wants reached."""

    id: str = Field(pattern=r"^T\d{3}-[A-Z]?\d+[a-z]?$")
    #: The section of the document.
    cite: str
    #: The words of the document, letter by letter.
    printed: str
    #: What is measured, in the plan's words.
    name: str
    indicator: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    unit: str
    op: Op = Op.AT_LEAST
    #: A bare number: that it is a floor is convention, not print.
    op_inferred: bool = False
    #: Exact; percent as percent points. None for a placeholder and for a narrative.
    value: Decimal | None = None
    #: The upper end of a range; going beyond it is no failure.
    upper: Decimal | None = None
    #: The plan prints X: not set.
    placeholder: bool = False
    #: The wording of a narrative: 基本覆盖.
    words: str = ""
    #: The value must be reached in each of these separately: 百名＋百名＋百名.
    each_of: tuple[str, ...] = ()
    #: 力争, 争创: aspirational; the comparison stays.
    soft_word: Literal["", "力争", "争创"] = ""
    year: int | None = None
    year_note: str = ""
    basis: Basis
    #: First day of an accumulation, where the plan prints one.
    since: date | None = None
    baseline: Baseline | None = None
    scope: Scope
    #: GB/T 2260 code of the territory; the plan's own unless written.
    region: str = Field(pattern=r"^\d{6}$")
    bodies: tuple[Body, ...] = ()
    target_class: TargetClass = Field(alias="class")
    count: Count | None = None
    certainty: Certainty = Certainty.CONFIRMED
    note: str = ""

    @property
    def plan_id(self) -> str:
        """The plan it belongs to: T000-01 is of P000."""
        return f"P{self.id[1:4]}"

    @property
    def window(self) -> Window:
        """Which dates the count looks at."""
        if self.basis is Basis.ANNUAL:
            return Window.IN_YEAR
        if self.basis in (Basis.CUMULATIVE, Basis.AVG_ANNUAL, Basis.UNRESOLVED):
            return Window.SINCE
        return Window.ON_DAY

    @property
    def has_number(self) -> bool:
        """Whether there is a number that a value can be held against."""
        return self.value is not None and self.op is not Op.NARRATIVE

    @property
    def proportional(self) -> bool:
        """Whether 序时进度 applies: to yearly targets, and to accumulations whose first day is known.

        Never to stocks, ratios, ranks, indices and growth: those are held against the target directly.
        """
        if not self.has_number or self.op is Op.RANK:
            return False
        if self.basis in (Basis.CUMULATIVE, Basis.AVG_ANNUAL):
            return self.since is not None
        return self.basis is Basis.ANNUAL

    @property
    def due_on(self) -> date | None:
        """The last day of the target's year; None where no year is printed."""
        return None if self.year is None else date(self.year, 12, 31)

    @property
    def target_text(self) -> str:
        """The number as it is shown: “≥ 2700 家”, “> 100 个”, “3–5 个”, “未设目标”."""
        if self.placeholder:
            return "未设目标"
        if self.value is None:
            return self.words or "未量化"
        number = plain(self.value)
        if self.op is Op.RANK:
            return f"第 {number} 位"
        if self.op is Op.RANGE and self.upper is not None:
            number = f"{number}–{plain(self.upper)}"
        sign = {Op.AT_LEAST: "≥ ", Op.MORE_THAN: "> ", Op.ABOUT: "≈ "}.get(self.op, "")
        each = f"（{'、'.join(self.each_of)}分别计）" if self.each_of else ""
        return f"{sign}{number} {self.unit}{each}"

    def is_met(self, value: Decimal | Fraction | int, tolerance: Decimal | None = None) -> bool | None:
        """Whether a value reaches the target, exactly; None where that cannot be said.

        Args:
            value: in the target's unit.
            tolerance: how far from a 左右 still counts, in the target's unit; none is printed anywhere, so
                without one the answer is None.
        """
        if not self.has_number or self.value is None:
            return None
        found, wanted = Fraction(value), Fraction(self.value)
        if self.op is Op.MORE_THAN:
            return found > wanted
        if self.op is Op.RANK:
            return found <= wanted
        if self.op is Op.ABOUT:
            return None if tolerance is None else abs(found - wanted) <= Fraction(tolerance)
        return found >= wanted

    def share(self, value: Decimal | Fraction | int) -> Fraction | None:
        """The value as a share of the target (1 = reached); None for placeholders, narratives and ranks."""
        if not self.has_number or not self.value or self.op is Op.RANK:
            return None
        return Fraction(value) / Fraction(self.value)

    @model_validator(mode="after")
    def _value_fits_its_operator(self) -> Self:
        if self.placeholder != (self.target_class is TargetClass.NOT_SET):
            raise ValueError("placeholder 与 class: X 应同时写：原文印的是 X 即为未设目标")
        if self.placeholder and self.value is not None:
            raise ValueError("原文是占位符 X，不得填写 value")
        if self.op is Op.NARRATIVE and self.value is not None:
            raise ValueError("定性目标（op: narrative）不得填写 value")
        if self.op is not Op.NARRATIVE and self.value is None and not self.placeholder:
            raise ValueError("缺少 value；原文没有数字的写 op: narrative，印 X 的写 placeholder: true")
        if (self.op is Op.RANGE) != (self.upper is not None):
            raise ValueError("区间目标（op: range）须写 upper，其他目标不写")
        if self.upper is not None and self.value is not None and self.upper < self.value:
            raise ValueError(f"区间上限 {self.upper} 小于下限 {self.value}")
        return self

    @model_validator(mode="after")
    def _class_says_how_it_is_counted(self) -> Self:
        entered = isinstance(self.count, Reported)
        if self.target_class in (TargetClass.REGISTRY, TargetClass.SUBREGISTER) and (self.count is None or entered):
            raise ValueError("class R、S 的目标须写 count，说明数什么")
        if self.target_class is TargetClass.ENTERED and not entered:
            raise ValueError("class E 的目标须写 count: {reported_by: …}")
        return self

    @model_validator(mode="after")
    def _time_is_told(self) -> Self:
        if self.year is None and not self.year_note:
            raise ValueError("没有 year 时须写 year_note，说明原文怎么写")
        if self.basis is Basis.REDUCTION and self.baseline is None:
            raise ValueError("下降类目标须写 baseline 的年份")
        return self


class Chain(Record):
    """One line of the chain table: its sales in the table's years, in the table's unit."""

    id: str = Field(pattern=r"^T\d{3}-C\d{2}$")
    name: str
    #: The words in brackets behind the name.
    detail: str = ""
    sector: str = ""
    values: dict[int, Decimal]


class Sector(Record):
    """A heading of the chain table and the target that the text sets for it."""

    name: str
    printed: str
    target: str


class ChainGroup(Record):
    """How many chains the text says some sectors have together."""

    printed: str
    sectors: tuple[str, ...]
    chains: int


class ChainTable(Record):
    """The annex with the chains' sales: one printed baseline year and the target years."""

    cite: str
    unit: str
    baseline_year: int
    chains: tuple[Chain, ...]
    #: 合计 as printed.
    total: Chain
    #: 规上工业销售收入 as printed: what the chains are a part of.
    whole: Chain
    sectors: tuple[Sector, ...]
    groups: tuple[ChainGroup, ...] = ()
    #: The targets of the text that the printed lines answer to, by year.
    total_targets: dict[int, str] = Field(default_factory=dict[int, str])
    whole_targets: dict[int, str] = Field(default_factory=dict[int, str])
    share_targets: dict[int, str] = Field(default_factory=dict[int, str])

    @property
    def target_years(self) -> tuple[int, ...]:
        """The years with targets, in order."""
        return tuple(year for year in sorted(self.total.values) if year != self.baseline_year)

    @property
    def targets_named(self) -> tuple[str, ...]:
        """Every target of the text that the table answers to."""
        by_year = (self.total_targets, self.whole_targets, self.share_targets)
        return (
            *(sector.target for sector in self.sectors),
            *(name for targets in by_year for name in targets.values()),
        )

    @model_validator(mode="after")
    def _lines_are_whole(self) -> Self:
        years, sectors = set(self.total.values), {sector.name for sector in self.sectors}
        for chain in self.chains:
            if set(chain.values) != years:
                raise ValueError(f"产业链 {chain.id}（{chain.name}）的年份与合计行不同")
            if chain.sector not in sectors:
                raise ValueError(f"产业链 {chain.id}（{chain.name}）的板块“{chain.sector}”未在 sectors 中登记")
        return self


class Task(Record):
    """A task of the plan with those who carry it out."""

    id: str = Field(pattern=r"^P\d{3}-\d{2}$")
    cite: str
    title: str = ""
    #: The words of the document, letter by letter.
    text: str
    bodies: tuple[Body, ...] = ()
    #: The targets that the task prints.
    targets: tuple[str, ...] = ()

    @property
    def lead(self) -> Body | None:
        """The lead, only where △ is printed."""
        return next((body for body in self.bodies if body.lead), None)


class Duty(Record):
    """A commitment without a number: a check list item with evidence. It is never given one."""

    id: str = Field(pattern=r"^N\d{3}-\d{2}$")
    cite: str
    #: The words of the document, letter by letter.
    printed: str
    note: str = ""


# --- References that the consistency report computes ---------------------------------------------------


class RateAgainstTotal(Record):
    """A yearly rate held against a total: does it add up, for each of the years it may have started?"""

    rate: str
    total: str
    first_years: tuple[int, ...] = Field(min_length=1)
    last_year: int
    #: The total is a stock that the rate adds to: then the question is how much was there before.
    opening_stock: bool = False
    note: str = ""

    @property
    def targets_named(self) -> tuple[str, ...]:
        """The targets that the check is about."""
        return (self.rate, self.total)

    @model_validator(mode="after")
    def _years_are_in_order(self) -> Self:
        if max(self.first_years) > self.last_year:
            raise ValueError(f"核对项的起始年 {max(self.first_years)} 晚于终止年 {self.last_year}，请改正")
        return self


class NotComparable(Record):
    """Targets that look alike and must not be taken for one another."""

    not_comparable: tuple[str, ...] = Field(min_length=2)
    why: str

    @property
    def targets_named(self) -> tuple[str, ...]:
        """The targets that the check is about."""
        return self.not_comparable


class Compounded(Record):
    """A growth or reduction target worked out over its years."""

    compounded: str
    base_year: int
    last_year: int
    note: str = ""

    @property
    def targets_named(self) -> tuple[str, ...]:
        """The targets that the check is about."""
        return (self.compounded,)

    @model_validator(mode="after")
    def _years_are_in_order(self) -> Self:
        if self.base_year >= self.last_year:
            raise ValueError(f"核对项的基期 {self.base_year} 应早于终止年 {self.last_year}，请改正")
        return self


CHECK_KEYS = ("rate", "not_comparable", "compounded")

Check = Annotated[
    Annotated[RateAgainstTotal, Tag("rate")]
    | Annotated[NotComparable, Tag("not_comparable")]
    | Annotated[Compounded, Tag("compounded")],
    Discriminator(
        _key_of(CHECK_KEYS),
        custom_error_type="check_kind",
        custom_error_message="核对项应有且只有其中一个键：" + "、".join(CHECK_KEYS),
    ),
]


class Territory(Record):
    """What the plan is for."""

    code: str = Field(pattern=r"^\d{6}$")
    name: str


class Plan(Record):
    """A policy plan: the document and all it promises."""

    id: str = Field(pattern=r"^P\d{3}$")
    title: str
    status: Status
    status_note: str = ""
    number: str = ""
    issued_on: date | None = None
    published_on: date | None = None
    issuer: str = ""
    #: The years that the plan's targets are for.
    horizon: tuple[int, ...] = Field(min_length=1)
    territory: Territory
    lead_body: str
    bodies_note: str = ""
    #: Bodies that carry out every task, said once in the document.
    bodies_of_all_tasks: tuple[str, ...] = ()
    targets: tuple[Target, ...]
    chain_table: ChainTable | None = None
    tasks: tuple[Task, ...] = ()
    duties: tuple[Duty, ...] = ()
    checks: tuple[Check, ...] = ()
    remarks: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Target]:
        """Every target by its id."""
        return {target.id: target for target in self.targets}

    @property
    def chains(self) -> tuple[Chain, ...]:
        """The chains of the annex; none in most plans."""
        return () if self.chain_table is None else self.chain_table.chains

    @cached_property
    def chain_targets(self) -> tuple[Target, ...]:
        """Each line of the annex as a target of its first target year, so that its figure can be reported.

        They carry the chain's own id and are no part of `targets`: the text's numbers are those of all lines together.
        """
        table = self.chain_table
        if table is None or not table.target_years:
            return ()
        return tuple(_chain_target(self, table, chain, table.target_years[0]) for chain in table.chains)

    def is_past(self, on: date) -> bool:
        """Whether the plan's last year is over on the day."""
        return on.year > max(self.horizon)

    def citation(self, target: Target) -> str:
        """Where the target stands, for a page: 《…》（送审稿）三 发展目标：“…”."""
        label = "" if self.status is Status.ISSUED else f"（{self.status.label}）"
        return f"《{self.title}》{label}{target.cite}：“{target.printed}”"

    @model_validator(mode="before")
    @classmethod
    def _spread(cls, raw: object) -> object:
        """Give every target the plan's territory, and read the printed lists of bodies."""
        return _spread_plan(cast("dict[str, Any]", raw)) if isinstance(raw, dict) else raw

    @model_validator(mode="after")
    def _names_are_known_and_unique(self) -> Self:
        seen: set[str] = set()
        for entry in (*self.targets, *self.tasks, *self.duties, *self.chains):
            if entry.id in seen:
                raise ValueError(f"编号 {entry.id} 重复，请改其一")
            if entry.id[1:4] != self.id[1:]:
                raise ValueError(f"编号 {entry.id} 不属于规划 {self.id}")
            seen.add(entry.id)
        for task in self.tasks:
            if unknown := [name for name in task.targets if name not in self.by_id]:
                raise ValueError(f"任务 {task.id} 提到不存在的目标 {'、'.join(unknown)}")
        if self.chain_table is not None:
            for name in self.chain_table.targets_named:
                if name not in self.by_id:
                    raise ValueError(f"产业链表提到不存在的目标 {name}")
        return self


def _chain_target(plan: Plan, table: ChainTable, chain: Chain, year: int) -> Target:
    printed = "，".join(f"{one} 年 {plain(value)}" for one, value in sorted(chain.values.items()))
    return Target.model_validate(
        {
            "id": chain.id, "cite": table.cite, "printed": f"{chain.name} {printed}", "name": f"{chain.name}产业链销售收入",
            "indicator": f"chain_sales_{chain.id[-3:].lower()}", "unit": table.unit, "op": Op.AT_LEAST, "op_inferred": True,
            "value": chain.values[year], "year": year, "basis": Basis.ANNUAL_LEVEL, "scope": Scope.CHAINS,
            "baseline": {"year": table.baseline_year, "value": chain.values[table.baseline_year]},
            "region": plan.territory.code, "class": TargetClass.ENTERED, "count": {"reported_by": "统计部门"},
        }
    )  # fmt: skip


def _spread_plan(raw: dict[str, Any]) -> dict[str, Any]:
    """The file without its short cuts; what is not well-formed is left for the models to refuse."""
    lists = _as_dict(raw.get("body_lists"))
    code = str(_as_dict(raw.get("territory")).get("code", ""))
    spread = {key: value for key, value in raw.items() if key != "body_lists"}
    for part in ("targets", "tasks"):
        if isinstance(raw.get(part), list):
            spread[part] = [_spread_bodies(entry, lists, code) for entry in raw[part]]
    if isinstance(raw.get("targets"), list):
        spread["targets"] = [
            {"region": code, **entry} if isinstance(entry, dict) else entry for entry in spread["targets"]
        ]
    return spread


def _spread_bodies(entry: Any, lists: dict[str, Any], code: str) -> Any:
    """A task or target with its printed list of bodies read; a letter stands for one of the plan's lists."""
    fields = _as_dict(entry)
    for key in ("bodies", "inherited_bodies"):
        printed = fields.get(key)
        if isinstance(printed, str):
            rest = {name: value for name, value in fields.items() if name != key}
            prefix = "市" if code.endswith("00") else "区"
            bodies = read_bodies(str(lists.get(printed, printed)), prefix, key == "inherited_bodies")
            return {**rest, "bodies": bodies}
    return entry


def _as_dict(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


# --- Reading the files ---------------------------------------------------------------------------------


class _ExactLoader(yaml.SafeLoader):
    """YAML with exact decimals (2.9 is 2.9) that refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise PlanError(f"第 {node.start_mark.line + 1} 行起的同一条目里，键 {twice} 写了两次，请删去其一")
        return super().construct_mapping(node, deep=deep)


def _exact_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _exact_number)


def _read(path: Path) -> Any:
    return read_document(path.read_text(encoding="utf-8"), path.name)


def load_registers(path: Path = REGISTERS_FILE) -> Registers:
    """The sub-registers that counts of class S refer to.

    Raises:
        PlanError: the file is not valid; the message says which entry and why.
    """
    raw = _read(path)
    try:
        return Registers.model_validate(raw)
    except ValidationError as error:
        raise PlanError(_explain(path.name, raw, error)) from error


def load_plan(path: Path, registers: Registers | None = None) -> Plan:
    """Read and check one plan file.

    Raises:
        PlanError: the file is not valid; the message names file and target.
    """
    return read_plan(_read(path), path.name, registers)


def read_plan(raw: Any, name: str, registers: Registers | None = None) -> Plan:
    """Check a plan that is in the form of a plan file, wherever it comes from.

    Args:
        raw: what YAML makes of a plan file.
        name: what messages call it.

    Raises:
        PlanError: it is not valid; the message names the entry, a problem a line.
    """
    try:
        return Plan.model_validate(raw, context=registers or load_registers())
    except ValidationError as error:
        raise PlanError(_explain(name, raw, error)) from error


def read_document(text: str, name: str = "规划") -> Any:
    """What stands in a plan file's text, with exact numbers.

    Raises:
        PlanError: it is no YAML, or a key is written twice.
    """
    try:
        return yaml.load(text, Loader=_ExactLoader)
    except PlanError as error:
        raise PlanError(f"{name}：{error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"第 {mark.line + 1} 行附近" if mark is not None else "文件"
        raise PlanError(f"{name}：{where}不是正确的 YAML，请检查缩进、冒号和引号") from error


def load_plans(folder: Path = PLANS_FOLDER) -> dict[str, Plan]:
    """All plans by their id, in the order of the ids.

    Raises:
        PlanError: a file is not valid, or two files carry the same plan.
    """
    registers = load_registers()
    plans: dict[str, Plan] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == REGISTERS_FILE.name:
            continue
        plan = load_plan(path, registers)
        if plan.id in plans:
            raise PlanError(f"{path.name}：规划编号 {plan.id} 已被另一个文件使用，请改其一")
        plans[plan.id] = plan
    check_references(plans)
    return dict(sorted(plans.items()))


def check_references(plans: Mapping[str, Plan]) -> None:
    """Checks may name targets of other plans, so they can only be looked up when all plans are read.

    Raises:
        PlanError: a check names a target that no plan has, or one without a number.
    """
    known = {target.id: target for plan in plans.values() for target in plan.targets}
    for plan in plans.values():
        for check in plan.checks:
            here = f"规划 {plan.id} 的核对项"
            if unknown := [name for name in check.targets_named if name not in known]:
                raise PlanError(f"{here}提到不存在的目标 {'、'.join(unknown)}，请改正")
            if isinstance(check, NotComparable):
                continue
            if without := [name for name in check.targets_named if not known[name].value]:
                raise PlanError(f"{here}用到没有数值的目标 {'、'.join(without)}，请删去该核对项")


def programmes_counted(plan: Plan) -> frozenset[str]:
    """The programmes that the plan's counts ask about, so that a lint can look for them in the library."""
    found: set[str] = set()
    for target in plan.targets:
        match target.count:
            case CountHolders(holds=holds):
                found.update(holds)
            case GrowthOfCount(growth_of=inner) | MultipleOfCount(multiple_of=inner):
                found.update(inner.holds)
            case ShareOfEnterprises(share_of=population):
                for part in (population, *population.any_of):
                    found.update(part.holds)
            case _:
                pass
    return frozenset(found)


_PARTS = {
    "targets": "目标",
    "tasks": "任务",
    "duties": "定性事项",
    "chains": "产业链",
    "checks": "核对项",
    "registers": "台账",
}


def _explain(name: str, raw: Any, error: ValidationError) -> str:
    """The problems of a file in Chinese, one a line, each with the entry it is in."""
    problems = [f"{name}：{_where(raw, problem['loc'])}{_what(dict(problem))}" for problem in error.errors()]
    return "\n".join(dict.fromkeys(problems))


def _where(raw: Any, loc: tuple[int | str, ...]) -> str:
    """The entry that a problem is in: 目标 T000-06（累计招引重点科创项目）."""
    for depth, step in enumerate(loc):
        if isinstance(step, int) and depth and loc[depth - 1] in _PARTS:
            entry = raw
            for part in loc[: depth + 1]:
                entry = entry[part]
            kind = _PARTS[str(loc[depth - 1])]
            if isinstance(entry, dict):
                fields = cast("dict[str, object]", entry)
                name = fields.get("name") or fields.get("title")
                label = str(fields.get("id") or f"第 {step + 1} 条")
                return f"{kind} {label}{f'（{name}）' if name else ''}："
            return f"{kind}第 {step + 1} 条："
    return ""


def _what(problem: dict[str, Any]) -> str:
    step = problem["loc"][-1] if problem["loc"] else "文件"
    key = "这一条" if isinstance(step, int) else step
    context: dict[str, Any] = problem.get("ctx") or {}
    match problem["type"]:
        case "missing":
            return f"缺少 {key}"
        case "extra_forbidden":
            return f"不认识的键 {key}，请检查拼写"
        case "enum" | "literal_error":
            allowed = str(context.get("expected", "")).replace("'", "").replace(", ", "、").replace(" or ", "、")
            return f"{key} 写的是“{problem['input']}”，应为 {allowed} 之一"
        case "value_error":
            return str(context["error"])
        case "count_kind" | "check_kind":
            return str(problem["msg"])
        case "string_pattern_mismatch":
            return f"{key} 写的是“{problem['input']}”，格式不对"
        case "decimal_parsing" | "decimal_type" | "int_parsing" | "int_type":
            return f"{key} 写的是“{problem['input']}”，应为数字"
        case "date_from_datetime_parsing" | "date_type" | "date_parsing":
            return f"{key} 写的是“{problem['input']}”，应为日期，如 2027-12-31"
        case "string_type":
            return f"{key} 写的是“{problem['input']}”，应为文字，必要时加引号"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"{key} 应为若干“键: 值”"
        case "tuple_type":
            return f"{key} 应为一列，每条以“- ”开头或写成 [甲, 乙]"
        case "too_short":
            return f"{key} 不能为空"
        case _:
            return f"{key} 不合要求：{problem['msg']}"


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    return format(number.normalize(), "f")
