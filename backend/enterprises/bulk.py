"""Changing many enterprises at once, as one transaction: all of them or none."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


class BulkRefused(Exception):
    """Nothing was changed; the message says why and what to do."""

    status_code = 422


async def change_chain(session: AsyncSession, enterprise_ids: Sequence[int], chain: str, *, joins: bool) -> int:
    """Let enterprises join a chain or leave it; who is in it already, or is not, stays as it is.

    Whoever has the form of one of them open is told that it has changed. Returns how many changed.

    Raises:
        BulkRefused: one of them is not to be seen by the writer.
    """
    ids = sorted(set(enterprise_ids))
    seen = await session.execute(
        text("SELECT id FROM enterprise WHERE id = ANY(:ids) ORDER BY id FOR UPDATE"), {"ids": ids}
    )
    missing = len(ids) - len(list(seen))
    if missing:
        raise BulkRefused(f"选中的企业中有 {missing} 家不存在或不在您的区域，本次没有修改。请刷新名单后再试。")
    changed = (
        "INSERT INTO enterprise_chain (enterprise_id, chain) SELECT unnest(CAST(:ids AS bigint[])), :chain"
        " ON CONFLICT DO NOTHING RETURNING enterprise_id"
        if joins
        else "DELETE FROM enterprise_chain WHERE enterprise_id = ANY(:ids) AND chain = :chain RETURNING enterprise_id"
    )
    found = await session.execute(
        text(
            f"WITH changed AS ({changed}) UPDATE enterprise SET revision = revision + 1, updated_at = now()"
            " WHERE id IN (SELECT enterprise_id FROM changed) RETURNING id"
        ),
        {"ids": ids, "chain": chain},
    )
    return len(list(found))
