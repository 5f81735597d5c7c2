"""Reading what became of enterprises: ends, moves, splits, files that proved to be one; and who lives on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.credit_code import normalise

#: How an enterprise ends 注销、吊销: kind → Chinese.
ENDS: Final = {"cancelled": "注销", "licence_revoked": "吊销"}
#: The state of a file that has become part of another.
MERGED: Final = "merged"
#: Every state of a file in Chinese; of the first nothing need be said.
STATUSES: Final = {"active": "存续", **ENDS, MERGED: "已并入其他企业", "withdrawn": "登记已撤销"}


def lives(enterprise: str = "e", on: str = ":on") -> str:
    """The SQL of whether an enterprise's row is one that lives on a day, as known now."""
    ended = ", ".join(f"'{kind}'" for kind in ENDS)
    return f"({enterprise}.status = 'active' OR ({enterprise}.status IN ({ended}) AND {enterprise}.ended_on > {on}))"


def lived(enterprise_id: str, on: str = ":on", known_at: str = ":known_at") -> str:
    """The same with the knowledge of a moment; `known_at` NULL is now."""
    moment = f"CAST({known_at} AS timestamptz)"
    known = (
        "CASE WHEN {moment} IS NULL THEN x.{to} IS NULL"
        " ELSE x.{since} <= {moment} AND (x.{to} IS NULL OR x.{to} > {moment}) END"
    )
    ends = known.format(moment=moment, to="superseded_at", since="recorded_at")
    merges = known.format(moment=moment, to="known_to", since="known_from")
    return (
        f"(NOT EXISTS (SELECT FROM enterprise_end x WHERE x.enterprise_id = {enterprise_id} AND x.ended_on <= {on}"
        f" AND {ends}) AND NOT EXISTS (SELECT FROM enterprise_alias x WHERE x.absorbed_id = {enterprise_id} AND {merges}))"
    )


@dataclass(frozen=True)
class Absorbed:
    """A file that became part of another: who it was, and when that became known."""

    merge_id: int
    id: int
    survivor_id: int
    name: str
    credit_code: str | None
    reason: str
    merged_at: datetime
    undone_at: datetime | None
    undone_because: str
    recorded_by: str | None


async def survivor_of(session: AsyncSession, enterprise_id: int, known_at: datetime | None = None) -> int | None:
    """Whose file has taken this one in, as known at a moment; None where it stands for itself."""
    found = await session.execute(
        text(
            "SELECT survivor_id FROM enterprise_alias WHERE absorbed_id = :id AND CASE WHEN CAST(:at AS timestamptz) IS NULL"
            " THEN known_to IS NULL ELSE known_from <= :at AND (known_to IS NULL OR known_to > :at) END"
        ),
        {"id": enterprise_id, "at": known_at},
    )
    return found.scalar()


_MERGES = (
    "SELECT m.id, m.absorbed_id, m.survivor_id, m.before -> 'absorbed' ->> 'name' AS name,"
    " m.before -> 'absorbed' ->> 'credit_code' AS credit_code, m.reason, m.recorded_at, m.undone_at,"
    " m.undone_because, o.name AS recorded_by FROM enterprise_merge m LEFT JOIN officers() o ON o.id = m.recorded_by"
)


async def merges_of(session: AsyncSession, enterprise_id: int) -> list[Absorbed]:
    """The merges that an enterprise's file took part in, the latest first."""
    found = await session.execute(
        text(f"{_MERGES} WHERE m.survivor_id = :id OR m.absorbed_id = :id ORDER BY m.id DESC"),
        {"id": enterprise_id},
    )
    return [Absorbed(*row) for row in found]


async def led_here(session: AsyncSession, key: str, survivor_id: int) -> Absorbed | None:
    """The closed file that a number or code named, where that is how somebody came to this one."""
    found = await session.execute(
        text(
            f"{_MERGES} JOIN enterprise_alias a ON a.absorbed_id = m.absorbed_id AND a.known_to IS NULL"
            " WHERE a.survivor_id = :id AND m.undone_at IS NULL"
            " AND :key IN (m.absorbed_id::text, m.before -> 'absorbed' ->> 'credit_code') ORDER BY m.id DESC LIMIT 1"
        ),
        {"id": survivor_id, "key": normalise(key)},
    )
    row = found.first()
    return None if row is None else Absorbed(*row)


async def ends_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """What was said of an enterprise's end, the standing one first, and what was taken back since."""
    return await _rows(
        session,
        "SELECT x.*, o.name AS person, c.name AS closer FROM enterprise_end x LEFT JOIN officers() o ON o.id = x.recorded_by"
        " LEFT JOIN officers() c ON c.id = x.superseded_by WHERE x.enterprise_id = :id"
        " ORDER BY x.superseded_at DESC NULLS FIRST, x.id DESC",
        enterprise_id,
    )


async def moves_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """The moves that were registered with their papers, the latest first."""
    return await _rows(
        session,
        "SELECT x.*, o.name AS person FROM enterprise_move x LEFT JOIN officers() o ON o.id = x.recorded_by"
        " WHERE x.enterprise_id = :id ORDER BY x.moved_on DESC, x.id DESC",
        enterprise_id,
    )


async def splits_of(session: AsyncSession, enterprise_id: int) -> list[Mapping[str, Any]]:
    """The splits that an enterprise came of or was divided by, the latest first; with the other one's name and code."""
    return await _rows(
        session,
        "SELECT x.*, x.from_id = :id AS is_from, e.name AS other_name, coalesce(e.credit_code, e.id::text) AS other_key,"
        " o.name AS person, u.name AS undoer FROM enterprise_split x"
        " LEFT JOIN enterprise e ON e.id = CASE WHEN x.from_id = :id THEN x.to_id ELSE x.from_id END"
        " LEFT JOIN officers() o ON o.id = x.recorded_by LEFT JOIN officers() u ON u.id = x.undone_by"
        " WHERE x.from_id = :id OR x.to_id = :id ORDER BY x.split_on DESC, x.id DESC",
        enterprise_id,
    )


async def _rows(session: AsyncSession, query: str, enterprise_id: int) -> list[Mapping[str, Any]]:
    found = await session.execute(text(query), {"id": enterprise_id})
    return [dict(row) for row in found.mappings()]


@dataclass(frozen=True)
class Lineage:
    """What became of an enterprise, and what it came of."""

    merges: Sequence[Absorbed]
    ends: Sequence[Mapping[str, Any]]
    moves: Sequence[Mapping[str, Any]]
    splits: Sequence[Mapping[str, Any]]

    @property
    def end(self) -> Mapping[str, Any] | None:
        """The end that stands; None for one that lives."""
        return next((one for one in self.ends if one["superseded_at"] is None), None)

    def absorbed(self, enterprise_id: int) -> list[Absorbed]:
        """The files that are part of this one now."""
        return [one for one in self.merges if one.survivor_id == enterprise_id and one.undone_at is None]

    @property
    def is_empty(self) -> bool:
        return not (self.merges or self.ends or self.moves or self.splits)


async def lineage_of(session: AsyncSession, enterprise_id: int) -> Lineage:
    """Everything of the kind."""
    return Lineage(
        await merges_of(session, enterprise_id), await ends_of(session, enterprise_id),
        await moves_of(session, enterprise_id), await splits_of(session, enterprise_id),
    )  # fmt: skip


def as_json(lineage: Lineage) -> dict[str, Any]:
    """The lineage for programs."""
    return {
        "merges": [
            {
                "id": one.merge_id, "absorbed_id": one.id, "survivor_id": one.survivor_id, "name": one.name,
                "credit_code": one.credit_code, "reason": one.reason, "merged_at": one.merged_at.isoformat(),
                "undone_at": one.undone_at.isoformat() if one.undone_at else None,
            }
            for one in lineage.merges
        ],
        "ends": [
            {**_told(one, "kind", "ended_on", "document", "reason"), "is_withdrawn": one["superseded_at"] is not None}
            for one in lineage.ends
        ],
        "moves": [_told(one, "moved_on", "from_region", "to_region", "cause", "document", "reason") for one in lineage.moves],
        "splits": [
            _told(
                one, "id", "split_on", "from_id", "to_id", "document", "reason", "recognition_ids", "undone_at",
                "undone_because",
            )
            for one in lineage.splits
        ],
    }  # fmt: skip


def _told(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name].isoformat() if isinstance(row[name], date) else row[name] for name in names}
