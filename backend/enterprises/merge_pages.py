"""Pages of what may be one enterprise twice: the list, two files side by side, and parting them again."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import Change
from backend.access.trace.service import Deed, note
from backend.database.session import because
from backend.enterprises.comparing import compare
from backend.enterprises.duplicates import RULES
from backend.enterprises.duplicates_kept import suspects_lately
from backend.enterprises.ending import LifeRefused
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page
from backend.enterprises.labels import Names, region_choices
from backend.enterprises.life_acts import MERGE, UNMERGE, Act, do_or_propose
from backend.enterprises.lineage import Absorbed, merges_of
from backend.enterprises.merged_since import Since, came_since
from backend.enterprises.merging import keep_apart
from backend.enterprises.queries import find
from backend.web.dependencies import Work, engine_of
from backend.web.errors import NotFound
from backend.web.memory import memory_of
from backend.web.responses import redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
_DONE = {"apart": "已记为两家不同的企业，不再列出。", "proposed": "已提交，由另一人在“待确认”里确认后生效。"}


@router.get("/enterprises/duplicates")
async def duplicates(
    request: Request, session: Work, person: SignedIn, rule: str = "", region: str = "", done: str = ""
) -> Response:
    """Files that may be of one enterprise, with the reason: a work list."""
    found = await suspects_lately(session, memory_of(request), engine_of(request), person.region_code or region, rule)
    return render(
        request, "enterprises/duplicates.html", page_title="疑似重复",
        breadcrumb=[("企业", "/enterprises"), ("疑似重复", None)], found=found, names=Names(library()), rule=rule,
        region=region, rules=[(name, one.label) for name, one in RULES.items()], regions=region_choices(person),
        may_write=person.role.may_write, messages=[("good", _DONE[done])] if done in _DONE else [],
    )  # fmt: skip


class MergeForm(BaseModel):
    """Which other file, which of the two remains, and why."""

    other: str = ""
    #: The id of the one that remains.
    remains: str = ""
    reason: str = ""


async def _other(session: AsyncSession, row: Mapping[str, Any], key: str, errors: Errors) -> Mapping[str, Any] | None:
    if not key.strip():
        return None
    found = await find(session, key)
    if found is None:
        errors["other"] = f"没有代码为“{key.strip()}”的企业，或者它不在您的区域。请核对后重填。"
    elif found["id"] == row["id"]:
        errors["other"] = "这就是当前这份档案（旧代码、旧编号也指向它），请填另一家的代码。"
        return None
    return found


@router.get("/enterprises/{code}/merge")
async def merge_form(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, other: str = ""
) -> Response:
    """Two files side by side, and the form that makes them one."""
    errors: Errors = {}
    found = await _other(session, row, other, errors)
    return await _merge_page(request, session, row, found, MergeForm(other=other), errors)


@router.post("/enterprises/{code}/merge")
async def merge_files(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[MergeForm, Form()]
) -> Response:
    """Make two files one, or propose it; four eyes where the installation wants them."""
    errors: Errors = {}
    found = await _other(session, row, form.other, errors)
    if found is None:
        errors.setdefault("other", "请填写另一份档案的统一社会信用代码或库内编号。")
        return await _merge_page(request, session, row, None, form, errors)
    if form.remains not in (str(row["id"]), str(found["id"])):
        errors["remains"] = "请选择保留哪一份档案。"
    if not form.reason.strip():
        errors["reason"] = "请写明依据，如两份档案是同一统一社会信用代码换发前后。"
    if errors:
        return await _merge_page(request, session, row, found, form, errors)
    survivor, absorbed = (row, found) if form.remains == str(row["id"]) else (found, row)
    try:
        proposal = await do_or_propose(
            request, session, merging_act(absorbed, survivor, form.reason.strip()), person.id
        )
    except LifeRefused as refusal:
        return await _merge_page(request, session, row, found, form, {"remains": str(refusal)})
    return redirect(request, f"{address_of(survivor)}?done={'merged' if proposal is None else 'proposed'}")


def merging_act(absorbed: Mapping[str, Any], survivor: Mapping[str, Any], reason: str) -> Act:
    """A merge as an act."""
    code = absorbed["credit_code"] or f"库内编号 {absorbed['id']}"
    return Act(
        MERGE, survivor["id"], f"合并重复档案：{absorbed['name']} 并入 {survivor['name']}", reason,
        {"absorbed_id": absorbed["id"], "survivor_id": survivor["id"], "reason": reason},
        (Change("并入的档案", f"{absorbed['name']}（{code}）", survivor["name"]),),
    )  # fmt: skip


async def _merge_page(
    request: Request,
    session: AsyncSession,
    row: Mapping[str, Any],
    other: Mapping[str, Any] | None,
    form: MergeForm,
    errors: Errors,
) -> Response:
    sections = await compare(session, row, other, library()) if other is not None else []
    if other is not None:
        # That the one of the address was looked at is noted with the address.
        await note(session, Deed("read", "enterprise", str(other["id"]), other["id"]))
    return form_page(
        request, "enterprises/merge.html", "合并重复档案", row, errors, form=form, other=other, sections=sections
    )


class ApartForm(BaseModel):
    """Which other file is of another enterprise, and why."""

    other: str = ""
    reason: str = ""


@router.post("/enterprises/{code}/apart")
async def apart(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[ApartForm, Form()]
) -> Response:
    """Note that two that look like one are two."""
    errors: Errors = {}
    found = await _other(session, row, form.other, errors)
    if found is None or not form.reason.strip():
        errors["reason"] = "请写明为什么是两家企业。"
        return await _merge_page(request, session, row, found, MergeForm(other=form.other), errors)
    await because(session, form.reason.strip())
    await keep_apart(session, row["id"], found["id"], form.reason.strip(), person.id)
    return redirect(request, "/enterprises/duplicates?done=apart")


# Parting them again ----------------------------------------------------------------------------------------


async def standing_merge(session: AsyncSession, row: Mapping[str, Any], merge_id: int) -> Absorbed:
    """A merge of an enterprise's file that still holds. Raises NotFound."""
    found = [one for one in await merges_of(session, row["id"]) if one.merge_id == merge_id]
    if not found or found[0].undone_at is not None or found[0].survivor_id != row["id"]:
        raise NotFound("没有这次合并，或者已经撤销过。请回到企业档案查看沿革。")
    return found[0]


@router.get("/enterprises/{code}/merges/{merge_id}/undo")
async def undo_form(request: Request, session: Work, person: Officer, row: ChosenEnterprise, merge_id: int) -> Response:
    """The form that parts two files; what came in since is listed, for the officer to say whose it is."""
    merged = await standing_merge(session, row, merge_id)
    return _undo_page(request, row, merged, await came_since(session, merge_id), set(), "", {})


@router.post("/enterprises/{code}/merges/{merge_id}/undo")
async def undo_merge(
    request: Request,
    session: Work,
    person: Officer,
    row: ChosenEnterprise,
    merge_id: int,
    reason: Annotated[str, Form()] = "",
    theirs: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Part two files again; `theirs` names the rows that belong to the one that is opened again."""
    merged = await standing_merge(session, row, merge_id)
    since, chosen = await came_since(session, merge_id), set(theirs or ())
    errors: Errors = {} if reason.strip() else {"reason": "请写明为什么撤销，如两家是母公司与子公司。"}
    if errors:
        return _undo_page(request, row, merged, since, chosen, reason, errors)
    act = parting_act(row, merged, reason.strip(), [one for one in since if one.key in chosen])
    try:
        proposal = await do_or_propose(request, session, act, person.id)
    except LifeRefused as refusal:
        return _undo_page(request, row, merged, since, chosen, reason, {"reason": str(refusal)})
    return redirect(request, f"{address_of(row)}?done={'parted' if proposal is None else 'proposed'}")


def parting_act(row: Mapping[str, Any], merged: Absorbed, reason: str, given: Sequence[Since]) -> Act:
    """Parting two files as an act."""
    rows: dict[str, list[int]] = {}
    for one in given:
        rows.setdefault(one.table, []).append(one.id)
    payload = {
        "merge_id": merged.merge_id, "reason": reason, "filings": rows.pop("filing", []),
        "recognitions": rows.pop("recognition", []), "rows": rows,
    }  # fmt: skip
    changes = tuple(Change(one.kind, row["name"], f"{merged.name}：{one.words}") for one in given)
    return Act(UNMERGE, row["id"], f"撤销合并：{merged.name} 从 {row['name']} 分出", reason, payload, changes)


def _undo_page(
    request: Request,
    row: Mapping[str, Any],
    merged: Absorbed,
    since: Sequence[Since],
    chosen: set[str],
    reason: str,
    errors: Errors,
) -> Response:
    return form_page(
        request,
        "enterprises/unmerge.html",
        "撤销合并",
        row,
        errors,
        merged=merged,
        since=since,
        chosen=chosen,
        reason=reason,
    )
