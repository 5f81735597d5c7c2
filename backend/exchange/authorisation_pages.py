"""Pages of tax authorisations: recorded from the paper that the enterprise signed, extended, withdrawn, with their trace."""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.schemas import PersonSignedIn
from backend.clock import today
from backend.enterprises.queries import find
from backend.exchange import authorisation_queries as queries
from backend.exchange.authorisations import (
    GROUPS,
    LEGAL_BASES,
    AuthorisationRefused,
    Extension,
    NewAuthorisation,
    authorise,
    extend,
    withdraw,
)
from backend.exchange.connector import CULTIVATION
from backend.filings.attachments import attach
from backend.filings.papers import ENDINGS, MOST_BYTES, TAKEN, PaperRefused
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.responses import redirect
from backend.web.templates import render

router = APIRouter(prefix="/exchange/authorisations")
_CONSENT: Final = "enterprise_consent"
_PAPER: Final = {"taken": TAKEN, "endings": ENDINGS, "most": MOST_BYTES // 1024 // 1024}
#: Years of data before the present one that a form begins with.
_YEARS_BACK: Final = 3


@dataclass(frozen=True, slots=True)
class Paper:
    """The signed paper as it was uploaded."""

    content: bytes
    file_name: str

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest() if self.content else ""


@router.get("", response_class=HTMLResponse)
async def authorisation_list(request: Request, session: Work, person: SignedIn, q: str = "") -> HTMLResponse:
    """Which enterprises let the tax bureau tell us what, for what, until when."""
    found = await queries.authorisations(session, today(), q[:100])
    return render(
        request, "exchange/authorisations.html", page_title="税务信息授权", found=found, q=q[:100], groups=GROUPS,
        bases=LEGAL_BASES, may_write=person.role.may_write, breadcrumb=[_up(person), ("授权", None)],
    )  # fmt: skip


def _up(person: PersonSignedIn) -> tuple[str, str | None]:
    return ("数据交换", None if person.region_code else "/exchange")


# Recording -----------------------------------------------------------------------------------------------------------


@router.get("/new", response_class=HTMLResponse)
async def new_authorisation(request: Request, session: Work, person: Officer, code: str = "") -> HTMLResponse:
    """The form for what an enterprise signed."""
    day = today()
    typed = {
        "code": code[:60], "groups": ["status", "detail"], "legal_basis": _CONSENT, "signed_by": "",
        "first_year": str(day.year - _YEARS_BACK), "last_year": str(day.year - 1), "valid_from": day.isoformat(), "valid_to": "",
    }  # fmt: skip
    return _form(request, person, typed, "")


def _form(request: Request, person: PersonSignedIn, typed: dict[str, Any], error: str) -> HTMLResponse:
    return render(
        request, "exchange/new_authorisation.html", page_title="登记税务信息授权", typed=typed, groups=GROUPS,
        bases=list(LEGAL_BASES.items()), purpose=CULTIVATION, status_code=422 if error else 200, paper=_PAPER,
        errors=[{"field": "", "message": error}] if error else [],
        breadcrumb=[_up(person), ("授权", "/exchange/authorisations"), ("登记", None)],
    )  # fmt: skip


@router.post("")
async def record(
    request: Request, session: Work, person: Officer, code: Annotated[str, Form()] = "",
    groups: Annotated[list[str] | None, Form()] = None, legal_basis: Annotated[str, Form()] = _CONSENT,
    signed_by: Annotated[str, Form()] = "", first_year: Annotated[str, Form()] = "", last_year: Annotated[str, Form()] = "",
    valid_from: Annotated[str, Form()] = "", valid_to: Annotated[str, Form()] = "", evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Record an authorisation with the paper behind it."""
    typed: dict[str, Any] = {
        "code": code[:60], "groups": groups or [], "legal_basis": legal_basis, "signed_by": signed_by[:60],
        "first_year": first_year[:4], "last_year": last_year[:4], "valid_from": valid_from[:10], "valid_to": valid_to[:10],
    }  # fmt: skip
    paper = await _read(evidence)
    try:
        row = await find(session, code.strip())
        if row is None:
            raise AuthorisationRefused(f"没有代码为“{code[:40]}”的企业，或不在您的区域。请核对统一社会信用代码。")
        if legal_basis == _CONSENT and not paper.content:
            raise AuthorisationRefused("请附上企业签署的授权书（扫描件）；没有授权书的企业授权不能登记。")
        new = NewAuthorisation(
            row["id"], groups or [], CULTIVATION, _year(first_year), _year(last_year), _day(valid_from, "授权起"),
            _day(valid_to, "授权到"), legal_basis, signed_by, paper.digest,
            await _keep(session, row["id"], paper, person),
        )  # fmt: skip
        number = await authorise(session, new, person.id)
    except (AuthorisationRefused, PaperRefused) as refusal:
        return _form(request, person, typed, str(refusal))
    return redirect(request, f"/exchange/authorisations/{number}?done=recorded")


async def _read(evidence: UploadFile | None) -> Paper:
    # One byte more than allowed is enough to know.
    content = await evidence.read(MOST_BYTES + 1) if evidence is not None else b""
    return Paper(content, (evidence.filename if evidence is not None else "") or "授权书")


async def _keep(session: AsyncSession, enterprise_id: int, paper: Paper, person: PersonSignedIn) -> int | None:
    if not paper.content:
        return None
    return await attach(
        session, enterprise_id, paper.content, paper.file_name, "other", about="税务信息授权书", attached_by=person.id
    )


def _year(written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) == 4):
        raise AuthorisationRefused(f"数据年度“{written[:10]}”应写四位年份，如 2025。")
    return int(written)


def _day(written: str, what: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as problem:
        raise AuthorisationRefused(f"{what}“{written[:20]}”应写作 2027-12-31。") from problem


# One -----------------------------------------------------------------------------------------------------------------

_DONE: Final = {
    "recorded": "已登记。下次拉取起按这项授权查询和保存。",
    "extended": "已延期。原授权照旧保留，延期另成一项，撤回时一并撤回。",
    "withdrawn": "已撤回，立即生效：不再向税务部门查询，正在进行的拉取和报送也不再保存；订阅方已收到“授权撤回”。",
}


@router.get("/{number}", response_class=HTMLResponse)
async def one_authorisation(
    request: Request, session: Work, person: SignedIn, number: int, done: str = ""
) -> HTMLResponse:
    """One authorisation: its terms, its paper, what came in under it, what ends with it, and its trace."""
    return await _page(request, session, person, number, done=done)


async def _page(
    request: Request, session: AsyncSession, person: PersonSignedIn, number: int, *, done: str = "", error: str = "",
    typed: dict[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    one = await queries.authorisation(session, number, today())
    if one is None:
        raise NotFound("没有这项授权，或它不在您的区域。请从“税务信息授权”进入。")
    chain = await queries.carried_on(session, number, today())
    others = [
        other
        for other in await queries.of_enterprise(session, one["enterprise_id"], today())
        if other["is_live"] and other["id"] not in {each["id"] for each in chain}
    ]
    return render(
        request, "exchange/authorisation.html", page_title=f"税务信息授权第 {number} 号", one=one, chain=chain, others=others,
        brought=await queries.brought(session, one["enterprise_id"]), groups=GROUPS, bases=LEGAL_BASES, paper=_PAPER,
        typed=typed or {"valid_to": "", "last_year": str(one["last_year"]), "signed_by": one["signed_by"]},
        may_write=person.role.may_write, status_code=422 if error else 200,
        errors=[{"field": "", "message": error}] if error else [], messages=[("good", _DONE[done])] if done in _DONE else [],
        breadcrumb=[_up(person), ("授权", "/exchange/authorisations"), (f"第 {number} 号", None)],
    )  # fmt: skip


@router.post("/{number}/extend")
async def carry_on(
    request: Request, session: Work, person: Officer, number: int, valid_to: Annotated[str, Form()] = "",
    last_year: Annotated[str, Form()] = "", signed_by: Annotated[str, Form()] = "", evidence: UploadFile | None = None,
) -> Response:  # fmt: skip
    """Extend an authorisation by the paper that says so; the one before stays as it was signed."""
    one = await queries.authorisation(session, number, today())
    paper = await _read(evidence)
    try:
        if one is None:
            raise NotFound("没有这项授权，或它不在您的区域。请从“税务信息授权”进入。")
        if one["legal_basis"] == _CONSENT and not paper.content:
            raise AuthorisationRefused("请附上企业签署的延期授权书（扫描件）。")
        terms = Extension(
            _year(last_year), _day(valid_to, "延期到"), signed_by, paper.digest,
            await _keep(session, one["enterprise_id"], paper, person),
        )  # fmt: skip
        following = await extend(session, number, terms, person.id)
    except (AuthorisationRefused, PaperRefused) as refusal:
        typed = {"valid_to": valid_to[:10], "last_year": last_year[:4], "signed_by": signed_by[:60]}
        return await _page(request, session, person, number, error=str(refusal), typed=typed)
    return redirect(request, f"/exchange/authorisations/{following}?done=extended")


@router.post("/{number}/withdraw")
async def end(
    request: Request, session: Work, person: Officer, number: int, reason: Annotated[str, Form()] = ""
) -> Response:
    """Let an authorisation and its extensions count no more, from this moment."""
    await withdraw(session, number, by=person.id, reason=reason)
    return redirect(request, f"/exchange/authorisations/{number}?done=withdrawn")
