"""A year's figures by the lines of the official forms: drafts, checks while typing, handing in. Works without JavaScript."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.datastructures import FormData

from backend.access.dependencies import EnterpriseAccount
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.filings.forms import told
from backend.filings.queries import facts_of
from backend.filings.service import FilingRefused
from backend.own_file.bureau_side import own_id
from backend.own_file.figures import (
    YearForm,
    declared_before,
    demand_year,
    draft_of,
    drafts_of,
    drop_draft,
    read_form,
    save_draft,
    years_open,
)
from backend.own_file.receipts import receipts_of
from backend.own_file.submitting import NothingNew, submit_figures
from backend.web.dependencies import OwnWork
from backend.web.responses import is_htmx, redirect
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.library import library
from rules.translation import marked, say

router = APIRouter(prefix="/me/enterprise/figures")
_DONE: Final = {
    "saved": marked("草稿已保存，还没有提交。草稿只有本企业看得到。"),
    "dropped": marked("草稿已删除。"),
    "submitted": marked("已提交。回执可打印留存；如有更正，改好后再提交一次即可。"),
}


async def _typed(request: Request) -> dict[str, str]:
    form: FormData = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str) and name.startswith("f.")}


Typed = Annotated[dict[str, str], Depends(_typed)]


@router.get("", response_class=HTMLResponse)
async def years(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """The years that figures may be handed in for, drafts that wait, receipts of what was handed in."""
    number = own_id(person)
    receipts = await receipts_of(session, number, "figures")
    return render(
        request, "own_file/years.html", page_title=say("年度填报"), years=years_open(today()), this_year=today().year,
        drafts=await drafts_of(session, number), receipts=receipts,
        handed_in={one.year: one for one in reversed(receipts)},
        messages=[("good", say(_DONE[done]))] if done in _DONE else [],
    )  # fmt: skip


@router.get("/{year}", response_class=HTMLResponse)
async def year_form(
    request: Request, session: OwnWork, person: EnterpriseAccount, year: int, done: str = ""
) -> HTMLResponse:
    """The form: the draft, or what the enterprise said of that year before."""
    demand_year(year, today())
    draft = await draft_of(session, own_id(person), year)
    typed = draft.typed if draft else await declared_before(session, own_id(person), year, library())
    form = await _read(session, person, dict(typed), year)
    known = {"draft": draft, "messages": [("good", say(_DONE[done]))] if done in _DONE else []}
    return _form_page(request, form, known)


@router.post("/{year}/draft")
async def keep_draft(
    request: Request, session: OwnWork, person: EnterpriseAccount, year: int, typed: Typed
) -> Response:
    """Keep what was typed, right or wrong."""
    demand_year(year, today())
    await save_draft(session, own_id(person), year, typed, by=person.id)
    return redirect(request, f"/me/enterprise/figures/{year}?done=saved")


@router.post("/{year}/check", response_class=HTMLResponse)
async def check(request: Request, session: OwnWork, person: EnterpriseAccount, year: int, typed: Typed) -> HTMLResponse:
    """Look through what was typed so far, and keep it as the draft; the page's own piece for htmx."""
    demand_year(year, today())
    await save_draft(session, own_id(person), year, typed, by=person.id)
    form = await _read(session, person, typed, year)
    known = {"draft": await draft_of(session, own_id(person), year), "messages": []}
    return _form_page(request, form, known, block="doubts" if is_htmx(request) else None)


@router.post("/{year}/drop")
async def forget_draft(request: Request, session: OwnWork, person: EnterpriseAccount, year: int) -> Response:
    """Begin anew."""
    await drop_draft(session, own_id(person), year)
    return redirect(request, "/me/enterprise/figures?done=dropped")


@router.post("/{year}/submit")
async def submit(request: Request, session: OwnWork, person: EnterpriseAccount, year: int, typed: Typed) -> Response:
    """Hand the year's figures in: a filing of the enterprise's own, with a receipt."""
    demand_year(year, today())
    form = await _read(session, person, typed, year)
    errors = dict(form.taken.errors)
    if is_said_again(request):
        return _form_page(request, form, {"draft": None, "messages": []}, errors)
    if not errors and not form.values:
        errors[""] = say("还没有填任何一项，没有提交。不清楚的可以留空，至少填写一项。")
    if not errors:
        try:
            number = await submit_figures(session, person, year, form.values, library(), today())
        except FilingRefused as refusal:
            errors[""] = told(refusal.problems)
        except NothingNew as refusal:
            errors[""] = str(refusal)
        else:
            return redirect(request, f"/me/enterprise/receipts/{number}")
    return _form_page(request, form, {"draft": None, "messages": []}, errors)


async def _read(session: AsyncSession, person: PersonSignedIn, typed: dict[str, str], year: int) -> YearForm:
    number, rules = own_id(person), library()
    held = (await facts_of(session, [number], rules.catalogue))[number]
    return read_form(typed.items(), year, today(), rules, held)


def _form_page(
    request: Request, form: YearForm, known: dict[str, Any], errors: dict[str, str] | None = None,
    block: str | None = None,
) -> HTMLResponse:  # fmt: skip
    listed = [{"field": field, "message": words} for field, words in (errors or {}).items()]
    return render(
        request, "own_file/year.html", block=block, status_code=422 if errors else 200,
        page_title=say("{year} 年度数据", year=form.year), form=form, year=form.year, errors=listed,
        breadcrumb=[(say("年度填报"), "/me/enterprise/figures"), (say("{year} 年度", year=form.year), None)], **known,
    )  # fmt: skip
