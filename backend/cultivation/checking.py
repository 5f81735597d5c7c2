"""What is wrong with what somebody wants to write into a service file, by field; pages and REST ask alike.

Nothing is looked up twice: what the writing itself refuses (an older state, an entry of another enterprise) is not asked
here.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.clock import today
from backend.cultivation.actions import ActionDraft, PolicyDraft, StepDraft, VisitDraft
from backend.cultivation.stages import TOPICS
from backend.enterprises.forms import Errors
from backend.enterprises.officers import those_outside
from rules.library import library

#: Before it there were no science bureaus that kept such files: a day before it is a slip of the pen.
FIRST_DAY: Final = date(1990, 1, 1)
#: And what is to be done later than so many years from now is one, too.
MOST_YEARS: Final = 10
#: Characters that a text may have; pages and REST say so beforehand.
LONGEST: Final[Mapping[str, int]] = {
    "title": 300, "result": 2_000, "content": 4_000, "follow_up": 500, "met": 200, "visitors": 200, "owner": 100,
    "answer": 2_000, "policy": 200, "document": 200, "note": 300, "need": 2_000,
}  # fmt: skip


async def faults_of_step(session: AsyncSession, enterprise_id: int, values: Mapping[str, Any]) -> Errors:
    """What is wrong with a step, or with what is to become of one: fields that are not there stay as they are."""
    errors: Errors = {}
    if "title" in values:
        _text(errors, "title", values["title"], "请写明步骤。")
    if "due_on" in values:
        _ahead(errors, "due_on", values["due_on"])
    if values.get("result"):
        _text(errors, "result", values["result"], "")
    if values.get("programme") and values["programme"] not in library().by_name:
        errors["programme"] = f"没有认定项目“{values['programme']}”，请从列表中选择，或不填。"
    officer = values.get("officer_id")
    if officer is not None and await those_outside(session, officer, [enterprise_id]):
        errors["officer_id"] = "所选责任人不能管理这家企业（不在其区域或园区，或已停用）。请另选。"
    return errors


def values_of(draft: StepDraft) -> dict[str, Any]:
    """A step to be planned, as `faults_of_step` takes it."""
    return {"title": draft.title, "due_on": draft.due_on, "programme": draft.programme, "officer_id": draft.officer_id}


def faults_of_visit(draft: VisitDraft) -> Errors:
    """What is wrong with a visit."""
    errors: Errors = {}
    _past(errors, "visited_on", draft.visited_on, "请在走访后登记；计划中的走访请列为步骤。")
    _text(errors, "visitors", draft.visitors, "请写明走访人。")
    _text(errors, "content", draft.content, "请写明谈了什么。")
    for field, written in (("met", draft.met), ("follow_up", draft.follow_up)):
        if written:
            _text(errors, field, written, "")
    return errors


def faults_of_action(draft: ActionDraft) -> Errors:
    """What is wrong with a need or a problem."""
    errors: Errors = {}
    _past(errors, "raised_on", draft.raised_on, "请填写企业提出的日期。")
    _text(errors, "content", draft.content, "请写明需求或问题。", "need")
    _text(errors, "owner", draft.owner, "请写明由谁负责办理（单位或科室）。")
    if draft.topic not in TOPICS:
        errors["topic"] = f"没有类别“{draft.topic}”，可用的有 {'、'.join(TOPICS)}。"
    if draft.due_on is not None:
        _ahead(errors, "due_on", draft.due_on)
        if "raised_on" not in errors and draft.due_on < draft.raised_on:
            errors["due_on"] = f"期限 {draft.due_on} 早于提出日期 {draft.raised_on}，请核对。"
    return errors


def faults_of_answer(row: Mapping[str, Any], values: Mapping[str, Any]) -> Errors:
    """What is wrong with what is to become of a need or a problem; what is not there stays as it is."""
    errors: Errors = {}
    if "owner" in values:
        _text(errors, "owner", values["owner"], "责任单位不能为空，请写明由谁负责办理（单位或科室）。")
    if values.get("due_on") is not None and values["due_on"] != row["due_on"]:
        _ahead(errors, "due_on", values["due_on"])
        if "due_on" not in errors and values["due_on"] < row["raised_on"]:
            errors["due_on"] = f"期限 {values['due_on']} 早于提出日期 {row['raised_on']}，请核对。"
    answer = values.get("answer", row["answer"])
    if values.get("status", row["status"]) in ("solved", "unsolvable") and not answer.strip():
        errors["answer"] = "办结或无法解决时，请写明答复。"
    elif answer:
        _text(errors, "answer", answer, "")
    return errors


def faults_of_policy(draft: PolicyDraft) -> Errors:
    """What is wrong with a policy enjoyed."""
    errors: Errors = {}
    _past(errors, "enjoyed_on", draft.enjoyed_on, "请在享受后登记。")
    _text(errors, "policy", draft.policy, "请写明政策名称。")
    for field, written in (("document", draft.document), ("note", draft.note)):
        if written:
            _text(errors, field, written, "")
    return errors


def _text(errors: Errors, field: str, written: str, empty: str, measure: str = "") -> None:
    most = LONGEST[measure or field]
    if not written.strip():
        if empty:
            errors[field] = empty
    elif len(written) > most:
        errors[field] = f"写了 {len(written)} 个字，最多 {most} 个，请精简后再保存。"


def _past(errors: Errors, field: str, day: date, advice: str) -> None:
    if day > today():
        errors[field] = f"{day} 在今天之后，{advice}"
    elif day < FIRST_DAY:
        errors[field] = f"{day} 太早，请核对年份。"


def _ahead(errors: Errors, field: str, day: date) -> None:
    if day < FIRST_DAY or day.year > today().year + MOST_YEARS:
        errors[field] = f"期限 {day} 不合常理（{MOST_YEARS} 年以内），请核对年份。"
