"""The plans: every printed target of a policy plan, read from `plans/*.yaml`.

A plan file stands next to the printed document. Two plans of one city may ask for different numbers; a target belongs
to its plan and is never merged with another. What a plan is made of is told in `plan_words`, `plan_counts`,
`plan_targets` and `plan_parts` and can be had from here; `plan_files` reads the files.
"""

from datetime import date
from functools import cached_property
from typing import Any, Self, cast

from pydantic import Field, model_validator

from rules.catalogue import Record
from rules.plan_counts import (
    COUNT_KEYS,
    Count,
    CountByFigure,
    CountHolders,
    CountInstitutions,
    CountListed,
    CountRegister,
    CountZones,
    GrowthOfCount,
    Institutions,
    MultipleOfCount,
    Population,
    Register,
    Registers,
    Reported,
    ShareOfEnterprises,
    ShareOfRegions,
    Zones,
)
from rules.plan_parts import (
    CHECK_KEYS,
    Chain,
    ChainGroup,
    ChainTable,
    Check,
    Compounded,
    Duty,
    NotComparable,
    RateAgainstTotal,
    Sector,
    Task,
)
from rules.plan_targets import (
    Baseline,
    Body,
    Target,
    read_bodies,
)
from rules.plan_words import (
    Basis,
    Board,
    Level,
    Mode,
    Numerator,
    Op,
    Scope,
    Status,
    TargetClass,
    Window,
    ZoneLevel,
    plain,
)

__all__ = [
    "CHECK_KEYS",
    "COUNT_KEYS",
    "Baseline",
    "Basis",
    "Board",
    "Body",
    "Chain",
    "ChainGroup",
    "ChainTable",
    "Check",
    "Compounded",
    "Count",
    "CountByFigure",
    "CountHolders",
    "CountInstitutions",
    "CountListed",
    "CountRegister",
    "CountZones",
    "Duty",
    "GrowthOfCount",
    "Institutions",
    "Level",
    "Mode",
    "MultipleOfCount",
    "NotComparable",
    "Numerator",
    "Op",
    "Plan",
    "Population",
    "RateAgainstTotal",
    "Register",
    "Registers",
    "Reported",
    "Scope",
    "Sector",
    "ShareOfEnterprises",
    "ShareOfRegions",
    "Status",
    "Target",
    "TargetClass",
    "Task",
    "Territory",
    "Window",
    "ZoneLevel",
    "Zones",
    "plain",
    "read_bodies",
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

    @property
    def named(self) -> str:
        """The title in its marks; marks within it become single ones, as GB/T 15834 asks."""
        return f"《{self.title.replace('《', '〈').replace('》', '〉')}》"

    def citation(self, target: Target) -> str:
        """Where the target stands, for a page: 《…》（送审稿）三 发展目标：“…”."""
        label = "" if self.status is Status.ISSUED else f"（{self.status.label}）"
        return f"{self.named}{label}{target.cite}：“{target.printed}”"

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
