"""Undo an import whole. Nothing that happened is deleted: filings are withdrawn with the moment, titles closed, and who
the enterprises are goes back to what it was. What somebody has changed since is left alone and told.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from backend.spreadsheets.keeping import NotUndoable
from backend.spreadsheets.progress import Progress, Stage
from backend.spreadsheets.sparing import EVALUATED_AT_ONCE
from rules.library import Library

#: Tables that follow from what is undone, or go back with it; whatever else hangs on an enterprise was added since.
_FOLLOWING = (
    "enterprise_name", "enterprise_region", "enterprise_identifier", "enterprise_chain", "filing", "fact_yearly",
    "fact_current", "recognition", "eligibility", "eligibility_change", "eligibility_check", "fact_conflict", "fact_flag",
    "import_touched", "import_decision",
)  # fmt: skip

#: Enterprises that are gone back to, or whose projection is worked out, at once: what is held of them fits into memory.
_PORTION = 5_000


@dataclass(frozen=True)
class Undone:
    """What undoing did."""

    undone: int
    kept: int


@dataclass(frozen=True)
class Undoer:
    """Who undoes, by which rules, and who hears how far it is."""

    library: Library
    today: date
    person_id: int | None = None
    progress: Progress = field(default_factory=Progress, compare=False)


async def undo_import(
    session: AsyncSession, import_id: int, library: Library, on: date, *, undone_by: int | None = None
) -> Undone:
    """Undo an import. Raises NotUndoable."""
    undone = await take_back(session, import_id, Undoer(library, on, undone_by))
    await note_undone(session, import_id, undone, undone_by)
    return undone


async def note_undone(session: AsyncSession, import_id: int, undone: Undone, undone_by: int | None) -> None:
    """Take down that an import was undone.

    Raises:
        NotUndoable: somebody else was faster.
    """
    noted = await session.execute(
        text(
            "UPDATE import_run SET status = :status, undone_at = now(), undone_by = :by, failure = '' WHERE id = :id"
            " AND undone_at IS NULL RETURNING id"
        ),
        {"id": import_id, "by": undone_by, "status": "undone_in_part" if undone.kept else "undone"},
    )
    if noted.first() is None:
        raise NotUndoable


@reckons
async def take_back(session: AsyncSession, import_id: int, by: Undoer) -> Undone:
    """Go back to what was before an import, but for what was changed since; that it was undone is for `note_undone`.

    Raises:
        NotUndoable: there is nothing to undo.
        Stopped: that was asked for.
    """
    by.progress.tell(Stage.WITHDRAWING)
    found = await session.execute(
        text("SELECT status FROM import_run WHERE id = :id AND undone_at IS NULL"), {"id": import_id}
    )
    if found.scalar() not in ("committed", "committed_in_part", "undoing"):
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
    await withdraw_import(session, import_id, ids, withdrawn_by=by.person_id)
    await take_back_import(session, import_id, ids, recorded_by=by.person_id)
    await _restore(session, import_id, free, by.progress)
    for start, some in _portions(ids):
        by.progress.tell(Stage.PROJECTING, start, len(ids))
        await project(session, some, by.library.catalogue)

    def told(done: int) -> None:
        by.progress.tell(Stage.EVALUATING, done, len(ids))

    await evaluate_touched(session, ids, by.library, by.today, EVALUATED_AT_ONCE, told)
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


async def _restore(session: AsyncSession, import_id: int, free: _Free, progress: Progress) -> None:
    total = len(free.new) + len(free.changed)
    for start, ids in _portions(free.new):
        progress.tell(Stage.RESTORING, start, total)
        await session.execute(
            text(
                "UPDATE enterprise SET status = 'withdrawn', is_above_scale = NULL, listing_board = '', listed_on = NULL,"
                " revision = revision + 1, updated_at = now() WHERE id = ANY(:ids)"
            ),
            {"ids": ids},
        )
    for start, ids in _portions(free.changed):
        progress.tell(Stage.RESTORING, len(free.new) + start, total)
        await _restore_changed(session, import_id, ids)


def _portions(ids: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Some thousands at a time, each with how many were before them."""
    return ((start, list(ids[start : start + _PORTION])) for start in range(0, len(ids), _PORTION))


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
