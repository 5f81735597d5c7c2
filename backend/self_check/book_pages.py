"""Self-checks of many enterprises by workbook: a template out, a filled one in, the results out, and nothing kept."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import FormData, UploadFile

from backend.clock import today
from backend.self_check.book_reading import MOST_MEGABYTES, UnreadableBook, read_book
from backend.self_check.book_results import results_book
from backend.self_check.book_template import MOST_ROWS, template
from backend.self_check.targets import UnknownTarget, choices, target
from backend.web.public_work import PublicPost, spend
from backend.web.responses import download
from backend.web.speech import is_said_again
from backend.web.templates import render
from rules.facts import read_date
from rules.library import library
from rules.translation import marked, say

router = APIRouter(prefix="/check/batch")
_TITLE: Final = marked("批量自测")
#: Enterprises that are worked out in about the time of one page.
_ROWS_A_POST: Final = 10
#: Two at a time, so that the pages go on answering.
_AT_ONCE: Final = asyncio.Semaphore(2)


async def _form(
    request: Request, _: Annotated[None, Depends(PublicPost((MOST_MEGABYTES + 1) * 1_000_000))]
) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_form)]


@router.get("", response_class=HTMLResponse)
async def batch(request: Request) -> HTMLResponse:
    """Fetch a template, or hand a filled one in."""
    return _page(request)


@router.post("/template")
async def empty_book(request: Request, form: Posted) -> Response:
    """The template for a target."""
    typed = {name: str(form.get(name, "")) for name in ("target", "as_of")}
    if is_said_again(request):
        return _page(request, typed=typed)
    try:
        wanted = target(typed["target"], library())
        as_of = read_date(typed["as_of"] or today())
    except UnknownTarget as error:
        return _page(request, [{"field": "target", "message": str(error)}], typed)
    except ValueError as error:
        return _page(request, [{"field": "as_of", "message": say("测评日期{problem}。", problem=error)}], typed)
    made = await asyncio.to_thread(template, wanted.id, as_of, library())
    return download(made, say("批量自测模板_{target}_{day}.xlsx", target=wanted.name.strip("？?"), day=as_of))


@router.post("")
async def results(request: Request, form: Posted) -> Response:
    """The results of a filled template, as a workbook."""
    sent = form.get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return _page(request, [{"field": "file", "message": say("请先选择填好的工作簿。")}])
    content = await sent.read()
    try:
        async with _AT_ONCE:
            book = await asyncio.to_thread(read_book, content, sent.filename)
            spend(request, len(book.rows) / _ROWS_A_POST)
            made = await asyncio.to_thread(results_book, book, library())
    except UnreadableBook as error:
        return _page(request, [{"field": "file", "message": str(error)}])
    return download(made, say("批量自测结果_{day}.xlsx", day=book.as_of))


def _page(
    request: Request, errors: list[dict[str, str]] | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    typed = typed or {}
    return render(
        request, "self_check/batch.html", page_title=say(_TITLE), breadcrumb=[(say("资格自测"), "/check"), (say(_TITLE), None)],
        choices=choices(library()), wanted=typed.get("target") or "hnte", as_of=typed.get("as_of") or today().isoformat(), most_rows=MOST_ROWS, most_megabytes=MOST_MEGABYTES,
        errors=errors or [], status_code=422 if errors else 200,
    )  # fmt: skip
