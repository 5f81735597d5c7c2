"""The titles that a list shows of its enterprises."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.recognitions.queries import IN_FORCE, KNOWN, current_edition, rung_values
from rules.library import Library


async def titles_in_force(
    session: AsyncSession, enterprise_ids: list[int], on: date, library: Library, known_at: datetime | None = None
) -> dict[int, list[Mapping[str, Any]]]:
    """The titles of some enterprises that count on a day, each programme once, the highest rung first.

    As known at a moment; None is now.
    """
    known, lists = (KNOWN, ":known_at") if known_at is not None else ("r.superseded_at IS NULL", "NULL")
    found = await session.execute(
        text(
            "SELECT DISTINCT r.enterprise_id, r.programme, coalesce(ladder.rung, '') AS rung,"
            f" coalesce(ladder.rung_order, 0) AS rung_order FROM recognition r LEFT JOIN {rung_values(library)} USING (programme)"
            f" WHERE r.enterprise_id = ANY(:ids) AND {IN_FORCE} AND {known} AND {current_edition(library, lists)}"
            " ORDER BY rung_order DESC, r.programme"
        ),
        {"ids": enterprise_ids, "on": on} | ({} if known_at is None else {"known_at": known_at}),
    )
    titles: dict[int, list[Mapping[str, Any]]] = {}
    for row in found.mappings():
        titles.setdefault(row["enterprise_id"], []).append(dict(row))
    return titles
