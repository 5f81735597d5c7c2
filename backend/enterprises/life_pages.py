"""Forms for what becomes of an enterprise: it ends, comes back, moves, or is divided. Work without JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.proposals import Change
from backend.clock import today
from backend.enterprises.credit_code import CreditCodeError, parse_credit_code
from backend.enterprises.editing import districts
from backend.enterprises.ending import LifeRefused
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, check_lengths, form_page, typed_day
from backend.enterprises.life_acts import END, REVIVE, SPLIT, Act, do_or_propose, moving_act
from backend.enterprises.lineage import ENDS, ends_of
from backend.enterprises.moving import Move, MoveRefused
from backend.enterprises.regions import Regions
from backend.recognitions.queries import Held, held_by
from backend.recognitions.service import RecognitionRefused
from backend.web.dependencies import Work
from backend.web.responses import redirect

router = APIRouter()


class EndForm(BaseModel):
    """How and when an enterprise ended, with the paper; or why that was wrong."""

    kind: str = "cancelled"
    ended_on: str = ""
    document: str = ""
    reason: str = ""


@router.get("/enterprises/{code}/end")
async def end_form(request: Request, session: Work, person: Officer, row: ChosenEnterprise) -> Response:
    """The form for an end, or for taking it back."""
    return await _end_page(request, session, row, EndForm(), {})


@router.post("/enterprises/{code}/end")
async def end_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[EndForm, Form()]
) -> Response:
    """Let an enterprise be none any more from a day on."""
    errors: Errors = {}
    day = typed_day(form.ended_on, "ended_on", errors)
    if day is None:
        errors.setdefault("ended_on", "请填写注销或吊销的日期。")
    elif day > today():
        errors["ended_on"] = f"{day} 在今天之后，请在当天再登记。"
    if form.kind not in ENDS:
        errors["kind"] = "请选择注销或吊销。"
    if not form.reason.strip():
        errors["reason"] = "请写明原因。"
    if errors:
        return await _end_page(request, session, row, form, errors)
    act = ending_act(row, form.kind, str(day), form.document.strip()[:200], form.reason.strip())
    return await _done(request, session, row, act, person.id, "ended", form, "ended_on")


def ending_act(row: Mapping[str, Any], kind: str, ended_on: str, document: str, reason: str) -> Act:
    """An end as an act."""
    payload = {
        "enterprise_id": row["id"], "kind": kind, "ended_on": ended_on, "document": document, "reason": reason,
    }  # fmt: skip
    change = Change("登记状态", "存续", f"{ended_on} {ENDS[kind]}")
    return Act(END, row["id"], f"登记{ENDS[kind]}：{row['name']}，{ended_on}", reason, payload, (change,))


@router.post("/enterprises/{code}/revive")
async def revive_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[EndForm, Form()]
) -> Response:
    """Take an end back."""
    if not form.reason.strip():
        return await _end_page(request, session, row, form, {"reason": "请写明为什么撤销，如登记错了企业。"})
    return await _done(
        request, session, row, reviving_act(row, form.reason.strip()), person.id, "revived", form, "reason"
    )


def reviving_act(row: Mapping[str, Any], reason: str) -> Act:
    """Taking an end back, as an act."""
    was = ENDS.get(row["status"], "")
    change = Change("登记状态", f"{row['ended_on']} {was}", "存续")
    payload = {"enterprise_id": row["id"], "reason": reason}
    return Act(REVIVE, row["id"], f"撤销{was}登记：{row['name']}", reason, payload, (change,))


async def _done(
    request: Request, session: AsyncSession, row: Mapping[str, Any], act: Act, person_id: int, done: str, form: EndForm, field: str,
) -> Response:  # fmt: skip
    try:
        proposal = await do_or_propose(request, session, act, person_id)
    except LifeRefused as refusal:
        return await _end_page(request, session, row, form, {field: str(refusal)})
    return redirect(request, f"{address_of(row)}?done={done if proposal is None else 'proposed'}")


async def _end_page(
    request: Request, session: AsyncSession, row: Mapping[str, Any], form: EndForm, errors: Errors
) -> Response:
    heading = "撤销注销或吊销" if row["status"] in ENDS else "登记注销或吊销"
    return form_page(
        request, "enterprises/end.html", heading, row, errors, form=form, ends=await ends_of(session, row["id"]),
        kinds=list(ENDS.items()), has_ended=row["status"] in ENDS, labels=ENDS, last_day=today(),
    )  # fmt: skip


# Moving ----------------------------------------------------------------------------------------------------


class MoveForm(BaseModel):
    """Where an enterprise moved, when, and on which paper."""

    region_code: str = ""
    town: str = ""
    park: str = ""
    moved_on: str = ""
    document: str = ""
    reason: str = ""


@router.get("/enterprises/{code}/move")
async def move_form(request: Request, person: Officer, row: ChosenEnterprise) -> Response:
    """The form for a move to another district."""
    return _move_page(request, row, MoveForm(moved_on=today().isoformat()), {})


@router.post("/enterprises/{code}/move")
async def move_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[MoveForm, Form()]
) -> Response:
    """Register that an enterprise moved to another district on a day."""
    errors: Errors = {}
    day = typed_day(form.moved_on, "moved_on", errors)
    if day is None:
        errors.setdefault("moved_on", "请填写迁移日期。")
    elif day > today():
        errors["moved_on"] = f"{day} 在今天之后，请在当天再登记。"
    region = Regions.load().find(form.region_code)
    if region is None or region.level != "district":
        errors["region_code"] = "请选择迁入的市（区）。"
    check_lengths(form.model_dump(), {"town": 100, "park": 100}, errors)
    if not form.reason.strip():
        errors["reason"] = "请写明依据，如登记机关的迁移通知。"
    if errors or day is None:
        return _move_page(request, row, form, errors)
    try:
        proposal = await do_or_propose(request, session, moving_act(row, moved(row["id"], form, day)), person.id)
    except MoveRefused as refusal:
        return _move_page(request, row, form, {"region_code": str(refusal)})
    return redirect(request, f"{address_of(row)}?done={'moved' if proposal is None else 'proposed'}")


def moved(enterprise_id: int, form: MoveForm, day: Any) -> Move:
    """The move that a form states."""
    return Move(
        enterprise_id, form.region_code, day, form.town.strip(), form.park.strip(), form.document.strip()[:200],
        form.reason.strip(),
    )  # fmt: skip


def _move_page(request: Request, row: Mapping[str, Any], form: MoveForm, errors: Errors) -> Response:
    return form_page(
        request, "enterprises/move.html", "登记迁移", row, errors, form=form, regions=districts(), last_day=today()
    )


# Splitting -------------------------------------------------------------------------------------------------


class SplitForm(BaseModel):
    """What came of an enterprise, when, on which paper, and which titles passed over."""

    split_on: str = ""
    credit_code: str = ""
    name: str = ""
    region_code: str = ""
    document: str = ""
    reason: str = ""
    titles: list[int] = []


@router.get("/enterprises/{code}/split")
async def split_form(request: Request, session: Work, person: Officer, row: ChosenEnterprise) -> Response:
    """The form for a split."""
    return await _split_page(request, session, row, SplitForm(region_code=row["region_code"]), {})


@router.post("/enterprises/{code}/split")
async def split_enterprise(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[SplitForm, Form()]
) -> Response:
    """Let an enterprise have come of another on a day."""
    errors: Errors = {}
    day = typed_day(form.split_on, "split_on", errors)
    if day is None:
        errors.setdefault("split_on", "请填写分立日期。")
    elif day > today():
        errors["split_on"] = f"{day} 在今天之后，请在当天再登记。"
    if form.credit_code.strip():
        try:
            form.credit_code = str(parse_credit_code(form.credit_code))
        except CreditCodeError as problem:
            errors["credit_code"] = problem.message
    elif len(form.name.strip()) < 2:
        errors["name"] = "请填写新企业的名称；库内已有的，填统一社会信用代码即可。"
    check_lengths(form.model_dump(), {"name": 200}, errors)
    if not form.reason.strip():
        errors["reason"] = "请写明分立的依据，如分立公告、股东会决议。"
    if not errors:
        try:
            proposal = await do_or_propose(request, session, splitting_act(row, form, str(day)), person.id)
            return redirect(request, f"{address_of(row)}?done={'split' if proposal is None else 'proposed'}")
        except LifeRefused as refusal:
            errors["name"] = str(refusal)
        except RecognitionRefused as refusal:
            errors["titles"] = f"{refusal}。"
    return await _split_page(request, session, row, form, errors)


def splitting_act(row: Mapping[str, Any], form: SplitForm, split_on: str) -> Act:
    """A split as an act."""
    payload = {
        "from_id": row["id"], "split_on": split_on, "reason": form.reason.strip(), "document": form.document.strip()[:200],
        "name": form.name.strip(), "credit_code": form.credit_code, "region_code": form.region_code,
        "recognition_ids": form.titles,
    }  # fmt: skip
    other = " ".join(part for part in (form.name.strip(), form.credit_code) if part)
    changes = (Change("分出的企业", "", other), Change("转出的认定", "", f"{len(form.titles)} 项"))
    return Act(SPLIT, row["id"], f"分立：{row['name']}，{split_on} 分出 {other}", form.reason.strip(), payload, changes)


async def _split_page(
    request: Request, session: AsyncSession, row: Mapping[str, Any], form: SplitForm, errors: Errors
) -> Response:
    held: list[Held] = [
        one
        for one in (await held_by(session, [row["id"]]))[row["id"]]
        if one.revoked_on is None or one.id in form.titles
    ]
    return form_page(
        request, "enterprises/split.html", "登记分立", row, errors, form=form, held=held, regions=districts(), last_day=today(),
    )  # fmt: skip
