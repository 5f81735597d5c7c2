"""What stands in a plan beside its targets: the chains' annex, tasks, duties, and what is to be checked.

What contradicts what between and inside the plans is worked out from these in `plan_findings.py`.
"""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator

from rules.catalogue import Record
from rules.plan_counts import key_of
from rules.plan_targets import Body


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
        key_of(CHECK_KEYS),
        custom_error_type="check_kind",
        custom_error_message="核对项应有且只有其中一个键：" + "、".join(CHECK_KEYS),
    ),
]
