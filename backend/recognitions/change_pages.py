"""Pages that change one title: a review passed, an entry put right, an entry taken out. They work without JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.access.proposals import needs_second_person
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page, typed_day
from backend.recognitions.correcting import Correction, check_extension, correct, next_last_day, withdraw
from backend.recognitions.plausible import read_number
from backend.recognitions.proposing import (
    CORRECT,
    EXTEND,
    WITHDRAW,
    propose_correction,
    propose_extension,
    propose_withdrawal,
)
from backend.recognitions.queries import Held, held_by
from backend.recognitions.schemas import CorrectionForm, ExtensionForm
from backend.recognitions.service import RecognitionRefused, extend
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from rules.library import library

router = APIRouter()


async def title_of(session: AsyncSession, row: Mapping[str, Any], recognition_id: int) -> Held:
    """A title of an enterprise as it holds now. Raises NotFound."""
    titles = (await held_by(session, [row["id"]]))[row["id"]]
    title = next((one for one in titles if one.id == recognition_id), None)
    if title is None:
        raise NotFound("这家企业没有这项认定，或者它刚被修改过。请回到企业档案核对。")
    return title


# A review passed -------------------------------------------------------------------------------------


@router.get("/enterprises/{code}/recognitions/{recognition_id}/extend")
async def extension_form(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, recognition_id: int
) -> Response:
    """The form for a review passed; the last day is one term on, unless the notice prints another."""
    title = await title_of(session, row, recognition_id)
    form = ExtensionForm(valid_to=str(next_last_day(title, library()) or ""))
    return _extension_page(request, row, title, form, {})


@router.post("/enterprises/{code}/recognitions/{recognition_id}/extend")
async def extend_title(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, recognition_id: int,
    form: Annotated[ExtensionForm, Form()],
) -> Response:  # fmt: skip
    """Let a title count until a later day; the enterprise is evaluated anew in the same request."""
    title = await title_of(session, row, recognition_id)
    errors: Errors = {}
    valid_to, notice = typed_day(form.valid_to, "valid_to", errors), form.notice.strip()
    if valid_to is None:
        errors.setdefault("valid_to", "请填写复核后的有效期止。")
    if not notice:
        errors["notice"] = "请写明依据的复核公告或名单。"
    if valid_to is not None and not errors:
        try:
            check_extension(title, valid_to, library())
            if needs_second_person(request, EXTEND):
                await propose_extension(session, row["id"], title.id, valid_to, notice, person.id)
                return redirect(request, f"{address_of(row)}?done=proposed")
            await extend(session, title.id, valid_to, notice, recorded_by=person.id)
        except RecognitionRefused as refusal:
            errors["valid_to"] = f"{refusal}。"
    if errors:
        return _extension_page(request, row, title, form, errors)
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"/recognitions/{title.id}?done=extended")


def _extension_page(
    request: Request, row: Mapping[str, Any], title: Held, form: ExtensionForm, errors: Errors
) -> HTMLResponse:
    return form_page(request, "recognitions/extend.html", "复核通过", row, errors, form=form, title=title)


# An entry put right, or taken out --------------------------------------------------------------------


@router.get("/enterprises/{code}/recognitions/{recognition_id}/correct")
async def correction_form(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, recognition_id: int
) -> Response:
    """The form for an entry that is wrong, with what it says now."""
    title = await title_of(session, row, recognition_id)
    form = CorrectionForm(
        number=title.number, batch=title.batch, granted_on=str(title.granted_on), valid_from=str(title.valid_from),
        valid_to=str(title.valid_to or ""), notice=title.notice,
    )  # fmt: skip
    return _correction_page(request, row, title, form, {})


@router.post("/enterprises/{code}/recognitions/{recognition_id}/correct")
async def correct_title(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, recognition_id: int,
    form: Annotated[CorrectionForm, Form()],
) -> Response:  # fmt: skip
    """Put an entry right or take it out; the enterprise is evaluated anew in the same request."""
    title = await title_of(session, row, recognition_id)
    errors: Errors = {}
    try:
        if form.act == "withdraw":
            done = await _withdraw(request, session, person.id, row, title, form, errors)
        else:
            done = await _correct(request, session, person.id, row, title, form, errors)
    except RecognitionRefused as refusal:
        done, errors["granted_on"] = "", f"{refusal}。"
    if errors:
        return _correction_page(request, row, title, form, errors)
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, done)


async def _correct(
    request: Request, session: AsyncSession, person_id: int, row: Mapping[str, Any], title: Held,
    form: CorrectionForm, errors: Errors,
) -> str:  # fmt: skip
    """Where to go on."""
    as_it_is = _read(form, title, errors)
    if as_it_is is None:
        return ""
    if needs_second_person(request, CORRECT):
        await propose_correction(session, row["id"], title.id, as_it_is, person_id)
        return f"{address_of(row)}?done=proposed"
    await because(session, as_it_is.reason)
    if not await correct(session, title.id, as_it_is, library(), recorded_by=person_id):
        errors["number"] = "没有任何改动。请改正有误的一项，或返回。"
    return f"/recognitions/{title.id}?done=corrected"


async def _withdraw(
    request: Request, session: AsyncSession, person_id: int, row: Mapping[str, Any], title: Held,
    form: CorrectionForm, errors: Errors,
) -> str:  # fmt: skip
    """Where to go on."""
    reason = form.reason.strip()
    if not reason:
        errors["reason"] = "请写明为什么撤回，如“误登到同名企业”。"
        return ""
    if needs_second_person(request, WITHDRAW):
        await propose_withdrawal(session, row["id"], title.id, reason, person_id)
        return f"{address_of(row)}?done=proposed"
    await because(session, reason)
    await withdraw(session, title.id)
    return f"{address_of(row)}?done=withdrawn"


def _read(form: CorrectionForm, title: Held, errors: Errors) -> Correction | None:
    number = form.number.strip()[:60]
    if number != title.number:
        try:
            number = read_number(number, title.programme)
        except RecognitionRefused as refusal:
            errors["number"] = f"{refusal}。"
    granted_on = typed_day(form.granted_on, "granted_on", errors)
    valid_from = typed_day(form.valid_from, "valid_from", errors)
    valid_to = typed_day(form.valid_to, "valid_to", errors)
    if granted_on is None:
        errors.setdefault("granted_on", "请填写发证或公告日期。")
    if not form.notice.strip():
        errors["notice"] = "请写明依据的文件或名单。"
    if not form.reason.strip():
        errors["reason"] = "请写明更正的原因，如“录入时日期看错”。"
    if granted_on is None or errors:
        return None
    return Correction(
        number, form.batch.strip()[:120], granted_on, valid_from or granted_on, valid_to,
        form.notice.strip(), form.reason.strip()[:500],
    )  # fmt: skip


def _correction_page(
    request: Request, row: Mapping[str, Any], title: Held, form: CorrectionForm, errors: Errors
) -> HTMLResponse:
    return form_page(
        request,
        "recognitions/correct.html",
        "更正或撤回认定登记",
        row,
        errors,
        form=form,
        title=title,
        last_day=today(),
    )
