"""The file of one enterprise as JSON, with what became of it: the same by REST and by command."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.enterprise_file import as_json, enterprise_file
from backend.enterprises.lineage import as_json as lineage_as_json
from backend.enterprises.lineage import led_here, lineage_of
from backend.enterprises.queries import find
from rules.library import Library


async def tell(
    session: AsyncSession, code: str, row: Mapping[str, Any], library: Library, on: date, known: datetime | None
) -> dict[str, Any]:
    """The file that `code` led to, its lineage, and in `instead_of` the merged file that was asked for by name.

    With the knowledge of a moment before a merge it is the merged file's own.
    """
    lineage = lineage_as_json(await lineage_of(session, row["id"]))
    came_by = await led_here(session, code, row["id"])
    if came_by is not None and known is not None and known < came_by.merged_at:
        row = {**(await find(session, str(came_by.id), known) or row), "credit_code": came_by.credit_code}
        came_by = None
    told = as_json(await enterprise_file(session, row, library, on, known), library)
    closed = None if came_by is None else {"id": came_by.id, "name": came_by.name, "credit_code": came_by.credit_code}
    return told | {"lineage": lineage, "instead_of": closed}
