"""Enterprises, filings and recognitions for tests: defaults for all but the point of the test."""

from collections.abc import Mapping
from datetime import date, datetime
from itertools import count
from typing import Any

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.demo.population import credit_code
from backend.enterprises.service import Draft, register
from backend.filings.service import FilingDraft, file
from backend.recognitions.service import RecognitionDraft, grant
from rules.library import library

#: The day on which tests act unless they say otherwise.
TODAY = date(2026, 6, 30)
_numbers = count(1)


def make_code(region: str = "321202") -> str:
    """A valid credit code that no other test has."""
    return credit_code(region, next(_numbers))


async def make_enterprise(session: AsyncSession, on: date = TODAY, **given: Any) -> int:
    """Register an enterprise of 海陵区 and give its id; `credit_code=None` for one without a code."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"泰州第{number}试验有限公司",
        "credit_code": make_code(),
        "region_code": "321202",
    } | given
    return (await register(session, [Draft(**values)], on)).ids[0]


async def make_filing(
    session: AsyncSession,
    enterprise_id: int,
    values: Mapping[str, Any] | None = None,
    *,
    source: str = "self_declared",
    year: int | None = 2025,
    received_on: date = date(2026, 4, 15),
    recorded_at: datetime | None = None,
) -> int:
    """File what a source says; gives the number of filings appended."""
    said = {"sales_revenue": 1000} if values is None else values
    draft = FilingDraft(enterprise_id, source, year, said, received_on)
    return await file(session, [draft], library().catalogue, recorded_at=recorded_at)


async def make_recognition(
    session: AsyncSession,
    enterprise_id: int,
    programme: str = "hnte",
    granted_on: date = date(2024, 11, 6),
    recorded_at: datetime | None = None,
    **given: Any,
) -> int:
    """Grant a title and give its id."""
    draft = RecognitionDraft(enterprise_id, programme, granted_on, **given)
    await grant(session, [draft], library(), recorded_at=recorded_at)
    found = await session.execute(
        text(
            "SELECT id FROM recognition WHERE enterprise_id = :id AND programme = :programme AND granted_on = :day"
            " AND superseded_at IS NULL ORDER BY id DESC LIMIT 1"
        ),
        {"id": enterprise_id, "programme": programme, "day": granted_on},
    )
    return found.scalar_one()


async def column(session: AsyncSession, query: str, **values: Any) -> list[Any]:
    """The first column of what a query finds."""
    return list((await session.execute(text(query), values)).scalars())
