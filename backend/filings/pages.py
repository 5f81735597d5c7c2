"""A figure that an officer has established, filed by hand. Works without JavaScript."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer
from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page, typed_day
from backend.filings import attachment_pages, fact_pages, worklist_pages
from backend.filings.attachments import KINDS, attach
from backend.filings.forms import told, typed_value
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.filings.queries import latest_filing
from backend.filings.schemas import FilingForm
from backend.filings.service import FilingDraft, FilingRefused, file
from backend.filings.settling import OFFICER
from backend.web.dependencies import Work
from backend.web.responses import redirect
from rules.catalogue import Indicator, Period, Type
from rules.library import library

router = APIRouter()
for _pages in (worklist_pages, fact_pages, attachment_pages):
    router.include_router(_pages.router)
#: So many years back figures are usually filed for.
YEARS_BACK = 6


@router.get("/enterprises/{code}/filings/new")
async def filing_form(
    request: Request, person: Officer, row: ChosenEnterprise, indicator: str = "", year: str = ""
) -> Response:
    """The form for a figure that an officer has established; first which one, then its value."""
    last_year = str(today().year - 1)
    form = FilingForm(indicator=indicator, year=year or last_year, received_on=today().isoformat())
    return _filing_page(request, row, form, {})


@router.post("/enterprises/{code}/filings")
async def file_figure(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[FilingForm, Form()],
    papers: Annotated[list[UploadFile] | None, File()] = None,
) -> Response:  # fmt: skip
    """File a figure as confirmed by an officer, with the papers behind it; the enterprise is evaluated anew at once."""
    indicator = library().catalogue.indicator(form.indicator)
    if indicator is None:
        return _filing_page(request, row, form, {"indicator": "请选择指标。"})
    errors: Errors = {}
    received_on = typed_day(form.received_on, "received_on", errors) or today()
    if received_on > today():
        errors["received_on"] = f"{received_on} 在今天之后，请核对。"
    if not form.note.strip():
        errors["note"] = "请写明依据：看了什么材料，谁核实的。"
    value = typed_value(indicator, form.value, errors, is_none=form.is_none)
    year = _year(indicator, form.year, errors)
    if errors:
        return _filing_page(request, row, form, errors)
    draft = FilingDraft(row["id"], OFFICER, year, {indicator.id: value}, received_on, form.note.strip())
    try:
        await file(session, [draft], library().catalogue, recorded_by=person.id)
        await _attach(session, draft, form.paper_kind, papers or (), person.id)
    except FilingRefused as refusal:
        return _filing_page(request, row, form, {"value": told(refusal.problems)})
    except PaperRefused as refusal:
        # Nothing is saved of a form that is shown again: neither the figure nor the papers before this one.
        return _filing_page(request, row, form, {"papers": str(refusal)})
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"{address_of(row)}?done=filed#figures")


async def _attach(
    session: AsyncSession, draft: FilingDraft, kind: str, papers: Sequence[UploadFile], attached_by: int
) -> None:
    """Put papers behind what was filed, or behind the filing that said the same before. Raises PaperRefused."""
    # A file chooser that was left empty sends a file without a name.
    chosen = [one for one in papers if one.filename]
    filing_id = await latest_filing(session, draft.enterprise_id, draft.source, draft.year) if chosen else None
    for one in chosen:
        content = await one.read(MOST_BYTES + 1)
        await attach(
            session, draft.enterprise_id, content, one.filename or "", kind, about=draft.note[:300], filing_id=filing_id,
            attached_by=attached_by,
        )  # fmt: skip


def _year(indicator: Indicator, written: str, errors: Errors) -> int | None:
    if indicator.period is not Period.YEARLY:
        return None
    if not re.fullmatch(r"\d{4}", written.strip(), re.ASCII):
        errors["year"] = f"年度“{written}”应为四位年份，如 {today().year - 1}。"
        return None
    return int(written)


def _filing_page(request: Request, row: Mapping[str, Any], form: FilingForm, errors: Errors) -> HTMLResponse:
    indicators = [one for one in library().catalogue.indicators if one.type is not Type.LIST and not one.derived_wins]
    groups = [
        (label, [(one.id, one.name) for one in indicators if one.period is period])
        for label, period in (("分年度", Period.YEARLY), ("现行", Period.CURRENT))
    ]
    years = [str(today().year - back) for back in range(YEARS_BACK)]
    chosen = library().catalogue.indicator(form.indicator)
    return form_page(
        request, "filings/new_filing.html", "登记一个数", row, errors, form=form, groups=groups, years=years,
        indicator=chosen, last_day=today(), kinds=KINDS, taken=TAKEN, endings=ENDINGS, most=MOST_BYTES // 1024 // 1024,
    )  # fmt: skip
