"""A new plan or a new version of one, as a proposal that a second person confirms: until then the old one holds."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.proposals import Change, Proposed, propose, register_kind
from backend.database.session import because
from backend.plans.documents import plans
from backend.plans.versions import Document, check, keep, know_plans, written
from rules.plan import Plan, Target
from rules.plan_files import read_document

CHANGE: Final = "plan.change"
#: So many differences are told one by one; a workbook may change all targets.
MOST_TOLD: Final = 30
_HEAD: Final[tuple[tuple[str, Callable[[Plan], object]], ...]] = (
    ("名称", lambda plan: plan.title), ("状态", lambda plan: plan.status.label),
    ("状态说明", lambda plan: plan.status_note), ("文号", lambda plan: plan.number),
    ("印发日期", lambda plan: plan.issued_on), ("印发单位", lambda plan: plan.issuer),
    ("目标年", lambda plan: "、".join(map(str, plan.horizon))), ("适用范围", lambda plan: plan.territory.name),
    ("牵头单位", lambda plan: plan.lead_body), ("责任单位说明", lambda plan: plan.bodies_note),
    ("备注", lambda plan: "；".join(plan.remarks)),
)  # fmt: skip


async def propose_version(
    session: AsyncSession, document: Document, *, based_on: int | None, note: str, person_id: int
) -> int:
    """Propose a plan's next version. Returns the proposal's id. Raises AlreadyProposed, PlanRefused."""
    plan = check(document)
    payload = {"plan": plan.id, "document": written(document), "based_on": based_on, "note": note.strip()}
    what = "新增规划" if based_on is None else f"修订规划（现行第 {based_on} 版）"
    summary = f"{what}：{plan.id} {plan.title}"
    changes = _differences(plans().get(plan.id), plan)
    return await propose(session, Proposed(CHANGE, summary, payload, reason=note.strip(), changes=changes), person_id)


def _differences(old: Plan | None, new: Plan) -> tuple[Change, ...]:
    head = [(label, "" if old is None else _text(read(old)), _text(read(new))) for label, read in _HEAD]
    found = [Change(*one) for one in head if one[1] != one[2]]
    known = old.by_id if old is not None else {}
    for name in dict.fromkeys((*known, *new.by_id)):
        if known.get(name) != new.by_id.get(name):
            found.append(Change(f"目标 {name}", _target(known.get(name)), _target(new.by_id.get(name))))
    rest = len(found) - MOST_TOLD
    return (*found[:MOST_TOLD], Change(f"另有 {rest} 处改动", "", "见修订页的版本对比")) if rest > 0 else tuple(found)


def _target(target: Target | None) -> str:
    if target is None:
        return ""
    parts = (target.name, target.target_text, target.basis.label, target.cite)
    return "，".join(part for part in map(_text, parts) if part)


def _text(value: object) -> str:
    return "" if value is None else str(value)


async def _keep(session: AsyncSession, payload: Mapping[str, Any], proposed_by: int) -> None:
    await because(session, payload["note"])
    await know_plans(session)
    document = read_document(payload["document"], payload["plan"])
    await keep(session, document, based_on=payload["based_on"], note=payload["note"], recorded_by=proposed_by)


register_kind(CHANGE, "规划修订", _keep)
