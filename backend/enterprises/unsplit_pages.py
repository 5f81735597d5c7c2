"""The form that takes a split back: what came of it since, row by row, and whether the other enterprise stays."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.proposals import Change
from backend.access.trace.service import Deed, note
from backend.enterprises.ending import LifeRefused
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page
from backend.enterprises.labels import Names
from backend.enterprises.life_acts import UNSPLIT, Act, do_or_propose
from backend.enterprises.unsplitting import Divided, standing_split
from backend.recognitions.passing import PassedSince
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from rules.library import library

router = APIRouter()


class UnsplitForm(BaseModel):
    """What came in since and belongs to the first enterprise, whether the other stays, and why."""

    #: Rows by their keys.
    theirs: list[str] = []
    #: "keep", "close", or nothing chosen.
    other: str = ""
    reason: str = ""
    #: The state that was looked at.
    seen: str = ""


@router.get("/enterprises/{code}/splits/{split_id}/undo")
async def unsplit_form(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, split_id: int
) -> Response:
    """The form, with what came in since."""
    divided = await split_of(session, row, split_id)
    likely = [one.key for one in divided.since if one.is_likely_other]
    other = "keep" if not divided.is_untouched else "close"
    return await _page(request, session, row, divided, UnsplitForm(theirs=likely, other=other), {})


@router.post("/enterprises/{code}/splits/{split_id}/undo")
async def unsplit_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, split_id: int, form: Annotated[UnsplitForm, Form()]
) -> Response:  # fmt: skip
    """Take a split back, or propose it."""
    divided = await split_of(session, row, split_id)
    errors: Errors = {}
    if not form.reason.strip():
        errors["reason"] = "请写明为什么撤销，如登记错了企业、分立未获登记机关核准。"
    if divided.is_new and form.other not in ("keep", "close"):
        errors["other"] = "请选择分出的企业的档案是保留还是一并撤回。"
    if unknown := _unknown(divided, form.theirs):
        errors["theirs"] = f"有 {len(unknown)} 条勾选的记录已不在名单里（可能刚被他人处理），请核对后重新提交。"
    if not errors:
        try:
            proposal = await do_or_propose(request, session, unsplitting_act(divided, form), person.id)
        except LifeRefused as refusal:
            errors["other" if divided.is_new else "reason"] = str(refusal)
        else:
            return redirect(request, f"{address_of(divided.one)}?done={'unsplit' if proposal is None else 'proposed'}")
    return await _page(request, session, row, divided, form, errors)


async def split_of(session: AsyncSession, row: Mapping[str, Any], split_id: int) -> Divided:
    """A split of an enterprise that still holds. Raises NotFound."""
    found = await standing_split(session, split_id)
    if found is None or row["id"] not in (found.from_id, found.to_id):
        raise NotFound("没有这次分立，或者已经撤销过。请回到企业档案查看沿革。")
    if found.other is None:
        raise LifeRefused("分立的两家企业不都在您的区域内，请由市级人员撤销。")
    return found


def _unknown(divided: Divided, keys: list[str]) -> list[str]:
    known = {one.key for one in divided.since}
    return [key for key in keys if key not in known]


def unsplitting_act(divided: Divided, form: UnsplitForm) -> Act:
    """Taking a split back as an act."""
    given = [one for one in divided.since if one.key in form.theirs]
    rows: dict[str, list[int]] = {}
    for one in given:
        rows.setdefault(one.table, []).append(one.id)
    keeps_other = not divided.is_new or form.other == "keep"
    reason = form.reason.strip()
    payload = {
        "split_id": divided.id, "reason": reason, "filings": rows.pop("filing", []),
        "recognitions": rows.pop("recognition", []), "rows": rows, "keeps_other": keeps_other,
        "seen": form.seen or divided.seen,
    }  # fmt: skip
    one, other = divided.one["name"], divided.other["name"] if divided.other else ""
    changes = (
        Change("转回的认定", other, f"{one}：{len(divided.titles)} 项"),
        Change("分出的企业", other, "保留" if keeps_other else "登记一并撤回"),
        *(Change(held.kind, other, f"{one}：{held.words}") for held in given),
    )
    return Act(
        UNSPLIT, divided.from_id, f"撤销分立：{other} 不是 {divided.split_on} 自 {one} 分出", reason, payload, changes
    )


#: What an officer calls the columns of a title that may have been changed.
_COLUMNS = {
    "level": "级别", "edition": "期次", "number": "编号", "batch": "批次", "granted_on": "认定日", "valid_to": "有效期止",
    "notice": "依据", "revoked_on": "取消日", "revocation_reason": "取消原因", "printed_name": "证书所印名称",
}  # fmt: skip


def title_in_words(title: PassedSince, names: Names) -> tuple[str, str]:
    """A title that goes back, and what was changed of it since."""
    held = title.restored or title.before
    said = f"{names.programme(held['programme'])} {held['granted_on']} {held['number']}".strip()
    if title.here is None:
        return said, "原企业的这条认定已撤回，不再恢复"
    changes = [
        f"{label} {title.before[name] or '空'} → {title.edits[name] or '空'}"
        for name, label in _COLUMNS.items()
        if name in title.edits
    ]
    if title.there is None:
        changes.append("转入的一条已撤回；原企业的恢复有效")
    return said, "，".join(changes)


async def _page(
    request: Request, session: AsyncSession, row: Mapping[str, Any], divided: Divided, form: UnsplitForm, errors: Errors
) -> Response:
    # That the one of the address was looked at is noted with the address.
    beside = divided.to_id if row["id"] == divided.from_id else divided.from_id
    await note(session, Deed("read", "enterprise", str(beside), beside))
    names = Names(library())
    form.seen = divided.seen
    return form_page(
        request, "enterprises/unsplit.html", "撤销分立", row, errors, divided=divided, form=form,
        titles=[title_in_words(one, names) for one in divided.titles],
    )  # fmt: skip
