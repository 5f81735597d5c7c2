"""Taking in what a system sends us: every item answered by itself, the good ones written together."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.service import evaluate
from backend.exchange.authorisations import allowed, groups_by_indicator
from backend.exchange.clients import Caller
from backend.exchange.items import (
    ItemProblem,
    Judged,
    RecognitionItem,
    day_of,
    judge_code,
    judge_filing,
    mark_of,
    shaped,
    wonder_at_unit,
)
from backend.exchange.known import ids_by_code
from backend.exchange.models import ExchangeRecord
from backend.filings.service import FilingDraft, file_each, project
from backend.recognitions.service import RecognitionDraft, grant, last_day
from rules.catalogue import Type
from rules.library import Library

#: Up to so many enterprises are evaluated in the request; more are left to the worker, which does them in columns.
EVALUATED_AT_ONCE = 20
TAX = "tax"


class ItemResult(BaseModel):
    """What became of one item."""

    index: int
    #: The sender's own mark.
    id: str | int | None = None
    status: str = Field(examples=["recorded"], description="recorded, unchanged or refused")
    problems: list[ItemProblem] = []
    warnings: list[ItemProblem] = []


class BatchResult(BaseModel):
    """What became of a batch: the counts, and every item in its order."""

    recorded: int
    unchanged: int
    refused: int
    #: Whether the enterprises were evaluated anew already; large batches are within a minute.
    is_evaluated: bool
    items: list[ItemResult]


async def take_filings(
    session: AsyncSession, caller: Caller, items: Sequence[Any], library: Library, on: date, place: str = "/{}"
) -> BatchResult:
    """Record filings under the caller's source. The session is bound to what the caller may see."""
    catalogue = library.catalogue
    judged = [judge_filing(raw, place.format(number), catalogue, on) for number, raw in enumerate(items)]
    await find_enterprises(session, judged)
    if caller.source == TAX:
        await _keep_to_authorisations(session, caller, judged, library)
    await _wonder_at_units(session, judged, library)
    good = [one for one in judged if not one.problems]
    is_new = await file_each(
        session, [_draft(one, caller, on) for one in good], catalogue, is_checked=True
    )  # fmt: skip
    for one, new in zip(good, is_new, strict=True):
        one.outcome = "recorded" if new else "unchanged"
    touched = sorted({one.enterprise_id for one in good if one.outcome == "recorded" and one.enterprise_id is not None})
    if touched:
        await project(session, touched, catalogue)
    return await told_of_each(session, judged, touched, library, on)


def _draft(one: Judged, caller: Caller, on: date) -> FilingDraft:
    assert one.enterprise_id is not None
    note = "；".join(filter(None, (one.note, *(warning.detail for warning in one.warnings))))
    return FilingDraft(one.enterprise_id, caller.source, one.year, one.values, one.received_on or on, note[:1000])


async def find_enterprises(session: AsyncSession, judged: Sequence[Judged]) -> None:
    """Say of each item whose it is; of whom the caller does not see, it is nobody's."""
    ids = await ids_by_code(session, [one.code for one in judged if one.code])
    for one in judged:
        one.enterprise_id = ids.get(one.code)
        if one.code and one.enterprise_id is None:
            one.object_to(
                "/credit_code", "unknown-enterprise", f"库中没有 {one.code}，或不在您的范围内。", "请核对代码；新企业请先登记，再重发这一条。"
            )  # fmt: skip


async def _keep_to_authorisations(
    session: AsyncSession, caller: Caller, judged: Sequence[Judged], library: Library
) -> None:
    """Refuse what the enterprise has not authorised, and count the refusal; nothing of it is kept."""
    groups = groups_by_indicator(library.catalogue)
    may = await allowed(session, [one.enterprise_id for one in judged if one.enterprise_id is not None])
    for one in judged:
        if one.enterprise_id is None or one.problems:
            continue
        for name in one.values:
            if not may.covers(one.enterprise_id, groups[name], one.year):
                one.object_to(
                    f"/values/{name}", "tax-authorisation-missing", f"企业没有授权提供 {one.year or '现行'} 的“{name}”，未保存。",
                    "请先登记企业的授权（范围、用途、年度），再重发这一条。",
                )  # fmt: skip
    refused = [one for one in judged if any(p.code == "tax-authorisation-missing" for p in one.problems)]
    await note_refusals(session, caller.client_id, refused)


async def note_refusals(session: AsyncSession, system: str, refused: Sequence[Judged]) -> None:
    """Count what was refused for want of an authorisation: whose, of which year; of its content, nothing."""
    for one in refused:
        held = ExchangeRecord(
            system=system, record_id=f"filing-{one.code}-{one.year or 'now'}", enterprise_id=one.enterprise_id,
            code=one.code, form="filing", year=one.year, revision=1, fate="unauthorised", reason="企业没有授权",
        )  # fmt: skip
        await session.merge(held)
    await session.flush()


async def _wonder_at_units(session: AsyncSession, judged: Sequence[Judged], library: Library) -> None:
    """Compare amounts with what is held of the same year and the year before."""
    asked = [one for one in judged if one.year is not None and one.enterprise_id is not None and not one.problems]
    money = {
        name: indicator
        for one in asked
        for name in one.values
        if (indicator := library.catalogue.by_name[name]).type is Type.MONEY
    }
    if not money:
        return
    columns = ", ".join(f'"{name}"' for name in money)
    found = await session.execute(
        text(f"SELECT enterprise_id, year, {columns} FROM fact_yearly WHERE enterprise_id = ANY(:ids) ORDER BY year"),
        {"ids": sorted({one.enterprise_id for one in asked if one.enterprise_id is not None})},
    )
    held: dict[tuple[int, int], Mapping[str, Any]] = {
        (row["enterprise_id"], row["year"]): dict(row) for row in found.mappings()
    }
    for one in asked:
        assert one.enterprise_id is not None and one.year is not None
        for name in one.values.keys() & money.keys():
            before = next(
                (
                    fen
                    for year in (one.year, one.year - 1)
                    if (fen := held.get((one.enterprise_id, year), {}).get(name))
                ),
                0,
            )
            wonder_at_unit(one, money[name], one.values[name], before)


async def told_of_each(
    session: AsyncSession, judged: Sequence[Judged], touched: Sequence[int], library: Library, on: date
) -> BatchResult:
    """Evaluate whoever was touched, where they are few, and answer each item by itself."""
    is_small = len(touched) <= EVALUATED_AT_ONCE
    if touched and is_small:
        await evaluate(session, touched, library, on)
    counts = {status: sum(one.outcome == status for one in judged) for status in ("recorded", "unchanged", "refused")}
    results = [
        ItemResult(index=number, id=one.id, status=one.outcome, problems=one.problems, warnings=one.warnings)
        for number, one in enumerate(judged)
    ]
    return BatchResult(**counts, is_evaluated=is_small, items=results)


async def take_recognitions(
    session: AsyncSession, caller: Caller, items: Sequence[Any], library: Library, on: date, place: str = "/{}"
) -> BatchResult:
    """Record titles as the caller's source states them."""
    pairs = [_judge_recognition(raw, place.format(number), library, on) for number, raw in enumerate(items)]
    judged = [one for one, _ in pairs]
    await find_enterprises(session, judged)
    good = [(one, item) for one, item in pairs if not one.problems and item is not None]
    drafts = [_recognition(one, item, caller) for one, item in good]
    is_new = await grant(session, drafts, library) if drafts else []
    for (one, _), new in zip(good, is_new, strict=True):
        one.outcome = "recorded" if new else "unchanged"
    touched = sorted(
        {one.enterprise_id for one in judged if one.outcome == "recorded" and one.enterprise_id is not None}
    )
    return await told_of_each(session, judged, touched, library, on)


def _judge_recognition(raw: Any, place: str, library: Library, on: date) -> tuple[Judged, RecognitionItem | None]:
    judged = Judged(place, id=mark_of(raw))
    item: RecognitionItem | None = shaped(RecognitionItem, raw, judged)
    if item is None:
        return judged, None
    judge_code(item.credit_code, judged)
    if item.programme not in library.by_name:
        judged.object_to(
            "/programme",
            "unknown-programme",
            f"规则库中没有认定项目“{item.programme}”。",
            "GET /api/v1/rules 列出全部项目。",
        )
    granted = day_of(item.granted_on, "/granted_on", judged, latest=on)
    begins = day_of(item.valid_from, "/valid_from", judged) or granted
    ends = day_of(item.valid_to, "/valid_to", judged)
    if begins is not None and not judged.problems:
        ends = ends or last_day(library.by_name[item.programme].source.programme, begins, library)
        if ends is not None and ends < begins:
            judged.object_to("/valid_to", "out-of-order", f"有效期止 {ends} 早于有效期起 {begins}。", "请核对日期。")
    return judged, item


def _recognition(one: Judged, item: RecognitionItem, caller: Caller) -> RecognitionDraft:
    assert one.enterprise_id is not None
    return RecognitionDraft(
        one.enterprise_id, item.programme, date.fromisoformat(item.granted_on), number=item.number, batch=item.batch,
        valid_from=date.fromisoformat(item.valid_from) if item.valid_from else None,
        valid_to=date.fromisoformat(item.valid_to) if item.valid_to else None, notice=item.notice, source=caller.source,
    )  # fmt: skip
