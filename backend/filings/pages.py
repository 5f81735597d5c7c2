"""A figure that an officer has established, filed by hand. Works without JavaScript."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response

from backend.access.dependencies import Officer
from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of, form_page, typed_day
from backend.filings import attachment_pages, fact_pages, worklist_pages
from backend.filings.forms import told, typed_value
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
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, form: Annotated[FilingForm, Form()]
) -> Response:
    """File a figure as confirmed by an officer; the enterprise is evaluated anew in the same request."""
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
    except FilingRefused as refusal:
        return _filing_page(request, row, form, {"value": told(refusal.problems)})
    await evaluate(session, [row["id"]], library(), today())
    return redirect(request, f"{address_of(row)}?done=filed#figures")


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
        indicator=chosen, last_day=today(),
    )  # fmt: skip
