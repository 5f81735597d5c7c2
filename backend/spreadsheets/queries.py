"""Reading imports: what was handed in, and what became of its rows, a page at a time."""

from collections.abc import Mapping
from typing import IO, Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.web.found import Found, page_within

#: The first of the two numbers of a run's lock; the second is the import's.
LOCK_CLASS = 1_953_064_309
#: Whether somebody is at a run: holds its lock, or is just about to take it.
ALIVE = (
    f"(EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = {LOCK_CLASS}"
    " AND l.objid = CAST(import_run.id AS oid) AND l.objsubid = 2"
    " AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))"
    " OR coalesce(started_at > now() - interval '5 seconds', false))"
)
#: What a run is that was carried out, and not undone.
CARRIED_OUT = "CASE WHEN bad_rows > 0 THEN 'committed_in_part' ELSE 'committed' END"
_SUMMARY = (
    "id, file_name, layout, rows, good_rows, bad_rows, created, updated, unchanged, uploaded_by, region_code, uploaded_at,"
    " committed_at, undone_at, stage, stage_done, stage_total, is_stop_asked, failure,"
    f" CASE WHEN status IN ('checking', 'writing', 'undoing') AND NOT {ALIVE} THEN"
    # What was carried out before stays so when going on with it, or undoing it, was interrupted.
    f" CASE WHEN committed_at IS NULL THEN 'interrupted' ELSE {CARRIED_OUT} END ELSE status END AS status,"
    f" status = 'writing' AS was_writing, status = 'undoing' AND NOT {ALIVE} AS was_undoing"
)
ROWS_A_PAGE = 100
#: Bytes of a file that are had from the database at once.
_PIECE = 1 << 20


async def recent_imports(session: AsyncSession, limit: int = 50) -> list[Mapping[str, Any]]:
    """The latest imports, without their content."""
    found = await session.execute(
        text(f"SELECT {_SUMMARY} FROM import_run ORDER BY id DESC LIMIT :limit"), {"limit": limit}
    )
    return [dict(row) for row in found.mappings()]


async def import_run(session: AsyncSession, import_id: int) -> Mapping[str, Any] | None:
    """One import with the head of its report; neither its content nor its rows."""
    found = await session.execute(text(f"SELECT {_SUMMARY}, report FROM import_run WHERE id = :id"), {"id": import_id})
    row = found.mappings().first()
    return dict(row) if row is not None else None


async def content_of(session: AsyncSession, import_id: int) -> bytes:
    """The file as it was handed in."""
    found = await session.execute(text("SELECT content FROM import_file WHERE import_id = :id"), {"id": import_id})
    return found.scalar_one()


async def copy_content(session: AsyncSession, import_id: int, into: IO[bytes]) -> None:
    """Write the file as it was handed in somewhere, piece by piece: a large one is never held as a whole."""
    size = await size_of(session, import_id)
    for start in range(0, size, _PIECE):
        found = await session.execute(
            text("SELECT substring(content FROM :start FOR :length) FROM import_file WHERE import_id = :id"),
            {"id": import_id, "start": start + 1, "length": _PIECE},
        )
        into.write(found.scalar_one())


async def size_of(session: AsyncSession, import_id: int) -> int:
    """How large the file is, in bytes."""
    found = await session.execute(
        text("SELECT octet_length(content) FROM import_file WHERE import_id = :id"), {"id": import_id}
    )
    return found.scalar_one()


async def import_rows(
    session: AsyncSession, import_id: int, fate: str = "", kind: int | None = None, page: int = 1
) -> Found:
    """The rows of an import in the order of the file.

    Args:
        session: the running transaction.
        import_id: which import.
        fate: only those with this fate.
        kind: only those with a problem of this kind, by its place in the report's list.
        page: counted from 1; one behind the last is the last.
    """
    condition = "import_id = :id" + (" AND fate = :fate" if fate else "")
    condition += " AND CAST(:kind AS smallint) = ANY(problem_kinds)" if kind is not None else ""
    values = {"id": import_id, "fate": fate, "kind": kind}
    total = (await session.execute(text(f"SELECT count(*) FROM import_row WHERE {condition}"), values)).scalar_one()
    shown = page_within(page, total, ROWS_A_PAGE)
    found = await session.execute(
        text(
            f"SELECT sheet, row, name, credit_code, fate, problems FROM import_row WHERE {condition}"
            " ORDER BY position LIMIT :limit OFFSET :offset"
        ),
        {**values, "limit": ROWS_A_PAGE, "offset": (shown - 1) * ROWS_A_PAGE},
    )
    return Found([dict(row) for row in found.mappings()], total, shown, ROWS_A_PAGE)


async def refused_rows(session: AsyncSession, import_id: int) -> list[Mapping[str, Any]]:
    """Every row that was kept out, with its problems."""
    found = await session.execute(
        text(
            "SELECT sheet, row, problems FROM import_row WHERE import_id = :id AND fate = 'refused' ORDER BY position"
        ),
        {"id": import_id},
    )
    return [dict(row) for row in found.mappings()]


async def kept_by_undoing(session: AsyncSession, import_id: int, limit: int = 500) -> list[Mapping[str, Any]]:
    """The enterprises that undoing an import left as they are, and why."""
    found = await session.execute(
        text(
            "SELECT t.enterprise_id, e.name, e.credit_code, t.kept_because FROM import_touched t"
            " JOIN enterprise e ON e.id = t.enterprise_id WHERE t.import_id = :id AND t.kept_because <> ''"
            " ORDER BY e.region_code, e.id LIMIT :limit"
        ),
        {"id": import_id, "limit": limit},
    )
    return [dict(row) for row in found.mappings()]


async def enterprises_to_fill_in(session: AsyncSession, limit: int = 20_000) -> list[Mapping[str, Any]]:
    """Name, code and region of the enterprises that somebody may see, district by district."""
    found = await session.execute(
        text(
            "SELECT name, credit_code, region_code FROM enterprise WHERE status = 'active'"
            " ORDER BY region_code, id LIMIT :limit"
        ),
        {"limit": limit},
    )
    return [dict(row) for row in found.mappings()]
