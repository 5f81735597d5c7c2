"""What came on a page becomes filings: the latest revision of each record, within what was authorised, once.

A record is known again by its id. An older revision than the one we have is stale, the same one is unchanged; so
whatever comes twice, late or in any order ends in the same state. What may not be kept leaves nothing but its id.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.exchange.authorisations import Allowed, allowed
from backend.exchange.bodies import BodyRefused, refuse_unfit
from backend.exchange.connector import Connector
from backend.exchange.identity import note_identity
from backend.exchange.known import ids_by_code
from backend.exchange.mapping import Form, Incoming, Mapped, MappingTable, map_in
from backend.exchange.points import note_points
from backend.exchange.receipts import TakenRecord, malformed, note_taken
from backend.exchange.wire import RemoteRecord, digest_of
from backend.filings.service import FilingDraft, file_each, project
from rules.catalogue import Catalogue, Indicator, Period
from rules.facts import FactError, read_facts


@dataclass
class Stored:
    """What a page brought."""

    counts: Counter[str] = field(default_factory=Counter[str])
    touched: set[int] = field(default_factory=set[int])
    latest: datetime | None = None
    taken: dict[str, TakenRecord] = field(default_factory=dict[str, TakenRecord])

    def dispose(self, one: RemoteRecord, fate: str, digest: str = "") -> None:
        """Say what becomes of a record in this run, for the receipt."""
        self.taken[one.id] = TakenRecord(one.id, one.form, one.revision, one.year, one.code, fate, digest)


@dataclass
class _Fate:
    """What becomes of one record."""

    record: RemoteRecord
    enterprise_id: int | None
    fate: str = "applied"
    reason: str = ""
    digest: str = ""
    kept: dict[str, Any] = field(default_factory=dict[str, Any])
    mapped: Mapped | None = None


async def store_page(
    session: AsyncSession, connector: Connector, table: MappingTable, records: Sequence[Mapping[str, Any]],
    catalogue: Catalogue, on: date, run_id: int | None,
) -> Stored:  # fmt: skip
    """Take in a page, within the running transaction, as the tables' owner."""
    stored = Stored()
    read = _latest(records, stored)
    stored.counts["received"] = len(records)
    stored.latest = max((one.updated_at for one in read), default=None)
    known = await _known(session, connector.system, [one.id for one in read])
    ids = await ids_by_code(session, [one.code for one in read])
    # Held until the end of the transaction: a withdrawal waits, and what comes after it finds it.
    may = await allowed(session, ids.values(), connector.purpose, on)
    fates = [
        _decide(one, ids.get(one.code), known.get(one.id), may, table, catalogue, on, stored) for one in read
    ]  # fmt: skip
    fresh = [one for one in fates if one is not None]
    await _file(session, table, fresh, catalogue, on, stored)
    applied = [(one.enterprise_id, one.record) for one in fresh if one.fate == "applied" and one.enterprise_id]
    await note_points(session, applied)
    stored.counts.update(await note_identity(session, applied))
    await _note_records(session, connector.system, fresh, run_id)
    for one in fresh:
        stored.dispose(one.record, one.fate, one.digest)
    if run_id is not None:
        await note_taken(session, run_id, stored.taken.values())
    await _note_unknown(session, connector.system, fresh)
    return stored


def _latest(records: Sequence[Mapping[str, Any]], stored: Stored) -> list[RemoteRecord]:
    """Each record once, in its highest revision; what is no record at all is counted."""
    latest: dict[str, RemoteRecord] = {}
    for raw in records:
        try:
            refuse_unfit(raw)
            one = RemoteRecord.model_validate(raw)
        except (ValidationError, BodyRefused):
            stored.counts["malformed"] += 1
            unread = malformed(raw)
            stored.taken[unread.record_id] = unread
            continue
        before = latest.get(one.id)
        if before is not None:
            stored.counts["duplicate"] += 1
        if before is None or one.revision > before.revision:
            latest[one.id] = one
    # In one order, so that two transactions lock records and enterprises alike.
    return [latest[name] for name in sorted(latest)]


async def _known(session: AsyncSession, system: str, record_ids: list[str]) -> dict[str, tuple[int, str, str]]:
    found = await session.execute(
        text(
            "SELECT record_id, revision, digest, fate FROM exchange_record WHERE system = :system"
            " AND record_id = ANY(:ids) ORDER BY record_id FOR UPDATE"
        ),
        {"system": system, "ids": record_ids},
    )
    return {row[0]: (row[1], row[2], row[3]) for row in found}


def _decide(
    one: RemoteRecord, enterprise_id: int | None, known: tuple[int, str, str] | None, may: Allowed, table: MappingTable,
    catalogue: Catalogue, on: date, stored: Stored,
) -> _Fate | None:  # fmt: skip
    """What becomes of a record; None where we have it already."""
    fate = _Fate(one, enterprise_id)
    form = table.by_form.get(one.form)
    if enterprise_id is None:
        fate.fate, fate.reason = "unknown_enterprise", "库中没有这个统一社会信用代码"
    elif form is None:
        fate.fate, fate.reason = "unusable", f"对应表没有 {one.form}"
    elif not may.covers(enterprise_id, form.group, one.year):
        fate.fate, fate.reason = "unauthorised", f"企业没有授权 {one.year or '现行'} 的 {one.form}"
    else:
        fate.digest = digest_of(one.fields, one.revision)
    if known is not None:
        revision, digest, before = known
        if one.revision < revision and before in ("applied", "unusable"):
            stored.counts["stale"] += 1
            stored.dispose(one, "stale")
            return None
        if (one.revision, fate.digest, fate.fate) == (revision, digest, before):
            stored.counts["unchanged"] += 1
            stored.dispose(one, before, digest)
            return None
        if before == "applied" and fate.fate != "applied":
            # What was taken in under an authorisation stays as it was; the newer one is not looked into.
            stored.counts[fate.fate] += 1
            stored.dispose(one, fate.fate)
            return None
    if fate.fate == "applied":
        assert form is not None
        _map(fate, form, catalogue, on)
    stored.counts[fate.fate] += 1
    return fate


def _map(fate: _Fate, form: Form, catalogue: Catalogue, on: date) -> None:
    one = fate.record
    if one.layout not in form.layouts:
        fate.fate, fate.reason = "unusable", f"{one.form} 没有版式 {one.layout}"
        return
    if one.year is not None and one.year >= on.year:
        fate.fate, fate.reason = "unusable", f"{one.year} 年尚未结束"
        return
    mapped = map_in(form, Incoming(one.form, one.layout, one.year, one.fields), catalogue)
    _drop_impossible(mapped, catalogue, on)
    envelope = dict(one.model_extra or {})
    kept: dict[str, Any] = {"unknown": mapped.unknown | envelope, "unusable": mapped.unusable, "doubts": mapped.doubts}
    fate.kept = {name: value for name, value in kept.items() if value}
    fate.mapped = mapped
    if mapped.unusable and not any(mapped.values.values()):
        fate.fate, fate.reason = "unusable", "；".join(mapped.unusable.values())[:500]


def _drop_impossible(mapped: Mapped, catalogue: Catalogue, on: date) -> None:
    """Take out figures that cannot be true, as a check of the rules would."""
    for year, values in mapped.values.items():
        raw: dict[str, Any] = {}
        for name, value in values.items():
            indicator = catalogue.by_name[name]
            if indicator.period is not Period.YEARLY:
                raw[name] = value
            elif not _is_within(indicator, value):  # the others were read when mapped, and are of a past year
                raw[name] = {str(year): value}
        if not raw:
            continue
        try:
            problems = read_facts(raw, catalogue, on).dropped
        except FactError as error:
            problems = error.problems
        for one in problems:
            values.pop(one.name, None)
            mapped.unusable[one.name] = one.message


def _is_within(indicator: Indicator, value: Any) -> bool:
    if indicator.range is None or not isinstance(value, int | Decimal):
        return indicator.range is None
    low, high = indicator.range
    return (low is None or value >= low) and (high is None or value <= high)


async def _file(
    session: AsyncSession, table: MappingTable, fates: Sequence[_Fate], catalogue: Catalogue, on: date, stored: Stored
) -> None:
    drafts: list[FilingDraft] = []
    for one in fates:
        if one.fate != "applied" or one.mapped is None or one.enterprise_id is None:
            continue
        note = f"{table.name} {one.record.form} 第 {one.record.revision} 版"
        day = min(one.record.stated_on, on)
        drafts += [
            FilingDraft(one.enterprise_id, table.source, year, values, day, note)
            for year, values in one.mapped.values.items()
            if values
        ]
    if not drafts:
        return
    is_new = await file_each(session, drafts, catalogue, is_checked=True)
    touched = {draft.enterprise_id for draft, new in zip(drafts, is_new, strict=True) if new}
    stored.counts["filed"] += sum(is_new)
    stored.touched |= touched
    if touched:
        await project(session, sorted(touched), catalogue)


_UPSERT = text(
    "INSERT INTO exchange_record (system, record_id, enterprise_id, code, form, layout, year, revision, digest, fate,"
    " reason, kept, run_id) VALUES (:system, :record_id, :enterprise_id, :code, :form, :layout, :year, :revision, :digest,"
    " :fate, :reason, CAST(:kept AS jsonb), :run_id) ON CONFLICT (system, record_id) DO UPDATE SET"
    " enterprise_id = excluded.enterprise_id, layout = excluded.layout, revision = excluded.revision,"
    " digest = excluded.digest, fate = excluded.fate, reason = excluded.reason, kept = excluded.kept,"
    " run_id = excluded.run_id, received_at = now()"
)


async def _note_records(session: AsyncSession, system: str, fates: Sequence[_Fate], run_id: int | None) -> None:
    rows = [
        {
            "system": system, "record_id": one.record.id, "enterprise_id": one.enterprise_id, "code": one.record.code,
            "form": one.record.form, "layout": one.record.layout, "year": one.record.year, "revision": one.record.revision,
            "digest": one.digest, "fate": one.fate, "reason": one.reason, "kept": exact_json(one.kept), "run_id": run_id,
        }
        for one in fates
    ]  # fmt: skip
    if rows:
        await session.execute(_UPSERT, rows)


async def _note_unknown(session: AsyncSession, system: str, fates: Sequence[_Fate]) -> None:
    """Report fields that no mapping speaks of."""
    times = Counter(
        (one.record.form, one.record.layout, str(label)[:200]) for one in fates for label in one.kept.get("unknown", {})
    )
    if times:
        await session.execute(
            text(
                "INSERT INTO exchange_unknown_field (system, form, layout, label, times) VALUES (:system, :form, :layout,"
                " :label, :times) ON CONFLICT (system, form, layout, label) DO UPDATE SET"
                " times = exchange_unknown_field.times + excluded.times, last_seen_at = now()"
            ),
            [
                {"system": system, "form": form, "layout": layout, "label": label, "times": number}
                for (form, layout, label), number in sorted(times.items())
            ],
        )
