"""A policy simulated over the registry changes nothing in it."""

from datetime import date
from typing import Any

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
HARDER = Patch(
    programme="large_medium_industrial", version="2011", set={"employees-at-least-300": "size_employees >= 400"}
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


async def test_two_simulations_in_either_order_give_the_same(session: AsyncSession) -> None:
    await factory_with(session, 250, "91321282DEM00001XX")
    await factory_with(session, 350, "91321282DEM00002XX")

    async def run(patch: Patch) -> dict[str, Any]:
        return (await simulate_registry(session, patch, library(), AS_OF)).as_json()

    easier, harder = await run(EASIER), await run(HARDER)

    assert (await run(HARDER), await run(EASIER)) == (harder, easier)
    assert ([len(easier[side]) for side in ("entering", "leaving")], len(harder["leaving"])) == ([1, 0], 1)


async def test_a_founding_day_and_a_title_of_the_registry_count_as_for_one_enterprise(session: AsyncSession) -> None:
    await factory_with(session, 350, "91321282DEM00002XX")
    any_title = Patch(
        programme="large_medium_industrial", version="2011",
        set={"employees-at-least-300": "size_employees >= 300 and hnte_certificates != none and not any(hnte_certificates)"},
    )  # fmt: skip

    report = (await simulate_registry(session, any_title, library(), AS_OF)).as_json()

    assert (report["eligible_before"], report["eligible_after"]) == (1, 1)


async def test_nothing_is_written(session: AsyncSession) -> None:
    await factory_with(session, 250, "91321282DEM00001XX")

    await simulate_registry(session, EASIER, library(), AS_OF)

    assert await session.scalar(text("SELECT count(*) FROM eligibility")) == 0
    assert await session.scalar(text("SELECT count(*) FROM eligibility_run")) == 0
