"""REST: recognitions, read by cursor, granted, revoked and extended without losing anybody's change.

A title is changed by a new row; any of its ids leads to the row that holds now, whose id is its state.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.dependencies import Officer, SignedIn
from backend.access.proposals import WAITS, accepted, needs_second_person
from backend.clock import today
from backend.database.session import because
from backend.eligibility.service import evaluate
from backend.enterprises.credit_code import normalise
from backend.enterprises.queries import find
from backend.recognitions.asking import moment_known
from backend.recognitions.correcting import Correction, check_extension, correct, withdraw
from backend.recognitions.pages import titles_to_grant
from backend.recognitions.plausible import check_days, read_number
from backend.recognitions.proposing import (
    CORRECT,
    EXTEND,
    GRANT,
    REVOKE,
    WITHDRAW,
    propose_correction,
    propose_extension,
    propose_grant,
    propose_revocation,
    propose_withdrawal,
)
from backend.recognitions.queries import Held, Listed, held_by, is_held, list_by_id, title_now
from backend.recognitions.schemas import (
    CorrectionBody,
    ExtensionBody,
    RecognitionBody,
    RevocationBody,
    WithdrawalBody,
)
from backend.recognitions.service import RecognitionDraft, RecognitionRefused, extend, grant, revoke
from backend.recognitions.tax_years import tax_years_of
from backend.web.dependencies import Work
from backend.web.errors import NotFound
from backend.web.idempotency import Once
from backend.web.rest import USUAL_LIMIT, demand_match, etag_of, limit_of, page_by_cursor, read_cursor, stated
from rules.library import library

router = APIRouter(tags=["recognitions"])


@router.get("/recognitions")
async def recognitions(
    request: Request,
    session: Work,
    person: SignedIn,
    programme: str = "",
    region: str = "",
    enterprise: str = "",
    in_force_on: date | None = None,
    known_at: date | None = None,
    cursor: str = "",
    limit: int = USUAL_LIMIT,
) -> Response:
    """Titles in the order in which they were entered, a page at a time; those in force on a day, where one is given.

    `known_at` asks for what was known at the end of a day: titles entered later are not there, corrections and revocations
    entered later are undone, and `region` is where the enterprise was on that day of `in_force_on` (today where there is
    none), as known then. From today on it is what is known now. `next` and the Link header lead on; `enterprise` is a credit code.
    """
    place = read_cursor(request, 1)
    asked = Listed(
        await _programme(session, programme), region, normalise(enterprise), in_force_on=in_force_on, after=place[0] if place else 0,
        known_at=moment_known(known_at.isoformat()) if known_at is not None else None,
    )  # fmt: skip
    most = limit_of(limit)
    rows = await list_by_id(session, asked, library(), most + 1)
    shown = rows[:most]
    following = [shown[-1]["id"]] if len(rows) > most else None
    return page_by_cursor(request, [_as_json(row, in_force_on or today()) for row in shown], following)


@router.get("/recognitions/{recognition_id}")
async def recognition(request: Request, session: Work, person: SignedIn, recognition_id: int) -> Response:
    """One title as it holds now, under any id that it ever had; its ETag names the state for If-Match."""
    return await _stated(request, session, await _title(session, recognition_id))


@router.post("/recognitions", status_code=201, responses=WAITS)
async def grant_recognition(
    request: Request, session: Work, person: Officer, once: Once, body: RecognitionBody
) -> Response:
    """Enter a title; the enterprise is evaluated anew. An Idempotency-Key makes sending it again harmless."""

    async def work() -> Response:
        row = await find(session, body.enterprise)
        if row is None:
            raise NotFound(f"没有代码为“{body.enterprise}”的企业，或者它不在您的区域。请核对统一社会信用代码。")
        if needs_second_person(request, GRANT):
            return accepted(await propose_grant(session, _draft(body, row), person.id))
        is_new = await grant(session, [_draft(body, row)], library(), recorded_by=person.id)
        if not is_new[0]:
            raise RecognitionRefused("这项认定已经登记过了，请核对")
        await evaluate(session, [row["id"]], library(), today())
        asked = Listed(body.programme, enterprise_id=row["id"])
        title = (await list_by_id(session, asked, library(), 1, newest_first=True))[0]
        return await _stated(request, session, title, 201)

    return await once.answer(work)


@router.post("/recognitions/{recognition_id}/revocation", responses=WAITS)
async def revoke_recognition(
    request: Request, session: Work, person: Officer, once: Once, recognition_id: int, body: RevocationBody
) -> Response:
    """Let a title count no more from a day on. If-Match names the state that the sender saw."""

    async def work() -> Response:
        title = await _unchanged(request, session, recognition_id)
        if needs_second_person(request, REVOKE):
            which, on, why = title["id"], body.revoked_on, body.reason
            return accepted(await propose_revocation(session, title["enterprise_id"], which, on, why, person.id))
        await revoke(session, title["id"], body.revoked_on, body.reason, recorded_by=person.id)
        return await _after(request, session, title)

    return await once.answer(work)


@router.post("/recognitions/{recognition_id}/extension", responses=WAITS)
async def extend_recognition(
    request: Request, session: Work, person: Officer, once: Once, recognition_id: int, body: ExtensionBody
) -> Response:
    """Let a title count until a later day, because its review was passed. If-Match as for a revocation."""

    async def work() -> Response:
        title = await _unchanged(request, session, recognition_id)
        check_extension(title["held"], body.valid_to, library())
        if needs_second_person(request, EXTEND):
            which, until = title["id"], body.valid_to
            return accepted(
                await propose_extension(session, title["enterprise_id"], which, until, body.notice, person.id)
            )
        if not await extend(session, title["id"], body.valid_to, body.notice, recorded_by=person.id):
            raise RecognitionRefused(f"该认定的有效期止已是 {title['valid_to'] or '长期'}，不早于 {body.valid_to}")
        return await _after(request, session, title)

    return await once.answer(work)


async def _programme(session: AsyncSession, asked: str) -> str:
    """The programme meant by its id or another of its names. Raises RecognitionRefused: a slip is no empty list."""
    if (held := library().by_name.get(asked)) is not None:
        return held.source.programme
    # Plans count titles that have no rules of their own.
    if asked and not await is_held(session, asked):
        raise RecognitionRefused(f"没有认定项目“{asked[:60]}”，可用的见 /api/v1/rules")
    return asked


@router.post("/recognitions/{recognition_id}/correction", responses=WAITS)
async def correct_recognition(
    request: Request, session: Work, person: Officer, once: Once, recognition_id: int, body: CorrectionBody
) -> Response:
    """Put right what was entered wrongly; what is not given stays. If-Match as for a revocation.

    What was known before stays known under `known_at`. A change of the title itself is a revocation, an extension or a
    new grant.
    """

    async def work() -> Response:
        title = await _unchanged(request, session, recognition_id)
        as_it_is = _corrected(title["held"], body)
        if needs_second_person(request, CORRECT):
            return accepted(await propose_correction(session, title["enterprise_id"], title["id"], as_it_is, person.id))
        await because(session, as_it_is.reason)
        if not await correct(session, title["id"], as_it_is, library(), recorded_by=person.id):
            raise RecognitionRefused("给出的各项与登记的相同，没有可更正的，请核对")
        return await _after(request, session, title)

    return await once.answer(work)


@router.post("/recognitions/{recognition_id}/withdrawal", status_code=204, responses=WAITS)
async def withdraw_recognition(
    request: Request, session: Work, person: Officer, once: Once, recognition_id: int, body: WithdrawalBody
) -> Response:
    """Take out a title that was never granted. If-Match as for a revocation; afterwards there is none under its id."""

    async def work() -> Response:
        title = await _unchanged(request, session, recognition_id)
        if needs_second_person(request, WITHDRAW):
            return accepted(
                await propose_withdrawal(session, title["enterprise_id"], title["id"], body.reason, person.id)
            )
        await because(session, body.reason)
        await evaluate(session, [await withdraw(session, title["id"])], library(), today())
        return Response(status_code=204)

    return await once.answer(work)


def _corrected(title: Held, body: CorrectionBody) -> Correction:
    """The title with what the body gives; a last day that is not given stays as it is printed."""
    given = body.model_dump(exclude_unset=True, exclude_none=True)
    if given.get("number", title.number) != title.number:
        given["number"] = read_number(given["number"], title.programme)
    now = {name: getattr(title, name) for name in ("number", "batch", "granted_on", "valid_from", "valid_to", "notice")}
    return Correction(**(now | given))


async def _title(session: AsyncSession, recognition_id: int) -> Mapping[str, Any]:
    title = await title_now(session, recognition_id, library())
    if title is None:
        raise NotFound(f"没有编号为 {recognition_id} 的认定，或者它不在您的区域、已被撤回。")
    return title


async def _unchanged(request: Request, session: AsyncSession, recognition_id: int) -> Mapping[str, Any]:
    title = await _title(session, recognition_id)
    demand_match(request, etag_of("recognition", title["id"]))
    return title


async def _after(request: Request, session: AsyncSession, title: Mapping[str, Any]) -> Response:
    await evaluate(session, [title["enterprise_id"]], library(), today())
    return await _stated(request, session, await _title(session, title["id"]))


async def _stated(
    request: Request, session: AsyncSession, title: Mapping[str, Any], status_code: int = 200
) -> Response:
    location = f"/api/v1/recognitions/{title['id']}"
    others = (await held_by(session, [title["enterprise_id"]]))[title["enterprise_id"]]
    tax_years = tax_years_of(title["held"], others, today())
    told = _as_json(title, today()) | {"tax_years": tax_years.as_json() if tax_years is not None else None}
    return stated(request, told, etag_of("recognition", title["id"]), status_code, location)


def _draft(body: RecognitionBody, row: Mapping[str, Any]) -> RecognitionDraft:
    if body.programme not in dict(titles_to_grant()):
        raise RecognitionRefused(f"没有认定项目“{body.programme}”，可用的见 /api/v1/rules")
    check_days(body.programme, body.granted_on, body.valid_from, body.valid_to, library())
    number = read_number(body.number, body.programme)
    return RecognitionDraft(
        row["id"], body.programme, body.granted_on, body.kind, number=number, batch=body.batch, level=body.level,
        valid_from=body.valid_from, valid_to=body.valid_to, notice=body.notice, printed_name=row["name"], source="officer",
    )  # fmt: skip


_SHOWN = (
    "id", "programme", "level", "edition", "number", "batch", "kind", "granted_on", "valid_from", "valid_to",
    "revoked_on", "revocation_reason", "notice",
)  # fmt: skip


def _as_json(title: Mapping[str, Any], on: date) -> dict[str, Any]:
    who = {"id": title["enterprise_id"], "credit_code": title["credit_code"], "name": title["name"]}
    return {name: title[name] for name in _SHOWN} | {"enterprise": who, "in_force": title["held"].is_in_force(on)}
