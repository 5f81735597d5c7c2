"""A park's officer works on the enterprises registered in one park of a district, and on nothing beside it."""

from datetime import date
from io import BytesIO

import pytest
from httpx import AsyncClient
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.access.service import AccessRefused, add_person
from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work, unit_of_work
from backend.enterprises.officers import officers
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from tests.backend.conftest import ClientAs
from tests.factories import column, make_enterprise, make_recognition

JINGJIANG, PARK = "321282", "靖江经济技术开发区"
DAY = date(2026, 6, 30)


@pytest.fixture
async def inside_and_outside(engine: AsyncEngine) -> tuple[int, int]:
    """Two enterprises of 靖江 with a title each, the first of them registered in the park."""
    async with owner_unit_of_work(engine) as session:
        inside = await make_enterprise(session, name="靖江园内试验有限公司", region_code=JINGJIANG, park=PARK)
        outside = await make_enterprise(session, name="靖江园外试验有限公司", region_code=JINGJIANG)
        for one in (inside, outside):
            await make_recognition(session, one)
        return inside, outside


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("park_officer", JINGJIANG, PARK)


async def test_the_list_and_its_export_hold_the_parks_enterprises_only(
    officer: AsyncClient, inside_and_outside: tuple[int, int]
):
    page = (await officer.get("/enterprises")).text
    assert "靖江园内试验有限公司" in page
    assert "靖江园外试验有限公司" not in page
    book = CalamineWorkbook.from_filelike(BytesIO((await officer.get("/enterprises/export")).content))
    cells = {str(cell) for row in book.get_sheet_by_index(0).to_python() for cell in row}
    assert {"靖江园内试验有限公司"} == cells & {"靖江园内试验有限公司", "靖江园外试验有限公司"}
    told = (await officer.get("/api/v1/enterprises")).text
    assert ("靖江园内试验有限公司" in told, "靖江园外试验有限公司" in told) == (True, False)


async def test_an_enterprise_beside_the_park_is_not_found_nor_changed(
    officer: AsyncClient, inside_and_outside: tuple[int, int]
):
    inside, outside = inside_and_outside
    assert (await officer.get(f"/enterprises/{inside}")).status_code == 200
    assert (await officer.get(f"/enterprises/{outside}")).status_code == 404
    assert (await officer.get(f"/enterprises/{outside}/edit")).status_code == 404


async def test_no_statement_moves_an_enterprise_out_of_the_park_or_makes_one_beside_it(
    engine: AsyncEngine, inside_and_outside: tuple[int, int]
):
    scope = Scope.of_park(JINGJIANG, PARK)
    for statement in ("UPDATE enterprise SET park = ''", "UPDATE enterprise SET region_code = '321202'"):
        with pytest.raises(DBAPIError, match="row-level security"):
            async with unit_of_work(engine, scope) as session:
                await session.execute(text(statement))


async def test_plans_count_the_parks_enterprises(engine: AsyncEngine, inside_and_outside: tuple[int, int]):
    _, target = target_named("T000-01")
    counted: dict[str, object] = {}
    for name, scope in {"district": Scope.district(JINGJIANG), "park": Scope.of_park(JINGJIANG, PARK)}.items():
        async with unit_of_work(engine, scope) as session:
            counted[name] = (await roll_up(session, [target], [DAY])).of(target, DAY, JINGJIANG).value
            found = await members(session, target, DAY, region=JINGJIANG)
            assert found is not None
            assert len(found.rows) == counted[name]
    assert counted == {"district": 2, "park": 1}


async def test_figures_kept_in_memory_for_the_district_are_not_shown_to_the_park(
    client_as: ClientAs, officer: AsyncClient, inside_and_outside: tuple[int, int]
):
    district = await client_as("district_officer", JINGJIANG)
    for client, total in ((district, "2 家"), (officer, "1 家"), (district, "2 家")):
        page = (await client.get("/enterprises")).text
        assert total in page.replace("\n", "")


async def test_the_plans_pages_say_what_is_counted(officer: AsyncClient, inside_and_outside: tuple[int, int]):
    page = (await officer.get("/plans/P000")).text
    assert f"只含登记在“{PARK}”的企业" in page
    assert f"靖江市 · {PARK}" in page


async def test_other_imports_of_the_district_stay_unseen(engine: AsyncEngine):
    async with owner_unit_of_work(engine) as session:
        for by in (7, 8):
            await session.execute(
                text(
                    "INSERT INTO import_run (file_name, digest, layout, status, rows, good_rows, bad_rows, created,"
                    " updated, unchanged, report, uploaded_by, region_code) VALUES (:name, '', 'enterprises', 'done', 0,"
                    " 0, 0, 0, 0, 0, '{}', :by, :region)"
                ),
                {"name": f"{by}.xlsx", "by": by, "region": JINGJIANG},
            )
    async with unit_of_work(engine, Scope.of_park(JINGJIANG, PARK, user_id=7)) as session:
        assert list((await session.execute(text("SELECT file_name FROM import_run"))).scalars()) == ["7.xlsx"]


async def test_the_administrator_gives_the_role_with_the_park(client_as: ClientAs, inside_and_outside: tuple[int, int]):
    administrator = await client_as("administrator")
    form = {"login": "yuan", "name": "袁园", "role": "park_officer", "region": JINGJIANG, "park": PARK}
    assert (await administrator.post("/people/new", data=form)).status_code == 200
    assert f"靖江市 · {PARK}" in (await administrator.get("/people")).text


async def test_a_further_role_may_be_a_parks(
    client_as: ClientAs, engine: AsyncEngine, inside_and_outside: tuple[int, int]
):
    async with owner_unit_of_work(engine) as session:
        person = (await add_person(session, "lihua", "李华", "viewer")).person.id
    administrator = await client_as("administrator")
    role = {"role": "park_officer", "region": JINGJIANG, "park": PARK}
    assert (await administrator.post(f"/people/{person}/roles", data=role)).status_code == 303
    assert f"靖江市 · {PARK}" in (await administrator.get(f"/people/{person}")).text


@pytest.mark.parametrize(
    ("role", "region", "park", "told"),
    [
        ("park_officer", JINGJIANG, "靖江开发区", f"登记的园区有：{PARK}"),
        ("park_officer", JINGJIANG, "", "请填园区的全称"),
        ("park_officer", "321202", PARK, "还没有企业登记在园区"),
        ("park_officer", "", PARK, "必须指定所属市（区）"),
        ("district_officer", JINGJIANG, PARK, "只有园区工作人员才填园区"),
    ],
)
async def test_a_park_is_one_that_enterprises_are_registered_in(
    engine: AsyncEngine, inside_and_outside: tuple[int, int], role: str, region: str, park: str, told: str
):
    with pytest.raises(AccessRefused, match=told):
        async with owner_unit_of_work(engine) as session:
            await add_person(session, "yuan", "袁园", role, region, park=park)


async def test_a_parks_officer_can_answer_for_its_enterprises_and_for_no_other(
    engine: AsyncEngine, client_as: ClientAs, inside_and_outside: tuple[int, int]
):
    inside, outside = inside_and_outside
    own = await client_as("park_officer", JINGJIANG, PARK)
    async with owner_unit_of_work(engine) as session:
        officer = (await column(session, "SELECT id FROM person WHERE role = 'park_officer'"))[0]
        offered = [[int(one) for one, _ in await officers(session, JINGJIANG, park)] for park in (PARK, "", None)]
    assert [officer in some for some in offered] == [True, False, True]
    district = await client_as("district_officer", JINGJIANG)
    assigning = {"action": "assign", "officer": str(officer), "query": ""}
    refused = await district.post("/enterprises/bulk", data=assigning | {"id": [str(inside), str(outside)]})
    assert (refused.status_code, "不能管理其中 1 家企业" in refused.text) == (422, True)
    assert (await district.post("/enterprises/bulk", data=assigning | {"id": [str(inside)]})).status_code == 303
    assert "靖江园内试验有限公司" in (await own.get("/enterprises?officer=mine")).text
