"""Pages about recognitions: how they stand, and a title granted or taken away by hand."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import needs_second_person
from backend.clock import end_of_day, today
from backend.eligibility.service import evaluate
from backend.enterprises.asking import query_of
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page, typed_day
from backend.enterprises.labels import Names, is_open_here, programme_choices, region_choices
from backend.recognitions import change_pages, life_pages
from backend.recognitions.asking import TitlesKnownOn, TitlesOn
from backend.recognitions.change_pages import title_of
from backend.recognitions.plausible import check_days, read_number
from backend.recognitions.proposing import GRANT, REVOKE, propose_grant, propose_revocation
from backend.recognitions.renewal import renewal_windows
from backend.recognitions.schemas import RecognitionForm, RevocationForm
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, grant, revoke
from backend.recognitions.worklists import DAYS_AHEAD, VIEWS, Asked, list_titles
from backend.web.dependencies import Work
from backend.web.memory import memory_of
from backend.web.responses import piece_for, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
router.include_router(life_pages.router)
router.include_router(change_pages.router)


@router.get("/recognitions", response_class=HTMLResponse)
async def recognitions(
    request: Request,
    session: Work,
    person: SignedIn,
    on: TitlesOn,
    known_at: TitlesKnownOn,
    view: str = "expiring",
    programme: str = "",
    region: str = "",
    days: int | None = None,
    page: int = 1,
    counted: str = "",
) -> HTMLResponse:
    """Titles by how they stand: in force, ending, to be renewed, due and failing, lapsed though eligible, revoked, listed.

    On any day, and as was known at the end of a day.
    """
    asked = Asked(
        view if view in VIEWS else "expiring", programme, region, days if days in DAYS_AHEAD else None,
        person.region_code, max(1, min(page, 1_000_000)), counted == "out",
        known_at=end_of_day(known_at) if known_at is not None else None,
    )  # fmt: skip
    piece = piece_for(request)
    found = await list_titles(session, asked, on, library(), memory_of(request), is_counted_later=piece != "count")
    return render(
        request, "recognitions/recognitions.html", block=piece, page_title="认定",
        found=found, asked=asked, views=VIEWS, windows=await renewal_windows(session, library()),
        ahead=[(str(one), f"{one} 天内" if one else "按各项目的接续窗口") for one in DAYS_AHEAD],
        regions=region_choices(person), programmes=programme_choices(library()), names=Names(library()),
        query=query_of(request), on=on, known_at=known_at, is_now=on == today(), is_today=on == today() and known_at is None, then=_then(on, known_at), is_piece=piece == "results",
    )  # fmt: skip


def _then(on: date, known_at: date | None) -> str:
    """The day and the knowledge in an address, where they are not today's."""
    asked = {
        "on": "" if on == today() else on.isoformat(),
        "known_at": known_at.isoformat() if known_at is not None else "",
    }
    return urlencode({name: value for name, value in asked.items() if value})


@router.get("/enterprises/{code}/recognitions/new")
async def recognition_form(request: Request, person: Officer, row: ChosenEnterprise, programme: str = "") -> Response:
    """The form for a title that stands in no list imported so far."""
    return _recognition_page(request, row, RecognitionForm(programme=programme), {})


@router.post("/enterprises/{code}/recognitions")
async def add_recognition(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[RecognitionForm, Form()]
) -> Response:
    """Enter a title; the enterprise is evaluated anew in the same request."""
    errors: Errors = {}
    draft = _read_title(form, row, errors)
    if draft is None or errors:
        return _recognition_page(request, row, form, errors)
    try:
        if needs_second_person(request, GRANT):
            await propose_grant(session, draft, person.id)
            return redirect(request, f"{address_of(row)}?done=proposed")
        is_new = await grant(session, [draft], library(), recorded_by=person.id)
    except RecognitionRefused as refusal:
        return _recognition_page(request, row, form, {"valid_to": f"{refusal}。"})
    if not is_new[0]:
        return _recognition_page(request, row, form, {"granted_on": "这项认定已经登记过了，请核对企业档案。"})
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"{address_of(row)}?done=granted")


def _read_title(form: RecognitionForm, row: Mapping[str, Any], errors: Errors) -> RecognitionDraft | None:
    if form.programme not in dict(titles_to_grant()):
        errors["programme"] = "请选择认定项目。"
    days = {name: typed_day(getattr(form, name), name, errors) for name in ("granted_on", "valid_from", "valid_to")}
    granted_on = days["granted_on"]
    if granted_on is None:
        errors.setdefault("granted_on", "请填写发证或公告日期。")
        return None
    number = ""
    try:
        number = read_number(form.number, form.programme)
    except RecognitionRefused as refusal:
        errors["number"] = f"{refusal}。"
    try:
        check_days(form.programme, granted_on, days["valid_from"], days["valid_to"], library())
    except RecognitionRefused as refusal:
        errors.setdefault("granted_on", f"{refusal}。")
    if not form.notice.strip():
        errors["notice"] = "请写明依据的文件或名单。"
    return RecognitionDraft(
        row["id"], form.programme, granted_on, "renewed" if form.kind == "renewed" else "granted", number=number,
        batch=form.batch.strip(), valid_from=days["valid_from"], valid_to=days["valid_to"], notice=form.notice.strip(),
        printed_name=row["name"], source="officer",
    )  # fmt: skip


def titles_to_grant() -> list[tuple[str, str]]:
    """The programmes whose titles can be entered for enterprises of the cities served."""
    return [
        (name, one.source.name.zh)
        for name, one in library().programmes.items()
        if one.source.sort == "title" and one.source.subject == "enterprise" and is_open_here(one.source)
    ]


def _recognition_page(request: Request, row: Mapping[str, Any], form: RecognitionForm, errors: Errors) -> HTMLResponse:
    return form_page(
        request, "recognitions/new_recognition.html", "登记认定", row, errors, form=form, programmes=titles_to_grant(),
        last_day=today(),
    )  # fmt: skip


@router.get("/enterprises/{code}/recognitions/{recognition_id}/revoke")
async def revocation_form(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, recognition_id: int
) -> Response:
    """The form for taking a title away."""
    return await _revocation_page(request, session, row, recognition_id, RevocationForm(), {})


@router.post("/enterprises/{code}/recognitions/{recognition_id}/revoke")
async def revoke_recognition(
    request: Request,
    session: Work,
    person: Officer,
    row: ChosenEnterprise,
    recognition_id: int,
    form: Annotated[RevocationForm, Form()],
) -> Response:
    """Let a title count no more from a day on; the enterprise is evaluated anew in the same request."""
    errors: Errors = {}
    revoked_on = typed_day(form.revoked_on, "revoked_on", errors)
    if revoked_on is None:
        errors.setdefault("revoked_on", "请填写自哪一天起取消。")
    if not form.reason.strip():
        errors["reason"] = "请写明原因和依据的文件。"
    title = await title_of(session, row, recognition_id)
    if revoked_on is not None and not errors:
        try:
            if needs_second_person(request, REVOKE):
                await propose_revocation(session, row["id"], title.id, revoked_on, form.reason.strip(), person.id)
                return redirect(request, f"{address_of(row)}?done=proposed")
            await revoke(session, title.id, revoked_on, form.reason.strip(), recorded_by=person.id)
        except RecognitionRefused as refusal:
            errors["revoked_on"] = f"{refusal}。"
    if errors:
        return await _revocation_page(request, session, row, recognition_id, form, errors)
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"{address_of(row)}?done=revoked")


async def _revocation_page(
    request: Request,
    session: AsyncSession,
    row: Mapping[str, Any],
    recognition_id: int,
    form: RevocationForm,
    errors: Errors,
) -> HTMLResponse:
    title = await title_of(session, row, recognition_id)
    return form_page(request, "recognitions/revoke.html", "取消资格", row, errors, form=form, title=title)
