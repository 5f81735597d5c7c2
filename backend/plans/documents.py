"""The plans of `rules/plans` and those that staff wrote since; plans and targets by the names people give them.

The files are loaded once. What staff wrote is in the database: `backend.plans.versions.know_plans` reads it at the
start of a request, for that request alone, so that every reader of the same moment sees the same plans.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache

from backend.web.errors import NotFound
from rules.library import library
from rules.plan import Plan, Registers, Target
from rules.plan_files import PLANS_FOLDER, REGISTERS_FILE, load_plans, load_registers
from rules.plan_findings import Finding, consistency_findings


class UnknownPlan(NotFound):
    """There is no such plan."""

    title = "没有这份规划"

    def __init__(self, name: str) -> None:
        known = "、".join(plans())
        super().__init__(
            f"没有规划“{name}”。现有 {known}，各份规划见“规划目标”页；编号之外也可用简称，如 {next(iter(slugs()), '')}。"
        )


class UnknownTarget(NotFound):
    """There is no such target."""

    title = "没有这项目标"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"没有目标“{name}”。编号形如 T000-01，一份规划的全部目标见“规划目标”页，或用命令 tidu plan 列出。"
        )


@cache
def plans_of_files() -> Mapping[str, Plan]:
    """The plans that come with the program, by id."""
    return load_plans()


#: Plans as staff wrote them, by id: what this request knows of.
_written: ContextVar[Mapping[str, Plan]] = ContextVar("written_plans")


def know_written(written: Mapping[str, Plan]) -> None:
    """Let the rest of the request know plans as staff wrote them."""
    _written.set(written)


def plans() -> Mapping[str, Plan]:
    """All plans by id, each in its latest version."""
    written = _written.get({})
    return plans_of_files() if not written else dict(sorted({**plans_of_files(), **written}.items()))


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


#: The last plans that were checked against each other, and what came of it: plans change seldom.
_checked: list[tuple[tuple[Plan, ...], tuple[Finding, ...]]] = []


def findings() -> tuple[Finding, ...]:
    """Where the plans contradict each other or themselves."""
    current = tuple(plans().values())
    for of, found in _checked:
        if len(of) == len(current) and all(one is other for one, other in zip(of, current, strict=True)):
            return found
    names = {name: programme.source.name.zh for name, programme in library().by_name.items()}
    found = tuple(consistency_findings(plans(), names))
    _checked[:] = [(current, found)]
    return found


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
