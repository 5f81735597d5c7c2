"""Undo an import whole. Nothing that happened is deleted: filings are withdrawn with the moment, titles closed, and who
the enterprises are goes back to what it was. What somebody has changed since is left alone and told.
"""

from collections.abc import Mapping, Sequence
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

_PORTION = 500


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
    ids = await _free(session, import_id)
    await withdraw_import(session, import_id, ids, withdrawn_by=undone_by)
    await take_back_import(session, import_id, ids, recorded_by=undone_by)
    await _restore(session, import_id, ids)
    if ids:
        await project(session, ids, library.catalogue)
        await evaluate_touched(session, ids, library, on)
    await session.execute(
        text("UPDATE import_run SET status = :status, undone_at = now(), undone_by = :by WHERE id = :id"),
        {"id": import_id, "by": undone_by, "status": "undone_in_part" if kept else "undone"},
    )
    return Undone(len(ids), kept)


# What stays ------------------------------------------------------------------------------------------

# Each finds its enterprises at once and not one by one: statistics of tables that were just written tell nothing.
_LATER_FILING = f"""
    SELECT own.enterprise_id FROM filing own JOIN filing f ON f.enterprise_id = own.enterprise_id AND f.id > own.id
        AND f.year IS NOT DISTINCT FROM own.year AND f.source IN (own.source, 'officer')
        AND f.import_id IS DISTINCT FROM own.import_id
        AND jsonb_exists_any(f."values", ARRAY(SELECT jsonb_object_keys(own."values")))
    WHERE own.import_id = :id AND {stands("NULL")}
"""
_LATER_TITLE = """
    SELECT own.enterprise_id FROM recognition own LEFT JOIN recognition later ON later.supersedes_id = own.id
    WHERE own.import_id = :id AND own.superseded_at IS NOT NULL AND later.import_id IS DISTINCT FROM own.import_id
"""
_NEW = "ARRAY(SELECT n.enterprise_id FROM import_touched n WHERE n.import_id = :id AND n.is_new)"
#: What any other table, filing or title says of new enterprises.
_MORE = f"""
    SELECT mentioned FROM enterprises_mentioned({_NEW}, CAST(:following AS text[])) AS mentioned
    UNION ALL SELECT f.enterprise_id FROM filing f
    WHERE f.enterprise_id = ANY({_NEW}) AND f.import_id IS DISTINCT FROM CAST(:id AS bigint) AND {stands("NULL")}
    UNION ALL SELECT r.enterprise_id FROM recognition r WHERE r.enterprise_id = ANY({_NEW})
    AND r.superseded_at IS NULL AND r.import_id IS DISTINCT FROM CAST(:id AS bigint)
"""


async def _note_kept(session: AsyncSession, import_id: int) -> int:
    """Say of each enterprise that must stay as it is why. Returns how many do."""
    noted = await session.execute(
        text(
            "UPDATE import_touched t SET kept_because = why.reason FROM ("
            "SELECT t.enterprise_id, CASE WHEN e.id IS NULL THEN '企业已不在您的市（区）'"
            f" WHEN md5(CAST({IDENTITY} AS text)) <> t.after THEN '企业信息之后又修改过'"
            f" WHEN t.enterprise_id IN ({_LATER_FILING}) THEN '数据之后又填报过'"
            f" WHEN t.enterprise_id IN ({_LATER_TITLE}) THEN '认定之后又有变动'"
            f" WHEN t.is_new AND t.enterprise_id IN ({_MORE}) THEN '登记之后又有其他记录' ELSE '' END AS reason"
            " FROM import_touched t LEFT JOIN enterprise e ON e.id = t.enterprise_id WHERE t.import_id = :id) AS why"
            " WHERE t.import_id = :id AND t.enterprise_id = why.enterprise_id AND why.reason <> '' RETURNING t.enterprise_id"
        ),
        {"id": import_id, "following": list(_FOLLOWING)},
    )
    return len(list(noted))


async def _free(session: AsyncSession, import_id: int) -> list[int]:
    found = await session.execute(
        text(
            "SELECT enterprise_id FROM import_touched WHERE import_id = :id AND kept_because = '' ORDER BY enterprise_id"
        ),
        {"id": import_id},
    )
    return list(found.scalars())


# Who they were ---------------------------------------------------------------------------------------


async def _restore(session: AsyncSession, import_id: int, enterprise_ids: Sequence[int]) -> None:
    # What the database notes of changed enterprises compares them with each other: many at once take it very long.
    for start in range(0, len(enterprise_ids), _PORTION):
        await _restore_some(session, import_id, enterprise_ids[start : start + _PORTION])


async def _restore_some(session: AsyncSession, import_id: int, enterprise_ids: Sequence[int]) -> None:
    values: Mapping[str, Any] = {"id": import_id, "ids": list(enterprise_ids)}
    await session.execute(
        text(
            "UPDATE enterprise e SET status = 'withdrawn', is_above_scale = NULL, listing_board = '', listed_on = NULL,"
            " revision = e.revision + 1, updated_at = now() FROM import_touched t WHERE t.import_id = :id AND t.is_new"
            " AND t.enterprise_id = e.id AND e.id = ANY(:ids)"
        ),
        values,
    )
    changed = await session.execute(
        text(
            f"UPDATE enterprise e SET {', '.join(f'{name} = was.{name}' for name, _ in IDENTITY_COLUMNS)},"
            " revision = e.revision + 1, updated_at = now() FROM import_touched t CROSS JOIN LATERAL"
            f" jsonb_to_record(t.before -> 'enterprise') AS was ({_typed(IDENTITY_COLUMNS)})"
            " WHERE t.import_id = :id AND NOT t.is_new AND t.before IS NOT NULL AND t.enterprise_id = e.id"
            " AND e.id = ANY(:ids) RETURNING e.id"
        ),
        values,
    )
    ids = list(changed.scalars())
    if not ids:
        return
    for table, columns in IDENTITY_TABLES.items():
        named = ", ".join(name for name, _ in columns)
        await session.execute(text(f"DELETE FROM {table} WHERE enterprise_id = ANY(:ids)"), {"ids": ids})
        await session.execute(
            text(
                f"INSERT INTO {table} (enterprise_id, {named}) SELECT t.enterprise_id, {named} FROM import_touched t"
                f" CROSS JOIN LATERAL jsonb_to_recordset(t.before -> '{table}') AS was ({_typed(columns)})"
                " WHERE t.import_id = :id AND t.enterprise_id = ANY(:ids) AND jsonb_typeof(t.before -> :table) = 'array'"
            ),
            {"id": import_id, "ids": ids, "table": table},
        )
    await refresh_search(session, ids)


def _typed(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)
