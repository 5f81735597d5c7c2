"""Reading plan files: exact numbers, no key twice, and every reference looked up."""

from collections.abc import Hashable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rules.plan import Plan
from rules.plan_counts import CountHolders, GrowthOfCount, MultipleOfCount, Registers, ShareOfEnterprises
from rules.plan_parts import NotComparable
from rules.plan_problems import PlanError, explain

PLANS_FOLDER = Path(__file__).with_name("plans")
REGISTERS_FILE = PLANS_FOLDER / "registers.yaml"


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
        raise PlanError(explain(path.name, raw, error)) from error


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
        raise PlanError(explain(name, raw, error)) from error


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
