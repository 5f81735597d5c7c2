"""Splitting targets: sums against the whole, differences explained, and the workbook."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.plans.breakdown import (
    Breakdown,
    DifferenceUnexplained,
    Kind,
    ShareWrong,
    breakdown,
    is_additive,
    split,
    years_of,
)
from backend.plans.breakdown_book import COLUMNS, BreakdownTaken, breakdown_workbook, take_breakdown
from backend.plans.documents import target_named
from backend.subregisters.layouts import write_sheet
from tests.backend.conftest import ClientAs

PLAN, HNTE = target_named("T000-01")
EVEN: dict[str, Any] = dict.fromkeys(("321202", "321203", "321204", "321281", "321282", "321283"), Decimal(450))


async def split_hnte(session: AsyncSession, values: dict[str, Any], year: int = 2027, **given: Any) -> Breakdown:
    return await split(session, PLAN, HNTE, year, given.pop("kind", Kind.DISTRICT), values, **given)


async def test_shares_that_add_up_need_no_word(session: AsyncSession):
    found = await split_hnte(session, EVEN)
    assert (found.total, found.difference, found.is_open) == (2700, 0, False)
    assert "相符" in found.in_words


@pytest.mark.parametrize(("share", "told"), [(500, "超出 50 家"), (400, "不足 50 家")])
async def test_a_difference_is_refused_until_somebody_says_why(session: AsyncSession, share: int, told: str):
    values = EVEN | {"321283": Decimal(share)}
    with pytest.raises(DifferenceUnexplained, match=told):
        await split_hnte(session, values)
    found = await split_hnte(session, values, reason="各市（区）加压")
    assert found.acknowledged is not None
    assert (found.acknowledged.reason, found.is_open) == ("各市（区）加压", False)


async def test_a_word_on_one_difference_explains_no_other(session: AsyncSession):
    await split_hnte(session, EVEN | {"321283": Decimal(500)}, reason="加压")
    with pytest.raises(DifferenceUnexplained):
        await split_hnte(session, {"321283": Decimal(600)})


async def test_a_year_on_the_way_is_held_against_a_whole_set_here(session: AsyncSession):
    found = await split_hnte(session, EVEN, 2026)
    assert found.whole is None
    assert not found.whole_is_printed
    with pytest.raises(DifferenceUnexplained, match="总数 2500"):
        await split_hnte(session, {}, 2026, whole=Decimal(2500))
    assert (await split_hnte(session, {}, 2026, whole=Decimal(2700))).difference == 0


async def test_the_plans_own_number_is_never_replaced(session: AsyncSession):
    found = await split_hnte(session, EVEN, whole=Decimal(9999))
    assert (found.whole, found.whole_is_printed) == (2700, True)


async def test_a_yearly_target_has_its_number_every_year(session: AsyncSession):
    plan, yearly = target_named("T004-26")
    found = await split(session, plan, yearly, 2026, Kind.DISTRICT, {"321202": Decimal(70)})
    assert (found.whole, found.difference) == (70, 0)


async def test_ratios_are_set_by_place_and_never_added(session: AsyncSession):
    plan, ratio = target_named("T000-07")
    found = await split(session, plan, ratio, 2027, Kind.DISTRICT, {"321202": Decimal("85.5"), "321203": Decimal(90)})
    assert (found.difference, found.is_open) == (None, False)
    assert "不能相加" in found.in_words


async def test_parks_and_bodies_have_shares_of_their_own(session: AsyncSession):
    parks = await split_hnte(session, {"医药高新区": Decimal(2700)}, kind=Kind.PARK)
    assert [(one.name, one.value) for one in parks.shares] == [("医药高新区", 2700)]
    assert not (await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)).is_begun


async def test_the_printed_bodies_are_offered_to_split_over(session: AsyncSession):
    plan, target = target_named("T003-17")
    found = await breakdown(session, plan, target, 2020, Kind.BODY)
    assert [share.name for share in found.shares] == ["市科技局", "市经信委"]


async def test_what_was_split_before_stays_for_the_days_it_was_known(session: AsyncSession):
    await split_hnte(session, EVEN)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    await session.execute(text("UPDATE breakdown_share SET recorded_at = :at"), {"at": long_ago})
    await split_hnte(session, {"321202": Decimal(440), "321203": Decimal(460)})
    then = await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT, long_ago + timedelta(days=1))
    now = await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)
    assert (then.share_of("321202"), now.share_of("321202")) == (450, 440)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"321202": Decimal(-1)}, "小于 0"),
        ({"321202": Decimal("1e400")}, "太大"),
        ({"321202": Decimal("1.5")}, "不是整数"),
        ({"320706": Decimal(1)}, "不是泰州市的市"),
        ({" ": Decimal(1)}, "请填写园区或单位名称"),
    ],
)
async def test_what_cannot_be_a_share_is_refused(session: AsyncSession, values: dict[str, Decimal], told: str):
    with pytest.raises(ShareWrong, match=told):
        await split_hnte(session, values)


def test_three_years_are_offered_up_to_the_targets_own():
    assert years_of(HNTE, date(2026, 7, 1)) == (2025, 2026, 2027)


# --- The workbook ----------------------------------------------------------------------------------------


def book(*lines: dict[str, Any]) -> bytes:
    standing = {"target": "T000-01", "year": 2027}
    return write_sheet(
        "分解", "", COLUMNS, [[({**standing, **one}).get(column.name) for column in COLUMNS] for one in lines]
    )


NAMES = ("海陵区", "高港区", "姜堰区", "兴化市", "靖江市", "泰兴市")


async def take(session: AsyncSession, content: bytes, **given: Any) -> BreakdownTaken:
    return await take_breakdown(session, PLAN, content, "分解.xlsx", **given)


async def test_a_workbook_goes_in_and_comes_out_alike(session: AsyncSession):
    taken = await take(session, book(*({"place": name, "value": 450} for name in NAMES)))
    assert (taken.written, taken.troubles) == (6, [])
    found = await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)
    again = await take(session, breakdown_workbook(PLAN, [found]))
    assert (again.written, again.troubles) == (6, [])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([{"place": "海陵区", "value": 3000}], "超出 300 家"),
        ([{"place": "海州区", "value": 2700}], "不是泰州市的市"),
        ([{"place": "海陵区", "value": 2700, "unit": "万家"}], "这项指标的单位是“家”，请换算好数值"),
        ([{"place": "海陵区", "value": "约2700"}], "请改为数字"),
        ([{"place": "海陵", "value": 1350}, {"place": "海陵区", "value": 1350}], "出现两次"),
        ([{"target": "T004-28", "place": "海陵区", "value": 1}], "不是《泰州市推进产业科创强市建设行动方案》"),
    ],
)
async def test_a_wrong_workbook_writes_nothing(session: AsyncSession, lines: list[dict[str, Any]], told: str):
    taken = await take(session, book(*lines))
    assert told in taken.troubles[0].text
    assert not (await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)).is_begun


async def test_a_workbook_explains_its_difference_on_any_line(session: AsyncSession):
    taken = await take(session, book({"place": "海陵区", "value": 3000}, {"place": "泰兴市", "reason": "先分海陵"}))
    assert taken.troubles == []
    assert (await breakdown(session, PLAN, HNTE, 2027, Kind.DISTRICT)).difference == 300


# --- Pages -----------------------------------------------------------------------------------------------


@pytest.fixture
async def officer(client_as: ClientAs) -> AsyncClient:
    return await client_as("city_officer")


PAGE = "/plans/P000/targets/T000-01/breakdown?year=2027&kind=district"


async def test_the_page_asks_for_the_reason_and_keeps_what_was_typed(officer: AsyncClient):
    form = {"place-1": "321202", "value-1": "3,000", "place-2": "321203", "value-2": ""}
    refused = await officer.post(PAGE, data=form)
    assert refused.status_code == 422
    assert "超出 300 家" in refused.text
    assert 'value="3,000"' in refused.text
    assert "尚未分解" in (await officer.get(PAGE)).text
    assert (await officer.post(PAGE, data=form | {"reason": "加压"})).status_code == 303
    overview = (await officer.get("/plans/P000/breakdown?year=2027")).text
    assert "超出 300" in overview
    assert "加压" in overview


async def test_the_pages_take_workbooks_and_programs_read_and_set_shares(officer: AsyncClient):
    bad = await officer.post(
        "/plans/P000/breakdown", files={"file": ("a.xlsx", book({"place": "海陵区", "value": 3000}))}
    )
    assert bad.status_code == 422
    assert (await officer.get("/plans/P000/breakdown.xlsx?year=2027")).content[:2] == b"PK"
    address = "/api/v1/targets/T000-01/breakdown/2027"
    refused = await officer.put(address, json={"values": {"321202": 2600}})
    assert (refused.status_code, "不足 100 家" in refused.json()["detail"]) == (409, True)
    assert (
        await officer.put(address, json={"values": {"321202": 2600}, "reason": "余数由市本级承担"})
    ).status_code == 200
    assert (await officer.get(address)).json()["difference"] == -100


async def test_a_district_reads_the_breakdown_and_does_not_change_it(client_as: ClientAs):
    district = await client_as("district_officer", region="321202")
    assert (await district.get(PAGE)).status_code == 200
    assert (await district.post(PAGE, data={"place-1": "321202", "value-1": "1"})).status_code == 403


def test_so_many_for_ten_thousand_people_are_not_added_up():
    assert not is_additive(target_named("T004-05")[1])
    assert is_additive(target_named("T000-01")[1])
