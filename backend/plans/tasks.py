"""A plan's tasks and its duties without a number: who carries them out, how far they are, the paper behind it.

What is said of one is a note; notes are never overwritten, and the latest one's status and deadline stand. A task is
done only with its evidence named. Reminders are worked out each time: overdue, due soon, or silent for a quarter.

NoteRefused
├── StatusWrong       no such status, or done without evidence
└── NoteEmpty         a note that says nothing new
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import CHINA
from backend.plans.documents import plans
from backend.plans.queries import concerns
from backend.plans.task_papers import MOST_PAPERS, Evidence, keep, papers_of
from backend.plans.versions import know_plans
from backend.web.errors import NotFound, Refusal
from rules.plan import Body, Plan

#: A deadline that lies this near is told.
DAYS_AHEAD = 30
#: An open task of which nothing was said for so long is told.
DAYS_OF_SILENCE = 92
_LONGEST_NOTE = 4000


class Status(StrEnum):
    """How far a task is."""

    NOT_STARTED = "not_started"
    UNDER_WAY = "under_way"
    DONE = "done"
    STOPPED = "stopped"

    @property
    def label(self) -> str:
        return {"not_started": "未启动", "under_way": "推进中", "done": "已完成", "stopped": "已中止"}[self.value]

    @property
    def is_open(self) -> bool:
        return self in (Status.NOT_STARTED, Status.UNDER_WAY)


class Reminder(StrEnum):
    """Why somebody should look at a task."""

    OVERDUE = "overdue"
    DUE_SOON = "due_soon"
    SILENT = "silent"

    @property
    def label(self) -> str:
        return {"overdue": "已过期限", "due_soon": f"{DAYS_AHEAD} 天内到期", "silent": "一季度以上没有进展记录"}[
            self.value
        ]


class NoteRefused(Refusal):
    """A note that is not written; `field` is the form's field it is about."""

    status = 422
    slug = "note-refused"
    title = "没有保存"

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class StatusWrong(NoteRefused):
    """No such status, or done without evidence."""


class NoteEmpty(NoteRefused):
    """A note that says nothing new."""


class UnknownItem(NotFound):
    """The plan has no such task or duty."""

    title = "没有这项任务"


@dataclass(frozen=True)
class Note:
    """What was said of a task at a moment."""

    status: Status
    due_on: date | None
    body: str
    evidence: str
    region_code: str
    recorded_at: datetime
    recorded_by: int | None
    id: int = 0
    papers: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class WorkItem:
    """A task, or a duty without a number, with what was last said of it."""

    plan: Plan
    id: str
    is_duty: bool
    title: str
    text: str
    cite: str
    bodies: tuple[Body, ...]
    targets: tuple[str, ...]
    last: Note | None

    @property
    def status(self) -> Status:
        return self.last.status if self.last is not None else Status.NOT_STARTED

    @property
    def due_on(self) -> date | None:
        """The deadline that somebody set; the document prints none for tasks."""
        return self.last.due_on if self.last is not None else None

    @property
    def name(self) -> str:
        """What it is called in a list."""
        return self.title or self.text

    def reminders(self, today: date) -> tuple[Reminder, ...]:
        """Why somebody should look at it on a day; a plan whose years are over reminds of set deadlines only."""
        if not self.status.is_open:
            return ()
        found: list[Reminder] = []
        if self.due_on is not None and self.due_on < today:
            found.append(Reminder.OVERDUE)
        elif self.due_on is not None and (self.due_on - today).days <= DAYS_AHEAD:
            found.append(Reminder.DUE_SOON)
        if self.last is not None and not self.plan.is_past(today):
            silent = (today - self.last.recorded_at.astimezone(CHINA).date()).days
            if silent > DAYS_OF_SILENCE:
                found.append(Reminder.SILENT)
        return tuple(found)


async def work_items(session: AsyncSession, plan: Plan, known_at: datetime | None = None) -> list[WorkItem]:
    """All tasks and duties of a plan, in the document's order."""
    return (await _items(session, [plan], known_at))[plan.id]


async def _items(
    session: AsyncSession, chosen: Sequence[Plan], known_at: datetime | None = None
) -> dict[str, list[WorkItem]]:
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (item) item, status, due_on, body, evidence, region_code, recorded_at, recorded_by"
            " FROM task_note WHERE plan = ANY(CAST(:plans AS text[]))"
            " AND (CAST(:known_at AS timestamptz) IS NULL OR recorded_at <= :known_at) ORDER BY item, id DESC"
        ),
        {"plans": [plan.id for plan in chosen], "known_at": known_at},
    )
    last = {item: Note(Status(status), *rest) for item, status, *rest in found}
    items: dict[str, list[WorkItem]] = {}
    for plan in chosen:
        items[plan.id] = [
            *(
                WorkItem(plan, one.id, False, one.title, one.text, one.cite, one.bodies, one.targets, last.get(one.id))
                for one in plan.tasks
            ),
            *(
                WorkItem(plan, one.id, True, "", one.printed, one.cite, (), (), last.get(one.id))
                for one in plan.duties
            ),
        ]  # fmt: skip
    return items


async def work_item(session: AsyncSession, plan: Plan, item_id: str) -> WorkItem:
    """One task or duty.

    Raises:
        UnknownItem: the plan has none of that number.
    """
    for one in await work_items(session, plan):
        if one.id == item_id:
            return one
    raise UnknownItem(f"{plan.named}没有编号 {item_id} 的任务或定性事项。")


async def notes_of(session: AsyncSession, plan: Plan, item_id: str) -> list[Note]:
    """Everything that was said of a task, the latest first."""
    found = await session.execute(
        text(
            "SELECT status, due_on, body, evidence, region_code, recorded_at, recorded_by, id FROM task_note"
            " WHERE plan = :plan AND item = :item ORDER BY id DESC"
        ),
        {"plan": plan.id, "item": item_id},
    )
    notes = [Note(Status(status), *rest) for status, *rest in found]
    papers = await papers_of(session, [one.id for one in notes])
    return [replace(one, papers=tuple(papers.get(one.id, ()))) for one in notes]


async def reminders(session: AsyncSession, today: date) -> list[tuple[WorkItem, tuple[Reminder, ...]]]:
    """The tasks of all plans that somebody should look at, overdue ones first."""
    items = [one for of_plan in (await _items(session, list(plans().values()))).values() for one in of_plan]
    told = [(one, why) for one in items if (why := one.reminders(today))]
    order = list(Reminder)
    return sorted(told, key=lambda one: (order.index(one[1][0]), one[0].due_on or date.max, one[0].id))


async def tasks_to_look_at(
    session: AsyncSession, today: date, region: str
) -> list[tuple[WorkItem, tuple[Reminder, ...]]]:
    """The same for the plans that concern somebody: a district's people, or with an empty region everybody."""
    await know_plans(session)
    return [one for one in await reminders(session, today) if concerns(one[0].plan, region)]


async def note(
    session: AsyncSession,
    item: WorkItem,
    *,
    status: str,
    body: str = "",
    evidence: str = "",
    due_on: date | None = None,
    papers: Sequence[tuple[str, bytes]] = (),
    region_code: str = "",
    recorded_by: int | None = None,
) -> None:
    """Say something of a task: how far it is, by when, and the papers behind it.

    Args:
        papers: file names and contents; one that is not taken refuses the whole note.

    Raises:
        NoteRefused: one of the family above, with what to do in Chinese.
        PaperRefused: a file is none that is taken.
    """
    if status not in list(Status):
        raise StatusWrong(f"状态应为{'、'.join(one.label for one in Status)}之一。", "status")
    said, paper = body.strip(), evidence.strip()
    if status == Status.DONE and not paper and not papers:
        raise StatusWrong("标为“已完成”须写明佐证材料（文件名称、文号或存放位置），或上传材料。", "evidence")
    if len(papers) > MOST_PAPERS:
        raise NoteRefused(f"一次最多上传 {MOST_PAPERS} 份材料，现有 {len(papers)} 份，请分次保存。", "files")
    if len(said) > _LONGEST_NOTE or len(paper) > _LONGEST_NOTE:
        raise NoteRefused(f"最多 {_LONGEST_NOTE} 个字，请精简或分次填写。", "body")
    same = item.last is not None and (status, due_on) == (item.last.status, item.last.due_on)
    if (
        not said
        and not paper
        and not papers
        and (same or (item.last is None and due_on is None and status == Status.NOT_STARTED))
    ):
        raise NoteEmpty("请填写进展、佐证材料，或改动状态、期限后再保存。", "body")
    written = await session.execute(
        text(
            "INSERT INTO task_note (plan, item, status, due_on, body, evidence, region_code, recorded_by)"
            " VALUES (:plan, :item, :status, :due_on, :body, :evidence, :region, :by) RETURNING id"
        ),
        {
            "plan": item.plan.id, "item": item.id, "status": status, "due_on": due_on, "body": said, "evidence": paper,
            "region": region_code, "by": recorded_by,
        },
    )  # fmt: skip
    note_id = written.scalar_one()
    for name, content in papers:
        await keep(session, note_id, content, name)


def as_json(item: WorkItem, today: date) -> dict[str, Any]:
    """A task for programs."""
    return {
        "id": item.id, "plan": item.plan.id, "kind": "duty" if item.is_duty else "task", "title": item.title,
        "text": item.text, "cite": item.cite, "targets": list(item.targets),
        "bodies": [{"name": body.full_name, "lead": body.lead, "inherited": body.inherited} for body in item.bodies],
        "status": item.status.value, "due_on": None if item.due_on is None else item.due_on.isoformat(),
        "evidence": item.last.evidence if item.last is not None else "",
        "reminders": [one.value for one in item.reminders(today)],
    }  # fmt: skip
