"""A policy simulated over the registry changes nothing in it."""

from datetime import date

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.eligibility.simulation import simulate_registry
from backend.enterprises.service import Draft, register
from backend.filings.service import FilingDraft, file
from rules.library import library
from rules.simulation import Patch

AS_OF = date(2026, 11, 1)
EASIER = Patch(
    programme="large_medium_industrial", version="2011", set={"employees-at-least-300": "size_employees >= 200"}
)


async def factory_with(session: AsyncSession, staff: int, code: str) -> None:
    draft = Draft("演示工厂有限公司", code, region_code="321282", industry_code="3484")
    ids = (await register(session, [draft], AS_OF)).ids
    values = {"employees": staff, "operating_revenue": 5000}
    await file(session, [FilingDraft(ids[0], "self_declared", 2025, values, AS_OF)], library().catalogue)


async def test_who_enters_is_named_with_the_district_and_what_decided(session: AsyncSession) -> None:
    await factory_with(session, 250, "91321282DEM00001XX")

    report = (await simulate_registry(session, EASIER, library(), AS_OF)).as_json()

    assert report["by_region"] == {"321282": {"entering": 1, "leaving": 0}}
    assert report["entering"][0]["deciding"] == ["employees-at-least-300"]


async def test_nothing_is_written(session: AsyncSession) -> None:
    await factory_with(session, 250, "91321282DEM00001XX")

    await simulate_registry(session, EASIER, library(), AS_OF)

    assert await session.scalar(text("SELECT count(*) FROM eligibility")) == 0
    assert await session.scalar(text("SELECT count(*) FROM eligibility_run")) == 0
