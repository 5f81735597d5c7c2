"""What is written into a service file: steps of the plan, visits, needs and problems, policies enjoyed.

What can change carries a revision; whoever saves an older state is told, and what it was before stays known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.cultivation.stages import ACTION_STATUSES, CLOSED, STEP_STATUSES


class ServiceMoved(Exception):
    """Somebody else has saved meanwhile; nothing was written."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("在您填写期间，这一项已被他人修改，您的内容没有保存。请看过最新情况后再改。")


class VisitCorrected(Exception):
    """Somebody has corrected the visit meanwhile; nothing was written."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("这次走访已有人更正过，您的更正没有保存。请看过最新的记录，再更正那一条。")


class NoSuchEntry(Exception):
    """There is no such thing on this enterprise's service file."""

    status_code = 404

    def __init__(self) -> None:
        super().__init__("这家企业的服务档案里没有这一项。请回到服务档案核对。")


@dataclass(frozen=True)
class StepDraft:
    """A step to be planned."""

    title: str
    due_on: date
    programme: str = ""
    criterion: str = ""
    officer_id: int | None = None


@dataclass(frozen=True)
class VisitDraft:
    """A visit to be noted."""

    visited_on: date
    form: str
    visitors: str
    met: str
    content: str
    follow_up: str = ""
    corrects_id: int | None = None


@dataclass(frozen=True)
class ActionDraft:
    """A need or a problem to be taken up."""

    kind: str
    topic: str
    content: str
    raised_on: date
    owner: str
    due_on: date | None = None
    #: The enterprise itself brought it up, and will be shown the answer.
    is_from_enterprise: bool = False


@dataclass(frozen=True)
class PolicyDraft:
    """A policy enjoyed; the amount in fen, if there is one."""

    policy: str
    document: str
    enjoyed_on: date
    amount_fen: int | None = None
    note: str = ""


async def plan_steps(
    session: AsyncSession, enterprise_id: int, drafts: Sequence[StepDraft], *, by: int | None
) -> list[int]:
    """Put steps into the cultivation plan; one that is open there already, word for word, is not planned twice."""
    written: list[int] = []
    for one in drafts:
        found = await session.execute(
            text(
                "INSERT INTO service_step (enterprise_id, programme, criterion, title, due_on, officer_id, status, result,"
                " revision, created_by) SELECT CAST(:id AS bigint), CAST(:programme AS text), :criterion, CAST(:title AS text), :due_on, CAST(:officer AS integer), 'open', '',"
                " 1, :by WHERE NOT EXISTS (SELECT FROM service_step WHERE enterprise_id = :id AND programme = :programme"
                " AND title = :title AND status = 'open') RETURNING id"
            ),
            {
                "id": enterprise_id, "programme": one.programme, "criterion": one.criterion, "title": one.title,
                "due_on": one.due_on, "officer": one.officer_id, "by": by,
            },
        )  # fmt: skip
        written += found.scalars()
    return written


async def save_step(
    session: AsyncSession, enterprise_id: int, step_id: int, revision: int, values: Mapping[str, Any], *, by: int | None
) -> None:
    """Change a step: `title`, `due_on`, `officer_id`, `status`, `result`.

    Raises:
        NoSuchEntry, ServiceMoved.
    """
    await _save(session, "step", enterprise_id, step_id, revision, values, by)


async def open_action(session: AsyncSession, enterprise_id: int, draft: ActionDraft, *, by: int | None) -> int:
    """Take up a need or a problem."""
    found = await session.execute(
        text(
            "INSERT INTO service_action (enterprise_id, kind, topic, content, raised_on, owner, due_on, status, answer, revision,"
            " is_from_enterprise, created_by) VALUES (:id, :kind, :topic, :content, :raised_on, :owner, :due_on, 'open', '', 1,"
            " :is_from_enterprise, :by) RETURNING id"
        ),
        {
            "id": enterprise_id, "kind": draft.kind, "topic": draft.topic, "content": draft.content,
            "raised_on": draft.raised_on, "owner": draft.owner, "due_on": draft.due_on, "by": by,
            "is_from_enterprise": draft.is_from_enterprise,
        },
    )  # fmt: skip
    return found.scalar_one()


async def save_action(
    session: AsyncSession,
    enterprise_id: int,
    action_id: int,
    revision: int,
    values: Mapping[str, Any],
    *,
    by: int | None,
) -> None:
    """Change a need or problem: `owner`, `due_on`, `status`, `answer`.

    Raises:
        NoSuchEntry, ServiceMoved.
    """
    await _save(session, "action", enterprise_id, action_id, revision, values, by)


_LABELS = {
    "title": "步骤", "due_on": "期限", "officer_id": "责任人", "status": "状态", "result": "结果", "owner": "责任单位",
    "answer": "答复",
}  # fmt: skip
_MAY_CHANGE = {
    "step": ("title", "due_on", "officer_id", "status", "result"), "action": ("owner", "due_on", "status", "answer"),
}  # fmt: skip


async def _save(
    session: AsyncSession,
    thing: str,
    enterprise_id: int,
    number: int,
    revision: int,
    values: Mapping[str, Any],
    by: int | None,
) -> None:
    found = await session.execute(
        text(f"SELECT * FROM service_{thing} WHERE id = :id AND enterprise_id = :enterprise FOR UPDATE"),
        {"id": number, "enterprise": enterprise_id},
    )
    row = found.mappings().first()
    if row is None:
        raise NoSuchEntry
    if row["revision"] != revision:
        raise ServiceMoved
    changed = {name: values[name] for name in _MAY_CHANGE[thing] if name in values and values[name] != row[name]}
    if not changed:
        return
    settings = ", ".join(f"{name} = :{name}" for name in changed)
    closed = "now()" if changed.get("status", row["status"]) in CLOSED else "NULL"
    await session.execute(
        text(f"UPDATE service_{thing} SET {settings}, closed_at = {closed}, revision = revision + 1 WHERE id = :id"),
        {**changed, "id": number},
    )
    people = await _names_of(session, [row.get("officer_id"), changed.get("officer_id")])

    def said(name: str, value: Any) -> str:
        return _word(people.get(value, value) if name == "officer_id" else value)

    words = "；".join(f"{_LABELS[name]}：{said(name, row[name])} → {said(name, new)}" for name, new in changed.items())
    await _keep_change(session, enterprise_id, thing, number, words, by)


async def _keep_change(
    session: AsyncSession, enterprise_id: int, thing: str, number: int, words: str, by: int | None
) -> None:
    await session.execute(
        text(
            "INSERT INTO service_change (enterprise_id, thing, thing_id, words, changed_by)"
            " VALUES (:enterprise, :thing, :id, :words, :by)"
        ),
        {"enterprise": enterprise_id, "thing": thing, "id": number, "words": words, "by": by},
    )


async def _names_of(session: AsyncSession, people: Sequence[Any]) -> dict[Any, str]:
    found = await session.execute(
        text("SELECT id, name FROM officers() WHERE id = ANY(:ids)"),
        {"ids": [one for one in people if one is not None]},
    )
    return {row[0]: row[1] for row in found}


def _word(value: Any) -> str:
    return str((ACTION_STATUSES | STEP_STATUSES).get(value, value)) if value not in (None, "") else "（空）"


async def note_visit(session: AsyncSession, enterprise_id: int, draft: VisitDraft, *, by: int | None) -> int:
    """Note a visit; a correction names the visit that it puts right.

    Raises:
        NoSuchEntry: the visit to be corrected is not on this file.
        VisitCorrected: somebody has put it right already; the correction is what may be corrected again.
    """
    if draft.corrects_id is not None:
        await _demand_standing(session, enterprise_id, draft.corrects_id)
    found = await session.execute(
        text(
            "INSERT INTO service_visit (enterprise_id, visited_on, form, visitors, met, content, follow_up, recorded_by,"
            " corrects_id) VALUES (:id, :visited_on, :form, :visitors, :met, :content, :follow_up, :by, :corrects) RETURNING id"
        ),
        {
            "id": enterprise_id, "visited_on": draft.visited_on, "form": draft.form, "visitors": draft.visitors,
            "met": draft.met, "content": draft.content, "follow_up": draft.follow_up, "by": by, "corrects": draft.corrects_id,
        },
    )  # fmt: skip
    return found.scalar_one()


async def _demand_standing(session: AsyncSession, enterprise_id: int, visit_id: int) -> None:
    # Visits are only ever added, so there is no row to hold: two who correct one at once wait for each other here.
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"service_visit\n{visit_id}"}
    )
    found = await session.execute(
        text(
            "SELECT EXISTS (SELECT FROM service_visit c WHERE c.corrects_id = v.id) FROM service_visit v"
            " WHERE v.id = :id AND v.enterprise_id = :enterprise"
        ),
        {"id": visit_id, "enterprise": enterprise_id},
    )
    is_corrected = found.scalar_one_or_none()
    if is_corrected is None:
        raise NoSuchEntry
    if is_corrected:
        raise VisitCorrected


async def note_policy(session: AsyncSession, enterprise_id: int, draft: PolicyDraft, *, by: int | None) -> int:
    """Note a policy that the enterprise has enjoyed."""
    found = await session.execute(
        text(
            "INSERT INTO policy_enjoyed (enterprise_id, policy, document, enjoyed_on, amount_fen, note, recorded_by)"
            " VALUES (:id, :policy, :document, :enjoyed_on, :amount, :note, :by) RETURNING id"
        ),
        {
            "id": enterprise_id, "policy": draft.policy, "document": draft.document, "enjoyed_on": draft.enjoyed_on,
            "amount": draft.amount_fen, "note": draft.note, "by": by,
        },
    )  # fmt: skip
    return found.scalar_one()


async def withdraw_policy(session: AsyncSession, enterprise_id: int, policy_id: int, *, by: int | None) -> None:
    """Take a policy off the file that was noted by mistake; who did so stays known.

    Raises:
        NoSuchEntry: it is not there.
    """
    found = await session.execute(
        text(
            "UPDATE policy_enjoyed SET withdrawn_at = now() WHERE id = :id AND enterprise_id = :enterprise"
            " AND withdrawn_at IS NULL RETURNING policy, enjoyed_on"
        ),
        {"id": policy_id, "enterprise": enterprise_id},
    )
    row = found.first()
    if row is None:
        raise NoSuchEntry
    await _keep_change(session, enterprise_id, "policy", policy_id, f"撤回误登的政策：{row[1]} {row[0]}", by)
