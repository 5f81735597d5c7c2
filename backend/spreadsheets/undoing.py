"""Undo an import whole. Nothing that happened is deleted: filings are withdrawn with the moment, titles closed, and who
the enterprises are goes back to what it was. What somebody has changed since is left alone and told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import reckons
from backend.eligibility.service import evaluate_touched
from backend.enterprises.naming import refresh_search
from backend.filings.service import project, withdraw_import
from backend.filings.standing import stands
from backend.recognitions.service import take_back_import
from backend.spreadsheets.journal import IDENTITY, IDENTITY_COLUMNS, IDENTITY_TABLES
from rules.library import Library

#: Tables that follow from what is undone, or go back with it; whatever else hangs on an enterprise was added since.
_FOLLOWING = (
    "enterprise_name", "enterprise_region", "enterprise_identifier", "enterprise_chain", "filing", "fact_yearly",
    "fact_current", "recognition", "eligibility", "eligibility_change", "fact_conflict", "fact_flag", "import_touched",
    "import_decision",
)  # fmt: skip

#: Enterprises whose projection is worked out at once: what is held of them fits into memory.
_PORTION = 5_000
#: Enterprises that are gone back to at once. What triggers compare, old rows and new, they compare as they once planned
#: for a few: many at once take it very long.
_CHANGED_AT_ONCE = 500


class NotUndoable(Exception):
    """The import was not carried out, or has been undone already."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__("这次导入没有写入数据，或已经撤销过，没有可以撤销的内容。请刷新页面查看。")


@dataclass(frozen=True)
class Undone:
    """What undoing did."""

    undone: int
    kept: int


@reckons
async def undo_import(
    session: AsyncSession, import_id: int, library: Library, on: date, *, undone_by: int | None = None
) -> Undone:
    """Undo an import.

    Raises:
        NotUndoable: there is nothing to undo.
    """
    found = await session.execute(text("SELECT status FROM import_run WHERE id = :id FOR UPDATE"), {"id": import_id})
    if found.scalar() not in ("committed", "committed_in_part"):
        raise NotUndoable
    await session.execute(
        text(
            "SELECT FROM enterprise WHERE id IN (SELECT enterprise_id FROM import_touched WHERE import_id = :id)"
            " ORDER BY id FOR NO KEY UPDATE"
        ),
        {"id": import_id},
    )
    kept = await _note_kept(session, import_id)
    free = await _free(session, import_id)
    ids = free.ids
    await withdraw_import(session, import_id, ids, withdrawn_by=undone_by)
    await take_back_import(session, import_id, ids, recorded_by=undone_by)
    await _restore(session, import_id, free)
    for some in _portions(ids):
        await project(session, some, library.catalogue)
    if ids:
        await evaluate_touched(session, ids, library, on)
    await session.execute(
        text("UPDATE import_run SET status = :status, undone_at = now(), undone_by = :by WHERE id = :id"),
        {"id": import_id, "by": undone_by, "status": "undone_in_part" if kept else "undone"},
    )
    return Undone(len(ids), kept)


# What stays ------------------------------------------------------------------------------------------

# Each finds its enterprises at once, and none is joined with another: statistics of tables that were just written tell
# nothing, and a plan made for one enterprise would go through all of them for each of a hundred thousand.
_TOUCHED = f"""
    SELECT t.enterprise_id, CASE WHEN e.id IS NULL THEN '企业已不在您的市（区）' ELSE '企业信息之后又修改过' END
    FROM import_touched t LEFT JOIN enterprise e ON e.id = t.enterprise_id
    WHERE t.import_id = :id AND (e.id IS NULL OR md5(CAST({IDENTITY} AS text)) <> t.after)
"""
_LATER_FILING = f"""
    SELECT own.enterprise_id, '数据之后又填报过' FROM filing own JOIN filing f ON f.enterprise_id = own.enterprise_id
        AND f.id > own.id AND f.year IS NOT DISTINCT FROM own.year AND f.source IN (own.source, 'officer')
        AND f.import_id IS DISTINCT FROM own.import_id
        AND jsonb_exists_any(f."values", ARRAY(SELECT jsonb_object_keys(own."values")))
    WHERE own.import_id = :id AND {stands("NULL")}
"""
_LATER_TITLE = """
    SELECT own.enterprise_id, '认定之后又有变动' FROM recognition own LEFT JOIN recognition later ON later.supersedes_id = own.id
    WHERE own.import_id = :id AND own.superseded_at IS NOT NULL AND later.import_id IS DISTINCT FROM own.import_id
"""
#: What any other table, filing or title says of new enterprises.
_MORE = (
    """
    SELECT mentioned, '登记之后又有其他记录' FROM enterprises_mentioned(CAST(:new AS bigint[]), CAST(:following AS text[])) AS mentioned
    """,
    f"""
    SELECT f.enterprise_id, '登记之后又有其他记录' FROM filing f
    WHERE f.enterprise_id = ANY(:new) AND f.import_id IS DISTINCT FROM CAST(:id AS bigint) AND {stands("NULL")}
    """,
    """
    SELECT r.enterprise_id, '登记之后又有其他记录' FROM recognition r
    WHERE r.enterprise_id = ANY(:new) AND r.superseded_at IS NULL AND r.import_id IS DISTINCT FROM CAST(:id AS bigint)
    """,
)


async def _note_kept(session: AsyncSession, import_id: int) -> int:
    """Say of each enterprise that must stay as it is why. Returns how many do."""
    found = await session.execute(
        text("SELECT enterprise_id, is_new FROM import_touched WHERE import_id = :id"), {"id": import_id}
    )
    touched = {row.enterprise_id: row.is_new for row in found}
    values = {"id": import_id, "new": [one for one, is_new in touched.items() if is_new], "following": list(_FOLLOWING)}
    reasons: dict[int, str] = {}
    for question in (_TOUCHED, _LATER_FILING, _LATER_TITLE, *(_MORE if values["new"] else ())):
        kept = await session.execute(text(question), {name: values[name] for name in values if f":{name}" in question})
        # The first reason is the one that is told.
        reasons = {number: reason for number, reason in kept if number in touched} | reasons
    if reasons:
        await session.execute(
            text(
                "UPDATE import_touched t SET kept_because = why.reason"
                " FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[])) AS why (id, reason)"
                " WHERE t.import_id = :id AND t.enterprise_id = why.id"
            ),
            {"id": import_id, "ids": list(reasons), "reasons": list(reasons.values())},
        )
    return len(reasons)


@dataclass(frozen=True)
class _Free:
    """The enterprises of an import that nobody has changed since."""

    ids: Sequence[int]
    #: Those that the import registered.
    new: Sequence[int]
    #: Those known before, of whom the import changed who they are.
    changed: Sequence[int]


async def _free(session: AsyncSession, import_id: int) -> _Free:
    found = await session.execute(
        text(
            "SELECT enterprise_id, is_new, before IS NOT NULL AS is_changed FROM import_touched"
            " WHERE import_id = :id AND kept_because = '' ORDER BY enterprise_id"
        ),
        {"id": import_id},
    )
    rows = list(found)
    return _Free(
        [row.enterprise_id for row in rows],
        [row.enterprise_id for row in rows if row.is_new],
        [row.enterprise_id for row in rows if row.is_changed and not row.is_new],
    )


# Who they were ---------------------------------------------------------------------------------------


async def _restore(session: AsyncSession, import_id: int, free: _Free) -> None:
    for ids in _portions(free.new, _CHANGED_AT_ONCE):
        await session.execute(
            text(
                "UPDATE enterprise SET status = 'withdrawn', is_above_scale = NULL, listing_board = '', listed_on = NULL,"
                " revision = revision + 1, updated_at = now() WHERE id = ANY(:ids)"
            ),
            {"ids": ids},
        )
    for ids in _portions(free.changed, _CHANGED_AT_ONCE):
        await _restore_changed(session, import_id, ids)


def _portions(ids: Sequence[int], size: int = _PORTION) -> Iterator[list[int]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))


#: What was taken down of some enterprises of an import, each looked up by itself.
_TAKEN_DOWN = (
    "unnest(CAST(:ids AS bigint[])) AS wanted (id) JOIN import_touched t"
    " ON t.import_id = :id AND t.enterprise_id = wanted.id"
)


async def _restore_changed(session: AsyncSession, import_id: int, enterprise_ids: Sequence[int]) -> None:
    values: Mapping[str, Any] = {"id": import_id, "ids": list(enterprise_ids)}
    await session.execute(
        text(
            f"UPDATE enterprise e SET {', '.join(f'{name} = was.{name}' for name, _ in IDENTITY_COLUMNS)},"
            f" revision = e.revision + 1, updated_at = now() FROM {_TAKEN_DOWN} CROSS JOIN LATERAL"
            f" jsonb_to_record(t.before -> 'enterprise') AS was ({_typed(IDENTITY_COLUMNS)}) WHERE t.enterprise_id = e.id"
        ),
        values,
    )
    for table, columns in IDENTITY_TABLES.items():
        named = ", ".join(name for name, _ in columns)
        await session.execute(
            text(f"DELETE FROM {table} WHERE enterprise_id = ANY(:ids)"), {"ids": list(enterprise_ids)}
        )
        await session.execute(
            text(
                f"INSERT INTO {table} (enterprise_id, {named}) SELECT t.enterprise_id, {named} FROM {_TAKEN_DOWN}"
                f" CROSS JOIN LATERAL jsonb_to_recordset(t.before -> '{table}') AS was ({_typed(columns)})"
                " WHERE jsonb_typeof(t.before -> :table) = 'array'"
            ),
            {**values, "table": table},
        )
    await refresh_search(session, enterprise_ids)


def _typed(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
