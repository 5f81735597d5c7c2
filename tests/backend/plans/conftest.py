"""Small registries to count: enterprises, titles and moves, written as rows."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

_numbers = count(1)

MakeEnterprise = Callable[..., Awaitable[int]]
MakeTitle = Callable[..., Awaitable[int]]

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def insert(session: AsyncSession, table: str, values: dict[str, Any]) -> Any:
    columns, names = ", ".join(f'"{name}"' for name in values), ", ".join(f":{name}" for name in values)
    written = await session.execute(text(f'INSERT INTO "{table}" ({columns}) VALUES ({names}) RETURNING *'), values)
    return written.first()


@pytest.fixture
def make_enterprise(session: AsyncSession) -> MakeEnterprise:
    async def make(region_code: str = "321202", **given: Any) -> int:
        name = f"泰州第{next(_numbers)}试验有限公司"
        values: dict[str, Any] = {
            "name": name, "match_key": name, "search_text": name, "region_code": region_code, "town": "", "park": "",
            "address": "", "industry_code": "3450", "status": "active", "listing_board": "", "revision": 1,
        }  # fmt: skip
        return (await insert(session, "enterprise", values | given)).id

    return make


@pytest.fixture
def make_title(session: AsyncSession) -> MakeTitle:
    async def make(
        enterprise_id: int,
        programme: str = "hnte",
        granted_on: date = date(2024, 11, 6),
        valid_to: date | None = date(2027, 11, 5),
        **given: Any,
    ) -> int:
        values: dict[str, Any] = {
            "enterprise_id": enterprise_id, "programme": programme, "level": "", "number": f"N{next(_numbers)}",
            "batch": "", "kind": "granted", "granted_on": granted_on, "valid_from": granted_on, "valid_to": valid_to,
            "revocation_reason": "", "notice": "", "printed_name": "", "source": "spreadsheet",
            "recorded_at": LONG_AGO,
        }  # fmt: skip
        return (await insert(session, "recognition", values | given)).id

    return make


@pytest.fixture
def move(session: AsyncSession) -> Callable[[int, str, str, date], Awaitable[None]]:
    async def moved(enterprise_id: int, before: str, after: str, on: date) -> None:
        from datetime import timedelta

        for region, first, last in ((before, None, on - timedelta(days=1)), (after, on, None)):
            values: dict[str, Any] = {
                "enterprise_id": enterprise_id, "region_code": region, "town": "", "park": "", "valid_from": first,
                "valid_to": last,
            }  # fmt: skip
            await insert(session, "enterprise_region", values)
        await session.execute(
            text("UPDATE enterprise SET region_code = :region WHERE id = :id"), {"region": after, "id": enterprise_id}
        )

    return moved


@pytest.fixture
def report(session: AsyncSession) -> Callable[..., Awaitable[int]]:
    async def reported(target: str, period_end: date, value: Any, **given: Any) -> int:
        values: dict[str, Any] = {
            "target": target, "region_code": "", "period_end": period_end, "value": value, "source": "市统计局",
            "note": "",
        }  # fmt: skip
        return (await insert(session, "reported_figure", values | given)).id

    return reported
