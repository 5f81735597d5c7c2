"""Plans side by side."""

from datetime import date
from decimal import Decimal

import pytest
from httpx import AsyncClient
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.compare import Comparison, Line, compare
from backend.plans.documents import plan_named, target_named
from backend.plans.queries import plan_report
from backend.plans.service import FigureDraft, report_figure
from tests.backend.conftest import ClientAs
from tests.backend.plans.conftest import MakeEnterprise, MakeTitle

DAY = date(2026, 6, 30)


async def side_by_side(session: AsyncSession, *names: str) -> Comparison:
    return compare([await plan_report(session, plan_named(name), DAY) for name in names])


async def test_two_plans_that_ask_differently_stand_beside_each_other_with_one_value(
    session: AsyncSession, make_enterprise: MakeEnterprise, make_title: MakeTitle
):
    await make_title(await make_enterprise())
    found = await side_by_side(session, "P000", "P004")
    line = next(one for one in found.shared if one.indicator == "hnte_valid_count")
    rows = [cell.rows[0] for cell in line.cells]
    assert [row.target.value for row in rows] == [2700, 2400]
    assert [row.progress.value for row in rows] == [1, 1]
    assert line.differs


async def test_one_statistic_reported_differently_for_two_plans_is_told(session: AsyncSession):
    def rd_share(found: Comparison) -> Line:
        return next(one for one in found.shared if one.indicator == "rd_gdp_ratio")

    for name, number in (("T000-18", "2.77"), ("T004-04", "2.77")):
        draft = FigureDraft(date(2026, 3, 31), Decimal(number), "统计局")
        await report_figure(session, target_named(name)[1], draft, today=DAY)
    assert not rd_share(await side_by_side(session, "P000", "P004")).reported_apart
    draft = FigureDraft(date(2026, 3, 31), Decimal("2.48"), "统计局", is_revision=True)
    await report_figure(session, target_named("T004-04")[1], draft, today=DAY)
    assert rd_share(await side_by_side(session, "P000", "P004")).reported_apart


async def test_contradictions_come_first_and_carry_both_citations(session: AsyncSession):
    found = await side_by_side(session, "P000", "P004")
    differing = [one.differs for one in found.shared]
    assert differing == sorted(differing, reverse=True)
    assert all(len(one.citations) > 1 for line in found.shared if line.differs for one in line.findings)


async def test_every_target_of_the_plans_stands_somewhere_once(session: AsyncSession):
    found = await side_by_side(session, "P000", "P003", "P004")
    shown = [row.target.id for line in (*found.shared, *found.single) for cell in line.cells for row in cell.rows]
    asked = [target.id for name in ("P000", "P003", "P004") for target in plan_named(name).targets]
    assert sorted(shown) == sorted(asked)


async def test_different_baskets_are_told_though_they_are_different_indicators(session: AsyncSession):
    found = await side_by_side(session, "P000", "P004")
    assert any(set(one.targets) == {"T000-03", "T004-27"} for one in found.findings)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_the_page_shows_the_plans_that_still_run_and_others_when_asked(officer: AsyncClient):
    page = (await officer.get("/compare")).text
    assert "数值不一" in page
    assert "评判规则" in page
    other = (await officer.get("/compare?plan=P002&plan=P003&on=2020-12-31")).text
    assert "建成市级高新区" in other
    assert (await officer.get("/compare?plan=P000")).status_code == 422
    assert (await officer.get("/compare?plan=P000&plan=P999")).status_code == 404
