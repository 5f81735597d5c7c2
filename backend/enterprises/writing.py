"""What all that writes of enterprises shares: whom to wait for, what is refused, columns with their revision."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession


class EditedMeanwhile(Exception):
    """Somebody else changed the enterprise since it was read."""

    status_code = 409

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}”刚被其他人修改过，本次未保存。请刷新页面，核对后再保存。")


class RegisteredElsewhere(Exception):
    """A credit code belongs to an enterprise that the writer may not see, or to another one than was meant."""

    status_code = 409

    def __init__(self) -> None:
        super().__init__(
            "统一社会信用代码已登记给另一家企业（可能在其他市（区）），本次未写入任何数据。"
            "请核对代码；企业如已迁入，请联系市级管理人员办理迁移。"
        )


async def lock(session: AsyncSession, enterprise_id: int) -> Mapping[str, Any]:
    """The enterprise as it is, and nobody else changes it until the transaction ends."""
    found = await session.execute(
        text("SELECT * FROM enterprise WHERE id = :id FOR NO KEY UPDATE"), {"id": enterprise_id}
    )
    return dict(found.mappings().one())


async def set_many(session: AsyncSession, changes: Mapping[int, Mapping[str, Any]]) -> None:
    """Write columns of many enterprises, each counted up by one revision."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for number, changed in changes.items():
        by_columns.setdefault(tuple(sorted(changed)), []).append({**changed, "id": number})
    for columns, rows in by_columns.items():
        assignments = "".join(f'"{column}" = :{column}, ' for column in columns)
        await session.execute(
            text(f"UPDATE enterprise SET {assignments}revision = revision + 1, updated_at = now() WHERE id = :id"), rows
        )
