"""The filing windows of all programmes, and the form to enter or correct one."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.cultivation.schemas import WindowForm
from backend.cultivation.windows import Window, all_windows, set_window
from backend.enterprises.forms import Errors, typed_day
from backend.enterprises.labels import Names, is_open_here, programme_choices
from backend.web.dependencies import Work
from backend.web.errors import Forbidden
from backend.web.responses import redirect
from backend.web.templates import render
from rules.catalogue import Certainty
from rules.library import library

router = APIRouter()
CERTAINTIES = {
    "confirmed": "已核实", "single_source": "单一来源", "memory": "凭经验", "inferred": "推断", "conflict": "说法不一",
    "not_found": "未见原文",
}  # fmt: skip


@router.get("/pool/windows", response_class=HTMLResponse)
async def windows(
    request: Request,
    session: Work,
    person: SignedIn,
    programme: str = "",
    year: str = "",
    label: str = "",
    done: str = "",
) -> HTMLResponse:
    """All windows known, the newest year first; one that is named comes into the form to be corrected."""
    form = WindowForm(programme=programme, year=year or str(today().year), label=label)
    known = await all_windows(session)
    place = (programme, year, label)
    there = next((one for one in known if (one.programme, str(one.year), one.label) == place), None)
    if there is not None:
        form = WindowForm(
            programme=there.programme, year=str(there.year), label=there.label, certainty=str(there.certainty),
            opens_on=there.opens_on.isoformat() if there.opens_on else "", closes_on=there.closes_on.isoformat(),
            source=there.source, note=there.note,
        )  # fmt: skip
    return await _windows_page(request, session, person, form, {}, [("good", "已保存。")] if done else [])


@router.post("/pool/windows")
async def save_window(
    request: Request, session: Work, person: Officer, form: Annotated[WindowForm, Form()]
) -> Response:
    """Enter a window, or correct it; the city's officers only."""
    if person.region_code:
        raise Forbidden("申报窗口由市级登记。如有更正，请联系市科技局。")
    errors: Errors = {}
    window = _read(form, errors)
    if window is None or errors:
        return await _windows_page(request, session, person, form, errors, [])
    await set_window(session, window, by=person.id)
    return redirect(request, "/pool/windows?done=saved")


def _read(form: WindowForm, errors: Errors) -> Window | None:
    opens_on = typed_day(form.opens_on, "opens_on", errors)
    closes_on = typed_day(form.closes_on, "closes_on", errors)
    if form.programme not in library().programmes:
        errors["programme"] = "请选择认定项目。"
    if not (form.year.isascii() and form.year.isdecimal() and 2000 <= int(form.year) <= 2100):
        errors["year"] = f"年度“{form.year}”应为四位年份，如 {today().year}。"
    if closes_on is None:
        errors.setdefault("closes_on", "请填写截止日期；当天仍可申报。")
    if opens_on and closes_on and opens_on > closes_on:
        errors["opens_on"] = "开始日期晚于截止日期，请核对。"
    if not form.source.strip():
        errors["source"] = "请写明依据的通知（文号）。"
    if errors or closes_on is None:
        return None
    certainty = Certainty(form.certainty) if form.certainty in CERTAINTIES else Certainty.SINGLE_SOURCE
    return Window(
        programme=form.programme, year=int(form.year), label=form.label.strip()[:60], opens_on=opens_on, closes_on=closes_on,
        certainty=certainty, source=form.source.strip()[:200], note=form.note.strip()[:300],
    )  # fmt: skip


async def _windows_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, form: WindowForm, errors: Errors,
    messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    known = await all_windows(session)
    names, there = Names(library()), {one.programme for one in known}
    unknown = [
        names.programme(name)
        for name, one in library().programmes.items()
        if name not in there and one.source.sort == "title" and one.source.subject == "enterprise"
        and is_open_here(one.source)
    ]  # fmt: skip
    return render(
        request, "cultivation/windows.html", status_code=422 if errors else 200, page_title="申报窗口",
        breadcrumb=[("培育库", "/pool"), ("申报窗口", None)], windows=known, unknown=unknown, on=today(), form=form,
        errors=[{"field": field, "message": message} for field, message in errors.items()], error_of=errors,
        certainties=CERTAINTIES, programmes=programme_choices(library()), names=names, messages=messages,
        may_write=person.role.may_write and not person.region_code,
    )  # fmt: skip
