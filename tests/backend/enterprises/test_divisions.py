"""Districts change; what was before stays, and counts are told as then or as now, each as long as its list."""

from collections.abc import AsyncGenerator
from datetime import date

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.access.models import PersonRole
from backend.access.service import add_person
from backend.enterprises.dividing import COLUMNS, divide, read_changes
from backend.enterprises.divisions import follow
from backend.enterprises.moving import Move, register_move
from backend.enterprises.regions import Regions
from backend.enterprises.search import Filters, search
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.plans.rollup import roll_up
from backend.plans.territory import Division, territory_of
from backend.subregisters.layouts import write_sheet
from backend.subregisters.sheets import SheetRefused
from rules.library import library
from tests.backend.conftest import ClientAs
from tests.factories import TODAY, column, make_enterprise, make_recognition

HAILING, GAOGANG, JINGJIANG, JIANGYAN = "321202", "321203", "321282", "321204"
DAY = date(2026, 3, 1)
BEFORE, AFTER = date(2026, 2, 28), TODAY
Rows = list[tuple[date | str, str, str, str, str, str]]
#: 高港 becomes part of 海陵; 靖江市 becomes a district with a code of its own.
MERGED: Rows = [
    (DAY, GAOGANG, "高港区", HAILING, "海陵区", "国函〔2026〕1号"),
    (DAY, JINGJIANG, "靖江市", "321205", "靖江区", "国函〔2026〕1号"),
]


@pytest.fixture(autouse=True)
async def as_shipped() -> AsyncGenerator[None]:
    yield
    follow([])


def csv_of(rows: Rows) -> bytes:
    head = ",".join(column.title for column in COLUMNS)
    return "\n".join([head, *(",".join(str(value) for value in row) for row in rows)]).encode()


async def take(session: AsyncSession, rows: Rows) -> list[str]:
    """What is told of a list: nothing where it was written."""
    found = await divide(session, read_changes(csv_of(rows), "区划.csv"), TODAY)
    return [one.text for one in found.troubles]


async def by_district(session: AsyncSession, day: date, division: Division) -> dict[str, int]:
    """The holders of the plan's target by district; each figure must be as long as its list."""
    _, target = target_named("T000-01")
    rolled = await roll_up(session, [target], [day], division=division)
    territory = territory_of(target.region, day if division is Division.THEN else None)
    counted = {one.code: rolled.of(target, day, one.code).counted or 0 for one in territory.districts}
    for code, many in counted.items():
        listed = await members(session, target, day, region=code, division=division)
        assert listed is not None
        assert listed.total == many, code
    return {code: many for code, many in counted.items() if many}


async def test_a_move_counts_where_it_was_as_then_and_where_it_is_as_now(session: AsyncSession):
    number = await make_enterprise(session)
    await make_recognition(session, number)
    await register_move(session, Move(number, JINGJIANG, DAY, reason="迁移通知"))
    assert await by_district(session, BEFORE, Division.THEN) == {HAILING: 1}
    assert await by_district(session, BEFORE, Division.NOW) == {JINGJIANG: 1}
    assert await by_district(session, AFTER, Division.THEN) == {JINGJIANG: 1}


async def test_accounts_follow_a_district_that_goes_on_alone_and_none_that_becomes_part_of_another(
    session: AsyncSession,
):
    for login, region in (("gao", GAOGANG), ("jing", JINGJIANG)):
        issued = await add_person(session, login, "王敏", "district_officer", region)
        session.add(PersonRole(person_id=issued.person.id or 0, role="reviewer", region_code=region, valid_from=DAY))
        await make_enterprise(session, region_code=region)
    await make_enterprise(session, region_code=HAILING)
    found = await divide(session, read_changes(csv_of(MERGED), "区划.csv"), TODAY)
    assert (found.people, found.along) == ({GAOGANG: 1}, {JINGJIANG: 1})
    assert await column(session, "SELECT region_code FROM person ORDER BY login") == [GAOGANG, "321205"]
    assert await column(session, "SELECT region_code FROM person_role ORDER BY person_id") == [GAOGANG, "321205"]


async def test_districts_that_became_one_are_two_as_then_and_one_as_now(session: AsyncSession):
    for region in (HAILING, GAOGANG, JINGJIANG):
        await make_recognition(session, await make_enterprise(session, region_code=region))
    assert await take(session, MERGED) == []
    assert await by_district(session, BEFORE, Division.THEN) == {HAILING: 1, GAOGANG: 1, JINGJIANG: 1}
    assert await by_district(session, BEFORE, Division.NOW) == {HAILING: 2, "321205": 1}
    assert await by_district(session, AFTER, Division.THEN) == {HAILING: 2, "321205": 1}


async def test_what_was_before_a_change_stays_as_it_stands(session: AsyncSession):
    number = await make_enterprise(session, region_code=GAOGANG)
    await take(session, MERGED)
    found = await session.execute(
        text("SELECT region_code, valid_from, valid_to FROM enterprise_region WHERE enterprise_id = :id ORDER BY id"),
        {"id": number},
    )
    assert [tuple(row) for row in found] == [(GAOGANG, None, BEFORE), (HAILING, DAY, None)]
    assert await column(session, "SELECT cause FROM enterprise_move WHERE enterprise_id = :id", id=number) == [
        "division"
    ]


async def test_a_stay_entered_later_under_the_old_code_is_read_as_the_new_one(session: AsyncSession):
    await take(session, MERGED)
    number = await make_enterprise(session, region_code=JINGJIANG)
    await make_recognition(session, number)
    assert await by_district(session, AFTER, Division.THEN) == {"321205": 1}
    assert await by_district(session, BEFORE, Division.THEN) == {JINGJIANG: 1}


async def test_a_district_that_is_called_otherwise_has_its_old_name_on_earlier_days(session: AsyncSession):
    assert await take(session, [(DAY, JIANGYAN, "姜堰区", JIANGYAN, "溱湖区", "国函〔2026〕2号")]) == []
    names = [
        next(one.shown_as for one in territory_of("321200", day).districts if one.code == JIANGYAN)
        for day in (BEFORE, AFTER)
    ]
    assert names == ["姜堰区", "溱湖区"]
    assert Regions.load().by_name("姜堰区") == Regions.load().by_name("溱湖区")


async def test_the_shipped_changes_are_told_as_then_too():
    then = territory_of("321200", date(2010, 6, 30))
    assert "321284" in {one.code for one in then.districts}
    assert (then.district_of(JIANGYAN), territory_of("321200").district_of("321284")) == ("321284", JIANGYAN)


async def test_a_list_taken_again_changes_nothing(session: AsyncSession):
    await take(session, MERGED)
    again = await divide(session, read_changes(csv_of(MERGED), "区划.csv"), TODAY)
    assert (list(again.changes), list(again.troubles), again.known) == ([], [], 2)


WRONG: list[tuple[Rows, str]] = [
    ([(DAY, "321299", "某区", HAILING, "海陵区", "")], "第 2 行“原代码”填的是“321299”，不是库内的市（区）代码"),
    ([(DAY, GAOGANG, "高港区", "3212", "海陵区", "")], "应为六位行政区划代码"),
    ([(date(2026, 12, 31), GAOGANG, "高港区", HAILING, "海陵区", "")], "在今天之后"),
    ([(DAY, "321284", "姜堰市", HAILING, "海陵区", "")], "已不是有效区划"),
    ([(DAY, GAOGANG, "高港区", "320299", "某区", "")], "不在同一设区的市"),
    ([(DAY, GAOGANG, "高港区", "320706", "海州区", "")], "不在同一设区的市"),
    ([(DAY, HAILING, "海陵区", HAILING, "海陵区", "")], "没有变化"),
    ([(DAY, GAOGANG, "高港区", "321284", "姜堰市", "")], "不是有效区划，请核对新代码"),
    ([*MERGED[:1], (DAY, GAOGANG, "高港区", JIANGYAN, "姜堰区", "")], "一个区划不能对应两个新区划"),
    ([("三月", GAOGANG, "高港区", HAILING, "海陵区", "")], "第 2 行“生效日期”填的是“三月”"),
]


@pytest.mark.parametrize(("rows", "words"), WRONG)
async def test_a_list_with_a_mistake_is_told_and_nothing_is_written(session: AsyncSession, rows: Rows, words: str):
    told = await take(session, [*MERGED[1:], *rows])
    assert any(words.replace("第 2 行", "第 3 行") in one for one in told), told
    assert await column(session, "SELECT count(*) FROM division_change") == [0]


def test_a_file_without_the_columns_is_refused():
    with pytest.raises(SheetRefused, match="没有找到表头"):
        read_changes("甲,乙\n1,2".encode(), "区划.csv")


async def test_the_administrator_takes_a_workbook_on_the_page(client_as: ClientAs):
    administrator, officer = await client_as("administrator"), await client_as("city_officer")
    assert (await officer.get("/divisions")).status_code == 403
    workbook = write_sheet("区划调整", "", COLUMNS, MERGED)
    files = {"file": ("区划.xlsx", workbook)}
    checked = await administrator.post("/divisions", files=files, data={"dry": "on"})
    assert "检查通过，尚未写入：2 项调整" in checked.text
    done = await administrator.post("/divisions", files=files, follow_redirects=True)
    assert "321205" in done.text
    wrong = await administrator.post("/divisions", files={"file": ("x.csv", csv_of(WRONG[0][0]))})
    assert wrong.status_code == 422
    assert "不是库内的市（区）代码" in wrong.text


async def test_pages_and_programs_ask_for_either(client_as: ClientAs):
    officer = await client_as("city_officer")
    assert "现在所在地" in (await officer.get("/plans/P000?territory=now&on=2026-02-28")).text
    now = await officer.get("/api/v1/targets/T000-01/members", params={"territory": "now", "on": "2026-02-28"})
    assert now.json()["total"] == 0
    assert (await officer.get("/plans/P000?territory=later")).status_code == 422
    assert (await officer.get("/api/v1/plans/P000/targets", params={"territory": "later"})).status_code == 422


async def test_the_list_of_enterprises_goes_by_either(session: AsyncSession):
    number = await make_enterprise(session, region_code=GAOGANG)
    await take(session, MERGED)

    async def listed(region: str, territory: str = "") -> list[tuple[int, str]]:
        found = await search(session, Filters(region=region, territory=territory), BEFORE, library())
        return [(row["id"], row["region_code"]) for row in found.rows]

    assert (await listed(GAOGANG), await listed(HAILING)) == ([(number, GAOGANG)], [])
    assert await listed(HAILING, "now") == [(number, HAILING)]
