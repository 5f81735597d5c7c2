"""Pages about the life of titles: one from its grant to its end, when each programme's are renewed, who never applied."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, ValidationError
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.forms import Errors
from backend.enterprises.labels import Names, is_open_here, programme_choices, region_choices
from backend.recognitions.life import follower_of, life_of, state_of
from backend.recognitions.never_applied import Wanted, never_applied
from backend.recognitions.queries import held_by, title_now
from backend.recognitions.renewal import BEGINS, RenewalWindow, default_for, renewal_windows, set_renewal_window
from backend.recognitions.tax_years import DOCUMENT, tax_years_of
from backend.web.dependencies import Work
from backend.web.errors import Forbidden, NotFound
from backend.web.responses import piece_for, redirect
from backend.web.templates import render
from rules.catalogue import Certainty
from rules.library import library

router = APIRouter()
_DONE = {
    "extended": "已登记复核通过，并重新测评了这家企业。",
    "corrected": "已更正登记，并重新测评了这家企业。",
}
CERTAINTIES = {
    "confirmed": "已核实", "single_source": "单一来源", "memory": "凭经验", "inferred": "推断", "conflict": "说法不一",
    "not_found": "默认，待核实",
}  # fmt: skip


class RenewalForm(BaseModel):
    """When a programme's titles are renewed, as typed."""

    programme: str = ""
    begins: str = "days_before"
    days: str = ""
    how: str = ""
    certainty: str = "confirmed"
    source: str = ""
    note: str = ""


@router.get("/recognitions/never-applied", response_class=HTMLResponse)
async def never(
    request: Request, session: Work, person: SignedIn, programme: str = "hnte", region: str = "", outcome: str = "",
    page: int = 1, counted: str = "",
) -> HTMLResponse:  # fmt: skip
    """Who meets a programme by today's figures and never had its title."""
    titles = [(name, label) for name, label in programme_choices(library()) if _is_title(name)]
    chosen = programme if programme in dict(titles) else "hnte"
    wanted = Wanted(chosen, person.region_code or region, outcome, max(1, min(page, 1_000_000)))
    piece = piece_for(request)
    found = await never_applied(session, wanted, is_counted_later=piece != "count" and counted != "out")
    return render(
        request, "recognitions/never_applied.html", block=piece, page_title="符合但从未申报",
        breadcrumb=[("认定", "/recognitions"), ("符合但从未申报", None)], found=found,
        wanted=wanted, programmes=titles, regions=region_choices(person), names=Names(library()), on=today(),
    )  # fmt: skip


def _is_title(name: str) -> bool:
    source = library().programmes[name].source if name in library().programmes else None
    return source is not None and source.sort == "title" and source.subject == "enterprise" and is_open_here(source)


@router.get("/recognitions/windows", response_class=HTMLResponse)
async def windows(
    request: Request, session: Work, person: SignedIn, programme: str = "", done: str = ""
) -> HTMLResponse:
    """When each programme's titles are to be renewed, and where that is said; one that is named comes into the form."""
    known = await renewal_windows(session, library())
    form = RenewalForm(programme=programme)
    if (there := known.get(programme)) is not None:
        said = there.model_dump(exclude={"update"}, mode="json")
        form = RenewalForm(**{name: str(value or "") for name, value in said.items()})
    return await _windows_page(request, session, person, form, {}, [("good", "已保存。")] if done else [])


@router.post("/recognitions/windows")
async def save_window(
    request: Request, session: Work, person: Officer, form: Annotated[RenewalForm, Form()]
) -> Response:
    """Say when a programme's titles are to be renewed; the city's officers only."""
    if person.region_code:
        raise Forbidden("接续窗口由市级登记。如有更正，请联系市科技局。")
    errors: Errors = {}
    window = _read(form, errors)
    if window is None:
        return await _windows_page(request, session, person, form, errors, [])
    await set_renewal_window(session, window, by=person.id)
    return redirect(request, "/recognitions/windows?done=saved")


def _read(form: RenewalForm, errors: Errors) -> RenewalWindow | None:
    if not _is_title(form.programme):
        errors["programme"] = "请选择认定项目。"
    if not form.source.strip():
        errors["source"] = "请写明依据的文件或通知。"
    days = form.days.strip()
    if form.begins == "days_before" and not (days.isascii() and days.isdecimal() and 1 <= int(days) <= 1095):
        errors["days"] = f"“{days}”应为 1 至 1095 的天数。"
    if errors:
        return None
    certainty = Certainty(form.certainty) if form.certainty in CERTAINTIES else Certainty.SINGLE_SOURCE
    try:
        return RenewalWindow.model_validate(
            {
                "programme": form.programme, "begins": form.begins, "how": form.how.strip()[:30] or "复核",
                "days": int(days) if form.begins == "days_before" else None, "certainty": certainty,
                "source": form.source.strip()[:200], "note": form.note.strip()[:300],
            }
        )  # fmt: skip
    except ValidationError:
        errors["begins"] = "请选择从什么时候起。"
        return None


async def _windows_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, form: RenewalForm, errors: Errors,
    messages: list[tuple[str, str]],
) -> HTMLResponse:  # fmt: skip
    known = await renewal_windows(session, library())
    shown = sorted(
        (one for one in known.values() if _is_title(one.programme)), key=lambda one: (one.is_default, one.programme)
    )
    return render(
        request, "recognitions/windows.html", status_code=422 if errors else 200, page_title="接续窗口",
        breadcrumb=[("认定", "/recognitions"), ("接续窗口", None)], windows=shown, form=form, begins=BEGINS,
        errors=[{"field": field, "message": message} for field, message in errors.items()], error_of=errors,
        certainties=CERTAINTIES, programmes=[(one.programme, Names(library()).programme(one.programme)) for one in shown],
        names=Names(library()), messages=messages, may_write=person.role.may_write and not person.region_code,
    )  # fmt: skip


@router.get("/recognitions/{recognition_id}", response_class=HTMLResponse)
async def one_title(
    request: Request, session: Work, person: SignedIn, recognition_id: int, done: str = ""
) -> HTMLResponse:
    """The life of one title, under any id that it ever had."""
    row = await title_now(session, recognition_id, library())
    if row is None:
        raise NotFound(f"没有编号为 {recognition_id} 的认定，或者它不在您的区域、已被撤回。")
    title, on = row["held"], today()
    others = (await held_by(session, [title.enterprise_id]))[title.enterprise_id]
    known = await renewal_windows(session, library())
    programme = library().programmes.get(title.programme)
    window = known.get(title.programme) or default_for(title.programme, programme.source.validity if programme else "")
    names, tax_years = Names(library()), tax_years_of(title, others, on)
    return render(
        request, "recognitions/title.html", tax_years=tax_years, tax_document=DOCUMENT, may_write=person.role.may_write,
        may_extend=window.how == "复核" and title.revoked_on is None and title.valid_to is not None,
        address=f"/enterprises/{row['credit_code'] or row['enterprise_id']}",
        messages=[("good", _DONE[done])] if done in _DONE else [], page_title=names.programme(title.programme),
        breadcrumb=[("认定", "/recognitions"), (row["name"], f"/enterprises/{row['credit_code'] or row['enterprise_id']}"), (names.programme(title.programme), None)],
        row=row, title=title, state=state_of(title, on, window, others), follower=follower_of(title, others), window=window,
        events=await life_of(session, title, others, window, on), on=on, names=names, begins_on=window.begins_on(title.valid_to),
    )  # fmt: skip
