"""Innovation points as their issuers give them, side by side: every issuer, scheme version and revision."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.exact_json import exact_json
from backend.exchange.mapping import number_in
from backend.exchange.wire import RemoteRecord

#: The form that carries points.
POINTS: Final = "points"
#: Base, bonus and total at most, where the issuer's document says so (domain notes, 1.5).
LIMITS: Final = {"most_2_0": (Decimal(100), Decimal(30), Decimal(130))}

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
