"""What lists say of titles: granted, renewed, reviewed, kept by who moved, revoked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.service import RecognitionDraft, RecognitionRefused, extend, grant, revoke
from backend.spreadsheets.fates import Fate, Importer, RowFate
from backend.spreadsheets.progress import Stage
from backend.spreadsheets.records import RecognitionEvent, RecognitionRecord
from rules.interpret import add_months

_GRANTS = {RecognitionEvent.GRANTED: "granted", RecognitionEvent.RENEWED: "renewed"}
#: A review list that comes out after the end still continues the title, if it comes within this time.
_LATE_REVIEW = timedelta(days=183)
_TOLD_EVERY = 100


async def take_titles(session: AsyncSession, fates: Sequence[RowFate], importer: Importer) -> set[int]:
    """Write what rows say of titles. Returns the enterprises concerned.

    All grants go first, then reviews and revocations by their days: what these are about is then there, whatever the
    order of the rows.
    """
    touched = await _grant(session, fates, importer)
    later = [(one, record) for one in fates for record in one.row.recognitions if record.event in _CHANGES]
    later.sort(key=lambda pair: (pair[1].dated_on or date.min, pair[0].row.row))
    for number, (one, record) in enumerate(later):
        if number % _TOLD_EVERY == 0:
            importer.progress.tell(Stage.TITLES, number, len(later))
        if one.fate is not Fate.REFUSED and await _CHANGES[record.event](session, one, record, importer):
            one.improve(Fate.CHANGED)
            touched.add(_id(one))
    return touched


def _id(one: RowFate) -> int:
    assert one.enterprise_id is not None
    return one.enterprise_id


async def _grant(session: AsyncSession, fates: Iterable[RowFate], importer: Importer) -> set[int]:
    granted = [(one, record) for one in fates for record in one.row.recognitions if record.event in _GRANTS]
    if not granted:
        return set()
    drafts = [_draft(one, record, importer) for one, record in granted]
    is_new = await grant(
        session, drafts, importer.library, recorded_by=importer.person_id, import_id=importer.import_id
    )
    news = [one for (one, _), new in zip(granted, is_new, strict=True) if new]
    for one in news:
        one.improve(Fate.CHANGED)
    return {_id(one) for one in news}


def _draft(one: RowFate, record: RecognitionRecord, importer: Importer) -> RecognitionDraft:
    assert record.dated_on is not None
    return RecognitionDraft(
        _id(one), _programme(record, importer), record.dated_on, _GRANTS[record.event], record.level, record.edition,
        record.number, record.batch, record.valid_from, record.valid_to, record.list_title, record.printed_name,
    )  # fmt: skip


def _programme(record: RecognitionRecord, importer: Importer) -> str:
    held = importer.library.by_name.get(record.programme)
    return held.source.programme if held is not None else record.programme


@dataclass(frozen=True)
class _Title:
    """A title that stands in the registry."""

    id: int
    number: str
    valid_from: date
    valid_to: date | None
    revoked_on: date | None
    kind: str
    notice: str


async def _titles(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> list[_Title]:
    """The enterprise's titles of the programme that had begun by the day, the latest first."""
    found = await session.execute(
        text(
            "SELECT id, number, valid_from, valid_to, revoked_on, kind, notice FROM recognition WHERE enterprise_id = :id"
            " AND programme = :programme AND superseded_at IS NULL AND valid_from <= :day ORDER BY valid_from DESC, id DESC"
        ),
        {"id": one.enterprise_id, "programme": _programme(record, importer), "day": record.dated_on},
    )
    return [_Title(*row) for row in found]


# Reviews ---------------------------------------------------------------------------------------------


async def _review(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    """A review passed before the end adds three years to that end (工信部企业〔2022〕63号 第十三条)."""
    assert record.dated_on is not None
    title = next(iter(await _titles(session, one, record, importer)), None)
    if title is None:
        one.refuse("库内没有可以复核的认定", "请先导入当年的认定名单")
        return False
    if title.valid_to is None or (record.list_title and title.kind == "extended" and title.notice == record.list_title):
        return False
    end = _end_on_review(title.valid_to, record.dated_on)
    if end is None:
        one.refuse(f"库内的认定已于 {title.valid_to} 到期，复核日在其后", "请先导入此前的复核名单，或核对日期")
        return False
    if record.dated_on > end:
        one.warn(f"复核名单晚于到期日 {end}，仍按连续有效处理")
    return await extend(
        session, title.id, _three_years_after(end), record.list_title,
        recorded_by=importer.person_id, import_id=importer.import_id,
    )  # fmt: skip


def _end_on_review(valid_to: date, reviewed_on: date) -> date | None:
    """The end that a review was about: the earliest, counted back from today's by terms, not before the review.

    None where the title had lapsed long before.
    """
    if valid_to < reviewed_on:
        return valid_to if reviewed_on <= valid_to + _LATE_REVIEW else None
    end = valid_to
    while (earlier := _three_years_after(end, -36)) >= reviewed_on:
        end = earlier
    return end


def _three_years_after(last_day: date, months: int = 36) -> date:
    # By the day after the last, so that an end on 28 February does not lose the leap day.
    return add_months(last_day + timedelta(days=1), months) - timedelta(days=1)


# Revocations -----------------------------------------------------------------------------------------


async def _revoke(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    """The title ends on the day; its number says which, else it is the latest."""
    assert record.dated_on is not None
    titles = await _titles(session, one, record, importer)
    numbered = [title for title in titles if record.number and title.number == record.number]
    title = next(iter(numbered or titles), None)
    if title is None:
        one.refuse("库内没有这项认定，无从取消", "请先导入认定名单，或核对项目和证书编号")
        return False
    if title.revoked_on is not None:
        return False
    try:
        await revoke(
            session, title.id, record.dated_on, record.reason or record.list_title,
            recorded_by=importer.person_id, import_id=importer.import_id,
        )  # fmt: skip
    except RecognitionRefused as error:
        one.refuse(str(error), "")
        return False
    return True


# Moves -----------------------------------------------------------------------------------------------


async def _moved(session: AsyncSession, one: RowFate, record: RecognitionRecord, importer: Importer) -> bool:
    """Who moved whole to another recognising body keeps the certificate there is; a new one it is not."""
    assert record.dated_on is not None
    title = next(iter(await _titles(session, one, record, importer)), None)
    if title is None:
        one.refuse(
            "异地搬迁名单只说明原证书继续有效，库内没有这家企业的证书",
            "请按原证书的编号和发证日期登记认定，再在企业档案里登记迁移",
        )
    elif title.revoked_on is not None:
        one.warn(f"名单说资格继续有效，库内的认定却已自 {title.revoked_on} 起取消，请核对")
    elif title.valid_to is not None and title.valid_to < record.dated_on:
        one.warn(f"名单说资格继续有效，库内的认定却已于 {title.valid_to} 到期，请核对是否漏登新证")
    else:
        one.warn(f"原证书继续有效至 {title.valid_to or '长期'}，没有新证；如还没有登记迁移，请到企业档案里登记")
    return False


_CHANGES: dict[RecognitionEvent, Any] = {
    RecognitionEvent.MOVED: _moved,
    RecognitionEvent.REVIEW_PASSED: _review,
    RecognitionEvent.REVOKED: _revoke,
}
