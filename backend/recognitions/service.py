"""Writing recognitions: granting, extending, revoking. What stood before is kept, closed with the moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import copy_rows
from rules.interpret import add_months
from rules.library import Library


class RecognitionRefused(Exception):
    """A recognition that cannot be written; the message says why and what to do."""

    status_code = 422


@dataclass(frozen=True)
class RecognitionDraft:
    """A title as a list or an officer states it."""

    enterprise_id: int
    programme: str
    granted_on: date
    kind: str = "granted"
    level: str = ""
    edition: int | None = None
    number: str = ""
    batch: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    notice: str = ""
    printed_name: str = ""
    source: str = "spreadsheet"


def last_day(programme: str, granted_on: date, library: Library) -> date | None:
    """The last day a title granted on a day counts, by the programme's validity; None where it has no printed end.

    Three years end the day before the anniversary (国科发火〔2016〕32号 第九条: 有效期三年, the last day inferred); a
    calendar year ends on 31 December.
    """
    validity = library.programme(programme).source.validity
    if validity == "3 years":
        return add_months(granted_on, 36) - timedelta(days=1)
    if validity == "calendar year":
        return date(granted_on.year, 12, 31)
    return None


_COLUMNS = (
    "enterprise_id", "programme", "level", "edition", "number", "batch", "kind", "granted_on", "valid_from", "valid_to",
    "revoked_on", "revocation_reason", "notice", "printed_name", "source", "import_id", "recorded_by",
)  # fmt: skip


async def grant(
    session: AsyncSession,
    drafts: Sequence[RecognitionDraft],
    library: Library,
    *,
    recorded_by: int | None = None,
    import_id: int | None = None,
    recorded_at: datetime | None = None,
) -> list[bool]:
    """Write titles; one that stands already (same enterprise, programme, first day) is left alone.

    Returns, by position, whether the draft was new.
    """
    known = await _standing(session, sorted({draft.enterprise_id for draft in drafts}))
    rows: list[tuple[Any, ...]] = []
    is_new: list[bool] = []
    for draft in drafts:
        valid_from = draft.valid_from or draft.granted_on
        key = (draft.enterprise_id, draft.programme, valid_from)
        is_new.append(key not in known)
        if key in known:
            continue
        known.add(key)
        valid_to = draft.valid_to or last_day(draft.programme, draft.granted_on, library)
        if valid_to is not None and valid_to < valid_from:
            raise RecognitionRefused(f"有效期止 {valid_to} 早于有效期起 {valid_from}，请核对日期")
        edition = draft.edition
        if edition is None and library.programme(draft.programme).source.validity == "edition":
            edition = draft.granted_on.year
        rows.append(
            (draft.enterprise_id, draft.programme, draft.level, edition, draft.number, draft.batch, draft.kind,
             draft.granted_on, valid_from, valid_to, None, "", draft.notice, draft.printed_name, draft.source, import_id,
             recorded_by)
        )  # fmt: skip
    columns = _COLUMNS if recorded_at is None else (*_COLUMNS, "recorded_at")
    if rows:
        await copy_rows(
            session, "recognition", columns, rows if recorded_at is None else [(*r, recorded_at) for r in rows]
        )
    return is_new


async def _standing(session: AsyncSession, enterprise_ids: Sequence[int]) -> set[tuple[int, str, date]]:
    found = await session.execute(
        text(
            "SELECT enterprise_id, programme, valid_from FROM recognition"
            " WHERE enterprise_id = ANY(:ids) AND superseded_at IS NULL"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {(row[0], row[1], row[2]) for row in found}


async def revoke(
    session: AsyncSession, recognition_id: int, revoked_on: date, reason: str, *, recorded_by: int | None = None
) -> None:
    """Let a title count no more from a day on.

    Raises:
        RecognitionRefused: the title ended before that day.
    """
    row = await _lock(session, recognition_id)
    if row["valid_to"] is not None and revoked_on > row["valid_to"]:
        raise RecognitionRefused(f"该认定已于 {row['valid_to']} 到期，取消日 {revoked_on} 在其后，请核对")
    await _supersede(session, row, {"revoked_on": revoked_on, "revocation_reason": reason}, recorded_by)


async def extend(
    session: AsyncSession, recognition_id: int, valid_to: date, notice: str, *, recorded_by: int | None = None
) -> bool:
    """Let a title count until a later day, because its review was passed. Returns whether anything changed."""
    row = await _lock(session, recognition_id)
    if row["valid_to"] is None or row["valid_to"] >= valid_to:
        return False
    await _supersede(session, row, {"valid_to": valid_to, "kind": "extended", "notice": notice}, recorded_by)
    return True


async def _lock(session: AsyncSession, recognition_id: int) -> dict[str, Any]:
    found = await session.execute(
        text("SELECT * FROM recognition WHERE id = :id AND superseded_at IS NULL FOR UPDATE"), {"id": recognition_id}
    )
    row = found.mappings().first()
    if row is None:
        raise RecognitionRefused("这条认定已被修改，请刷新后再试")
    return dict(row)


async def _supersede(
    session: AsyncSession, row: dict[str, Any], changes: dict[str, Any], recorded_by: int | None
) -> None:
    await session.execute(text("UPDATE recognition SET superseded_at = now() WHERE id = :id"), {"id": row["id"]})
    new = {name: value for name, value in row.items() if name not in ("id", "recorded_at", "superseded_at")}
    new |= {**changes, "supersedes_id": row["id"], "recorded_by": recorded_by}
    columns, values = ", ".join(new), ", ".join(f":{name}" for name in new)
    await session.execute(text(f"INSERT INTO recognition ({columns}) VALUES ({values})"), new)
