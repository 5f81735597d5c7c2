"""An enterprise's own file: the first page, what the registry holds, contradictions. Works without JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import EnterpriseAccount
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.enterprise_file import EnterpriseFile
from backend.enterprises.forms import Errors
from backend.enterprises.labels import Names
from backend.filings.attachments import KINDS
from backend.filings.forms import shown_value, told, unit_of
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.filings.queries import all_said
from backend.filings.service import FilingRefused
from backend.own_file import (
    activation_pages,
    consent_pages,
    contact_pages,
    figures_pages,
    officer_pages,
    standing_pages,
)
from backend.own_file.bureau_side import own_id, said_by_name
from backend.own_file.home import home
from backend.own_file.papers import own_papers, read_own_paper
from backend.own_file.receipts import receipt_of, receipts_of, settled
from backend.own_file.standing_pages import own_file
from backend.own_file.submitting import (
    Contradiction,
    Evidence,
    NothingNew,
    contradict,
    may_contradict,
)
from backend.self_check.entries import entry, name_of, take
from backend.self_check.sheet import Sheet
from backend.self_check.targets import EVERYTHING
from backend.web.dependencies import OwnWork
from backend.web.errors import NotFound
from backend.web.responses import paper_download, redirect
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.catalogue import Indicator, Period
from rules.library import library
from rules.translation import marked, say
from rules.values import FactKey

router = APIRouter()
for _pages in (activation_pages, figures_pages, contact_pages, consent_pages, officer_pages, standing_pages):
    router.include_router(_pages.router)

_DONE: Final = {
    "activated": marked("账号已激活。以后用您设的用户名和口令登录。"),
    "contradicted": marked("已收到您的异议和佐证材料，科技部门核对后会在这里答复。"),
}
HOME: Final = "/me/enterprise"


@router.get(HOME, response_class=HTMLResponse)
async def own_home(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """Where the enterprise stands, what ends when, what waits for it, what the next rung asks."""
    file = await own_file(session, person)
    return render(
        request, "own_file/home.html", page_title=file.row["name"], file=file, row=file.row,
        home=await home(session, person, file, library()), names=Names(library()), on=file.on,
        messages=[("good", say(_DONE[done]))] if done in _DONE else [],
    )  # fmt: skip


@router.get(f"{HOME}/facts", response_class=HTMLResponse)
async def own_facts(request: Request, session: OwnWork, person: EnterpriseAccount, done: str = "") -> HTMLResponse:
    """What the registry holds about the enterprise, each with its source and the day it came."""
    file = await own_file(session, person)
    receipts = await receipts_of(session, own_id(person), "contradiction")
    return render(
        request, "own_file/facts.html", page_title=say("登记的数据"), file=file, row=file.row, names=Names(library()), on=file.on,
        years=_by_year(file), current=[_current(one) for one in file.current if one.said], may_contradict=may_contradict,
        contradictions=[(one, _told(one.indicator), await settled(session, person, one)) for one in receipts],
        shown=_shown, papers={one.filing_id: one for one in await own_papers(session, own_id(person))}, messages=[("good", say(_DONE[done]))] if done in _DONE else [], kinds=said_by_name(KINDS),
    )  # fmt: skip


def _by_year(file: EnterpriseFile) -> list[tuple[int, list[dict[str, Any]]]]:
    """The figures that some source said, year by year, the latest first."""
    found: list[tuple[int, list[dict[str, Any]]]] = []
    for year in file.years:
        rows = [
            _row(one.indicator, one.values.get(year), one.said[year], year)
            for one in file.yearly
            if year in one.values and one.said.get(year)
        ]
        if rows:
            found.append((year, rows))
    return found


def _current(fact: Any) -> dict[str, Any]:
    return _row(fact.indicator, fact.value, fact.said, None)


def _row(indicator: Indicator, value: Any, said: Any, year: int | None) -> dict[str, Any]:
    href = f"{HOME}/facts/{indicator.id}" + (f"?year={year}" if year is not None else "")
    return {
        "indicator": indicator, "value": _shown(indicator, value), "unit": unit_of(indicator), "said": said[0],
        "others": [(one, shown_value(indicator, one.value)) for one in said[1:]], "href": href,
    }  # fmt: skip


def _shown(indicator: Indicator, value: Any) -> object:
    if isinstance(value, bool):
        return say("是") if value else say("否")
    return shown_value(indicator, value)


def _told(name: str) -> Indicator | None:
    return library().catalogue.indicator(name)


# One fact, and contradicting it --------------------------------------------------------------------------------------


def _key(name: str, year: int | None) -> tuple[Indicator, FactKey]:
    indicator = library().catalogue.indicator(name)
    if indicator is None or (indicator.period is Period.YEARLY and year is None):
        raise NotFound(say("没有这一项数据。请从“登记的数据”进入。"))
    return indicator, FactKey(indicator.id, year if indicator.period is Period.YEARLY else None)


@router.get(f"{HOME}/facts/{{name}}", response_class=HTMLResponse)
async def own_fact(
    request: Request, session: OwnWork, person: EnterpriseAccount, name: str, year: int | None = None
) -> HTMLResponse:
    """One fact: what each source says, and the form to contradict it."""
    return await _fact_page(request, session, person, *_key(name, year), {}, {})


@router.post(f"{HOME}/facts/{{name}}")
async def contradict_fact(
    request: Request, session: OwnWork, person: EnterpriseAccount, name: str, year: int | None = None,
    file: Annotated[UploadFile | None, File()] = None, kind: Annotated[str, Form()] = "", reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Say that a fact is otherwise, with the paper that shows it; the officer sees the difference at once."""
    indicator, key = _key(name, year)
    await _said(session, person, key)
    typed = {one: str(words) for one, words in (await request.form()).items() if one in (name_of(key), f"none.{name}")}
    taken = take(typed.items(), Sheet(EVERYTHING, today()), library())
    value = taken.sheet.value(key)
    errors: Errors = dict(taken.errors)
    if is_said_again(request):
        return await _fact_page(
            request, session, person, indicator, key, typed | {"reason": reason, "kind": kind}, errors
        )
    if value is None and not errors:
        errors[name_of(key)] = say("请填写您认为正确的数。")
    if not reason.strip():
        errors["reason"] = say("请写明理由：哪里不对，以什么材料为准。")
    # One byte more than allowed is enough to know.
    content = await file.read(MOST_BYTES + 1) if file is not None else b""
    if not content:
        errors["file"] = say("请附上佐证材料，如申报表、审计报告、证书。")
    if not errors:
        evidence = Evidence(content, (file.filename if file else "") or "", kind)
        said = Contradiction(indicator, key.year, value, reason.strip()[:500], evidence)
        try:
            await contradict(session, person, said, library(), today())
        except FilingRefused as refusal:
            errors[name_of(key)] = told(refusal.problems)
        except PaperRefused as refusal:
            errors["file"] = str(refusal)
        except NothingNew as refusal:
            errors[name_of(key)] = str(refusal)
    if errors:
        return await _fact_page(
            request, session, person, indicator, key, typed | {"reason": reason, "kind": kind}, errors
        )
    return redirect(request, f"{HOME}/facts?done=contradicted#contradictions")


async def _said(session: AsyncSession, person: PersonSignedIn, key: FactKey) -> list[Any]:
    said = (await all_said(session, own_id(person))).get(key, [])
    if not said:
        raise NotFound(say("库里没有这一项数据，没有可以提出异议的。年度数据请在“年度填报”中报送。"))
    return said


async def _fact_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, indicator: Indicator, key: FactKey,
    typed: Mapping[str, str], errors: Errors,
) -> HTMLResponse:  # fmt: skip
    said = await _said(session, person, key)
    taken = take(typed.items(), Sheet(EVERYTHING, today()), library())
    title = Names(library()).fact(key)
    one = entry(key, taken.sheet, library(), taken)
    return render(
        request, "own_file/fact.html", status_code=422 if errors else 200, page_title=title, indicator=indicator,
        key=key, said=[(each, _shown(indicator, each.value)) for each in said], unit=unit_of(indicator),
        breadcrumb=[(say("登记的数据"), f"{HOME}/facts"), (title, None)], names=Names(library()), entry=one,
        may_contradict=may_contradict(indicator), kinds=said_by_name(KINDS), taken=say(TAKEN), endings=ENDINGS,
        most=MOST_BYTES // 1024 // 1024, typed=typed, error_of=errors,
        errors=[{"field": field, "message": words} for field, words in errors.items()],
    )  # fmt: skip


@router.get(f"{HOME}/receipts/{{number}}", response_class=HTMLResponse)
async def own_receipt(request: Request, session: OwnWork, person: EnterpriseAccount, number: int) -> HTMLResponse:
    """A receipt, to be printed: what was handed in, when, and its digest."""
    receipt = await receipt_of(session, own_id(person), number)
    if receipt is None:
        raise NotFound(say("没有这份回执。请从“年度填报”或“登记的数据”进入。"))
    catalogue = library().catalogue
    lines = [
        (one, unit_of(one), shown_value(one, value))
        for name, value in receipt.content["values"].items()
        if (one := catalogue.indicator(name)) is not None
    ]
    return render(
        request, "own_file/receipt.html", page_title=say("填报回执 {number}", number=receipt.number), receipt=receipt, lines=lines,
        login=receipt.content["login"],
    )  # fmt: skip


@router.get(f"{HOME}/papers/{{attachment_id}}")
async def own_paper(session: OwnWork, person: EnterpriseAccount, attachment_id: int) -> Response:
    """A paper that the enterprise handed in, to be saved."""
    return paper_download(*await read_own_paper(session, own_id(person), attachment_id))
