"""Writing recognitions: granting, extending, revoking. What stood before is kept, closed with the moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


def last_day(programme: str, valid_from: date, library: Library) -> date | None:
    """The last day of a title that counts from a day on, by the programme's validity; None where it has no printed end.

    Three years end the day before the anniversary (国科发火〔2016〕32号 第九条: 有效期三年, the last day inferred); a
    calendar year ends on 31 December.
    """
    match _validity(programme, library):
        case "3 years":
            return add_months(valid_from, 36) - timedelta(days=1)
        case "calendar year":
            return date(valid_from.year, 12, 31)
        case _:
            return None


def _validity(programme: str, library: Library) -> str:
    """How long a title lasts; nothing is known of titles that plans count and that have no rules of their own."""
    held = library.by_name.get(programme)
    return held.source.validity if held is not None else ""


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
    """Write titles; one that stands already is left alone: same first day, or same number granted in the same year.

    Returns, by position, whether the draft was new.

    Raises:
        RecognitionRefused: the last day lies before the first; nothing is written.
    """
    known = await standing_keys(session, sorted({draft.enterprise_id for draft in drafts}))
    rows: list[tuple[Any, ...]] = []
    is_new: list[bool] = []
    for draft in drafts:
        full = _completed(draft, library)
        keys = keys_of_title(full.enterprise_id, full.programme, full.valid_from, full.granted_on, full.number)
        is_new.append(known.isdisjoint(keys))
        if is_new[-1]:
            known |= keys
            rows.append(
                (full.enterprise_id, full.programme, full.level, full.edition, full.number, full.batch, full.kind,
                 full.granted_on, full.valid_from, full.valid_to, None, "", full.notice, full.printed_name, full.source,
                 import_id, recorded_by)
            )  # fmt: skip
    columns = _COLUMNS if recorded_at is None else (*_COLUMNS, "recorded_at")
    if rows:
        await copy_rows(
            session, "recognition", columns, rows if recorded_at is None else [(*r, recorded_at) for r in rows]
        )
    return is_new


def _completed(draft: RecognitionDraft, library: Library) -> RecognitionDraft:
    """The draft with what follows from its programme: the first and the last day, the edition."""
    held = library.by_name.get(draft.programme)
    programme = held.source.programme if held is not None else draft.programme
    valid_from = draft.valid_from or draft.granted_on
    valid_to = draft.valid_to or last_day(programme, valid_from, library)
    if valid_to is not None and valid_to < valid_from:
        raise RecognitionRefused(f"有效期止 {valid_to} 早于有效期起 {valid_from}，请核对日期")
    edition = draft.edition
    if edition is None and _validity(programme, library) == "edition":
        edition = draft.granted_on.year
    return replace(draft, programme=programme, valid_from=valid_from, valid_to=valid_to, edition=edition)


def keys_of_title(
    enterprise_id: int, programme: str, valid_from: date | None, granted_on: date, number: str
) -> set[tuple[Any, ...]]:
    """By what a title is known again: lists print its first day, certificates its number, and the two may differ."""
    keys: set[tuple[Any, ...]] = {(enterprise_id, programme, valid_from)}
    return keys | {(enterprise_id, programme, number, granted_on.year)} if number else keys


async def standing_keys(session: AsyncSession, enterprise_ids: Sequence[int]) -> set[tuple[Any, ...]]:
    """What the titles that hold now of some enterprises are known again by; nobody else grants them any meanwhile."""
    # Whoever grants at the same moment waits, and then finds the title there.
    await session.execute(
        text("SELECT FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE"), {"ids": list(enterprise_ids)}
    )
    found = await session.execute(
        text(
            "SELECT enterprise_id, programme, valid_from, granted_on, number FROM recognition"
            " WHERE enterprise_id = ANY(:ids) AND superseded_at IS NULL"
        ),
        {"ids": list(enterprise_ids)},
    )
    return {key for row in found for key in keys_of_title(*row)}


async def revoke(
    session: AsyncSession,
    recognition_id: int,
    revoked_on: date,
    reason: str,
    *,
    recorded_by: int | None = None,
    recorded_at: datetime | None = None,
    import_id: int | None = None,
) -> bool:
    """Let a title count no more from a day on. Returns whether anything changed.

    Raises:
        RecognitionRefused: the title did not count on the day before, or has been changed meanwhile.
    """
    row = await lock_title(session, recognition_id)
    if row["revoked_on"] == revoked_on and row["revocation_reason"] == reason:
        return False
    if row["valid_to"] is not None and revoked_on > row["valid_to"]:
        raise RecognitionRefused(f"该认定已于 {row['valid_to']} 到期，取消日 {revoked_on} 在其后，请核对")
    if revoked_on < row["valid_from"]:
        raise RecognitionRefused(f"该认定自 {row['valid_from']} 起有效，取消日 {revoked_on} 在其前，请核对")
    changes = {"revoked_on": revoked_on, "revocation_reason": reason}
    await supersede(session, row, {**changes, "import_id": import_id}, recorded_by, recorded_at)
    return True


async def extend(
    session: AsyncSession,
    recognition_id: int,
    valid_to: date,
    notice: str,
    *,
    recorded_by: int | None = None,
    recorded_at: datetime | None = None,
    import_id: int | None = None,
) -> bool:
    """Let a title count until a later day, because its review was passed. Returns whether anything changed."""
    row = await lock_title(session, recognition_id)
    if row["valid_to"] is None or row["valid_to"] >= valid_to:
        return False
    changes = {"valid_to": valid_to, "kind": "extended", "notice": notice}
    await supersede(session, row, {**changes, "import_id": import_id}, recorded_by, recorded_at)
    return True


async def take_back_import(
    session: AsyncSession, import_id: int, enterprise_ids: Sequence[int], *, recorded_by: int | None = None
) -> int:
    """Let what an import said of titles hold no more: granted ones close, changed ones are again as they were.

    Nothing is deleted: what an earlier day knew stays. Returns how many titles were concerned.
    """
    closed = await session.execute(
        text(
            "UPDATE recognition SET superseded_at = greatest(now(), recorded_at) WHERE import_id = :import_id"
            " AND superseded_at IS NULL AND enterprise_id = ANY(:ids) RETURNING id, supersedes_id"
        ),
        {"import_id": import_id, "ids": list(enterprise_ids)},
    )
    rows = list(closed)
    changed = [row.id for row in rows if row.supersedes_id is not None]
    if changed:
        await _as_before(session, changed, import_id, recorded_by)
    return len(rows)


async def _as_before(session: AsyncSession, closed: Sequence[int], import_id: int, recorded_by: int | None) -> None:
    """Go on with what stood before the import changed it, however often it did."""
    columns = ", ".join(name for name in _COLUMNS if name != "recorded_by")
    await session.execute(
        text(
            "WITH RECURSIVE before AS ("
            " SELECT r.id AS closed, r.supersedes_id AS earlier FROM recognition r WHERE r.id = ANY(:closed)"
            " UNION ALL SELECT b.closed, r.supersedes_id FROM before b JOIN recognition r ON r.id = b.earlier"
            " WHERE r.import_id = :import_id AND r.supersedes_id IS NOT NULL)"
            f" INSERT INTO recognition ({columns}, recorded_by, supersedes_id)"
            f" SELECT {', '.join(f'r.{name.strip()}' for name in columns.split(','))}, :by, b.closed FROM before b"
            " JOIN recognition r ON r.id = b.earlier WHERE r.import_id IS DISTINCT FROM :import_id"
        ),
        {"closed": list(closed), "import_id": import_id, "by": recorded_by},
    )


async def lock_title(session: AsyncSession, recognition_id: int) -> dict[str, Any]:
    """A title that holds now; nobody else changes it until this is done. Raises RecognitionRefused where it was changed."""
    found = await session.execute(
        text("SELECT * FROM recognition WHERE id = :id AND superseded_at IS NULL FOR UPDATE"), {"id": recognition_id}
    )
    row = found.mappings().first()
    if row is None:
        raise RecognitionRefused("这条认定已被修改，请刷新后再试")
    return dict(row)


async def supersede(
    session: AsyncSession,
    row: Mapping[str, Any],
    changes: Mapping[str, Any],
    recorded_by: int | None,
    recorded_at: datetime | None,
) -> None:
    """Close the row with the moment and go on with a changed copy: knowledge of before stays."""
    closed = await session.execute(
        text(
            "UPDATE recognition SET superseded_at = greatest(coalesce(:moment, now()), recorded_at) WHERE id = :id"
            " RETURNING superseded_at"
        ),
        {"id": row["id"], "moment": recorded_at},
    )
    new = {name: value for name, value in row.items() if name not in ("id", "superseded_at")}
    # Only what puts an entry right is a correction; the next change of the title is none.
    new |= {
        "correction": "",
        **changes,
        "supersedes_id": row["id"],
        "recorded_by": recorded_by,
        "recorded_at": closed.scalar_one(),
    }
    columns, values = ", ".join(new), ", ".join(f":{name}" for name in new)
    await session.execute(text(f"INSERT INTO recognition ({columns}) VALUES ({values})"), new)
