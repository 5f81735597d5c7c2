"""REST: what was filed of an enterprise, where sources disagree, and the decision; papers as a list and for download.

Outside systems file through `POST /api/v1/filings` (backend.exchange); people file here, as officers.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import WAITS, accepted, needs_second_person
from backend.clock import today
from backend.eligibility.service import evaluate
from backend.enterprises.queries import find
from backend.filings.attachments import KINDS, attach, attachments_of
from backend.filings.conflicts import conflict_of
from backend.filings.papers import MOST_BYTES, PaperRefused
from backend.filings.proposing import SETTLE, propose_settlement
from backend.filings.service import FilingDraft, FilingRefused, file
from backend.filings.settling import OFFICER, Decision, settle
from backend.filings.worklist import conflicts_after, filings_after
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.idempotency import Once
from backend.web.rest import (
    USUAL_LIMIT,
    demand_match,
    etag_of,
    limit_of,
    page_by_cursor,
    read_cursor,
    stated,
)
from rules.catalogue import Indicator, Period
from rules.facts import FactProblem
from rules.library import library

router = APIRouter(tags=["filings"])


class FilingBody(BaseModel):
    """Figures that an officer has established; in the units of the official forms (money in 万元)."""

    model_config = ConfigDict(extra="forbid")

    year: int | None = Field(default=None, description="Of yearly figures; none for what holds now.")
    values: dict[str, Any] = Field(min_length=1, examples=[{"sales_revenue": 3000}])
    received_on: date | None = None
    note: str = Field(min_length=1, max_length=500, description="What was looked at, and who checked it.")


class DecisionBody(BaseModel):
    """What an officer holds to be so where sources disagree."""

    model_config = ConfigDict(extra="forbid")

    value: Any
    reason: str = Field(min_length=1, max_length=500)


async def _enterprise(session: AsyncSession, code: str) -> Mapping[str, Any]:
    row = await find(session, code)
    if row is None:
        raise NotFound(f"没有代码为“{code}”的企业，或者它不在您的区域。请核对统一社会信用代码。")
    return row


@router.get("/enterprises/{code}/filings")
async def filings(
    request: Request, session: Work, person: SignedIn, code: str, source: str = "", cursor: str = "",
    limit: int = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """All that was ever filed of an enterprise, in the order in which it was recorded."""
    row = await _enterprise(session, code)
    _demand_source(source)
    place, most = read_cursor(request, 1), limit_of(limit)
    found = await filings_after(session, row["id"], source, place[0] if place else 0, most + 1)
    shown = found[:most]
    return page_by_cursor(request, shown, [shown[-1]["id"]] if len(found) > most else None)


@router.post("/enterprises/{code}/filings", status_code=201)
async def add_filing(
    request: Request, session: Work, person: Officer, once: Once, code: str, body: FilingBody
) -> Response:
    """File figures as confirmed by an officer; the enterprise is evaluated anew in the same request."""

    async def work() -> Response:
        row = await _enterprise(session, code)
        values = {name: _exact(value) for name, value in body.values.items()}
        received_on = body.received_on or today()
        if received_on > today():
            late = f"received_on {received_on} 在今天之后，没有登记。请填实际收到的日期，或不填"
            raise FilingRefused([FactProblem("received_on", late)])
        draft = FilingDraft(row["id"], OFFICER, body.year, values, received_on, body.note)
        appended = await file(session, [draft], library().catalogue, recorded_by=person.id)
        await evaluate(session, [row["id"]], library(), today())
        return stated(request, {"appended": appended}, etag_of("filing", row["id"], appended, body.note), 201)

    return await once.answer(work)


def _demand_source(source: str) -> None:
    known = [one.id for one in library().catalogue.sources]
    if source and source not in known:
        raise NotFound(f"没有数据来源“{source[:60]}”，可用的有 {'、'.join(known)}。")


def _indicator(name: str) -> Indicator:
    found = library().catalogue.indicator(name)
    if found is None:
        raise NotFound(f"目录中没有指标“{name[:60]}”，请核对名称；可用的见 /api/v1/rules。")
    return found


def _exact(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


@router.get("/conflicts")
async def conflicts(
    request: Request, session: Work, person: SignedIn, indicator: str = "", region: str = "", cursor: str = "",
    limit: int = USUAL_LIMIT,
) -> Response:  # fmt: skip
    """Figures on which sources disagree beyond the catalogue's tolerance, enterprise by enterprise."""
    if indicator:
        _indicator(indicator)
    place, most = read_cursor(request, 3), limit_of(limit)
    found = await conflicts_after(session, indicator, region, tuple(place) if place else None, most + 1)
    shown = found[:most]
    last = shown[-1] if len(found) > most else None
    following = [last["enterprise_id"], last["indicator"], last["year"]] if last else None
    return page_by_cursor(request, [_conflict(one) for one in shown], following)


@router.get("/enterprises/{code}/conflicts/{indicator}")
async def conflict(
    request: Request, session: Work, person: SignedIn, code: str, indicator: str, year: int | None = None
) -> Response:
    """One conflict; its ETag names what the sources had said, for If-Match."""
    row = await _enterprise(session, code)
    found = await _found(session, row, indicator, year)
    return stated(request, _conflict({**found, "credit_code": row["credit_code"]}), _etag(found))


@router.post("/enterprises/{code}/conflicts/{indicator}/decision", status_code=201, responses=WAITS)
async def decide(
    request: Request, session: Work, person: Officer, once: Once, code: str, indicator: str, body: DecisionBody,
    year: int | None = None,
) -> Response:  # fmt: skip
    """Settle a conflict by a filing of the officer's. If-Match names the state that the sender saw."""

    async def work() -> Response:
        row = await _enterprise(session, code)
        found = await _found(session, row, indicator, year)
        demand_match(request, _etag(found))
        decision = Decision(row["id"], indicator, year, _exact(body.value), body.reason, found["latest_filing_id"])
        if needs_second_person(request, SETTLE):
            return accepted(await propose_settlement(session, decision, person.id))
        await settle(session, decision, library().catalogue, decided_by=person.id, decided_on=today())
        await evaluate(session, [row["id"]], library(), today())
        answer = {"enterprise": code, "indicator": indicator, "year": year, "value": body.value, "reason": body.reason}
        return stated(request, answer, etag_of("decision", row["id"], indicator, year, found["latest_filing_id"]), 201)

    return await once.answer(work)


async def _found(session: AsyncSession, row: Mapping[str, Any], indicator: str, year: int | None) -> Mapping[str, Any]:
    meant = _indicator(indicator)
    if meant.period is Period.YEARLY and year is None:
        raise NotFound(f"“{meant.name}”分年度，请用 year 指明年度，如 ?year={today().year - 1}。")
    found = await conflict_of(session, row["id"], meant.id, year)
    if found is None:
        raise NotFound("这一项没有待裁定的分歧：各来源相差在容许范围内，或已有人裁定。")
    return found


def _etag(conflict: Mapping[str, Any]) -> str:
    place = (conflict["enterprise_id"], conflict["indicator"], conflict["year"], conflict["latest_filing_id"])
    return etag_of("conflict", *place)


def _conflict(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "enterprise": {"id": row["enterprise_id"], "credit_code": row["credit_code"]}, "indicator": row["indicator"],
        "year": row["year"] or None, "spread_percent": row["spread"], "is_reopened": row["is_reopened"],
        "said": row["said"], "noted_at": row["noted_at"],
    }  # fmt: skip


@router.get("/enterprises/{code}/papers")
async def papers(session: Work, person: SignedIn, code: str) -> list[dict[str, Any]]:
    """The papers on an enterprise's file; each is downloaded at `href`."""
    row = await _enterprise(session, code)
    return [_paper(one) for one in await attachments_of(session, row["id"]) if one["withdrawn_at"] is None]


_PAPER_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/enterprises/{code}/papers", status_code=201, openapi_extra=_PAPER_BODY)
async def add_paper(
    request: Request, session: Work, person: Officer, once: Once, code: str,
    file_name: Annotated[str, Query(min_length=1, max_length=255)], kind: str = "other",
    about: Annotated[str, Query(max_length=300)] = "", filing_id: int | None = None,
) -> Response:  # fmt: skip
    """Keep a paper, whose bytes are the body; what it is, its content says, and its name must say the same.

    The same content handed in again for the same filing is the paper there is already.
    """

    async def work() -> Response:
        row = await _enterprise(session, code)
        if kind not in KINDS:
            raise PaperRefused(f"没有材料种类“{kind[:40]}”，没有保存。请用 {'、'.join(KINDS)} 之一。")
        content = await request.body()
        if len(content) > MOST_BYTES:
            raise PaperRefused(f"材料超过 {MOST_BYTES // 1024 // 1024} MB，没有保存。请压缩或拆分后上传。")
        number = await attach(
            session,
            row["id"],
            content,
            file_name,
            kind,
            about=about.strip(),
            filing_id=filing_id,
            attached_by=person.id,
        )
        kept = next(one for one in await attachments_of(session, row["id"]) if one["id"] == number)
        return stated(request, _paper(kept), etag_of("paper", number, kept["digest"]), 201, f"/papers/{number}")

    return await once.answer(work)


def _paper(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = ("id", "filing_id", "kind", "file_name", "about", "media_type", "size", "digest", "attached_at")
    return {name: row[name] for name in shown} | {"href": f"/papers/{row['id']}"}
