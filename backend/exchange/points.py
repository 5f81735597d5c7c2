"""Innovation points as their issuers give them, side by side: every issuer, scheme version and revision."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.exchange.mapping import number_in
from backend.exchange.scheme import Result, rounded
from backend.exchange.wire import RemoteRecord

#: The form that carries points.
POINTS: Final = "points"
#: Base, bonus and total at most. Of the 2024 trial version the scale is not known: more than 100 is kept, but told
#: (domain notes, 1.5).
LIMITS: Final = {"most_2024": (Decimal(100),), "most_2_0": (Decimal(100), Decimal(30), Decimal(130))}

_INSERT = text(
    "INSERT INTO points_result (enterprise_id, points_system, year, revision, version, stage, base, bonus, total, details,"
    " issued_on) VALUES (:enterprise_id, :points_system, :year, :revision, :version, :stage, :base, :bonus, :total,"
    " CAST(:details AS jsonb), :issued_on) ON CONFLICT DO NOTHING"
)


async def note_points(session: AsyncSession, records: Sequence[tuple[int, RemoteRecord]]) -> int:
    """Keep what issuers gave; a revision that is there already is left as it is. Returns how many were given."""
    rows = [_row(number, one) for number, one in records if one.form == POINTS and one.year is not None]
    if rows:
        await session.execute(_INSERT, rows)
    return len(rows)


def _row(enterprise_id: int, one: RemoteRecord) -> dict[str, Any]:
    given = one.fields
    base, bonus, total = (_number(given.get(name)) for name in ("base", "bonus", "total"))
    details = {name: given[name] for name in ("categories", "indicators") if name in given}
    if doubts := doubts_of(one.layout, base, bonus, total):
        details["doubts"] = doubts
    return {
        "enterprise_id": enterprise_id, "points_system": one.layout, "year": one.year, "revision": one.revision,
        "version": str(given.get("version", ""))[:40], "stage": str(given.get("stage", ""))[:40], "base": base,
        "bonus": bonus, "total": total, "details": exact_json(details), "issued_on": one.stated_on,
    }  # fmt: skip


def _number(value: Any) -> Decimal | None:
    try:
        return None if value is None else number_in(value)
    except (ValueError, InvalidOperation):
        return None


def doubts_of(system: str, base: Decimal | None, bonus: Decimal | None, total: Decimal | None) -> list[str]:
    """In what an issuer's points contradict its own scheme; they are kept as given."""
    doubts: list[str] = []
    if base is not None and bonus is not None and total is not None and base + bonus != total:
        doubts.append(f"基础分 {base} 加加分 {bonus} 不等于总分 {total}")
    for name, value, most in zip(
        ("基础分", "加分", "总分"), (base, bonus, total), LIMITS.get(system, ()), strict=False
    ):
        if value is not None and not 0 <= value <= most:
            doubts.append(f"{name} {value} 不在 0 至 {most} 之间")
    return doubts


async def keep_result(session: AsyncSession, enterprise_id: int, year: int, result: Result, on: date) -> bool:
    """Keep points that were worked out by a scheme, as a revision beside those of before. Returns whether they are new.

    What cannot be computed is not kept: it would look like a score of nothing.
    """
    if not result.is_computable:
        return False
    found = await session.execute(
        text(
            "SELECT revision, version, total, details FROM points_result WHERE enterprise_id = :id AND points_system = :system"
            " AND year = :year ORDER BY revision DESC LIMIT 1"
        ),
        {"id": enterprise_id, "system": result.scheme.id, "year": year},
    )
    before = found.first()
    details = {
        "indicators": [
            {"id": one.id, "points": str(rounded(one.points)), "reason": one.reason} for one in result.points
        ]
    }
    if before is not None and (before[1], before[2], before[3]) == (result.scheme.version, result.total, details):
        return False
    await session.execute(
        _INSERT,
        {
            "enterprise_id": enterprise_id, "points_system": result.scheme.id, "year": year,
            "revision": 1 if before is None else before[0] + 1, "version": result.scheme.version, "stage": result.stage,
            "base": result.base, "bonus": result.bonus, "total": result.total, "details": exact_json(details), "issued_on": on,
        },
    )  # fmt: skip
    return True


async def issued_points(session: AsyncSession, enterprise_id: int, year: int) -> Sequence[Mapping[str, Any]]:
    """The latest revision of every issuer's points for a year."""
    found = await session.execute(
        text(
            "SELECT DISTINCT ON (points_system) points_system, version, stage, base, bonus, total, revision, issued_on"
            " FROM points_result WHERE enterprise_id = :id AND year = :year ORDER BY points_system, revision DESC"
        ),
        {"id": enterprise_id, "year": year},
    )
    return [dict(row) for row in found.mappings()]
