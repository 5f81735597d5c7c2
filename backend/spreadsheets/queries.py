"""Reading imports."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

_SUMMARY = "id, file_name, layout, status, rows, good_rows, bad_rows, created, updated, unchanged, uploaded_by, uploaded_at, committed_at"


async def recent_imports(session: AsyncSession, limit: int = 50) -> list[Mapping[str, Any]]:
    """The latest imports, without their content."""
    found = await session.execute(
        text(f"SELECT {_SUMMARY} FROM import_run ORDER BY id DESC LIMIT :limit"), {"limit": limit}
    )
    return [dict(row) for row in found.mappings()]


async def import_run(session: AsyncSession, import_id: int) -> Mapping[str, Any] | None:
    """One import with its content and report."""
    found = await session.execute(text("SELECT * FROM import_run WHERE id = :id"), {"id": import_id})
    row = found.mappings().first()
    return dict(row) if row is not None else None
