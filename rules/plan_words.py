"""The words that a plan's targets are described with, as the documents use them.

Each word of the files is one member here, with what a page shows for it. Nothing is counted and nothing read.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Literal


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


class Numerator(StrEnum):
    """Whose word says that an enterprise has an R&D institution, where the plan does not say."""

    REGISTERED = "registered"  # recognised or filed, as the registers and the enterprises' own files have it
    STATISTICAL = "statistical"  # as the statistics bureau's yearly return has it

    @property
    def label(self) -> str:
        """The choice as it is shown beside the figure."""
        return {Numerator.REGISTERED: "按台账和企业填报", Numerator.STATISTICAL: "按研发统计"}[self]


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    return format(number.normalize(), "f")
