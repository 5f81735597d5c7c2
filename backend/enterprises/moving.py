"""Writing where enterprises are registered: from which day in which region, town and park."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.lineage import ENDS
from backend.enterprises.writing import lock, set_many


class MoveRefused(Exception):
    """A move that cannot be written; the text says why and what to do."""

    status_code = 409


@dataclass(frozen=True)
class Move:
    """A move as an officer states it, with the paper behind it."""

    enterprise_id: int
    region_code: str
    moved_on: date
    town: str = ""
    park: str = ""
    document: str = ""
    reason: str = ""


async def register_move(session: AsyncSession, stated: Move, by: int | None = None) -> None:
    """Move an enterprise, and keep why: 迁入 and 迁出 stand on its file with their paper.

    Raises:
        MoveRefused: it is there already, was none any more on that day, or the writer may not write in the other district.
    """
    held = await lock(session, stated.enterprise_id)
    if held["established_on"] and stated.moved_on < held["established_on"]:
        raise MoveRefused(f"迁移日期 {stated.moved_on} 早于成立日期 {held['established_on']}，请核对。")
    if held["ended_on"] and stated.moved_on >= held["ended_on"]:
        raise MoveRefused(
            f"“{held['name']}”自 {held['ended_on']} 起已{ENDS[held['status']]}，迁移日期 {stated.moved_on} 不能在其后；"
            "如注销登记有误，请先撤销。"
        )
    then = await session.scalar(
        text(
            "SELECT region_code FROM enterprise_region WHERE enterprise_id = :id AND (valid_from IS NULL OR valid_from <= :on)"
            " AND (valid_to IS NULL OR valid_to >= :on) ORDER BY valid_from DESC NULLS LAST LIMIT 1"
        ),
        {"id": stated.enterprise_id, "on": stated.moved_on},
    )
    if (then or held["region_code"]) == stated.region_code:
        raise MoveRefused(
            f"“{held['name']}”在 {stated.moved_on} 已登记在这个市（区），没有迁移。只改镇街或园区请用“修改”。"
        )
    scope = await session.scalar(text("SELECT current_setting('tidu.scope', true)"))
    if scope not in (None, "", "*") and scope != stated.region_code:
        raise MoveRefused("迁往其他市（区）须由市级人员登记：迁出后您将看不到这家企业。")
    await session.execute(
        text(
            "INSERT INTO enterprise_move (enterprise_id, moved_on, from_region, to_region, cause, document, reason, recorded_by)"
            " VALUES (:id, :on, :before, :after, 'moved', :document, :reason, :by)"
        ),
        {
            "id": stated.enterprise_id, "on": stated.moved_on, "before": then or held["region_code"],
            "after": stated.region_code, "document": stated.document, "reason": stated.reason, "by": by,
        },
    )  # fmt: skip
    await move(session, stated.enterprise_id, stated.region_code, stated.town, stated.park, stated.moved_on)


async def move(session: AsyncSession, enterprise_id: int, region_code: str, town: str, park: str, on: date) -> None:
    """Register that an enterprise is in a region from a day on; counts for earlier days find it where it was.

    A move that became known only after a later one leaves the enterprise where it is today.
    """
    later = await session.scalar(
        text("SELECT min(valid_from) FROM enterprise_region WHERE enterprise_id = :id AND valid_from > :on"),
        {"id": enterprise_id, "on": on},
    )
    if later is not None:
        await _stay_between(session, enterprise_id, (region_code, town, park), on, later - timedelta(days=1))
        return
    await move_to(session, enterprise_id, region_code, town, park, on)
    await set_many(session, {enterprise_id: {"region_code": region_code, "town": town, "park": park}})


async def _stay_between(
    session: AsyncSession, enterprise_id: int, place: tuple[str, str, str], first: date, last: date
) -> None:
    """Write down a stay that ended before the next one began, in place of what stood there for those days."""
    region, town, park = place
    values = {"id": enterprise_id, "region": region, "town": town, "park": park, "first": first, "last": last}
    await session.execute(
        text("DELETE FROM enterprise_region WHERE enterprise_id = :id AND valid_from = :first"), values
    )
    await session.execute(
        text(
            "UPDATE enterprise_region SET valid_to = CAST(:first AS date) - 1 WHERE enterprise_id = :id"
            " AND (valid_from IS NULL OR valid_from < :first) AND valid_to >= :first"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from, valid_to)"
            " VALUES (:id, :region, :town, :park, :first, :last)"
        ),
        values,
    )


async def move_to(session: AsyncSession, enterprise_id: int, region_code: str, town: str, park: str, on: date) -> None:
    """Let the regions say that from a day on it is there; the enterprise's own row is the caller's."""
    values = {"id": enterprise_id, "region": region_code, "town": town, "park": park, "on": on}
    # What was to begin on that day or later did not come to be.
    await session.execute(text("DELETE FROM enterprise_region WHERE enterprise_id = :id AND valid_from >= :on"), values)
    await session.execute(
        text(
            "UPDATE enterprise_region SET valid_to = CAST(:on AS date) - 1 WHERE enterprise_id = :id"
            " AND (valid_to IS NULL OR valid_to >= :on)"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO enterprise_region (enterprise_id, region_code, town, park, valid_from)"
            " VALUES (:id, :region, :town, :park,"
            " CASE WHEN EXISTS (SELECT FROM enterprise_region WHERE enterprise_id = :id) THEN CAST(:on AS date) END)"
        ),
        values,
    )


async def correct_place(session: AsyncSession, enterprise_id: int, changed: Mapping[str, Any]) -> None:
    """Another town or park within the same region is a correction, no move."""
    assignments = ", ".join(f"{name} = :{name}" for name in ("town", "park") if name in changed)
    await session.execute(
        text(f"UPDATE enterprise_region SET {assignments} WHERE enterprise_id = :id AND valid_to IS NULL"),
        {**changed, "id": enterprise_id},
    )
