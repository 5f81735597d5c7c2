"""One enterprise becomes two: lineage on both files, and titles that pass over with their day of grant."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.enterprises.ending import LifeRefused
from backend.enterprises.lineage import splits_of
from backend.enterprises.queries import find
from backend.enterprises.splitting import Split, split
from backend.plans.documents import target_named
from backend.plans.members import members
from backend.recognitions.queries import held_by
from backend.recognitions.service import RecognitionRefused
from tests.factories import TODAY, make_code, make_enterprise, make_recognition

DAY = date(2026, 4, 1)


async def holders(session: AsyncSession, day: date) -> set[int]:
    _, target = target_named("T000-01")
    listed = await members(session, target, day)
    assert listed is not None
    return {one.id for one in listed.rows}


async def test_a_title_passes_over_on_the_day_and_keeps_its_grant(session: AsyncSession):
    old = await make_enterprise(session)
    hnte = await make_recognition(session, old, number="GR202432000009")
    srdi = await make_recognition(session, old, "srdi_sme", date(2023, 12, 1))
    code = make_code()
    new = await split(
        session, Split(old, DAY, "存续分立", "泰市监〔2026〕3号", "泰州新源装备有限公司", code, "", [hnte])
    )
    assert (await holders(session, date(2026, 3, 31)), await holders(session, DAY)) == ({old}, {new})
    (title,) = (await held_by(session, [new]))[new]
    assert (title.granted_on, title.number, title.valid_from) == (date(2024, 11, 6), "GR202432000009", DAY)
    assert srdi in {one.id for one in (await held_by(session, [old]))[old] if one.is_in_force(TODAY)}


async def test_the_new_enterprise_is_registered_and_both_files_show_where_it_came_from(session: AsyncSession):
    old = await make_enterprise(session, name="泰州老源装备有限公司")
    code = make_code()
    new = await split(session, Split(old, DAY, "存续分立", name="泰州新源装备有限公司", credit_code=code))
    row = await find(session, code) or {}
    assert (row["id"], row["region_code"], row["established_on"]) == (new, "321202", DAY)
    (of_old,), (of_new,) = await splits_of(session, old), await splits_of(session, new)
    assert (of_old["is_from"], of_old["other_name"]) == (True, "泰州新源装备有限公司")
    assert (of_new["is_from"], of_new["other_name"]) == (False, "泰州老源装备有限公司")


async def test_an_enterprise_that_is_there_already_is_known_by_its_code(session: AsyncSession):
    code = make_code()
    old, new = await make_enterprise(session), await make_enterprise(session, credit_code=code)
    assert await split(session, Split(old, DAY, "分立", credit_code=code)) == new


async def test_a_title_of_this_year_that_passed_over_is_counted_once_as_new(session: AsyncSession):
    old = await make_enterprise(session)
    title = await make_recognition(session, old, granted_on=date(2026, 2, 1))
    new = await split(session, Split(old, DAY, "分立", name="泰州新源装备有限公司", recognition_ids=[title]))
    _, target = target_named("T000-01")
    by_year = target.model_copy(update={"window": "in_year"})
    for day, whose in ((date(2026, 3, 1), old), (TODAY, new)):
        listed = await members(session, by_year, day)
        assert listed is not None
        assert [one.id for one in listed.rows] == [whose]


@pytest.mark.parametrize(
    ("granted_on", "error", "words"),
    [(date(2026, 5, 1), RecognitionRefused, "不早于分立日"), (None, LifeRefused, "不属于这家企业")],
)
async def test_what_cannot_pass_over_is_refused(
    session: AsyncSession, granted_on: date | None, error: type[Exception], words: str
):
    old, stranger = await make_enterprise(session), await make_enterprise(session)
    title = await make_recognition(session, old if granted_on else stranger, granted_on=granted_on or date(2024, 1, 1))
    with pytest.raises(error, match=words):
        await split(session, Split(old, DAY, "分立", name="泰州新源装备有限公司", recognition_ids=[title]))


@pytest.mark.parametrize("number", ["", "GR202432000009"])
async def test_a_title_that_the_other_has_already_does_not_pass_over_a_second_time(session: AsyncSession, number: str):
    code = make_code()
    one, other = await make_enterprise(session), await make_enterprise(session, credit_code=code)
    mine = await make_recognition(session, one, number=number)
    # The same certificate on a list that printed the other's name; or one that begins on the very day.
    await make_recognition(session, other, granted_on=date(2024, 11, 6) if number else DAY, number=number)
    with pytest.raises(RecognitionRefused, match="名下已有同一项目"):
        await split(session, Split(one, DAY, "分立", credit_code=code, recognition_ids=[mine]))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"split_on": date(1999, 1, 1)}, "不晚于成立日期 2010-05-01"),
        ({"credit_code": "1"}, "统一社会信用代码应为 18 位"),
        ({"region_code": "999999"}, "没有市（区）999999"),
        ({"name": ""}, "请填写新企业的名称"),
    ],
)
async def test_what_cannot_have_come_of_an_enterprise_is_refused(
    session: AsyncSession, given: dict[str, Any], told: str
):
    # Its number must not be taken for a code: number 1 may well be somebody.
    old = await make_enterprise(session, established_on=date(2010, 5, 1))
    stated = Split(old, DAY, "分立", name="泰州新源装备有限公司")
    with pytest.raises(LifeRefused, match=told):
        await split(session, replace(stated, **given))
