"""What came into a file after another became part of it, or it came of another: whose it is, an officer says first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.labels import Names
from rules.library import library

#: Table → what its rows are called, and the SQL of what one says and of when it came in.
_OTHERS: Final = {
    "attachment": ("佐证材料", "t.file_name", "t.attached_at"),
    "service_visit": ("走访", "t.visited_on || ' ' || left(t.content, 40)", "t.recorded_at"),
    "service_action": ("诉求与问题", "left(t.content, 40)", "t.created_at"),
    "service_step": ("培育步骤", "t.title", "t.created_at"),
    "policy_enjoyed": ("享受政策", "t.policy", "t.recorded_at"),
}


@dataclass(frozen=True)
class Since:
    """A row that came in after a merge. `is_likely_other`: it prints the closed file's name."""

    table: str
    id: int
    kind: str
    words: str
    came_at: datetime
    is_likely_other: bool = False

    @property
    def key(self) -> str:
        """What a form calls it."""
        return f"{self.table}-{self.id}"


async def came_since(session: AsyncSession, merge_id: int) -> list[Since]:
    """What came in since a merge under the file that remains, the oldest first."""
    found = await session.execute(text("SELECT * FROM enterprise_merge WHERE id = :id"), {"id": merge_id})
    held = found.mappings().one()
    name = held["before"]["absorbed"]["name"]
    return await came_into(session, held["survivor_id"], held["recorded_at"], name, merge_id=merge_id)


async def came_into(
    session: AsyncSession,
    file_id: int,
    moment: datetime,
    other_name: str,
    *,
    merge_id: int = 0,
    brought: Sequence[int] = (),
) -> list[Since]:
    """What came into a file after a moment, the oldest first.

    Args:
        session: within the reader's scope.
        file_id: of the enterprise.
        moment: when it was merged, or came to be.
        other_name: whose name on a title tells that it is likely the other's.
        merge_id: whose rows came over and are no news.
        brought: titles that came with it and are no news either, whatever they became.
    """
    names = Names(library())
    values: dict[str, Any] = {
        "merge": merge_id, "survivor": file_id, "moment": moment, "name": other_name, "brought": list(brought),
    }  # fmt: skip
    since = [*await _filings(session, values, names), *await _titles(session, values, names)]
    since += await _entries(session, values, names)
    for table, (kind, words, came) in _OTHERS.items():
        rows = await session.execute(
            text(
                f"SELECT t.id, {words} AS words, {came} AS came_at FROM {table} t WHERE t.enterprise_id = :survivor"
                f" AND {came} > :moment AND {_NOT_CARRIED.format(table=table)} ORDER BY t.id"
            ),
            values,
        )
        since += [Since(table, row.id, kind, row.words, row.came_at) for row in rows]
    return sorted(since, key=lambda one: (one.came_at, one.table, one.id))


_NOT_CARRIED: Final = (
    "NOT EXISTS (SELECT FROM enterprise_merge_row r WHERE r.merge_id = :merge AND r.table_name = '{table}'"
    " AND CAST(r.key ->> 'id' AS bigint) = t.id)"
)


async def _filings(session: AsyncSession, values: Mapping[str, Any], names: Names) -> list[Since]:
    found = await session.execute(
        text(
            'SELECT f.id, f.source, f.year, f.recorded_at, ARRAY(SELECT jsonb_object_keys(f."values") LIMIT 4) AS said'
            " FROM filing f WHERE f.enterprise_id = :survivor AND f.recorded_at > :moment"
            " AND NOT EXISTS (SELECT FROM filing_withdrawal w WHERE w.filing_id = f.id) ORDER BY f.id"
        ),
        values,
    )
    return [
        Since(
            "filing", row.id, "填报",
            f"{names.source(row.source)} {row.year or '现行'}：{'、'.join(names.indicator(one) for one in row.said)}",
            row.recorded_at,
        )
        for row in found
    ]  # fmt: skip


async def _titles(session: AsyncSession, values: Mapping[str, Any], names: Names) -> list[Since]:
    """Titles that were not in either file before; one that was only changed since goes back with what it was."""
    found = await session.execute(
        text(
            "WITH RECURSIVE carried AS (SELECT became AS id FROM enterprise_merge_row WHERE merge_id = :merge"
            " AND table_name = 'recognition' AND became IS NOT NULL UNION SELECT unnest(CAST(:brought AS bigint[]))"
            " UNION SELECT o.id FROM recognition o JOIN carried ON o.supersedes_id = carried.id)"
            " SELECT r.id, r.programme, r.granted_on, r.number, r.recorded_at, r.printed_name = :name AS is_other"
            " FROM recognition r WHERE r.enterprise_id = :survivor AND r.superseded_at IS NULL"
            " AND r.recorded_at > :moment AND r.id NOT IN (SELECT id FROM carried) AND (r.supersedes_id IS NULL OR NOT"
            " EXISTS (SELECT FROM recognition b WHERE b.id = r.supersedes_id AND b.recorded_at <= :moment)) ORDER BY r.id"
        ),
        values,
    )
    return [
        Since(
            "recognition", row.id, "认定", f"{names.programme(row.programme)} {row.granted_on} {row.number}".strip(),
            row.recorded_at, row.is_other,
        )
        for row in found
    ]  # fmt: skip


async def _entries(session: AsyncSession, values: Mapping[str, Any], names: Names) -> list[Since]:
    found = await session.execute(
        text(
            "SELECT t.id, t.programme, t.year, t.entered_at FROM pool_entry t WHERE t.enterprise_id = :survivor"
            f" AND t.entered_at > :moment AND {_NOT_CARRIED.format(table='pool_entry')} ORDER BY t.id"
        ),
        values,
    )
    return [
        Since("pool_entry", row.id, "培育库", f"{names.programme(row.programme)} {row.year}", row.entered_at)
        for row in found
    ]
