"""Entering, correcting, promoting and withdrawing; and what plans count of it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.database.scope import Scope
from backend.plans.documents import target_named
from backend.plans.members import members, things_behind
from backend.plans.rollup import Figure, State, roll_up
from backend.plans.service import FigureDraft, report_figure
from backend.subregisters import service
from backend.subregisters.queries import Filter, entries, entry_named, history_of
from backend.subregisters.schemas import Draft, register_named
from tests.factories import make_enterprise

TODAY = date(2026, 7, 10)
DAY = date(2026, 6, 30)
INSTITUTIONS = register_named("institutions")


def draft(**given: Any) -> Draft:
    values = {
        "type": "key_laboratory", "name": "泰州市新药重点实验室", "region_code": "321203", "level": "provincial",
        "starts_on": date(2025, 3, 1),
    }  # fmt: skip
    return Draft.model_validate(values | given)


async def enter(session: AsyncSession, register: str = "institutions", **given: Any) -> int:
    return await service.enter(session, register_named(register), draft(**given), today=TODAY)


async def figure(session: AsyncSession, target: str, on: date = DAY, place: str = "", **asked: Any) -> Figure:
    _, found = target_named(target)
    return (await roll_up(session, [found], [on], **asked)).of(found, on, place)


async def test_a_laboratory_counts_from_its_first_day_to_its_last(session: AsyncSession):
    await enter(session, ends_on=date(2026, 5, 31))
    days = (date(2025, 2, 28), date(2025, 3, 1), date(2026, 5, 31), date(2026, 6, 1))
    assert [(await figure(session, "T000-08", day)).value for day in days] == [0, 1, 1, 0]


async def test_what_nobody_entered_is_unreported_and_not_zero(session: AsyncSession):
    await enter(session, type="enterprise_technology_centre")
    assert (await figure(session, "T000-08")).state is State.NOT_REPORTED


async def test_after_the_register_is_declared_complete_an_absence_is_a_zero(session: AsyncSession):
    await service.declare_complete(session, INSTITUTIONS, DAY, "逐项核对", today=TODAY)
    found = await figure(session, "T000-08")
    assert (found.state, found.value) == (State.COUNTED, 0)


async def test_a_promoted_institution_counts_once_and_is_new_only_at_its_level(session: AsyncSession):
    centre = {"type": "enterprise_technology_centre", "name": "某企业技术中心"}
    first = await enter(session, **centre, level="municipal", starts_on=date(2023, 5, 1))
    await service.promote(
        session, INSTITUTIONS, first, draft(**centre, level="provincial", starts_on=date(2026, 4, 1)), today=TODAY
    )
    await service.promote(
        session, INSTITUTIONS, first, draft(**centre, level="national", starts_on=date(2026, 5, 1)), today=TODAY
    )
    assert (await figure(session, "T004-19")).value == 1
    assert (await figure(session, "T000-15")).value == 1
    assert (await figure(session, "T003-16b", date(2023, 12, 31))).value == 1


async def test_an_institution_provincial_last_year_is_not_new_this_year(session: AsyncSession):
    centre = {"type": "enterprise_technology_centre", "name": "某企业技术中心"}
    first = await enter(session, **centre, level="provincial", starts_on=date(2025, 12, 31))
    await service.promote(
        session, INSTITUTIONS, first, draft(**centre, level="national", starts_on=date(2026, 5, 1)), today=TODAY
    )
    assert (await figure(session, "T004-19")).value == 0
    assert (await figure(session, "T004-19", date(2025, 12, 31))).value == 1


async def test_a_zone_that_rose_is_of_the_new_level_only(session: AsyncSession):
    zones = register_named("zones")
    zone = {"name": "靖江高新区", "level": "", "region_code": "321282"}
    first = await enter(session, "zones", **zone, type="municipal_hntz", starts_on=date(2018, 1, 1))
    await service.promote(
        session, zones, first, draft(**zone, type="provincial_hntz", starts_on=date(2020, 6, 1)), today=TODAY
    )
    assert [(await figure(session, "T002-01", day)).value for day in (date(2020, 5, 31), date(2020, 6, 1))] == [1, 0]
    assert (await figure(session, "T002-02", date(2020, 6, 1))).value == 1


async def test_the_coverage_of_districts_counts_districts_and_not_zones(session: AsyncSession):
    for number, region in enumerate(("321282", "321282", "321204")):
        await enter(
            session, "zones", name=f"第{number}高新区", type="municipal_hntz", level="", region_code=region,
            starts_on=date(2018, 1, 1),
        )  # fmt: skip
    found = await figure(session, "T002-03")
    assert (found.value, found.counted, found.whole) == (Fraction(200, 6), 2, 6)
    assert (await figure(session, "T002-03", place="321282")).value == 100
    assert (await figure(session, "T002-03", place="321281")).value == 0


async def test_an_average_without_a_printed_start_is_not_computed(session: AsyncSession):
    await enter(session, "projects", type="key_sci_project", level="", name="某重点科创项目")
    found = await figure(session, "T000-31")
    assert (found.state, found.value) == (State.NOT_COMPUTABLE, None)
    assert "累计 1 个" in found.reason


async def test_enterprises_served_are_counted_each_once(session: AsyncSession):
    served, other = await make_enterprise(session, region_code="320706"), await make_enterprise(session)
    for name, enterprise in (("第一次服务", served), ("第二次服务", served), ("外地服务", other)):
        region = "320706" if enterprise == served else "321202"
        await enter(
            session,
            "services",
            type="effective_service",
            level="",
            name=name,
            enterprise_id=enterprise,
            region_code=region,
        )
    assert (await figure(session, "T001-21")).value == 1


async def test_an_institution_of_the_register_counts_for_the_coverage(session: AsyncSession):
    having, lacking = [
        await make_enterprise(session, is_above_scale=True, chains=("化学药",), region_code="321203") for _ in range(2)
    ]
    await enter(session, type="enterprise_technology_centre", enterprise_id=having)
    found = await figure(session, "T000-07")
    assert (found.value, found.counted, found.whole, found.answered) == (50, 1, 2, 1)
    await service.declare_complete(session, INSTITUTIONS, DAY, "", today=TODAY)
    assert (await figure(session, "T000-07")).answered == 2
    missing = await members(session, target_named("T000-07")[1], DAY, part="missing")
    assert missing is not None
    assert [row.id for row in missing.rows] == [lacking]


async def test_a_correction_leaves_what_was_known_before(session: AsyncSession):
    number = await enter(session)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    await session.execute(text("UPDATE register_entry SET recorded_at = :at"), {"at": long_ago})
    newer = await service.revise(session, INSTITUTIONS, number, draft(level="municipal"), today=TODAY)
    assert (await figure(session, "T000-08")).value == 0
    assert (await figure(session, "T000-08", known_at=long_ago + timedelta(days=1))).value == 1
    entry = await entry_named(session, INSTITUTIONS, newer)
    assert [one.id for one in await history_of(session, entry.thing_id)] == [newer, number]


async def test_a_withdrawn_entry_counts_on_no_day_and_says_why(session: AsyncSession):
    number = await enter(session)
    gone = await service.withdraw(session, INSTITUTIONS, number, "重复录入")
    assert (await entries(session, INSTITUTIONS, Filter(), DAY)).total == 0
    listed = await entries(session, INSTITUTIONS, Filter(state="withdrawn"), DAY)
    assert [(one.id, one.draft.note) for one in listed.rows] == [(gone, "重复录入")]
    with pytest.raises(service.EntryGone):
        await service.revise(session, INSTITUTIONS, number, draft(level="national"), today=TODAY)


async def test_what_was_reported_is_told_beside_what_the_register_counts(session: AsyncSession):
    _, target = target_named("T000-08")
    await report_figure(session, target, FigureDraft(DAY, Decimal(7), "市科技局", date(2026, 7, 5)), today=TODAY)
    assert (await figure(session, "T000-08")).value == 7
    await enter(session)
    found = await figure(session, "T000-08")
    assert (found.state, found.value) == (State.COUNTED, 1)
    assert "另有填报数 7（市科技局" in found.reason


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"type": "laboratory"}, "type", "类型应为"),
        ({"level": "world"}, "level", "级别应为"),
        ({"name": "某"}, "name", "至少两个字"),
        ({"region_code": "999999"}, "region_code", "市（区）"),
        ({"starts_on": date(2026, 7, 11)}, "starts_on", "在今天之后"),
        ({"starts_on": date(205, 3, 1)}, "starts_on", "太早"),
        ({"ends_on": date(2025, 2, 28)}, "ends_on", "早于认定日期"),
        ({"amount": -1}, "amount", "小于 0"),
        ({"evaluation": "super"}, "evaluation", "评价结果"),
        ({"number": "9" * 81}, "number", "最多 80"),
    ],
)
async def test_what_cannot_be_is_refused_at_its_field(
    session: AsyncSession, wrong: dict[str, Any], field: str, words: str
):
    with pytest.raises(service.EntryRefused, match=words) as refused:
        await enter(session, **wrong)
    assert refused.value.field == field


async def test_the_same_institution_twice_is_told_with_the_number_of_the_first(session: AsyncSession):
    number = await enter(session)
    with pytest.raises(service.AlreadyEntered, match=f"编号 {number}"):
        await enter(session)


async def test_a_correction_that_changes_nothing_is_refused(session: AsyncSession):
    with pytest.raises(service.NothingChanged):
        await service.revise(session, INSTITUTIONS, await enter(session), draft(), today=TODAY)


async def test_a_promotion_to_the_same_level_or_before_the_last_is_refused(session: AsyncSession):
    number = await enter(session)
    with pytest.raises(service.EntryWrong, match="不是升级"):
        await service.promote(session, INSTITUTIONS, number, draft(starts_on=date(2026, 3, 1)), today=TODAY)
    with pytest.raises(service.EntryWrong, match="早于原级别"):
        earlier = draft(level="national", starts_on=date(2024, 3, 1))
        await service.promote(session, INSTITUTIONS, number, earlier, today=TODAY)


UnitOfWork = Callable[[Scope], AbstractAsyncContextManager[AsyncSession]]


async def test_a_district_sees_and_writes_its_own_entries_only(app_session_factory: UnitOfWork):
    async with app_session_factory(Scope.city()) as work:
        await enter(work)
    async with app_session_factory(Scope.district("321202")) as work:
        assert (await entries(work, INSTITUTIONS, Filter(), DAY)).total == 0
        # That a register is kept is known everywhere, so what the district lacks is a zero.
        found = await figure(work, "T000-08", region="321202")
        assert (found.state, found.value) == (State.COUNTED, 0)
        await enter(work, region_code="321202", name="海陵实验室")
    with pytest.raises(Exception, match="row-level security"):
        async with app_session_factory(Scope.district("321202")) as work:
            await enter(work, region_code="321283", name="泰兴实验室")


@pytest.mark.parametrize("seed", range(3))
async def test_every_count_is_as_long_as_its_list_on_any_day(session: AsyncSession, seed: int):
    chance = Random(seed)
    regions = ["321202", "321203", "321204", "321281", "321282", "321283", "320706", "321284"]
    targets = [
        target_named(name)[1]
        for name in (
            "T000-06",
            "T000-08",
            "T000-15",
            "T001-18",
            "T002-01",
            "T003-16a",
            "T003-16b",
            "T004-19",
            "T004-29",
        )
    ]
    for number in range(60):
        register = chance.choice(("institutions", "projects", "zones", "honours"))
        kind = register_named(register)
        began = date(2017, 1, 1) + timedelta(days=chance.randrange(3400))
        given: dict[str, Any] = {
            "type": chance.choice(list(kind.types)), "name": f"第{number}号", "region_code": chance.choice(regions),
            "level": chance.choice(("national", "provincial", "municipal", "")), "starts_on": chance.choice((began, None)),
            "ends_on": chance.choice((None, None, began + timedelta(days=chance.randrange(900)))),
        }  # fmt: skip
        entered = await enter(session, register, **given)
        if chance.random() < 0.3 and given["starts_on"] is not None:
            risen = began + timedelta(days=30)
            further = given | {"level": "national", "starts_on": risen, "ends_on": None}
            if risen <= TODAY and given["level"] != "national":
                await service.promote(session, kind, entered, draft(**further), today=TODAY)
    for _ in range(6):
        day = date(2017, 1, 1) + timedelta(days=chance.randrange(3460))
        rolled = await roll_up(session, targets, [day])
        for target in targets:
            places = ["", *(one for one in regions[:6] if target.region == "321200")]
            for place in places:
                behind = await things_behind(session, target, day, region=place or None)
                value = rolled.of(target, day, place).value
                assert behind is not None
                assert value is None or value == behind.total == len(behind.rows)
            if target.region == "321200" and rolled.of(target, day).value is not None:
                parts = [rolled.of(target, day, place).value or 0 for place in regions[:6]]
                assert sum(parts) == rolled.of(target, day).value
