"""Following tasks: notes, evidence, deadlines, reminders."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans import tasks
from backend.plans.documents import plan_named
from backend.plans.tasks import Reminder, Status
from tests.backend.conftest import ClientAs

TODAY = date(2026, 7, 10)
PLAN = plan_named("P004")


async def say(session: AsyncSession, item: str = "P004-01", **given: object) -> tasks.WorkItem:
    found = await tasks.work_item(session, PLAN, item)
    await tasks.note(session, found, **({"status": "under_way", "body": "已部署"} | given))  # pyright: ignore[reportArgumentType]
    return await tasks.work_item(session, PLAN, item)


async def test_the_decomposition_has_75_tasks_with_their_lead_and_its_duties(session: AsyncSession):
    items = await tasks.work_items(session, plan_named("P003"))
    assert sum(1 for one in items if not one.is_duty) == 75
    assert all(any(body.lead for body in one.bodies) for one in items if not one.is_duty)
    assert {one.status for one in items} == {Status.NOT_STARTED}


async def test_the_latest_note_stands_and_the_ones_before_stay(session: AsyncSession):
    await say(session, due_on=date(2026, 9, 30))
    item = await say(session, body="已完成三分之一", due_on=date(2026, 12, 31))
    assert (item.status, item.due_on) == (Status.UNDER_WAY, date(2026, 12, 31))
    assert [note.body for note in await tasks.notes_of(session, PLAN, item.id)] == ["已完成三分之一", "已部署"]


async def test_done_needs_the_paper_behind_it(session: AsyncSession):
    with pytest.raises(tasks.StatusWrong, match="佐证材料") as refused:
        await say(session, status="done")
    assert refused.value.field == "evidence"
    assert (await say(session, status="done", evidence="泰政办发〔2026〕8号")).status is Status.DONE


async def test_a_note_that_says_nothing_is_refused(session: AsyncSession):
    await say(session)
    with pytest.raises(tasks.NoteEmpty):
        await say(session, body=" ")


async def test_a_duty_without_a_number_is_followed_alike(session: AsyncSession):
    assert (await say(session, "N004-01", status="done", evidence="批复文件")).status is Status.DONE


@pytest.mark.parametrize(
    ("due_on", "expected"),
    [
        (date(2026, 7, 9), (Reminder.OVERDUE,)),
        (date(2026, 7, 10), (Reminder.DUE_SOON,)),
        (date(2026, 8, 9), (Reminder.DUE_SOON,)),
        (date(2026, 8, 10), ()),
    ],
)
async def test_a_deadline_is_told_thirty_days_before_and_from_the_day_after(
    session: AsyncSession, due_on: date, expected: tuple[Reminder, ...]
):
    await say(session, due_on=due_on)
    await session.execute(text("UPDATE task_note SET recorded_at = :at"), {"at": datetime(2026, 7, 1, tzinfo=UTC)})
    assert (await tasks.work_item(session, PLAN, "P004-01")).reminders(TODAY) == expected


async def test_an_open_task_silent_for_a_quarter_is_told_and_a_done_one_is_not(session: AsyncSession):
    await say(session)
    await say(session, "P004-02", status="done", evidence="总结")
    long_ago = datetime(2026, 7, 10, tzinfo=UTC) - timedelta(days=93)
    await session.execute(text("UPDATE task_note SET recorded_at = :at"), {"at": long_ago})
    assert [(one.id, why) for one, why in await tasks.reminders(session, TODAY)] == [("P004-01", (Reminder.SILENT,))]


async def test_what_was_known_before_a_note_is_known_again(session: AsyncSession):
    await say(session)
    then = datetime.now(UTC) - timedelta(minutes=5)
    assert (await tasks.work_items(session, PLAN, then))[0].last is None


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_a_task_is_noted_on_its_page_and_shown_on_the_lists(officer: AsyncClient):
    page = "/plans/P003/tasks/P003-01"
    assert "△市科技局" in (await officer.get("/plans/P003/tasks?body=市科技局")).text
    wrong = await officer.post(page, data={"status": "done", "body": "完成", "due_on": "2026-12-31"})
    assert wrong.status_code == 422
    assert "须写明佐证材料" in wrong.text
    made = await officer.post(page, data={"status": "under_way", "body": "已启动", "due_on": "2020-12-31"})
    assert made.status_code == 303
    assert "已启动" in (await officer.get(page)).text
    assert "已过期限" in (await officer.get("/tasks")).text
    assert (await officer.get("/plans/P003/tasks/P003-99")).status_code == 404


async def test_programs_note_tasks_too_and_a_viewer_does_not(officer: AsyncClient, client_as: ClientAs):
    address = "/api/v1/plans/P004/tasks/P004-01/notes"
    made = await officer.post(address, json={"status": "under_way", "body": "已部署", "due_on": "2026-12-31"})
    assert (made.status_code, made.json()["status"]) == (201, "under_way")
    listed = {one["id"]: one for one in (await officer.get("/api/v1/plans/P004/tasks")).json()}
    assert listed["P004-01"]["due_on"] == "2026-12-31"
    viewer = await client_as("viewer")
    assert (await viewer.post(address, json={"status": "under_way", "body": "x"})).status_code == 403


async def test_a_district_notes_in_its_own_name(client_as: ClientAs):
    district = await client_as("district_officer", region="321283")
    made = await district.post("/plans/P004/tasks/P004-01", data={"status": "under_way", "body": "本市已部署"})
    assert made.status_code == 303
    assert "泰兴市" in (await district.get("/plans/P004/tasks/P004-01")).text


async def test_a_paper_behind_a_note_is_evidence_and_is_had_again(officer: AsyncClient, client_as: ClientAs):
    page = "/plans/P003/tasks/P003-02"
    # As a browser sends it: a second chooser was left empty.
    part = (
        '--x\r\nContent-Disposition: form-data; name="files"; filename="{}"\r\n'
        "Content-Type: application/pdf\r\n\r\n{}\r\n"
    )
    status = '--x\r\nContent-Disposition: form-data; name="status"\r\n\r\ndone\r\n'
    body = f"{status}{part.format('批复.pdf', '%PDF-1.7 x')}{part.format('', '')}--x--\r\n"
    sent_as = {"Content-Type": "multipart/form-data; boundary=x"}
    made = await officer.post(page, content=body.encode(), headers=sent_as)
    assert made.status_code == 303
    shown = (await officer.get(page)).text
    found = re.search(rf'href="({page}/papers/\d+)"', shown)
    assert "批复.pdf" in shown
    assert found is not None
    district = await client_as("district_officer", region="321283")
    paper = await district.get(found[1])
    assert (paper.content, paper.headers["content-type"]) == (b"%PDF-1.7 x", "application/pdf")
    assert paper.headers["content-disposition"].startswith("attachment")
    elsewhere = found[1].replace("P003-02", "P003-03")
    assert (await officer.get(elsewhere)).status_code == 404
    enterprise = await client_as("enterprise")
    assert (await enterprise.get(found[1])).status_code == 403


async def test_a_file_that_is_no_paper_refuses_the_whole_note(officer: AsyncClient):
    page = "/plans/P003/tasks/P003-04"
    forged = [("files", ("批复.pdf", b"MZ\x90 program", "application/pdf"))]
    refused = await officer.post(page, data={"status": "done", "body": "已办结"}, files=forged)
    assert refused.status_code == 422
    assert "没有保存" in refused.text
    assert "还没有记录" in (await officer.get(page)).text


async def test_tasks_to_look_at_are_those_of_plans_that_concern_the_district(session: AsyncSession):
    await say(session, due_on=date(2026, 7, 1))
    for region, expected in (("", ["P004-01"]), ("321283", ["P004-01"]), ("320706", [])):
        assert [one.id for one, _ in await tasks.tasks_to_look_at(session, TODAY, region)] == expected
