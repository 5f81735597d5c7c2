"""Pages of the lists that others are told: what was agreed, who consented, who was told; consents taken down and ended."""

from dataclasses import replace
from datetime import date
from hashlib import sha256
from io import BytesIO
from typing import Annotated, Any, Final

import xlsxwriter
from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response

from backend.access.dependencies import Officer
from backend.clock import today
from backend.enterprises.labels import Names
from backend.enterprises.queries import find
from backend.exchange import list_queries
from backend.exchange.access import CityOfficer, OfTheCity
from backend.exchange.agreements import Agreement, agreements
from backend.exchange.consents import ConsentRefused, NewConsent, consents_of, record_consent, withdraw_consent
from backend.exchange.disclosing import disclose
from backend.filings.attachments import attach
from backend.filings.papers import ENDINGS, MOST_BYTES, PaperRefused
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import download, redirect
from backend.web.templates import render
from rules.library import library

router = APIRouter()
#: Rows of a workbook; whoever needs more asks by REST, page by page.
MOST_EXPORTED: Final = 50_000
_NOTHING: Final = {"code": "", "signed_by": "", "valid_to": ""}


def chosen(list_id: str) -> Agreement:
    """The list of an address. Raises NotFound."""
    if list_id not in agreements():
        raise NotFound(f"没有约定名单“{list_id[:40]}”。请从“数据交换”页面进入。")
    return agreements()[list_id]


@router.get("/exchange/lists", response_class=HTMLResponse)
async def lists(request: Request, session: Work, person: OfTheCity) -> HTMLResponse:
    """Every list with its recipient and purpose, how many consent today, and when it was last told."""
    figures = await list_queries.of_lists(session, today())
    return render(
        request, "exchange/lists.html", page_title="约定名单", lists=agreements().values(), figures=figures,
        breadcrumb=[("数据交换", "/exchange"), ("约定名单", None)],
    )  # fmt: skip


@router.get("/exchange/lists/{list_id}", response_class=HTMLResponse)
async def one_list(request: Request, session: Work, person: OfTheCity, list_id: str) -> HTMLResponse:
    """One list: its fields, the consents, who was told."""
    return await _page(request, session, chosen(list_id), may_write=person.role.may_write)


async def _page(
    request: Request, session: Work, agreed: Agreement, *, may_write: bool, error: str = "", typed: Any = None
) -> HTMLResponse:
    return render(
        request, "exchange/list.html", page_title=f"约定名单：{agreed.name}", agreed=agreed, may_write=may_write, error=error,
        typed=typed or _NOTHING, endings=ENDINGS, consents=await consents_of(session, agreed.id, today()),
        holds="、".join(Names(library()).programme(one) for one in agreed.holds) + "，任一有效" * bool(agreed.holds),
        told=await list_queries.told(session, agreed.id), status_code=422 if error else 200,
        breadcrumb=[("数据交换", "/exchange"), ("约定名单", "/exchange/lists"), (agreed.name, None)],
    )  # fmt: skip


@router.post("/exchange/lists/{list_id}/consents")
async def take_down(
    request: Request, session: Work, person: CityOfficer, list_id: str, code: Annotated[str, Form()] = "",
    signed_by: Annotated[str, Form()] = "", valid_to: Annotated[str, Form()] = "", evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Take down a consent that an enterprise signed; the signed paper goes to its papers."""
    agreed = chosen(list_id)
    typed = {"code": code[:60], "signed_by": signed_by[:60], "valid_to": valid_to[:10]}
    row = await find(session, code.strip())
    try:
        if row is None:
            raise ConsentRefused(f"没有代码为“{code[:40]}”的企业，请核对统一社会信用代码。")
        # One byte more than allowed is enough to know.
        content = await evidence.read(MOST_BYTES + 1) if evidence is not None else b""
        new = NewConsent(
            row["id"], agreed.id, signed_by, today(), _day(valid_to), sha256(content).hexdigest() if content else ""
        )
        if content:
            name = (evidence.filename if evidence is not None else "") or "同意书"
            about = f"同意提供：{agreed.name}"
            paper = await attach(session, row["id"], content, name, "other", about=about, attached_by=person.id)
            new = replace(new, attachment_id=paper)
        await record_consent(session, new, person.id)
    except (ConsentRefused, PaperRefused) as refusal:
        return await _page(request, session, agreed, may_write=True, error=str(refusal), typed=typed)
    return redirect(request, f"/exchange/lists/{agreed.id}")


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as problem:
        raise ConsentRefused(f"同意到期日“{written[:20]}”应写作 2027-12-31。") from problem


@router.post("/exchange/consents/{number}/withdraw")
async def withdraw(request: Request, session: Work, person: Officer, number: int) -> Response:
    """Let a consent count no more, from this moment."""
    list_id = await withdraw_consent(session, number, by=person.id)
    return redirect(request, f"/exchange/lists/{list_id}")


@router.get("/exchange/lists/{list_id}/export")
async def export(session: Work, person: CityOfficer, list_id: str) -> Response:
    """The list as a workbook, of whoever consents today; noted like any other telling."""
    agreed = chosen(list_id)
    page = await disclose(session, agreed, library().catalogue, today(), f"{person.login}:export", 0, MOST_EXPORTED)
    return download(_workbook(agreed, page.rows, person.login), f"{agreed.name}-{today():%Y%m%d}.xlsx")


def _workbook(agreed: Agreement, rows: list[dict[str, Any]], login: str) -> bytes:
    target = BytesIO()
    # Texts that look like formulas stay texts: they come from other people's files.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(target, options) as book:
        sheet = book.add_worksheet("名单")
        head, day = book.add_format({"bold": True, "text_wrap": True}), book.add_format({"num_format": "yyyy-mm-dd"})
        # Who took it away, when and for what travels with it.
        sheet.write_string(0, 0, f"{agreed.name}　用途：{agreed.purpose}　{login} 于 {today()} 导出")
        for place, field in enumerate(agreed.fields):
            sheet.set_column(place, place, 22)
            sheet.write_string(1, place, field.name, head)
            for line, row in enumerate(rows, 2):
                value = row.get(field.id)
                if isinstance(value, date):
                    sheet.write_datetime(line, place, value, day)  # pyright: ignore[reportArgumentType]
                elif value is not None:
                    sheet.write(line, place, str(value) if isinstance(value, str) else float(value))
        sheet.freeze_panes(2, 0)
    return target.getvalue()
