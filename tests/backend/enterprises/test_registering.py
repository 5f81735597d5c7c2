"""Registering enterprises: who is known, who is new, and what stays of what was before."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.database.session import owner_unit_of_work
from backend.enterprises.correcting import edit
from backend.enterprises.moving import move
from backend.enterprises.naming import rename
from backend.enterprises.queries import find, names_of
from backend.enterprises.schemas import Draft, FormerName
from backend.enterprises.service import register
from backend.enterprises.writing import EditedMeanwhile, RegisteredElsewhere
from tests.factories import TODAY, column, make_code, make_enterprise

LONG_KNOWN = "泰州星澜精密机械有限公司"


async def regions(session: AsyncSession, enterprise_id: int) -> list[tuple[Any, ...]]:
    found = await session.execute(
        text(
            "SELECT region_code, valid_from, valid_to FROM enterprise_region WHERE enterprise_id = :id"
            " ORDER BY valid_from NULLS FIRST"
        ),
        {"id": enterprise_id},
    )
    return [tuple(row) for row in found]


async def names(session: AsyncSession, enterprise_id: int) -> list[tuple[Any, ...]]:
    return [(one.name, one.used_from, one.used_to) for one in await names_of(session, enterprise_id)]


async def revision(session: AsyncSession, enterprise_id: int) -> int:
    return (await column(session, "SELECT revision FROM enterprise WHERE id = :id", id=enterprise_id))[0]


async def test_registering_twice_changes_nothing(session: AsyncSession):
    draft = Draft(
        LONG_KNOWN, make_code(), (FormerName("泰州星澜机械厂"),), "321282", "城东镇", "靖江高新区", chains=("高端装备",),
        identifiers={"registration_number_15": "321282000012345"},
    )  # fmt: skip
    first = await register(session, [draft], TODAY)
    again = await register(session, [draft], date(2026, 9, 1))
    assert again.ids == first.ids
    assert (first.created, again.created, again.changed) == ({0}, set(), set())
    assert await revision(session, first.ids[0]) == 1
    assert len(await names(session, first.ids[0])) == 2


async def test_a_new_name_under_the_same_code_keeps_the_old_as_former_name(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, name="泰州云岚机械有限公司", credit_code=code)
    registered = await register(session, [Draft("泰州云岚智能装备有限公司", code)], date(2026, 3, 1))
    assert registered.changed == {0}
    assert await names(session, number) == [
        ("泰州云岚智能装备有限公司", date(2026, 3, 1), None),
        ("泰州云岚机械有限公司", None, date(2026, 2, 28)),
    ]


async def test_a_change_of_name_that_became_known_late_leaves_the_name_in_use(session: AsyncSession):
    number = await make_enterprise(session, name="泰州瀚海机械厂")
    await rename(session, number, "江苏瀚海智能有限公司", date(2026, 5, 1))
    await rename(session, number, "泰州瀚海机械有限公司", date(2024, 3, 1))
    assert await names(session, number) == [
        ("江苏瀚海智能有限公司", date(2026, 5, 1), None),
        ("泰州瀚海机械有限公司", date(2024, 3, 1), date(2026, 4, 30)),
        ("泰州瀚海机械厂", None, date(2024, 2, 29)),
    ]
    assert (await find(session, str(number)) or {})["name"] == "江苏瀚海智能有限公司"


async def test_a_list_that_prints_a_former_name_renames_nobody(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, name="泰州云岚机械有限公司", credit_code=code)
    await register(session, [Draft("泰州云岚智能装备有限公司", code)], date(2026, 3, 1))
    again = await register(session, [Draft("泰州云岚机械有限公司", code)], date(2026, 5, 1))
    assert again.changed == set()
    assert (await find(session, str(number)) or {})["name"] == "泰州云岚智能装备有限公司"


async def test_another_spelling_of_the_name_is_no_new_name(session: AsyncSession):
    code = make_code()
    await make_enterprise(session, name="江苏晟瀚（泰州）新材料有限公司", credit_code=code)
    assert (await register(session, [Draft("江苏晟瀚(泰州)新材料有限公司 ", code)], TODAY)).changed == set()


@pytest.mark.parametrize("name", ["泰州毅晟新材料有限公司", "泰州毅晟涂料厂"])
async def test_a_draft_without_code_finds_the_one_enterprise_of_that_name_or_former_name(
    session: AsyncSession, name: str
):
    number = await make_enterprise(session, name="泰州毅晟新材料有限公司", former_names=(FormerName("泰州毅晟涂料厂"),))
    registered = await register(session, [Draft(name, town="城东镇")], TODAY)
    assert registered.ids == [number]
    assert registered.created == set()
    assert (await find(session, str(number)) or {})["name"] == "泰州毅晟新材料有限公司"


async def test_of_two_enterprises_of_a_name_the_one_that_bears_it_today_is_meant(session: AsyncSession):
    await make_enterprise(session, name="泰州弘毅科技有限公司", former_names=(FormerName("泰州博远科技有限公司"),))
    bearer = await make_enterprise(session, name="泰州博远科技有限公司")
    assert (await register(session, [Draft("泰州博远科技有限公司")], TODAY)).ids == [bearer]


async def test_a_name_that_two_bear_waits_as_an_enterprise_of_its_own_without_code(session: AsyncSession):
    twins = {await make_enterprise(session, name="泰州凌霄科技有限公司") for _ in range(2)}
    first = await register(session, [Draft("泰州凌霄科技有限公司")], TODAY)
    again = await register(session, [Draft("泰州凌霄科技有限公司")], TODAY)
    assert first.created == {0}
    assert first.ids[0] not in twins
    assert again.ids == first.ids


async def test_a_code_that_comes_later_is_given_to_the_enterprise_that_a_list_without_codes_brought(
    session: AsyncSession,
):
    number = await make_enterprise(session, name="泰州嘉禾食品有限公司", credit_code=None)
    code = make_code()
    assert (await register(session, [Draft("泰州嘉禾食品有限公司", code)], TODAY)).ids == [number]
    assert (await find(session, code) or {})["id"] == number
    assert code.lower() in (await column(session, "SELECT search_text FROM enterprise WHERE id = :id", id=number))[0]


async def test_the_same_new_enterprise_twice_in_one_list_is_registered_once(session: AsyncSession):
    code = make_code()
    drafts = [
        Draft("泰州瑞丰机械有限公司"),
        Draft("泰州瑞丰机械有限公司", code, town="城东镇"),
        Draft("泰州瑞丰机械有限公司", code),
    ]
    registered = await register(session, drafts, TODAY)
    assert len(set(registered.ids)) == 1
    assert registered.created == {0}
    assert (await find(session, code) or {})["town"] == "城东镇"


async def test_a_list_that_names_a_known_enterprise_twice_renames_it_once(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, name="泰州恒通电气有限公司", credit_code=code)
    await register(session, [Draft("泰州恒通智能电气有限公司", code)] * 2, date(2026, 3, 1))
    assert len(await names(session, number)) == 2
    assert await revision(session, number) == 2


async def test_two_codes_of_one_name_are_two_enterprises(session: AsyncSession):
    await make_enterprise(session, name="泰州正泰机械有限公司", credit_code=None)
    drafts = [Draft("泰州正泰机械有限公司", make_code()) for _ in range(2)]
    registered = await register(session, drafts, TODAY)
    assert registered.created == {0, 1}


async def test_a_former_name_printed_in_brackets_is_kept(session: AsyncSession):
    number = await make_enterprise(session, name="泰州汇鼎模具有限公司（原泰州汇鼎模具厂）")
    assert [name for name, *_ in await names(session, number)] == ["泰州汇鼎模具有限公司", "泰州汇鼎模具厂"]


async def test_what_a_draft_leaves_empty_stays(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, credit_code=code, industry_code="3525", established_on=date(2010, 5, 1))
    await register(session, [Draft("泰州某厂", code)], TODAY)
    row = await find(session, str(number)) or {}
    assert (row["industry_code"], row["established_on"]) == ("3525", date(2010, 5, 1))


async def test_moving_keeps_the_region_of_earlier_days(session: AsyncSession):
    number = await make_enterprise(session, region_code="321202", town="城东镇", park="海陵工业园区")
    await move(session, number, "321282", "", "靖江高新区", date(2026, 3, 1))
    assert await regions(session, number) == [
        ("321202", None, date(2026, 2, 28)),
        ("321282", date(2026, 3, 1), None),
    ]
    row = await find(session, str(number)) or {}
    assert (row["region_code"], row["town"], row["park"]) == ("321282", "", "靖江高新区")


async def test_a_move_that_became_known_after_a_later_one_fills_the_days_until_that(session: AsyncSession):
    number = await make_enterprise(session)
    await move(session, number, "321282", "", "", date(2026, 5, 1))
    await move(session, number, "321283", "", "", date(2026, 3, 1))
    assert await regions(session, number) == [
        ("321202", None, date(2026, 2, 28)),
        ("321283", date(2026, 3, 1), date(2026, 4, 30)),
        ("321282", date(2026, 5, 1), None),
    ]
    assert (await find(session, str(number)) or {})["region_code"] == "321282"


async def test_another_region_in_a_list_is_a_move_and_leaves_the_old_town_behind(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, credit_code=code, name="泰州启明船舶有限公司", town="城东镇")
    await register(session, [Draft("泰州启明船舶有限公司", code, region_code="321282")], date(2026, 3, 1))
    assert [region for region, *_ in await regions(session, number)] == ["321202", "321282"]
    assert (await find(session, str(number)) or {})["town"] == ""


async def test_another_town_in_the_same_region_is_no_move(session: AsyncSession):
    code = make_code()
    number = await make_enterprise(session, credit_code=code, name="泰州启明船舶有限公司", town="城东镇")
    await register(session, [Draft("泰州启明船舶有限公司", code, region_code="321202", town="九龙镇")], TODAY)
    assert len(await regions(session, number)) == 1
    assert await column(session, "SELECT town FROM enterprise_region WHERE enterprise_id = :id", id=number) == [
        "九龙镇"
    ]


async def test_an_edit_over_somebody_elses_edit_is_refused(session: AsyncSession):
    number = await make_enterprise(session)
    await edit(session, number, {"town": "城东镇"}, 1, TODAY)
    with pytest.raises(EditedMeanwhile, match="刚被其他人修改过"):
        await edit(session, number, {"town": "九龙镇"}, 1, TODAY)
    assert (await find(session, str(number)) or {})["town"] == "城东镇"


async def test_an_edit_that_changes_nothing_leaves_the_revision(session: AsyncSession):
    number = await make_enterprise(session, town="城东镇", chains=("高端装备",))
    await edit(session, number, {"town": "城东镇"}, 1, TODAY, ["高端装备"])
    assert await revision(session, number) == 1


async def test_an_edit_sets_name_region_and_chains_in_one_revision(session: AsyncSession):
    number = await make_enterprise(session, name="泰州宏图科技有限公司", chains=("高端装备",))
    changes = {"name": "江苏宏图科技有限公司", "region_code": "321283", "town": "", "park": "泰兴高新区"}
    await edit(session, number, changes, 1, date(2026, 3, 1), ["新材料", "高端装备"])
    assert await revision(session, number) == 2
    assert [name for name, *_ in await names(session, number)] == ["江苏宏图科技有限公司", "泰州宏图科技有限公司"]
    assert [region for region, *_ in await regions(session, number)] == ["321202", "321283"]
    chains = await column(session, "SELECT chain FROM enterprise_chain WHERE enterprise_id = :id ORDER BY 1", id=number)
    assert sorted(chains) == ["新材料", "高端装备"]


@pytest.mark.parametrize("key", ["code", "lower", "wide", "identifier", "id"])
async def test_an_enterprise_is_found_by_code_in_any_width_by_old_number_and_by_id(session: AsyncSession, key: str):
    code = make_code()
    number = await make_enterprise(session, credit_code=code, identifiers={"registration_number_15": "321202000098765"})
    wide = "".join(chr(ord(one) + 0xFEE0) for one in code)
    asked = {"code": code, "lower": code.lower(), "wide": wide, "identifier": "321202000098765", "id": str(number)}[key]
    assert (await find(session, asked) or {})["id"] == number


@pytest.mark.parametrize("key", ["", "nobody", "9" * 40, "-1", "١٢"])
async def test_a_key_of_nobody_finds_nobody(session: AsyncSession, key: str):
    await make_enterprise(session)
    assert await find(session, key) is None


async def test_a_district_cannot_register_what_another_district_has(
    engine: AsyncEngine, app_session_factory: Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]
):
    code = make_code()
    async with owner_unit_of_work(engine) as owner:
        await make_enterprise(owner, credit_code=code)
    with pytest.raises(RegisteredElsewhere, match="已登记给另一家企业"):
        async with app_session_factory(Scope.district("321282")) as district:
            await register(district, [Draft("靖江某某有限公司", code, region_code="321282")], TODAY)
    async with owner_unit_of_work(engine) as owner:
        assert await column(owner, "SELECT count(*) FROM enterprise") == [1]
