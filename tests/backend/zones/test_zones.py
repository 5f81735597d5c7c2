"""High-tech zones: their conditions by the rule library, their figures, and the plans' targets for them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.session import owner_unit_of_work
from backend.subregisters import service as registers
from backend.subregisters.schemas import Draft, register_named
from backend.zones import queries, service
from tests.backend.conftest import ClientAs
from tests.backend.plans.changing import place_as_known
from tests.factories import make_enterprise, make_recognition

TODAY = date(2026, 7, 10)
DAY = date(2026, 6, 30)


async def make_zone(session: AsyncSession, name: str = "靖江高新区", kind: str = "municipal_hntz") -> int:
    draft = Draft(type=kind, name=name, region_code="321282", starts_on=date(2018, 1, 1))
    return await registers.enter(session, register_named("zones"), draft, today=TODAY)


async def criterion(session: AsyncSession, zone: int, name: str, on: date = DAY) -> dict[str, Any]:
    found = await queries.zone(session, zone, on)
    return next(one for one in found.answer["criteria"] if one["id"] == name)


async def test_certificates_of_the_enterprises_in_the_zone_are_counted_here(session: AsyncSession):
    zone = await make_zone(session)
    for park in ("靖江高新区", "靖江高新区", "别的园区"):
        enterprise = await make_enterprise(session, region_code="321282", park=park)
        await make_recognition(session, enterprise)
    assert (await queries.zone(session, zone, DAY)).counted["zone_hnte_count"] == 2
    assert (await criterion(session, zone, "Z3n1"))["figure"] == 2


async def test_institutions_of_the_zone_and_of_its_enterprises_count_from_municipal_level_on(session: AsyncSession):
    zone = await make_zone(session)
    enterprise = await make_enterprise(session, region_code="321282", park="靖江高新区")
    given = {"type": "enterprise_technology_centre", "region_code": "321282"}
    for name, level, where in (
        ("甲中心", "municipal", {"park": "靖江高新区"}),
        ("乙中心", "provincial", {"enterprise_id": enterprise}),
        ("丙中心", "district", {"park": "靖江高新区"}),
    ):
        draft = Draft.model_validate(given | {"name": name, "level": level} | where)
        await registers.enter(session, register_named("institutions"), draft, today=TODAY)
    found = await queries.zone(session, zone, DAY, has_institutions=True)
    assert found.counted["zone_rd_institution_municipal_plus_count"] == 2
    assert [(one.draft.name, one.level_name) for one in found.institutions] == [("乙中心", "省级"), ("甲中心", "市级")]
    assert (await queries.zone(session, zone, DAY)).institutions == ()


async def test_institutions_new_in_the_year_count_towards_the_zones_yearly_target(session: AsyncSession):
    zone = await make_zone(session)
    given = {"type": "enterprise_technology_centre", "region_code": "321282", "park": "靖江高新区"}
    for name, level, since in (
        ("甲中心", "municipal", date(2026, 2, 1)),
        ("乙中心", "provincial", date(2025, 12, 31)),
        ("丙中心", "district", date(2026, 2, 1)),
        ("丁中心", "provincial", date(2026, 7, 1)),
    ):
        draft = Draft.model_validate(given | {"name": name, "level": level, "starts_on": since})
        await registers.enter(session, register_named("institutions"), draft, today=TODAY)
    target = next(one for one in (await queries.zone(session, zone, DAY)).targets if one.target.id == "T002-08")
    assert (target.value, "台账统计" in target.reason) == (1, True)
    assert "zone_rd_institution_added_annual" not in {name for name, _, _ in service.reportable()}


@pytest.mark.parametrize(("output", "outcome"), [("99.9", "failed"), ("100", "met")])
async def test_the_output_of_the_last_full_year_is_held_against_the_condition(
    session: AsyncSession, output: str, outcome: str
):
    zone = await make_zone(session)
    await service.report(session, zone, queries.YEARLY, 2025, Decimal(output), "统计局", today=TODAY)
    assert (await criterion(session, zone, "Z1n"))["outcome"] == outcome


async def test_the_condition_of_100_is_not_the_target_of_200(session: AsyncSession):
    zone = await make_zone(session)
    await service.report(session, zone, queries.YEARLY, 2025, Decimal(150), "统计局", today=TODAY)
    found = await queries.zone(session, zone, DAY)
    target = next(one for one in found.targets if one.target.id == "T002-05")
    assert (target.value, target.is_met) == (150, False)
    assert (await criterion(session, zone, "Z1n"))["outcome"] == "met"


async def test_what_a_person_confirms_settles_a_condition_and_may_be_taken_back(session: AsyncSession):
    zone = await make_zone(session)
    assert (await criterion(session, zone, "Z2a"))["outcome"] == "unknown"
    await service.attest(session, zone, "zone_boundary_defined", holds=True)
    assert (await criterion(session, zone, "Z2a"))["outcome"] == "met"
    await service.attest(session, zone, "zone_boundary_defined", holds=None)
    assert (await criterion(session, zone, "Z2a"))["outcome"] == "unknown"


async def test_growth_without_a_printed_base_year_is_the_last_years(session: AsyncSession):
    zone = await make_zone(session)
    for granted_on in (date(2024, 11, 6), date(2025, 11, 6), date(2025, 11, 6)):
        enterprise = await make_enterprise(session, region_code="321282", park="靖江高新区")
        await make_recognition(session, enterprise, granted_on=granted_on)
    growth = next(one for one in (await queries.zone(session, zone, DAY)).targets if one.target.id == "T002-09")
    assert growth.value == 200
    assert "1 → 3" in growth.reason


async def test_the_last_year_is_a_whole_year(session: AsyncSession):
    zone = await make_zone(session)
    for granted_on in (date(2024, 11, 6), date(2025, 6, 29)):
        enterprise = await make_enterprise(session, region_code="321282", park="靖江高新区")
        await make_recognition(session, enterprise, granted_on=granted_on)
    growth = next(one for one in (await queries.zone(session, zone, DAY)).targets if one.target.id == "T002-09")
    assert "2 → 2" in growth.reason


async def test_a_zone_is_called_what_it_was_known_as(session: AsyncSession):
    zone = await make_zone(session)
    long_ago = datetime(2026, 1, 20, tzinfo=UTC)
    await session.execute(text("UPDATE register_entry SET recorded_at = :at"), {"at": long_ago})
    now = await queries.zone(session, zone, DAY)
    renamed = now.entry.draft.model_copy(update={"name": "靖江新高新区"})
    await registers.revise(session, register_named("zones"), now.entry.id, renamed, today=TODAY)
    found = [await queries.zone(session, zone, DAY, at) for at in (long_ago + timedelta(days=1), None)]
    assert [one.entry.draft.name for one in found] == ["靖江高新区", "靖江新高新区"]


async def test_a_correction_leaves_what_was_known_before(session: AsyncSession):
    zone = await make_zone(session)
    await service.report(session, zone, queries.YEARLY, 2025, Decimal(90), "统计局", today=TODAY)
    long_ago = datetime(2026, 1, 20, tzinfo=UTC)
    await session.execute(text("UPDATE zone_figure SET recorded_at = :at"), {"at": long_ago})
    await service.report(session, zone, queries.YEARLY, 2025, Decimal(110), "统计局", today=TODAY)
    then = await queries.zone(session, zone, DAY, long_ago + timedelta(days=1))
    now = await queries.zone(session, zone, DAY)
    figures = [one.latest(queries.YEARLY) for one in (then, now)]
    assert [one and one.value for one in figures] == [90, 110]


@pytest.mark.parametrize(
    ("indicator", "year", "value", "told"),
    [
        ("zone_hnte_count", 2025, "12", "由系统按园区内的企业统计"),
        ("no_such", 2025, "12", "没有这个指标"),
        (queries.YEARLY, 2026, "120", "还没有结束"),
        (queries.YEARLY, 2025, "-1", "小于 0"),
        ("zone_rd_gdp_ratio", 2025, "280", "大于 100%"),
    ],
)
async def test_what_cannot_be_is_refused(session: AsyncSession, indicator: str, year: int, value: str, told: str):
    zone = await make_zone(session)
    with pytest.raises(service.ZoneFigureRefused, match=told):
        await service.report(session, zone, indicator, year, Decimal(value), "统计局", today=TODAY)


@pytest.fixture
async def zone(engine: AsyncEngine) -> int:
    async with owner_unit_of_work(engine) as work:
        return await make_zone(work)


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


async def test_the_pages_show_the_zone_and_take_its_figures(officer: AsyncClient, zone: int):
    assert "靖江高新区" in (await officer.get("/zones")).text
    year = date.today().year - 1  # noqa: DTZ011
    form = {"indicator": queries.YEARLY, "year": str(year), "value": "120.5", "source": "统计局"}
    assert (await officer.post(f"/zones/{zone}/figures", data=form)).status_code == 303
    assert (
        await officer.post(f"/zones/{zone}/attestations", data={"item": "zone_contiguous", "holds": "yes"})
    ).status_code == 303
    page = (await officer.get(f"/zones/{zone}")).text
    assert ">是</td>" in page and ">True</td>" not in page
    assert '<td data-label="要求">≥ 12 家</td>' in page
    assert "120.5" in page
    await officer.post(f"/zones/{zone}/figures", data=form | {"value": "1"})
    assert '<td data-label="数值">1</td>' in (await officer.get(f"/zones/{zone}")).text
    wrong = await officer.post(f"/zones/{zone}/figures", data=form | {"value": "约120"})
    assert wrong.status_code == 422
    assert 'value="约120"' in wrong.text
    assert (await officer.get("/zones/999999")).status_code == 404


@pytest.mark.parametrize(("known_at", "length"), [("", 2), ("&known_at=2026-06-30", 1)])
async def test_the_number_of_certificates_leads_to_a_list_of_that_length(
    officer: AsyncClient, engine: AsyncEngine, zone: int, known_at: str, length: int
):
    async with owner_unit_of_work(engine) as owner:
        for granted_on, park in (
            (date(2024, 11, 6), "靖江高新区"),
            (date(2020, 11, 6), "靖江高新区"),
            (date(2024, 11, 6), ""),
        ):
            number = await make_enterprise(owner, region_code="321282", park=park)
            await make_recognition(owner, number, granted_on=granted_on)
        for table, moment in (("recognition", "recorded_at"), ("enterprise", "created_at")):
            await owner.execute(text(f"UPDATE {table} SET {moment} = '2026-01-20'"))
        # Was known later only.
        late = await make_enterprise(owner, region_code="321282", park="靖江高新区")
        await make_recognition(owner, late, granted_on=date(2024, 11, 6))
    page = (await officer.get(f"/zones/{zone}?on=2026-06-30{known_at}")).text
    number = re.search(r'class="number" href="([^"]+)">.*?number-value">(\d+)', page, re.DOTALL)
    assert number is not None
    listed = (await officer.get(f"/api/v1{unescape(number[1])}")).json()
    assert (int(number[2]), listed["total"]) == (length, length)


async def test_a_district_reports_for_its_own_zones_only(client_as: ClientAs, zone: int):
    form = {"indicator": queries.YEARLY, "year": "2024", "value": "120", "source": "统计局"}
    own, other = (
        await client_as("district_officer", region="321282"),
        await client_as("district_officer", region="321202"),
    )
    assert (await own.post(f"/zones/{zone}/figures", data=form)).status_code == 303
    assert (await other.get(f"/zones/{zone}")).status_code == 404


async def test_certificates_and_institutions_are_those_that_a_past_moment_knew_in_the_zone(session: AsyncSession):
    zone, moment = await make_zone(session), datetime(2026, 8, 1, tzinfo=UTC)
    long_ago = moment - timedelta(days=900)
    stayed = await make_enterprise(session, region_code="321282", park="靖江高新区")
    left = await make_enterprise(session, region_code="321282", park="靖江高新区")
    for enterprise, recorded_at in ((stayed, long_ago), (stayed, moment), (left, long_ago)):
        await make_recognition(session, enterprise, recorded_at=recorded_at)
    await session.execute(text("UPDATE enterprise SET created_at = :at"), {"at": long_ago})
    await place_as_known(session, left, ("321202", "别的园区"), date(2026, 5, 1), moment)
    draft = Draft(
        type="enterprise_technology_centre", region_code="321282", park="靖江高新区", name="甲中心", level="municipal"
    )
    await registers.enter(session, register_named("institutions"), draft, today=TODAY)
    await session.execute(
        text("UPDATE register_entry SET recorded_at = :at WHERE register_id = 'institutions'"), {"at": moment}
    )

    async def told(on: date, known_at: datetime | None) -> list[int]:
        return list((await queries.zone(session, zone, on, known_at)).counted.values())

    before = moment - timedelta(seconds=1)
    assert [await told(DAY, at) for at in (before, moment, None)] == [[2, 0], [1, 1], [1, 1]]
    assert await told(date(2026, 4, 30), None) == [2, 1]
