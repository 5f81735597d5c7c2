"""Pages of tasks: those of a plan, one with all that was said of it, and what to look at today."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from backend.access.dependencies import Officer, SignedIn
from backend.clock import today
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.plans import task_papers, tasks
from backend.plans.asking import plan_asked
from backend.plans.knowing import KNOWING
from backend.plans.schemas import BadQuestion, day_of, region_name
from backend.plans.tasks import Reminder, Status, WorkItem
from backend.web.dependencies import Work
from backend.web.responses import paper_download, redirect
from backend.web.templates import render
from rules.plan import Plan

router = APIRouter(dependencies=[KNOWING])
_STATUSES = [(one.value, one.label) for one in Status]


class TasksAsked(BaseModel):
    """Which tasks are wanted."""

    body: str = ""
    status: str = ""
    #: task, duty, or empty for both.
    kind: str = ""

    def wants(self, item: WorkItem) -> bool:
        """Whether a task is one of those."""
        return (
            (not self.body or any(self.body == one.full_name for one in item.bodies))
            and (not self.status or self.status == item.status.value)
            and (not self.kind or (self.kind == "duty") == item.is_duty)
        )


class NoteForm(BaseModel):
    """A note as it stands in the form."""

    status: str = ""
    due_on: str = ""
    body: str = ""
    evidence: str = ""


@router.get("/tasks", response_class=HTMLResponse)
async def reminders(request: Request, session: Work, person: SignedIn) -> HTMLResponse:
    """The tasks of all plans that somebody should look at."""
    found = await tasks.tasks_to_look_at(session, today(), person.region_code)
    return render(
        request, "plans/reminders.html", page_title="任务提醒", breadcrumb=[("规划目标", "/plans"), ("任务提醒", None)],
        found=found, kinds=list(Reminder), on=today(),
    )  # fmt: skip


@router.get("/plans/{plan_id}/tasks", response_class=HTMLResponse)
async def plan_tasks(
    request: Request, session: Work, person: SignedIn, plan_id: str, asked: Annotated[TasksAsked, Query()]
) -> HTMLResponse:
    """A plan's tasks and duties with their bodies, deadlines and how far they are."""
    plan = plan_asked(plan_id, person)
    items = await tasks.work_items(session, plan)
    counts = {status: sum(1 for one in items if one.status is status) for status in Status}
    bodies = sorted({body.full_name for one in items for body in one.bodies})
    return render(
        request, "plans/tasks.html", page_title="任务与定性事项",
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("任务", None)], plan=plan, asked=asked,
        items=[one for one in items if asked.wants(one)], total=len(items), counts=counts, bodies=[(one, one) for one in bodies],
        statuses=_STATUSES, kinds=[("task", "任务"), ("duty", "定性事项")], on=today(),
    )  # fmt: skip


@router.get("/plans/{plan_id}/tasks/{item_id}", response_class=HTMLResponse)
async def task(request: Request, session: Work, person: SignedIn, plan_id: str, item_id: str) -> HTMLResponse:
    """One task with everything that was said of it."""
    plan = plan_asked(plan_id, person)
    item = await tasks.work_item(session, plan, item_id)
    form = NoteForm(status=item.status.value, due_on=item.due_on.isoformat() if item.due_on else "")
    return await _page(request, session, plan, item, form, {}, may_write=person.role.may_write)


@router.post("/plans/{plan_id}/tasks/{item_id}", response_class=HTMLResponse)
async def note(
    request: Request, session: Work, person: Officer, plan_id: str, item_id: str, form: Annotated[NoteForm, Form()],
    files: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:  # fmt: skip
    """Take in a note with its papers, or show the form again with what is wrong."""
    plan = plan_asked(plan_id, person)
    item = await tasks.work_item(session, plan, item_id)
    # One byte more than allowed is enough to know; an empty chooser sends a file without a name.
    papers = [(one.filename, await one.read(MOST_BYTES + 1)) for one in files or () if one.filename]
    try:
        due_on = day_of(form.due_on, "期限")
        await tasks.note(
            session, item, status=form.status, body=form.body, evidence=form.evidence, due_on=due_on, papers=papers,
            region_code=person.region_code, recorded_by=person.id,
        )  # fmt: skip
    except BadQuestion as problem:
        return await _page(request, session, plan, item, form, {"due_on": str(problem)}, may_write=True)
    except tasks.NoteRefused as problem:
        return await _page(request, session, plan, item, form, {problem.field: str(problem)}, may_write=True)
    except PaperRefused as problem:
        return await _page(request, session, plan, item, form, {"files": str(problem)}, may_write=True)
    return redirect(request, f"/plans/{plan.id}/tasks/{item.id}")


@router.get("/plans/{plan_id}/tasks/{item_id}/papers/{paper_id}")
async def paper(session: Work, person: SignedIn, plan_id: str, item_id: str, paper_id: int) -> Response:
    """A paper behind a note, to be saved and never shown as a page of ours."""
    plan = plan_asked(plan_id, person)
    return paper_download(*await task_papers.read(session, plan.id, item_id, paper_id))


async def _page(
    request: Request,
    session: Work,
    plan: Plan,
    item: WorkItem,
    form: NoteForm,
    errors: dict[str, str],
    *,
    may_write: bool,
) -> HTMLResponse:
    return render(
        request, "plans/task.html", status_code=422 if errors else 200, page_title=item.title or item.id,
        breadcrumb=[("规划目标", "/plans"), (plan.id, f"/plans/{plan.id}"), ("任务", f"/plans/{plan.id}/tasks"), (item.id, None)],
        plan=plan, item=item, form=form, error_of=errors, errors=[{"field": name, "message": told} for name, told in errors.items()],
        notes=await tasks.notes_of(session, plan, item.id), statuses=_STATUSES, region_name=region_name, on=today(), may_write=may_write,
        taken=TAKEN, endings=ENDINGS, most=MOST_BYTES // 1024 // 1024,
    )  # fmt: skip
