"""The papers on an enterprise's file: look, hand in, download, withdraw. Works without JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.enterprises.forms import ChosenEnterprise, Errors, address_of
from backend.filings.attachments import KINDS, attach_once, attachments_of, read_paper, withdraw
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.web.dependencies import Work
from backend.web.errors import Refusal
from backend.web.responses import download, redirect
from backend.web.templates import render

router = APIRouter()
_DONE = {
    "attached": "已保存。",
    "there": "内容相同的材料已在下面，没有重复保存；要改种类或说明，请先撤回原来的，再上传。",
    "withdrawn": "已撤回；材料和撤回原因仍有记录。",
}


class NoReasonGiven(Refusal):
    """A paper is withdrawn for a reason only."""

    status = 422
    slug = "no-reason"
    title = "请写明原因"


@router.get("/enterprises/{code}/papers", response_class=HTMLResponse)
async def papers(
    request: Request, session: Work, person: SignedIn, row: ChosenEnterprise, filing: int | None = None, done: str = ""
) -> HTMLResponse:
    """The papers of an enterprise, and the form to hand one in."""
    return await _papers_page(request, session, person, row, {"kind": "", "about": "", "filing": filing}, {}, done)


@router.post("/enterprises/{code}/papers")
async def hand_in(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise,
    file: Annotated[UploadFile | str, File()] = "", kind: Annotated[str, Form()] = "", about: Annotated[str, Form()] = "", filing: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Keep a paper; its type follows from its content."""
    filing_id = int(filing) if filing.isascii() and filing.isdecimal() else None
    try:
        if isinstance(file, str) or not file.filename:
            raise PaperRefused("还没有选择文件，没有保存。请先选择要上传的文件。")
        # One byte more than allowed is enough to know.
        content = await file.read(MOST_BYTES + 1)
        _, is_new = await attach_once(
            session, row["id"], content, file.filename, kind, about=about.strip()[:300], filing_id=filing_id,
            attached_by=person.id,
        )  # fmt: skip
    except PaperRefused as refusal:
        form = {"kind": kind, "about": about, "filing": filing_id}
        return await _papers_page(request, session, person, row, form, {"file": str(refusal)}, "")
    return redirect(request, f"{address_of(row)}/papers?done={'attached' if is_new else 'there'}")


@router.post("/enterprises/{code}/papers/{attachment_id}/withdraw")
async def take_back(
    request: Request, session: Work, person: Officer, row: ChosenEnterprise, attachment_id: int,
    reason: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Withdraw a paper that was handed in by mistake."""
    if not reason.strip():
        raise NoReasonGiven("请写明撤回的原因，如“传错企业”。本次没有撤回。")
    await withdraw(session, row["id"], attachment_id, reason.strip()[:300], by=person.id)
    return redirect(request, f"{address_of(row)}/papers?done=withdrawn")


@router.get("/papers/{attachment_id}")
async def download_paper(session: Work, person: SignedIn, attachment_id: int) -> Response:
    """The paper itself, to be saved and never shown as a page of ours."""
    name, media_type, content = await read_paper(session, attachment_id)
    answer = download(content, name, media_type)
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return answer


async def _papers_page(
    request: Request, session: AsyncSession, person: PersonSignedIn, row: Mapping[str, Any], form: dict[str, Any],
    errors: Errors, done: str,
) -> HTMLResponse:  # fmt: skip
    kept = await attachments_of(session, row["id"])
    return render(
        request, "filings/papers.html", status_code=422 if errors else 200, page_title="佐证材料", row=row,
        address=address_of(row), breadcrumb=[("企业", "/enterprises"), (row["name"], address_of(row)), ("佐证材料", None)],
        papers=[one for one in kept if one["withdrawn_at"] is None], withdrawn=[one for one in kept if one["withdrawn_at"]],
        kinds=KINDS, taken=TAKEN, endings=ENDINGS, most=MOST_BYTES // 1024 // 1024, form=form, error_of=errors,
        errors=[{"field": field, "message": message} for field, message in errors.items()],
        may_write=person.role.may_write, messages=[("near" if done == "there" else "good", _DONE[done])] if done in _DONE else [],
    )  # fmt: skip
