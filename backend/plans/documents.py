"""The plans of `rules/plans`, loaded once; plans and targets by the names people give them."""

import re
from collections.abc import Mapping
from functools import cache

from backend.web.errors import NotFound
from rules.library import library
from rules.plan import PLANS_FOLDER, REGISTERS_FILE, Plan, Registers, Target, load_plans, load_registers
from rules.plan_findings import Finding, consistency_findings


class UnknownPlan(NotFound):
    """There is no such plan."""

    title = "没有这份规划"

    def __init__(self, name: str) -> None:
        known = "、".join(plans())
        super().__init__(
            f"没有规划“{name}”。现有 {known}，也可用 rules/plans 下的文件名，如 {next(iter(slugs()), '')}。"
        )


class UnknownTarget(NotFound):
    """There is no such target."""

    title = "没有这项目标"

    def __init__(self, name: str) -> None:
        super().__init__(f"没有目标“{name}”。编号形如 T000-01，可用 tidu plan 列出一份规划的全部目标。")


@cache
def plans() -> Mapping[str, Plan]:
    """All plans by id."""
    return load_plans()


@cache
def registers() -> Registers:
    """The sub-registers that some counts refer to."""
    return load_registers()


@cache
def slugs() -> Mapping[str, str]:
    """Plan ids by the names of their files."""
    found: dict[str, str] = {}
    for path in sorted(PLANS_FOLDER.glob("*.yaml")):
        match = re.search(r"^id:\s*(P\d{3})\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)
        if match is not None and path != REGISTERS_FILE:
            found[path.stem] = match[1]
    return found


@cache
def findings() -> tuple[Finding, ...]:
    """Where the plans contradict each other or themselves."""
    names = {name: programme.source.name.zh for name, programme in library().by_name.items()}
    return tuple(consistency_findings(plans(), names))


def findings_on(plan: Plan) -> tuple[Finding, ...]:
    """The findings that speak of a plan."""
    return tuple(
        finding
        for finding in findings()
        if any(target in plan.by_id for target in finding.targets) or f":{plan.id}:" in finding.id
    )


def plan_named(name: str) -> Plan:
    """A plan by its id (P000) or the name of its file (taizhou-science-city-2027).

    Raises:
        UnknownPlan: there is none.
    """
    wanted = name.strip().removesuffix(".yaml")
    found = plans().get(slugs().get(wanted, wanted.upper()))
    if found is None:
        raise UnknownPlan(name)
    return found


def target_named(name: str) -> tuple[Plan, Target]:
    """A target by its id, with its plan.

    Raises:
        UnknownTarget: there is none.
    """
    wanted = name.strip()
    for plan in plans().values():
        # The letters at the end of an id are small, the first one is not.
        for target in (*plan.targets, *plan.chain_targets):
            if target.id.casefold() == wanted.casefold():
                return plan, target
    raise UnknownTarget(name)
