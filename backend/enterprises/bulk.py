"""Changing many enterprises at once, as one transaction: all of them or none."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.officers import those_outside
from backend.enterprises.traits import TraitDayWrong, demand_no_day_ahead, holding_from


class BulkRefused(Exception):
    """Nothing was changed; the message says why and what to do."""

    status_code = 422


async def change_chain(
    session: AsyncSession, enterprise_ids: Sequence[int], chain: str, *, joins: bool, on: date | None = None
) -> int:
    """Let enterprises join a chain or leave it; who is in it already, or is not, stays as it is.

    From the day `on`; without one it had been wrong before. Whoever has the form of one of them open is told that it has
    changed. Returns how many changed.

    Raises:
        BulkRefused: one of them is not to be seen by the writer, or cannot have joined or left on that day.
    """
    ids = sorted(set(enterprise_ids))
    seen = await session.execute(
        text("SELECT id FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), {"ids": ids}
    )
    _demand_all(len(ids) - len(list(seen)))
    if on is not None:
        await _demand_day(session, ids, chain, on, joins=joins)
    changed = (
        "INSERT INTO enterprise_chain (enterprise_id, chain) SELECT unnest(CAST(:ids AS bigint[])), :chain"
        " ON CONFLICT DO NOTHING RETURNING enterprise_id"
        if joins
        else "DELETE FROM enterprise_chain WHERE enterprise_id = ANY(:ids) AND chain = :chain RETURNING enterprise_id"
    )
    async with holding_from(session, on):
        found = await session.execute(
            text(
                f"WITH changed AS ({changed}) UPDATE enterprise SET revision = revision + 1, updated_at = now()"
                " WHERE id IN (SELECT enterprise_id FROM changed) RETURNING id"
            ),
            {"ids": ids, "chain": chain},
        )
    return len(list(found))


async def _demand_day(session: AsyncSession, ids: Sequence[int], chain: str, on: date, *, joins: bool) -> None:
    """Those that change must have been founded by then, and not have joined or left later; all who cannot are counted."""
    try:
        demand_no_day_ahead(on)
    except TraitDayWrong as problem:
        raise BulkRefused(f"{problem}本次没有修改。") from problem
    # Whom it changes nothing of may have any days.
    found = await session.execute(
        text(
            "WITH changing AS (SELECT e.id, e.established_on FROM enterprise e WHERE e.id = ANY(:ids) AND :joins <> EXISTS ("
            "SELECT FROM enterprise_chain c WHERE c.enterprise_id = e.id AND c.chain = :chain))"
            " SELECT count(*) FILTER (WHERE established_on > :on), count(*) FILTER (WHERE EXISTS (SELECT FROM enterprise_trait t"
            " WHERE t.enterprise_id = changing.id AND t.kind = 'chain' AND t.value = :chain AND t.known_to = 'infinity'"
            " AND (t.valid_from > :on OR t.valid_to >= :on))) FROM changing"
        ),
        {"ids": list(ids), "chain": chain, "on": on, "joins": joins},
    )
    unfounded, later = found.one()
    if unfounded:
        raise BulkRefused(f"有 {unfounded} 家企业在 {on} 尚未成立。本次没有修改，请核对日期，或把这些企业另行处理。")
    if later:
        raise BulkRefused(
            f"有 {later} 家企业在 {on} 之后已登记过加入或移出“{chain}”。本次没有修改，请把这些企业另行处理。"
        )


async def assign_officer(session: AsyncSession, enterprise_ids: Sequence[int], officer_id: int | None) -> int:
    """Let an officer answer for enterprises, or nobody; whom they were given to before is no matter.

    Returns for how many it is another than before.

    Raises:
        BulkRefused: one of them is not to be seen by the writer, or the officer cannot answer for it.
    """
    ids = sorted(set(enterprise_ids))
    seen = await session.scalar(text("SELECT count(*) FROM enterprise WHERE id = ANY(:ids)"), {"ids": ids})
    _demand_all(len(ids) - int(seen or 0))
    if officer_id is None:
        gone = await session.execute(
            text("DELETE FROM enterprise_officer WHERE enterprise_id = ANY(:ids) RETURNING enterprise_id"), {"ids": ids}
        )
        return len(list(gone))
    if outside := await those_outside(session, officer_id, ids):
        raise BulkRefused(
            f"所选责任人不能管理其中 {outside} 家企业（不在其区域或园区，或已停用）。本次没有修改，请另选。"
        )
    changed = await session.execute(
        text(
            "INSERT INTO enterprise_officer AS a (enterprise_id, officer_id)"
            " SELECT unnest(CAST(:ids AS bigint[])), CAST(:officer AS bigint) ON CONFLICT (enterprise_id) DO UPDATE"
            " SET officer_id = excluded.officer_id, assigned_at = now() WHERE a.officer_id <> excluded.officer_id"
            " RETURNING enterprise_id"
        ),
        {"ids": ids, "officer": officer_id},
    )
    return len(list(changed))


def _demand_all(missing: int) -> None:
    if missing:
        raise BulkRefused(f"选中的企业中有 {missing} 家不存在或不在您的区域，本次没有修改。请刷新名单后再试。")
