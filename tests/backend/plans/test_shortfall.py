"""What a target still takes: the gap, and who is nearest."""

from datetime import date
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.plans.documents import target_named
from backend.plans.shortfall import Nearness, Shortfall, can_be_worked_on, shortfall
from tests.backend.conftest import ClientAs
from tests.factories import make_enterprise, make_recognition

TODAY = date(2026, 7, 10)
PLAN, HNTE = target_named("T000-01")


async def result(session: AsyncSession, enterprise: int, outcome: str, programme: str = "hnte", **given: Any) -> None:
    values = {"failed": [], "missing": [], "is_likely": False} | given
    await session.execute(
        text(
            "INSERT INTO eligibility (enterprise_id, programme, version, outcome, is_likely, failed, unknown, missing, as_of,"
            " run_id) VALUES (:id, :programme, '2016', :outcome, :is_likely, :failed, '{}', :missing, '2026-07-01', 1)"
        ),
        {"id": enterprise, "programme": programme, "outcome": outcome, **values},
    )


@pytest.fixture
async def near(session: AsyncSession) -> dict[str, int]:
    """One enterprise of each nearness, one too far away, and one that holds the title already."""
    found = {
        name: await make_enterprise(session, name=f"泰州{name}有限公司")
        for name in ("甲符合", "乙待确认", "丙待补", "丁差一项", "戊太远", "己已有")
    }
    await result(session, found["丁差一项"], "ineligible", failed=["H4"])
    await result(session, found["丙待补"], "undetermined", missing=["employee_total[2025]"])
    await result(session, found["甲符合"], "eligible")
    await result(session, found["乙待确认"], "eligible", is_likely=True)
    await result(session, found["戊太远"], "ineligible", failed=["H1", "H4", "H5"])
    await result(session, found["己已有"], "eligible")
    await make_recognition(session, found["己已有"])
    return found


async def ask(session: AsyncSession, **given: Any) -> Shortfall:
    return await shortfall(session, PLAN, HNTE, TODAY, **given)


async def test_the_nearest_come_first_and_who_holds_it_or_is_far_is_left_out(
    session: AsyncSession, near: dict[str, int]
):
    found = await ask(session)
    names = ["甲符合", "乙待确认", "丙待补", "丁差一项"]
    assert [one.enterprise.id for one in found.candidates] == [near[name] for name in names]
    assert [one.nearness for one in found.candidates] == list(Nearness)


async def test_the_gap_and_whether_those_ready_fill_it(session: AsyncSession, near: dict[str, int]):
    found = await ask(session)
    assert (found.gap, found.ready, found.is_enough) == (2699, 2, False)


async def test_counts_by_district_add_up_to_the_list(session: AsyncSession, near: dict[str, int]):
    elsewhere = await make_enterprise(session, region_code="321283")
    await result(session, elsewhere, "eligible")
    found = await ask(session)
    by_district = {one.code: sum(one.near.values()) for one in found.districts}
    assert sum(by_district.values()) == found.total == len(found.candidates) == 5
    assert by_district["321283"] == 1
    assert [one.enterprise.id for one in (await ask(session, region="321283")).candidates] == [elsewhere]


async def test_an_enterprise_near_two_titles_of_one_basket_is_listed_once_with_the_nearer(session: AsyncSession):
    plan, basket = target_named("T000-02")
    enterprise = await make_enterprise(session)
    await result(session, enterprise, "ineligible", "little_giant", failed=["a"])
    await result(session, enterprise, "undetermined", "srdi_sme", missing=["employee_total[2025]"])
    found = await shortfall(session, plan, basket, TODAY)
    assert [(one.enterprise.id, one.programme) for one in found.candidates] == [(enterprise, "srdi_sme")]


async def test_one_kind_of_nearness_may_be_asked_for(session: AsyncSession, near: dict[str, int]):
    found = await ask(session, nearness="missing")
    assert [one.enterprise.id for one in found.candidates] == [near["丙待补"]]
    assert found.near[Nearness.ELIGIBLE] == 1


@pytest.mark.parametrize(
    ("target", "can"), [("T000-01", True), ("T000-04", False), ("T000-18", False), ("T000-06", False)]
)
def test_only_targets_of_titles_with_a_number_are_worked_on(target: str, can: bool):
    assert can_be_worked_on(target_named(target)[1]) is can


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_the_page_says_what_is_needed_and_gives_the_list_to_work_through(
    officer: AsyncClient, engine: AsyncEngine
):
    async with owner_unit_of_work(engine) as work:
        enterprise = await make_enterprise(work, name="泰州差一项有限公司")
        await result(work, enterprise, "ineligible", failed=["H4"])
    page = await officer.get("/plans/P000/targets/T000-01/shortfall")
    assert "泰州差一项有限公司" in page.text
    assert "未符合：科技人员占比" in page.text
    assert (await officer.get("/plans/P000/targets/T000-01/shortfall.xlsx")).content[:2] == b"PK"
    assert (await officer.get("/api/v1/targets/T000-01/shortfall")).json()["near"]["failing"] == 1
    assert (await officer.get("/plans/P000/targets/T000-18/shortfall")).status_code == 404
