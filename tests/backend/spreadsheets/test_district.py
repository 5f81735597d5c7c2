"""A district's officer imports for the own district only; the rows of others are told one by one."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from backend.database.session import owner_unit_of_work
from tests.backend.conftest import ClientAs
from tests.backend.spreadsheets.conftest import make_workbook
from tests.backend.spreadsheets.importing import hand_in, report_of
from tests.factories import make_code, make_enterprise, make_filing, make_recognition

HAILING, GAOGANG = "321202", "321203"
HEAD = ["企业名称", "统一社会信用代码", "所在地区", "成立日期", "2025年销售收入（万元）"]
OWN, FOREIGN, CLAIMED, NEW, NEW_FOREIGN = (make_code() for _ in range(5))

#: All that could be written of an enterprise.
STATE = """
SELECT e.id, e.name, e.region_code, e.revision, e.established_on,
       (SELECT count(*) FROM filing f WHERE f.enterprise_id = e.id),
       (SELECT array_agg(r.revoked_on) FROM recognition r WHERE r.enterprise_id = e.id),
       (SELECT array_agg(n.name) FROM enterprise_name n WHERE n.enterprise_id = e.id)
FROM enterprise e WHERE e.credit_code = :code
"""


@pytest.fixture
async def neighbours(engine: AsyncEngine) -> AsyncEngine:
    async with owner_unit_of_work(engine) as work:
        await make_enterprise(work, name="海陵自己有限公司", credit_code=OWN, region_code=HAILING)
        foreign = await make_enterprise(work, name="高港别人有限公司", credit_code=FOREIGN, region_code=GAOGANG)
        await make_enterprise(work, name="高港另一有限公司", credit_code=CLAIMED, region_code=GAOGANG)
        await make_filing(work, foreign)
        await make_recognition(work, foreign)
    return engine


async def state(engine: AsyncEngine, code: str) -> list[tuple[Any, ...]]:
    async with owner_unit_of_work(engine) as work:
        return [tuple(row) for row in await work.execute(text(STATE), {"code": code})]


async def test_rows_of_another_district_are_refused_one_by_one_and_change_nothing(
    neighbours: AsyncEngine, client_as: ClientAs
):
    before = [await state(neighbours, code) for code in (FOREIGN, CLAIMED)]
    officer = await client_as("district_officer", HAILING)
    table = [
        HEAD,
        ["海陵自己有限公司", OWN, "海陵区", "2019-03-04", 7],
        ["高港别人有限公司", FOREIGN, "高港区", "2019-03-04", 7],
        ["海陵冒领有限公司", CLAIMED, "海陵区", "2019-03-04", 7],
        ["海陵新来有限公司", NEW, "", "2019-03-04", 7],
        ["高港新来有限公司", NEW_FOREIGN, "高港区", "2019-03-04", 7],
    ]
    page = await report_of(officer, make_workbook(table))
    for row in (3, 4):
        assert f"第 {row} 行，这家企业登记在其他市（区），请由该市（区）或市级人员导入" in page.text
    assert "第 6 行，所属区域不在您的市（区），请由该市（区）或市级人员导入" in page.text
    await officer.post(f"{page.url.path}/commit", data={"good_rows_only": "yes"})

    assert [await state(neighbours, code) for code in (FOREIGN, CLAIMED)] == before
    assert await state(neighbours, NEW_FOREIGN) == []
    (own,) = await state(neighbours, OWN)
    (new,) = await state(neighbours, NEW)
    assert (own[2], own[5]) == (HAILING, 1)
    assert (new[2], new[5]) == (HAILING, 1)


async def test_an_own_enterprise_is_not_moved_away_by_its_districts_import(
    neighbours: AsyncEngine, client_as: ClientAs
):
    before = await state(neighbours, OWN)
    officer = await client_as("district_officer", HAILING)
    page = await report_of(officer, make_workbook([HEAD, ["海陵自己有限公司", OWN, "高港区", "2019-03-04", 7]]))
    assert "所属区域不在您的市（区）" in page.text
    assert (await officer.post(f"{page.url.path}/commit")).status_code == 422
    assert await state(neighbours, OWN) == before


async def test_a_list_grants_and_revokes_nothing_in_another_district(neighbours: AsyncEngine, client_as: ClientAs):
    before = await state(neighbours, FOREIGN)
    officer = await client_as("district_officer", HAILING)
    table = [
        ["关于取消部分企业高新技术企业资格的公告"],
        ["（公告日期：2025年3月4日）"],
        ["序号", "企业名称", "统一社会信用代码"],
        [1, "高港别人有限公司", FOREIGN],
        [2, "高港别人有限公司", ""],
    ]
    place = (await hand_in(officer, make_workbook(table))).headers["location"]
    page = await officer.get(place)
    assert "第 4 行，这家企业登记在其他市（区）" in page.text
    assert "第 5 行，没有统一社会信用代码，库内也没有叫这个名称的企业" in page.text
    # Nothing tells a district's officer of a neighbour's enterprises, not even by a likeness.
    assert "相近的有" not in page.text
    await officer.post(f"{place}/commit", data={"good_rows_only": "yes"})
    assert await state(neighbours, FOREIGN) == before


async def test_the_city_may_import_for_every_district(neighbours: AsyncEngine, client_as: ClientAs):
    officer = await client_as("city_officer")
    page = await report_of(officer, make_workbook([HEAD, ["高港别人有限公司", FOREIGN, "高港区", "2019-03-04", 7]]))
    assert (await officer.post(f"{page.url.path}/commit")).status_code == 303
    assert (await state(neighbours, FOREIGN))[0][5] == 2


async def test_who_may_only_look_imports_nothing(client_as: ClientAs):
    viewer = await client_as("viewer")
    assert (await hand_in(viewer, make_workbook([HEAD]))).status_code == 403
