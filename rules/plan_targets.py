"""A plan's target, who answers for it, and when a value reaches it.

A target keeps its words, its section, whether its number is included (以上, 达: yes; 超过, 突破: no), what it is
counted over (stock, year, since a day …). `X` in a draft is "not set": no value, no progress, never 0 %.
"""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Self

from pydantic import Field, model_validator

from rules.catalogue import Certainty, Record
from rules.plan_counts import Count, Reported
from rules.plan_words import Basis, Op, Scope, TargetClass, Window, plain


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
    #: How far from a 左右 still counts, in the target's unit. No document prints one; whoever revises the plan may set it.
    tolerance: Decimal | None = Field(default=None, ge=0)
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
        if self.tolerance is not None:
            return f"{sign}{number} {self.unit}（容差 ±{plain(self.tolerance)}）"
        each = f"（{'、'.join(self.each_of)}分别计）" if self.each_of else ""
        return f"{sign}{number} {self.unit}{each}"

    def is_met(self, value: Decimal | Fraction | int, tolerance: Decimal | None = None) -> bool | None:
        """Whether a value reaches the target, exactly; None where that cannot be said.

        Args:
            value: in the target's unit.
            tolerance: how far from a 左右 still counts, in the target's unit; the target's own unless given. None is
                printed anywhere, so without one the answer is None.
        """
        if not self.has_number or self.value is None:
            return None
        found, wanted = Fraction(value), Fraction(self.value)
        if self.op is Op.MORE_THAN:
            return found > wanted
        if self.op is Op.RANK:
            return found <= wanted
        if self.op is Op.ABOUT:
            within = self.tolerance if tolerance is None else tolerance
            return None if within is None else abs(found - wanted) <= Fraction(within)
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
        if self.tolerance is not None and self.op is not Op.ABOUT:
            raise ValueError("容差（tolerance）只用于“左右”类目标（op: ~）")
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
